//! The domain registry: which hyperties and runtimes of this domain's users are reachable, and which data objects they report (specs:
//! `datamodel/core/hyperty-registry`, `messages/registration-messages`, `messages/discovery-messages`).
//!
//! Entries are *soft state*: an entry that gives no sign of life for `expires` seconds counts as `disconnected`. That is computed whenever an entry is
//! read, from its deadline, so that an expiry costs nothing and is never late; [`Registry::sweep`] writes it down afterwards, for those who want to
//! be told.
//!
//! - [`record`]: what clients register, read and checked.
//! - [`rules`]: what a registration, a sign of life or an update makes of an entry: pure, told the time.
//! - [`Registry`]: the rules on a store, and the news.
//! - [`message`]: the registry as messages know it, at `domain://registry.<domain>`.
//! - [`rest`]: the registry as HTTP knows it, on the paths of the original.
//! - [`Edge`]: this and the global registry, mounted at a node.

mod changes;
mod edge;
pub mod message;
pub mod record;
pub mod rest;
pub mod rules;
mod service;
mod show;
#[cfg(test)]
mod tests;

pub use changes::StatusChange;
pub use edge::Edge;
pub use service::{Answer, Refused, Registry, Search, Settings};
