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
const MAX_REQUESTS: u8 = 8;

/// A packet that has not come.
#[derive(Debug)]
struct Missing {
    index: u64,
    due: Instant,
    requests: u8,
}

/// The missing packets of one stream.
#[derive(Debug, Default)]
pub(crate) struct Nacker {
    highest: Option<u64>,
    missing: VecDeque<Missing>,
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
                self.missing.retain(|m| m.index != index);
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
        self.missing.extend((highest + 1..index).map(|index| Missing { index, due: now + FIRST_DELAY, requests: 0 }));
        Gap::Repairable
    }

    /// Whether anything may become due.
    pub(crate) fn is_idle(&self) -> bool {
        self.missing.is_empty()
    }

    /// The packets to ask for now, in order; `true` when one was given up.
    pub(crate) fn due(&mut self, now: Instant, rtt: Duration, sequences: &mut Vec<u16>) -> bool {
        let before = self.missing.len();
        self.missing.retain(|m| m.requests < MAX_REQUESTS || now < m.due);
        let gave_up = self.missing.len() < before;
        for missing in self.missing.iter_mut().filter(|m| m.due <= now) {
            sequences.push(missing.index as u16);
            missing.requests += 1;
            missing.due = now + (rtt + rtt / 4).max(MIN_INTERVAL) * u32::from(missing.requests.min(4));
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

    #[test]
    fn a_large_hole_wants_a_key_frame() {
        let start = Instant::now();
        let mut nacker = Nacker::default();
        nacker.arrived(start, 1);
        assert_eq!(nacker.arrived(start, 2 + 257), Gap::TooLarge);
        assert!(nacker.is_idle());
    }
}
