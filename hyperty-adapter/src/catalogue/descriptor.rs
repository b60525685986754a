//! Descriptors: what their authors write (`description.json`), read and checked.

use super::kind::{CGUID, Kind, MAX_NAME, Need, OBJECT_NAME, SIGNATURE, SOURCE_PACKAGE, SOURCE_PACKAGE_URL, is_name};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// Longest descriptor, in bytes of JSON.
pub const MAX_DESCRIPTOR: usize = 256 * 1024;
/// Fields of one descriptor at most; the richest type has 16.
const MAX_FIELDS: usize = 64;

/// Why something is no descriptor, and what to do about it.
#[derive(Debug, Error)]
pub enum NoDescriptor {
    /// It is longer than [`MAX_DESCRIPTOR`].
    #[error(
        "the descriptor is longer than {MAX_DESCRIPTOR} bytes: move what makes it long into the code or to another server"
    )]
    TooLong,
    /// It is no JSON object.
    #[error("the descriptor is not a JSON object with each field once: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A field is missing that its author has to write.
    #[error("`{0}` is missing: every {1} has it")]
    Lacks(&'static str, Kind),
    /// It is not called by a name.
    #[error(
        "`objectName` is {0}: use up to {MAX_NAME} letters, digits and . _ - @ + ~, not beginning with a dot, and not `default`, \
         which is configured"
    )]
    Name(Value),
    /// A hyperty with a `type`.
    #[error(
        "a hyperty has no `type`: runtimes of 2018 would register it with that instead of `hypertyType`, and nobody would find it; \
         remove `type`, and name the resources in `hypertyType`, such as [\"audio\", \"video\"]"
    )]
    TypeOfHyperty,
    /// A field that is text is something else.
    #[error("`{0}` is not a text")]
    NotText(&'static str),
    /// Where the code of an object without code is to be had is not said, or not a URL.
    #[error(
        "there is no code: put `sourcePackage.json` beside it (and `sourceCode.js`), or give a `sourcePackageURL` that begins with \
         hyperty-catalogue:// or https://"
    )]
    NoCode,
}

/// A descriptor as its author wrote it, checked, with its fields in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    kind: Kind,
    name: String,
    fields: Vec<(String, Value)>,
}

impl Descriptor {
    /// Reads one, and gives the code that is within it as a JSON object, where there is any. Fields that descriptors of this type do not
    /// have are left out, as originals do; `unknown` is told of each.
    ///
    /// # Errors
    /// [`NoDescriptor`].
    pub fn parse(kind: Kind, text: &str, mut unknown: impl FnMut(&str)) -> Result<(Self, Option<Value>), NoDescriptor> {
        if text.len() > MAX_DESCRIPTOR {
            return Err(NoDescriptor::TooLong);
        }
        let Ordered(mut fields) = serde_json::from_str(text)?;
        // What runtimes would read although the catalogue's model does not have it.
        if kind == Kind::Hyperty && fields.iter().any(|(name, _)| name == "type") {
            return Err(NoDescriptor::TypeOfHyperty);
        }
        fields.retain(|(name, _)| {
            let is_known = kind.has(name);
            if !is_known {
                unknown(name);
            }
            is_known && name != CGUID
        });
        let code = fields.iter().position(|(name, _)| name == SOURCE_PACKAGE).map(|at| fields.remove(at).1);
        let get = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
        if let Some((missing, _)) =
            kind.fields().iter().find(|(name, need)| *need == Need::Author && get(name).is_none())
        {
            return Err(NoDescriptor::Lacks(missing, kind));
        }
        let name = match get(OBJECT_NAME) {
            Some(Value::String(name)) if is_name(name) && name != "default" => name.clone(),
            other => return Err(NoDescriptor::Name(other.cloned().unwrap_or_default())),
        };
        for text in ["description", "language", SIGNATURE, SOURCE_PACKAGE_URL] {
            if get(text).is_some_and(|value| !value.is_string()) {
                return Err(NoDescriptor::NotText(text));
            }
        }
        if get("version").is_some_and(|version| !version.is_string() && !version.is_number()) {
            return Err(NoDescriptor::NotText("version"));
        }
        Ok((Self { kind, name, fields }, code))
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the object is called: not necessarily as its folder is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One of its fields.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, value)| value)
    }

    /// One of its fields, where that is text; empty where there is none.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a field: at its place, or after all others.
    pub(super) fn set(&mut self, field: &str, value: String) {
        match self.fields.iter_mut().find(|(name, _)| name == field) {
            Some((_, old)) => *old = Value::String(value),
            None => self.fields.push((field.to_owned(), Value::String(value))),
        }
    }

    /// As JSON without white space, each field as `with` wants it.
    pub(super) fn to_json<'a>(&'a self, with: impl Fn(&'a str, &'a Value) -> std::borrow::Cow<'a, Value>) -> String {
        struct Fields<'a, F>(&'a Descriptor, F);

        impl<'a, F: Fn(&'a str, &'a Value) -> std::borrow::Cow<'a, Value>> Serialize for Fields<'a, F> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.fields.len()))?;
                for (name, value) in &self.0.fields {
                    map.serialize_entry(name, &*self.1(name, value))?;
                }
                map.end()
            }
        }

        // JSON values can be written as JSON.
        serde_json::to_string(&Fields(self, with)).unwrap_or_default()
    }

    /// The fields that are their author's, sorted by name: what signatures are about.
    pub(super) fn of_author(&self) -> serde_json::Map<String, Value> {
        let is_authors = |name: &str| !matches!(name, CGUID | SIGNATURE | SOURCE_PACKAGE_URL);
        let fields = self.fields.iter().filter(|(name, _)| is_authors(name));
        let mut sorted: Vec<_> = fields.cloned().collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        sorted.into_iter().collect()
    }
}

/// A JSON object with its members in their order, each name once. (`serde_json` sorts them, and takes the last of two.)
struct Ordered(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut fields: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom(format_args!("`{name}` is there twice")));
                    }
                    if fields.len() == MAX_FIELDS {
                        return Err(serde::de::Error::custom(format_args!("there are more than {MAX_FIELDS} fields")));
                    }
                    fields.push((name, value));
                }
                Ok(Ordered(fields))
            }
        }

        deserializer.deserialize_map(Read)
    }
}
