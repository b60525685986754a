//! Whether an encoding of a camera can be counted on, by how it goes on beside the others of its track.
//!
//! A publisher whose uplink does not carry all of his encodings stops the largest, and to who watches that one the picture stands still.
//! Chromium says so (video layers allocation); of those who do not, all encodings are of the same camera, so that one that does not go on
//! where a smaller one does is stopped. And one that was is not to be had again at once, as an uplink that is not enough is tried again and again.

use std::time::{Duration, Instant};

/// An encoding is left behind when in so many looks, a tenth of a second apart, nothing of it had come though something of a smaller one had.
const PATIENCE: u8 = 3;
/// The same once it was taken for gone too early.
const SLOW_PATIENCE: u8 = 5;
/// Packets that come so much later than word that it was stopped were not on their way then: it goes on.
const STOPPED: Duration = Duration::from_millis(100);
/// One that comes again is on trial for so long, and for twice as long each time.
const TRIAL: Duration = Duration::from_secs(1);
/// Times that are counted: 16 s.
const STRIKES_MAX: u32 = 5;
/// One that went on for so long after its trial is trusted as before.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

/// How an encoding goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// When its last packet came, as of the last look.
    last: Option<Instant>,
    /// Looks since then that found packets of a smaller one.
    behind: u8,
    patience: u8,
    /// Its publisher says what he sends.
    is_told: bool,
    /// When he said first that he does not send it.
    stopped: Option<Instant>,
    /// Since when it goes on; `None` while it does not.
    since: Option<Instant>,
    /// Times that it stopped.
    strikes: u32,
}

impl Progress {
    /// Of an encoding of which nothing came.
    pub(super) const NEW: Self =
        Self { last: None, behind: 0, patience: PATIENCE, is_told: false, stopped: None, since: None, strikes: 0 };

    /// When its last packet came, as of the last look.
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Whether it goes on, and has for long enough.
    pub(super) fn is_offered(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now >= since + self.trial())
    }

    fn trial(&self) -> Duration {
        if self.strikes == 0 { Duration::ZERO } else { TRIAL * (1 << (self.strikes - 1)) }
    }

    /// Its publisher says whether he sends it; `true` when he stops it now.
    pub(super) fn told(&mut self, now: Instant, is_active: bool) -> bool {
        self.is_told = true;
        let stops = !is_active && self.stopped.is_none();
        self.stopped = if is_active { None } else { self.stopped.or(Some(now)) };
        stops
    }

    /// We had its publisher stop it.
    pub(super) fn pause(&mut self) {
        self.since = None;
    }

    /// Its last packet came then, and of a smaller one of the track's encodings something came since the last look.
    pub(super) fn look(&mut self, now: Instant, last: Option<Instant>, goes_on: bool) {
        let comes = last > self.last;
        if comes {
            let was_slow = (self.patience..2 * self.patience).contains(&self.behind);
            self.patience = if was_slow { SLOW_PATIENCE } else { self.patience };
            (self.last, self.behind) = (last, 0);
        } else if goes_on {
            self.behind = self.behind.saturating_add(1);
        }
        let is_left_behind = !self.is_told && self.behind >= self.patience;
        let is_stopped = self.stopped.is_some_and(|at| self.last < Some(at + STOPPED));
        if is_stopped || is_left_behind {
            let went_on = self.since.take().is_some();
            self.strikes = (self.strikes + u32::from(went_on)).min(STRIKES_MAX);
        } else if comes {
            let since = *self.since.get_or_insert(now);
            if now >= since + self.trial() + FORGIVEN_AFTER {
                self.strikes = 0;
            }
        }
    }
}
