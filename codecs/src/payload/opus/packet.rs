//! The packet's shape (RFC 6716 3).

use crate::ParseError;
use crate::payload::Descriptor;
use crate::reader::Reader;

/// The longest packet: 120 ms at 48 kHz (RFC 6716 3.2.5).
pub const MAX_OPUS_SAMPLES: u16 = 5760;

/// The table of contents byte and, for packets of any number of frames, the byte after it (RFC 6716 3.1, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opus {
    /// 0..=31: mode, bandwidth and frame length (table 2).
    pub config: u8,
    /// The s bit.
    pub is_stereo: bool,
    /// 1..=48.
    pub frame_count: u8,
    /// A frame's length in samples of 48 kHz, the RTP clock: 120 (2.5 ms) to 2880 (60 ms).
    pub frame_samples: u16,
}

impl Opus {
    /// The packet's length in samples of 48 kHz: 120 to [`MAX_OPUS_SAMPLES`].
    pub fn duration_samples(&self) -> u16 {
        u16::from(self.frame_count).saturating_mul(self.frame_samples) // parse() saw to it that this is exact
    }

    /// The packet's length in microseconds: 2500 to 120 000.
    pub fn duration_us(&self) -> u32 {
        u32::from(self.duration_samples()) * 1000 / 48
    }
}

/// RFC 6716 table 2.
fn frame_samples(config: u8) -> u16 {
    match (config, config & 0x03) {
        (0..12, 0) => 480,
        (0..12, 1) => 960,
        (0..12, 2) => 1920,
        (0..12, _) => 2880,
        (12..16, size) => 480 << (size & 0x01),
        (_, size) => 120 << size,
    }
}

impl<'a> Descriptor<'a> for Opus {
    fn parse(payload: &'a [u8]) -> Result<Opus, ParseError> {
        const CUT: &str = "Opus packet cut";
        let mut reader = Reader::new(payload);
        let toc = reader.u8(CUT)?;
        let frame_count = match toc & 0x03 {
            0 => 1,
            1 | 2 => 2,
            _ => reader.u8(CUT)? & 0x3F,
        };
        let config = toc >> 3;
        let opus = Opus { config, is_stereo: toc & 0x04 != 0, frame_count, frame_samples: frame_samples(config) };
        // 63 times 2880 does not fit 16 bits, but saturates far above the limit.
        if frame_count == 0 || opus.duration_samples() > MAX_OPUS_SAMPLES {
            return Err(ParseError::new("Opus packet of 0 or more than 120 ms", 1));
        }
        Ok(opus)
    }

    fn starts_keyframe(&self) -> bool {
        true
    }
}
