//! What the path loses by itself, and what a full queue explains: those losses end when less is sent, and whatever is sent to make up for
//! them makes more of them.

/// A queue longer than this is said to be full, microseconds.
const FULL_US: u64 = 40_000;
/// Packets are forgotten after so long, or twice that, microseconds.
const REMEMBERED_US: u64 = 1_000_000;
/// Of fewer packets nothing is said.
const LEAST_PACKETS: u32 = 30;
/// Losses of a full queue count as no more than this: some are made good all the same, as whoever else fills it may go on.
const MOST_CROWDED: f32 = 0.05;

#[derive(Debug, Default, Clone, Copy)]
struct Told {
    arrived: u32,
    missed: u32,
    /// Of those that are missing, how many met a full queue.
    crowded: u32,
}

/// What became of the packets of the last one or two seconds.
#[derive(Debug, Default)]
pub(super) struct Crowding {
    /// Of this second and the one before it.
    told: [Told; 2],
    since_us: u64,
}

impl Crowding {
    fn newest(&mut self, now_us: u64) -> &mut Told {
        let elapsed_us = now_us.saturating_sub(self.since_us);
        if elapsed_us >= REMEMBERED_US {
            let before = if elapsed_us < 2 * REMEMBERED_US { self.told[0] } else { Told::default() };
            (self.told, self.since_us) = ([Told::default(), before], now_us);
        }
        &mut self.told[0]
    }

    /// A packet arrived.
    pub(super) fn on_arrived(&mut self, now_us: u64) {
        self.newest(now_us).arrived += 1;
    }

    /// A packet that was told missing arrived.
    pub(super) fn on_late(&mut self, now_us: u64) {
        let newest = self.newest(now_us);
        newest.arrived += 1;
        newest.missed = newest.missed.saturating_sub(1);
        newest.crowded = newest.crowded.min(newest.missed);
    }

    /// A packet is missing. `queue_us` is the queue that those beside it met, where it is known.
    pub(super) fn on_missed(&mut self, now_us: u64, queue_us: Option<u64>) {
        let newest = self.newest(now_us);
        newest.missed += 1;
        newest.crowded += u32::from(queue_us.is_some_and(|queue| queue > FULL_US));
    }

    /// The loss that is worth making good, 0.0..=1.0; `None` where little was told of late.
    pub(super) fn to_repair(&self, now_us: u64) -> Option<f32> {
        let is_old = now_us.saturating_sub(self.since_us) >= 2 * REMEMBERED_US;
        let sum = |of: fn(&Told) -> u32| self.told.iter().map(of).sum::<u32>();
        let (missed, crowded) = (sum(|told| told.missed), sum(|told| told.crowded));
        let all = missed + sum(|told| told.arrived);
        let part = |packets: u32| packets as f32 / all as f32;
        (!is_old && all >= LEAST_PACKETS).then(|| part(missed - crowded) + part(crowded).min(MOST_CROWDED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Option<u64> = Some(2 * FULL_US);

    fn told(arrived: u32, free: u32, crowded: u32) -> Crowding {
        let mut crowding = Crowding::default();
        (0..arrived).for_each(|_| crowding.on_arrived(0));
        (0..free).for_each(|_| crowding.on_missed(0, Some(5_000)));
        (0..crowded).for_each(|_| crowding.on_missed(0, FULL));
        crowding
    }

    #[test]
    fn losses_in_a_full_queue_count_little() {
        let repair = |arrived, free, crowded| told(arrived, free, crowded).to_repair(0);
        assert_eq!(repair(20, 5, 0), None, "too few");
        assert_eq!(repair(90, 10, 0), Some(0.10));
        assert_eq!(repair(80, 10, 10), Some(0.15));
        assert_eq!(repair(70, 0, 30), Some(MOST_CROWDED));
    }

    #[test]
    fn what_only_came_late_is_not_lost() {
        let mut crowding = told(90, 0, 10);
        (0..10).for_each(|_| crowding.on_late(0));
        assert_eq!(crowding.to_repair(0), Some(0.0));
    }

    #[test]
    fn forgets_what_is_long_ago() {
        let mut crowding = told(50, 50, 0);
        (0..100).for_each(|_| crowding.on_arrived(REMEMBERED_US));
        assert_eq!(crowding.to_repair(REMEMBERED_US), Some(0.25));
        (0..100).for_each(|_| crowding.on_arrived(2 * REMEMBERED_US));
        assert_eq!(crowding.to_repair(2 * REMEMBERED_US), Some(0.0));
        assert_eq!(crowding.to_repair(4 * REMEMBERED_US), None, "nothing was told of late");
    }
}
