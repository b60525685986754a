//! All objects at one moment. It never changes: a change is another one, put in its place at once.

use super::constraints::is_wanted;
use super::kind::Kind;
use super::object::{Object, Origin, Ready};
use super::package::Package;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// What clients get when they ask for `default`: names, the first that there is and that meets what they ask.
pub type Defaults = BTreeMap<Kind, Vec<String>>;

/// What is wrong with one object. The others are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The object's folder, such as `hyperty/Connector`.
    pub place: String,
    /// What is wrong, and what to do about it.
    pub why: String,
    /// Whether its last good version is served meanwhile.
    pub has_older: bool,
}

/// Why there is no such object; the text is that of the originals.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Missing {
    /// None is called so.
    #[error("Could not find instance: {0}")]
    Name(String),
    /// No default is configured, or it is not there.
    #[error("No instance defined as default for type '{0}'")]
    Default(&'static str),
    /// None of those of this name meets what was asked.
    #[error("Unable to find instance named {name} that matches constraints {constraints}")]
    Constraints {
        /// The name that was asked for.
        name: String,
        /// What was asked of it, as JSON.
        constraints: String,
    },
}

/// A source package as it is served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) package: Arc<Package>,
    pub(super) json: Ready,
    pub(super) code: Ready,
}

type ByName<T> = BTreeMap<String, Vec<Arc<T>>>;

/// All objects at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    objects: BTreeMap<Kind, ByName<Object>>,
    packages: ByName<Served>,
    defaults: Defaults,
    flaws: Vec<Flaw>,
}

impl Snapshot {
    /// Puts objects together. Where some of the operator's and some that came with this server are called the same, the operator's are served.
    #[must_use]
    pub fn new(objects: Vec<Object>, defaults: Defaults, flaws: Vec<Flaw>) -> Self {
        let key = |object: &Object| (object.kind(), object.name().to_owned());
        let own: BTreeSet<_> = objects.iter().filter(|object| object.origin() == Origin::Folder).map(key).collect();
        let (objects, _hidden): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|object| object.origin() == Origin::Folder || !own.contains(&key(object)));
        let mut all = Self { defaults, flaws, ..Self::default() };
        let shared = shared_classes(&objects);
        for object in objects {
            let name = object.package().map(|package| package_name(package, &shared));
            let object = Arc::new(object.placed(name.as_deref()));
            if let (Some(name), Some(package)) = (name, object.package()) {
                all.add_package(name, package);
            }
            let by_name = all.objects.entry(object.kind()).or_default();
            by_name.entry(object.name().to_owned()).or_default().push(object);
        }
        all
    }

    fn add_package(&mut self, name: String, package: &Arc<Package>) {
        let is_there = |served: &Arc<Served>| *served.package == **package;
        if self.packages.get(&name).is_some_and(|all| all.iter().any(is_there)) {
            return;
        }
        let json = Ready::new(package.to_json());
        let served = Arc::new(Served { package: Arc::clone(package), json, code: Ready::new(package.code.clone()) });
        // By its class it is to be had in any case.
        if name != package.class {
            self.packages.entry(package.class.clone()).or_default().push(Arc::clone(&served));
        }
        self.packages.entry(name).or_default().push(served);
    }

    /// Finds an object: of some of the same name the first that meets what is asked. `default` is what is configured so. Whoever serves
    /// something of his own below the same path asks here what else there is.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn lookup(
        &self,
        kind: Kind,
        name: &str,
        constraints: Option<&Map<String, Value>>,
    ) -> Result<&Arc<Object>, Missing> {
        let by_name = self.objects.get(&kind);
        let named = |name: &str| by_name.and_then(|all| all.get(name)).map(Vec::as_slice).unwrap_or_default();
        let candidates: Vec<&Arc<Object>> = match self.defaults.get(&kind) {
            Some(names) if name == "default" => names.iter().flat_map(|name| named(name)).collect(),
            _ => named(name).iter().collect(),
        };
        let Some(first) = candidates.first().copied() else {
            return Err(if name == "default" {
                Missing::Default(kind.as_str())
            } else {
                Missing::Name(name.to_owned())
            });
        };
        let Some(constraints) = constraints else { return Ok(first) };
        let fits = |object: &&Arc<Object>| object.fits(constraints);
        candidates.into_iter().find(fits).ok_or_else(|| Missing::Constraints {
            name: name.to_owned(),
            constraints: Value::Object(constraints.clone()).to_string(),
        })
    }

    /// The names of all objects of a type, sorted; of those that meet what is asked.
    #[must_use]
    pub fn names(&self, kind: Kind, constraints: Option<&Map<String, Value>>) -> Vec<&str> {
        let fits =
            |objects: &Vec<Arc<Object>>| constraints.is_none_or(|asked| objects.iter().any(|one| one.fits(asked)));
        let all = self.objects.get(&kind).into_iter().flatten();
        all.filter(|(_, objects)| fits(objects)).map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn package(
        &self,
        name: &str,
        constraints: Option<&Map<String, Value>>,
    ) -> Result<&Arc<Served>, Missing> {
        let all = self.packages.get(name).map(Vec::as_slice).unwrap_or_default();
        let Some(first) = all.first() else { return Err(Missing::Name(name.to_owned())) };
        let Some(constraints) = constraints else { return Ok(first) };
        all.iter().find(|served| served.fits(constraints)).ok_or_else(|| Missing::Constraints {
            name: name.to_owned(),
            constraints: Value::Object(constraints.clone()).to_string(),
        })
    }

    pub(super) fn package_names(&self, constraints: Option<&Map<String, Value>>) -> Vec<&str> {
        let fits = |all: &Vec<Arc<Served>>| constraints.is_none_or(|asked| all.iter().any(|one| one.fits(asked)));
        self.packages.iter().filter(|(_, all)| fits(all)).map(|(name, _)| name.as_str()).collect()
    }

    /// The code of an object, ready to be sent.
    pub(super) fn code_of(&self, object: &Object) -> Option<&Arc<Served>> {
        let package = object.package()?;
        let all = self.packages.get(&package.class)?;
        all.iter().find(|served| Arc::ptr_eq(&served.package, package) || *served.package == **package)
    }

    /// What is wrong with objects that are not served, or not in their newest version.
    #[must_use]
    pub fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    /// How many objects are served.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.values().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

impl Object {
    fn fits(&self, constraints: &Map<String, Value>) -> bool {
        // A client that asks for a digest asks for what it knows; nobody asks for code by its text.
        let digest = Value::from(self.cguid());
        is_wanted(constraints, |field| if field == super::kind::CGUID { Some(&digest) } else { self.get(field) })
    }
}

impl Served {
    fn fits(&self, constraints: &Map<String, Value>) -> bool {
        let fields: Map<String, Value> = super::package::FIELDS
            .into_iter()
            .filter(|field| *field != "sourceCode" && constraints.contains_key(*field))
            .filter_map(|field| self.package.get(field).map(|value| (field.to_owned(), Value::from(value))))
            .collect();
        is_wanted(constraints, |field| fields.get(field))
    }
}

/// Classes that more than one code has.
fn shared_classes(objects: &[Object]) -> BTreeSet<String> {
    let mut seen: BTreeMap<&str, &Arc<Package>> = BTreeMap::new();
    let packages = objects.iter().filter_map(Object::package);
    packages
        .filter(|package| *seen.entry(&package.class).or_insert(package) != *package)
        .map(|package| package.class.clone())
        .collect()
}

/// Under which name a package is to be had: its class, unless others are called so too. (Originals then give any of them.)
fn package_name(package: &Package, shared: &BTreeSet<String>) -> String {
    match shared.contains(&package.class) {
        false => package.class.clone(),
        true => format!("{}_{}", package.class, package.md5),
    }
}
