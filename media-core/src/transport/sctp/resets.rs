//! Resets of streams (RFC 6525), counted from outside. For each that a client asks for, the library queues an end of the stream,
//! and a reset of our own that waits for the client's answer; it walks both queues again and again, and bounds neither. So a
//! request that would let them grow is not shown to it: the client sends it again when its time is up.

use super::census::{MAX_STREAMS, chunks};
use std::time::{Duration, Instant};

pub(super) const RECONFIG: u8 = 130;
/// Outgoing SSN Reset Request (RFC 6525 section 4.1).
pub(super) const RESET_REQUEST: u16 = 13;
/// Re-configuration Response (RFC 6525 section 4.4), and the result of one that was carried out.
pub(super) const RESPONSE: u16 = 16;
const PERFORMED: u32 = 1;

/// Parameters of a chunk at most (RFC 6525 section 3.1).
const MAX_PARAMETERS: usize = 2;
/// Beside the streams that a client may have: those that he opened in vain and closes.
const MARGIN: usize = 64;
/// Requests in a row that are not taken because he answers none of ours. A client who answers at all gets through after one or two.
const MAX_REFUSED: u32 = 32;

/// Why a packet is not shown to the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNow {
    /// It is not as RFC 6525 has it, or asks for more than one reset.
    Malformed,
    /// Too much is under way: the client will send it again.
    Later,
    /// He has asked again and again and answered nothing.
    Never,
}

/// What a packet asks for: the streams, or all of them when none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reset {
    streams: Vec<u16>,
    number: u32,
}

/// Some streams, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Streams([u64; MAX_STREAMS as usize / 64]);

impl Streams {
    const NONE: Self = Self([0; MAX_STREAMS as usize / 64]);

    fn insert(&mut self, stream: u16) {
        self.0.get_mut(usize::from(stream / 64)).into_iter().for_each(|bits| *bits |= 1 << (stream % 64));
    }

    /// Whether it was there.
    fn remove(&mut self, stream: u16) -> bool {
        let had = self.has(stream);
        self.0.get_mut(usize::from(stream / 64)).into_iter().for_each(|bits| *bits &= !(1 << (stream % 64)));
        had
    }

    fn has(&self, stream: u16) -> bool {
        self.0.get(usize::from(stream / 64)).is_some_and(|bits| bits >> (stream % 64) & 1 == 1)
    }
}

/// What is under way.
#[derive(Debug)]
pub(super) struct Resets {
    /// Requests that are taken in a second, and resets of ours that may wait for an answer.
    limit: usize,
    second: Option<Instant>,
    taken: usize,
    /// Streams of which the end is not known yet: it comes behind what is not read.
    ending: Streams,
    /// Streams that the client opened anew before our reset of their last life was answered: the acknowledgement waits.
    owing: Streams,
    /// Streams that ended, and for which our own reset was not answered.
    unanswered: usize,
    refused: u32,
    /// The highest request that we said was carried out. One that is not above it came twice, and changes nothing.
    done: Option<u32>,
}

/// The parameters of a chunk; `None` in the place of one that is not whole.
pub(super) fn parameters(value: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let bytes = std::mem::take(&mut rest);
        if bytes.is_empty() {
            return None;
        }
        let whole = bytes.split_first_chunk::<4>().and_then(|([k0, k1, l0, l1], _)| {
            let len = usize::from(u16::from_be_bytes([*l0, *l1]));
            rest = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
            Some((u16::from_be_bytes([*k0, *k1]), bytes.get(4..len)?))
        });
        Some(whole)
    })
}

/// The first word, and what follows.
pub(super) fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk().map(|(word, rest)| (u32::from_be_bytes(*word), rest))
}

/// The reset that a packet asks for.
fn request(packet: &[u8]) -> Result<Option<Reset>, NotNow> {
    let mut asked = None;
    for chunk in chunks(packet).flatten().filter(|chunk| chunk.kind == RECONFIG) {
        for (at, parameter) in parameters(chunk.value).enumerate() {
            let (kind, value) = parameter.filter(|_| at < MAX_PARAMETERS).ok_or(NotNow::Malformed)?;
            if kind != RESET_REQUEST {
                continue;
            }
            // Its number, that of an answer, and the last TSN stand before the streams.
            let (number, rest) = word(value).ok_or(NotNow::Malformed)?;
            let streams = rest.get(8..).ok_or(NotNow::Malformed)?;
            let streams = streams.chunks_exact(2).filter_map(|id| id.first_chunk()).map(|id| u16::from_be_bytes(*id));
            // There is never more than one on its way (RFC 6525 section 5.1.1).
            if asked.replace(Reset { streams: streams.collect(), number }).is_some() {
                return Err(NotNow::Malformed);
            }
        }
    }
    Ok(asked)
}

impl Resets {
    /// `streams` is how many a client may have.
    pub(super) fn new(streams: usize) -> Self {
        Self {
            limit: streams.saturating_add(MARGIN),
            second: None,
            taken: 0,
            ending: Streams::NONE,
            owing: Streams::NONE,
            unanswered: 0,
            refused: 0,
            done: None,
        }
    }

    /// Looks at a packet of the client. What it asks for is to be [noted](Self::note) after the library has seen it.
    pub(super) fn arrives(&mut self, packet: &[u8], now: Instant) -> Result<Option<Reset>, NotNow> {
        let Some(reset) = request(packet)? else { return Ok(None) };
        if self.second.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            (self.second, self.taken) = (Some(now), 0);
        }
        if self.taken >= self.limit {
            return Err(NotNow::Later);
        }
        if self.is_done(&reset) {
            self.taken += 1;
            return Ok(None);
        }
        if self.unanswered >= self.limit {
            self.refused += 1;
            return Err(if self.refused > MAX_REFUSED { NotNow::Never } else { NotNow::Later });
        }
        let is_all = reset.streams.is_empty();
        if is_all && self.ending != Streams::NONE || reset.streams.iter().any(|id| self.ending.has(*id)) {
            return Err(NotNow::Later);
        }
        self.taken += 1;
        Ok(Some(reset))
    }

    /// The library has seen a request; `streams` are those that there are yet.
    pub(super) fn note(&mut self, reset: &Reset, streams: &[u16]) {
        for id in streams.iter().filter(|id| reset.streams.is_empty() || reset.streams.contains(id)) {
            self.ending.insert(*id);
        }
    }

    /// The acknowledgement of a stream cannot be written yet.
    pub(super) fn owe(&mut self, stream: u16) {
        self.owing.insert(stream);
    }

    /// A stream has ended.
    pub(super) fn finished(&mut self, stream: u16) {
        self.ending.remove(stream);
        self.owing.remove(stream);
        self.unanswered += 1;
    }

    /// The client answered for a stream. Whether an acknowledgement waited for that.
    pub(super) fn answered(&mut self, stream: u16) -> bool {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.refused = 0;
        self.owing.remove(stream)
    }

    /// Whether the client is yet to answer for any stream.
    pub(super) fn are_unanswered(&self) -> bool {
        self.unanswered > 0
    }

    /// Looks at a packet of ours.
    pub(super) fn leaves(&mut self, packet: &[u8]) {
        for chunk in chunks(packet).map_while(|chunk| chunk).filter(|chunk| chunk.kind == RECONFIG) {
            for (kind, value) in parameters(chunk.value).map_while(|parameter| parameter) {
                if kind == RESPONSE
                    && let Some((number, rest)) = word(value)
                    && word(rest).is_some_and(|(result, _)| result == PERFORMED)
                    && self.done.is_none_or(|done| is_after(number, done))
                {
                    self.done = Some(number);
                }
            }
        }
    }

    fn is_done(&self, reset: &Reset) -> bool {
        self.done.is_some_and(|done| !is_after(reset.number, done))
    }
}

/// Serial numbers (RFC 1982).
fn is_after(number: u32, other: u32) -> bool {
    (1..=u32::MAX / 2).contains(&number.wrapping_sub(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reconfig(parameters: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut chunk = vec![RECONFIG, 0, 0, 0];
        for (kind, value) in parameters {
            chunk.extend_from_slice(&kind.to_be_bytes());
            chunk.extend_from_slice(&(value.len() as u16 + 4).to_be_bytes());
            chunk.extend_from_slice(value);
            chunk.resize(chunk.len().next_multiple_of(4), 0);
        }
        let len = chunk.len() as u16;
        chunk[2..4].copy_from_slice(&len.to_be_bytes());
        chunk
    }

    fn packet(chunks: &[Vec<u8>]) -> Vec<u8> {
        [vec![0; 12], chunks.concat()].concat()
    }

    fn reset(number: u32, streams: &[u16]) -> (u16, Vec<u8>) {
        let head = [number, 0, 0].into_iter().flat_map(u32::to_be_bytes);
        (RESET_REQUEST, head.chain(streams.iter().flat_map(|id| id.to_be_bytes())).collect())
    }

    fn response(number: u32, result: u32) -> (u16, Vec<u8>) {
        (RESPONSE, [number, result].into_iter().flat_map(u32::to_be_bytes).collect())
    }

    #[test]
    fn one_request_a_packet_and_so_many_a_second() {
        let (mut resets, now) = (Resets::new(10), Instant::now());
        let one = reconfig(&[reset(1, &[1])]);
        assert_eq!(resets.arrives(&packet(&[one.clone(), one.clone()]), now), Err(NotNow::Malformed));
        let beside_an_answer = [reconfig(&[response(1, 1)]), one.clone()];
        let mut taken = 0;
        while resets.arrives(&packet(&beside_an_answer), now).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 10 + MARGIN);
        assert!(resets.arrives(&packet(&[one]), now + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn a_stream_that_has_not_ended_is_not_reset_again() {
        let (mut resets, now) = (Resets::new(10), Instant::now());
        let both = packet(&[reconfig(&[reset(1, &[1, 3])])]);
        let asked = resets.arrives(&both, now).unwrap().unwrap();
        resets.note(&asked, &[1, 5]);
        assert_eq!(resets.arrives(&both, now), Err(NotNow::Later));
        assert_eq!(resets.arrives(&packet(&[reconfig(&[reset(2, &[])])]), now), Err(NotNow::Later), "all of them");
        assert!(resets.arrives(&packet(&[reconfig(&[reset(2, &[3, 5])])]), now).is_ok());
        resets.leaves(&packet(&[reconfig(&[response(1, PERFORMED)])]));
        assert_eq!(resets.arrives(&both, now), Ok(None), "our answer was lost: it is asked again");
        resets.finished(1);
        assert!(resets.arrives(&packet(&[reconfig(&[reset(2, &[1])])]), now).unwrap().is_some());
    }

    #[test]
    fn who_asks_and_never_answers_is_done_with() {
        let (mut resets, now) = (Resets::new(10), Instant::now());
        let ask = |resets: &mut Resets, number| resets.arrives(&packet(&[reconfig(&[reset(number, &[1])])]), now);
        (0..10 + MARGIN).for_each(|_| resets.finished(1));
        assert_eq!(ask(&mut resets, 1), Err(NotNow::Later));
        resets.answered(1);
        assert!(ask(&mut resets, 1).is_ok());
        resets.finished(1);
        assert!((0..MAX_REFUSED).all(|_| ask(&mut resets, 2) == Err(NotNow::Later)));
        assert_eq!(ask(&mut resets, 2), Err(NotNow::Never));
    }

    proptest! {
        #[test]
        fn anything_at_all_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut resets = Resets::new(10);
            for chunk in [bytes.clone(), reconfig(&[(RESET_REQUEST, bytes.clone())]), reconfig(&[(RESPONSE, bytes)])] {
                let _ = resets.arrives(&packet(std::slice::from_ref(&chunk)), Instant::now());
                resets.leaves(&packet(&[chunk]));
            }
        }
    }
}
