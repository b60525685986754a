//! Still pictures for lists of people and walls of thumbnails.

use super::canvas::{self, Fit};
use super::source::{Shown, THUMBNAIL};
use colloquy_codecs::video::{Picture, Region, Scaler, VideoError, encode_jpeg};
use std::time::Instant;

/// How large a still picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotSize {
    /// As it came.
    Full,
    /// 160x90, cut or with bars.
    Thumbnail,
}

/// A still picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jpeg {
    /// JFIF.
    pub bytes: Vec<u8>,
    /// How long ago it was taken, in milliseconds.
    pub age_ms: u64,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// No such source.
    #[error("no such source")]
    NoSuchSource,
    /// Nothing came yet, or nothing that may be shown.
    #[error("there is no picture of it")]
    NoPicture,
    /// It could not be encoded.
    #[error(transparent)]
    Codec(#[from] VideoError),
}

pub(super) fn take(
    shown: &Shown,
    size: SnapshotSize,
    quality: u8,
    now: Instant,
    scaler: &mut Scaler,
) -> Result<Jpeg, SnapshotError> {
    let bytes = match size {
        SnapshotSize::Full => encode_jpeg(&shown.picture, quality)?,
        SnapshotSize::Thumbnail => {
            let mut small = Picture::new(THUMBNAIL.0, THUMBNAIL.1, canvas::BACKGROUND);
            let whole = Region::of(&small);
            canvas::put(&mut small, scaler, &shown.picture, whole, Fit::Cover);
            encode_jpeg(&small, quality)?
        }
    };
    let age = now.saturating_duration_since(shown.came);
    Ok(Jpeg { bytes, age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX) })
}
