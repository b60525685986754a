//! The folder of objects: `<type>/<name>/{description.json, sourcePackage.json, sourceCode.*}`, as the originals' database and their testbeds have it.

use super::descriptor::MAX_DESCRIPTOR;
use super::kind::{Kind, is_name};
use super::object::{Files, NoObject};
use super::package::MAX_CODE;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use std::fs::{self, DirEntry, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

pub(super) const DESCRIPTION: &str = "description.json";
pub(super) const PACKAGE: &str = "sourcePackage.json";
const CODE: &str = "sourceCode";
/// Longest `sourcePackage.json`: code within it is written as JSON, in which a byte is up to six.
const MAX_PACKAGE: usize = MAX_CODE * 2;
/// Entries of one object's folder that are looked at.
const MAX_FILES: usize = 64;

/// How much a folder may hold. What goes beyond is not served, and said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Objects.
    pub objects: usize,
    /// Bytes of all their files together: they are kept in memory, twice.
    pub total_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { objects: 2_000, total_bytes: 256 * 1024 * 1024 }
    }
}

/// An object's files, or why they cannot be read.
#[derive(Debug)]
pub(super) struct Found {
    /// `<type>/<name of the folder>`.
    pub(super) place: String,
    pub(super) kind: Kind,
    pub(super) files: Result<Files, NoObject>,
}

/// All that a folder has, and what in it is no object.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) found: Vec<Found>,
    pub(super) strange: Vec<(String, String)>,
}

/// What a folder looks like from outside. It changes with whatever changes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look(Vec<u8>);

/// Looks at a folder without reading its files.
pub(super) fn look(root: &Path, limits: Limits) -> io::Result<Look> {
    let mut digest = Context::new(&SHA256);
    for (kind, object) in objects(root, limits)?.0 {
        for file in entries(&object, MAX_FILES)? {
            let Ok(meta) = fs::metadata(file.path()) else { continue };
            let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let line = format!("{kind}/{}:{}:{modified:?}:{}\n", file.path().display(), meta.len(), number_of(&meta));
            digest.update(line.as_bytes());
        }
        digest.update(object.as_os_str().as_encoded_bytes());
    }
    Ok(Look(digest.finish().as_ref().to_vec()))
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

/// Reads a folder.
pub(super) fn read(root: &Path, limits: Limits) -> io::Result<Contents> {
    let (folders, strange) = objects(root, limits)?;
    let mut contents = Contents { found: Vec::new(), strange };
    let inside = fs::canonicalize(root)?;
    let mut left = limits.total_bytes;
    for (kind, folder) in folders {
        let place = place_of(kind, &folder);
        let files = read_object(&folder, &inside, left);
        if let Ok(files) = &files {
            let size = files.description.len() + files.package.as_ref().map_or(0, String::len);
            left = left.saturating_sub(size + files.code.as_ref().map_or(0, Bytes::len));
        }
        contents.found.push(Found { place, kind, files });
    }
    Ok(contents)
}

fn place_of(kind: Kind, folder: &Path) -> String {
    format!("{kind}/{}", folder.file_name().unwrap_or_default().to_string_lossy())
}

type Folders = (Vec<(Kind, PathBuf)>, Vec<(String, String)>);

/// The folders of objects, sorted; and what is in the way.
fn objects(root: &Path, limits: Limits) -> io::Result<Folders> {
    let (mut folders, mut strange) = (Vec::new(), Vec::new());
    let most = limits.objects.saturating_mul(2);
    for entry in entries(root, most)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(kind) = Kind::parse(&name) else {
            if entry.path().is_dir() {
                let known = Kind::ALL.map(Kind::as_str).join(", ");
                strange.push((name, format!("this is no type of objects: folders are called {known}")));
            }
            continue;
        };
        // Room for what is no object, so that some files beside the folders hide none of these.
        let inside = entries(&entry.path(), most)?;
        if inside.len() > most {
            strange.push((name, format!("there is more in it than the {most} entries that are looked at")));
        }
        for object in inside {
            let path = object.path();
            let place = place_of(kind, &path);
            if !path.is_dir() {
                continue;
            }
            let name = object.file_name();
            let complaint = match name.to_str() {
                Some("default") => "the default is configured, and not a folder: give it its name",
                Some(name) if !is_name(name) => "folders are called by letters, digits and . _ - @ + ~",
                None => "its name is no UTF-8",
                Some(_) if folders.len() >= limits.objects => {
                    "there are more objects than are taken: raise the limit, or remove some"
                }
                Some(_) => {
                    folders.push((kind, path));
                    continue;
                }
            };
            strange.push((place, complaint.to_owned()));
        }
    }
    Ok((folders, strange))
}

/// What is in a folder, sorted, but for what is hidden: half-written things are.
fn entries(folder: &Path, most: usize) -> io::Result<Vec<DirEntry>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let all: io::Result<Vec<DirEntry>> = fs::read_dir(folder)?.take(most.saturating_add(1)).collect();
    let mut all = all?;
    all.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    all.sort_by_key(DirEntry::file_name);
    Ok(all)
}

fn read_object(folder: &Path, inside: &Path, left: usize) -> Result<Files, NoObject> {
    let unreadable = |why: io::Error| NoObject::Unreadable("the folder".to_owned(), why.to_string());
    let (mut description, mut package, mut code) = (None, None, None);
    let mut left = left;
    for file in entries(folder, MAX_FILES).map_err(unreadable)? {
        let file_name = file.file_name();
        let Some(name) = file_name.to_str() else { continue };
        let (slot, most) = match name {
            DESCRIPTION => (&mut description, MAX_DESCRIPTOR),
            PACKAGE => (&mut package, MAX_PACKAGE),
            // The first one, as originals take any one.
            _ if name.starts_with(CODE) && code.is_none() => (&mut code, MAX_CODE),
            _ => continue,
        };
        let bytes = read_file(&file.path(), inside, most.min(left)).map_err(|why| match why {
            NotRead::Io(why) => NoObject::Unreadable(name.to_owned(), why.to_string()),
            NotRead::Outside => {
                NoObject::File(name.to_owned(), "is a link out of the catalogue's folder: put the file itself here")
            }
            NotRead::NoFile => NoObject::File(name.to_owned(), "is no plain file"),
            NotRead::TooLong => {
                NoObject::File(name.to_owned(), "is longer than is taken, or than what all files together may be")
            }
        })?;
        left = left.saturating_sub(bytes.len());
        *slot = Some(bytes);
    }
    let text = |name: &'static str, bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|_| NoObject::File(name.to_owned(), "is not UTF-8 text"))
    };
    let description = description
        .ok_or_else(|| NoObject::File(DESCRIPTION.to_owned(), "is missing: it is the object's descriptor"))?;
    Ok(Files {
        description: text(DESCRIPTION, description)?,
        package: package.map(|bytes| text(PACKAGE, bytes)).transpose()?,
        code: code.map(Bytes::from),
    })
}

enum NotRead {
    Io(io::Error),
    Outside,
    NoFile,
    TooLong,
}

impl From<io::Error> for NotRead {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}

fn read_file(path: &Path, inside: &Path, most: usize) -> Result<Vec<u8>, NotRead> {
    // Links are followed within the folder: mounted configurations are made of them. Also folders on the way may be links.
    let real = fs::canonicalize(path)?;
    if !real.starts_with(inside) {
        return Err(NotRead::Outside);
    }
    if !fs::metadata(&real)?.is_file() {
        return Err(NotRead::NoFile);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    File::open(&real)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= most) { Ok(bytes) } else { Err(NotRead::TooLong) }
}
