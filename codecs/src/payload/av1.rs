//! AV1 (RTP Payload Format For AV1, version 1.0, by AOMedia).

use super::Descriptor;
use crate::ParseError;
use crate::reader::Reader;

const CUT: &str = "AV1 payload cut";
/// A LEB128 number is of eight bytes at most and fits 32 bits (AV1 bitstream specification 4.10.5).
const MAX_LEB128_LEN: usize = 8;

/// An AV1 payload: the aggregation header (4.4), and OBU elements whose lengths were all checked (4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Av1<'a> {
    /// Z: the first element goes on with an OBU of the packet before.
    pub continues_obu: bool,
    /// Y: the last element's OBU goes on in the next packet.
    pub is_continued: bool,
    /// N: first packet of a coded video sequence.
    pub starts_sequence: bool,
    /// W, 0..=3: how many elements there are, the last one without a length; 0: all have lengths.
    pub element_count: u8,
    elements: &'a [u8],
}

/// A whole OBU, or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObuElement<'a> {
    /// The OBU's bytes, from its header on unless it began in an earlier packet. May be empty.
    pub bytes: &'a [u8],
    /// Whether it goes on with an OBU of the packet before.
    pub continues_obu: bool,
}

impl ObuElement<'_> {
    /// The OBU's header; `None` if it was in an earlier packet or is malformed.
    pub fn header(&self) -> Option<ObuHeader> {
        if self.continues_obu { None } else { ObuHeader::parse(self.bytes).ok() }
    }
}

impl<'a> Av1<'a> {
    /// The OBU elements, in the packet's order; at least one.
    pub fn elements(&self) -> impl Iterator<Item = ObuElement<'a>> + Clone + use<'a> {
        let mut reader = Reader::new(self.elements);
        let (w, mut index, continues_obu) = (self.element_count, 0_usize, self.continues_obu);
        std::iter::from_fn(move || {
            let bytes = next_element(&mut reader, w, index).ok()??;
            let element = ObuElement { bytes, continues_obu: continues_obu && index == 0 };
            index += 1; // every element takes a byte
            Some(element)
        })
    }

    fn first_header(&self) -> Option<ObuHeader> {
        self.elements().find_map(|element| element.header().filter(|header| header.temporal_id.is_some()))
    }
}

/// The element of that index, or `None` behind the last one.
fn next_element<'a>(reader: &mut Reader<'a>, w: u8, index: usize) -> Result<Option<&'a [u8]>, ParseError> {
    let w = usize::from(w);
    if if w == 0 { reader.is_empty() } else { index >= w } {
        return Ok(None);
    }
    let is_last_of_w = w > 0 && index == w - 1;
    let len = match (is_last_of_w, reader.rest().len()) {
        (true, 0) => return Err(reader.error(CUT)),
        (true, len) => len,
        (false, _) => leb128(reader)?,
    };
    reader.take(len, CUT).map(Some)
}

/// AV1 bitstream specification 4.10.5.
fn leb128(reader: &mut Reader<'_>) -> Result<usize, ParseError> {
    const BAD: &str = "LEB128 number past 8 bytes or 32 bits";
    let begin = *reader;
    let mut value = 0_u64;
    for position in 0..MAX_LEB128_LEN {
        let byte = reader.u8(CUT)?;
        value |= u64::from(byte & 0x7F) << (7 * position); // at most 56 bits
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok());
            return value.ok_or(begin.error(BAD));
        }
    }
    Err(begin.error(BAD))
}

/// An OBU header (AV1 bitstream specification 5.3.2, 5.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObuHeader {
    /// 0..=15: 1 sequence header, 2 temporal delimiter, 3 frame header, 4 tile group, 5 metadata, 6 frame, 8 tile list,
    /// 15 padding.
    pub obu_type: u8,
    /// 0..=7, if there is an extension.
    pub temporal_id: Option<u8>,
    /// 0..=3, if there is an extension.
    pub spatial_id: Option<u8>,
    /// Whether a LEB128 size follows the header; RTP senders should leave it out.
    pub has_size: bool,
}

impl ObuHeader {
    /// The type of an OBU that holds a sequence header.
    pub const SEQUENCE_HEADER: u8 = 1;

    /// Reads the header that an OBU begins with.
    pub fn parse(obu: &[u8]) -> Result<ObuHeader, ParseError> {
        let mut reader = Reader::new(obu);
        let byte = reader.u8("AV1 OBU header cut")?;
        if byte & 0x80 != 0 {
            return Err(ParseError::new("AV1 OBU with the forbidden bit", 0));
        }
        let extension = if byte & 0x04 == 0 { None } else { Some(reader.u8("AV1 OBU header cut")?) };
        Ok(ObuHeader {
            obu_type: byte >> 3 & 0x0F,
            temporal_id: extension.map(|byte| byte >> 5),
            spatial_id: extension.map(|byte| byte >> 3 & 0x03),
            has_size: byte & 0x02 != 0,
        })
    }

    /// What stands behind this header in the OBU that it was read from, and behind the size if there is one.
    pub(super) fn payload(self, obu: &[u8]) -> Option<&[u8]> {
        let mut reader = Reader::new(obu);
        reader.take(1 + usize::from(self.temporal_id.is_some()), CUT).ok()?;
        if !self.has_size {
            return Some(reader.rest());
        }
        let len = leb128(&mut reader).ok()?;
        reader.take(len, CUT).ok()
    }
}

impl<'a> Descriptor<'a> for Av1<'a> {
    fn parse(payload: &'a [u8]) -> Result<Av1<'a>, ParseError> {
        let mut reader = Reader::new(payload);
        let byte = reader.u8(CUT)?;
        let descriptor = Av1 {
            continues_obu: byte & 0x80 != 0,
            is_continued: byte & 0x40 != 0,
            element_count: byte >> 4 & 0x03,
            starts_sequence: byte & 0x08 != 0,
            elements: reader.rest(),
        };
        if descriptor.continues_obu && descriptor.starts_sequence {
            return Err(ParseError::new("AV1 sequence that starts inside an OBU", 0));
        }
        let mut index = 0_usize;
        while next_element(&mut reader, descriptor.element_count, index)?.is_some() {
            index += 1; // every element takes a byte
        }
        if index == 0 { Err(reader.error("AV1 payload without elements")) } else { Ok(descriptor) }
    }

    fn starts_keyframe(&self) -> bool {
        self.starts_sequence
    }

    fn temporal_id(&self) -> Option<u8> {
        self.first_header()?.temporal_id
    }

    fn spatial_id(&self) -> Option<u8> {
        self.first_header()?.spatial_id
    }
}
