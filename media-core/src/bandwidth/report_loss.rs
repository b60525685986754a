//! The rate of viewers who send no transport-wide feedback: it follows the losses of their receiver reports
//! (draft-ietf-rmcat-gcc-02 section 6) below what they think they can receive (REMB).

use super::limits::BandwidthLimits;

/// Loss below which the rate grows, and above which it falls (section 6).
const LOW_LOSS: f64 = 0.02;
const HIGH_LOSS: f64 = 0.10;
/// Growth at a report.
const GROWTH: f64 = 1.08;
/// The rate grows at most once in this time, and falls at most once in this and a round trip.
const GROW_INTERVAL_US: u64 = 1_000_000;
const CUT_INTERVAL_US: u64 = 300_000;
/// A REMB older than this says nothing any more. Receivers send one a second.
const REMB_US: u64 = 5_000_000;

/// The rate.
#[derive(Debug)]
pub(super) struct ReportLoss {
    rate_bps: f64,
    grown_us: Option<u64>,
    cut_us: Option<u64>,
    remb: Option<(u64, f64)>,
}

impl ReportLoss {
    pub(super) fn new(start_bps: u64) -> Self {
        Self { rate_bps: start_bps as f64, grown_us: None, cut_us: None, remb: None }
    }

    /// The rate, bits/s.
    pub(super) fn bps(&self) -> f64 {
        self.remb.map_or(self.rate_bps, |(_, remb)| self.rate_bps.min(remb))
    }

    /// Whether the receiver's own estimate is known.
    pub(super) fn has_remb(&self, now_us: u64) -> bool {
        self.remb.is_some_and(|(at, _)| now_us.saturating_sub(at) < REMB_US)
    }

    /// The receiver thinks it can receive this much. It knows its delays, so the rate follows it up.
    pub(super) fn on_remb(&mut self, now_us: u64, bitrate_bps: f64) {
        if !self.has_remb(now_us) || self.cut_us.is_none_or(|at| now_us.saturating_sub(at) > REMB_US) {
            self.rate_bps = self.rate_bps.max(bitrate_bps);
        }
        self.remb = Some((now_us, bitrate_bps));
    }

    /// A receiver report came. `target_bps` is what is in force.
    pub(super) fn on_report(&mut self, now_us: u64, loss: f64, rtt_us: u64, target_bps: f64, is_app_limited: bool) {
        if !self.has_remb(now_us) {
            self.remb = None;
        }
        if loss > HIGH_LOSS {
            if self.cut_us.is_none_or(|at| now_us.saturating_sub(at) > CUT_INTERVAL_US + rtt_us) {
                self.cut_us = Some(now_us);
                self.rate_bps = self.rate_bps.min(target_bps) * (1.0 - 0.5 * loss);
            }
        } else if loss < LOW_LOSS
            && !is_app_limited
            && self.grown_us.is_none_or(|at| now_us.saturating_sub(at) >= GROW_INTERVAL_US)
        {
            self.grown_us = Some(now_us);
            self.rate_bps = (self.rate_bps * GROWTH + 1_000.0).min(self.bps().max(target_bps) * 1.5);
        }
    }

    pub(super) fn clamp(&mut self, limits: &BandwidthLimits) {
        self.rate_bps = limits.clamp(self.rate_bps);
    }
}
