//! How large the pictures are that a key frame begins: read from its first packet, and only there.

mod av1;
mod bits;
mod h264;
mod vp9;

use super::{Av1, Descriptor, H264, NalType, ObuHeader, PayloadFormat, Vp8, Vp9};

/// Width and height in pixels, as shown, of the pictures that this (decrypted, unpadded) payload's key frame begins. `None` where the
/// payload does not say: audio, packets of other pictures, and everything malformed. Of pictures with several spatial layers VP9
/// tells the size of the layer that the payload is of, AV1 none.
///
/// Costs a look at the first bytes, unless there is something to read: an H.264 or AV1 sequence header, a VP8 or VP9 key frame's.
pub fn picture_size(format: PayloadFormat, payload: &[u8]) -> Option<(u32, u32)> {
    let (width, height) = match format {
        PayloadFormat::Opus => None,
        PayloadFormat::Vp8 => of_vp8(payload),
        PayloadFormat::Vp9 => of_vp9(payload),
        PayloadFormat::H264 => of_h264(payload),
        PayloadFormat::Av1 => of_av1(payload),
    }?;
    (width > 0 && height > 0).then_some((width, height))
}

/// RFC 6386 section 9.1: behind the frame tag and the start code, 14 bits for each side.
fn of_vp8(payload: &[u8]) -> Option<(u32, u32)> {
    let vp8 = Vp8::parse(payload).ok().filter(Vp8::starts_keyframe)?;
    vp8_key_frame_size(payload.get(vp8.header_len..)?)
}

fn vp8_key_frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    let [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *frame.first_chunk::<10>()? else { return None };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(w0, w1), side(h0, h1)))
}

/// Of a VP8 frame without its RTP descriptor, if it is a key frame.
#[cfg(feature = "video")]
pub(crate) fn vp8_frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    // RFC 6386 section 9.1: the lowest bit of a key frame is 0.
    frame.first().filter(|byte| *byte & 1 == 0).and_then(|_| vp8_key_frame_size(frame))
}

/// Of a VP9 frame without its RTP descriptor, if it says.
#[cfg(feature = "video")]
pub(crate) fn vp9_frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    vp9::frame_size(frame)
}

/// Of a NAL unit with its header, if it is a sequence parameter set.
#[cfg(feature = "video")]
pub(crate) fn h264_unit_size(unit: &[u8]) -> Option<(u32, u32)> {
    let (header, rest) = unit.split_first()?;
    if header & 0x1F == NalType::SPS.get() { h264::sequence_size(rest) } else { None }
}

fn of_vp9(payload: &[u8]) -> Option<(u32, u32)> {
    let vp9 = Vp9::parse(payload).ok().filter(|vp9| vp9.begins_frame && !vp9.is_inter_predicted)?;
    vp9::key_frame_size(payload.get(vp9.header_len..)?)
}

/// The parameters are a unit by themselves, one of several, or (nobody does so, but it may be) the beginning of one that is cut.
fn of_h264(payload: &[u8]) -> Option<(u32, u32)> {
    let (header, unit) = match H264::parse(payload).ok()? {
        H264::Single(header) => (header, payload.get(1..)?),
        H264::Fragment { header, is_start: true, .. } => (header, payload.get(2..)?),
        H264::Fragment { .. } => return None,
        H264::Aggregate(stap) => {
            let (header, unit) = stap.units().find(|(header, _)| header.nal_type == NalType::SPS)?;
            (header, unit.get(1..)?)
        }
    };
    if header.nal_type == NalType::SPS { h264::sequence_size(unit) } else { None }
}

fn of_av1(payload: &[u8]) -> Option<(u32, u32)> {
    let av1 = Av1::parse(payload).ok().filter(Av1::starts_keyframe)?;
    let is_sequence = |header: &ObuHeader| header.obu_type == ObuHeader::SEQUENCE_HEADER;
    let (header, obu) =
        av1.elements().find_map(|element| Some((element.header().filter(is_sequence)?, element.bytes)))?;
    av1::sequence_size(header.payload(obu)?)
}
