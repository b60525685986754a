//! What a link was found to carry, so that the rate rises slowly where it was too high before
//! (draft-ietf-rmcat-gcc-02 section 5.5).

/// What the link was found to carry when it was full: a mean and its deviation (libwebrtc's constants).
#[derive(Debug, Default)]
pub(super) struct Capacity {
    mean_bps: Option<f64>,
    /// Of the error relative to the mean, per kbit/s.
    variance: f64,
}

impl Capacity {
    const WEIGHT: f64 = 0.05;
    /// Near begins a little below where a cut leads.
    const MARGIN: f64 = 0.95;

    /// A full link carries this much.
    pub(super) fn learn(&mut self, bps: f64) {
        let kbps = bps / 1e3;
        let Some(mean) = self.mean_bps else {
            self.mean_bps = Some(bps);
            self.variance = 0.4;
            return;
        };
        let mean = (1.0 - Self::WEIGHT) * mean / 1e3 + Self::WEIGHT * kbps;
        let error = mean - kbps;
        self.variance = (1.0 - Self::WEIGHT) * self.variance + Self::WEIGHT * error * error / mean.max(1.0);
        self.variance = self.variance.clamp(0.4, 2.5);
        self.mean_bps = Some(mean * 1e3);
        if bps < self.low() || bps > self.high() {
            self.mean_bps = Some(bps);
        }
    }

    /// What it carries, bits/s; `None` while it is not known.
    pub(super) fn bps(&self) -> Option<f64> {
        self.mean_bps
    }

    fn deviation(&self) -> f64 {
        3.0 * (self.variance * self.mean_bps.unwrap_or(0.0) / 1e3).sqrt() * 1e3
    }

    fn low(&self) -> f64 {
        self.mean_bps.unwrap_or(0.0) - self.deviation()
    }

    fn high(&self) -> f64 {
        self.mean_bps.unwrap_or(f64::MAX) + self.deviation()
    }

    /// More arrives than it should carry: it is another link.
    pub(super) fn forget_below(&mut self, acked_bps: f64) {
        if self.mean_bps.is_some() && acked_bps > self.high() {
            self.mean_bps = None;
        }
    }

    /// Whether a rate is near what the link carries, where a cut leads to the part `cut` of it.
    pub(super) fn is_near(&self, bps: f64, cut: f64) -> bool {
        self.mean_bps.is_some_and(|mean| bps > cut * Self::MARGIN * mean - self.deviation())
    }
}
