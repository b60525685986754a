//! `colloquy check`: would it work?

use crate::config::Config;
use crate::engine::{self, Severity};
use crate::exit::Exit;
use crate::sounds;
use crate::tls;
use anyhow::Result;
use colloquy_media_core::sound::SoundAsk;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

pub(crate) const HELP: &str =
    "Reads the configuration as `serve` does, tries the addresses, the ports and the certificate, and
says which addresses clients will be offered. It needs the ports: run it while the server does
not run.

Examples:
  colloquy check --config colloquy.toml
  colloquy check --print                 the annotated configuration file with all defaults";

/// A certificate that expires sooner should have been replaced: the usual renewal is 30 days before.
const EXPIRES_SOON_DAYS: i64 = 14;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Prints the annotated configuration file with all defaults, and checks nothing.
    #[arg(long)]
    pub(crate) print: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// As it should be.
    Good(String),
    /// It works, but perhaps not as it was meant.
    Doubtful(String),
    /// It keeps clients out.
    Bad(String),
}

impl From<engine::Finding> for Finding {
    fn from(finding: engine::Finding) -> Self {
        let text = format!("Media: {}.", finding.text.trim_end_matches('.'));
        match finding.severity {
            Severity::Note => Self::Good(text),
            Severity::Warning => Self::Doubtful(text),
            Severity::Error => Self::Bad(text),
        }
    }
}

/// Looks at everything.
pub(crate) fn run(config: &Config) -> Result<Exit> {
    let mut findings = vec![Finding::Good("The configuration can be read and fits together.".to_owned())];
    findings.push(http(config.http.listen));
    findings.extend(certificate(config));
    findings.push(access(config));
    findings.extend(config.audit.file.as_deref().map(audit));
    findings.extend(announcements(config));
    findings.extend(engine::self_test(config).into_iter().map(Finding::from));
    let mut text = String::new();
    for finding in &findings {
        let (mark, words) = match finding {
            Finding::Good(words) => ("ok  ", words),
            Finding::Doubtful(words) => ("hm  ", words),
            Finding::Bad(words) => ("BAD ", words),
        };
        text.push_str(&format!("{mark}  {words}\n"));
    }
    std::io::stdout().write_all(text.as_bytes())?;
    let is_bad = findings.iter().any(|finding| matches!(finding, Finding::Bad(_)));
    Ok(if is_bad { Exit::Problem } else { Exit::Ok })
}

fn http(listen: SocketAddr) -> Finding {
    match TcpListener::bind(listen) {
        Ok(_) => Finding::Good(format!("The page and the API can listen on {listen}.")),
        Err(error) => Finding::Bad(format!("The page and the API cannot listen on {listen}: {error}.")),
    }
}

fn certificate(config: &Config) -> Vec<Finding> {
    let facts = match tls::identity(config) {
        Ok(Some(identity)) => identity.facts().map(|facts| (facts, identity.origin)),
        Ok(None) if config.is_local() => return Vec::new(),
        Ok(None) => {
            return vec![Finding::Doubtful(
                "There is no TLS: browsers on other machines give the page neither camera nor microphone, unless a proxy with \
                 TLS stands in front."
                    .to_owned(),
            )];
        }
        Err(error) => return vec![Finding::Bad(format!("The certificate cannot be used: {error:#}."))],
    };
    match facts {
        Ok((facts, origin)) => vec![expiry(facts.days_left, &format!("{origin}, for {}", facts.names.join(", ")))],
        Err(error) => vec![Finding::Bad(format!("The certificate cannot be read: {error:#}."))],
    }
}

/// Nothing is written, so that the file says what servers did and nothing else; where there is none yet, none is made.
fn audit(file: &Path) -> Finding {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let tried = match OpenOptions::new().append(true).open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => folder.metadata().map(drop),
        tried => tried.map(drop),
    };
    let name = file.display();
    match tried {
        Ok(()) => Finding::Good(format!("The audit file is {name}.")),
        Err(error) => Finding::Bad(format!("The audit file {name} cannot be written: {error}.")),
    }
}

/// Hold music is made ready, and a word is said.
fn announcements(config: &Config) -> Vec<Finding> {
    let Some(settings) = config.announcements.sounds() else { return Vec::new() };
    let mut findings = Vec::new();
    if let Some(directory) = &settings.directory {
        findings.push(match directory.metadata() {
            Ok(known) if known.is_dir() => Finding::Good(format!("Sound files are in {}.", directory.display())),
            Ok(_) => Finding::Bad(format!("Sound files are to be in {}, which is no directory.", directory.display())),
            Err(error) => Finding::Bad(format!("Sound files cannot be in {}: {error}.", directory.display())),
        });
    }
    let speaks = !settings.speech.is_empty();
    let tried = [
        config.announcements.hold_music().map(|file| ("The hold music", SoundAsk::File(file))),
        speaks.then(|| ("The program that speaks", SoundAsk::Text("One, two, three.".to_owned()))),
    ];
    for (what, ask) in tried.into_iter().flatten() {
        findings.push(match sounds::try_out(settings.clone(), &ask) {
            Ok(length) => Finding::Good(format!("{what} works: it gave {:.1} s of sound.", length.as_secs_f32())),
            Err(why) => Finding::Bad(format!("{what} does not work: {why}.")),
        });
    }
    findings
}

fn expiry(days_left: i64, what: &str) -> Finding {
    match days_left {
        ..0 => Finding::Bad(format!("The certificate ({what}) has expired {} days ago.", -days_left)),
        0..EXPIRES_SOON_DAYS => Finding::Doubtful(format!("The certificate ({what}) expires in {days_left} days.")),
        _ => Finding::Good(format!("The certificate ({what}) is valid for {days_left} days.")),
    }
}

fn access(config: &Config) -> Finding {
    let statement = config.signalling().access_statement();
    let is_open = config.auth.open_access && !config.is_local();
    let keeps_out = config.auth.keys.is_empty() && !config.auth.open_access && !config.is_local();
    if is_open || keeps_out { Finding::Doubtful(statement) } else { Finding::Good(statement) }
}

#[cfg(test)]
mod tests {
    use super::{Finding, expiry};

    #[test]
    fn an_expired_certificate_is_bad_and_an_old_one_doubtful() {
        assert!(matches!(expiry(-1, "x"), Finding::Bad(_)));
        assert!(matches!(expiry(0, "x"), Finding::Doubtful(_)));
        assert!(matches!(expiry(60, "x"), Finding::Good(_)));
    }
}
