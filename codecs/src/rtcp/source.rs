//! Sources coming and going: source descriptions (RFC 3550 6.5) and goodbyes (RFC 3550 6.6).

use super::framing::{BYE, SOURCE_DESCRIPTION, begin, finish};
use crate::ParseError;
use crate::reader::Reader;

const SDES_END: u8 = 0;
const SDES_CNAME: u8 = 1;

/// Walks over `count` chunks of items and believes none of their lengths.
pub(super) fn check_sdes(count: u8, mut body: Reader<'_>) -> Result<(), ParseError> {
    const CUT: &str = "RTCP source description cut";
    for _ in 0..count {
        let begin = body.offset();
        body.u32(CUT)?;
        while body.u8(CUT)? != SDES_END {
            let len = body.u8(CUT)?;
            body.take(usize::from(len), CUT)?;
        }
        // The list of items ends in one or more zero octets, up to the next word of the packet.
        let len = body.offset() - begin;
        body.take(len.next_multiple_of(4) - len, CUT)?;
    }
    Ok(())
}

/// Appends a source description of one chunk with a CNAME, cut to at most 255 bytes at a character's boundary.
pub fn write_sdes_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let (cname, _) = cname.split_at(cname.floor_char_boundary(255));
    let start = begin(out, SOURCE_DESCRIPTION, 1);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[SDES_CNAME, cname.len() as u8]); // at most 255
    out.extend_from_slice(cname.as_bytes());
    out.push(SDES_END);
    let len = out.len() - start;
    out.resize(start + len.next_multiple_of(4), 0);
    finish(out, start);
}

/// RFC 3550 6.6: the sources that leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye<'a> {
    ssrcs: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, mut body: Reader<'a>) -> Result<Bye<'a>, ParseError> {
        let ssrcs = body.take(usize::from(count) * 4, "RTCP goodbye cut")?;
        // The reason is checked and left where it is: it is a stranger's text and nobody needs it.
        if !body.is_empty() {
            let len = body.u8("RTCP goodbye reason cut")?;
            body.take(usize::from(len), "RTCP goodbye reason cut")?;
        }
        Ok(Bye { ssrcs })
    }

    /// Who leaves, at most 31 sources; may be none.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        words(self.ssrcs)
    }
}

/// Appends a goodbye of one source, without a reason.
pub fn write_bye(out: &mut Vec<u8>, ssrc: u32) {
    let start = begin(out, BYE, 1);
    out.extend_from_slice(&ssrc.to_be_bytes());
    finish(out, start);
}

/// Big-endian 32-bit words; an incomplete last one is not told.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + Clone {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word))
}
