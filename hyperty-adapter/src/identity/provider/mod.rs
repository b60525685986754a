//! The identity provider: the rules of the other modules, with what the storage keeps. Whichever door a request came through, it ends in one of these
//! functions, and each is told the time.

mod accounts;
mod assertions;
mod authorize;
mod external;
mod fault;
mod hyperties;
mod keys;
mod message;
mod sessions;
mod token;

pub use assertions::{Asker, AssertRequest, Asserted};
pub use authorize::Step as AuthorizeStep;
pub use external::ExternalStart;
pub use fault::{ProviderFault, StartFault};
pub use sessions::{Visitor, Who};

use super::account::{Hasher, Limit, Throttle};
use super::assertion::Verifier;
use super::config::Config;
use super::external::{Externals, Fetch};
use super::jose::KeyRing;
use super::mail::{Letter, Mailer};
use super::message::{OidcIdp, Senders};
use super::oidc::Clients;
use super::secret::Digest;
use colloquy_storage::Database;
use colloquy_storage::identity::Identities;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::Semaphore;
use url::Url;

/// Mails that are being sent at once. More are dropped and logged: whoever waits for one asks again.
const MAILS_AT_ONCE: usize = 16;
/// Tries of one account's password, of one address, and mails to one address.
const ACCOUNT_LIMIT: Limit = Limit { burst: 10, every_s: 30 };
const ADDRESS_LIMIT: Limit = Limit { burst: 60, every_s: 5 };
const MAIL_LIMIT: Limit = Limit { burst: 3, every_s: 600 };

/// How often somebody may try what.
struct Throttles {
    account: Throttle,
    address: Throttle,
    mail: Throttle,
}

/// The identity provider of one domain.
pub struct Provider {
    config: Config,
    /// The host of the issuer, with a port if it is not the usual one: what `a=identity` and reTHINK name it by.
    domain: String,
    clients: Clients,
    store: Identities,
    ring: RwLock<KeyRing>,
    verifier: RwLock<Verifier>,
    hasher: Hasher,
    throttles: Mutex<Throttles>,
    mailer: Arc<dyn Mailer>,
    mails: Arc<Semaphore>,
    externals: Externals,
    fetch: Arc<dyn Fetch>,
    /// Tickets of the proxies: digest, session and when they end.
    tickets: Mutex<HashMap<Digest, (String, u64)>>,
    message_idps: RwLock<Vec<OidcIdp>>,
    senders: Mutex<Senders>,
}

/// What a provider needs of the world.
pub struct Parts {
    /// Where things are kept.
    pub database: Database,
    /// By which mails go.
    pub mailer: Arc<dyn Mailer>,
    /// By which other providers are asked.
    pub fetch: Arc<dyn Fetch>,
}

impl Provider {
    /// Starts it: reads or makes its keys.
    ///
    /// # Errors
    /// [`StartFault`], with what is wrong in the configuration or the storage.
    pub async fn start(config: Config, parts: Parts, now_s: u64) -> Result<Self, StartFault> {
        let domain = domain_of(&config.issuer).ok_or_else(|| StartFault::Issuer(config.issuer.clone()))?;
        let provider = Self {
            clients: Clients::new(&config.clients)?,
            externals: Externals::new(&config.providers)?,
            hasher: Hasher::new(config.concurrent_hashes),
            domain,
            store: Identities::new(parts.database),
            ring: RwLock::default(),
            verifier: RwLock::default(),
            throttles: Mutex::new(Throttles {
                account: Throttle::new(ACCOUNT_LIMIT),
                address: Throttle::new(ADDRESS_LIMIT),
                mail: Throttle::new(MAIL_LIMIT),
            }),
            mailer: parts.mailer,
            mails: Arc::new(Semaphore::new(MAILS_AT_ONCE)),
            fetch: parts.fetch,
            tickets: Mutex::default(),
            message_idps: RwLock::default(),
            senders: Mutex::default(),
            config,
        };
        provider.load_keys(now_s).await?;
        provider.load_revocations(now_s).await?;
        Ok(provider)
    }

    /// What is to be done now and then, once a minute: keys take turns, other issuers' keys are asked for, what has ended is forgotten.
    ///
    /// # Errors
    /// [`StartFault`]; the next time may do better.
    pub async fn tick(&self, now_s: u64) -> Result<(), StartFault> {
        self.load_keys(now_s).await?;
        self.store.sweep(now_s).await?;
        lock(&self.tickets).retain(|_, (_, expires_s)| *expires_s > now_s);
        self.externals.sweep(now_s);
        self.refresh_trusted(now_s).await;
        self.refresh_message_idps(now_s).await;
        Ok(())
    }

    /// Its issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// The host of its issuer, with a port if it is not the usual one.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of(&self.domain)
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sends a mail, without anybody waiting for it: how long an answer takes says nothing about whether there is an account.
    fn post(&self, letter: Letter) {
        let Ok(turn) = self.mails.clone().try_acquire_owned() else {
            tracing::warn!("a mail was dropped: {MAILS_AT_ONCE} are being sent already");
            return;
        };
        let mailer = self.mailer.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            if let Err(error) = mailer.send(&letter) {
                tracing::error!(%error, "a mail was not sent");
            }
        });
    }

    /// Takes a try at an account's password from an address.
    fn try_account(&self, account: &str, visitor: &Visitor, now_s: u64) -> Result<(), ProviderFault> {
        let mut throttles = lock(&self.throttles);
        let of_address = throttles.address.take(&Throttle::of_address(visitor.address), now_s);
        of_address.and_then(|()| throttles.account.take(account, now_s)).map_err(ProviderFault::TooMany)
    }

    /// Takes a mail to an address.
    fn try_mail(&self, email: &str, visitor: &Visitor, now_s: u64) -> Result<bool, ProviderFault> {
        let mut throttles = lock(&self.throttles);
        let of_address = throttles.address.take(&Throttle::of_address(visitor.address), now_s);
        of_address.map_err(ProviderFault::TooMany)?;
        // The answer is the same: it would tell that somebody has asked for that address before.
        Ok(throttles.mail.take(email, now_s).is_ok())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host and port of an issuer that can be one.
fn domain_of(issuer: &str) -> Option<String> {
    let url = Url::parse(issuer).ok()?;
    let is_loopback = match url.host()? {
        url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        url::Host::Ipv4(four) => four.is_loopback(),
        url::Host::Ipv6(six) => six.is_loopback(),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    // Cookies of the whole host, and a well-known folder of its own: no path.
    let is_bare = url.origin().ascii_serialization() == issuer;
    if !is_safe || !is_bare {
        return None;
    }
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn host_of(domain: &str) -> &str {
    match domain.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) | None => domain,
    }
}

/// The domain of another issuer, which may be anywhere.
pub(super) fn domain_of_trusted(issuer: &str) -> Option<String> {
    domain_of(issuer)
}
