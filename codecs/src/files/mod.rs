//! Sound files: WAV, FLAC, MP3, Ogg Vorbis and Ogg Opus into the samples that everything here is made of: one channel of 48 kHz.
//!
//! What a file says of itself is not believed: lengths, rates and channels are checked before anything is made by them.

mod read;
mod resample;
mod streamed;
#[cfg(test)]
mod tests;

pub use read::{FileError, read};
pub use streamed::finish_streamed;
