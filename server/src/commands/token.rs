//! `colloquy token`: access tokens for those who let people in, and the keys to sign them with.

use crate::config::Config;
use crate::exit::{Exit, Usage as _};
use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::ValueEnum;
use colloquy_signalling::{Claims, Grants, KeyConfig, mint};
use rand::Rng as _;
use serde::de::DeserializeOwned;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

pub(crate) const HELP: &str = "The token goes to standard output, alone; what it is worth goes to standard error.

Examples:
  colloquy token --new-key
        a fresh key: put it into the configuration file, under [auth]
  colloquy token -c colloquy.toml --room daily --identity anne
        lets Anne talk and listen in the room `daily` for an hour
  colloquy token -c colloquy.toml --room daily --identity studio --grant publish --ttl 12h
        lets an encoder publish there by WHIP, and nothing else
  colloquy token -c colloquy.toml --identity me --grant admin --ttl 5m
        opens the whole HTTP API for five minutes";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Prints a fresh signing key for the configuration file, and does nothing else.
    #[arg(long, conflicts_with_all = ["room", "identity"])]
    pub(crate) new_key: bool,

    /// The room it opens; `*` is every room. Needed for every grant but admin.
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,

    /// Whom it is for: any name that you know him by.
    #[arg(long, value_name = "WHO", required_unless_present = "new_key")]
    identity: Option<String>,

    /// The display name; without it, he chooses his own.
    #[arg(long)]
    name: Option<String>,

    /// What it permits, separated by commas.
    #[arg(long = "grant", value_name = "GRANTS", value_delimiter = ',', default_value = "join,publish,subscribe")]
    grants: Vec<Grant>,

    /// How long it is valid: 90s, 15m, 1h, 7d.
    #[arg(long, value_parser = parse_ttl, default_value = "1h")]
    ttl: Duration,

    /// The `kid` of the key to sign with. Without it, the first one.
    #[arg(long, value_name = "KID")]
    key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grant {
    /// Come in by the page or the WebSocket.
    Join,
    /// Send audio and video; alone: by WHIP.
    Publish,
    /// Receive them; alone: by WHEP.
    Subscribe,
    /// Silence and remove others.
    Moderate,
    /// Serve customers: moderate, put others on hold, turn aside from them, come in as a helper.
    Agent,
    /// All that an agent may; and monitor, coach and take over, unseen.
    Supervise,
    /// Administer the server: every room, the whole HTTP API.
    Admin,
}

/// Makes the token.
pub(crate) fn run(args: &Args, config: &Config) -> Result<Exit> {
    let key = choose(&config.auth.keys, args.key.as_deref()).usage()?;
    let identity = args.identity.clone().context("--identity is missing").usage()?;
    let grants = grants(&args.grants);
    if args.room.is_none() && !grants.admin {
        return Err(anyhow!("--room is missing: only an admin's token opens all rooms without naming one")).usage();
    }
    let claims = Claims {
        sub: identity,
        name: args.name.clone(),
        room: args.room.clone(),
        grants,
        exp: unix_s(SystemTime::now() + args.ttl)?,
        nbf: None,
        aud: audience(config)?,
    };
    let token = mint(key, &claims).usage()?;
    let place = args.room.as_deref().map_or_else(|| "every room".to_owned(), |room| format!("room {room}"));
    eprintln!("For {} in {place}, valid for {} s, signed with key {}:", claims.sub, args.ttl.as_secs(), key.kid);
    writeln!(std::io::stdout(), "{token}")?;
    Ok(Exit::Ok)
}

/// A token with which this program itself asks a server of the same configuration.
pub(super) fn for_ourselves(config: &Config) -> Result<Option<String>> {
    let Some(key) = config.auth.keys.first() else { return Ok(None) };
    let claims = Claims {
        sub: "colloquy room".to_owned(),
        grants: Grants { admin: true, ..Grants::default() },
        exp: unix_s(SystemTime::now() + Duration::from_secs(60))?,
        aud: audience(config)?,
        ..Claims::default()
    };
    Ok(Some(mint(key, &claims)?))
}

/// Prints a key and where to put it.
pub(crate) fn print_new_key() -> Result<Exit> {
    let mut rng = rand::rng();
    let (mut secret, mut name) = ([0_u8; 32], [0_u8; 3]);
    rng.fill_bytes(&mut secret);
    rng.fill_bytes(&mut name);
    let kid: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
    eprintln!("Put this into the configuration file in place of `keys = []` in [auth], and let nobody read it.");
    eprintln!("To replace an old key: put the new one first, and take the old one out when its tokens have expired.");
    writeln!(std::io::stdout(), "keys = [{{ kid = \"key-{kid}\", algorithm = \"HS256\", secret = \"{secret}\" }}]")?;
    Ok(Exit::Ok)
}

fn choose<'a>(keys: &'a [KeyConfig], kid: Option<&str>) -> Result<&'a KeyConfig> {
    let Some(first) = keys.first() else {
        bail!(
            "no key is configured, so there is nothing to sign with, and nobody needs a token. \
             `colloquy token --new-key` prints a key for the configuration file"
        );
    };
    let Some(kid) = kid else { return Ok(first) };
    let names = || keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>().join(", ");
    keys.iter().find(|key| key.kid == kid).with_context(|| format!("there is no key {kid:?}; there are: {}", names()))
}

fn grants(wanted: &[Grant]) -> Grants {
    Grants {
        join: wanted.contains(&Grant::Join),
        publish: wanted.contains(&Grant::Publish),
        subscribe: wanted.contains(&Grant::Subscribe),
        moderate: wanted.contains(&Grant::Moderate),
        agent: wanted.contains(&Grant::Agent),
        supervise: wanted.contains(&Grant::Supervise),
        admin: wanted.contains(&Grant::Admin),
    }
}

/// `aud`, in the form that claims have it in: one name.
fn audience<T: DeserializeOwned>(config: &Config) -> Result<Option<T>> {
    Ok(config.auth.audience().map(|name| serde_json::from_value(name.into())).transpose()?)
}

fn unix_s(time: SystemTime) -> Result<u64> {
    Ok(time.duration_since(SystemTime::UNIX_EPOCH).context("the clock of this machine is before 1970")?.as_secs())
}

/// A number and s, m, h or d.
fn parse_ttl(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: write 90s, 15m, 1h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let unit_s = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 24 * 3_600,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    match u64::from(count) * unit_s {
        0 => Err(wrong()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_ttl;
    use std::time::Duration;

    #[test]
    fn times_are_a_number_and_a_unit() {
        assert_eq!(parse_ttl("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_ttl("7d"), Ok(Duration::from_secs(7 * 24 * 3_600)));
        for wrong in ["", "h", "1", "-1h", "1.5h", "0m", "1w", "é"] {
            assert!(parse_ttl(wrong).is_err(), "{wrong}");
        }
    }
}
