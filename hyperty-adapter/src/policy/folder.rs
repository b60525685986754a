//! The folder of policies: all files in it whose names end with `.cedar`.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

/// Files at most, and bytes of one.
const MAX_FILES: usize = 200;
const MAX_BYTES: u64 = 256 * 1_024;
/// Entries of the folder that are looked at, others than policies included.
const MAX_ENTRIES: usize = 2_000;

/// Why policies cannot be in force.
#[derive(Debug, Error)]
pub enum BadPolicies {
    /// The folder cannot be read.
    #[error(
        "the folder of policies {folder:?} cannot be read: {source}; create it, or take rethink.policies.folder out of the configuration"
    )]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("the file of policies {file} cannot be read: {source}")]
    Unread {
        /// Which.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A file is no good.
    #[error("{file}{}: {why}", line.map_or_else(String::new, |line| format!(", line {line}")))]
    File {
        /// Which.
        file: String,
        /// Where in it, from 1.
        line: Option<usize>,
        /// What is wrong.
        why: String,
    },
    /// There are more than are taken.
    #[error("there are more policies than the {most} that are taken")]
    TooMany {
        /// How many that is.
        most: usize,
    },
    /// Anything else.
    #[error("the policies cannot be put together: {0}")]
    Other(String),
}

/// A file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) text: String,
}

impl BadPolicies {
    pub(super) fn in_file(file: &File, offset: Option<usize>, why: String) -> Self {
        let before = offset.and_then(|offset| file.text.get(..offset));
        let line = before.map(|before| before.matches('\n').count() + 1);
        Self::File { file: file.name.clone(), line, why }
    }
}

/// What the folder looks like from outside: changes when a file does.
pub(super) type Look = Vec<(String, u64, Option<SystemTime>, u64)>;

/// Looks at the folder without reading files.
pub(super) fn look(folder: &Path) -> Result<Look, BadPolicies> {
    let failed = |source| BadPolicies::Folder { folder: folder.to_owned(), source };
    let mut looks = Look::new();
    for entry in fs::read_dir(folder).map_err(failed)?.take(MAX_ENTRIES) {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".cedar") || name.starts_with('.') {
            continue;
        }
        let meta = fs::metadata(entry.path()).map_err(|source| BadPolicies::Unread { file: name.clone(), source })?;
        if looks.len() >= MAX_FILES {
            return Err(BadPolicies::TooMany { most: MAX_FILES });
        }
        looks.push((name, meta.len(), meta.modified().ok(), number_of(&meta)));
    }
    looks.sort();
    Ok(looks)
}

/// Reads what was seen.
pub(super) fn read(folder: &Path, looks: &Look) -> Result<Vec<File>, BadPolicies> {
    looks
        .iter()
        .map(|(name, ..)| {
            let unread = |source| BadPolicies::Unread { file: name.clone(), source };
            let (mut text, file) = (String::new(), fs::File::open(folder.join(name)).map_err(unread)?);
            file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unread)?;
            let file = File { name: name.clone(), text };
            if file.text.len() as u64 > MAX_BYTES {
                return Err(BadPolicies::in_file(
                    &file,
                    None,
                    format!("it is longer than {MAX_BYTES} bytes: divide it"),
                ));
            }
            Ok(file)
        })
        .collect()
}

/// What tells a file from another one that was put in its place within the same tick of the clock.
#[cfg(unix)]
fn number_of(meta: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn number_of(_: &fs::Metadata) -> u64 {
    0
}
