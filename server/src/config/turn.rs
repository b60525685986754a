//! `[turn]`: the relay beside the media engine.

use super::Config;
use anyhow::{Context as _, Result, bail};
use colloquy_media_core::driver::TurnConfig;
use colloquy_media_core::turn::{Network, Secret, TurnCredentials, TurnLimits};
use serde::{Deserialize, Deserializer};
use std::net::Ipv6Addr;
use std::time::Duration;

/// `[turn]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Turn {
    pub enabled: Enabled,
    pub port: u16,
    pub udp: bool,
    pub tcp: bool,
    pub tls_port: u16,
    pub host: String,
    pub realm: String,
    pub users: Vec<TurnUser>,
    #[serde(deserialize_with = "secret")]
    pub secret: Option<Secret>,
    pub credential_ttl_s: u64,
    pub relay_port_first: u16,
    pub relay_port_last: u16,
    pub public_peers: bool,
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<Network>,
    #[serde(deserialize_with = "networks")]
    pub deny: Vec<Network>,
    pub limits: Limits,
}

/// Whether the relay runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enabled {
    /// Where clients may come from other machines and the port is free.
    Auto,
    /// Yes; the server does not start without it.
    Always,
    /// No.
    Never,
}

/// One user with a password that does not expire.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct TurnUser {
    pub name: String,
    #[serde(deserialize_with = "password")]
    pub password: Secret,
}

/// `[turn.limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub allocations_per_user: usize,
    pub allocations_per_address: usize,
    pub allocations: usize,
    pub permissions: usize,
    pub channels: usize,
    pub max_lifetime_s: u32,
    pub kbps_per_allocation: u64,
    pub refusals_per_s: u32,
    pub connections: usize,
    pub connections_per_address: usize,
    pub unused_connection_ms: u64,
}

impl Config {
    /// Whether the relay is to be started.
    pub(crate) fn wants_turn(&self) -> bool {
        match self.turn.enabled {
            // As the loopback addresses of media: clients can only be on this machine.
            Enabled::Auto => !(self.is_local() && self.media.advertise.is_empty()),
            Enabled::Always => true,
            Enabled::Never => false,
        }
    }

    /// The relay, in the words of the media core.
    pub(crate) fn relay(&self) -> TurnConfig {
        let (turn, limits) = (&self.turn, &self.turn.limits);
        TurnConfig {
            port: turn.port,
            udp: turn.udp,
            tcp: turn.tcp,
            tls_port: Some(turn.tls_port).filter(|port| *port != 0),
            host: Some(turn.host.clone()).filter(|host| !host.is_empty()),
            realm: turn.realm.clone(),
            users: turn.users.iter().map(|user| (user.name.clone(), user.password.clone())).collect(),
            secret: turn.secret.clone(),
            credential_ttl_s: turn.credential_ttl_s,
            relay_ports: turn.relay_port_first..=turn.relay_port_last,
            public_peers: turn.public_peers,
            allow: turn.allow.clone(),
            deny: turn.deny.clone(),
            limits: TurnLimits {
                allocations_per_user: limits.allocations_per_user,
                allocations_per_address: limits.allocations_per_address,
                allocations: limits.allocations,
                permissions: limits.permissions,
                channels: limits.channels,
                max_lifetime_s: limits.max_lifetime_s,
                bytes_per_s: limits.kbps_per_allocation.saturating_mul(1_000) / 8,
                refusals_per_s: limits.refusals_per_s,
            },
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            unused_stream: Duration::from_millis(limits.unused_connection_ms),
        }
    }
}

impl Turn {
    /// Refuses what each key allows but all together do not.
    pub(super) fn check(&self) -> Result<()> {
        if self.enabled == Enabled::Never {
            return Ok(());
        }
        if self.relay_port_first == 0 || self.relay_port_first > self.relay_port_last {
            bail!("turn.relay_port_first to turn.relay_port_last hold no port");
        }
        if self.port == 0 {
            bail!("turn.port is 0: turn.enabled = \"never\" turns the relay off");
        }
        if self.host.contains(|c: char| c.is_whitespace() || c.is_control() || "/?#@<>\"".contains(c)) {
            bail!("turn.host is a name or an address alone, as turn.example.org");
        }
        let bare = self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&self.host);
        if self.host.contains([':', '[', ']']) && bare.parse::<Ipv6Addr>().is_err() {
            bail!(
                "turn.host is a name or an address alone, as turn.example.org or 2001:db8::7: ports are turn.port and turn.tls_port"
            );
        }
        let users = self.users.iter().map(|user| (user.name.clone(), user.password.clone()));
        let stand_in = Secret::from_random([0; 32]);
        TurnCredentials::new(&*self.realm, users, self.secret.as_ref().unwrap_or(&stand_in)).context("turn")?;
        Ok(())
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Some(String::deserialize(deserializer)?).filter(|text| !text.is_empty()).map(Secret::new))
}

fn password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Network>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}
