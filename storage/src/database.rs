//! The database itself: its connections, and how they are set.

use crate::error::StorageError;
use crate::migrations::migrator;
use crate::place::Place;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection, Transaction};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

/// How much longer than for another process something waits for its turn here, so that a lock is told as one.
const TURN: Duration = Duration::from_secs(3);
/// Bytes of a page: SQLite's own choice for a new file.
const PAGE: u64 = 4_096;
/// Connections that read at a time: reads of an index take tens of microseconds, so that a few are plenty.
const READERS: u32 = 4;
/// Writes that wait at most. What is more is refused at once ([`StorageError::Overloaded`]): at some thousand writes a second nobody waits longer than
/// a second.
const WAITING_WRITES: usize = 4_096;
/// Pages of the file that a connection keeps, in KiB.
const CACHE_KIB: u32 = 8_192;
/// The log of what was written shrinks to this after a rush, in bytes.
const LOG_BYTES: u32 = 64 * 1_024 * 1_024;
/// Marks the file as ours: `Clqy` (https://www.sqlite.org/fileformat.html, offset 68).
const APPLICATION: i64 = 0x436c_7179;

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long another process that writes is waited for.
    pub wait: Duration,
    /// Greatest size of the file; what would make it larger gets [`StorageError::Full`]. Without it there is no limit but the disk.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { wait: Duration::from_secs(5), max_bytes: None }
    }
}

/// A database, open. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    /// One connection: SQLite has one writer at a time, and it is better to wait for it here, in order, than in its busy loop.
    writer: SqlitePool,
    readers: SqlitePool,
    /// How long a turn is waited for.
    wait: Duration,
    /// Whose turn it is to write, and how the writer is set.
    turn: Mutex<Durability>,
    waiting: Semaphore,
}

/// What becomes of a write when the power fails. When the process is killed, both have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It may be lost if the power fails within a moment; nothing is damaged by that. For what clients say again anyway.
    Process,
    /// It is on the disk when the commit returns: some milliseconds.
    Power,
}

/// A transaction that writes. Dropped before [`Write::commit`], it changes nothing.
pub(crate) struct Write<'a> {
    transaction: Transaction<'static, Sqlite>,
    _turn: MutexGuard<'a, Durability>,
    _waited: SemaphorePermit<'a>,
}

impl Write<'_> {
    /// What queries are executed on.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Makes it so.
    pub(crate) async fn commit(self) -> Result<(), StorageError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Database {
    /// Opens a database, makes it where there is none, and brings it up to this program's migrations.
    ///
    /// # Errors
    /// [`StorageError`], with what is to be done.
    pub async fn open(place: Place) -> Result<Self, StorageError> {
        Self::open_with(place, Options::default()).await
    }

    /// The same, otherwise than by default.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn open_with(place: Place, options: Options) -> Result<Self, StorageError> {
        let turn = options.wait + TURN;
        let (pool, connection) = (|count| pool(count, turn), connection(&place, options));
        let prepared = place.clone();
        let prepared = tokio::task::spawn_blocking(move || prepared.prepare());
        prepared.await.map_err(|_| StorageError::Closed)??;
        let open = |error: sqlx::Error| opening(&place, error);
        // In memory, every connection would be a database of its own: one does it all.
        let writer = pool(1).connect_with(connection.clone()).await.map_err(open)?;
        let mut first = writer.acquire().await.map_err(open)?;
        check_owner(&place, &mut first).await?;
        let migrated = migrator().run(&mut *first).await;
        migrated.map_err(|error| StorageError::of_migration(&place, error))?;
        drop(first);
        let readers = match &place {
            Place::Memory => writer.clone(),
            Place::File(_) => pool(READERS).connect_with(connection).await.map_err(open)?,
        };
        let waiting = Semaphore::new(WAITING_WRITES);
        let durability = Mutex::new(Durability::Process);
        Ok(Self { inner: Arc::new(Inner { place, writer, readers, wait: turn, turn: durability, waiting }) })
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    /// Whether it answers: what readiness asks.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn check(&self) -> Result<(), StorageError> {
        sqlx::query("SELECT 1").execute(&mut *self.read().await?).await?;
        Ok(())
    }

    /// Waits for what is being done, and closes it. Later calls get [`StorageError::Closed`].
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    /// A connection to read with. Whoever holds one does not ask for another, nor for a write: in memory there is only one.
    pub(crate) async fn read(&self) -> Result<PoolConnection<Sqlite>, StorageError> {
        Ok(self.inner.readers.acquire().await?)
    }

    /// A transaction to write in, when those before are done.
    pub(crate) async fn write(&self, durability: Durability) -> Result<Write<'_>, StorageError> {
        let waited = self.inner.waiting.try_acquire().map_err(|_| StorageError::Overloaded)?;
        let turn = tokio::time::timeout(self.inner.wait, self.inner.turn.lock()).await;
        let mut turn = turn.map_err(|_| StorageError::Overloaded)?;
        if *turn != durability {
            // Outside a transaction, which is where SQLite takes it.
            let synchronous = match durability {
                Durability::Process => "PRAGMA synchronous = NORMAL",
                Durability::Power => "PRAGMA synchronous = FULL",
            };
            // Whoever gives up in between leaves what is not more than it is.
            *turn = Durability::Process;
            sqlx::query(synchronous).execute(&self.inner.writer).await?;
            *turn = durability;
        }
        // Immediate: a transaction that first reads and then finds that another has written could not go on.
        let transaction = self.inner.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Write { transaction, _turn: turn, _waited: waited })
    }
}

fn pool(connections: u32, wait: Duration) -> PoolOptions<Sqlite> {
    // Connections are never given up: one in memory would take everything with it.
    let options = PoolOptions::new().min_connections(connections).max_connections(connections).acquire_timeout(wait);
    options.idle_timeout(None).max_lifetime(None).test_before_acquire(false)
}

fn connection(place: &Place, options: Options) -> SqliteConnectOptions {
    let Options { wait, max_bytes } = options;
    let options = match place {
        Place::Memory => SqliteConnectOptions::new().in_memory(true),
        // The log is a file of what is new; readers go on while it is written (https://www.sqlite.org/wal.html).
        Place::File(path) => SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Wal),
    };
    let options = options.busy_timeout(wait).synchronous(SqliteSynchronous::Normal).foreign_keys(true);
    let options =
        options.pragma("cache_size", format!("-{CACHE_KIB}")).pragma("journal_size_limit", LOG_BYTES.to_string());
    let options = match max_bytes {
        Some(bytes) => options.pragma("max_page_count", (bytes / PAGE).to_string()),
        None => options,
    };
    // What a file says of itself is not trusted with functions that do things (https://www.sqlite.org/security.html).
    let options = options.pragma("trusted_schema", "OFF").thread_name(|id| format!("storage-{id}"));
    // Thousands a second; what goes wrong is told by those who asked.
    options.disable_statement_logging()
}

fn opening(place: &Place, error: sqlx::Error) -> StorageError {
    match StorageError::from(error) {
        StorageError::Failed(cause) => StorageError::Open { place: place.clone(), cause: cause.to_string() },
        other => other,
    }
}

/// Marks a new file as ours, and refuses one of another program.
async fn check_owner(place: &Place, connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let owner: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    if owner == APPLICATION {
        return Ok(());
    }
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
    if owner != 0 || tables > 0 {
        return Err(StorageError::Foreign { place: place.clone() });
    }
    sqlx::query(AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION}"))).execute(connection).await?;
    Ok(())
}
