//! Counters in VP8 and VP9 descriptors that a forwarder rewrites in place when it switches or drops layers.

use crate::ParseError;
use crate::reader::Reader;

/// How many bits a picture id has; its most significant one, the M bit, is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureIdWidth {
    /// One byte: 0..=127.
    Bits7,
    /// Two bytes: 0..=32767.
    Bits15,
}

impl PictureIdWidth {
    /// The highest picture id, after which comes 0.
    pub fn max(self) -> u16 {
        match self {
            PictureIdWidth::Bits7 => 0x7F,
            PictureIdWidth::Bits15 => 0x7FFF,
        }
    }
}

/// A picture id and where it stands (RFC 7741 4.2, RFC 9628 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    /// 0 to the width's maximum.
    pub value: u16,
    /// A sender may change it in mid-stream, at a key frame.
    pub width: PictureIdWidth,
    /// Bytes from the payload's beginning.
    pub offset: usize,
}

impl PictureId {
    pub(super) fn parse(reader: &mut Reader<'_>, what: &'static str) -> Result<PictureId, ParseError> {
        let offset = reader.offset();
        let first = reader.u8(what)?;
        if first & 0x80 == 0 {
            return Ok(PictureId { value: u16::from(first), width: PictureIdWidth::Bits7, offset });
        }
        let value = u16::from_be_bytes([first & 0x7F, reader.u8(what)?]);
        Ok(PictureId { value, width: PictureIdWidth::Bits15, offset })
    }

    /// Writes `value`, cut to the width, over this picture id in the payload it was read from (or a copy of it).
    pub fn rewrite(self, payload: &mut [u8], value: u16) -> Result<(), ParseError> {
        let cut = ParseError::new("payload shorter than the one parsed", self.offset);
        let place = payload.get_mut(self.offset..).ok_or(cut)?;
        let [high, low] = (value & self.width.max()).to_be_bytes();
        match (self.width, place) {
            (PictureIdWidth::Bits7, [byte, ..]) => *byte = low,
            (PictureIdWidth::Bits15, [first, second, ..]) => (*first, *second) = (high | 0x80, low),
            _ => return Err(cut),
        }
        Ok(())
    }
}

/// The running index of base temporal layer pictures, and where it stands (RFC 7741 4.2, RFC 9628 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tl0PicIdx {
    /// Wraps at 256.
    pub value: u8,
    /// Bytes from the payload's beginning.
    pub offset: usize,
}

impl Tl0PicIdx {
    pub(super) fn parse(reader: &mut Reader<'_>, what: &'static str) -> Result<Tl0PicIdx, ParseError> {
        let offset = reader.offset();
        Ok(Tl0PicIdx { value: reader.u8(what)?, offset })
    }

    /// Writes `value` over this index in the payload it was read from (or a copy of it).
    pub fn rewrite(self, payload: &mut [u8], value: u8) -> Result<(), ParseError> {
        let place = payload.get_mut(self.offset);
        *place.ok_or(ParseError::new("payload shorter than the one parsed", self.offset))? = value;
        Ok(())
    }
}
