//! The catalogue as it lives: what came with this server and what the operator's folder has, read again when that changes.

use super::builtin;
use super::folder::{self, Contents, Limits, Look};
use super::integrity::Integrity;
use super::kind::{Kind, MAX_NAME, is_name};
use super::object::{Files, NoObject, Object, Origin, Places, Surroundings};
use super::snapshot::{Defaults, Flaw, Snapshot};
use super::write::{self, Written};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use thiserror::Error;

/// How often the folder is looked at. A change is taken when it looked the same twice: after four seconds at most.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How a catalogue is set up.
#[derive(Debug)]
pub struct Settings {
    /// The operator's objects; without, there is only what came with this server, and nothing can be put.
    pub folder: Option<PathBuf>,
    /// What stands in descriptors for this domain.
    pub places: Places,
    /// What clients get that ask for `default`. Types that are not here have the default that came with this server.
    pub defaults: Defaults,
    /// What is signed, and what is asked of signatures.
    pub integrity: Integrity,
    /// How much the folder may hold.
    pub limits: Limits,
}

impl Settings {
    /// Those of a domain, without a folder.
    #[must_use]
    pub fn of(domain: &str) -> Self {
        Self {
            folder: None,
            places: Places::of(domain),
            defaults: Defaults::new(),
            integrity: Integrity::default(),
            limits: Limits::default(),
        }
    }
}

/// Why there is no catalogue.
#[derive(Debug, Error)]
#[error("the catalogue's folder {folder:?} cannot be read: {source}; create it, or take it out of the configuration")]
pub struct NoCatalogue {
    folder: PathBuf,
    source: io::Error,
}

/// Why a change was not made.
#[derive(Debug, Error)]
pub enum NoChange {
    /// There is no folder.
    #[error("this catalogue has no folder: configure one, so that what is put is kept")]
    NoFolder,
    /// It is called by what is no name.
    #[error(
        "objects are called by up to {MAX_NAME} letters, digits and . _ - @ + ~, not beginning with a dot, and not `default`"
    )]
    Name,
    /// It is called otherwise within.
    #[error("`objectName` is {0:?}, and it is put as another: both have to be the same")]
    OtherName(String),
    /// It is no good object.
    #[error(transparent)]
    Object(#[from] NoObject),
    /// There is no such object in the folder. What came with this server cannot be deleted; an object of the same name hides it.
    #[error(
        "there is no such object in the catalogue's folder; what comes with this server stays, unless another of its name is put"
    )]
    Missing,
    /// There are as many objects as may be.
    #[error("there are as many objects as the configuration takes")]
    Full,
    /// The disk does not want it.
    #[error("the catalogue's folder cannot be written to: {0}")]
    Io(#[from] io::Error),
}

/// A catalogue.
#[derive(Debug)]
pub struct Catalogue {
    settings: Settings,
    current: RwLock<Arc<Snapshot>>,
    work: Mutex<Work>,
}

/// What one thread does at a time: reading the folder, and writing to it.
#[derive(Debug, Default)]
struct Work {
    /// Of each folder the last version that was good.
    good: BTreeMap<String, Object>,
    /// How the folder looked when it was read.
    read: Option<Look>,
    /// How it looked the last time.
    last: Option<Look>,
}

impl Catalogue {
    /// Reads everything.
    ///
    /// # Errors
    /// When there is no such folder. An object that is no good is a [`Flaw`] of the snapshot, and no error.
    pub fn new(settings: Settings) -> Result<Self, NoCatalogue> {
        let catalogue = Self { settings, current: RwLock::default(), work: Mutex::default() };
        let result = catalogue.settings.folder.as_deref().map_or(Ok(()), |folder| {
            std::fs::read_dir(folder).and_then(|_| write::sweep(folder)).map_err(|source| (folder.to_owned(), source))
        });
        let result = result.and_then(|()| {
            let folder = catalogue.settings.folder.clone().unwrap_or_default();
            catalogue.read(&mut catalogue.lock()).map_err(|source| (folder, source))
        });
        result.map_err(|(folder, source)| NoCatalogue { folder, source })?;
        Ok(catalogue)
    }

    /// All objects as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What stands in descriptors for this domain.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.settings.places
    }

    /// Looks whether the folder changed, and reads it when it looks as it did the last time, so that nobody is writing to it any more. `true`
    /// when it was read. Blocks while files are read.
    ///
    /// # Errors
    /// When the folder cannot be read. What was served is served on.
    pub fn look(&self) -> io::Result<bool> {
        let Some(root) = &self.settings.folder else { return Ok(false) };
        let mut work = self.lock();
        let now = Some(folder::look(root, self.settings.limits)?);
        let is_quiet = now == work.last;
        let is_new = now != work.read;
        work.last = now;
        if is_new && is_quiet {
            self.read(&mut work)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Looks every so often, on a thread for what blocks, until the future is dropped.
    pub async fn watch(self: Arc<Self>, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let catalogue = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || catalogue.look()).await {
                Ok(Ok(_)) => {}
                Ok(Err(why)) => {
                    tracing::warn!(%why, "the catalogue's folder cannot be read; what was served is served on");
                }
                Err(why) => tracing::error!(%why, "looking at the catalogue's folder failed"),
            }
        }
    }

    /// Puts an object: checks it, writes its files into the folder, and serves it from then on. Blocks while files are written.
    ///
    /// # Errors
    /// [`NoChange`]; then nothing changed.
    pub fn put(&self, kind: Kind, name: &str, files: &Files) -> Result<(), NoChange> {
        let Some(root) = self.settings.folder.as_deref() else { return Err(NoChange::NoFolder) };
        if !is_name(name) || name == "default" {
            return Err(NoChange::Name);
        }
        let object = self.load(kind, files.clone(), Origin::Folder, name)?;
        if object.name() != name {
            return Err(NoChange::OtherName(object.name().to_owned()));
        }
        let mut work = self.lock();
        let is_new = !root.join(kind.as_str()).join(name).exists();
        if is_new && work.good.len() >= self.settings.limits.objects {
            return Err(NoChange::Full);
        }
        let written =
            Written { description: &files.description, package: files.package.as_deref(), code: files.code.as_deref() };
        write::put(root, kind, name, &written)?;
        Ok(self.read(&mut work)?)
    }

    /// Takes an object out of the folder. One of the same name that came with this server is served again. Blocks while files are written.
    ///
    /// # Errors
    /// [`NoChange`]; then nothing changed.
    pub fn delete(&self, kind: Kind, name: &str) -> Result<(), NoChange> {
        let Some(root) = self.settings.folder.as_deref() else { return Err(NoChange::NoFolder) };
        if !is_name(name) {
            return Err(NoChange::Name);
        }
        let mut work = self.lock();
        if !write::delete(root, kind, name)? {
            return Err(NoChange::Missing);
        }
        Ok(self.read(&mut work)?)
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self, kind: Kind, files: Files, origin: Origin, place: &str) -> Result<Object, NoObject> {
        let Settings { places, integrity, .. } = &self.settings;
        Object::load(kind, files, Surroundings { origin, places, integrity }, |field| {
            tracing::debug!(%kind, place, field, "descriptors of this type have no such field: it is left out");
        })
    }

    /// Reads everything, and serves it.
    fn read(&self, work: &mut Work) -> io::Result<()> {
        let (mut objects, mut flaws) = (Vec::new(), Vec::new());
        for (kind, place, files) in builtin::files() {
            match self.load(kind, files, Origin::BuiltIn, &place) {
                Ok(object) => objects.push(object),
                Err(why) => flaws.push(Flaw { place, why: why.to_string(), has_older: false }),
            }
        }
        let mut look = None;
        if let Some(root) = self.settings.folder.as_deref() {
            let (contents, seen) = read_quiet(root, self.settings.limits)?;
            look = seen;
            self.take(contents, work, &mut objects, &mut flaws);
        }
        (work.last, work.read) = (look.clone(), look);
        let mut defaults = builtin::defaults(&self.settings.places);
        defaults.extend(self.settings.defaults.clone());
        let before = self.snapshot();
        for flaw in flaws.iter().filter(|flaw| !before.flaws().contains(flaw)) {
            let Flaw { place, why, has_older } = flaw;
            tracing::warn!(
                place,
                why,
                has_older,
                "an object of the catalogue is not served, or not in its newest version"
            );
        }
        let snapshot = Arc::new(Snapshot::new(objects, defaults, flaws));
        tracing::info!(objects = snapshot.len(), flaws = snapshot.flaws().len(), "the catalogue was read");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        Ok(())
    }

    fn take(&self, contents: Contents, work: &mut Work, objects: &mut Vec<Object>, flaws: &mut Vec<Flaw>) {
        let strange = contents.strange.into_iter().map(|(place, why)| Flaw { place, why, has_older: false });
        flaws.extend(strange);
        let mut good = BTreeMap::new();
        for found in contents.found {
            let loaded = found.files.and_then(|files| self.load(found.kind, files, Origin::Folder, &found.place));
            let object = loaded.or_else(|why| {
                let older = work.good.remove(&found.place);
                flaws.push(Flaw { place: found.place.clone(), why: why.to_string(), has_older: older.is_some() });
                older.ok_or(())
            });
            if let Ok(object) = object {
                objects.push(object.clone());
                good.insert(found.place, object);
            }
        }
        // What is gone is forgotten.
        work.good = good;
    }
}

/// Reads a folder, once more where it changed meanwhile; what was seen is then told, so that a later look finds it changed.
fn read_quiet(root: &Path, limits: Limits) -> io::Result<(Contents, Option<Look>)> {
    const TRIES: usize = 3;
    let mut before = folder::look(root, limits)?;
    let mut contents = folder::read(root, limits)?;
    for _ in 1..TRIES {
        let after = folder::look(root, limits)?;
        if after == before {
            return Ok((contents, Some(before)));
        }
        before = after;
        contents = folder::read(root, limits)?;
    }
    Ok((contents, None))
}

/// Files of an object as they come in a request.
impl Files {
    /// The files of an object that is put: its descriptor and its source package as JSON, and its code.
    #[must_use]
    pub fn new(description: String, package: Option<String>, code: Option<String>) -> Self {
        Self { description, package, code: code.map(Bytes::from) }
    }
}
