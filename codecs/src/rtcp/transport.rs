//! Reading transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).

use super::feedback::parse_ssrcs;
use crate::ParseError;
use crate::reader::Reader;

/// Which of the packets sent on a transport arrived, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// Who received.
    pub sender_ssrc: u32,
    /// Some source of the transport.
    pub media_ssrc: u32,
    /// The transport-wide sequence number of the first status.
    pub base_sequence: u16,
    /// How many statuses there are; never 0.
    pub packet_status_count: u16,
    /// What the first delta is relative to, in 64 ms (256 ticks of 250 us) since an epoch of the receiver's own. 24 bits
    /// signed; wraps after 12 days.
    pub reference_time: i32,
    /// Counts feedback packets, to tell lost ones.
    pub feedback_count: u8,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(mut body: Reader<'a>) -> Result<TransportFeedback<'a>, ParseError> {
        const CUT: &str = "transport feedback cut";
        let (sender_ssrc, media_ssrc) = parse_ssrcs(&mut body)?;
        let base_sequence = body.u16(CUT)?;
        let packet_status_count = body.u16(CUT)?;
        let [t0, t1, t2, feedback_count] = body.array(CUT)?;
        if packet_status_count == 0 {
            return Err(body.error("transport feedback on no packets"));
        }

        // First the chunks, as many as cover the count; then it is known how long the deltas must be.
        let (chunk_words, _) = body.rest().as_chunks::<2>();
        let (mut uncovered, mut chunk_count, mut deltas_len) = (packet_status_count, 0_usize, 0_usize);
        while uncovered > 0 {
            let at = body.offset();
            let mut chunk = Chunk::parse(body.array(CUT)?);
            chunk.len = chunk.len.min(uncovered);
            let len = chunk.deltas_len().ok_or(ParseError::new("transport feedback with a reserved status", at))?;
            uncovered -= chunk.len;
            chunk_count += 1;
            deltas_len += len; // at most 65535 times 2
        }
        let deltas = body.take(deltas_len, "transport feedback deltas cut")?;
        Ok(TransportFeedback {
            sender_ssrc,
            media_ssrc,
            base_sequence,
            packet_status_count,
            // Shifted up to the sign bit and back down, which extends the sign.
            reference_time: i32::from_be_bytes([t0, t1, t2, 0]) >> 8,
            feedback_count,
            chunks: chunk_words.get(..chunk_count).unwrap_or_default(),
            deltas,
        })
    }

    /// `(transport sequence, arrival)` for each of the [`packet_status_count`](Self::packet_status_count) packets. The
    /// arrival is `None` for a lost packet, else the time since the one that arrived before (the first: since the
    /// reference time) in ticks of 250 us, -32768..=32767.
    pub fn packets(&self) -> impl Iterator<Item = (u16, Option<i32>)> + Clone + use<'a> {
        let mut deltas = Reader::new(self.deltas);
        let base = self.base_sequence;
        let statuses = self.chunks.iter().flat_map(|chunk| Chunk::parse(*chunk));
        (0..self.packet_status_count).zip(statuses).map(move |(index, status)| {
            // parse() has counted the deltas, so no read of them fails.
            let delta = match status {
                Status::Small => deltas.u8("").ok().map(i32::from),
                Status::Large => deltas.array("").ok().map(i16::from_be_bytes).map(i32::from),
                Status::Lost | Status::Reserved => None,
            };
            (base.wrapping_add(index), delta)
        })
    }
}

/// A packet status symbol (3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Lost,
    Small,
    Large,
    Reserved,
}

impl Status {
    fn from_bits(bits: u16) -> Status {
        match bits & 0b11 {
            0 => Status::Lost,
            1 => Status::Small,
            2 => Status::Large,
            _ => Status::Reserved,
        }
    }
}

/// A packet status chunk (3.1.2 to 3.1.4), as an iterator over its statuses.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    /// Statuses that are left.
    len: u16,
    kind: ChunkKind,
}

#[derive(Debug, Clone, Copy)]
enum ChunkKind {
    /// The same status, up to 8191 times.
    Run(Status),
    /// A bit each, the next one in the highest bit: lost or small.
    OneBit(u16),
    /// Two bits each, the next one in the highest two bits.
    TwoBit(u16),
}

impl Chunk {
    fn parse(word: [u8; 2]) -> Chunk {
        let word = u16::from_be_bytes(word);
        match word >> 14 {
            0b10 => Chunk { len: 14, kind: ChunkKind::OneBit(word << 2) },
            0b11 => Chunk { len: 7, kind: ChunkKind::TwoBit(word << 2) },
            _ => Chunk { len: word & 0x1FFF, kind: ChunkKind::Run(Status::from_bits(word >> 13)) },
        }
    }

    /// How many bytes of deltas belong to this chunk, without walking along a run; `None` if a status is reserved.
    fn deltas_len(self) -> Option<usize> {
        let of_one = |status| match status {
            Status::Lost => Some(0),
            Status::Small => Some(1),
            Status::Large => Some(2),
            Status::Reserved => None,
        };
        match self.kind {
            ChunkKind::Run(status) => of_one(status).map(|len| len * usize::from(self.len)),
            ChunkKind::OneBit(_) | ChunkKind::TwoBit(_) => {
                let mut statuses = self;
                statuses.try_fold(0, |sum, status| of_one(status).map(|len| sum + len))
            }
        }
    }
}

impl Iterator for Chunk {
    type Item = Status;

    fn next(&mut self) -> Option<Status> {
        self.len = self.len.checked_sub(1)?;
        Some(match &mut self.kind {
            ChunkKind::Run(status) => *status,
            ChunkKind::OneBit(bits) => {
                let status = Status::from_bits(*bits >> 15);
                *bits <<= 1;
                status
            }
            ChunkKind::TwoBit(bits) => {
                let status = Status::from_bits(*bits >> 14);
                *bits <<= 2;
                status
            }
        })
    }
}
