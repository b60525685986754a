//! Changes in the folder of objects, each as a whole: whoever reads it meanwhile, or after a power failure, finds the old object or the new one.

use super::folder::{DESCRIPTION, PACKAGE};
use super::kind::Kind;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What an object's files are to be.
pub(super) struct Written<'a> {
    pub(super) description: &'a str,
    pub(super) package: Option<&'a str>,
    pub(super) code: Option<&'a [u8]>,
}

/// Writes an object's folder in the place of the one that there is, if there is one. `name` was checked.
pub(super) fn put(root: &Path, kind: Kind, name: &str, files: &Written<'_>) -> io::Result<()> {
    let parent = root.join(kind.as_str());
    fs::create_dir_all(&parent)?;
    let scratch = scratch(&parent, name);
    fs::create_dir(&scratch)?;
    let result = fill(&scratch, kind, files).and_then(|()| exchange(&scratch, &parent.join(name)));
    // After an exchange it holds what was there before.
    let _ = fs::remove_dir_all(&scratch);
    result?;
    sync(&parent)
}

/// Removes an object's folder. `false` where there is none.
pub(super) fn delete(root: &Path, kind: Kind, name: &str) -> io::Result<bool> {
    let parent = root.join(kind.as_str());
    let scratch = scratch(&parent, name);
    match fs::rename(parent.join(name), &scratch) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    }
    sync(&parent)?;
    fs::remove_dir_all(&scratch)?;
    Ok(true)
}

/// Removes what a crash left half-written.
pub(super) fn sweep(root: &Path) -> io::Result<()> {
    for kind in Kind::ALL {
        let parent = root.join(kind.as_str());
        if !parent.is_dir() {
            continue;
        }
        for entry in fs::read_dir(parent)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(ours) = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)) else { continue };
            if !entry.file_type()?.is_dir() {
                continue;
            }
            // Between the two steps of a file system that has no exchange: the old one is all that there is.
            let old = ours.strip_suffix(OLD).and_then(|rest| rest.rsplit_once('-')).map(|(name, _)| name);
            match old.map(|name| entry.path().with_file_name(name)) {
                Some(place) if !place.exists() => fs::rename(entry.path(), place)?,
                _ => fs::remove_dir_all(entry.path())?,
            }
        }
    }
    Ok(())
}

/// What names of half-written folders begin with.
const SCRATCH: &str = ".colloquy-";
/// What names of folders end with that are being replaced in two steps.
const OLD: &str = "-old";

/// Hidden, so that nobody reads it; beside the object, so that it is in the same file system.
fn scratch(parent: &Path, name: &str) -> PathBuf {
    parent.join(format!("{SCRATCH}{name}-{:016x}", rand::random::<u64>()))
}

fn fill(folder: &Path, kind: Kind, files: &Written<'_>) -> io::Result<()> {
    write(&folder.join(DESCRIPTION), files.description.as_bytes())?;
    if let Some(package) = files.package {
        write(&folder.join(PACKAGE), package.as_bytes())?;
    }
    if let Some(code) = files.code {
        let name = if kind == Kind::Schema { "sourceCode.json" } else { "sourceCode.js" };
        write(&folder.join(name), code)?;
    }
    sync(folder)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn exchange(new: &Path, place: &Path) -> io::Result<()> {
    match fs::symlink_metadata(place) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => fs::rename(new, place),
        Err(why) => Err(why),
        Ok(_) => swap(new, place),
    }
}

#[cfg(target_os = "linux")]
fn swap(new: &Path, place: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        // File systems that cannot do this at once do it in two steps.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => swap_in_steps(new, place),
        other => Ok(other?),
    }
}

#[cfg(not(target_os = "linux"))]
fn swap(new: &Path, place: &Path) -> io::Result<()> {
    swap_in_steps(new, place)
}

fn swap_in_steps(new: &Path, place: &Path) -> io::Result<()> {
    let mut old = new.as_os_str().to_owned();
    old.push(OLD);
    let old = PathBuf::from(old);
    fs::rename(place, &old)?;
    match fs::rename(new, place) {
        Ok(()) => fs::remove_dir_all(&old),
        Err(why) => {
            fs::rename(&old, place)?;
            Err(why)
        }
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
