//! Whose regular turn is when: on a grid, so that one wake-up serves all whose turn it is, and each in his own place of it, so that they do
//! not all come at once.

use crate::keys::PeerKey;
use std::time::{Duration, Instant};

/// Turns are this far apart. A wake-up costs as much as three packets; with a timer of his own for each of a hundred viewers there is one
/// every millisecond.
const STEP: Duration = Duration::from_millis(10);

/// When a participant's next turn is, of those that come once a `period`: within a period from now, and once a period from then on. The turns
/// of periods that divide each other coincide.
pub(super) fn next_turn(began: Instant, now: Instant, period: Duration, key: PeerKey) -> Instant {
    let steps = (period.as_millis() / STEP.as_millis()).max(1);
    let place = STEP * (u128::from(key.flow()) % steps) as u32;
    let period_us = period.as_micros().max(1);
    // The last of his places that is no more than a period ahead.
    let latest_us = (now.saturating_duration_since(began) + period).as_micros();
    let turn_us = latest_us.saturating_sub(place.as_micros()) / period_us * period_us;
    let turn = Duration::from_micros(u64::try_from(turn_us).unwrap_or(u64::MAX));
    began.checked_add(turn + place).unwrap_or(now + period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use slotmap::{KeyData, SlotMap};
    use std::collections::HashSet;

    const PERIOD: Duration = Duration::from_millis(100);

    #[test]
    fn a_hundred_share_ten_turns_evenly() {
        let mut keys = SlotMap::<PeerKey, ()>::with_key();
        let began = Instant::now();
        let turn = |key| next_turn(began, began + Duration::from_millis(1_234), PERIOD, key);
        let turns: Vec<_> = (0..100).map(|_| turn(keys.insert(()))).collect();
        let different: HashSet<_> = turns.iter().collect();
        assert_eq!(different.len(), 10);
        assert!(different.iter().all(|at| turns.iter().filter(|turn| turn == at).count() == 10));
    }

    proptest! {
        #[test]
        fn a_turn_is_near_and_the_next_a_period_later(ago_us in 0u64..100_000_000, late_us in 0u64..40_000, key: u32) {
            let key = PeerKey::from(KeyData::from_ffi(u64::from(key) | 1 << 32));
            let began = Instant::now();
            let now = began + Duration::from_micros(ago_us);
            for period in [PERIOD, 10 * PERIOD] {
                let first = next_turn(began, now, period, key);
                let ahead = first.checked_duration_since(now).expect("it is to come");
                prop_assert!(ahead > Duration::ZERO && ahead <= period, "{ahead:?}");
                // Whoever comes a little late comes in time again.
                let next = next_turn(began, first + Duration::from_micros(late_us), period, key);
                prop_assert_eq!(next, first + period);
            }
        }
    }
}
