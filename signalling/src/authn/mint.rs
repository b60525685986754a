//! Making access tokens.

use super::keys::{algorithm, encoding_key};
use super::token::{Claims, MintError};
use crate::config::KeyConfig;

/// Makes an access token, signed with `key`.
///
/// # Errors
/// When the key has no secret half, or a wrong one.
pub fn mint(key: &KeyConfig, claims: &Claims) -> Result<String, MintError> {
    let signer = encoding_key(key)?;
    let mut header = jsonwebtoken::Header::new(algorithm(key.algorithm));
    header.kid = Some(key.kid.clone());
    jsonwebtoken::encode(&header, claims, &signer).map_err(|source| MintError::BadKey { kid: key.kid.clone(), source })
}
