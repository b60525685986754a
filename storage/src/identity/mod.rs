//! What the identity provider keeps. Rules are its own; here each change is one transaction, and what may be used once is used once.

mod accounts;
mod grants;
mod rest;
mod sessions;
#[cfg(test)]
mod tests;

pub use accounts::{Account, Taken};
pub use grants::{Grant, Redeemed, Rotated};
pub use rest::{Consent, Hyperty, Mail, Revocation, StoredKey};
pub use sessions::Session;

use crate::database::Database;

/// The tables of the identity provider. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct Identities {
    database: Database,
}

impl Identities {
    /// Those of a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Seconds since 1970 as the database has them.
fn db(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// And back.
fn s(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0)
}
