//! What an estimate starts from and stays between, and what it tells of itself.

use std::time::Duration;

/// What a viewer's estimate starts from and stays between, bits/s, headers included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BandwidthLimits {
    /// The estimate before anything is known: a small video, and what libwebrtc starts from.
    pub(crate) start_bps: u64,
    /// The estimate never falls below: one audio stream with its headers.
    pub(crate) min_bps: u64,
    /// The estimate never rises above.
    pub(crate) max_bps: u64,
}

impl Default for BandwidthLimits {
    fn default() -> Self {
        Self { start_bps: 300_000, min_bps: 30_000, max_bps: 100_000_000 }
    }
}

impl BandwidthLimits {
    /// The limits in order: `min <= start <= max`, and none of them 0.
    pub(super) fn ordered(self) -> Self {
        let min_bps = self.min_bps.max(1_000);
        let max_bps = self.max_bps.max(min_bps);
        Self { start_bps: self.start_bps.clamp(min_bps, max_bps), min_bps, max_bps }
    }

    pub(super) fn clamp(&self, bps: f64) -> f64 {
        bps.clamp(self.min_bps as f64, self.max_bps as f64)
    }
}

/// What the delay of packets tells of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PathState {
    /// Queues stay as they are.
    #[default]
    Normal,
    /// A queue grows: more is sent than the path carries.
    Overuse,
    /// A queue drains.
    Underuse,
    /// Somebody else keeps the queue full; the rate follows losses instead of the delay.
    Rival,
}

/// What a viewer's estimate tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct BandwidthStats {
    /// What may be sent in all, bits/s.
    pub(crate) target_bps: u64,
    /// What arrived of late, bits/s; 0 before any feedback.
    pub(crate) acknowledged_bps: u64,
    /// What the delay allows, bits/s.
    pub(crate) delay_based_bps: u64,
    /// What losses allow, bits/s; the upper limit when they do not matter.
    pub(crate) loss_based_bps: u64,
    /// The shortest queueing delay of the last 100 ms.
    pub(crate) queue: Duration,
    /// Round trip, smoothed; `None` before it is known.
    pub(crate) rtt: Option<Duration>,
    /// Packets lost, of those sent of late, 0.0..=1.0.
    pub(crate) loss: f32,
    /// What the path does.
    pub(crate) state: PathState,
    /// Probes that were started.
    pub(crate) probes: u64,
    /// Probes that showed room for more.
    pub(crate) probes_raised: u64,
    /// Feedback packets that never came.
    pub(crate) lost_feedback: u64,
    /// Times that feedback stopped coming and the rate was lowered for it.
    pub(crate) silences: u64,
}
