//! The XOR of packets.

use crate::ParseError;
use crate::rtp::FIXED_HEADER_LEN;

/// The longest RTP packet that is protected, or made again, in bytes: what an Ethernet frame can carry. Longer ones are
/// refused, so that memory has a bound.
pub const MAX_PROTECTED_LEN: usize = 1500;

/// What of a packet's fixed header the parity covers, and what else the header tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed {
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
    /// As [`RepairHeader::recovery`](super::RepairHeader::recovery).
    pub(super) recovery: [u8; 8],
}

/// A packet's fixed header and what follows it.
pub(super) fn split(packet: &[u8]) -> Result<(Fixed, &[u8]), ParseError> {
    if packet.len() > MAX_PROTECTED_LEN {
        return Err(ParseError::new("RTP packet too long for FlexFEC", MAX_PROTECTED_LEN));
    }
    let Some((head, rest)) = packet.split_first_chunk::<FIXED_HEADER_LEN>() else {
        return Err(ParseError::new("RTP header cut", packet.len()));
    };
    let &[b0, b1, s0, s1, t0, t1, t2, t3, ref ssrc @ ..] = head;
    if b0 >> 6 != 2 {
        return Err(ParseError::new("RTP version is not 2", 0));
    }
    let [l0, l1] = (rest.len() as u16).to_be_bytes(); // at most MAX_PROTECTED_LEN
    let recovery = [b0 & 0x3F, b1, l0, l1, t0, t1, t2, t3];
    Ok((Fixed { sequence: u16::from_be_bytes([s0, s1]), ssrc: u32::from_be_bytes(*ssrc), recovery }, rest))
}

/// Zeros are as good as nothing, so the shorter one is thought to end in zeros.
pub(super) fn xor(parity: &mut Vec<u8>, bytes: &[u8]) {
    if parity.len() < bytes.len() {
        parity.resize(bytes.len(), 0);
    }
    for (place, byte) in parity.iter_mut().zip(bytes) {
        *place ^= byte;
    }
}

pub(super) fn xor_recovery(parity: &mut [u8; 8], recovery: [u8; 8]) {
    for (place, byte) in parity.iter_mut().zip(recovery) {
        *place ^= byte;
    }
}
