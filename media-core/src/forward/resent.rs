//! What was sent again of late. Receivers ask again for what did not come within the round trip that they know of, which a pacer's queue is no
//! part of: each asking answered, the answers fill that queue, and nothing new gets through any more.

use std::time::{Duration, Instant};

/// Packets that are remembered, by the low bits of their numbers: no receiver asks for more at a time, and 16 B each.
const SLOTS: usize = 256;

/// When packets of one stream were last sent again.
#[derive(Debug, Default)]
pub(crate) struct Resent {
    /// Their numbers and when; empty until the first.
    slots: Vec<Option<(u64, Instant)>>,
}

impl Resent {
    /// Whether to send a packet again now: not if that was done less than `pause` ago. Takes note that it is.
    pub(crate) fn may(&mut self, now: Instant, index: u64, pause: Duration) -> bool {
        self.slots.resize(SLOTS, None);
        let Some(slot) = self.slots.get_mut(index as usize % SLOTS) else { return true };
        let is_on_its_way = slot.is_some_and(|(sent, at)| sent == index && now.saturating_duration_since(at) < pause);
        if !is_on_its_way {
            *slot = Some((index, now));
        }
        !is_on_its_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_is_not_sent_again() {
        let start = Instant::now();
        let (mut resent, pause) = (Resent::default(), Duration::from_millis(100));
        let mut may = |ms: u64, index| resent.may(start + Duration::from_millis(ms), index, pause);
        assert!(may(0, 7) && may(0, 8));
        assert!(!may(99, 7));
        assert!(may(100, 7) && !may(150, 7));
        assert!(may(150, 7 + SLOTS as u64), "another packet");
        assert!(may(151, 7), "forgotten: it is sent once more than needed");
    }
}
