//! `[auth]` and `[signalling]`: who may come in, and how the signalling treats him.

use super::Config;
use colloquy_signalling::{IceServer, KeyConfig, Seconds, SignallingConfig, SignallingLimits};
use serde::Deserialize;

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Auth {
    pub keys: Vec<KeyConfig>,
    pub open_access: bool,
    pub audience: String,
    pub end_sessions_at_token_expiry: bool,
}

/// `[signalling]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Signalling {
    pub resume_window_s: u32,
    pub ice_servers: Vec<IceServer>,
    pub allowed_origins: Vec<String>,
    pub whip_origins: Vec<String>,
    pub public_metrics: bool,
    pub limits: SignallingLimits,
}

impl Auth {
    /// The audience that tokens must name.
    #[must_use]
    pub fn audience(&self) -> Option<String> {
        Some(self.audience.clone()).filter(|audience| !audience.is_empty())
    }
}

impl Config {
    /// What the signalling is told.
    #[must_use]
    pub fn signalling(&self) -> SignallingConfig {
        let (auth, signalling) = (&self.auth, &self.signalling);
        SignallingConfig {
            resume_window_s: Seconds(signalling.resume_window_s),
            open_access: auth.open_access,
            keys: auth.keys.clone(),
            audience: auth.audience(),
            end_sessions_at_token_expiry: auth.end_sessions_at_token_expiry,
            ice_servers: signalling.ice_servers.clone(),
            allowed_origins: signalling.allowed_origins.clone(),
            whip_origins: signalling.whip_origins.clone(),
            public_metrics: signalling.public_metrics,
            identity: self.identity.calls,
            announcements: self.announcements.signalling(),
            limits: signalling.limits.clone(),
        }
    }
}
