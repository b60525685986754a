//! H.264 (RFC 6184), as WebRTC uses it: packetization modes 0 and 1.

use super::Descriptor;
use crate::ParseError;
use crate::reader::Reader;

const CUT: &str = "H.264 payload cut";
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// A NAL unit type (H.264 table 7-1), 1..=23: not the packet types that RTP adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NalType(u8);

impl NalType {
    /// A slice of a picture that needs others.
    pub const NON_IDR: NalType = NalType(1);
    /// A slice of a picture that needs none and after which none is needed.
    pub const IDR: NalType = NalType(5);
    /// Supplemental enhancement information.
    pub const SEI: NalType = NalType(6);
    /// Sequence parameter set.
    pub const SPS: NalType = NalType(7);
    /// Picture parameter set.
    pub const PPS: NalType = NalType(8);
    /// Access unit delimiter.
    pub const DELIMITER: NalType = NalType(9);

    /// As on the wire, 1..=23.
    pub fn get(self) -> u8 {
        self.0
    }

    /// An IDR slice, or the parameters that senders put in front of it.
    pub fn starts_keyframe(self) -> bool {
        self == NalType::IDR || self == NalType::SPS
    }
}

/// The first byte of a NAL unit (RFC 6184 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NalHeader {
    /// NRI, 0..=3: 0 if no other picture needs this one.
    pub ref_idc: u8,
    /// What the unit is.
    pub nal_type: NalType,
}

impl NalHeader {
    fn parse(byte: u8, offset: usize) -> Result<NalHeader, ParseError> {
        match byte & 0x1F {
            nal_type @ 1..=23 => Ok(NalHeader { ref_idc: byte >> 5 & 0x03, nal_type: NalType(nal_type) }),
            _ => Err(ParseError::new("H.264 packet type where a NAL unit should be", offset)),
        }
    }
}

/// What an H.264 payload is (RFC 6184 5.2). The types of interleaved mode (STAP-B, MTAP, FU-B) are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum H264<'a> {
    /// One whole NAL unit: the payload (5.6).
    Single(NalHeader),
    /// Several whole NAL units (5.7.1).
    Aggregate(StapA<'a>),
    /// A piece of a NAL unit (5.8).
    Fragment {
        /// The unit's header, put together from the FU indicator and the FU header.
        header: NalHeader,
        /// S: the first piece.
        is_start: bool,
        /// E: the last piece.
        is_end: bool,
    },
}

/// A single-time aggregation packet (RFC 6184 5.7.1), whose sizes were all checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StapA<'a> {
    units: &'a [u8],
}

impl<'a> StapA<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<StapA<'a>, ParseError> {
        let units = reader.rest();
        next_unit(&mut reader)?;
        while !reader.is_empty() {
            next_unit(&mut reader)?;
        }
        Ok(StapA { units })
    }

    /// The NAL units with their headers: each has at least one byte, and there is at least one.
    pub fn units(&self) -> impl Iterator<Item = (NalHeader, &'a [u8])> + Clone + use<'a> {
        let mut reader = Reader::new(self.units);
        std::iter::from_fn(move || next_unit(&mut reader).ok())
    }
}

/// Two bytes of size and as many of a NAL unit.
fn next_unit<'a>(reader: &mut Reader<'a>) -> Result<(NalHeader, &'a [u8]), ParseError> {
    let size = reader.u16(CUT)?;
    let offset = reader.offset();
    let unit = reader.take(usize::from(size), CUT)?;
    let &first = unit.first().ok_or(ParseError::new("H.264 NAL unit of no bytes", offset))?;
    Ok((NalHeader::parse(first, offset)?, unit))
}

impl<'a> Descriptor<'a> for H264<'a> {
    fn parse(payload: &'a [u8]) -> Result<H264<'a>, ParseError> {
        let mut reader = Reader::new(payload);
        let indicator = reader.u8(CUT)?;
        match indicator & 0x1F {
            1..=23 => NalHeader::parse(indicator, 0).map(H264::Single),
            STAP_A => StapA::parse(reader).map(H264::Aggregate),
            FU_A => {
                let at = reader.offset();
                let fu_header = reader.u8(CUT)?;
                let (is_start, is_end) = (fu_header & 0x80 != 0, fu_header & 0x40 != 0);
                if is_start && is_end {
                    return Err(ParseError::new("H.264 fragment that is the whole", at));
                }
                if reader.is_empty() {
                    return Err(reader.error("H.264 fragment of no bytes"));
                }
                let header = NalHeader::parse(indicator & 0x60 | fu_header & 0x1F, at)?;
                Ok(H264::Fragment { header, is_start, is_end })
            }
            _ => Err(ParseError::new("H.264 packet type not of modes 0 and 1", 0)),
        }
    }

    fn starts_keyframe(&self) -> bool {
        match self {
            H264::Single(header) => header.nal_type.starts_keyframe(),
            H264::Aggregate(stap) => stap.units().any(|(header, _)| header.nal_type.starts_keyframe()),
            H264::Fragment { header, is_start, .. } => *is_start && header.nal_type.starts_keyframe(),
        }
    }
}
