//! What bytes mean: RTP and RTCP, payload descriptors, error correction, sequence arithmetic, and sound: Opus itself and samples; with the
//! feature `video`, pictures too.
//!
//! Pure functions of bytes. This crate does no I/O, reads no clock and knows no rooms. Parsers borrow from the packet,
//! never allocate (but for a dependency structure, once a key frame) and never panic: whatever came from outside ends in a
//! value or in a [`ParseError`]. Writers append to a `Vec<u8>` that the caller owns and reuses.

pub mod fec;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "opus")]
pub mod opus;
pub mod payload;
pub mod pcm;
pub mod rtcp;
pub mod rtp;
pub mod seq;
#[cfg(feature = "video")]
pub mod video;

mod error;
mod reader;

pub use error::ParseError;
