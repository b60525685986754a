//! H.264: the sequence parameter set (ITU-T H.264 section 7.3.2.1.1), as far as the size of the pictures.

use super::bits::Bits;

/// Longest side in macroblocks of 16 pixels: that of level 6.2 (section A.3.1, the root of eight times 139,264).
const MAX_SIDE_MBS: u32 = 1_055;
/// Entries of a picture order count's cycle (section 7.4.2.1.1).
const MAX_CYCLE: u32 = 255;
/// Profiles whose parameters say how colour is sampled; in the others it is 4:2:0.
const WITH_CHROMA: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// How colour is sampled (section 6.2).
#[derive(Debug, Clone, Copy)]
struct Chroma {
    /// chroma_format_idc: 0 none, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    format: u32,
    /// The three planes are coded as if each were a picture without colour.
    has_separate_planes: bool,
}

impl Chroma {
    /// The steps, in pixels, in which a frame is cropped in width and height.
    fn crop_unit(self) -> (u32, u32) {
        match (self.has_separate_planes, self.format) {
            (false, 1) => (2, 2),
            (false, 2) => (2, 1),
            _ => (1, 1),
        }
    }
}

/// Width and height as shown, from a NAL unit of type 7 without its header.
pub(super) fn sequence_size(unit: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::of_nal_unit(unit);
    let profile = bits.bits(8)?;
    bits.skip(16)?; // constraints, level
    bits.at_most(31)?; // which set
    let chroma = if WITH_CHROMA.contains(&profile) {
        read_chroma(&mut bits)?
    } else {
        Chroma { format: 1, has_separate_planes: false }
    };
    bits.at_most(12)?; // log2_max_frame_num_minus4
    skip_order_count(&mut bits)?;
    bits.unsigned()?; // max_num_ref_frames
    bits.skip(1)?;
    read_sides(&mut bits, chroma)
}

fn read_chroma(bits: &mut Bits<'_>) -> Option<Chroma> {
    let format = bits.at_most(3)?;
    let has_separate_planes = format == 3 && bits.bit()?;
    bits.at_most(6)?; // bits of luma and chroma above 8
    bits.at_most(6)?;
    bits.skip(1)?;
    if bits.bit()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(Chroma { format, has_separate_planes })
}

/// Section 7.3.2.1.1.1: differences, until one of them makes the scale 0.
fn skip_scaling_list(bits: &mut Bits<'_>, entries: u32) -> Option<()> {
    let mut scale = 8;
    for _ in 0..entries {
        let difference = bits.signed().filter(|difference| (-128..=127).contains(difference))?;
        scale = (scale + difference + 256) % 256;
        if scale == 0 {
            break;
        }
    }
    Some(())
}

fn skip_order_count(bits: &mut Bits<'_>) -> Option<()> {
    match bits.at_most(2)? {
        0 => bits.at_most(12).map(|_| ()),
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            for _ in 0..bits.at_most(MAX_CYCLE)? {
                bits.signed()?;
            }
            Some(())
        }
        _ => Some(()),
    }
}

fn read_sides(bits: &mut Bits<'_>, chroma: Chroma) -> Option<(u32, u32)> {
    let width_mbs = bits.at_most(MAX_SIDE_MBS - 1)? + 1;
    let height_units = bits.at_most(MAX_SIDE_MBS - 1)? + 1;
    let is_progressive = bits.bit()?;
    // Of fields, two make a frame.
    let fields = if is_progressive { 1 } else { 2 };
    bits.skip(if is_progressive { 1 } else { 2 })?;
    let (width, height) = (16 * width_mbs, 16 * height_units * fields);
    if !bits.bit()? {
        return Some((width, height));
    }
    let (left, right, top, bottom) = (bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?);
    let (unit_x, unit_y) = chroma.crop_unit();
    let cropped =
        |side: u32, unit: u32, one: u32, other: u32| side.checked_sub(one.checked_add(other)?.checked_mul(unit)?);
    Some((cropped(width, unit_x, left, right)?, cropped(height, unit_y * fields, top, bottom)?))
}
