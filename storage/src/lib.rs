//! What outlives the process: the one crate that knows SQL.
//!
//! [`Database`] is SQLite in a file of its own, or in memory for tests and for whoever wants nothing kept. It has one writer and a few readers,
//! each a connection with a thread of its own, so that nothing here blocks the async runtime. Migrations are numbered, embedded in the program and
//! go forward only.
//!
//! One module a subject. Each has a trait that says what is kept (as the subject sees it, without SQL) and its implementation for [`Database`]: where
//! a cluster outgrows one file, a second implementation for PostgreSQL stands beside it and both pass the same tests. Queries keep to what both
//! understand (`$1`, `ON CONFLICT`, no `OR REPLACE`).
//!
//! Rules of the subjects are not here: they decide on a state that was read, and storage makes it one transaction.

mod database;
mod error;
pub mod global;
pub mod identity;
mod migrations;
mod place;
pub mod registry;

pub use database::{Database, Durability, Options};
pub use error::StorageError;
pub use place::Place;
