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

/// Appends an RTP header (no CSRCs, no padding bit) to `out` and returns its length in bytes. The elements of its extension block
/// are written as by [`HeaderWriter`].
pub fn write_header<'a>(
    out: &mut Vec<u8>,
    fields: &HeaderFields,
    extensions: impl Iterator<Item = (u8, &'a [u8])>,
) -> usize {
    let mut header = HeaderWriter::begin(out, fields);
    extensions.for_each(|(id, contents)| header.element(id, contents));
    header.finish()
}

/// Bytes of an extension block before its elements (RFC 3550 5.3.1): profile, and length in words.
const BLOCK_HEAD_LEN: usize = 4;
/// What a block may have in bytes: its length in words has 16 bits.
const MAX_BLOCK_LEN: usize = u16::MAX as usize * 4;
/// Says in byte 0 that there is an extension block.
const HAS_EXTENSIONS: u8 = 0x10;

/// Appends an RTP header (no CSRCs, no padding bit) and then its extension elements, one after the other and in one pass, as a
/// forwarder does for each receiver of each packet.
///
/// Elements go in the one-byte form if every id is 1..=14 and every length 1..=16, else in the two-byte form (RFC 8285 4.2, 4.3). What
/// fits neither (id 0, more than 255 bytes, past the block's 65535 words) is left out; if nothing is left there is no extension block.
#[derive(Debug)]
pub struct HeaderWriter<'v> {
    out: &'v mut Vec<u8>,
    /// Where the header begins, and where the elements do.
    start: usize,
    body: usize,
    is_one_byte: bool,
}

impl<'v> HeaderWriter<'v> {
    /// Begins a header at the end of `out`.
    #[inline]
    pub fn begin(out: &'v mut Vec<u8>, fields: &HeaderFields) -> Self {
        let start = out.len();
        let [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = fields.to_bytes();
        // Nearly every packet has elements: the room for the block's head is taken at once, and given back where there are none.
        out.extend_from_slice(&[0x80, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, 0, 0, 0, 0]);
        let body = out.len();
        Self { out, start, body, is_one_byte: true }
    }

    /// Appends an element.
    #[inline]
    pub fn element(&mut self, id: u8, contents: &[u8]) {
        if id == 0 || !self.has_room(contents) {
            return;
        }
        if !(self.is_one_byte && fits_one_byte_form(id, contents)) {
            return self.long_element(id, contents);
        }
        // Lossless: what fits is 1 to 16 bytes long.
        let head = (id << 4) | (contents.len() - 1) as u8;
        // Most are this short, and cost more to call a copy for than to write.
        match *contents {
            [a] => self.out.extend_from_slice(&[head, a]),
            [a, b] => self.out.extend_from_slice(&[head, a, b]),
            [a, b, c] => self.out.extend_from_slice(&[head, a, b, c]),
            _ => {
                self.out.push(head);
                self.out.extend_from_slice(contents);
            }
        }
    }

    /// Whether an element fits into the block, in either form.
    #[inline]
    fn has_room(&self, contents: &[u8]) -> bool {
        self.out.len() - self.body + 2 + contents.len() <= MAX_BLOCK_LEN
    }

    fn long_element(&mut self, id: u8, contents: &[u8]) {
        let Ok(len) = u8::try_from(contents.len()) else { return };
        if self.is_one_byte {
            self.widen();
        }
        if self.has_room(contents) {
            self.out.extend_from_slice(&[id, len]);
            self.out.extend_from_slice(contents);
        }
    }

    /// Brings the elements so far into the two-byte form.
    #[cold]
    fn widen(&mut self) {
        self.is_one_byte = false;
        let narrow = self.out.split_off(self.body);
        let mut rest = &narrow[..];
        while let Some((head, after)) = rest.split_first() {
            let len = usize::from(head & 0x0F) + 1;
            let Some((contents, after)) = after.split_at_checked(len).filter(|(it, _)| self.has_room(it)) else {
                return;
            };
            self.out.extend_from_slice(&[head >> 4, len as u8]);
            self.out.extend_from_slice(contents);
            rest = after;
        }
    }

    /// Ends the header, and gives its length in bytes.
    #[inline]
    pub fn finish(self) -> usize {
        let Self { out, start, body, is_one_byte } = self;
        if out.len() == body {
            out.truncate(body - BLOCK_HEAD_LEN);
            return FIXED_HEADER_LEN;
        }
        while !(out.len() - body).is_multiple_of(4) {
            out.push(0);
        }
        // Lossless: no element was taken past the most that a block may have.
        let words = ((out.len() - body) / 4) as u16;
        let profile = if is_one_byte { ONE_BYTE_PROFILE } else { TWO_BYTE_PROFILE };
        let ([p0, p1], [w0, w1]) = (profile.to_be_bytes(), words.to_be_bytes());
        if let Some([first, .., a, b, c, d]) = out.get_mut(start..body) {
            *first |= HAS_EXTENSIONS;
            (*a, *b, *c, *d) = (p0, p1, w0, w1);
        }
        out.len() - start
    }
}

/// Writes `fields` over those of the packet's header, in place: the version, CSRCs, extensions and padding bit stay.
/// Errs, and changes nothing, if the packet is shorter than a fixed header.
pub fn rewrite_header(packet: &mut [u8], fields: &HeaderFields) -> Result<(), ParseError> {
    let place = packet.get_mut(1..FIXED_HEADER_LEN).ok_or(ParseError::new("RTP header cut", 0))?;
    place.copy_from_slice(&fields.to_bytes());
    Ok(())
}
