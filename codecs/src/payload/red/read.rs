//! The blocks of a payload.

use crate::ParseError;
use crate::reader::Reader;

const CUT: &str = "RED header cut";

/// A RED payload whose block lengths were all checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Red<'a> {
    /// Four bytes for each redundant block.
    headers: &'a [[u8; 4]],
    /// The redundant blocks' bytes, one after the other.
    redundant: &'a [u8],
    primary: RedBlock<'a>,
}

/// One block of a RED payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedBlock<'a> {
    /// What the block would have as its own packet, 0..=127.
    pub payload_type: u8,
    /// How much older than the packet's timestamp it is, in timestamp units, 0..=16383; 0 for the primary block.
    pub timestamp_offset: u16,
    /// The encoding's bytes; redundant blocks have at most 1023, perhaps none.
    pub bytes: &'a [u8],
}

impl<'a> Red<'a> {
    /// Reads the block headers (RFC 2198 3). The number of blocks is bounded by the payload's length.
    pub fn parse(payload: &'a [u8]) -> Result<Red<'a>, ParseError> {
        let mut reader = Reader::new(payload);
        let (mut redundant_len, mut headers_len) = (0_usize, 0_usize);
        while reader.rest().first().is_some_and(|byte| byte & 0x80 != 0) {
            let header = reader.array(CUT)?;
            redundant_len = redundant_len.saturating_add(block_len(header));
            headers_len = reader.offset();
        }
        let payload_type = reader.u8(CUT)?;
        let redundant = reader.take(redundant_len, "RED block lengths past the payload")?;
        let primary = RedBlock { payload_type, timestamp_offset: 0, bytes: reader.rest() };
        let (headers, _) = payload.get(..headers_len).unwrap_or_default().as_chunks::<4>();
        Ok(Red { headers, redundant, primary })
    }

    /// The block that the packet is about; the others are older.
    pub fn primary(&self) -> RedBlock<'a> {
        self.primary
    }

    /// All blocks in the packet's order: usually the oldest first, always the primary one last.
    pub fn blocks(&self) -> impl Iterator<Item = RedBlock<'a>> + Clone + use<'a> {
        let mut reader = Reader::new(self.redundant);
        let redundant = self.headers.iter().filter_map(move |&header| {
            let [first, t0, t1, _] = header;
            let bytes = reader.take(block_len(header), CUT).ok()?; // parse() has added these up
            let timestamp_offset = u16::from_be_bytes([t0, t1]) >> 2;
            Some(RedBlock { payload_type: first & 0x7F, timestamp_offset, bytes })
        });
        redundant.chain(std::iter::once(self.primary))
    }
}

/// The lowest ten bits.
fn block_len([_, _, high, low]: [u8; 4]) -> usize {
    usize::from(u16::from_be_bytes([high & 0x03, low]))
}
