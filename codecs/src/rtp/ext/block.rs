//! The extension block and its elements (RFC 8285).

use crate::ParseError;
use crate::reader::Reader;

/// The profile of the one-byte form (RFC 8285 4.2).
pub(in crate::rtp) const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// The profile of the two-byte form; its low four bits are free for the application (RFC 8285 4.3).
pub(in crate::rtp) const TWO_BYTE_PROFILE: u16 = 0x1000;
/// The id at which a receiver of the one-byte form must stop (RFC 8285 4.2).
const ONE_BYTE_STOP_ID: u8 = 15;

/// Where the extension block's contents lie in the packet, after its four bytes of profile and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rtp) struct ExtensionBlock {
    profile: u16,
    start: usize,
    end: usize,
}

impl ExtensionBlock {
    /// RFC 3550 5.3.1: profile, length in words, and as many words.
    pub(in crate::rtp) fn parse(reader: &mut Reader<'_>) -> Result<ExtensionBlock, ParseError> {
        let profile = reader.u16("RTP extension header cut")?;
        let words = reader.u16("RTP extension header cut")?;
        let start = reader.offset();
        reader.take(usize::from(words) * 4, "RTP extension block cut")?;
        Ok(ExtensionBlock { profile, start, end: reader.offset() })
    }
}

#[derive(Debug, Clone, Copy)]
enum Form {
    OneByte,
    TwoByte,
}

/// Iterates over `(id, contents)` of header extension elements. Made by [`RtpHeader::extensions`].
///
/// [`RtpHeader::extensions`]: crate::rtp::RtpHeader::extensions
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    rest: &'a [u8],
    form: Form,
}

impl<'a> Extensions<'a> {
    pub(in crate::rtp) fn new(block: Option<ExtensionBlock>, packet: &'a [u8]) -> Extensions<'a> {
        let none = Extensions { rest: &[], form: Form::OneByte };
        let Some(block) = block else { return none };
        let form = match block.profile {
            ONE_BYTE_PROFILE => Form::OneByte,
            profile if profile & 0xFFF0 == TWO_BYTE_PROFILE => Form::TwoByte,
            _ => return none,
        };
        Extensions { rest: packet.get(block.start..block.end).unwrap_or_default(), form }
    }
}

/// Fills with zeros the contents of the block's elements whose id `clear` says yes to.
pub(in crate::rtp) fn clear_elements(block: ExtensionBlock, packet: &mut [u8], mut clear: impl FnMut(u8) -> bool) {
    let mut elements = Extensions::new(Some(block), packet);
    let form = elements.form;
    while let Some((id, contents)) = elements.next() {
        // Where the element ends is told by how much is left of the block.
        let (len, left) = (contents.len(), elements.rest.len());
        let end = block.end.saturating_sub(left);
        if let Some(place) = packet.get_mut(end.saturating_sub(len)..end).filter(|_| clear(id)) {
            place.fill(0);
        }
        elements = Extensions { rest: packet.get(end..block.end).unwrap_or_default(), form };
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        // Taken away and given back only with a good element, so that a bad one ends the iteration.
        let mut rest = std::mem::take(&mut self.rest);
        // A zero byte is padding and may stand between elements in both forms (RFC 8285 4.2, 4.3).
        while let Some((0, after)) = rest.split_first() {
            rest = after;
        }
        let (&first, rest) = rest.split_first()?;
        let (id, len, rest) = match self.form {
            Form::OneByte => (first >> 4, usize::from(first & 0x0F) + 1, rest),
            Form::TwoByte => {
                let (&len, rest) = rest.split_first()?;
                (first, usize::from(len), rest)
            }
        };
        if matches!(self.form, Form::OneByte) && (id == 0 || id == ONE_BYTE_STOP_ID) {
            return None;
        }
        let (contents, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((id, contents))
    }
}

impl std::iter::FusedIterator for Extensions<'_> {}

/// Whether the element can stand in a block of the one-byte form (RFC 8285 4.2). Any that cannot brings the whole block
/// into the two-byte form, which a peer must have agreed to (`a=extmap-allow-mixed`).
pub fn fits_one_byte_form(id: u8, contents: &[u8]) -> bool {
    (1..ONE_BYTE_STOP_ID).contains(&id) && (1..=16).contains(&contents.len())
}
