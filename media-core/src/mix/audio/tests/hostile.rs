//! What comes from outside may be anything.

use super::lab::{FLOOR, Lab, ear, plain};
use crate::mix::audio::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn nothing_that_comes_breaks_the_mixer(
        packets in prop::collection::vec(
            (
                prop::collection::vec(any::<u8>(), 0..120),
                prop_oneof![0_u64..200, any::<u64>()],
                prop_oneof![(0_u32..100).prop_map(|n| n * 960), any::<u32>()],
                any::<bool>(),
                prop::option::of(any::<u8>()),
                (0_u64..200, 0_u64..400),
            ),
            1..150,
        ),
    ) {
        let mut lab = Lab::new(MixSettings::default());
        let mut now = lab.now() + Duration::from_secs(1);
        lab.mixer.add_source(SourceId(1), FLOOR, now).unwrap();
        lab.mixer.hear(ListenerId(9), ear(9, &[FLOOR]));
        for (payload, sequence, timestamp, red, level, (after, before)) in packets {
            now += Duration::from_millis(after);
            let arrived = now - Duration::from_millis(before);
            let payload = Bytes::from(payload);
            lab.mixer.push(SourceId(1), Packet { sequence, timestamp, payload, red, level, voice: None, arrived }, now);
            let mut turns = 0;
            while lab.mixer.next_tick().is_some_and(|at| at <= now) {
                lab.mixer.tick(now);
                turns += 1;
                prop_assert!(turns < 20);
                while lab.mixer.poll().is_some() {}
            }
        }
    }
}

#[test]
fn a_flood_is_bounded() {
    let mut lab = Lab::new(plain());
    lab.speaker(1, FLOOR);
    lab.listener(9, ear(9, &[FLOOR]));
    lab.run(500);
    let now = lab.now();
    for n in 0..5000_u32 {
        let packet = Packet {
            sequence: 100_000 + u64::from(n),
            timestamp: lab.speakers[&1].skew.wrapping_add(48_000 + n * 7),
            payload: Bytes::from(vec![0xF8; 1400]),
            red: false,
            level: Some(10),
            voice: None,
            arrived: now,
        };
        lab.mixer.push(SourceId(1), packet, now);
    }
    let stats = lab.mixer.stats();
    assert!(stats.overflowed > 4000 || stats.refused > 4000, "{stats:?}");
    lab.run(3000);
    assert_eq!(lab.audible(9), [1], "{:?}", lab.mixer.stats());
}

#[test]
fn more_sources_and_listeners_than_are_taken_are_refused() {
    let mut lab = Lab::new(plain());
    for id in 0..MAX_SOURCES as u64 {
        lab.mixer.add_source(SourceId(id), FLOOR, lab.now()).unwrap();
    }
    assert_eq!(lab.mixer.add_source(SourceId(u64::MAX), FLOOR, lab.now()), Err(Full));
    for id in 0..=MAX_LISTENERS as u64 {
        lab.mixer.hear(ListenerId(id), ear(id, &[FLOOR]));
    }
    let stats = lab.mixer.stats();
    assert_eq!((stats.listeners, stats.ears_refused), (MAX_LISTENERS, 1));
}
