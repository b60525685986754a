//! What a coded picture says about its sides, read before a decoder allocates by it.

use super::{MAX_BITSTREAM, MAX_PIXELS, MAX_SIDE, VideoCodec, VideoError};
use crate::payload::size;

/// Whether a picture of these sides may be decoded.
pub(super) fn fits(width: u32, height: u32) -> bool {
    width > 0
        && height > 0
        && width <= MAX_SIDE
        && height <= MAX_SIDE
        && width.checked_mul(height).is_some_and(|pixels| pixels <= MAX_PIXELS)
}

/// Refuses what is too long, or says that it is too large. AV1's decoder has a bound of its own.
pub(super) fn check(codec: VideoCodec, picture: &[u8]) -> Result<(), VideoError> {
    let bytes = picture.len();
    if bytes > MAX_BITSTREAM {
        return Err(VideoError::TooLarge { width: 0, height: 0, bytes });
    }
    let refuse = |(width, height)| VideoError::TooLarge { width, height, bytes };
    let too_large = |&(width, height): &(u32, u32)| !fits(width, height);
    let found = match codec {
        VideoCodec::Vp8 => size::vp8_frame_size(picture).filter(too_large),
        VideoCodec::Vp9 => vp9_frames(picture).filter_map(size::vp9_frame_size).find(too_large),
        VideoCodec::H264 => annex_b_units(picture).filter_map(size::h264_unit_size).find(too_large),
        VideoCodec::Av1 => None,
    };
    found.map_or(Ok(()), |sides| Err(refuse(sides)))
}

/// The frames of a superframe (VP9 bitstream specification, annex B), or the one that there is.
///
/// Frames that follow each other without an index are not told apart: libvpx would decode them all, and only the first was looked at.
/// A later one may then be up to 16 times as wide and high as what it refers to (section 8.4.2), within the limit of 16,384 that
/// Debian builds its library with.
fn vp9_frames(picture: &[u8]) -> impl Iterator<Item = &[u8]> {
    let index = superframe_index(picture);
    let (count, bytes_each, mut sizes) = index.unwrap_or((0, 1, &[]));
    let whole = index.is_none().then_some(picture);
    let mut rest = picture;
    let parts = (0..count).map_while(move |_| {
        let (size, others) = sizes.split_at_checked(bytes_each)?;
        sizes = others;
        let len = size.iter().rev().fold(0_usize, |len, byte| len << 8 | usize::from(*byte));
        let (frame, others) = rest.split_at_checked(len)?;
        rest = others;
        Some(frame)
    });
    whole.into_iter().chain(parts)
}

/// How many frames, bytes of each size, and the sizes.
fn superframe_index(picture: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (&marker, front) = picture.split_last()?;
    if marker & 0xE0 != 0xC0 {
        return None;
    }
    let (count, bytes_each) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let sizes_at = front.len().checked_sub(count * bytes_each)?;
    let first_at = sizes_at.checked_sub(1)?;
    (front.get(first_at) == Some(&marker))
        .then(|| front.get(sizes_at..))
        .flatten()
        .map(|sizes| (count, bytes_each, sizes))
}

/// NAL units between start codes (H.264 annex B).
pub(super) fn annex_b_units(picture: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(picture);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(3).position(|three| three == [0, 0, 1]);
        rest = end.and_then(|at| bytes.get(at + 3..));
        bytes.get(..end.unwrap_or(bytes.len()))
    })
    .filter(|unit| !unit.is_empty())
}
