//! How fast a picture leaves that takes its path longer than the next one is away: a page of text is 60 kB and more, and moves little.
//!
//! The pace, a multiple of the target, is made for pictures that are out in a part of their interval. A key frame of a screen is not: it
//! takes a narrow path a second or two, whatever the pace, and what leaves faster than the path carries it stands in the queue before the
//! bottleneck, or is lost there. So beyond what the path takes in at once, it leaves at the target.

use std::time::{Duration, Instant};

/// What leaves at the pace, as time at the target: the longest queue that a picture makes before the bottleneck.
const DEPTH: Duration = Duration::from_millis(100);

/// A second budget beside the pace's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    bytes_per_s: f64,
    /// What may leave in one go.
    depth_bytes: f64,
    /// Bytes that left ahead of the rate.
    debt_bytes: f64,
    paid_at: Instant,
}

impl Spread {
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes_per_s: 1.0, depth_bytes: 0.0, debt_bytes: 0.0, paid_at: now }
    }

    /// Changes the rate, and what the path was seen to take in at once, bytes.
    pub(super) fn set(&mut self, now: Instant, rate_bps: u64, taken_bytes: usize) {
        self.pay(now);
        self.bytes_per_s = rate_bps.max(1_000) as f64 / 8.0;
        self.depth_bytes = (taken_bytes as f64).max(self.bytes_per_s * DEPTH.as_secs_f64());
    }

    fn pay(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.paid_at);
        self.paid_at = self.paid_at.max(now);
        self.debt_bytes = (self.debt_bytes - passed.as_secs_f64() * self.bytes_per_s).max(0.0);
    }

    /// Something left.
    pub(super) fn charge(&mut self, now: Instant, wire_bytes: usize) {
        self.pay(now);
        self.debt_bytes += wire_bytes as f64;
    }

    /// Whether something may leave now.
    pub(super) fn has_budget(&mut self, now: Instant) -> bool {
        self.pay(now);
        self.debt_bytes < self.depth_bytes
    }

    /// How long after it was paid last a tick's worth may leave.
    pub(super) fn wait(&self, tick: Duration) -> Duration {
        let over_bytes = self.debt_bytes - self.depth_bytes + self.bytes_per_s * tick.as_secs_f64();
        Duration::from_secs_f64(over_bytes.max(0.0) / self.bytes_per_s)
    }

    /// What leaves in a time, bytes.
    pub(super) fn bytes_in(&self, time: Duration) -> f64 {
        self.bytes_per_s * time.as_secs_f64()
    }

    /// How long so many bytes take.
    pub(super) fn time_for(&self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_s)
    }
}
