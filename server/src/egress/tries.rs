//! When a program that ended is started again, and when it is given up: pure.

use std::time::Duration;

/// Before the first time.
const FIRST: Duration = Duration::from_millis(500);
/// At the longest.
const LONGEST: Duration = Duration::from_secs(30);
/// Runs in a row from which nothing came, after which no more are tried.
const MOST: u32 = 10;

/// How the runs of a stream went.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// In a row, from which nothing came.
    in_vain: u32,
}

impl Tries {
    /// A run ended. Gives how long to wait before the next; `None` gives up.
    pub(super) fn ended(&mut self, something_came: bool) -> Option<Duration> {
        self.in_vain = if something_came { 0 } else { self.in_vain + 1 };
        if self.in_vain >= MOST {
            return None;
        }
        let doubled = FIRST.saturating_mul(1 << self.in_vain.saturating_sub(1).min(16));
        Some(doubled.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_and_gives_up() {
        let mut tries = Tries::default();
        let waits: Vec<_> = (0..9).map(|_| tries.ended(false).unwrap().as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(tries.ended(false), None);
        let mut tries = Tries::default();
        (0..9).for_each(|_| assert!(tries.ended(false).is_some()));
        assert_eq!(tries.ended(true), Some(FIRST), "something came: all is well again");
        assert!(tries.ended(false).is_some());
    }
}
