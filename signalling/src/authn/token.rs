//! What an access token says, and how one is made.

use serde::{Deserialize, Serialize};

/// The claims of an access token (RFC 7519). Others are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who: any name that the token's maker knows him by.
    pub sub: String,
    /// The display name; when it is there, the client cannot choose another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The room, or `*` for all. Without it the token opens no room (an admin's opens all).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// What it permits. What is not named is not permitted.
    #[serde(default)]
    pub grants: Grants,
    /// When it ends, in seconds since 1970. Required.
    pub exp: u64,
    /// When it begins, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
}

/// One audience, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    pub(super) fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// What a token permits. A name that is not known is refused, so that a misspelt one is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Join by the WebSocket.
    pub join: bool,
    /// Publish tracks; alone: by WHIP only.
    pub publish: bool,
    /// Receive tracks; alone: by WHEP only.
    pub subscribe: bool,
    /// Moderate the room; includes `join`.
    pub moderate: bool,
    /// Serve customers: act on others of the room, and turn aside from them; includes `join`.
    pub agent: bool,
    /// Listen to agents unseen, coach them, take over; includes `agent`.
    pub supervise: bool,
    /// Administer the server: every room, and the whole HTTP API.
    pub admin: bool,
}

impl Grants {
    /// All of them.
    pub const EVERYTHING: Self =
        Self { join: true, publish: true, subscribe: true, moderate: true, agent: true, supervise: true, admin: true };
}

/// Why no token could be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The key can only check tokens.
    #[error("key {0:?} cannot sign: it has no secret and no private_key_pem")]
    CannotSign(String),
    /// The key does not work.
    #[error("key {kid:?} cannot sign: {source}")]
    BadKey {
        /// Which.
        kid: String,
        /// Why.
        source: jsonwebtoken::errors::Error,
    },
}
