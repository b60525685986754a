//! VP9: the uncompressed header of a key frame (VP9 bitstream specification, section 6.2).

use super::bits::Bits;

/// frame_marker (section 7.2).
const MARKER: u32 = 2;
/// frame_sync_code (section 7.2).
const SYNC_CODE: u32 = 0x49_8342;
/// color_space of RGB (section 7.2.2).
const RGB: u32 = 7;

/// Width and height of a key frame, from its first bytes; `None` of other frames.
pub(super) fn key_frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    let mut header = Header::read(frame)?;
    if header.is_inter { None } else { header.intra_size(true) }
}

/// Width and height that a frame of any kind says of itself; `None` where it takes those of another, or is malformed.
#[cfg(feature = "video")]
pub(super) fn frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    /// A frame refers to so many others.
    const REFERENCES: u32 = 3;
    let mut header = Header::read(frame)?;
    if !header.is_inter {
        return header.intra_size(true);
    }
    let is_intra_only = !header.is_shown && header.bits.bit()?;
    if !header.is_resilient {
        header.bits.skip(2)?; // reset_frame_context
    }
    if is_intra_only {
        return header.intra_size(false);
    }
    header.bits.skip(8 + 4 * REFERENCES)?; // refresh_frame_flags; each reference's index and sign bias
    for _ in 0..REFERENCES {
        if header.bits.bit()? {
            return None; // as large as that reference
        }
    }
    read_sides(&mut header.bits)
}

/// The beginning of an uncompressed header, up to where kinds of frames differ.
struct Header<'a> {
    bits: Bits<'a>,
    profile: u32,
    is_inter: bool,
    #[cfg_attr(not(feature = "video"), allow(dead_code))]
    is_shown: bool,
    #[cfg_attr(not(feature = "video"), allow(dead_code))]
    is_resilient: bool,
}

impl<'a> Header<'a> {
    /// `None` if it only shows another frame again.
    fn read(frame: &'a [u8]) -> Option<Header<'a>> {
        let mut bits = Bits::new(frame);
        if bits.bits(2)? != MARKER {
            return None;
        }
        let profile = bits.bits(1)? | bits.bits(1)? << 1;
        if profile == 3 {
            bits.skip(1)?;
        }
        if bits.bit()? {
            return None;
        }
        let (is_inter, is_shown, is_resilient) = (bits.bit()?, bits.bit()?, bits.bit()?);
        Some(Header { bits, profile, is_inter, is_shown, is_resilient })
    }

    /// Of a key frame, or of another that refers to none: in profile 0 the latter says nothing of colours.
    fn intra_size(&mut self, is_key: bool) -> Option<(u32, u32)> {
        if self.bits.bits(24)? != SYNC_CODE {
            return None;
        }
        if is_key || self.profile > 0 {
            skip_colour(&mut self.bits, self.profile)?;
        }
        if !is_key {
            self.bits.skip(8)?; // refresh_frame_flags
        }
        read_sides(&mut self.bits)
    }
}

/// frame_size() (section 6.2.3).
fn read_sides(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    Some((bits.bits(16)? + 1, bits.bits(16)? + 1))
}

/// color_config() (section 6.2.2).
fn skip_colour(bits: &mut Bits<'_>, profile: u32) -> Option<()> {
    if profile >= 2 {
        bits.skip(1)?; // ten bits or twelve
    }
    let has_subsampling = profile & 1 == 1;
    if bits.bits(3)? == RGB {
        // RGB is of profiles 1 and 3 only.
        return if has_subsampling { bits.skip(1) } else { None };
    }
    bits.skip(if has_subsampling { 4 } else { 1 })
}
