//! What another provider says of itself.

use super::fetch::{Fetch, FetchFault};
use super::sign_in::SignInFault;
use crate::identity::jose::KeySet;
use serde::Deserialize;
use serde_json::Value;

/// Of the discovery document what is needed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// The issuer.
    pub issuer: String,
    /// Where browsers are sent.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// Where its keys are.
    pub jwks_uri: String,
}

impl Metadata {
    /// Asks an issuer what it says of itself: it must be the issuer that was asked (OpenID Connect discovery, section 4.3), and all that it names
    /// is under the same rules as itself.
    pub(super) fn fetch(fetch: &dyn Fetch, issuer: &str, private: bool) -> Result<Self, SignInFault> {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let text = fetch.get(&url, private).map_err(SignInFault::Fetch)?;
        let metadata: Self = serde_json::from_str(&text).map_err(|_| SignInFault::Metadata)?;
        let is_good = |url: &String| url.starts_with("https://") || (private && url.starts_with("http://"));
        let urls = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        if metadata.issuer != issuer || !urls.into_iter().all(is_good) {
            return Err(SignInFault::Metadata);
        }
        Ok(metadata)
    }

    /// Asks for its keys.
    pub(super) fn keys(&self, fetch: &dyn Fetch, private: bool) -> Result<KeySet, SignInFault> {
        let text = fetch.get(&self.jwks_uri, private).map_err(SignInFault::Fetch)?;
        let document: Value = serde_json::from_str(&text).map_err(|_| SignInFault::Fetch(FetchFault::Answer))?;
        KeySet::parse(&document).filter(|keys| !keys.is_empty()).ok_or(SignInFault::Metadata)
    }
}
