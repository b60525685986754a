//! What the server is told: the embedded reference file, over it the user's file, over that the environment.
//!
//! `config/colloquy.toml` *is* the defaults: no field here has a default of its own, so a key that is missing from the
//! reference cannot be, and a test holds the values against those of the parts.

mod access;
mod announcements;
mod egress;
mod identity;
mod isolation;
mod load;
mod mistake;
mod mix;
mod parts;
mod rethink;
mod rtp;
mod snapshots;
#[cfg(test)]
mod tests;
mod turn;

pub use access::{Auth, Signalling};
pub use egress::Egress;
pub use identity::Identity;
pub use load::{Environment, from_parts, load};
pub use mistake::Mistake;
pub use rethink::Rethink;
pub use rtp::Rtp;
pub use turn::{Enabled, Turn, TurnUser};

use anyhow::{Result, bail};
use serde::{Deserialize, Deserializer};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The annotated configuration file: reference and defaults in one.
pub const REFERENCE: &str = include_str!("../../../config/colloquy.toml");

/// The whole configuration. What the keys mean stands in [`REFERENCE`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Config {
    pub drain_s: u64,
    pub http: Http,
    pub media: Media,
    pub limits: Limits,
    pub auth: Auth,
    pub mix: Mix,
    pub snapshots: Snapshots,
    pub announcements: Announcements,
    pub rtp: Rtp,
    pub egress: Egress,
    pub rethink: Rethink,
    pub identity: Identity,
    pub isolation: Isolation,
    pub signalling: Signalling,
    pub turn: Turn,
    pub audit: Audit,
    pub log: Log,
}

/// `[mix]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Mix {
    pub enabled: bool,
    pub threads: u8,
    pub speakers: u8,
    pub bitrate_bps: u32,
    pub auto_below_bps: u64,
    pub auto_above_talkers: u16,
    pub video: MixVideo,
}

/// `[mix.video]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct MixVideo {
    pub enabled: bool,
    pub width: u32,
    pub height: u32,
    pub fps: u32,
    pub bitrate_bps: u32,
    pub composites: u16,
}

/// `[snapshots]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Snapshots {
    pub enabled: bool,
    pub interval_s: u32,
}

/// `[announcements]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Announcements {
    #[serde(deserialize_with = "none_if_empty")]
    pub directory: Option<PathBuf>,
    pub speech_command: Vec<String>,
    pub speech_timeout_ms: u32,
    pub hold_music: String,
    pub file_bytes: u64,
    pub length_s: u32,
    pub cache_bytes: usize,
    pub per_room: usize,
    pub per_minute_per_room: u32,
    pub text_chars: usize,
}

/// `[isolation]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Isolation {
    pub enabled: bool,
    pub memory_mb: u32,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Http {
    pub listen: SocketAddr,
    #[serde(deserialize_with = "none_if_empty")]
    pub tls_cert: Option<PathBuf>,
    #[serde(deserialize_with = "none_if_empty")]
    pub tls_key: Option<PathBuf>,
    pub dev_tls: bool,
}

/// `[media]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Media {
    pub port: u16,
    pub workers: u8,
    pub single_port: bool,
    pub tcp: bool,
    pub bind: Vec<IpAddr>,
    pub advertise: Vec<IpAddr>,
    pub include_loopback: Loopback,
    pub ice: Ice,
    pub dtls: Dtls,
    pub pin: bool,
}

/// Whether clients are offered loopback addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loopback {
    /// Where the page is served on loopback only.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// ICE lite or full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ice {
    /// Answers checks.
    Lite,
    /// Makes them too.
    Full,
}

/// Which DTLS version is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Dtls {
    /// 1.2 with those who offer it.
    #[serde(rename = "prefer-1.2")]
    Prefer12,
    /// 1.3 with those who offer it.
    #[serde(rename = "prefer-1.3")]
    Prefer13,
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Limits {
    pub peers_per_room: usize,
    pub room_peers_per_worker: usize,
    pub sdp_bytes: usize,
    pub media_sections: usize,
    pub tracks_per_peer: usize,
    pub ssrcs_per_peer: usize,
    pub remote_candidates: usize,
    pub ice_paths: u16,
    pub stun_per_s_per_address: u32,
    pub tcp_unproven_per_address: usize,
    pub header_extensions: usize,
    pub rtx_ring_packets: usize,
    pub fec_max_pct: u8,
    pub downlink_start_bps: u64,
    pub downlink_min_bps: u64,
    pub downlink_max_bps: u64,
    pub keyframe_interval_ms: u64,
    pub disconnected_ms: u64,
    pub connect_timeout_ms: u64,
    pub data_channels_per_peer: usize,
    pub data_mirrors_per_peer: usize,
    pub data_label_bytes: usize,
    pub data_protocol_bytes: usize,
    pub data_message_bytes: u32,
    pub data_window_bytes: u32,
    pub data_backlog_bytes_per_channel: usize,
    pub data_backlog_bytes_per_peer: usize,
    pub data_messages_per_s: u32,
    pub data_bytes_per_s: u32,
    pub data_stall_ms: u64,
}

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Audit {
    #[serde(deserialize_with = "none_if_empty")]
    pub file: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// For whom the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Log {
    /// What is logged.
    pub fn filter(&self) -> Result<Targets> {
        // A word alone would pass for the name of a part of the program.
        let is_known = |word: &str| word.contains('=') || word.trim().parse::<LevelFilter>().is_ok();
        match self.level.parse() {
            Ok(targets) if self.level.split(',').all(is_known) => Ok(targets),
            _ => bail!(
                "log.level = {:?} is neither error, warn, info, debug, trace nor a list of part=level",
                self.level
            ),
        }
    }
}

impl Config {
    /// The defaults: what the reference file says.
    #[must_use]
    pub fn reference() -> Self {
        from_parts(None, &Environment::default()).expect("the embedded reference file is whole, which a test proves")
    }

    /// Whether only programs on this machine can reach the page and the API.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.http.listen.ip().to_canonical().is_loopback()
    }

    /// The URL under which a browser finds the server on `host`.
    pub(crate) fn url(&self, host: &str) -> String {
        let scheme = if self.has_tls() { "https" } else { "http" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("{scheme}://{host}:{}", self.http.listen.port())
    }

    /// Whether the page is served by TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.http.dev_tls || self.http.tls_cert.is_some()
    }

    /// Refuses what each key allows but all together do not.
    pub fn validate(&self) -> Result<()> {
        let (http, media) = (&self.http, &self.media);
        if http.tls_cert.is_some() != http.tls_key.is_some() {
            bail!("http.tls_cert and http.tls_key go together: one of them is missing");
        }
        if http.dev_tls && http.tls_cert.is_some() {
            bail!("http.dev_tls makes a certificate of its own: take it away, or http.tls_cert and http.tls_key");
        }
        for is_v4 in [true, false] {
            if media.advertise.iter().filter(|address| address.is_ipv4() == is_v4).count() > 1 {
                let version = if is_v4 { "IPv4" } else { "IPv6" };
                bail!("media.advertise names more than one {version} address, but clients can be told only one");
            }
        }
        self.log.filter()?;
        self.signalling().check()?;
        self.mix.check()?;
        self.snapshots.check()?;
        self.announcements.check(&self.mix)?;
        self.isolation.check()?;
        self.turn.check()?;
        self.rtp.check(&self.turn)?;
        self.egress.check()?;
        self.rethink.check()?;
        self.identity.check(self.is_local())?;
        Ok(())
    }
}

/// TOML has no null: an empty string stands for it.
fn none_if_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    Ok(if path.as_os_str().is_empty() { None } else { Some(path) })
}
