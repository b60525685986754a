//! Hold-ups: now and then nothing comes out for a while, and then all of it at once, as behind a radio that waits for its turn or on a
//! host that is busy.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

/// How long nothing comes out, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// At most; evenly spread from nothing.
    pub up_to: Duration,
    /// From the end of one to the beginning of the next, on average; evenly spread from nothing.
    pub every: Duration,
}

/// The hold-ups of one lane, one after the other.
#[derive(Debug)]
pub(super) struct Holds {
    rng: StdRng,
    /// The newest one.
    now: Option<(Instant, Instant)>,
}

impl Holds {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), now: None }
    }

    /// When a datagram comes out that would at `due` if nothing were held. To be asked in the order of those times, as far as there is one.
    pub(super) fn release(&mut self, hold: Hold, due: Instant) -> Instant {
        if hold.up_to.is_zero() {
            return due;
        }
        loop {
            let (from, until) = match self.now {
                Some(now) if due < now.1 => now,
                before => {
                    let after = before.map_or(due, |(_, until)| until);
                    // Of a long silence nobody sees anything.
                    let after = after.max(due.checked_sub(hold.every + hold.up_to).unwrap_or(due));
                    let from = after + (2 * hold.every).mul_f64(self.rng.random::<f64>());
                    let until = from + hold.up_to.mul_f64(self.rng.random::<f64>()).max(Duration::from_micros(1));
                    self.now = Some((from, until));
                    continue;
                }
            };
            return if due < from { due } else { until };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_due_meanwhile_comes_out_at_the_end_and_in_order() {
        let hold = Hold { up_to: 40 * MS, every: 100 * MS };
        let mut holds = Holds::new(3);
        let start = Instant::now();
        let due: Vec<_> = (0..20_000).map(|ms| start + ms * MS).collect();
        let out: Vec<_> = due.iter().map(|due| holds.release(hold, *due)).collect();
        assert!(out.is_sorted());
        let late: Vec<_> = due.iter().zip(&out).map(|(due, out)| *out - *due).collect();
        assert!(late.iter().all(|late| *late <= 40 * MS));
        // Held for 20 ms of every 120.
        let held = late.iter().filter(|late| !late.is_zero()).count();
        assert!((2_900..3_900).contains(&held), "{held} of 20000 were held");
    }

    #[test]
    fn nothing_is_held_where_nothing_should_be() {
        let mut holds = Holds::new(1);
        let now = Instant::now();
        assert_eq!(holds.release(Hold { up_to: Duration::ZERO, every: Duration::ZERO }, now), now);
    }
}
