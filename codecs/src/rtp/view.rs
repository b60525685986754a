//! What a packet's header says.

use super::ext::{ExtensionBlock, Extensions, clear_elements};
use crate::ParseError;
use crate::reader::Reader;

/// The bytes before CSRCs and extensions (RFC 3550 5.1).
pub const FIXED_HEADER_LEN: usize = 12;

/// A parsed RTP header (RFC 3550 5.1). Owns nothing of the packet: [`RtpHeader::extensions`] asks for it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Last packet of a picture, or first of a talk spurt.
    pub marker: bool,
    /// 0..=127.
    pub payload_type: u8,
    /// Wraps at 2^16.
    pub sequence: u16,
    /// In units of the payload's clock; wraps at 2^32.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// The P bit: the (decrypted) payload ends in padding, see [`strip_padding`].
    pub has_padding: bool,
    /// Where the payload begins, in bytes: the fixed part, CSRCs and the extension block. At most the packet's length.
    pub header_len: usize,
    extension: Option<ExtensionBlock>,
}

impl RtpHeader {
    /// Reads the header and looks at nothing else, so it works on still-encrypted packets (RFC 3711 3.1 leaves the
    /// header in the clear).
    pub fn parse(packet: &[u8]) -> Result<RtpHeader, ParseError> {
        let mut reader = Reader::new(packet);
        let [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = reader.array::<FIXED_HEADER_LEN>("RTP header cut")?;
        if b0 >> 6 != 2 {
            return Err(ParseError::new("RTP version is not 2", 0));
        }
        reader.take(usize::from(b0 & 0x0F) * 4, "RTP CSRC list cut")?;
        let extension = if b0 & 0x10 == 0 { None } else { Some(ExtensionBlock::parse(&mut reader)?) };
        Ok(RtpHeader {
            marker: b1 & 0x80 != 0,
            payload_type: b1 & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            has_padding: b0 & 0x20 != 0,
            header_len: reader.offset(),
            extension,
        })
    }

    /// The extension elements of the packet that this header was parsed from (RFC 8285): one-byte form (0xBEDE) and
    /// two-byte form (0x100X). Ends quietly at the first malformed element. Other profiles and other packets than the
    /// one parsed give nothing of sense, but never panic.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        Extensions::new(self.extension, packet)
    }

    /// Fills with zeros, in the packet that this header was parsed from, the contents of extension elements whose id
    /// `clear` says yes to: those that change on the way must not count in error correction.
    pub fn clear_elements(&self, packet: &mut [u8], clear: impl FnMut(u8) -> bool) {
        if let Some(block) = self.extension {
            clear_elements(block, packet, clear);
        }
    }
}

/// The payload without its RTP padding (RFC 3550 5.1). Only for decrypted payloads: SRTP encrypts the pad count.
///
/// Errs when the count is 0 or more than the payload has. A payload of nothing but padding is fine and becomes empty:
/// senders probe bandwidth with those.
pub fn strip_padding<'a>(header: &RtpHeader, payload: &'a [u8]) -> Result<&'a [u8], ParseError> {
    if !header.has_padding {
        return Ok(payload);
    }
    let Some(&count) = payload.last() else { return Err(ParseError::new("RTP padding without payload", 0)) };
    let kept = match payload.len().checked_sub(usize::from(count)) {
        Some(kept) if count > 0 => payload.get(..kept),
        _ => None,
    };
    kept.ok_or(ParseError::new("RTP pad count out of range", payload.len().saturating_sub(1)))
}
