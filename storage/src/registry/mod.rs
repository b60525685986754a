//! What a domain registry keeps: an entry for each hyperty, runtime and data object that was registered.
//!
//! The rules (who may change what, when an entry has lapsed, what a client is told) are the registry's; here entries are found and changed, each
//! change in a transaction of its own.

mod sqlite;

use crate::StorageError;
use async_trait::async_trait;

/// What an entry is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A hyperty, or a runtime: both are registered the same way.
    Hyperty,
    /// A data object.
    DataObject,
}

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is of.
    pub kind: Kind,
    /// Its address. Addresses of different kinds may be the same.
    pub url: String,
    /// The user of a hyperty; the reporter of a data object.
    pub owner: String,
    /// The e-mail of that user; the name of the object.
    pub label: String,
    /// The user's identifier in the global registry.
    pub guid: Option<String>,
    /// What it says of itself, as written down.
    pub status: String,
    /// It is not written down as disconnected.
    pub live: bool,
    /// Seconds from a sign of life to [`Self::deadline_ms`].
    pub expires_s: u32,
    /// When it was registered first, in ms since 1970.
    pub started_ms: i64,
    /// When it gave its last sign of life, in ms since 1970.
    pub modified_ms: i64,
    /// After this it counts as disconnected, in ms since 1970.
    pub deadline_ms: i64,
    /// Its other members, as a JSON object.
    pub members: String,
}

/// By what entries are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// [`Entry::owner`].
    Owner(Kind, &'a str),
    /// [`Entry::label`].
    Label(Kind, &'a str),
    /// [`Entry::guid`]; only hyperties have one.
    Guid(&'a str),
}

/// How many entries an owner may have of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room<'a> {
    /// Whose.
    pub owner: &'a str,
    /// At most so many.
    pub most: u32,
    /// What has lapsed by now, in ms since 1970, makes room.
    pub now_ms: i64,
}

/// What a change begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The entry, if there is one.
    pub entry: Option<Entry>,
    /// Without one: its owner may have one more.
    pub has_room: bool,
    /// To that end so many of his oldest that are gone have been removed.
    pub removed: u64,
}

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// It is this from now on.
    Put(Entry),
}

/// How many entries there are, gone ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Of hyperties and runtimes.
    pub hyperties: u64,
    /// Of data objects.
    pub data_objects: u64,
}

/// Where a registry keeps its entries.
#[async_trait]
pub trait RegistryStore: Send + Sync + 'static {
    /// One entry.
    ///
    /// # Errors
    /// [`StorageError`], here and below.
    async fn entry(&self, kind: Kind, url: &str) -> Result<Option<Entry>, StorageError>;

    /// Entries, the last modified first, and of those as many as `most`.
    async fn find(&self, by: By<'_>, most: u32) -> Result<Vec<Entry>, StorageError>;

    /// Changes one entry, or makes it: `decide` is told what there is and says what is to be, and nothing else happens to that entry in between.
    async fn change(
        &self,
        kind: Kind,
        url: &str,
        room: Option<Room<'_>>,
        decide: &mut (dyn FnMut(Found) -> Change + Send),
    ) -> Result<(), StorageError>;

    /// Writes down as disconnected what is past its deadline: the longest overdue first, and of those as many as `most`. Gives their kinds and
    /// addresses.
    async fn lapse(&self, now_ms: i64, most: u32) -> Result<Vec<(Kind, String)>, StorageError>;

    /// Removes what was written down as disconnected and had its last sign of life before `before_ms`, as many as `most`. Gives how many.
    async fn purge(&self, before_ms: i64, most: u32) -> Result<u64, StorageError>;

    /// How many entries there are.
    async fn counts(&self) -> Result<Counts, StorageError>;
}
