//! `[egress]`: rooms that leave as HLS, SRT or RTMP.

use super::{Config, none_if_empty};
use crate::egress::{EgressSettings, NamePattern};
use anyhow::{Result, bail};
use colloquy_media_core::turn::{Network, PeerPolicy};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Streams at once: each takes a process and some tenths of a core.
const MAX: std::ops::RangeInclusive<usize> = 1..=64;

/// `[egress]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Egress {
    pub enabled: bool,
    pub max: usize,
    pub program: PathBuf,
    #[serde(deserialize_with = "none_if_empty")]
    pub hls_dir: Option<PathBuf>,
    pub allow: Vec<String>,
    pub srt_listen: Vec<SocketAddr>,
}

impl Egress {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if !MAX.contains(&self.max) {
            let (least, most) = MAX.into_inner();
            bail!("egress.max must be from {least} to {most}, not {}; `enabled = false` streams nothing", self.max);
        }
        let name = self.program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.contains("launch") {
            bail!("egress.program is gst-launch-1.0, or where it is: gst-inspect-1.0 is looked for beside it");
        }
        if let Some(folder) = self.hls_dir.as_deref() {
            // It stands in a pipeline's description, and % in the names of segments.
            let is_good = |c: char| c.is_ascii_alphanumeric() || "/-._".contains(c);
            if !folder.is_absolute() || !folder.to_str().is_some_and(|text| text.chars().all(is_good)) {
                bail!("egress.hls_dir is an absolute path of letters, digits and / - . _");
            }
        }
        if let Some(text) = self.allow.iter().find(|text| rule(text).is_none()) {
            bail!(
                "egress.allow has {text:?}, which is no host as live.example.org, no hosts as *.example.org, and no network as 10.1.0.0/16"
            );
        }
        if let Some(address) = self.srt_listen.iter().find(|address| address.port() == 0) {
            bail!("egress.srt_listen has {address}, which names no port");
        }
        Ok(())
    }
}

/// What streams may go to.
enum Rule {
    Name(NamePattern),
    Network(Network),
}

fn rule(text: &str) -> Option<Rule> {
    let network = text.parse().ok().map(Rule::Network);
    network.or_else(|| NamePattern::parse(text).map(Rule::Name))
}

impl Config {
    /// How rooms are streamed, if they are.
    pub(crate) fn egress(&self) -> Option<EgressSettings> {
        let egress = &self.egress;
        let (mut names, mut networks) = (Vec::new(), Vec::new());
        for rule in egress.allow.iter().filter_map(|text| rule(text)) {
            match rule {
                Rule::Name(name) => names.push(name),
                Rule::Network(network) => networks.push(network),
            }
        }
        // What the relay may not reach, a stream may not either.
        let policy =
            |is_open: bool| PeerPolicy::new(self.turn.deny.clone(), networks.clone()).of_hosts(Vec::new(), is_open);
        egress.enabled.then(|| EgressSettings {
            program: egress.program.clone(),
            max: egress.max,
            hls_dir: egress.hls_dir.clone(),
            names,
            networks: policy(false),
            trusted: policy(true),
            srt_listen: egress.srt_listen.clone(),
            mixes: self.mix.enabled,
            draws: self.mix.enabled && self.mix.video.enabled,
        })
    }
}
