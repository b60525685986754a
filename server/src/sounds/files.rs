//! Files in the operator's directory, and none beside it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// A file, as it is now.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    path: PathBuf,
    bytes: u64,
    changed: Option<SystemTime>,
}

/// Finds a file by its name within a directory. Whatever leads out of it is not there: neither by `..` nor by a link.
pub(super) fn find(directory: &Path, name: &str) -> Option<Found> {
    let name = Path::new(name);
    let is_plain =
        |part: Component<'_>| matches!(part, Component::Normal(part) if !part.to_string_lossy().starts_with('.'));
    if name.as_os_str().is_empty() || !name.components().all(is_plain) {
        return None;
    }
    let directory = directory.canonicalize().ok()?;
    let path = directory.join(name).canonicalize().ok()?;
    let known = path.metadata().ok()?;
    // No pipe and no device: they may never end.
    let is_there = path.starts_with(&directory) && known.is_file();
    is_there.then(|| Found { path, bytes: known.len(), changed: known.modified().ok() })
}

/// Reads a file of at most so many bytes. The error is for people.
pub(super) fn read(found: &Found, most: u64) -> Result<Vec<u8>, String> {
    let too_large = || format!("it is larger than {most} bytes (announcements.file_bytes)");
    if found.bytes > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let read = File::open(&found.path).and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes));
    match read {
        Ok(len) if len as u64 > most => Err(too_large()),
        Ok(_) => Ok(bytes),
        // Where it lies on the disk is nobody's business.
        Err(error) => Err(format!("it cannot be read: {}", error.kind())),
    }
}
