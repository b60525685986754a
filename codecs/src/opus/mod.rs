//! The Opus codec (RFC 6716) at 48 kHz: libopus behind checked lengths. What a packet tells without decoding it is in
//! [`payload`](crate::payload).

mod decoder;
mod encoder;
mod error;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::{Application, Bandwidth, Encoder, EncoderSettings};
pub use error::OpusError;

/// Channels of a coder. Samples of two are interleaved, the left one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channels {
    /// One.
    Mono,
    /// Two.
    Stereo,
}

impl Channels {
    /// 1 or 2.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }

    fn raw(self) -> ::opus::Channels {
        match self {
            Self::Mono => ::opus::Channels::Mono,
            Self::Stereo => ::opus::Channels::Stereo,
        }
    }
}

/// Samples a second of every coder here, and of the RTP clock (RFC 7587 4.1).
pub const SAMPLE_RATE: u32 = 48_000;
