//! Viewers behind one address: who is found to share a bottleneck, and what he owes the others.

use crate::bandwidth::coupled::{Coupled, Share};
use crate::bandwidth::queue_trace::{QueueTrace, Swell};
use std::time::{Duration, Instant};

const WANTED_BPS: u64 = 3_000_000;

/// Viewers of one address, told every 100 ms as the engine does.
struct Office {
    coupled: Coupled<u8>,
    start: Instant,
    now: Instant,
    shares: Vec<Share>,
}

impl Office {
    /// All want as much, and have no room for more.
    fn new(allocated_bps: &[u64]) -> Self {
        let now = Instant::now();
        let share = |bps: &u64| Share { allocated_bps: *bps, wanted_bps: WANTED_BPS, is_short: true };
        let shares = allocated_bps.iter().map(share).collect();
        let mut office = Self { coupled: Coupled::new(now), start: now, now, shares };
        office.pass(Duration::ZERO);
        office
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            for (key, share) in self.shares.iter().enumerate() {
                self.coupled.tell(self.now, key as u8, *share);
            }
            if self.now >= until {
                return;
            }
            self.now += Duration::from_millis(100);
        }
    }

    /// One sends a cluster that makes a queue of 20 ms; those who share it wait as well.
    fn probe(&mut self, prober: u8, waits: impl Fn(u8) -> bool) {
        let swell = |us| Some(Swell { longest_us: us, rise_us: us });
        self.coupled.probed(prober, |key| swell(if key == prober || waits(key) { 20_000 } else { 1_000 }));
    }

    fn bind(&mut self) {
        (0..2).for_each(|_| self.probe(0, |_| true));
        (0..2).for_each(|_| self.probe(1, |_| true));
        (0..2).for_each(|_| self.probe(2, |_| true));
    }
}

#[test]
fn one_address_binds_nobody() {
    let mut office = Office::new(&[1_600_000, 600_000, 150_000]);
    for _ in 0..20 {
        for prober in 0..3 {
            office.probe(prober, |_| false);
        }
    }
    office.pass(Duration::from_secs(60));
    for key in 0..3 {
        assert_eq!(office.coupled.company(key), 0);
        assert_eq!(office.coupled.owed_bps(key, WANTED_BPS), 0);
        assert_eq!(office.coupled.fair_bps(key, 5_000_000), 5_000_000);
        assert!(!office.coupled.yields(office.now, key, 0));
        assert!(office.coupled.has_turn(office.now, key));
    }
}

#[test]
fn one_coincidence_is_no_proof_and_one_contradiction_ends_it() {
    let mut office = Office::new(&[600_000; 3]);
    office.probe(0, |key| key == 1);
    assert_eq!(office.coupled.company(0), 0);
    office.probe(0, |key| key == 1);
    assert_eq!((office.coupled.company(0), office.coupled.company(1), office.coupled.company(2)), (1, 1, 0));
    office.probe(1, |_| false);
    assert_eq!(office.coupled.company(0), 0);
}

#[test]
fn a_queue_that_was_there_before_says_nothing() {
    let mut office = Office::new(&[600_000; 2]);
    office.bind();
    // The other's is long, but did not grow: it may hide what the cluster made.
    let swell = |key| Some(Swell { longest_us: 20_000, rise_us: if key == 0 { 20_000 } else { 0 } });
    (0..10).for_each(|_| office.coupled.probed(0, swell));
    // And one's own cluster made none.
    (0..10).for_each(|_| office.coupled.probed(0, |_| Some(Swell { longest_us: 1_000, rise_us: 1_000 })));
    assert_eq!(office.coupled.company(0), 1);
}

#[test]
fn who_rises_needs_room_for_those_who_have_less() {
    let mut office = Office::new(&[600_000, 600_000, 600_000]);
    office.bind();
    assert_eq!(office.coupled.owed_bps(0, 1_600_000), 2_000_000);
    // Room for one and a half is room for none.
    assert!(office.coupled.fair_bps(0, 2_200_000) < 1_200_000);
    assert!(office.coupled.fair_bps(0, 3_700_000) > 1_600_000);
    // To a voice and a face everybody may rise.
    assert_eq!(office.coupled.owed_bps(0, 300_000), 0);
    // Who wants no more is owed nothing.
    office.shares[1].wanted_bps = 600_000;
    office.shares[2].is_short = false;
    office.pass(Duration::ZERO);
    assert_eq!(office.coupled.fair_bps(0, 2_200_000), 2_200_000);
}

#[test]
fn who_has_had_most_gives_way_after_a_while_and_one_at_a_time() {
    let mut office = Office::new(&[1_600_000, 1_600_000, 600_000]);
    office.bind();
    let yields = |office: &mut Office| -> Vec<u8> {
        (0..3).filter(|key| office.coupled.yields(office.now, *key, 1_700_000)).collect()
    };
    assert!(yields(&mut office).is_empty());
    office.pass(Duration::from_secs(5));
    assert!(yields(&mut office).is_empty(), "he may yet rise");
    office.pass(Duration::from_secs(2));
    assert_eq!(yields(&mut office), [0]);
    office.shares[0].allocated_bps = 600_000;
    office.pass(Duration::from_secs(1));
    assert!(yields(&mut office).is_empty());
    // Where there is room for all, the others are about to rise.
    office.pass(Duration::from_secs(20));
    assert!(!office.coupled.yields(office.now, 1, 4_000_000));
    yields(&mut office);
    office.pass(Duration::from_secs(7));
    assert_eq!(yields(&mut office), [1]);
}

#[test]
fn clusters_take_turns() {
    let mut office = Office::new(&[600_000; 3]);
    office.bind();
    let mut turns = [0; 3];
    for tenth in 0..300 {
        let now = office.start + Duration::from_millis(100 * tenth);
        let whose: Vec<u8> = (0..3).filter(|key| office.coupled.has_turn(now, *key)).collect();
        assert!(whose.len() <= 1, "{whose:?}");
        whose.iter().for_each(|key| turns[usize::from(*key)] += 1);
    }
    assert_eq!(turns, [70; 3]);
}

#[test]
fn who_is_gone_is_owed_nothing_and_more_than_fit_are_on_their_own() {
    let mut office = Office::new(&[600_000; 3]);
    office.bind();
    office.shares.truncate(1);
    office.pass(Duration::from_secs(3));
    assert_eq!(office.coupled.company(0), 0);
    let mut crowd = Office::new(&[600_000; 100]);
    crowd.probe(0, |_| true);
    crowd.probe(0, |_| true);
    crowd.probe(99, |_| true);
    assert_eq!((crowd.coupled.company(0), crowd.coupled.company(99)), (31, 0));
    assert_eq!(crowd.coupled.fair_bps(99, 5_000_000), 5_000_000);
}

#[test]
fn a_trace_tells_how_a_queue_grew() {
    let mut trace = QueueTrace::new();
    for sent_ms in (0..2_000).step_by(20) {
        let queue_us = if (1_500..1_550).contains(&sent_ms) { 30_000 } else { 2_000 };
        trace.add(sent_ms * 1_000, queue_us);
    }
    let swell = |from_ms: u64, to_ms: u64| trace.swell(&(from_ms * 1_000..to_ms * 1_000));
    assert_eq!(swell(1_500, 1_520), Some(Swell { longest_us: 30_000, rise_us: 28_000 }));
    assert_eq!(swell(1_000, 1_020), Some(Swell { longest_us: 2_000, rise_us: 0 }));
    assert_eq!(swell(100, 120), None, "it is forgotten");
    assert_eq!(swell(5_000, 5_020), None, "it is to come");
}
