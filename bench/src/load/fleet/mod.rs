//! Thousands of clients in a few threads.

mod crew;
mod desk;

pub use desk::{Desk, Line};
