//! AV1: the sequence header (AV1 bitstream specification, section 5.5), as far as the size of the pictures.

use super::bits::Bits;

/// Levels above this one have a tier (section 5.5.1).
const LAST_LEVEL_WITHOUT_TIER: u32 = 7;

/// Width and height of the largest pictures, from a sequence header OBU without its own header; `None` where these are those of
/// several spatial layers: which of them are how large is not said here.
pub(super) fn sequence_size(obu: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(obu);
    bits.skip(4)?; // seq_profile, still_picture
    let is_reduced = bits.bit()?;
    if is_reduced {
        bits.skip(5)?;
    } else {
        let layers = read_operating_points(&mut bits)?;
        if layers > 1 {
            return None;
        }
    }
    let (width_bits, height_bits) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
    Some((bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1))
}

/// Passes over timing and operating points; gives how many spatial layers the first point, that of the best picture, has.
fn read_operating_points(bits: &mut Bits<'_>) -> Option<u32> {
    let delay_bits = if bits.bit()? { skip_timing(bits)? } else { None };
    let has_display_delay = bits.bit()?;
    let points = bits.bits(5)? + 1;
    let mut layers = 0;
    for point in 0..points {
        let parts = bits.bits(12)?;
        if point == 0 {
            layers = (parts >> 8).count_ones();
        }
        if bits.bits(5)? > LAST_LEVEL_WITHOUT_TIER {
            bits.skip(1)?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.bit()?
        {
            bits.skip(2 * delay_bits + 1)?;
        }
        if has_display_delay && bits.bit()? {
            bits.skip(4)?;
        }
    }
    Some(layers)
}

/// timing_info() and decoder_model_info(): gives how long the numbers of the decoder's model are, in bits, if there is one.
fn skip_timing(bits: &mut Bits<'_>) -> Option<Option<u32>> {
    bits.skip(64)?;
    if bits.bit()? {
        bits.unsigned()?;
    }
    if !bits.bit()? {
        return Some(None);
    }
    let delay_bits = bits.bits(5)? + 1;
    bits.skip(42)?;
    Some(Some(delay_bits))
}
