//! Signing in by another provider: authorisation code and PKCE, as its client.

use super::fetch::{Fetch, FetchFault};
use super::metadata::Metadata;
use crate::identity::config::ExternalConfig;
use crate::identity::jose::{Expect, KeySet, TokenFault, verify};
use crate::identity::oidc::{IdClaims, Params, half_hash};
use crate::identity::secret::{Digest, Secret, same, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use tokio::sync::Semaphore;
use url::Url;

/// People who are at another provider at once. More are told to come again.
const MAX_PENDING: usize = 10_000;
/// How long somebody may be there, in seconds.
const PENDING_S: u64 = 600;
/// How long what a provider publishes is believed without asking again, in seconds.
const FRESH_S: u64 = 3_600;
/// How long it is believed while the provider cannot be reached.
const STALE_S: u64 = 86_400;
/// How soon it is asked again for a key that it does not have, or after it could not be reached: tokens of a stranger must not have us ask for each.
const AGAIN_S: u64 = 60;
/// Requests to others at once: one that is slow must not take all threads.
const AT_ONCE: usize = 16;

/// Why somebody is not signed in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignInFault {
    /// No provider of that name.
    #[error("there is no such provider")]
    Unknown,
    /// Too many at once.
    #[error("too many people are signing in by other providers")]
    Busy,
    /// The provider could not be asked.
    #[error("the provider: {0}")]
    Fetch(FetchFault),
    /// What it says of itself is not good.
    #[error("the provider's description of itself is not that of its issuer, or lacks something")]
    Metadata,
    /// The answer is not one to a question of this browser.
    #[error("the answer is not for this browser, or came too late")]
    State,
    /// He or the provider did not want to.
    #[error("the provider has refused")]
    Refused,
    /// Its ID token is not good.
    #[error("the provider's ID token: {0}")]
    Token(TokenFault),
    /// The nonce is not ours.
    #[error("the provider's ID token is of another sign-in")]
    Nonce,
    /// `azp` or `at_hash` are not right.
    #[error("the provider's ID token is for another client or another access token")]
    Binding,
}

/// Somebody who was sent to another provider.
#[derive(Debug, Clone)]
pub struct Pending {
    provider: String,
    /// Of the cookie of the browser that was sent.
    browser: Digest,
    nonce: Secret,
    verifier: Secret,
    /// Where he wanted to go.
    pub next: String,
    expires_s: u64,
}

/// Somebody who came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// By whom.
    pub issuer: String,
    /// Who he is there.
    pub claims: IdClaims,
    /// Where he wanted to go.
    pub next: String,
    /// Whether an address that the provider has verified opens the account that has it here.
    pub trust_email: bool,
}

#[derive(Clone)]
struct Known {
    metadata: Metadata,
    keys: Arc<KeySet>,
    fetched_s: u64,
}

/// All other providers.
pub struct Externals {
    providers: Vec<ExternalConfig>,
    pending: Mutex<HashMap<Digest, Pending>>,
    /// By issuer; only those of the configuration are ever asked for.
    known: Mutex<HashMap<String, Known>>,
    asked_s: Mutex<HashMap<String, u64>>,
    at_once: Arc<Semaphore>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Externals {
    /// Those of the configuration.
    ///
    /// # Errors
    /// What is wrong with one.
    pub fn new(providers: &[ExternalConfig]) -> Result<Self, crate::identity::provider::StartFault> {
        for one in providers {
            let is_id =
                !one.id.is_empty() && one.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            let is_safe =
                one.issuer.starts_with("https://") || (one.private_network && one.issuer.starts_with("http://"));
            let wrong = match (is_id, is_safe) {
                (false, _) => "its id is not of a-z, 0-9 and -",
                (_, false) => "its issuer is no https:// address",
                (true, true) if providers.iter().filter(|other| other.id == one.id).count() > 1 => {
                    "its id is there twice"
                }
                (true, true) => continue,
            };
            return Err(crate::identity::provider::StartFault::External(format!("{:?}: {wrong}", one.id)));
        }
        Ok(Self {
            providers: providers.to_vec(),
            pending: Mutex::default(),
            known: Mutex::default(),
            asked_s: Mutex::default(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Those that people may choose from: id and name.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.providers.iter().map(|one| (one.id.as_str(), one.name.as_str()))
    }

    fn config(&self, id: &str) -> Result<&ExternalConfig, SignInFault> {
        self.providers.iter().find(|one| one.id == id).ok_or(SignInFault::Unknown)
    }

    /// Forgets who did not come back.
    pub fn sweep(&self, now_s: u64) {
        lock(&self.pending).retain(|_, pending| pending.expires_s > now_s);
    }

    /// Sends somebody to a provider. Gives where, and the secret of a cookie by which his browser is known again: without it somebody else's answer
    /// could be slipped to it.
    ///
    /// # Errors
    /// [`SignInFault`].
    pub async fn begin(
        &self,
        fetch: &Arc<dyn Fetch>,
        id: &str,
        redirect_uri: &str,
        next: &str,
        now_s: u64,
    ) -> Result<(String, Secret), SignInFault> {
        let config = self.config(id)?;
        let known = self.known(fetch, &config.issuer, config.private_network, None, now_s).await?;
        let (state, nonce, verifier, browser) =
            (Secret::random(), Secret::random(), Secret::random(), Secret::random());
        let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.expose().as_bytes()));
        let mut url = Url::parse(&known.metadata.authorization_endpoint).map_err(|_| SignInFault::Metadata)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &config.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", "openid profile email")
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let pending = Pending {
            provider: id.to_owned(),
            browser: browser.digest(),
            nonce,
            verifier,
            next: next.to_owned(),
            expires_s: now_s.saturating_add(PENDING_S),
        };
        let mut all = lock(&self.pending);
        if all.len() >= MAX_PENDING {
            all.retain(|_, pending| pending.expires_s > now_s);
            if all.len() >= MAX_PENDING {
                return Err(SignInFault::Busy);
            }
        }
        all.insert(state.digest(), pending);
        Ok((url.into(), browser))
    }

    /// Somebody came back with an answer.
    ///
    /// # Errors
    /// [`SignInFault`].
    pub async fn finish(
        &self,
        fetch: &Arc<dyn Fetch>,
        id: &str,
        redirect_uri: &str,
        (params, browser): (&Params, Option<&Secret>),
        now_s: u64,
    ) -> Result<Checked, SignInFault> {
        let config = self.config(id)?;
        let state = params.get("state").and_then(Secret::parse).ok_or(SignInFault::State)?;
        // Taken out first: an answer is looked at once.
        let pending = lock(&self.pending).remove(&state.digest()).ok_or(SignInFault::State)?;
        let is_same_browser = browser.is_some_and(|browser| browser.digest() == pending.browser);
        if pending.provider != id || pending.expires_s <= now_s || !is_same_browser {
            return Err(SignInFault::State);
        }
        // Another provider's answer, mixed in (RFC 9207).
        if params.get("iss").is_some_and(|iss| iss != config.issuer) {
            return Err(SignInFault::State);
        }
        let code = params.get("code").ok_or(SignInFault::Refused)?;
        let known = self.known(fetch, &config.issuer, config.private_network, None, now_s).await?;
        let mut form = Params::default()
            .with("grant_type", Some("authorization_code"))
            .with("code", Some(code))
            .with("redirect_uri", Some(redirect_uri))
            .with("code_verifier", Some(pending.verifier.expose()));
        let basic = config.client_secret.as_ref().map(|secret| {
            let plain = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            STANDARD.encode(format!("{}:{}", plain(&config.client_id), plain(secret)))
        });
        if basic.is_none() {
            form = form.with("client_id", Some(&config.client_id));
        }
        let (endpoint, private) = (known.metadata.token_endpoint.clone(), config.private_network);
        let asked = fetch.clone();
        let answer = self.ask(move || asked.post(&endpoint, &form.to_query(), basic.as_deref(), private)).await?;
        let tokens: Tokens = serde_json::from_str(&answer).map_err(|_| SignInFault::Fetch(FetchFault::Answer))?;
        let claims = self.check(fetch, config, &tokens, &pending.nonce, now_s).await?;
        Ok(Checked { issuer: config.issuer.clone(), claims, next: pending.next, trust_email: config.trust_email })
    }

    async fn check(
        &self,
        fetch: &Arc<dyn Fetch>,
        config: &ExternalConfig,
        tokens: &Tokens,
        nonce: &Secret,
        now_s: u64,
    ) -> Result<IdClaims, SignInFault> {
        let expect = Expect { typ: None, issuer: &config.issuer, audience: &config.client_id, now_s: Some(now_s) };
        let keys = self.keys_of(fetch, &config.issuer, config.private_network, None, now_s).await?;
        let claims: IdClaims = match verify(&tokens.id_token, &keys, &expect) {
            // Its keys may have taken turns since.
            Err(TokenFault::UnknownKey(kid)) => {
                let keys = self.keys_of(
                    fetch,
                    &config.issuer,
                    config.private_network,
                    Some(kid.as_deref().unwrap_or("")),
                    now_s,
                );
                verify(&tokens.id_token, &*keys.await?, &expect).map_err(SignInFault::Token)?
            }
            checked => checked.map_err(SignInFault::Token)?,
        };
        if !claims.nonce.as_deref().is_some_and(|one| same(one, nonce.expose())) {
            return Err(SignInFault::Nonce);
        }
        let is_for_us = match &claims.azp {
            Some(azp) => *azp == config.client_id,
            None => !claims.aud.is_shared(),
        };
        let is_bound = claims.at_hash.as_ref().is_none_or(|hash| same(hash, &half_hash(&tokens.access_token)));
        if is_for_us && is_bound { Ok(claims) } else { Err(SignInFault::Binding) }
    }

    /// The keys of an issuer of the configuration; `kid` is one that is missed.
    ///
    /// # Errors
    /// [`SignInFault`].
    pub async fn keys_of(
        &self,
        fetch: &Arc<dyn Fetch>,
        issuer: &str,
        private: bool,
        kid: Option<&str>,
        now_s: u64,
    ) -> Result<Arc<KeySet>, SignInFault> {
        Ok(self.known(fetch, issuer, private, kid, now_s).await?.keys)
    }

    async fn known(
        &self,
        fetch: &Arc<dyn Fetch>,
        issuer: &str,
        private: bool,
        kid: Option<&str>,
        now_s: u64,
    ) -> Result<Known, SignInFault> {
        let known = lock(&self.known).get(issuer).cloned();
        if let Some(known) = &known {
            let is_fresh = now_s.saturating_sub(known.fetched_s) < FRESH_S && kid.is_none_or(|kid| known.keys.has(kid));
            if is_fresh {
                return Ok(known.clone());
            }
        }
        let was_asked = lock(&self.asked_s).get(issuer).is_some_and(|asked_s| now_s.saturating_sub(*asked_s) < AGAIN_S);
        let old = known.filter(|known| now_s.saturating_sub(known.fetched_s) < STALE_S);
        if was_asked {
            return old.ok_or(SignInFault::Fetch(FetchFault::Unreachable("it was asked a moment ago".into())));
        }
        // A first look that was good is followed by one for a missed key without waiting; after that it is throttled.
        let is_first = old.is_none();
        let (asked, of) = (fetch.clone(), issuer.to_owned());
        let fetched = self.ask(move || {
            let fetched = Metadata::fetch(&*asked, &of, private);
            Ok(fetched.and_then(|metadata| metadata.keys(&*asked, private).map(|keys| (metadata, keys))))
        });
        let fetched = fetched.await.and_then(|fetched| fetched);
        if !(is_first && fetched.is_ok()) {
            lock(&self.asked_s).insert(issuer.to_owned(), now_s);
        }
        match fetched {
            Ok((metadata, keys)) => {
                let known = Known { metadata, keys: Arc::new(keys), fetched_s: now_s };
                lock(&self.known).insert(issuer.to_owned(), known.clone());
                Ok(known)
            }
            Err(fault) => old.ok_or(fault),
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FetchFault> + Send + 'static,
    ) -> Result<T, SignInFault> {
        let turn = self.at_once.clone().try_acquire_owned().map_err(|_| SignInFault::Busy)?;
        let asked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        asked.await.map_err(|_| SignInFault::Busy)?.map_err(SignInFault::Fetch)
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: String,
}
