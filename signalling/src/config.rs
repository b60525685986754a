//! What the signalling is told once. The annotated configuration file of the server shows each with its default.

use crate::identity::IdentityDemand;
use colloquy_media_core::api::MAX_ANNOUNCEMENTS;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything that can be configured here. All of it has defaults; unknown names are refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignallingConfig {
    /// How long a session waits for its client after the socket was lost, in seconds. Default 30.
    pub resume_window_s: Seconds<30>,
    /// Lets everybody in without a token, from anywhere. Default false: without keys only clients of this machine are
    /// let in. Cannot be set together with `keys`.
    pub open_access: bool,
    /// The keys that access tokens are signed with. Several are valid at once, so that they can be rotated.
    pub keys: Vec<KeyConfig>,
    /// When set, a token must name it in `aud`. A token that names an audience is refused when this is not set.
    pub audience: Option<String>,
    /// Ends a session when the token that it was opened with expires. Default false: a token is only needed to join.
    pub end_sessions_at_token_expiry: bool,
    /// STUN and TURN servers that clients are told of. Default none: the server is reachable by itself.
    pub ice_servers: Vec<IceServer>,
    /// Origins besides our own that may open a WebSocket, as `https://app.example.org`.
    pub allowed_origins: Vec<String>,
    /// Origins that browsers may use WHIP and WHEP from, or `*` for all. Default none besides our own; programs that are no
    /// browsers need nothing here.
    pub whip_origins: Vec<String>,
    /// Serves `/metrics` to everybody. Default false: to this machine, and to admin tokens.
    pub public_metrics: bool,
    /// What is made of proofs of who somebody is. Default `accepted`; without [`crate::Signalling::identify_by`] there is nobody to check them.
    pub identity: IdentityDemand,
    /// What is played into rooms.
    pub announcements: AnnouncementConfig,
    /// What clients can grow, and how far.
    pub limits: SignallingLimits,
}

/// What is played into rooms.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnouncementConfig {
    /// There is something to play: clients are told to have a place for it. Default false.
    pub enabled: bool,
    /// The file that those on hold hear in every room that has no other. Default none.
    pub hold_music: Option<String>,
    /// Announcements of one room at once, at most 15. Default 4. One more is refused with `limit.exceeded`.
    pub per_room: usize,
    /// Announcements that are begun in one room, each minute. Default 30. More are refused with `rate.exceeded`. 0 is no limit.
    pub per_minute_per_room: u32,
    /// Longest text that is said, in characters. Default 1,000. A longer one is refused with `limit.exceeded`.
    pub text_chars: usize,
}

impl Default for AnnouncementConfig {
    fn default() -> Self {
        Self { enabled: false, hold_music: None, per_room: 4, per_minute_per_room: 30, text_chars: 1_000 }
    }
}

/// A number of seconds with a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Seconds<const DEFAULT: u32>(pub u32);

impl<const DEFAULT: u32> Default for Seconds<DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

/// What clients can grow, and how far. What is over is refused with a code, and counted.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignallingLimits {
    /// Rooms at once. Default 1,000. One more is refused with `server.busy`.
    pub rooms: usize,
    /// Participants in one room. Default 500. One more is refused with `room.full`.
    pub participants_per_room: usize,
    /// Participants in all rooms. Default 5,000. One more is refused with `server.busy`.
    pub sessions: usize,
    /// WebSockets at once. Default 6,000. One more is refused with `server.busy`.
    pub sockets: usize,
    /// Frames a second from one socket, over a few seconds. Default 100. More close it with 4003.
    pub frames_per_s: u32,
    /// WebSockets at once from one address, of IPv6 from one /64. Default 500: an office behind one NAT. One more is refused
    /// with `rate.exceeded`. 0 is as many as there are. Clients of this machine are not counted, here and below.
    pub sockets_per_address: usize,
    /// HTTP requests a second from one address, over a few seconds; the opening of a WebSocket is one. Default 100. More are
    /// refused with `rate.exceeded`. 0 is no limit.
    pub requests_per_s_per_address: u32,
    /// Joins a minute of one identity (the `sub` of a token; where there are no tokens, of one address): rooms joined and
    /// sessions resumed, WHIP and WHEP sessions started. Default 120. More are refused with `rate.exceeded`. 0 is no limit.
    pub joins_per_minute_per_identity: u32,
}

impl Default for SignallingLimits {
    fn default() -> Self {
        Self {
            rooms: 1_000,
            participants_per_room: 500,
            sessions: 5_000,
            sockets: 6_000,
            frames_per_s: 100,
            sockets_per_address: 500,
            requests_per_s_per_address: 100,
            joins_per_minute_per_identity: 120,
        }
    }
}

/// One key that access tokens are signed with.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Its name: the `kid` of a token's header.
    pub kid: String,
    /// The only algorithm it is used with.
    pub algorithm: KeyAlgorithm,
    /// HS256: the shared secret, at least 32 bytes.
    #[serde(default)]
    pub secret: Option<String>,
    /// ES256 and EdDSA: the public key, PEM.
    #[serde(default)]
    pub public_key_pem: Option<String>,
    /// ES256 and EdDSA: the private key, PEM (PKCS #8). Only needed where tokens are made.
    #[serde(default)]
    pub private_key_pem: Option<String>,
}

impl std::fmt::Debug for KeyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyConfig").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The signature algorithms that are taken (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256 and a shared secret.
    #[serde(rename = "HS256")]
    Hs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A STUN or TURN server, in the form that browsers take (`RTCIceServer`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` addresses.
    pub urls: Vec<String>,
    /// TURN only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Open access and keys exclude each other.
    #[error("open_access and keys are both set: remove the keys, or set open_access = false")]
    OpenWithKeys,
    /// A key cannot be used.
    #[error("key {kid:?}: {reason}")]
    BadKey {
        /// Which.
        kid: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An origin is none.
    #[error("{0:?} is no origin: write it as https://app.example.org")]
    BadOrigin(String),
    /// An ICE server is none.
    #[error("{0:?} is no ICE server: it begins with stun:, stuns:, turn: or turns:")]
    BadIceServer(String),
    /// More announcements at once than the engine plays beside hold music, or none.
    #[error("announcements.per_room is {0}: it is from 1 to {most}", most = MAX_ANNOUNCEMENTS - 1)]
    BadAnnouncements(usize),
    /// A limit of nothing.
    #[error("limits.{0} is 0: nobody could ever join")]
    ZeroLimit(&'static str),
}

impl SignallingConfig {
    /// Looks for what cannot work. [`Signalling::new`](crate::Signalling::new) does it too.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.open_access && !self.keys.is_empty() {
            return Err(ConfigError::OpenWithKeys);
        }
        let limits = &self.limits;
        for (name, value) in [
            ("rooms", limits.rooms),
            ("participants_per_room", limits.participants_per_room),
            ("sessions", limits.sessions),
            ("sockets", limits.sockets),
            ("frames_per_s", limits.frames_per_s as usize),
        ] {
            if value == 0 {
                return Err(ConfigError::ZeroLimit(name));
            }
        }
        if !(1..MAX_ANNOUNCEMENTS).contains(&self.announcements.per_room) {
            return Err(ConfigError::BadAnnouncements(self.announcements.per_room));
        }
        for origin in self.allowed_origins.iter().chain(self.whip_origins.iter().filter(|o| *o != "*")) {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|h| h.is_empty() || h.contains(['/', ' ', '*'])) {
                return Err(ConfigError::BadOrigin(origin.clone()));
            }
        }
        for url in self.ice_servers.iter().flat_map(|s| &s.urls) {
            let known = ["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| url.starts_with(scheme));
            if !known || url.contains(|c: char| c.is_control() || matches!(c, '<' | '>' | '"' | ' ')) {
                return Err(ConfigError::BadIceServer(url.clone()));
            }
        }
        crate::authn::KeySet::new(&self.keys, self.audience.clone()).map(drop)
    }

    /// Who is let in, in plain words, for the operator at start.
    #[must_use]
    pub fn access_statement(&self) -> String {
        match (self.keys.len(), self.open_access) {
            (0, false) => {
                "Access: no keys are configured, so only clients on this machine (localhost) are let in, without a \
                           token. Configure keys for others, or set open_access = true to let everybody in."
                    .to_owned()
            }
            (0, true) => {
                "Access: OPEN. Everybody who reaches this server may join any room without a token; the first one in \
                          a room is its moderator. Configure keys to change that."
                    .to_owned()
            }
            (n, _) => format!(
                "Access: by token only, signed with {} ({}).",
                if n == 1 { "1 key".to_owned() } else { format!("one of {n} keys") },
                self.keys.iter().map(|k| k.kid.as_str()).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default_and_unknown_names_are_refused() {
        let config: SignallingConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config.resume_window_s.0, 30);
        assert!(config.check().is_ok());
        assert!(serde_json::from_str::<SignallingConfig>(r#"{"open":true}"#).is_err());
    }

    #[test]
    fn what_cannot_work_is_named() {
        let refused =
            |json: &str| serde_json::from_str::<SignallingConfig>(json).unwrap().check().unwrap_err().to_string();
        let key = r#"{"kid":"a","algorithm":"HS256","secret":"0123456789abcdef0123456789abcdef"}"#;
        assert!(refused(&format!(r#"{{"open_access":true,"keys":[{key}]}}"#)).contains("both set"));
        assert!(refused(&format!(r#"{{"keys":[{key},{key}]}}"#)).contains("twice"));
        assert!(refused(r#"{"keys":[{"kid":"a","algorithm":"HS256","secret":"short"}]}"#).contains("32"));
        assert!(refused(r#"{"allowed_origins":["app.example.org"]}"#).contains("https://"));
        assert!(refused(r#"{"ice_servers":[{"urls":["http://x"]}]}"#).contains("stun:"));
        assert!(refused(r#"{"limits":{"rooms":0}}"#).contains("rooms"));
    }

    #[test]
    fn the_operator_is_told_who_is_let_in() {
        let mut config = SignallingConfig::default();
        assert!(config.access_statement().contains("localhost"));
        config.open_access = true;
        assert!(config.access_statement().contains("OPEN"));
    }

    #[test]
    fn a_key_never_prints_its_secret() {
        let key: KeyConfig = serde_json::from_str(r#"{"kid":"a","algorithm":"HS256","secret":"hush"}"#).unwrap();
        assert!(!format!("{key:?}").contains("hush"));
    }
}
