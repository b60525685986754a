//! The rate that losses allow where no delay tells of them: a policer drops without a queue, a radio drops whatever is sent.
//!
//! The two are told apart by trial: when more is lost than is usual for the path, the rate is lowered to what arrives. A
//! policer then drops nothing more, and the rate stays; a radio drops as before, and its losses are usual from then on.

/// A window is judged when it is at least this long and has this many packets.
const WINDOW_US: u64 = 500_000;
const WINDOW_PACKETS: u32 = 30;
/// Or at least this long, of sound that is sent sparsely.
const SPARSE_US: u64 = 1_000_000;
const SPARSE_PACKETS: u32 = 10;
/// A window of so many has its full weight in what is usual.
const FULL_PACKETS: f64 = 150.0;
/// Loss above the usual, and above what is chance, that starts a trial. Below, retransmission and redundancy repair it better than a lower rate would.
const TRIAL_ABOVE: f64 = 0.15;
/// The same, once the path was found to police its rate.
const POLICED_ABOVE: f64 = 0.04;
/// How long such a path is remembered.
const POLICED_US: u64 = 60_000_000;
/// The losses are not ours when this part of them remains at the lower rate.
const REMAINING: f64 = 0.6;
/// Of what arrives, what a trial sends.
const TRIAL_RATE: f64 = 0.95;
/// A trial never asks for less than this part of what was sent.
const MIN_TRIAL: f64 = 0.5;
/// How fast the limit is raised again, a second: carefully at first, and twice as fast after each clean window. What lost
/// packets may be over, and one that was rightly suspected is met again within a step.
const RELEASE: f64 = 0.05;
/// Doublings at most: 0.8 a second.
const MAX_DOUBLINGS: u32 = 4;
/// A window with less loss than this above the usual is clean.
const CLEAN_ABOVE: f64 = 0.02;
/// A queue longer than this is for the delay to judge, microseconds.
const MAX_QUEUE_US: u64 = 40_000;

#[derive(Debug, Clone, Copy)]
struct Trial {
    began_us: u64,
    loss: f64,
}

/// The limit by losses.
#[derive(Debug, Default)]
pub(super) struct LossLimit {
    began_us: u64,
    arrived: u32,
    missed: u32,
    usual: f64,
    last_loss: f64,
    limit_bps: Option<f64>,
    trial: Option<Trial>,
    policed_us: Option<u64>,
    /// Clean windows in a row.
    clean: u32,
    /// The longest queue of this window and of the one before it, microseconds: losses are told of a round trip late.
    queues_us: [u64; 2],
}

impl LossLimit {
    /// The limit, bits/s.
    pub(super) fn bps(&self) -> Option<f64> {
        self.limit_bps
    }

    /// Packets lost of those sent in the last window, 0.0..=1.0.
    pub(super) fn loss(&self) -> f64 {
        self.last_loss
    }

    /// A packet arrived.
    pub(super) fn on_arrived(&mut self, sent_us: u64) {
        self.arrived += u32::from(self.counts(sent_us));
    }

    /// A packet is missing.
    pub(super) fn on_missed(&mut self, sent_us: u64) {
        self.missed += u32::from(self.counts(sent_us));
    }

    /// A packet that was told missing arrived.
    pub(super) fn on_late(&mut self, sent_us: u64) {
        if self.counts(sent_us) {
            self.missed = self.missed.saturating_sub(1);
            self.arrived += 1;
        }
    }

    /// Packets that left before a trial say nothing of it.
    fn counts(&self, sent_us: u64) -> bool {
        self.trial.is_none_or(|trial| sent_us > trial.began_us)
    }

    /// Judges the window when it is full.
    pub(super) fn update(&mut self, now_us: u64, sent_bps: f64, standing_us: u64) {
        self.queues_us[0] = self.queues_us[0].max(standing_us);
        let elapsed_us = now_us.saturating_sub(self.began_us);
        let told = self.arrived + self.missed;
        let is_full = told >= WINDOW_PACKETS || (elapsed_us >= SPARSE_US && told >= SPARSE_PACKETS);
        if elapsed_us < WINDOW_US || !is_full {
            return;
        }
        let loss = f64::from(self.missed) / f64::from(told);
        // Of 30 packets on a path that loses three in ten, nine are lost, give or take two and a half.
        let noise = (loss * (1.0 - loss) / f64::from(told)).sqrt();
        self.last_loss = loss;
        self.clean = if loss - self.usual < CLEAN_ABOVE { self.clean.saturating_add(1) } else { 0 };
        (self.began_us, self.arrived, self.missed) = (now_us, 0, 0);
        let queue_us = self.queues_us[0].max(self.queues_us[1]);
        self.queues_us = [0, self.queues_us[0]];
        if let Some(trial) = self.trial.take() {
            self.judge(now_us, trial, loss + noise);
            return;
        }
        let is_policed = self.policed_us.is_some_and(|at| now_us.saturating_sub(at) < POLICED_US);
        let bearable = if is_policed { POLICED_ABOVE } else { TRIAL_ABOVE };
        if loss - noise - self.usual > bearable && queue_us < MAX_QUEUE_US {
            self.trial = Some(Trial { began_us: now_us, loss });
            let tried_bps = sent_bps * ((1.0 - loss) * TRIAL_RATE).max(MIN_TRIAL);
            self.limit_bps = Some(self.limit_bps.map_or(tried_bps, |limit| limit.min(tried_bps)));
            return;
        }
        let falls = 0.25 * (f64::from(told) / FULL_PACKETS).min(1.0);
        let weight = if loss < self.usual { falls } else { 0.02 };
        self.usual += weight * (loss - self.usual);
        let elapsed_s = (elapsed_us as f64 / 1e6).min(2.0);
        let release = RELEASE * f64::from(1_u32 << self.clean.min(MAX_DOUBLINGS));
        self.limit_bps = self.limit_bps.map(|limit| limit * (1.0 + release * elapsed_s));
        if self.limit_bps.is_some_and(|limit| limit > 2.0 * sent_bps) {
            self.limit_bps = None;
        }
    }

    fn judge(&mut self, now_us: u64, trial: Trial, loss: f64) {
        if loss > REMAINING * trial.loss {
            self.usual = loss;
            self.limit_bps = None;
        } else {
            self.policed_us = Some(now_us);
        }
    }
}
