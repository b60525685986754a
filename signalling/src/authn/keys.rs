//! The keys that tokens are checked with. A token chooses its key by name among those configured, and nothing else: the algorithm
//! comes with the key, and keys or addresses of keys inside a token (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.

use super::token::{Claims, MintError};
use super::{CLOCK_LEEWAY_S, TOKEN_BYTES};
use crate::config::{ConfigError, KeyAlgorithm, KeyConfig};
use crate::error::{ErrorCode, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde::Deserialize;
use std::collections::HashMap;

/// Shortest HS256 secret, in bytes (RFC 7518 section 3.2).
const SECRET_BYTES: usize = 32;
/// Longest name of a key.
const KID_BYTES: usize = 64;

/// The configured keys.
#[derive(Default)]
pub struct KeySet {
    keys: HashMap<String, Key>,
    audience: Option<String>,
}

struct Key {
    algorithm: KeyAlgorithm,
    decoding: DecodingKey,
}

/// What is read of a token's header (RFC 7515 section 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    b64: Option<serde::de::IgnoredAny>,
}

impl KeySet {
    /// Reads the configured keys.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn new(configs: &[KeyConfig], audience: Option<String>) -> Result<Self, ConfigError> {
        let mut keys = HashMap::new();
        for config in configs {
            let bad = |reason: String| ConfigError::BadKey { kid: config.kid.clone(), reason };
            if config.kid.is_empty() || config.kid.len() > KID_BYTES {
                return Err(bad(format!("a kid is 1 to {KID_BYTES} bytes")));
            }
            let key = Key { algorithm: config.algorithm, decoding: decoding_key(config).map_err(bad)? };
            if keys.insert(config.kid.clone(), key).is_some() {
                return Err(bad("its kid is used twice".to_owned()));
            }
        }
        Ok(Self { keys, audience })
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks a token's form, signature, audience and times, in this order.
    ///
    /// # Errors
    /// `auth.invalid`, or `auth.expired` for one that is good but for its times.
    pub fn verify(&self, token: &str, now_unix_s: u64) -> Result<Claims, Refusal> {
        let claims = self.read(token).map_err(|why| Refusal::new(ErrorCode::AuthInvalid, why))?;
        if claims.exp.saturating_add(CLOCK_LEEWAY_S) <= now_unix_s {
            return Err(Refusal::new(ErrorCode::AuthExpired, "The access token has expired."));
        }
        if claims.nbf.is_some_and(|nbf| nbf > now_unix_s.saturating_add(CLOCK_LEEWAY_S)) {
            return Err(Refusal::new(ErrorCode::AuthExpired, "The access token is not valid yet.")
                .remedy("Wait, or correct the clock of the token's maker."));
        }
        Ok(claims)
    }

    fn read(&self, token: &str) -> Result<Claims, &'static str> {
        if token.len() > TOKEN_BYTES {
            return Err("The access token is too long.");
        }
        // At most four parts are looked for: a token of a thousand dots costs no more than a good one (CVE-2025-30204).
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, payload, _signature] = parts[..] else { return Err("The access token is no signed JWT.") };
        let header: Header = part(header).ok_or("The access token's header is malformed.")?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err("The access token uses an extension that is not known here.");
        }
        let key =
            self.key(header.kid.as_deref()).ok_or("The access token is signed with a key that is not known here.")?;
        if header.alg != name(key.algorithm) {
            return Err("The access token is signed with an algorithm that is not its key's.");
        }
        let mut validation = Validation::new(algorithm(key.algorithm));
        // Signature only: the claims are checked below and in `verify`, with types that take no exp of "soon" or 1e99.
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        jsonwebtoken::decode::<serde::de::IgnoredAny>(token, &key.decoding, &validation)
            .map_err(|_| "The access token's signature is wrong.")?;
        let claims: Claims =
            part(payload).ok_or("The access token's claims are malformed; sub, grants and exp are needed.")?;
        let meant_for_us = match (&self.audience, &claims.aud) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => theirs.names(ours),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !meant_for_us {
            return Err("The access token is for another audience.");
        }
        Ok(claims)
    }

    /// The key of this name; a token without a name is taken when there is one key only.
    fn key(&self, kid: Option<&str>) -> Option<&Key> {
        match kid {
            Some(kid) => self.keys.get(kid),
            None if self.keys.len() == 1 => self.keys.values().next(),
            None => None,
        }
    }
}

/// A part of a token: base64url without padding, of JSON.
fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&json).ok()
}

pub(super) fn algorithm(algorithm: KeyAlgorithm) -> Algorithm {
    match algorithm {
        KeyAlgorithm::Hs256 => Algorithm::HS256,
        KeyAlgorithm::Es256 => Algorithm::ES256,
        KeyAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

fn name(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::Hs256 => "HS256",
        KeyAlgorithm::Es256 => "ES256",
        KeyAlgorithm::EdDsa => "EdDSA",
    }
}

fn decoding_key(config: &KeyConfig) -> Result<DecodingKey, String> {
    let pem = || config.public_key_pem.as_deref().ok_or_else(|| "public_key_pem is missing".to_owned());
    match config.algorithm {
        KeyAlgorithm::Hs256 => {
            let secret = config.secret.as_deref().unwrap_or_default();
            if secret.len() < SECRET_BYTES {
                return Err(format!("an HS256 secret needs at least {SECRET_BYTES} bytes: openssl rand -base64 32"));
            }
            if secret.contains("-----BEGIN") {
                return Err("the secret is a PEM file: give it as public_key_pem, with its algorithm".to_owned());
            }
            Ok(DecodingKey::from_secret(secret.as_bytes()))
        }
        KeyAlgorithm::Es256 => DecodingKey::from_ec_pem(pem()?.as_bytes())
            .map_err(|e| format!("public_key_pem is no P-256 public key: {e}")),
        KeyAlgorithm::EdDsa => DecodingKey::from_ed_pem(pem()?.as_bytes())
            .map_err(|e| format!("public_key_pem is no Ed25519 public key: {e}")),
    }
}

pub(super) fn encoding_key(config: &KeyConfig) -> Result<EncodingKey, MintError> {
    let cannot = || MintError::CannotSign(config.kid.clone());
    let bad = |source| MintError::BadKey { kid: config.kid.clone(), source };
    let pem = || config.private_key_pem.as_deref().map(str::as_bytes).ok_or_else(cannot);
    match config.algorithm {
        KeyAlgorithm::Hs256 => {
            config.secret.as_deref().map(|s| EncodingKey::from_secret(s.as_bytes())).ok_or_else(cannot)
        }
        KeyAlgorithm::Es256 => EncodingKey::from_ec_pem(pem()?).map_err(bad),
        KeyAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem()?).map_err(bad),
    }
}
