//! The global registry: what is kept, and what may replace it.

use super::dataset::guid;
use super::signed::{self, BadToken, Signed};
use colloquy_storage::StorageError;
use colloquy_storage::global::{GlobalStore, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;

/// Tokens that are checked at a time. Each takes a processor for some milliseconds; media has the others.
const CHECKS: usize = 1;
/// Tokens that wait for that. What is more is refused at once: it would wait for longer than a quarter of a second.
const WAITING: usize = 64;
/// Records that are removed at a time.
const SWEEP: u32 = 500;
/// Longest GUID that is looked for, in bytes: they have 43.
const MAX_GUID: usize = 128;

/// What a global registry is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Records at most. What is more is refused.
    pub max_records: u64,
    /// How long a record that is not valid any more is kept, in seconds: its owner may renew it. One that was revoked is kept for good, or whoever has an
    /// older one could put it back.
    pub retention_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_records: 1_000_000, retention_s: 90 * 24 * 3_600 }
    }
}

/// Why a record was not given or not taken.
#[derive(Debug, Error)]
pub enum Refused {
    /// It is no record, or its signature is wrong.
    #[error(transparent)]
    Token(#[from] BadToken),
    /// It is for another GUID than where it was put.
    #[error("the record is of another GUID than it was put under")]
    OtherGuid,
    /// Its GUID is not the hash of its key and its salt.
    #[error("the GUID is not the hash of the record's key and salt")]
    NotOfKey,
    /// It is not valid any more.
    #[error("the record is not valid any more: its timeout has passed")]
    TimedOut,
    /// There is a newer one.
    #[error("there is a record with a later lastUpdate")]
    Older,
    /// It was revoked, which is for good.
    #[error("the record was revoked by its owner, which is for good: make a new GUID")]
    Revoked,
    /// There is none, or none that is valid.
    #[error("GUID not found")]
    NotFound,
    /// There are as many records as there may be.
    #[error("the registry is full: its operator may raise its limit")]
    Full,
    /// Too many records are being checked.
    #[error("too many records are being checked: try again in a second")]
    Overloaded,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A global registry.
pub struct GlobalRegistry {
    store: Arc<dyn GlobalStore>,
    settings: Settings,
    checks: Arc<Semaphore>,
    waiting: Semaphore,
    /// How many records there are, once they were counted: with very many that takes a while.
    count: OnceCell<AtomicU64>,
}

impl GlobalRegistry {
    /// A registry on what is stored.
    #[must_use]
    pub fn new(store: Arc<dyn GlobalStore>, settings: Settings) -> Self {
        let (checks, waiting) = (Arc::new(Semaphore::new(CHECKS)), Semaphore::new(WAITING + CHECKS));
        Self { store, settings, checks, waiting, count: OnceCell::new() }
    }

    /// The record of a GUID, as its owner signed it; also one that is revoked or not active, which it says itself.
    ///
    /// # Errors
    /// [`Refused::NotFound`] also where its timeout has passed.
    pub async fn get(&self, guid: &str, now_ms: i64) -> Result<String, Refused> {
        if guid.len() > MAX_GUID {
            return Err(Refused::NotFound);
        }
        let record = self.store.record(guid).await?.ok_or(Refused::NotFound)?;
        if record.timeout_ms < now_ms && !record.is_revoked {
            return Err(Refused::NotFound);
        }
        Ok(record.jwt)
    }

    /// Takes a record, if it is whole, signed by its own key, of that GUID, valid, and not older than the one that is there.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn put(&self, guid: &str, jwt: &str, now_ms: i64) -> Result<(), Refused> {
        let jwt = jwt.trim();
        if jwt.len() > signed::MAX_TOKEN {
            return Err(BadToken::TooLong.into());
        }
        let waits = self.waiting.try_acquire().map_err(|_| Refused::Overloaded)?;
        let turn = self.checks.clone().acquire_owned().await.map_err(|_| Refused::Overloaded)?;
        let (own, token) = (guid.to_owned(), jwt.to_owned());
        let checked = spawn_blocking(move || {
            // It is kept until the work is done, whether or not anybody still waits for it.
            let _turn = turn;
            check(&own, &token, now_ms)
        });
        let Signed { times, dataset } = checked.await.map_err(|_| Refused::Overloaded)??;
        drop(waits);

        let count = self.count().await?;
        let is_full = count.load(Ordering::Relaxed) >= self.settings.max_records;
        let new = Record {
            guid: guid.to_owned(),
            jwt: jwt.to_owned(),
            updated_ms: times.updated_ms,
            timeout_ms: times.timeout_ms,
            is_revoked: dataset.revoked == 1,
        };
        let mut outcome = Ok(());
        let mut is_new = false;
        let mut decide = |before: Option<Record>| {
            is_new = before.is_none();
            outcome = match &before {
                Some(before) => may_replace(before, &new, &dataset.public_key),
                None if is_full => Err(Refused::Full),
                None => Ok(()),
            };
            outcome.is_ok().then(|| new.clone())
        };
        self.store.change(guid, &mut decide).await?;
        if is_new && outcome.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    /// Removes what is not valid for longer than the retention, one batch of it. Gives how many.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn purge(&self, now_ms: i64) -> Result<u64, StorageError> {
        let before_ms = now_ms.saturating_sub(i64::from(self.settings.retention_s) * 1_000);
        let removed = self.store.purge(before_ms, SWEEP).await?;
        if removed > 0 {
            let count = self.store.count().await?;
            self.count().await?.store(count, Ordering::Relaxed);
        }
        Ok(removed)
    }

    async fn count(&self) -> Result<&AtomicU64, StorageError> {
        self.count.get_or_try_init(async || Ok(self.store.count().await?.into())).await
    }
}

/// Everything about a record that can be said without the one before it, what costs least first.
fn check(guid_of: &str, jwt: &str, now_ms: i64) -> Result<Signed, Refused> {
    let signed = Signed::parse(jwt)?;
    if signed.dataset.guid != guid_of {
        return Err(Refused::OtherGuid);
    }
    if signed.times.timeout_ms < now_ms {
        return Err(Refused::TimedOut);
    }
    if guid(&signed.dataset.public_key, &signed.dataset.salt) != guid_of {
        return Err(Refused::NotOfKey);
    }
    Ok(signed)
}

/// Whether a record may take the place of another. Both are of one GUID, which is the hash of one key, and the new one is signed with that; whoever
/// finds another key of the same hash must have the stored one nevertheless.
fn may_replace(before: &Record, new: &Record, public_key: &str) -> Result<(), Refused> {
    let (stored, _) = signed::read(&before.jwt)?;
    if stored.public_key != public_key && !signed::is_signed_with(&new.jwt, &stored.public_key)? {
        return Err(BadToken::Signature.into());
    }
    if before.is_revoked && !new.is_revoked {
        return Err(Refused::Revoked);
    }
    if new.updated_ms < before.updated_ms {
        return Err(Refused::Older);
    }
    Ok(())
}
