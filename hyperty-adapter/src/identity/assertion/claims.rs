//! What an assertion says.

use crate::identity::persona::Persona;
use serde::{Deserialize, Serialize};

/// The kind of token that an assertion is (`typ`): no other token of this server is taken for one.
pub const ASSERTION_TYPE: &str = "colloquy-assertion+jwt";
/// Whom it is for: whoever checks assertions.
pub const ASSERTION_AUDIENCE: &str = "urn:colloquy:assertion";
/// Longest contents, in bytes: a browser's fingerprint has 140, a reTHINK runtime's public key as a list of numbers 1,100.
pub const MAX_CONTENTS: usize = 4_096;

/// The claims of an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionClaims {
    /// Who made it: an issuer as OpenID Connect has them.
    pub iss: String,
    /// [`ASSERTION_AUDIENCE`].
    pub aud: String,
    /// Whose it is: the account, which never changes. Guests have one of their own.
    pub sub: String,
    /// Whose it is, as browsers show it: `handle@host`. The host is the issuer's: a provider speaks for nobody else (RFC 8827 section 7.5).
    pub identity: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// When it ends.
    pub exp: u64,
    /// Its own name, to be revoked by.
    pub jti: String,
    /// What it asserts, as it came: a browser's fingerprints, or the public key of a reTHINK runtime.
    pub contents: String,
    /// The page that asked, if the browser told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What whoever is to check it has asked to be in it, so that it cannot be used twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// As whom he acts.
    pub persona: Persona,
    /// The address, if it was verified and the persona shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Nobody has checked who this is, nor the name: a guest.
    #[serde(default)]
    pub guest: bool,
}
