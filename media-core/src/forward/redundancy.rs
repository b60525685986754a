//! How much a receiver is told twice: packets of audio that repeat those before them (RFC 2198), and repair packets of video (FlexFEC),
//! the more he loses.

use std::time::{Duration, Instant};

/// Packets that one may repeat at most: 30 % random loss then takes less than one in a hundred.
pub(crate) const MAX_REDUNDANCY: usize = 3;
/// Loss from which so many packets of audio are repeated, 0 to 1: what remains is under 0.4 %, 0.4 % and 1 % of the packets.
const STEPS: [f32; MAX_REDUNDANCY] = [0.02, 0.06, 0.16];
/// Loss must stay under this part of a step for so long before less is repeated.
const RELAX_PART: f32 = 0.5;
const RELAX_AFTER: Duration = Duration::from_secs(10);
/// Weight of a report in the loss that is reckoned with when it rises; falls are followed half as fast.
const RISE: f32 = 0.5;
const FALL: f32 = 0.25;

/// How much one receiver needs, in steps of his loss: up at once, down slowly.
#[derive(Debug)]
pub(crate) struct Redundancy {
    /// Loss from which each level is needed, 0 to 1.
    steps: &'static [f32],
    loss: f32,
    level: usize,
    /// Since when less would do.
    lower_since: Option<Instant>,
}

impl Redundancy {
    /// For audio: the level is the number of packets that each one repeats.
    pub(crate) fn of_audio() -> Self {
        Self::with_steps(&STEPS)
    }

    /// None is needed yet.
    pub(crate) fn with_steps(steps: &'static [f32]) -> Self {
        Self { steps, loss: 0.0, level: 0, lower_since: None }
    }

    /// Takes the loss that the receiver reported, 0 to 1.
    pub(crate) fn on_report(&mut self, now: Instant, fraction_lost: f32) {
        let weight = if fraction_lost > self.loss { RISE } else { FALL };
        self.loss += weight * (fraction_lost - self.loss);
        let wanted = self.steps.iter().filter(|step| self.loss >= **step).count();
        let bearable = self.steps.iter().filter(|step| self.loss >= **step * RELAX_PART).count();
        if wanted > self.level {
            (self.level, self.lower_since) = (wanted, None);
        } else if bearable >= self.level {
            self.lower_since = None;
        } else if now.saturating_duration_since(*self.lower_since.get_or_insert(now)) >= RELAX_AFTER {
            (self.level, self.lower_since) = (bearable, None);
        }
    }

    /// How many of the steps are reached.
    #[inline]
    pub(crate) fn level(&self) -> usize {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_loss_up_at_once_and_down_slowly() {
        let start = Instant::now();
        let mut redundancy = Redundancy::of_audio();
        let mut report = |second: u64, loss: f32| {
            redundancy.on_report(start + Duration::from_secs(second), loss);
            redundancy.level()
        };
        assert_eq!((0..5).map(|s| report(s, 0.0)).max(), Some(0));
        assert_eq!((report(5, 0.10), report(6, 0.10)), (1, 2));
        assert_eq!((7..12).map(|s| report(s, 0.30)).last(), Some(3));
        assert_eq!(report(12, 0.0), 3);
        let levels: Vec<_> = (13..60).map(|s| report(s, 0.0)).collect();
        assert!(levels[..9].iter().all(|level| *level == 3), "{levels:?}");
        assert_eq!(levels.last(), Some(&0));
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0]));
    }
}
