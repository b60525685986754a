//! The database itself: its connections, and how they are set.

use crate::error::StorageError;
use crate::migrations::migrator;
use crate::place::Place;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, SemaphorePermit};
use tokio::time::timeout;

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

struct Inner {
    place: Place,
    /// One connection: SQLite has one writer at a time, and it is better to wait for it here, in order, than in its busy loop. None once it is closed.
    writer: Arc<Mutex<Option<Writer>>>,
    /// Those that nobody reads with now.
    readers: std::sync::Mutex<Vec<SqliteConnection>>,
    /// As many permits as there are such; closed with the database.
    reading: Semaphore,
    /// How long a turn is waited for.
    wait: Duration,
    waiting: Semaphore,
}

/// The connection that writes, and how it is set.
struct Writer {
    connection: SqliteConnection,
    durability: Durability,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("place", &self.place).finish_non_exhaustive()
    }
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
    /// None once it is over.
    writer: Option<OwnedMutexGuard<Option<Writer>>>,
    _waited: SemaphorePermit<'a>,
}

impl Write<'_> {
    /// What queries are executed on.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        let writer = self.writer.as_mut().and_then(|writer| writer.as_mut());
        &mut writer.expect("a write has its connection until it is consumed").connection
    }

    /// Makes it so.
    pub(crate) async fn commit(mut self) -> Result<(), StorageError> {
        sqlx::query("COMMIT").execute(self.connection()).await?;
        self.writer = None;
        Ok(())
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        let Some(mut turn) = self.writer.take() else { return };
        // The next turn begins when this is done. Without a runtime the connection is about to be closed, which does the same.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let Some(writer) = turn.as_mut() else { return };
                // After some faults, or if it was given up before it began, there is nothing to be taken back.
                if let Err(cause) = sqlx::query("ROLLBACK").execute(&mut writer.connection).await {
                    tracing::debug!(%cause, "there was no transaction to roll back");
                }
            });
        }
    }
}

/// A connection to read with.
pub(crate) struct Read<'a>(Held<'a>);

enum Held<'a> {
    /// One of the readers; given back when it is dropped.
    Reader { connection: Option<SqliteConnection>, of: &'a Inner, _permit: SemaphorePermit<'a> },
    /// The only one, of a database in memory.
    Only(OwnedMutexGuard<Option<Writer>>),
}

const HELD: &str = "a connection is held until it is dropped";

impl Deref for Read<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match &self.0 {
            Held::Reader { connection, .. } => connection.as_ref().expect(HELD),
            Held::Only(turn) => &turn.as_ref().expect(HELD).connection,
        }
    }
}

impl DerefMut for Read<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match &mut self.0 {
            Held::Reader { connection, .. } => connection.as_mut().expect(HELD),
            Held::Only(turn) => &mut turn.as_mut().expect(HELD).connection,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Self::Reader { connection, of, .. } = self {
            // Before its permit is, which is dropped after this: whoever gets that finds a connection.
            of.lock().extend(connection.take());
        }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        // A list is whole after every step.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
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
        let with = connection(&place, options);
        let open = |error: sqlx::Error| opening(&place, error);
        let prepared = place.clone();
        let prepared = tokio::task::spawn_blocking(move || prepared.prepare());
        prepared.await.map_err(|_| StorageError::Closed)??;
        let mut connection = with.connect().await.map_err(open)?;
        check_owner(&place, &mut connection).await?;
        let migrated = migrator().run(&mut connection).await;
        migrated.map_err(|error| StorageError::of_migration(&place, error))?;
        let mut readers = Vec::new();
        // In memory, every connection would be a database of its own: one does it all.
        if let Place::File(_) = place {
            for _ in 0..READERS {
                readers.push(with.connect().await.map_err(open)?);
            }
        }
        let reading = Semaphore::new(readers.len());
        let writer = Arc::new(Mutex::new(Some(Writer { connection, durability: Durability::Process })));
        let (readers, waiting) = (std::sync::Mutex::new(readers), Semaphore::new(WAITING_WRITES));
        Ok(Self { inner: Arc::new(Inner { place, writer, readers, reading, wait: options.wait + TURN, waiting }) })
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
        let writer = self.inner.writer.lock().await.take();
        if let Place::File(_) = self.inner.place {
            // Whoever reads gives its connection back before.
            let all = self.inner.reading.acquire_many(READERS).await;
            self.inner.reading.close();
            drop(all);
        }
        let readers = std::mem::take(&mut *self.inner.lock());
        for connection in readers.into_iter().chain(writer.map(|writer| writer.connection)) {
            if let Err(cause) = connection.close().await {
                tracing::warn!(%cause, "the database was not closed as it should be; it is whole nevertheless");
            }
        }
    }

    /// A connection to read with. Whoever holds one does not ask for another, nor for a write: in memory there is only one.
    pub(crate) async fn read(&self) -> Result<Read<'_>, StorageError> {
        let of = &*self.inner;
        if of.place == Place::Memory {
            return Ok(Read(Held::Only(self.turn().await?)));
        }
        let permit = timeout(of.wait, of.reading.acquire()).await.map_err(|_| StorageError::Overloaded)?;
        let permit = permit.map_err(|_| StorageError::Closed)?;
        let connection = Some(of.lock().pop().ok_or(StorageError::Closed)?);
        Ok(Read(Held::Reader { connection, of, _permit: permit }))
    }

    /// A transaction to write in, when those before are done.
    pub(crate) async fn write(&self, durability: Durability) -> Result<Write<'_>, StorageError> {
        let waited = self.inner.waiting.try_acquire().map_err(|_| StorageError::Overloaded)?;
        let mut turn = self.turn().await?;
        let writer = turn.as_mut().ok_or(StorageError::Closed)?;
        if writer.durability != durability {
            // Outside a transaction, which is where SQLite takes it.
            let synchronous = match durability {
                Durability::Process => "PRAGMA synchronous = NORMAL",
                Durability::Power => "PRAGMA synchronous = FULL",
            };
            // Whoever gives up in between leaves what is not more than it is.
            writer.durability = Durability::Process;
            sqlx::query(synchronous).execute(&mut writer.connection).await?;
            writer.durability = durability;
        }
        let mut write = Write { writer: Some(turn), _waited: waited };
        // Immediate: a transaction that first reads and then finds that another has written could not go on.
        sqlx::query("BEGIN IMMEDIATE").execute(write.connection()).await?;
        Ok(write)
    }

    /// The connection that writes, once nobody else has it.
    async fn turn(&self) -> Result<OwnedMutexGuard<Option<Writer>>, StorageError> {
        let turn = timeout(self.inner.wait, self.inner.writer.clone().lock_owned()).await;
        let turn = turn.map_err(|_| StorageError::Overloaded)?;
        if turn.is_some() { Ok(turn) } else { Err(StorageError::Closed) }
    }
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
