//! The registry: its rules on a store.

use super::changes::{Changes, StatusChange};
use super::record::{BadRecord, Record, check_address, key};
use super::rules::{self, DISCONNECTED, Registration, status_at};
use super::show;
use colloquy_storage::StorageError;
use colloquy_storage::registry::{By, Change, Counts, Entry, Found, Kind, RegistryStore, Room};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use tokio::sync::Notify;

/// Entries that are written down as disconnected at a time: some milliseconds of a transaction.
const SWEEP: u32 = 500;
/// Batches of them before somebody is answered who asks what is new.
const SWEEPS: usize = 8;
/// Entries of one name that are looked through for what they are about.
const SCAN: u32 = 2_000;
/// Entries in an answer at most, the last modified first.
const PAGE: usize = 500;

/// What a registry is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Longest time without a sign of life, in seconds; longer ones are shortened to it.
    pub max_expires_s: u32,
    /// Hyperties of one user, and data objects of one reporter, at most. One more takes the place of the oldest that is gone; where all are live, it is
    /// refused.
    pub max_of_owner: u32,
    /// Entries at most. What is more is refused.
    pub max_entries: u64,
    /// How long what is gone can be read after its last sign of life, in seconds.
    pub retention_s: u32,
    /// Messages of a runtime change only what was registered as being in it.
    pub own_runtime_only: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_expires_s: 3_600,
            max_of_owner: 256,
            max_entries: 1_000_000,
            retention_s: 30 * 24 * 3_600,
            own_runtime_only: true,
        }
    }
}

/// Why a registry did not do what it was asked.
#[derive(Debug, Error)]
pub enum Refused {
    /// What was sent is not a record.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// There is no such entry, or none of him who asks.
    #[error("Not Found")]
    NotFound,
    /// Its owner has as many as he may have, all of them live.
    #[error("this user or reporter has {0} live registrations: unregister one")]
    TooMany(u32),
    /// There are as many entries as there may be.
    #[error("the registry is full: its operator may raise its limit")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What was found, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// An entry, or several by their addresses.
    pub json: String,
    /// Everything found is disconnected.
    pub all_gone: bool,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search<'a> {
    /// Whose or which.
    pub by: By<'a>,
    /// It has all of these resources,
    pub resources: Vec<String>,
    /// and understands all of these schemes.
    pub data_schemes: Vec<String>,
}

/// A domain registry.
pub struct Registry {
    store: Arc<dyn RegistryStore>,
    settings: Settings,
    changes: Mutex<Changes>,
    news: Notify,
    hyperties: AtomicU64,
    data_objects: AtomicU64,
}

impl Registry {
    /// A registry on what is stored.
    ///
    /// # Errors
    /// [`StorageError`] if the store cannot be read.
    pub async fn open(store: Arc<dyn RegistryStore>, settings: Settings) -> Result<Self, StorageError> {
        let Counts { hyperties, data_objects } = store.counts().await?;
        Ok(Self {
            store,
            settings,
            changes: Mutex::default(),
            news: Notify::new(),
            hyperties: hyperties.into(),
            data_objects: data_objects.into(),
        })
    }

    /// What it is set to.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many entries there are, gone ones included.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let of = |kind| self.count(kind).load(Ordering::Relaxed);
        Counts { hyperties: of(Kind::Hyperty), data_objects: of(Kind::DataObject) }
    }

    /// Registers a hyperty or a runtime of a user, or registers it anew.
    ///
    /// # Errors
    /// [`Refused`]: [`Refused::NotFound`] where it is another user's.
    pub async fn register_hyperty(&self, user: &str, url: &str, record: Record, now_ms: i64) -> Result<(), Refused> {
        check_address(user)?;
        record.check_whole(Kind::Hyperty)?;
        self.register(Registration { kind: Kind::Hyperty, url: url.to_owned(), owner: user.to_owned(), record }, now_ms)
            .await
    }

    /// Registers a data object, or registers it anew.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn register_object(&self, url: &str, record: Record, now_ms: i64) -> Result<(), Refused> {
        record.check_whole(Kind::DataObject)?;
        let owner = record.reporter.clone().unwrap_or_default();
        self.register(Registration { kind: Kind::DataObject, url: url.to_owned(), owner, record }, now_ms).await
    }

    async fn register(&self, new: Registration, now_ms: i64) -> Result<(), Refused> {
        check_address(&new.url)?;
        let Settings { max_expires_s, max_of_owner, max_entries, .. } = self.settings;
        let kind = new.kind;
        let (url, owner) = (key(&new.url), new.owner.clone());
        let room = Room { owner: &owner, most: max_of_owner, now_ms };
        let total = self.counts();
        let is_full = total.hyperties + total.data_objects >= max_entries;
        let mut new = Some(new);
        let mut made = |found: Found| {
            let Found { entry: before, has_room, removed } = found;
            let Some(new) = new.take() else { return Err(Refused::NotFound) };
            match &before {
                Some(before) if kind == Kind::Hyperty && before.owner != new.owner => return Err(Refused::NotFound),
                None if !has_room => return Err(Refused::TooMany(max_of_owner)),
                None if is_full && removed == 0 => return Err(Refused::Full),
                _ => {}
            }
            let entry = new.entry(before.as_ref(), max_expires_s, now_ms);
            let change = before.as_ref().and_then(|before| news(before, &entry));
            Ok((entry, (change, before.is_none(), removed)))
        };
        let (change, is_new, removed) = self.change(kind, &url, Some(room), &mut made).await?;
        let count = self.count(kind);
        count.fetch_add(u64::from(is_new), Ordering::Relaxed);
        subtract(count, removed);
        self.tell(change);
        Ok(())
    }

    /// A sign of life. Gives whether the status is another one now.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn keep_alive(&self, kind: Kind, url: &str, now_ms: i64) -> Result<bool, Refused> {
        self.alter(kind, url, now_ms, |_| true, |entry| rules::keep_alive(entry, now_ms)).await
    }

    /// Changes some members. Gives whether the status is another one now.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn update(&self, kind: Kind, url: &str, change: Record, now_ms: i64) -> Result<bool, Refused> {
        self.update_if(kind, url, change, now_ms, |_| true).await
    }

    /// The same, if the entry is one that the caller may change: else it is as if it were not there.
    ///
    /// # Errors
    /// [`Refused`].
    pub(super) async fn update_if(
        &self,
        kind: Kind,
        url: &str,
        change: Record,
        now_ms: i64,
        may: impl Fn(&Entry) -> bool + Send + Sync,
    ) -> Result<bool, Refused> {
        let max = self.settings.max_expires_s;
        if change.is_empty() {
            return self.alter(kind, url, now_ms, may, |entry| rules::keep_alive(entry, now_ms)).await;
        }
        self.alter(kind, url, now_ms, may, move |entry| rules::update(entry, change.clone(), max, now_ms)).await
    }

    /// Unregisters: the entry stays, disconnected. A hyperty is unregistered for its user.
    ///
    /// # Errors
    /// [`Refused`]: [`Refused::NotFound`] where it is another user's.
    pub async fn disconnect(&self, kind: Kind, url: &str, user: Option<&str>, now_ms: i64) -> Result<(), Refused> {
        self.disconnect_if(kind, url, user, now_ms, |_| true).await
    }

    pub(super) async fn disconnect_if(
        &self,
        kind: Kind,
        url: &str,
        user: Option<&str>,
        now_ms: i64,
        may: impl Fn(&Entry) -> bool + Send + Sync,
    ) -> Result<(), Refused> {
        let may = |entry: &Entry| user.is_none_or(|user| entry.owner == user) && may(entry);
        self.alter(kind, url, now_ms, may, rules::disconnect).await?;
        Ok(())
    }

    /// One entry, also one that is disconnected.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn entry(&self, kind: Kind, url: &str, now_ms: i64) -> Result<Answer, Refused> {
        let entry = self.store.entry(kind, &key(url)).await?.ok_or(Refused::NotFound)?;
        let mut json = String::with_capacity(entry.members.len() + 160);
        show::entry(&mut json, &entry, now_ms);
        Ok(Answer { json, all_gone: status_at(&entry, now_ms) == DISCONNECTED })
    }

    /// Entries by their addresses, the last modified of them if there are very many.
    ///
    /// # Errors
    /// [`Refused`]: [`Refused::NotFound`] where there is none.
    pub async fn search(&self, search: &Search<'_>, now_ms: i64) -> Result<Answer, Refused> {
        let is_filtered = !search.resources.is_empty() || !search.data_schemes.is_empty();
        let most = if is_filtered { SCAN } else { PAGE as u32 };
        let found = self.store.find(search.by, most).await?;
        let is_about = |entry: &Entry| rules::is_about(entry, &search.resources, &search.data_schemes);
        let found: Vec<Entry> = found.into_iter().filter(is_about).take(PAGE).collect();
        if found.is_empty() {
            return Err(Refused::NotFound);
        }
        let all_gone = found.iter().all(|entry| status_at(entry, now_ms) == DISCONNECTED);
        Ok(Answer { json: show::entries(&found, now_ms), all_gone })
    }

    /// Writes down what has lapsed, one batch of it. Gives how many: as long as there were some, there may be more.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn sweep(&self, now_ms: i64) -> Result<usize, StorageError> {
        let lapsed = self.store.lapse(now_ms, SWEEP).await?;
        let count = lapsed.len();
        let mut changes = self.changes();
        for (kind, url) in lapsed {
            changes.add(StatusChange { kind, url, status: DISCONNECTED.to_owned() });
        }
        drop(changes);
        if count > 0 {
            self.news.notify_one();
        }
        Ok(count)
    }

    /// Removes what is gone for longer than the retention, one batch of it. Gives how many.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn purge(&self, now_ms: i64) -> Result<u64, StorageError> {
        let before_ms = now_ms.saturating_sub(i64::from(self.settings.retention_s) * 1_000);
        let removed = self.store.purge(before_ms, SWEEP).await?;
        if removed > 0 {
            let Counts { hyperties, data_objects } = self.store.counts().await?;
            self.hyperties.store(hyperties, Ordering::Relaxed);
            self.data_objects.store(data_objects, Ordering::Relaxed);
        }
        Ok(removed)
    }

    /// Whose status changed since this was last asked, the first first: to be published.
    #[must_use]
    pub fn take_changes(&self, most: usize) -> Vec<StatusChange> {
        self.changes().take(most)
    }

    /// How many changes were dropped because nobody took them in time.
    #[must_use]
    pub fn dropped_changes(&self) -> u64 {
        self.changes().dropped
    }

    /// Returns when there may be changes to take.
    pub async fn changed(&self) {
        self.news.notified().await;
    }

    /// The entries that are disconnected since this was last asked, as a JSON object by their addresses: as many as one answer holds.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn take_gone(&self, now_ms: i64) -> Result<String, StorageError> {
        // What is due is news, whether or not its turn has come. Of very much, the rest is for the next time.
        for _ in 0..SWEEPS {
            if self.sweep(now_ms).await? == 0 {
                break;
            }
        }
        let gone = self.changes().take_gone(PAGE);
        let mut entries = Vec::with_capacity(gone.len());
        for (kind, url) in gone {
            entries.extend(self.store.entry(kind, &url).await?);
        }
        Ok(show::entries(&entries, now_ms))
    }

    /// Alters an entry that is there and that the caller may alter. Gives whether the status is another one now.
    async fn alter(
        &self,
        kind: Kind,
        url: &str,
        now_ms: i64,
        may: impl Fn(&Entry) -> bool + Send + Sync,
        alter: impl Fn(&mut Entry) + Send + Sync,
    ) -> Result<bool, Refused> {
        let mut altered = |found: Found| {
            let before = found.entry.filter(&may).ok_or(Refused::NotFound)?;
            let mut entry = before.clone();
            alter(&mut entry);
            let is_changed = status_at(&before, now_ms) != status_at(&entry, now_ms);
            let news = news(&before, &entry);
            Ok((entry, (is_changed, news)))
        };
        let (is_changed, news) = self.change(kind, &key(url), None, &mut altered).await?;
        self.tell(news);
        Ok(is_changed)
    }

    /// One change of the store, with what its decision says beside the entry.
    async fn change<T: Send>(
        &self,
        kind: Kind,
        url: &str,
        room: Option<Room<'_>>,
        decide: &mut (dyn FnMut(Found) -> Result<(Entry, T), Refused> + Send),
    ) -> Result<T, Refused> {
        let mut outcome = Err(Refused::NotFound);
        let mut decided = |found: Found| match decide(found) {
            Ok((entry, said)) => {
                outcome = Ok(said);
                Change::Put(entry)
            }
            Err(refused) => {
                outcome = Err(refused);
                Change::Keep
            }
        };
        self.store.change(kind, url, room, &mut decided).await?;
        outcome
    }

    fn tell(&self, change: Option<StatusChange>) {
        if let Some(change) = change {
            self.changes().add(change);
            self.news.notify_one();
        }
    }

    fn count(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Hyperty => &self.hyperties,
            Kind::DataObject => &self.data_objects,
        }
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        // A list of news is whole after every step.
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be told of a change: the new status, if it is not the one that was written down. One that has lapsed and was not yet swept was told as
/// what is written; if it is back in time, nothing happened.
fn news(before: &Entry, after: &Entry) -> Option<StatusChange> {
    let is_other = before.status != after.status;
    is_other.then(|| StatusChange { kind: after.kind, url: after.url.clone(), status: after.status.clone() })
}

fn subtract(count: &AtomicU64, removed: u64) {
    let less = |count: u64| Some(count.saturating_sub(removed));
    // It is never refused.
    let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}
