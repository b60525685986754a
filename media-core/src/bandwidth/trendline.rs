//! Whether the delay grows: a line through the delays of groups of packets, against a threshold that adapts
//! (draft-ietf-rmcat-gcc-02 sections 5.2 to 5.4; the line instead of the Kalman filter, as libwebrtc has it since 2017).

use super::limits::PathState;

/// Packets sent within this time are one group: they left as one burst.
const BURST_US: u64 = 5_000;
/// Groups that the line goes through.
const POINTS: usize = 20;
/// How much of the smoothed delay is kept at each group.
const SMOOTHING: f64 = 0.9;
/// What a slope is multiplied by before it is compared; libwebrtc's.
const GAIN: f64 = 4.0;
/// Groups beyond which more of them no longer raise confidence.
const MAX_CONFIDENCE: f64 = 60.0;
/// The threshold at first and its limits, ms (section 5.4).
const THRESHOLD: f64 = 12.5;
const THRESHOLD_RANGE: (f64, f64) = (6.0, 600.0);
/// How fast the threshold moves up and down, per ms (section 5.4).
const GAIN_UP: f64 = 0.0087;
const GAIN_DOWN: f64 = 0.039;
/// A slope this far beyond the threshold is an accident that the threshold does not follow, ms.
const MAX_EXCESS: f64 = 15.0;
/// Overuse must last this long, ms, to be told.
const PATIENCE_MS: f64 = 10.0;
/// Silence after which old groups say nothing of the new ones.
const STALE_US: u64 = 2_000_000;

/// Packets that left together.
#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent_us: u64,
    sent_us: u64,
    arrived_us: u64,
}

/// The detector.
#[derive(Debug)]
pub(super) struct Trendline {
    current: Option<Group>,
    previous: Option<Group>,
    /// (arrival ms since the first, smoothed delay ms).
    points: [(f64, f64); POINTS],
    count: u32,
    origin_us: u64,
    accumulated_ms: f64,
    smoothed_ms: f64,
    last_slope: f64,
    threshold_ms: f64,
    adapted_us: Option<u64>,
    over_ms: Option<f64>,
    over_groups: u32,
    state: PathState,
}

impl Trendline {
    pub(super) fn new() -> Self {
        Self {
            current: None,
            previous: None,
            points: [(0.0, 0.0); POINTS],
            count: 0,
            origin_us: 0,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            last_slope: 0.0,
            threshold_ms: THRESHOLD,
            adapted_us: None,
            over_ms: None,
            over_groups: 0,
            state: PathState::Normal,
        }
    }

    pub(super) fn state(&self) -> PathState {
        self.state
    }

    /// Takes in a packet that arrived.
    pub(super) fn on_packet(&mut self, sent_us: u64, arrived_us: u64) {
        let fresh = Group { first_sent_us: sent_us, sent_us, arrived_us };
        let Some(current) = &mut self.current else {
            self.current = Some(fresh);
            return;
        };
        if sent_us < current.first_sent_us {
            // Out of order: its group is closed.
            return;
        }
        if sent_us - current.first_sent_us <= BURST_US || is_burst(current, sent_us, arrived_us) {
            current.sent_us = current.sent_us.max(sent_us);
            current.arrived_us = current.arrived_us.max(arrived_us);
            return;
        }
        let complete = *current;
        self.current = Some(fresh);
        if let Some(previous) = self.previous.replace(complete) {
            let sent = complete.sent_us as f64 - previous.sent_us as f64;
            let arrived = complete.arrived_us as f64 - previous.arrived_us as f64;
            if sent > STALE_US as f64 || arrived < -(STALE_US as f64) {
                *self = Self { current: self.current, threshold_ms: self.threshold_ms, ..Self::new() };
                return;
            }
            self.on_group(sent / 1e3, (arrived - sent) / 1e3, complete.arrived_us);
        }
    }

    fn on_group(&mut self, sent_ms: f64, growth_ms: f64, arrived_us: u64) {
        if self.count == 0 {
            self.origin_us = arrived_us;
        }
        self.count = self.count.saturating_add(1);
        self.accumulated_ms += growth_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        self.points.rotate_left(1);
        self.points[POINTS - 1] = ((arrived_us as f64 - self.origin_us as f64) / 1e3, self.smoothed_ms);
        // The line needs its points; before, nothing is known.
        let slope = if self.count as usize >= POINTS { self.slope() } else { self.early_slope() };
        self.judge(slope, sent_ms, arrived_us);
    }

    /// Before the window is full, over the groups there are.
    fn early_slope(&self) -> Option<f64> {
        let known = self.count as usize;
        (known >= POINTS / 2).then(|| slope_of(&self.points[POINTS - known..]))?
    }

    fn slope(&self) -> Option<f64> {
        slope_of(&self.points)
    }

    fn judge(&mut self, slope: Option<f64>, sent_ms: f64, arrived_us: u64) {
        let slope = slope.unwrap_or(self.last_slope);
        let trend_ms = f64::from(self.count).min(MAX_CONFIDENCE) * slope * GAIN;
        if trend_ms > self.threshold_ms {
            let over_ms = self.over_ms.map_or(sent_ms / 2.0, |over| over + sent_ms);
            self.over_ms = Some(over_ms);
            self.over_groups += 1;
            if over_ms > PATIENCE_MS && self.over_groups > 1 && slope >= self.last_slope {
                self.over_ms = Some(0.0);
                self.over_groups = 0;
                self.state = PathState::Overuse;
            }
        } else {
            self.over_ms = None;
            self.over_groups = 0;
            self.state = if trend_ms < -self.threshold_ms { PathState::Underuse } else { PathState::Normal };
        }
        self.last_slope = slope;
        self.adapt(trend_ms, arrived_us);
    }

    /// Moves the threshold toward the trend: slowly up, so that a flow that fills the queue in waves does not starve us.
    fn adapt(&mut self, trend_ms: f64, arrived_us: u64) {
        let elapsed_ms = self.adapted_us.map_or(0.0, |at| (arrived_us.saturating_sub(at) as f64 / 1e3).min(100.0));
        self.adapted_us = Some(arrived_us);
        let trend_ms = trend_ms.abs();
        if trend_ms > self.threshold_ms + MAX_EXCESS {
            return;
        }
        let gain = if trend_ms < self.threshold_ms { GAIN_DOWN } else { GAIN_UP };
        let moved = self.threshold_ms + gain * (trend_ms - self.threshold_ms) * elapsed_ms;
        self.threshold_ms = moved.clamp(THRESHOLD_RANGE.0, THRESHOLD_RANGE.1);
    }
}

/// Packets that were held up and let go at once (by a radio, say) arrive together and with shrinking delay: one group,
/// unless that would make one of everything.
fn is_burst(group: &Group, sent_us: u64, arrived_us: u64) -> bool {
    let (Some(sent), Some(arrived)) = (sent_us.checked_sub(group.sent_us), arrived_us.checked_sub(group.arrived_us))
    else {
        return false;
    };
    arrived <= BURST_US && arrived < sent && sent_us - group.first_sent_us < 100_000
}

/// The slope of the least squares line; `None` when all points are at one time.
fn slope_of(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (up, down) = points
        .iter()
        .fold((0.0, 0.0), |(up, down), (x, y)| (up + (x - mean_x) * (y - mean_y), down + (x - mean_x) * (x - mean_x)));
    (down > 0.0).then(|| up / down)
}
