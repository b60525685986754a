//! How many chunks an association holds, counted from outside. The library bounds the *bytes* that wait to be put together; a
//! client who sends them one at a time, with a gap before them that he never fills, would have it keep hundreds of thousands
//! of chunks, and sort them for each new one (faults 4.4, items 50 and 53). So each packet is looked through before the
//! library sees it, and each acknowledgement of ours after it was made.

/// Chunks held at most: four times what a full window of whole packets makes.
const MAX_HELD: u32 = 4_096;
/// Streams that a client may use: browsers number theirs below 1,024.
pub(crate) const MAX_STREAMS: u16 = 1_024;

const COMMON_HEADER_LEN: usize = 12;
const CHUNK_HEADER_LEN: usize = 4;
const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SACK: u8 = 3;

/// What is done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The library may see it.
    Pass,
    /// It is not SCTP, or of a stream that is out of bounds.
    Malformed,
    /// More is held than may be: the client will send it again.
    TooMuchHeld,
}

/// The count.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// The highest TSN seen, once the client's first is known.
    highest: Option<u32>,
    held: u32,
}

/// A chunk within a packet.
pub(super) struct Chunk<'a> {
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
}

/// Walks the chunks of a packet; `None` in the place of one that is not whole.
pub(super) fn chunks(packet: &[u8]) -> impl Iterator<Item = Option<Chunk<'_>>> {
    let mut rest = packet.get(COMMON_HEADER_LEN..).filter(|rest| !rest.is_empty());
    let mut first = true;
    std::iter::from_fn(move || {
        let Some(bytes) = rest.take() else {
            // No chunk at all is no packet.
            return std::mem::take(&mut first).then_some(None);
        };
        first = false;
        let whole = bytes.split_first_chunk::<CHUNK_HEADER_LEN>().and_then(|([kind, _, l0, l1], _)| {
            let len = usize::from(u16::from_be_bytes([*l0, *l1]));
            let value = bytes.get(CHUNK_HEADER_LEN..len)?;
            // The last chunk may come without its padding.
            rest = bytes.get(len.next_multiple_of(4)..).filter(|rest| !rest.is_empty());
            Some(Chunk { kind: *kind, value })
        });
        Some(whole)
    })
}

fn word(value: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*value.get(at..)?.first_chunk()?))
}

impl Census {
    /// Looks at a packet of the client. Once the association is up, no INIT changes where the count began.
    pub(super) fn arrives(&mut self, packet: &[u8], is_up: bool) -> Verdict {
        let (mut highest, mut held) = (self.highest, self.held);
        for chunk in chunks(packet) {
            let Some(Chunk { kind, value }) = chunk else { return Verdict::Malformed };
            match kind {
                // RFC 9260 section 3.3.2: the initial TSN is the fourth word.
                INIT | INIT_ACK if !is_up => {
                    let Some(initial) = word(value, 12) else { return Verdict::Malformed };
                    (highest, held) = (Some(initial.wrapping_sub(1)), 0);
                }
                DATA => {
                    let (Some(tsn), Some(stream)) = (word(value, 0), word(value, 4).map(|word| word >> 16)) else {
                        return Verdict::Malformed;
                    };
                    if stream >= u32::from(MAX_STREAMS) {
                        return Verdict::Malformed;
                    }
                    let Some(before) = highest else { return Verdict::Malformed };
                    // Serial numbers (RFC 1982): what is not ahead was sent before, and may be what fills a gap.
                    let ahead = tsn.wrapping_sub(before);
                    if (1..=u32::MAX / 2).contains(&ahead) {
                        held = held.saturating_add(ahead);
                        highest = Some(tsn);
                        if held > MAX_HELD {
                            return Verdict::TooMuchHeld;
                        }
                    }
                }
                _ => {}
            }
        }
        (self.highest, self.held) = (highest, held);
        Verdict::Pass
    }

    /// A message of so many chunks was taken out.
    pub(super) fn taken(&mut self, chunks: usize) {
        self.held = self.held.saturating_sub(u32::try_from(chunks).unwrap_or(u32::MAX));
    }

    /// Looks at a packet of ours. An acknowledgement tells how many bytes are held, and no chunk is smaller than one: that mends
    /// what the count cannot know, of messages that the client gave up and of streams that he reset.
    pub(super) fn leaves(&mut self, packet: &[u8], window: u32) {
        for Chunk { kind, value } in chunks(packet).map_while(|chunk| chunk) {
            if kind == SACK
                && let (Some(cumulative), Some(credit)) = (word(value, 0), word(value, 4))
            {
                let beyond = self.highest.map_or(0, |highest| highest.wrapping_sub(cumulative));
                if beyond > u32::MAX / 2 {
                    // The client gave up what he never sent, and told us to go on (RFC 3758).
                    (self.highest, self.held) = (Some(cumulative), 0);
                } else {
                    self.held = self.held.min(window.saturating_sub(credit).saturating_add(beyond));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(chunks: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0; COMMON_HEADER_LEN];
        for (kind, value) in chunks {
            bytes.extend_from_slice(&[*kind, 0]);
            bytes.extend_from_slice(&((value.len() + CHUNK_HEADER_LEN) as u16).to_be_bytes());
            bytes.extend_from_slice(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn init(tsn: u32) -> (u8, Vec<u8>) {
        (INIT, [0, 0, 0, tsn].iter().flat_map(|w| w.to_be_bytes()).collect())
    }

    fn data(tsn: u32, stream: u16) -> (u8, Vec<u8>) {
        (DATA, [tsn, u32::from(stream) << 16, 51, 0].iter().flat_map(|w| w.to_be_bytes()).collect())
    }

    fn sack(cumulative: u32, credit: u32) -> (u8, Vec<u8>) {
        (SACK, [cumulative, credit, 0].iter().flat_map(|w| w.to_be_bytes()).collect())
    }

    #[test]
    fn a_gap_that_is_never_filled_stops_what_is_new_and_nothing_else() {
        let mut census = Census::default();
        let first = u32::MAX - 5;
        assert_eq!(census.arrives(&packet(&[init(first)]), false), Verdict::Pass);
        let tsn = |i: u32| first.wrapping_add(i);
        for i in 1..MAX_HELD {
            assert_eq!(census.arrives(&packet(&[data(tsn(i), 1)]), true), Verdict::Pass, "{i}");
        }
        assert_eq!(census.arrives(&packet(&[data(tsn(MAX_HELD), 1)]), true), Verdict::TooMuchHeld);
        assert_eq!(census.arrives(&packet(&[data(tsn(0), 1)]), true), Verdict::Pass, "the gap may be filled");
        census.taken(MAX_HELD as usize);
        assert_eq!(census.arrives(&packet(&[data(tsn(MAX_HELD), 1)]), true), Verdict::Pass);
        assert_eq!(census.arrives(&packet(&[data(tsn(MAX_HELD * 3), 1)]), true), Verdict::TooMuchHeld, "a leap");
    }

    #[test]
    fn our_acknowledgement_mends_the_count() {
        let mut census = Census::default();
        census.arrives(&packet(&[init(1)]), false);
        for tsn in 1..=MAX_HELD {
            census.arrives(&packet(&[data(tsn, 1)]), true);
        }
        assert_eq!(census.arrives(&packet(&[data(MAX_HELD + 1, 1)]), true), Verdict::TooMuchHeld);
        census.leaves(&packet(&[sack(MAX_HELD, 1_000)]), 1_000);
        assert_eq!(census.arrives(&packet(&[data(MAX_HELD + 1, 1)]), true), Verdict::Pass);
    }

    #[test]
    fn what_is_not_whole_or_out_of_bounds_is_malformed() {
        let known = || {
            let mut census = Census::default();
            census.arrives(&packet(&[init(1)]), false);
            census
        };
        let whole = packet(&[data(1, 0), data(2, 5)]);
        assert_eq!(known().arrives(&whole, true), Verdict::Pass);
        for end in 0..whole.len() {
            let verdict = known().arrives(&whole[..end], true);
            assert_eq!(verdict == Verdict::Pass, end == 32, "{end}");
        }
        assert_eq!(known().arrives(&packet(&[data(1, MAX_STREAMS)]), true), Verdict::Malformed);
        assert_eq!(Census::default().arrives(&whole, true), Verdict::Malformed, "data before an INIT");
        for length in 0..4 {
            let mut endless = whole.clone();
            endless[15] = length;
            assert_eq!(known().arrives(&endless, true), Verdict::Malformed, "a chunk of length {length}");
        }
    }

    proptest! {
        #[test]
        fn anything_at_all_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut census = Census::default();
            census.arrives(&bytes, false);
            census.arrives(&bytes, true);
            census.leaves(&bytes, 1_000);
        }
    }
}
