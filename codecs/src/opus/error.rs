//! What goes wrong.

/// Why something was not encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpusError {
    /// The packet is no Opus: count it, and conceal what it stood for.
    #[error("malformed Opus packet")]
    Malformed,
    /// More samples than the buffer takes, or a frame of a length that Opus does not have.
    #[error("a buffer of {len} samples does not fit")]
    Length {
        /// Of the buffer.
        len: usize,
    },
    /// The library says no. The coder should be thrown away.
    #[error("libopus: {0}")]
    Library(String),
}

impl OpusError {
    /// Sorts what the library says about a buffer of so many samples.
    pub(super) fn of(error: &::opus::Error, len: usize) -> Self {
        match error.code() {
            ::opus::ErrorCode::InvalidPacket => Self::Malformed,
            ::opus::ErrorCode::BadArg | ::opus::ErrorCode::BufferTooSmall => Self::Length { len },
            _ => Self::Library(error.to_string()),
        }
    }
}
