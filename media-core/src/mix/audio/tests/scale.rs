//! A thousand listeners cost what ten do.

use super::lab::{FLOOR, Lab, ear, plain};
use crate::mix::audio::*;

/// Three speak; the others only listen. Encoded and decoded frames of a second.
fn work(listeners: u64) -> (u64, u64, usize) {
    let mut lab = Lab::new(plain());
    for id in 1..=3 {
        lab.speaker(id, FLOOR);
        lab.mixer.hear(ListenerId(id), ear(id, &[FLOOR]));
    }
    for id in 4..=listeners {
        lab.mixer.add_source(SourceId(id), FLOOR, lab.now()).unwrap();
        lab.mixer.hear(ListenerId(id), ear(id, &[FLOOR]));
    }
    lab.run(500);
    let before = lab.mixer.stats();
    lab.run(1000);
    let after = lab.mixer.stats();
    (after.encoded - before.encoded, after.decoded - before.decoded, after.outputs)
}

#[test]
fn a_thousand_listeners_share_what_ten_share() {
    assert_eq!(work(10), work(1000));
    assert_eq!(work(10), (200, 150, 4));
}

#[test]
fn a_mixer_may_work_on_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Lab::new(plain()).mixer);
}
