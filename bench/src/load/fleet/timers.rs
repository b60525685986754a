//! Who is due when: a heap, so that thousands who wait cost nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Deadlines of seats. One that moves later stays in the heap and is looked at once for nothing.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    /// By seat: the earliest entry in the heap.
    queued: Vec<Option<Instant>>,
}

impl Timers {
    /// A seat is due at a moment, instead of whenever it was.
    pub(super) fn set(&mut self, seat: u32, at: Option<Instant>) {
        let index = seat as usize;
        if self.queued.len() <= index {
            self.queued.resize(index + 1, None);
        }
        let Some(at) = at else { return };
        if self.queued[index].is_none_or(|queued| at < queued) {
            self.queued[index] = Some(at);
            self.heap.push(Reverse((at, seat)));
        }
    }

    /// When the next one is to be looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.0.0)
    }

    /// A seat whose time may have come: its own deadline decides, and is to be [`set`](Self::set) anew.
    pub(super) fn take(&mut self, now: Instant) -> Option<u32> {
        while self.next()? <= now {
            let Reverse((at, seat)) = self.heap.pop()?;
            let queued = self.queued.get_mut(seat as usize)?;
            // An entry that an earlier one has overtaken is of no use.
            if *queued == Some(at) {
                *queued = None;
                return Some(seat);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_comes_at_its_last_time_and_in_order() {
        let now = Instant::now();
        let at = |ms: u64| now + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.set(0, Some(at(5)));
        timers.set(1, Some(at(3)));
        timers.set(1, Some(at(1)));
        timers.set(2, None);
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.take(at(0)), None);
        assert_eq!(timers.take(at(9)), Some(1));
        assert_eq!(timers.take(at(9)), Some(0), "1 moved from 3 to 1, and comes once");
        assert_eq!(timers.take(at(9)), None);
    }
}
