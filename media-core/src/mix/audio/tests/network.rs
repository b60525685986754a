//! Loss, jitter, gaps and clocks.

use super::lab::{FLOOR, Lab, ear, plain};
use crate::mix::audio::*;
use colloquy_codecs::opus::Application;
use colloquy_codecs::pcm::rms;
use std::time::Duration;

/// The same for the same number: 0 to 99.
fn dice(n: u64) -> u64 {
    (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % 100
}

/// One speaker, one listener.
fn pair() -> Lab {
    let mut lab = Lab::new(plain());
    lab.speaker(1, FLOOR);
    lab.listener(9, ear(9, &[FLOOR]));
    lab
}

/// Parts of 20 ms, from a time on, that are less than half as loud as most, in percent.
fn holes(lab: &Lab, from_ms: usize) -> f32 {
    let mut parts: Vec<f32> = lab.listeners[&9].heard[from_ms * 96..].chunks_exact(1920).map(rms).collect();
    parts.sort_by(f32::total_cmp);
    let usual = parts[parts.len() / 2];
    assert!(usual > 0.05, "{usual}");
    100.0 * parts.iter().filter(|level| **level < usual / 2.0).count() as f32 / parts.len() as f32
}

#[test]
fn on_a_clean_path_a_voice_is_at_most_60_ms_later() {
    for phase in 0..20 {
        let mut lab = pair();
        lab.speakers.get_mut(&1).unwrap().path = Box::new(move |_| Some(30 + phase));
        let mut waits = Vec::new();
        for _ in 0..100 {
            lab.run(20);
            waits.extend(lab.mixer.waits(SourceId(1)));
        }
        // And 2 ms of the limiter, 2.5 ms of the encoder.
        let longest = waits.into_iter().max().unwrap() + Duration::from_micros(4_500);
        assert!(longest <= Duration::from_millis(45), "{longest:?}");
        assert_eq!(holes(&lab, 500), 0.0);
        let stats = lab.mixer.stats();
        assert_eq!((stats.late, stats.concealed, stats.duplicates), (0, 0, 0), "{stats:?}");
    }
}

#[test]
fn lost_packets_are_had_from_the_next_by_fec_or_red() {
    for (red, loss) in [(false, 5), (true, 20), (false, 20)] {
        let mut lab = pair();
        let speaker = lab.speakers.get_mut(&1).unwrap();
        // A vowel: an encoder repeats only what it takes for speech.
        (speaker.red, speaker.hz, speaker.overtones) = (red, 140.0, 20);
        speaker.path = Box::new(move |n| (dice(n) >= loss).then_some(30));
        lab.run(6_000);
        let (stats, holes) = (lab.mixer.stats(), holes(&lab, 1000));
        assert!(if red { stats.from_red } else { stats.from_fec } > 0, "{stats:?}");
        // Two in a row are lost in 0.25 and 4 of 100.
        assert!(holes <= if loss == 5 { 0.5 } else { 4.0 }, "red {red}, {loss} %: {holes} {stats:?}");
    }
}

#[test]
fn jitter_is_waited_for_and_no_longer_than_it_lasts() {
    let mut lab = pair();
    lab.speakers.get_mut(&1).unwrap().path = Box::new(|n| Some(30 + dice(n) * 60 / 100));
    lab.run(3000);
    let before = lab.mixer.stats();
    lab.run(10_000);
    let after = lab.mixer.stats();
    let wait = lab.mixer.waits(SourceId(1)).unwrap();
    let late = (after.late - before.late) as f32 / 5.0;
    assert!(late <= 3.0, "{late} % late, {after:?}");
    assert!((Duration::from_millis(45)..=Duration::from_millis(100)).contains(&wait), "{wait:?}");
    assert!(holes(&lab, 3000) <= 1.0);
    lab.speakers.get_mut(&1).unwrap().path = Box::new(|_| Some(30));
    lab.run(12_000);
    let wait = lab.mixer.waits(SourceId(1)).unwrap();
    assert!(wait <= Duration::from_millis(46), "{wait:?}");
}

#[test]
fn reordered_and_doubled_packets_are_sorted_out() {
    let mut lab = pair();
    lab.speakers.get_mut(&1).unwrap().path = Box::new(|n| Some(if n % 5 == 0 { 60 } else { 30 }));
    lab.run(4000);
    let before = lab.mixer.stats();
    lab.run(4000);
    let after = lab.mixer.stats();
    assert_eq!((after.late, after.concealed), (before.late, before.concealed));
    assert_eq!(holes(&lab, 4000), 0.0);
}

#[test]
fn packets_of_every_length_are_played() {
    for (samples, application) in [
        (480, Application::LowDelay),
        (960, Application::Audio),
        (1920, Application::Speech),
        (2880, Application::Speech),
    ] {
        let mut lab = Lab::new(plain());
        lab.speaker_as(1, FLOOR, application, samples);
        lab.listener(9, ear(9, &[FLOOR]));
        lab.run(3000);
        let stats = lab.mixer.stats();
        assert_eq!((holes(&lab, 1000), stats.late), (0.0, 0), "{samples} {stats:?}");
        assert!(stats.concealed <= 3, "{samples} {stats:?}");
    }
}

#[test]
fn a_clock_that_jumps_and_one_that_goes_wrong_are_followed() {
    let mut lab = pair();
    lab.run(2000);
    for skew in [5, 0x8000_0000, 0xFFFF_0000, 12_345_678, 48_000, 0] {
        lab.speakers.get_mut(&1).unwrap().skew = skew;
        lab.run(3000);
        assert_eq!(lab.audible(9), [1], "{skew} {:?}", lab.mixer.stats());
    }
}

#[test]
fn a_path_that_gets_longer_or_stands_still_is_followed() {
    let mut lab = pair();
    lab.run(2000);
    let speaker = lab.speakers.get_mut(&1).unwrap();
    speaker.path = Box::new(|_| Some(150));
    lab.run(3000);
    assert_eq!(lab.audible(9), [1]);
    // Everything of 800 ms comes at once.
    let mut left = 0;
    lab.speakers.get_mut(&1).unwrap().path = Box::new(move |_| {
        left += 1;
        Some(if left < 40 { 830 - 20 * left } else { 30 })
    });
    lab.run(8000);
    let wait = lab.mixer.waits(SourceId(1)).unwrap();
    assert!(wait <= Duration::from_millis(60), "{wait:?} {:?}", lab.mixer.stats());
    assert_eq!(lab.audible(9), [1]);
}

#[test]
fn who_sends_nothing_while_silent_is_heard_again_from_the_first_word() {
    let mut lab = pair();
    lab.run(1000);
    for pause in [100, 400, 1700, 6000] {
        lab.speakers.get_mut(&1).unwrap().is_off = true;
        lab.run(pause);
        lab.speakers.get_mut(&1).unwrap().is_off = false;
        lab.run(240);
        assert_eq!(lab.heard(9, 80)[&1].clamp(-3, 3), lab.heard(9, 80)[&1], "after {pause} ms");
        lab.run(760);
    }
    let stats = lab.mixer.stats();
    assert_eq!(stats.late, 0, "{stats:?}");
}
