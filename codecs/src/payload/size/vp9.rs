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
    let mut bits = Bits::new(frame);
    if bits.bits(2)? != MARKER {
        return None;
    }
    let profile = bits.bits(1)? | bits.bits(1)? << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    let shows_another = bits.bit()?;
    let is_inter = bits.bit()?;
    bits.skip(2)?; // show_frame, error_resilient_mode
    if shows_another || is_inter || bits.bits(24)? != SYNC_CODE {
        return None;
    }
    skip_colour(&mut bits, profile)?;
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
