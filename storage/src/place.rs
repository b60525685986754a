//! Where a database is.

use crate::error::StorageError;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In memory: gone with the process.
    Memory,
    /// In a file, made where there is none; beside it two more, `-wal` and `-shm`, while it is open.
    File(PathBuf),
}

impl Place {
    /// The file is there afterwards, for our eyes only: it holds secrets of people. Files beside it get its permissions from SQLite.
    pub(crate) fn prepare(&self) -> Result<(), StorageError> {
        let Self::File(path) = self else { return Ok(()) };
        let cannot = |cause: io::Error| StorageError::Open { place: self.clone(), cause: cause.to_string() };
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("") && !folder.is_dir()) {
            let cause = format!("its folder {} does not exist: make it", folder.display());
            return Err(StorageError::Open { place: self.clone(), cause });
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(cannot)?;
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("in memory"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
