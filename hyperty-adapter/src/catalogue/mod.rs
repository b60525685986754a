//! The catalogue of a domain: descriptors and code of hyperties, protocol stubs, runtimes, data schemas and proxies of identity providers, from
//! which runtimes load everything that they run.
//!
//! [`Catalogue`] keeps what came with this server and what is in the operator's folder as an immutable [`Snapshot`]; [`answer`] says what clients get
//! of it, and [`http`] serves that. Sources: reTHINK `dev-catalogue` (broker, database, `model.json`), `testbeds`, and what clients of 2018 fetch.

mod builtin;
mod constraints;
mod descriptor;
mod folder;
pub mod http;
mod integrity;
mod kind;
mod object;
mod package;
mod query;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod write;

pub use constraints::meets;
pub use descriptor::{Descriptor, MAX_DESCRIPTOR, NoDescriptor};
pub use folder::Limits;
pub use integrity::{BadKey, BadSignature, Integrity, SignatureAlgorithm, Unsigned};
pub use kind::Kind;
pub use object::{Files, NoObject, Object, Origin, Places, Surroundings};
pub use package::{Encoding, MAX_CODE, NoPackage, Package};
pub use query::{Answer, Question, answer};
pub use snapshot::{Defaults, Flaw, Missing, Snapshot};
pub use store::{Catalogue, LOOK_EVERY, NoCatalogue, NoChange, Settings};
