//! Why something was not kept or not found, and what to do about it.

use crate::place::Place;
use sqlx::migrate::MigrateError;
use std::sync::Arc;
use thiserror::Error;

/// Why the storage did not do what it was asked.
#[derive(Debug, Clone, Error)]
pub enum StorageError {
    /// The file cannot be opened or made.
    #[error("the database {place} cannot be opened: {cause}")]
    Open {
        /// Which.
        place: Place,
        /// Why.
        cause: String,
    },
    /// The file is one of another program.
    #[error("the database {place} is none of ours: another program made it. Name another file")]
    Foreign {
        /// Which.
        place: Place,
    },
    /// A newer version of this program has used it.
    #[error(
        "the database {place} was changed by a newer version of this program (its migration {found} is unknown here). Start that version, or go back to a copy from before"
    )]
    Newer {
        /// Which.
        place: Place,
        /// Number of the migration that is not known.
        found: i64,
    },
    /// A migration that was run is not the one of this program.
    #[error(
        "the database {place} has another migration {number} than this program: it was made by a build that was never given out. Go back to a copy, or name another file"
    )]
    Altered {
        /// Which.
        place: Place,
        /// Number of the migration.
        number: i64,
    },
    /// It is damaged.
    #[error("the database is damaged: {cause}. Stop the server and go back to a copy (or try `sqlite3 FILE .recover`)")]
    Corrupt {
        /// What SQLite found.
        cause: String,
    },
    /// There is no room on the disk.
    #[error("the disk of the database is full, or the database has its greatest size: make room; nothing was changed")]
    Full,
    /// It may not be written to.
    #[error("the database may not be written to: give the server's user the right to write the file and its folder")]
    ReadOnly,
    /// Another process has been writing to it for longer than we wait.
    #[error("the database is locked by another process: end that process, or wait")]
    Locked,
    /// More is waiting to be done than may wait.
    #[error("the database has too much to do: try again in a moment")]
    Overloaded,
    /// It was closed.
    #[error("the database is closed: the server is stopping")]
    Closed,
    /// The disk failed, or a query is wrong.
    #[error("the database failed: {0}")]
    Failed(Arc<sqlx::Error>),
}

impl StorageError {
    /// Trying again later may help: the caller's input is not to blame, nor is the file.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full | Self::Locked | Self::Overloaded)
    }

    pub(crate) fn of_migration(place: &Place, error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(found) => Self::Newer { place: place.clone(), found },
            MigrateError::VersionMismatch(number) => Self::Altered { place: place.clone(), number },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => sqlx::Error::Migrate(Box::new(other)).into(),
        }
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        let Some(cause) = error.as_database_error() else { return Self::Failed(Arc::new(error)) };
        // SQLite's result codes: the low byte is the primary one (https://www.sqlite.org/rescode.html).
        let code = cause.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
        match code {
            Some(5 | 6) => Self::Locked,
            Some(8) => Self::ReadOnly,
            Some(11 | 26) => Self::Corrupt { cause: cause.message().to_owned() },
            Some(13) => Self::Full,
            _ => Self::Failed(Arc::new(error)),
        }
    }
}
