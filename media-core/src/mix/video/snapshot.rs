//! Still pictures for lists of people and walls of thumbnails.

use super::canvas::{self, Fit};
use super::source::{Shown, THUMBNAIL};
use colloquy_codecs::video::{Picture, Region, Scaler, VideoError, encode_jpeg};
use std::time::Instant;

/// Longest side of a whole one: full HD. A JPEG of more takes a quarter of a second to make, and is shown smaller all the same.
const LONGEST: u32 = 1_920;

pub use crate::api::SnapshotSize;

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
    let (bytes, ..) = print(&shown.picture, size, quality, scaler)?;
    let age = now.saturating_duration_since(shown.came);
    Ok(Jpeg { bytes, age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX) })
}

/// A picture as JPEG, with its sides.
pub(crate) fn print(
    picture: &Picture,
    size: SnapshotSize,
    quality: u8,
    scaler: &mut Scaler,
) -> Result<(Vec<u8>, u32, u32), VideoError> {
    let sides = match size {
        SnapshotSize::Full => within(picture.width(), picture.height()),
        SnapshotSize::Thumbnail => Some(THUMBNAIL),
    };
    let Some((width, height)) = sides else {
        return Ok((encode_jpeg(picture, quality)?, picture.width(), picture.height()));
    };
    let mut smaller = Picture::new(width, height, canvas::BACKGROUND);
    let whole = Region::of(&smaller);
    canvas::put(&mut smaller, scaler, picture, whole, Fit::Cover);
    Ok((encode_jpeg(&smaller, quality)?, width, height))
}

/// The sides of a picture that is larger than is given out; even.
fn within(width: u32, height: u32) -> Option<(u32, u32)> {
    let longest = width.max(height);
    let smaller = |side: u32| (side * LONGEST / longest).max(2) & !1;
    (longest > LONGEST).then(|| (smaller(width), smaller(height)))
}
