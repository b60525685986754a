//! How long the queue was that packets met, by when they left: so that several viewers' queues can be compared in time.

use std::ops::Range;

/// Packets that left within this are told of together, microseconds: audio leaves every 20 ms, so that each has one.
const SLICE_US: u64 = 25_000;
/// Slices that are remembered: 1.6 s, in which feedback of everyone has come.
const SLICES: usize = 64;
/// No slice has this number in a thousand years.
const NEVER: u64 = u64::MAX;

/// The queue of a short time, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Swell {
    /// How long it was.
    pub(crate) longest_us: u64,
    /// By how much it was longer than before.
    pub(crate) rise_us: u64,
}

/// The longest queues of the last 1.6 s.
#[derive(Debug)]
pub(super) struct QueueTrace {
    /// A slice's number and its longest queue, microseconds.
    slices: [(u64, u64); SLICES],
}

impl QueueTrace {
    pub(super) fn new() -> Self {
        Self { slices: [(NEVER, 0); SLICES] }
    }

    /// A packet that left at this time met such a queue.
    pub(super) fn add(&mut self, sent_us: u64, queue_us: u64) {
        let number = sent_us / SLICE_US;
        let slice = &mut self.slices[number as usize % SLICES];
        *slice = if slice.0 == number { (number, slice.1.max(queue_us)) } else { (number, queue_us) };
    }

    /// What packets met in a span, and in a fifth of a second before; `None` when either is not known.
    pub(super) fn swell(&self, span_us: &Range<u64>) -> Option<Swell> {
        /// The time before, in slices.
        const BEFORE: u64 = 8;
        let (first, last) = (span_us.start / SLICE_US, span_us.end / SLICE_US + 1);
        let before_us = self.longest_us(first.saturating_sub(BEFORE)..first)?;
        let longest_us = self.longest_us(first..last + 1)?;
        Some(Swell { longest_us, rise_us: longest_us.saturating_sub(before_us) })
    }

    /// The queue that stood while a packet left: what those just before, with and after it met at least.
    pub(super) fn standing_us(&self, sent_us: u64) -> Option<u64> {
        let number = sent_us / SLICE_US;
        self.of(number.saturating_sub(1)..number + 2).min()
    }

    fn longest_us(&self, numbers: Range<u64>) -> Option<u64> {
        self.of(numbers).max()
    }

    fn of(&self, numbers: Range<u64>) -> impl Iterator<Item = u64> {
        self.slices.iter().filter(move |(number, _)| numbers.contains(number)).map(|(_, queue_us)| *queue_us)
    }
}
