//! How long a process had for what it was asked. On a machine that has too much to do a process waits for its turn; ended for that it would
//! only be started again, which is more to do. So what counts is the time that it had: a core, or the wish for none.

use crate::driver::sys::Pulse;
use std::time::{Duration, Instant};

/// A process that had so long and did not answer, or did not take a word, is stuck.
pub(super) const STUCK: Duration = Duration::from_millis(750);
/// One that has not for so long is, whatever it waited for.
const LONGEST: Duration = Duration::from_secs(10);
/// How often it is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// More than this between two looks is time in which whoever looks waited himself: it does not count.
const STEP: Duration = Duration::from_millis(200);

/// The time that a process had since it was asked.
#[derive(Debug)]
pub(super) struct Patience {
    asked: Instant,
    looked: Instant,
    /// What it had used of the cores, when that was looked at last.
    used: Option<Duration>,
    had: Duration,
}

impl Patience {
    /// It is asked now.
    pub(super) fn new(now: Instant) -> Self {
        Self { asked: now, looked: now, used: None, had: Duration::ZERO }
    }

    /// Whether it is stuck. To be asked every now and then with what the system says of it, which is read when it is time to; where the system
    /// says nothing, all time counts.
    pub(super) fn is_over(&mut self, now: Instant, pulse: impl FnOnce() -> Option<Pulse>) -> bool {
        let passed = now.saturating_duration_since(self.looked);
        if passed < LOOK {
            return false;
        }
        self.looked = now;
        let (pulse, passed) = (pulse(), passed.min(STEP));
        let used = pulse.map(|pulse| pulse.used);
        let before = std::mem::replace(&mut self.used, used);
        self.had += match (pulse, before) {
            // What it used before it was looked at first is not known.
            (Some(pulse), None) if pulse.wants_core => Duration::ZERO,
            (Some(pulse), Some(before)) if pulse.wants_core => pulse.used.saturating_sub(before).min(passed),
            _ => passed,
        };
        self.had >= STUCK || now.saturating_duration_since(self.asked) >= LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how long a process is given up that is looked at every 50 ms and is so then; `None` when it is not within a minute.
    fn given_up(pulse: impl Fn(Duration) -> Option<Pulse>) -> Option<Duration> {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        let looks = (1..=1_200).map(|look| LOOK * look);
        looks.into_iter().find(|at| patience.is_over(start + *at, || pulse(*at)))
    }

    #[test]
    fn one_that_sleeps_or_stands_is_given_up_at_once() {
        assert_eq!(given_up(|_| Some(Pulse { wants_core: false, used: Duration::ZERO })), Some(STUCK));
        assert_eq!(given_up(|_| None), Some(STUCK));
    }

    #[test]
    fn one_that_spins_is_given_up_when_it_had_as_long_a_turn() {
        assert_eq!(given_up(|at| Some(Pulse { wants_core: true, used: at })), Some(STUCK + LOOK));
        let a_third = given_up(|at| Some(Pulse { wants_core: true, used: at / 3 })).unwrap();
        assert!((2_200..=2_400).contains(&a_third.as_millis()), "{a_third:?}");
    }

    #[test]
    fn one_that_waits_for_its_turn_is_not_but_after_long() {
        let waits = given_up(|at| Some(Pulse { wants_core: true, used: at / 50 }));
        assert_eq!(waits, Some(LONGEST));
    }

    #[test]
    fn whoever_did_not_look_learns_little() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        assert!(!patience.is_over(start + Duration::from_secs(2), || None));
        assert!(!patience.is_over(start + Duration::from_secs(4), || None));
        assert!(!patience.is_over(start + Duration::from_secs(6), || None));
        assert!(patience.is_over(start + Duration::from_secs(8), || None), "four looks of which each counts 200 ms");
    }
}
