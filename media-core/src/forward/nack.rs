//! Which packets of a stream are missing, and when to ask for them again (RFC 4585 section 6.2.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets asked for at a time. A hole larger than this is not worth repairing: a key frame is.
const MAX_MISSING: usize = 256;
/// Wait before the first request: reordering on real paths is mostly under this.
const FIRST_DELAY: Duration = Duration::from_millis(10);
/// Shortest time between two requests for the same packet.
const MIN_INTERVAL: Duration = Duration::from_millis(40);
/// Requests for one packet before it is given up.
const MAX_REQUESTS: u8 = 10;
/// So many requests are a round trip apart: where one packet of ten is lost, one request in five has no effect, and a picture waits. What is
/// not there after that is not missing by chance: the others are further and further apart.
const PROMPT: u8 = 4;

/// A packet that has not come.
#[derive(Debug)]
struct Missing {
    index: u64,
    asked: Option<Instant>,
    due: Instant,
    requests: u8,
}

/// The missing packets of one stream.
#[derive(Debug, Default)]
pub(crate) struct Nacker {
    highest: Option<u64>,
    missing: VecDeque<Missing>,
    /// How long an answer takes; `None` until there was one.
    answer: Option<Duration>,
}

/// What a packet tells about those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing new.
    None,
    /// Some are missing and will be asked for.
    Repairable,
    /// Too many are missing: ask for a key frame.
    TooLarge,
}

impl Nacker {
    /// Notes that a packet came.
    #[inline]
    pub(crate) fn arrived(&mut self, now: Instant, index: u64) -> Gap {
        let Some(highest) = self.highest else {
            self.highest = Some(index);
            return Gap::None;
        };
        if index <= highest {
            if !self.missing.is_empty() {
                self.found(now, index);
            }
            return Gap::None;
        }
        self.highest = Some(index);
        let hole = index - highest - 1;
        if hole == 0 {
            return Gap::None;
        }
        if hole as usize + self.missing.len() > MAX_MISSING {
            self.missing.clear();
            return Gap::TooLarge;
        }
        self.missing.extend((highest + 1..index).map(|index| Missing {
            index,
            asked: None,
            due: now + FIRST_DELAY,
            requests: 0,
        }));
        Gap::Repairable
    }

    /// One of those that were missing is there.
    fn found(&mut self, now: Instant, index: u64) {
        let Some(at) = self.missing.iter().position(|m| m.index == index) else { return };
        let Some(Missing { asked: Some(asked), requests: 1, .. }) = self.missing.remove(at) else { return };
        // Of one that was asked for twice nobody knows which request is answered (RFC 6298 section 3). One that was merely late makes answers
        // look fast; so slow ones count at once, and fast ones little by little.
        let took = now.saturating_duration_since(asked);
        self.answer = Some(self.answer.map_or(took, |before| took.max(before - (before.saturating_sub(took)) / 8)));
    }

    /// Whether anything may become due.
    pub(crate) fn is_idle(&self) -> bool {
        self.missing.is_empty()
    }

    /// The packets to ask for now, in order; `true` when one was given up. `rtt` counts until the first answer: who only publishes is sent
    /// nothing by whose reports it could be known.
    pub(crate) fn due(&mut self, now: Instant, rtt: Duration, sequences: &mut Vec<u16>) -> bool {
        let round = self.answer.unwrap_or(rtt);
        let before = self.missing.len();
        self.missing.retain(|m| m.requests < MAX_REQUESTS || now < m.due);
        let gave_up = self.missing.len() < before;
        for missing in self.missing.iter_mut().filter(|m| m.due <= now) {
            sequences.push(missing.index as u16);
            missing.requests += 1;
            let later = missing.requests.saturating_sub(PROMPT).min(3);
            missing.asked = Some(now);
            missing.due = now + (round + round / 4).max(MIN_INTERVAL) * (1 + u32::from(later));
        }
        gave_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(nacker: &mut Nacker, now: Instant) -> Vec<u16> {
        let mut sequences = Vec::new();
        nacker.due(now, Duration::from_millis(50), &mut sequences);
        sequences
    }

    #[test]
    fn asks_for_holes_until_they_are_filled_or_given_up() {
        let start = Instant::now();
        let mut nacker = Nacker::default();
        assert_eq!(nacker.arrived(start, 65_534), Gap::None);
        assert_eq!(nacker.arrived(start, 65_538), Gap::Repairable);
        assert!(asked(&mut nacker, start).is_empty(), "reordering gets its chance");
        let later = start + FIRST_DELAY;
        assert_eq!(asked(&mut nacker, later), [65_535, 0, 1]);
        nacker.arrived(later, 65_536);
        assert!(asked(&mut nacker, later).is_empty());
        assert_eq!(asked(&mut nacker, later + Duration::from_millis(63)), [65_535, 1]);
        let mut now = later;
        let mut requests = 0;
        while !nacker.is_idle() {
            now += Duration::from_millis(100);
            requests += asked(&mut nacker, now).len();
            assert!(requests < 100);
        }
        assert_eq!(requests, 2 * (usize::from(MAX_REQUESTS) - 2));
    }

    /// When a packet that never comes is asked for, in ms after it was missed first.
    fn times(nacker: &mut Nacker, start: Instant) -> Vec<u64> {
        let at = |ms| start + Duration::from_millis(ms);
        (0..10_000).filter(|ms| !asked(nacker, at(*ms)).is_empty()).collect()
    }

    #[test]
    fn asks_promptly_first_and_then_more_and_more_rarely() {
        let start = Instant::now();
        let mut nacker = Nacker::default();
        nacker.arrived(start, 1);
        nacker.arrived(start, 3);
        // By the round trip of 50 ms that it is told.
        assert_eq!(times(&mut nacker, start), [10, 73, 136, 199, 262, 387, 575, 825, 1_075, 1_325]);
        assert!(nacker.is_idle());
    }

    #[test]
    fn learns_from_answers_how_long_they_take() {
        let start = Instant::now();
        let mut nacker = Nacker::default();
        nacker.arrived(start, 1);
        nacker.arrived(start, 3);
        let later = start + FIRST_DELAY;
        asked(&mut nacker, later);
        nacker.arrived(later + Duration::from_millis(200), 2);
        let begun = later + Duration::from_secs(1);
        nacker.arrived(begun, 5);
        assert_eq!(times(&mut nacker, begun)[..3], [10, 260, 510], "a quarter more than 200 ms");
        // An answer to one of two requests tells nothing.
        nacker.arrived(begun, 7);
        let again = begun + FIRST_DELAY;
        asked(&mut nacker, again);
        asked(&mut nacker, again + Duration::from_millis(250));
        nacker.arrived(again + Duration::from_millis(251), 6);
        nacker.arrived(begun, 9);
        assert_eq!(times(&mut nacker, begun)[..2], [10, 260]);
    }

    #[test]
    fn a_large_hole_wants_a_key_frame() {
        let start = Instant::now();
        let mut nacker = Nacker::default();
        nacker.arrived(start, 1);
        assert_eq!(nacker.arrived(start, 2 + 257), Gap::TooLarge);
        assert!(nacker.is_idle());
    }
}
