//! What a packet tells about its frames without decoding them.

use super::Opus;
use crate::ParseError;
use crate::payload::Descriptor;
use crate::reader::Reader;

const CUT: &str = "Opus packet cut";
/// A SILK frame has at most 20 ms; a longer Opus frame has two or three of them (RFC 6716 4.2.2).
const SILK_FRAME_SAMPLES: u16 = 960;

/// How a packet's frames are coded (RFC 6716 3.1, table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpusMode {
    /// Linear prediction: speech at low bitrates. May carry in-band FEC.
    Silk,
    /// Linear prediction below 8 kHz, transform above. May carry in-band FEC.
    Hybrid,
    /// Transform only: music, low delay. Never carries in-band FEC.
    Celt,
}

impl Opus {
    /// How the frames are coded.
    pub fn mode(&self) -> OpusMode {
        match self.config {
            0..12 => OpusMode::Silk,
            12..16 => OpusMode::Hybrid,
            _ => OpusMode::Celt,
        }
    }
}

/// Whether the packet says that nothing is worth sending (RFC 7587 3.1.3): at most a byte behind the table of contents, as
/// encoders with DTX make them. A decoder conceals such a packet as if it were lost, and so does who does not get it.
pub fn opus_is_dtx(packet: &[u8]) -> bool {
    matches!(packet.len(), 1 | 2)
}

/// Whether the packet repeats its predecessor's speech at a lower bitrate, for a receiver that lost it: the LBRR flags
/// of the first frame (RFC 6716 4.2.3), which stand in front of what is arithmetically coded. The predecessor can be
/// had from it if its frames were as long. False for packets that are malformed.
pub fn opus_has_inband_fec(packet: &[u8]) -> bool {
    let Ok(opus) = Opus::parse(packet) else { return false };
    if opus.mode() == OpusMode::Celt {
        return false;
    }
    let Ok(Some(&first)) = first_frame(packet).map(<[u8]>::first) else { return false };
    // For each channel a flag of voice activity for each SILK frame, 1 to 3, and then the flag of LBRR.
    let silk_frames = u32::from((opus.frame_samples / SILK_FRAME_SAMPLES).max(1));
    let channels = if opus.is_stereo { 2 } else { 1 };
    (1..=channels).any(|channel| first.checked_shr(8 - channel * (silk_frames + 1)).is_some_and(|flags| flags & 1 == 1))
}

/// The first frame's bytes, perhaps none (RFC 6716 3.2).
fn first_frame(packet: &[u8]) -> Result<&[u8], ParseError> {
    let mut reader = Reader::new(packet);
    match reader.u8(CUT)? & 0x03 {
        0 => Ok(reader.rest()),
        1 if reader.rest().len().is_multiple_of(2) => reader.take(reader.rest().len() / 2, CUT),
        1 => Err(reader.error("Opus packet of two frames that are not equal")),
        2 => {
            let len = frame_len(&mut reader)?;
            reader.take(len, CUT)
        }
        _ => first_of_many(&mut reader),
    }
}

/// Any number of frames, with padding or lengths or both (RFC 6716 3.2.5).
fn first_of_many<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let byte = reader.u8(CUT)?;
    let (has_lengths, has_padding, count) = (byte & 0x80 != 0, byte & 0x40 != 0, usize::from(byte & 0x3F));
    let padding = if has_padding { padding_len(reader)? } else { 0 };
    let mut first = None;
    for _ in 1..if has_lengths { count } else { 1 } {
        let len = frame_len(reader)?;
        first.get_or_insert(len);
    }
    let frames = reader.rest().len().checked_sub(padding).ok_or(reader.error(CUT))?;
    let len = match first {
        Some(len) if len <= frames => len,
        Some(_) => return Err(reader.error(CUT)),
        // All of one length, or only one frame.
        None => frames.checked_div(count).ok_or(reader.error("Opus packet of no frames"))?,
    };
    reader.take(len, CUT)
}

/// A frame's length, 0..=1275, in one byte or two (RFC 6716 3.2.1).
fn frame_len(reader: &mut Reader<'_>) -> Result<usize, ParseError> {
    let first = usize::from(reader.u8(CUT)?);
    if first < 252 { Ok(first) } else { Ok(first + 4 * usize::from(reader.u8(CUT)?)) }
}

/// Each byte of 255 says 254 and that another one follows.
fn padding_len(reader: &mut Reader<'_>) -> Result<usize, ParseError> {
    let mut len = 0_usize;
    loop {
        match reader.u8(CUT)? {
            255 => len = len.saturating_add(254),
            last => return Ok(len.saturating_add(usize::from(last))),
        }
    }
}
