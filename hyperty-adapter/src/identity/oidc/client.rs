//! Who may sign people in here.

use super::error::{ErrorCode, OAuthError};
use crate::identity::config::ClientConfig;
use crate::identity::jose::Algorithm;
use crate::identity::secret::{Digest, same};
use std::collections::HashMap;
use thiserror::Error;
use url::Url;

/// Why a client of the configuration cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadClient {
    /// Its id.
    #[error("a client's id is 1 to 128 visible ASCII characters, and no two have the same: {0:?}")]
    Id(String),
    /// One of its addresses.
    #[error(
        "client {client}: {uri:?} is no https:// address without a fragment (http:// is for loopback; an app's own scheme has a dot)"
    )]
    Uri {
        /// Whose.
        client: String,
        /// Which.
        uri: String,
    },
    /// Its secret.
    #[error("client {0}: a secret has 32 characters at least: openssl rand -base64 32")]
    Secret(String),
    /// It can do nothing.
    #[error("client {0} has no redirect_uris")]
    NoUri(String),
}

/// A registered client.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// What people are shown.
    pub name: String,
    /// People are not asked.
    pub first_party: bool,
    /// How its ID tokens are signed.
    pub id_token_algorithm: Algorithm,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    scopes: Vec<String>,
    secret: Option<Digest>,
}

impl Client {
    /// One of the configuration.
    ///
    /// # Errors
    /// [`BadClient`].
    pub fn new(config: &ClientConfig) -> Result<Self, BadClient> {
        let good = |b: u8| b.is_ascii_graphic();
        if config.id.is_empty() || config.id.len() > 128 || !config.id.bytes().all(good) {
            return Err(BadClient::Id(config.id.clone()));
        }
        if config.redirect_uris.is_empty() {
            return Err(BadClient::NoUri(config.id.clone()));
        }
        for uri in config.redirect_uris.iter().chain(&config.post_logout_redirect_uris) {
            if !is_redirectable(uri) {
                return Err(BadClient::Uri { client: config.id.clone(), uri: uri.clone() });
            }
        }
        if config.secret.as_ref().is_some_and(|secret| secret.len() < 32) {
            return Err(BadClient::Secret(config.id.clone()));
        }
        Ok(Self {
            id: config.id.clone(),
            name: config.name.clone(),
            first_party: config.first_party,
            id_token_algorithm: config.id_token_algorithm,
            redirect_uris: config.redirect_uris.clone(),
            post_logout_redirect_uris: config.post_logout_redirect_uris.clone(),
            scopes: config.scopes.clone(),
            secret: config.secret.as_ref().map(|secret| Digest::of(secret.as_bytes())),
        })
    }

    /// Whether codes may be sent there: character by character (RFC 9700 section 2.1).
    #[must_use]
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|one| one == uri)
    }

    /// Whether people may be sent there after they have signed out.
    #[must_use]
    pub fn leads_to(&self, uri: &str) -> bool {
        self.post_logout_redirect_uris.iter().any(|one| one == uri)
    }

    /// Whether it has no secret.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.secret.is_none()
    }

    /// Whether this is its secret.
    #[must_use]
    pub fn has_secret(&self, secret: &str) -> bool {
        self.secret.as_ref().is_some_and(|digest| same(digest.as_str(), Digest::of(secret.as_bytes()).as_str()))
    }

    /// What it is given of what it asked for: scopes that are not known or not its own are left out (RFC 6749 section 3.3), and it is told.
    ///
    /// # Errors
    /// `invalid_scope`, where `openid` is missing.
    pub fn scope(&self, asked: &str) -> Result<String, OAuthError> {
        let wanted: Vec<&str> = asked.split(' ').collect();
        if !wanted.contains(&"openid") {
            return Err(OAuthError::new(ErrorCode::InvalidScope, "The scope must have openid in it."));
        }
        let known = |scope: &&str| *scope == "openid" || self.scopes.iter().any(|own| own == scope);
        let mut given: Vec<&str> = wanted.into_iter().filter(known).collect();
        given.sort_unstable();
        given.dedup();
        Ok(given.join(" "))
    }
}

fn is_redirectable(uri: &str) -> bool {
    let Ok(parsed) = Url::parse(uri) else { return false };
    let plain = parsed.fragment().is_none() && parsed.username().is_empty() && parsed.password().is_none();
    let by_scheme = match parsed.scheme() {
        "https" => parsed.has_host(),
        "http" => match parsed.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(four)) => four.is_loopback(),
            Some(url::Host::Ipv6(six)) => six.is_loopback(),
            None => false,
        },
        // RFC 8252 section 7.1: a scheme of one's own is a domain name turned around.
        scheme => scheme.contains('.'),
    };
    plain && by_scheme && uri.len() <= 2_048
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Clients(HashMap<String, Client>);

impl Clients {
    /// Those of the configuration.
    ///
    /// # Errors
    /// [`BadClient`].
    pub fn new(configs: &[ClientConfig]) -> Result<Self, BadClient> {
        let mut all = HashMap::new();
        for config in configs {
            if all.insert(config.id.clone(), Client::new(config)?).is_some() {
                return Err(BadClient::Id(config.id.clone()));
            }
        }
        Ok(Self(all))
    }

    /// The one of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Client> {
        self.0.get(id)
    }
}
