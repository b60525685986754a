//! Making repair packets.

use super::header::{MAX_HEADER_LEN, MAX_SPAN, RepairHeader};
use super::parity::{split, xor, xor_recovery};
use crate::ParseError;

/// The parity of some packets of one stream, made as they pass: none of them is kept. To be used again after
/// [`RepairEncoder::finish`], without allocating.
///
/// Which packets are protected together is the caller's choice: all of a block for single losses, or every second one in
/// each of two encoders for pairs.
#[derive(Debug, Default)]
pub struct RepairEncoder {
    /// `None` before the first packet.
    header: Option<RepairHeader>,
    parity: Vec<u8>,
}

impl RepairEncoder {
    /// An encoder that has seen no packet.
    pub fn new() -> RepairEncoder {
        RepairEncoder::default()
    }

    /// Adds a whole RTP packet, before its encryption, that will be sent like this to the receiver. Extension elements
    /// that are filled in later (transport-wide number, absolute send time, transmission offset) must be zero here and at
    /// the receiver: see [`RtpHeader::clear_elements`](crate::rtp::RtpHeader::clear_elements).
    ///
    /// Errs, and is as before, if the packet is malformed or longer than [`MAX_PROTECTED_LEN`](super::MAX_PROTECTED_LEN),
    /// of another stream than the first one, was there before, or is not within [`MAX_SPAN`] behind the first one.
    pub fn add(&mut self, packet: &[u8]) -> Result<(), ParseError> {
        let (fixed, rest) = split(packet)?;
        let first = RepairHeader { ssrc: fixed.ssrc, base: fixed.sequence, mask: 0, recovery: [0; 8], len: 0 };
        let mut header = self.header.unwrap_or(first);
        let position = fixed.sequence.wrapping_sub(header.base);
        if fixed.ssrc != header.ssrc || position >= MAX_SPAN || header.mask >> position & 1 == 1 {
            return Err(ParseError::new("RTP packet that cannot be protected with the others", 0));
        }
        header.mask |= 1 << position;
        xor_recovery(&mut header.recovery, fixed.recovery);
        xor(&mut self.parity, rest);
        self.header = Some(header);
        Ok(())
    }

    /// How many packets were added.
    pub fn packets(&self) -> u32 {
        self.header.map_or(0, |header| header.mask.count_ones())
    }

    /// How long the repair packet's payload will be at most, in bytes; 0 without a packet.
    pub fn max_len(&self) -> usize {
        self.header.map_or(0, |_| MAX_HEADER_LEN + self.parity.len())
    }

    /// Forgets the packets that were added.
    pub fn clear(&mut self) {
        self.header = None;
        self.parity.clear();
    }

    /// Appends the repair packet's payload, and begins anew. False, and nothing appended, without a packet.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(header) = self.header.take() else { return false };
        header.write(out);
        out.extend_from_slice(&self.parity);
        self.parity.clear();
        true
    }
}
