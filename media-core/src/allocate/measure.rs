//! What a stream costs, from its packets.

use std::time::{Duration, Instant};

/// Time that one bucket counts: four frames at 30 a second.
const BUCKET: Duration = Duration::from_millis(125);
/// Buckets in the window: 1 s in all, so that a stream of 8 frames a second is no row of spikes.
const BUCKETS: usize = 8;
/// A young stream's rate is taken over at least this long: the key frame at its start is no rate.
const LEAST_SPAN: Duration = Duration::from_millis(500);
/// Part of a rise of the rate that the cost follows in a bucket: 1/16 is 2 s, so a key frame alone moves it by some percent.
const RISE_SHIFT: u32 = 4;
/// Part of a fall: 1/64 is 8 s, so a cost is not underestimated between two key frames or while a screen rests.
const FALL_SHIFT: u32 = 6;
/// The rate of a young stream is its cost as it is, for this many buckets.
const YOUNG: u32 = 16;

/// Part of what is counted over a while that counts in a bucket: 1/64 is 8 s.
const LATER_SHIFT: u32 = 6;

/// Bits per second of one stream: over the last second, and as what it is reckoned to cost.
#[derive(Debug, Clone)]
pub(crate) struct RateMeter {
    /// Bytes in each bucket; `at` is the one that is filled now.
    bytes: [u32; BUCKETS],
    /// Bytes that are still to be counted.
    later: u32,
    at: usize,
    /// When the bucket that is filled now ends.
    ends: Option<Instant>,
    /// Buckets closed since the stream began; stops at [`YOUNG`].
    closed: u32,
    cost_bps: u64,
    last: Option<Instant>,
}

impl RateMeter {
    /// Of a stream that has not begun.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; BUCKETS], later: 0, at: 0, ends: None, closed: 0, cost_bps: 0, last: None }
    }

    /// Counts a packet of so many bytes.
    #[inline]
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        if self.ends.is_none_or(|ends| now >= ends) {
            self.advance(now);
        }
        let count = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bucket = &mut self.bytes[self.at % BUCKETS];
        *bucket = bucket.saturating_add(count);
        self.last = Some(now);
    }

    /// Counts a packet over the next seconds: pictures of a screen are large and rare, and each would be all of the rate for a while.
    pub(crate) fn add_over_time(&mut self, now: Instant, bytes: usize) {
        self.add(now, 0);
        self.later = self.later.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// When the last packet came.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Bits per second over the last second.
    pub(crate) fn bps(&mut self, now: Instant) -> u64 {
        let Some(ends) = self.ends else { return 0 };
        if now >= ends {
            self.advance(now);
        }
        let elapsed = BUCKET.saturating_sub(self.ends.map_or(BUCKET, |ends| ends.saturating_duration_since(now)));
        self.rate(elapsed)
    }

    /// What the stream is reckoned to cost, bits/s: follows a rise in some 2 s and a fall in some 8 s.
    pub(crate) fn cost_bps(&mut self, now: Instant) -> u64 {
        let rate = self.bps(now);
        if self.closed < YOUNG { self.cost_bps.max(rate) } else { self.cost_bps }
    }

    /// Rate with so much of the current bucket gone.
    fn rate(&self, elapsed: Duration) -> u64 {
        let full = self.closed.min(BUCKETS as u32 - 1);
        let span_us = (BUCKET * full + elapsed).max(LEAST_SPAN).as_micros() as u64;
        let bytes: u64 = self.bytes.iter().map(|b| u64::from(*b)).sum();
        bytes * 8_000_000 / span_us
    }

    /// Closes buckets until the current one holds `now`.
    #[cold]
    fn advance(&mut self, now: Instant) {
        let Some(mut ends) = self.ends else {
            self.ends = Some(now + BUCKET);
            return;
        };
        // A pause counts as one window: what is muted for an hour costs, when it comes back, about what it cost.
        for _ in 0..BUCKETS {
            if now < ends {
                break;
            }
            self.close();
            ends += BUCKET;
        }
        self.ends = Some(if now < ends { ends } else { now + BUCKET });
    }

    fn close(&mut self) {
        let rate = self.rate(BUCKET);
        self.cost_bps = match rate.checked_sub(self.cost_bps) {
            _ if self.closed < YOUNG => rate,
            Some(rise) => self.cost_bps + (rise >> RISE_SHIFT),
            None => self.cost_bps - ((self.cost_bps - rate) >> FALL_SHIFT),
        };
        self.closed = (self.closed + 1).min(YOUNG);
        self.at = (self.at + 1) % BUCKETS;
        let due = self.later.div_ceil(1 << LATER_SHIFT);
        self.later -= due;
        self.bytes[self.at] = due;
    }
}
