//! The types of catalogue objects, and the fields that each has (dev-catalogue: `model/model.json`).

use std::fmt;

/// A type of catalogue object that has a descriptor. Source packages belong to one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A service that runs in runtimes.
    Hyperty,
    /// What connects a runtime with the message node of a domain.
    Protostub,
    /// A runtime.
    Runtime,
    /// What data objects look like: a JSON schema.
    Schema,
    /// What speaks to an identity provider.
    IdpProxy,
}

/// Whether a descriptor must have a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Its author writes it.
    Author,
    /// The catalogue writes it, whatever its author wrote.
    Catalogue,
    /// It may be left out.
    Optional,
}

use Need::{Author, Catalogue, Optional};

/// Name of the descriptor's digest, which clients compare with that of what they have.
pub(super) const CGUID: &str = "cguid";
/// Name of where a descriptor says where its code is.
pub(super) const SOURCE_PACKAGE_URL: &str = "sourcePackageURL";
/// Name of a descriptor's code, where it is asked for as one of its fields.
pub(super) const SOURCE_PACKAGE: &str = "sourcePackage";
/// Name of an object's name.
pub(super) const OBJECT_NAME: &str = "objectName";
/// Name of what a runtime must be able to do.
pub(super) const CONSTRAINTS: &str = "constraints";
/// Name of a signature.
pub(super) const SIGNATURE: &str = "signature";

type Fields = &'static [(&'static str, Need)];

const HYPERTY: Fields = &[
    (CGUID, Catalogue),
    ("hypertyType", Author),
    ("version", Author),
    (OBJECT_NAME, Author),
    ("description", Author),
    (SOURCE_PACKAGE_URL, Catalogue),
    (SOURCE_PACKAGE, Optional),
    ("language", Author),
    (SIGNATURE, Catalogue),
    ("messageSchema", Optional),
    ("configuration", Optional),
    (CONSTRAINTS, Optional),
    ("dataObjects", Author),
    ("policies", Optional),
];

/// Of protocol stubs and of identity providers' proxies.
const STUB: Fields = &[
    (CGUID, Catalogue),
    ("version", Author),
    (OBJECT_NAME, Author),
    ("description", Author),
    (SOURCE_PACKAGE_URL, Catalogue),
    (SOURCE_PACKAGE, Optional),
    ("language", Author),
    (SIGNATURE, Catalogue),
    ("messageSchemas", Optional),
    ("configuration", Optional),
    (CONSTRAINTS, Optional),
    ("hypertyType", Optional),
    ("dataObjects", Optional),
    ("interworking", Optional),
    ("idpProxy", Optional),
    ("mutualAuthentication", Optional),
];

const RUNTIME: Fields = &[
    (CGUID, Catalogue),
    ("runtimeType", Author),
    ("version", Author),
    (OBJECT_NAME, Author),
    ("description", Author),
    (SOURCE_PACKAGE_URL, Catalogue),
    (SOURCE_PACKAGE, Optional),
    ("language", Author),
    (SIGNATURE, Catalogue),
    ("hypertyCapabilities", Author),
    ("protocolCapabilities", Author),
    ("p2pHandlerStub", Optional),
    ("p2pRequesterStub", Optional),
];

const SCHEMA: Fields = &[
    (CGUID, Catalogue),
    ("type", Author),
    ("version", Author),
    (OBJECT_NAME, Author),
    ("description", Author),
    (SOURCE_PACKAGE_URL, Catalogue),
    (SOURCE_PACKAGE, Optional),
    ("language", Author),
    (SIGNATURE, Catalogue),
    ("accessControlPolicy", Optional),
    ("scheme", Optional),
];

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Hyperty, Self::Protostub, Self::Runtime, Self::Schema, Self::IdpProxy];

    /// As paths and folders have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hyperty => "hyperty",
            Self::Protostub => "protocolstub",
            Self::Runtime => "runtime",
            Self::Schema => "dataschema",
            Self::IdpProxy => "idp-proxy",
        }
    }

    /// The one that paths and folders call so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Its fields, in the order in which errors list them. A field that is none of these is not served, as originals do.
    #[must_use]
    pub const fn fields(self) -> Fields {
        match self {
            Self::Hyperty => HYPERTY,
            Self::Protostub | Self::IdpProxy => STUB,
            Self::Runtime => RUNTIME,
            Self::Schema => SCHEMA,
        }
    }

    /// Whether descriptors of it may have a field of this name.
    #[must_use]
    pub fn has(self, field: &str) -> bool {
        self.fields().iter().any(|(name, _)| *name == field)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Longest name of an object, in bytes.
pub(super) const MAX_NAME: usize = 128;

/// Whether objects, their folders and the classes of their code may be called so: what is safe as one part of a path, in URLs and in
/// file systems.
#[must_use]
pub(super) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'+' | b'~');
    (1..=MAX_NAME).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(is_plain)
}
