//! What a global registry keeps: a signed record for each user who made one.

mod sqlite;

use crate::StorageError;
use async_trait::async_trait;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose: the hash of his key.
    pub guid: String,
    /// The record, as he signed it.
    pub jwt: String,
    /// When he says that he changed it, in ms since 1970.
    pub updated_ms: i64,
    /// Until when it is valid, in ms since 1970.
    pub timeout_ms: i64,
    /// He has taken it back.
    pub is_revoked: bool,
}

/// Where a global registry keeps its records.
#[async_trait]
pub trait GlobalStore: Send + Sync + 'static {
    /// One record.
    ///
    /// # Errors
    /// [`StorageError`], here and below.
    async fn record(&self, guid: &str) -> Result<Option<Record>, StorageError>;

    /// Changes one record, or makes it: `decide` is told what there is, and gives what is to be, if anything. When this returns, it is on the disk.
    async fn change(
        &self,
        guid: &str,
        decide: &mut (dyn FnMut(Option<Record>) -> Option<Record> + Send),
    ) -> Result<(), StorageError>;

    /// Removes what was not revoked and is not valid since `before_ms`, as many as `most`. Gives how many.
    async fn purge(&self, before_ms: i64, most: u32) -> Result<u64, StorageError>;

    /// How many records there are.
    async fn count(&self) -> Result<u64, StorageError>;
}
