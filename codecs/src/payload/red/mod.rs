//! Redundant audio (RFC 2198).

mod read;
mod write;

pub use read::{Red, RedBlock};
pub use write::{MAX_RED_BLOCK_LEN, MAX_RED_OFFSET, write_red};
