//! What stands in front of a repair packet's parity.

use crate::ParseError;
use crate::reader::Reader;

const CUT: &str = "FlexFEC header cut";

/// A repair packet protects packets whose sequence numbers are less than this above the lowest one: the longest mask has
/// 15 + 31 + 63 bits.
pub const MAX_SPAN: u16 = 109;

/// The longest header, in bytes: that with the longest mask.
pub(super) const MAX_HEADER_LEN: usize = 32;

/// The header of a repair packet's payload, with one protected stream and a flexible mask
/// (draft-ietf-payload-flexible-fec-scheme-03 4.2.2).
///
/// RFC 8627 4.2.2.1 differs: there is no count of streams and no SSRC behind the timestamp (the protected streams are the
/// CSRCs of the repair packet), the k bits mean the opposite, and the last part of the mask has no k bit but 64 packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairHeader {
    /// The protected stream.
    pub ssrc: u32,
    /// The sequence number that the mask's first bit stands for.
    pub base: u16,
    /// Bit i, counted from the lowest one, is set if the packet `base` + i is protected. Never 0; below 2^109.
    pub mask: u128,
    /// XOR of P, X, CC, M and PT, of the lengths behind the fixed header, and of the timestamps of the protected packets,
    /// in that order. The first two bits are 0.
    pub recovery: [u8; 8],
    /// Where the parity of what follows the fixed headers begins: 20, 24 or 32.
    pub len: usize,
}

impl RepairHeader {
    /// Reads the header. Retransmissions (R), fixed matrices (F) and more than one stream are errors: libwebrtc neither
    /// makes nor takes them.
    pub fn parse(payload: &[u8]) -> Result<RepairHeader, ParseError> {
        let mut reader = Reader::new(payload);
        let recovery = reader.array::<8>(CUT)?;
        if recovery.first().is_some_and(|byte| byte & 0xC0 != 0) {
            return Err(ParseError::new("FlexFEC packet not of the flexible mask", 0));
        }
        let at = reader.offset();
        let [streams, ..] = reader.array::<4>(CUT)?;
        if streams != 1 {
            return Err(ParseError::new("FlexFEC packet not of one stream", at));
        }
        let (ssrc, base) = (reader.u32(CUT)?, reader.u16(CUT)?);
        let mask = parse_mask(&mut reader)?;
        Ok(RepairHeader { ssrc, base, mask, recovery, len: reader.offset() })
    }

    /// Appends the header, with the shortest mask that does. `len` is not looked at.
    pub fn write(&self, out: &mut Vec<u8>) {
        let [first, rest @ ..] = self.recovery;
        out.push(first & 0x3F);
        out.extend_from_slice(&rest);
        out.extend_from_slice(&[1, 0, 0, 0]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&self.base.to_be_bytes());
        write_mask(self.mask, out);
    }

    /// How far above `base` the sequence number is, if it is protected.
    pub fn position(&self, sequence: u16) -> Option<u32> {
        let position = u32::from(sequence.wrapping_sub(self.base));
        (self.mask.checked_shr(position)? & 1 == 1).then_some(position)
    }

    /// The protected packets' sequence numbers, the lowest first.
    pub fn sequences(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        let (base, mask) = (self.base, self.mask);
        (0..MAX_SPAN).filter(move |position| mask >> position & 1 == 1).map(move |at| base.wrapping_add(at))
    }
}

/// Parts of 15, 31 and 63 bits, each behind a bit that says whether it is the last one. On the wire the first packet has
/// the highest bit; here the lowest.
fn parse_mask(reader: &mut Reader<'_>) -> Result<u128, ParseError> {
    let at = reader.offset();
    let part = reader.u16(CUT)?;
    let mut mask = u128::from(part.reverse_bits() >> 1);
    let mut is_last = part >> 15 == 1;
    if !is_last {
        let part = reader.u32(CUT)?;
        mask |= u128::from(part.reverse_bits() >> 1) << 15;
        is_last = part >> 31 == 1;
    }
    if !is_last {
        let part = reader.u64(CUT)?;
        mask |= u128::from(part.reverse_bits() >> 1) << 46;
        is_last = part >> 63 == 1;
    }
    match (mask, is_last) {
        (0, _) => Err(ParseError::new("FlexFEC packet that protects nothing", at)),
        (_, false) => Err(ParseError::new("FlexFEC mask that does not end", at)),
        (mask, true) => Ok(mask),
    }
}

/// The casts take the lowest bits, of which the shift drops the highest one.
fn write_mask(mask: u128, out: &mut Vec<u8>) {
    let (low, middle, high) = (mask as u16, (mask >> 15) as u32, (mask >> 46) as u64);
    let is_short = mask >> 15 == 0;
    let is_middle = mask >> 46 == 0;
    out.extend_from_slice(&((low << 1).reverse_bits() | u16::from(is_short) << 15).to_be_bytes());
    if !is_short {
        out.extend_from_slice(&((middle << 1).reverse_bits() | u32::from(is_middle) << 31).to_be_bytes());
    }
    if !is_middle {
        out.extend_from_slice(&((high << 1).reverse_bits() | 1 << 63).to_be_bytes());
    }
}
