//! Writing headers: a new one in front of a payload, or new fields over an old one.

use super::ext::{ONE_BYTE_PROFILE, TWO_BYTE_PROFILE, fits_one_byte_form};
use super::view::FIXED_HEADER_LEN;
use crate::ParseError;

/// What a forwarder changes in a header. Units as in [`RtpHeader`](super::RtpHeader).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderFields {
    /// Last packet of a picture, or first of a talk spurt.
    pub marker: bool,
    /// 0..=127; a higher bit is dropped.
    pub payload_type: u8,
    /// Wraps at 2^16.
    pub sequence: u16,
    /// In units of the payload's clock.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
}

impl HeaderFields {
    /// Bytes 1 to 11 of the header; byte 0 tells what else the packet has.
    fn to_bytes(self) -> [u8; FIXED_HEADER_LEN - 1] {
        let marker_and_type = (u8::from(self.marker) << 7) | (self.payload_type & 0x7F);
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        [marker_and_type, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}

/// Appends an RTP header (no CSRCs, no padding bit) to `out` and returns its length in bytes.
///
/// Extension elements go in the one-byte form if every id is 1..=14 and every length 1..=16, else in the two-byte form
/// (RFC 8285 4.2, 4.3). What fits neither (id 0, more than 255 bytes, past the block's 65535 words) is left out; if
/// nothing is left there is no extension block.
pub fn write_header<'a>(
    out: &mut Vec<u8>,
    fields: &HeaderFields,
    extensions: impl Iterator<Item = (u8, &'a [u8])> + Clone,
) -> usize {
    let start = out.len();
    let mut writable = extensions.filter(|(id, contents)| *id != 0 && contents.len() <= 0xFF).peekable();
    let has_extensions = writable.peek().is_some();
    out.push(0x80 | (u8::from(has_extensions) << 4));
    out.extend_from_slice(&fields.to_bytes());
    if has_extensions {
        write_extension_block(out, writable);
    }
    out.len() - start
}

fn write_extension_block<'a>(out: &mut Vec<u8>, elements: impl Iterator<Item = (u8, &'a [u8])> + Clone) {
    const MAX_BLOCK_LEN: usize = u16::MAX as usize * 4;

    let one_byte = elements.clone().all(|(id, contents)| fits_one_byte_form(id, contents));
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let body = out.len();
    for (id, contents) in elements {
        if out.len() - body + 2 + contents.len() > MAX_BLOCK_LEN {
            continue;
        }
        // Both casts are lossless: the form was chosen by, and the elements filtered for, these lengths.
        if one_byte {
            out.push((id << 4) | (contents.len() - 1) as u8);
        } else {
            out.extend_from_slice(&[id, contents.len() as u8]);
        }
        out.extend_from_slice(contents);
    }
    out.resize(body + (out.len() - body).next_multiple_of(4), 0);

    let words = u16::try_from((out.len() - body) / 4).expect("the loop stops at 65535 words");
    let profile = if one_byte { ONE_BYTE_PROFILE } else { TWO_BYTE_PROFILE };
    let ([p0, p1], [w0, w1]) = (profile.to_be_bytes(), words.to_be_bytes());
    let place = out.get_mut(start..body).expect("four bytes were reserved above");
    place.copy_from_slice(&[p0, p1, w0, w1]);
}

/// Writes `fields` over those of the packet's header, in place: the version, CSRCs, extensions and padding bit stay.
/// Errs, and changes nothing, if the packet is shorter than a fixed header.
pub fn rewrite_header(packet: &mut [u8], fields: &HeaderFields) -> Result<(), ParseError> {
    let place = packet.get_mut(1..FIXED_HEADER_LEN).ok_or(ParseError::new("RTP header cut", 0))?;
    place.copy_from_slice(&fields.to_bytes());
    Ok(())
}
