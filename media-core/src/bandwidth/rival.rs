//! Whose the queue is, and what to do when it is not ours.
//!
//! A flow that follows losses (TCP Reno, CUBIC) keeps a drop-tail queue full; one that yields to delay would starve beside it.
//! Whether there is one shows when we yield: a queue that is ours alone drains as fast as we send less. When it does not, the rate
//! follows losses as the other's does (the idea of Copa's mode switching, Arun and Balakrishnan, NSDI 2018), and looks
//! again every few seconds.

use super::delay_control::Signals;
use super::limits::BandwidthLimits;

/// A queue shorter than this starves nobody, microseconds.
const MIN_QUEUE_US: f64 = 80_000.0;
/// A queue is empty below this, microseconds.
const EMPTY_US: f64 = 15_000.0;
/// Judged when this part of the queue would have drained, were it ours alone.
const JUDGED_AT: f64 = 0.8;
/// It is another's when more than this part of it is still there.
const THEIRS_ABOVE: f64 = 0.65;
/// Part of the capacity that is sent while a queue drains.
pub(super) const DRAIN_RATE: f64 = 0.5;
/// A test that says nothing in this time ends.
const TEST_US: u64 = 4_000_000;
/// How long the rate follows losses before the queue is tested again.
const TEST_INTERVAL_US: u64 = 8_000_000;
/// CUBIC's multiplicative decrease, and the increase, in packets a round trip, that makes it as fast as Reno (RFC 9438 section 4.3).
const DECREASE: f64 = 0.7;
const INCREASE_PACKETS: f64 = 0.53;
/// A packet of the others, bits.
const PACKET_BITS: f64 = 1_500.0 * 8.0;
/// Round trips shorter than this are taken for this, s: bounds the increase.
const MIN_RTT_S: f64 = 0.02;

/// Whose a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not known yet.
    Pending,
    /// It drains as we send less, or is gone.
    Ours,
    /// It stays.
    Theirs,
    /// Not enough less was sent to tell.
    Unclear,
}

/// Watches a queue while we send less than its link carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrainTest {
    began_us: u64,
    capacity_bps: f64,
    peak_us: f64,
    bytes_after: u64,
}

impl DrainTest {
    /// From now on less than `capacity_bps` is sent.
    pub(super) fn new(now_us: u64, capacity_bps: f64, queue_us: u64) -> Self {
        Self { began_us: now_us, capacity_bps, peak_us: queue_us as f64, bytes_after: 0 }
    }

    /// Packets that were sent before it began still tell of the link.
    pub(super) fn refine(&mut self, capacity_bps: f64) {
        self.capacity_bps = self.capacity_bps.min(capacity_bps);
    }

    pub(super) fn on_arrived(&mut self, sent_us: u64, wire_bytes: u32) {
        if sent_us > self.began_us {
            self.bytes_after += u64::from(wire_bytes);
        }
    }

    /// What the packets since tell.
    pub(super) fn verdict(&mut self, newest_sent_us: u64, standing_us: u64) -> Verdict {
        let standing = standing_us as f64;
        let Some(elapsed_us) = newest_sent_us.checked_sub(self.began_us).filter(|elapsed| *elapsed > 0) else {
            self.peak_us = self.peak_us.max(standing);
            return Verdict::Pending;
        };
        if standing < EMPTY_US.max(0.3 * self.peak_us) {
            return Verdict::Ours;
        }
        let sent_bps = self.bytes_after as f64 * 8e6 / elapsed_us as f64;
        let drained_us = elapsed_us as f64 * (1.0 - sent_bps / self.capacity_bps);
        if drained_us > JUDGED_AT * self.peak_us {
            let is_theirs = self.peak_us > MIN_QUEUE_US && standing > THEIRS_ABOVE * self.peak_us;
            return if is_theirs { Verdict::Theirs } else { Verdict::Ours };
        }
        if elapsed_us > TEST_US { Verdict::Unclear } else { Verdict::Pending }
    }
}

/// The rate beside a flow that follows losses.
#[derive(Debug)]
pub(super) struct RivalControl {
    rate_bps: f64,
    cut_us: u64,
    has_loss: bool,
    test: Option<DrainTest>,
    next_test_us: u64,
    updated_us: u64,
}

impl RivalControl {
    pub(super) fn new(now_us: u64, rate_bps: f64) -> Self {
        let next_test_us = now_us + TEST_INTERVAL_US;
        Self { rate_bps, cut_us: now_us, has_loss: false, test: None, next_test_us, updated_us: now_us }
    }

    pub(super) fn on_arrived(&mut self, sent_us: u64, wire_bytes: u32) {
        if let Some(test) = &mut self.test {
            test.on_arrived(sent_us, wire_bytes);
        }
    }

    pub(super) fn on_missed(&mut self, sent_us: u64) {
        // Losses of one window count once.
        self.has_loss |= sent_us > self.cut_us;
    }

    /// The rate, bits/s.
    pub(super) fn bps(&self) -> f64 {
        if self.test.is_some() { self.rate_bps * DRAIN_RATE } else { self.rate_bps }
    }

    pub(super) fn clamp(&mut self, limits: &BandwidthLimits) {
        self.rate_bps = limits.clamp(self.rate_bps);
    }

    /// Goes on; `true` when nobody else fills the queue any more.
    pub(super) fn update(&mut self, signals: &Signals) -> bool {
        let elapsed_s = (signals.now_us.saturating_sub(self.updated_us) as f64 / 1e6).min(1.0);
        self.updated_us = signals.now_us;
        if (signals.standing_us as f64) < EMPTY_US {
            return true;
        }
        if self.is_alone(signals) {
            return true;
        }
        if self.has_loss {
            self.has_loss = false;
            self.cut_us = signals.now_us;
            self.rate_bps *= DECREASE;
        } else if !signals.is_app_limited && self.test.is_none() {
            let rtt_s = (signals.rtt_us as f64 / 1e6).max(MIN_RTT_S);
            self.rate_bps += INCREASE_PACKETS * PACKET_BITS / (rtt_s * rtt_s) * elapsed_s;
        }
        if let Some(acked_bps) = signals.acked_bps.filter(|_| self.test.is_none()) {
            self.rate_bps = self.rate_bps.min(1.5 * acked_bps + 10_000.0);
        }
        false
    }

    fn is_alone(&mut self, signals: &Signals) -> bool {
        let Some(test) = &mut self.test else {
            if signals.now_us >= self.next_test_us {
                let capacity_bps = signals.acked_bps.unwrap_or(self.rate_bps);
                self.test = Some(DrainTest::new(signals.now_us, capacity_bps, signals.standing_us));
            }
            return false;
        };
        let verdict = test.verdict(signals.newest_sent_us, signals.standing_us);
        if verdict != Verdict::Pending {
            self.test = None;
            self.next_test_us = signals.now_us + TEST_INTERVAL_US;
        }
        verdict == Verdict::Ours
    }
}
