//! `[rtp]`: ports for media gateways, encoders and players.

use super::turn::networks;
use super::{Config, Turn};
use anyhow::{Result, bail};
use colloquy_media_core::driver::PlainConfig;
use colloquy_media_core::turn::Network;
use serde::Deserialize;
use std::net::IpAddr;

/// `[rtp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Rtp {
    pub enabled: bool,
    pub listen: IpAddr,
    pub advertise: String,
    pub port_first: u16,
    pub port_last: u16,
    pub participants: usize,
    pub public_peers: bool,
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<Network>,
    #[serde(deserialize_with = "networks")]
    pub deny: Vec<Network>,
}

impl Rtp {
    /// Refuses what each key allows but all together do not.
    pub(super) fn check(&self, turn: &Turn) -> Result<()> {
        let advertised = self.advertised()?;
        if !self.enabled {
            return Ok(());
        }
        if advertised.is_unspecified() {
            bail!(
                "rtp.listen is every address, of which nobody can be told: set rtp.advertise to the one that gateways send to"
            );
        }
        if advertised.is_ipv4() != self.listen.is_ipv4() {
            bail!("rtp.listen and rtp.advertise are of two versions of IP");
        }
        if self.port_first == 0 || self.port_first >= self.port_last {
            bail!("rtp.port_first to rtp.port_last hold no pair of ports");
        }
        let relays = turn.enabled != super::Enabled::Never;
        if relays && self.port_first <= turn.relay_port_last && turn.relay_port_first <= self.port_last {
            bail!(
                "rtp.port_first to rtp.port_last and turn.relay_port_first to turn.relay_port_last share ports: move one"
            );
        }
        if self.allow.is_empty() && !self.public_peers {
            bail!("rtp.enabled, but nothing may be sent anywhere: name the gateways' networks in rtp.allow");
        }
        Ok(())
    }

    fn advertised(&self) -> Result<IpAddr> {
        match self.advertise.as_str() {
            "" => Ok(self.listen),
            text => match text.parse() {
                Ok(ip) => Ok(ip),
                Err(_) => bail!("rtp.advertise = {text:?} is no address; it is one as 203.0.113.7, or empty"),
            },
        }
    }
}

impl Config {
    /// The ports for plain RTP, if there are any.
    pub(crate) fn plain(&self) -> Option<PlainConfig> {
        let rtp = &self.rtp;
        let advertise = rtp.advertised().ok().filter(|_| rtp.enabled)?;
        Some(PlainConfig {
            listen: rtp.listen,
            advertise,
            ports: Some(rtp.port_first..=rtp.port_last),
            participants: rtp.participants,
            public_peers: rtp.public_peers,
            allow: rtp.allow.clone(),
            // What the relay may not reach, a gateway's address may not either.
            deny: self.turn.deny.iter().chain(&rtp.deny).copied().collect(),
        })
    }
}
