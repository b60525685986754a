//! One object: its descriptor and its code, checked, and what clients get of it.

use super::descriptor::{Descriptor, NoDescriptor};
use super::integrity::{BadSignature, Integrity, entity_tag, md5_hex};
use super::kind::{CGUID, Kind, SIGNATURE, SOURCE_PACKAGE_URL};
use super::package::{NoPackage, Package};
use bytes::Bytes;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use thiserror::Error;

/// Why an object is not served, and what to do about it.
#[derive(Debug, Error)]
pub enum NoObject {
    /// Its descriptor is none.
    #[error("description.json: {0}")]
    Descriptor(#[from] NoDescriptor),
    /// Its code is none.
    #[error("sourcePackage.json: {0}")]
    Package(#[from] NoPackage),
    /// Its signature is not good.
    #[error("{0}")]
    Signature(#[from] BadSignature),
    /// One of its files is no JSON.
    #[error("{0} is not JSON: {1}")]
    Json(&'static str, serde_json::Error),
    /// One of its files cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, String),
    /// One of its files is not what is read.
    #[error("{0} {1}")]
    File(String, &'static str),
}

/// The files of an object, as they were read.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// `description.json`.
    pub description: String,
    /// `sourcePackage.json`, if there is one.
    pub package: Option<String>,
    /// `sourceCode.*`, if there is one.
    pub code: Option<Bytes>,
}

/// Where an object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It came with this server.
    BuiltIn,
    /// It is in the folder of the operator.
    Folder,
}

/// What stands in descriptors for this domain, so that one descriptor is good for all: `${domain}`, `${catalogue}`, `${node}` and
/// `${identity}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The domain, such as `example.com`.
    pub domain: String,
    /// Where its catalogue is, such as `catalogue.example.com`; with a port, where it is not 443.
    pub catalogue: String,
    /// The WebSocket of its message node, such as `wss://msg-node.example.com/ws`.
    pub node: String,
    /// The origin of its identity provider, such as `https://id.example.com`. Runtimes of 2018 close the window in which people sign in as soon as
    /// it is on their own origin: another one is better.
    pub identity: String,
}

impl Places {
    /// Those of a domain, each under the name that runtimes look for.
    #[must_use]
    pub fn of(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            catalogue: format!("catalogue.{domain}"),
            node: format!("wss://msg-node.{domain}/ws"),
            identity: format!("https://{domain}"),
        }
    }

    fn fill<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains("${") {
            return Cow::Borrowed(text);
        }
        let places = [
            ("${domain}", &self.domain),
            ("${catalogue}", &self.catalogue),
            ("${node}", &self.node),
            ("${identity}", &self.identity),
        ];
        Cow::Owned(places.into_iter().fold(text.to_owned(), |text, (name, place)| {
            // What is put in stands within a JSON string.
            let quoted = Value::from(place.as_str()).to_string();
            text.replace(name, quoted.trim_matches('"'))
        }))
    }
}

/// What an object is checked with.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// What stands in its descriptor for this domain.
    pub places: &'a Places,
    /// What is signed, and what is asked of signatures.
    pub integrity: &'a Integrity,
}

/// An object that was checked.
#[derive(Debug, Clone)]
pub struct Object {
    pub(super) origin: Origin,
    pub(super) descriptor: Descriptor,
    pub(super) package: Option<Arc<Package>>,
    /// Empty until the catalogue knows under which name its code is to be had.
    pub(super) cguid: String,
    kid: String,
}

/// Hosts in which `sourcePackageURL` begins: only what a client sent us can stand there.
const SCHEME: &str = "hyperty-catalogue://";

impl Object {
    /// Checks files. `unknown` is told of each field that is left out.
    ///
    /// # Errors
    /// [`NoObject`].
    pub fn load(
        kind: Kind,
        files: Files,
        Surroundings { origin, places, integrity }: Surroundings<'_>,
        unknown: impl FnMut(&str),
    ) -> Result<Self, NoObject> {
        let (mut descriptor, within) = Descriptor::parse(kind, &places.fill(&files.description), unknown)?;
        let members = match files.package {
            Some(text) => Some(serde_json::from_str(&text).map_err(|why| NoObject::Json("sourcePackage.json", why))?),
            None => within,
        };
        let mut package = match members {
            Some(members) => Some(Package::parse(kind, members, files.code)?),
            None if is_elsewhere(descriptor.text(SOURCE_PACKAGE_URL)) => None,
            None => return Err(NoDescriptor::NoCode.into()),
        };
        // The digest is of what is written, not of what this domain adds: a signature by ECDSA is another one each time.
        let signed = descriptor.text(SIGNATURE).to_owned();
        integrity.seal(&mut descriptor, package.as_mut(), origin == Origin::BuiltIn)?;
        let kid = if signed.is_empty() { integrity.kid().to_owned() } else { signed };
        Ok(Self { origin, descriptor, package: package.map(Arc::new), cguid: String::new(), kid })
    }

    /// Says under which name its code is to be had, and counts its digest: that of the descriptor, as originals have it, and of the code.
    /// Originals leave the code out; but clients keep it together with the descriptor, and would not see that it changed.
    #[must_use]
    pub(super) fn placed(mut self, package_name: Option<&str>) -> Self {
        if let Some(name) = package_name {
            self.descriptor.set(SOURCE_PACKAGE_URL, format!("/sourcepackage/{name}"));
        }
        let text = self.descriptor.to_json(|name, value| match name {
            SIGNATURE => Cow::Owned(Value::from(self.kid.as_str())),
            _ => Cow::Borrowed(value),
        });
        let code = self.package.as_ref().map_or("", |package| &package.md5);
        self.cguid = md5_hex(format!("{text}{code}").as_bytes());
        self
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.descriptor.kind()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.descriptor.name()
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The digest by which clients see that it changed.
    #[must_use]
    pub fn cguid(&self) -> &str {
        &self.cguid
    }

    /// Its code, unless that is elsewhere.
    #[must_use]
    pub fn package(&self) -> Option<&Arc<Package>> {
        self.package.as_ref()
    }

    /// A field of its descriptor as it is written, but for those that are the catalogue's.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.descriptor.get(field)
    }

    /// A field of its descriptor, as clients that know the catalogue under the name `host` get it.
    #[must_use]
    pub fn field(&self, field: &str, host: &str) -> Option<Value> {
        match field {
            CGUID => Some(Value::from(self.cguid.as_str())),
            SIGNATURE => Some(Value::from(self.descriptor.text(SIGNATURE))),
            _ => self.descriptor.get(field).map(|value| absolute(field, value, host).into_owned()),
        }
    }

    /// Its descriptor, as clients that know the catalogue under the name `host` get it.
    #[must_use]
    pub fn to_json(&self, host: &str) -> String {
        let text = self.descriptor.to_json(|name, value| absolute(name, value, host));
        // As the originals write it, after all others.
        let rest = text.strip_suffix('}').unwrap_or_default();
        format!("{rest},\"{CGUID}\":\"{}\"}}", self.cguid)
    }
}

fn absolute<'a>(field: &str, value: &'a Value, host: &str) -> Cow<'a, Value> {
    match value.as_str() {
        Some(path) if field == SOURCE_PACKAGE_URL && path.starts_with('/') => {
            Cow::Owned(Value::from(format!("{SCHEME}{host}/.well-known{path}")))
        }
        _ => Cow::Borrowed(value),
    }
}

fn is_elsewhere(url: &str) -> bool {
    [SCHEME, "https://", "http://"].iter().any(|scheme| url.starts_with(scheme))
}

/// Something that clients get as it is, any number of times.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) body: Bytes,
    pub(super) tag: String,
}

impl Ready {
    pub(super) fn new(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let tag = entity_tag(&body);
        Self { body, tag }
    }
}
