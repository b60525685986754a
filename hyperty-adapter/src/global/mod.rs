//! The global registry: for each user who made one, a record signed by himself of where he is known (`dev-registry-global`). Nobody hands out these
//! names: a user's GUID is a hash of his public key and a salt, so that only who has the private key can say anything under it, and whoever reads a
//! record can check it without trusting this server.
//!
//! - [`dataset`]: what a record says, and what it must say.
//! - [`signed`]: the JSON web token around it, and its signature.
//! - [`GlobalRegistry`]: what is kept, and what may replace it.
//! - [`message`] and [`rest`]: the registry at `global://registry`, and on the paths of the original.

pub mod dataset;
pub mod message;
pub mod rest;
mod service;
pub mod signed;
#[cfg(test)]
mod tests;

pub use service::{GlobalRegistry, Refused, Settings};
