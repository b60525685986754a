//! Who hears whom.

use super::lab::{ASIDE, CLEAR, FLOOR, Lab, ear, pitch, plain, roughness};
use crate::mix::audio::*;

#[test]
fn everybody_hears_all_others_and_nobody_himself() {
    let mut lab = Lab::clear_floor(4);
    lab.run(1000);
    for listener in 1..=4 {
        let heard = lab.heard(listener, 200);
        // What two codecs make of the others is at most so loud there.
        for (speaker, level) in &heard {
            let expected = if *speaker == listener { -120..=-40 } else { -2..=2 };
            assert!(expected.contains(level), "{listener} hears {heard:?}");
        }
    }
    let contributors = &lab.listeners[&2].packets.last().unwrap().contributors;
    assert_eq!(contributors[..], [SourceId(1), SourceId(3), SourceId(4)]);
}

#[test]
fn who_only_listens_shares_a_mix_and_who_speaks_has_his_own() {
    let mut lab = Lab::floor(plain(), 6);
    for id in 3..=6 {
        lab.speakers.get_mut(&id).unwrap().is_quiet = true;
    }
    lab.run(1000);
    let stats = lab.mixer.stats();
    assert_eq!((stats.outputs, stats.decoding), (3, 2), "{stats:?}");
    assert_eq!(lab.audible(1), [2]);
    assert_eq!(lab.audible(5), [1, 2]);
    assert_eq!(lab.listeners[&3].output, lab.listeners[&6].output);
    lab.speakers.get_mut(&2).unwrap().is_quiet = true;
    lab.run(1500);
    assert_eq!(lab.mixer.stats().outputs, 2);
    assert_eq!(lab.listeners[&2].output, lab.listeners[&6].output, "he has stopped speaking");
}

#[test]
fn the_loudest_are_heard_and_one_who_pauses_gives_way() {
    let mut lab = Lab::floor(MixSettings { speakers: 2, ..plain() }, 5);
    lab.speakers.get_mut(&1).unwrap().is_quiet = true;
    lab.speakers.get_mut(&4).unwrap().is_quiet = true;
    lab.speakers.get_mut(&5).unwrap().is_quiet = true;
    lab.run(600);
    assert_eq!(lab.audible(1), [2, 3]);
    lab.speakers.get_mut(&4).unwrap().is_quiet = false;
    lab.run(600);
    assert_eq!(lab.audible(1), [2, 3], "one as loud as they takes nobody's place");
    lab.speakers.get_mut(&2).unwrap().is_quiet = true;
    lab.run(600);
    assert_eq!(lab.audible(1), [3, 4]);
}

#[test]
fn sources_that_tell_no_levels_are_decoded_to_know_them() {
    let mut lab = Lab::floor(MixSettings { speakers: 1, ..plain() }, 3);
    for speaker in lab.speakers.values_mut() {
        (speaker.tells, speaker.is_quiet) = (false, true);
    }
    lab.speakers.get_mut(&3).unwrap().is_quiet = false;
    lab.run(1000);
    assert_eq!(lab.mixer.stats().decoding, 3);
    assert_eq!((lab.audible(1), lab.audible(3)), (vec![3], vec![]));
    let loudest = |id| lab.levels.iter().filter(|(source, _)| *source == SourceId(id)).map(|(_, level)| *level).min();
    assert!(loudest(3).is_some_and(|level| (15..30).contains(&level)), "of a tone of -20 dBov: {:?}", loudest(3));
    assert!(loudest(1).is_some_and(|level| level > 80), "{:?}", loudest(1));
}

#[test]
fn levels_that_are_told_are_not_told_again() {
    let mut lab = Lab::floor(plain(), 2);
    lab.run(500);
    assert!(lab.levels.is_empty());
}

#[test]
fn a_group_is_heard_by_those_who_have_an_ear_for_it() {
    let mut lab = Lab::floor(plain(), 2);
    lab.speaker(3, ASIDE);
    lab.speaker(4, ASIDE);
    lab.listener(3, ear(3, &[ASIDE]));
    lab.listener(4, ear(4, &[ASIDE, FLOOR]));
    lab.listener(9, Ear::deaf(Coding::default()));
    lab.run(800);
    assert_eq!((lab.audible(1), lab.audible(3), lab.audible(4)), (vec![2], vec![4], vec![1, 2, 3]));
    assert_eq!(lab.audible(9), [0; 0]);
    assert!(lab.listeners[&9].packets.iter().all(|mixed| mixed.payload.len() == 1 && mixed.contributors.is_empty()));
}

#[test]
fn a_whisper_comes_from_the_side_and_into_one_ear_alone() {
    let mut lab = Lab::floor(plain(), 2);
    lab.speaker(3, GroupId(7));
    let coding = Coding { channels: Channels::Stereo, max_bps: 96_000, ..Coding::default() };
    let except = vec![(SourceId(1), None), (SourceId(3), Some(Gain::WHISPER))];
    lab.listener(1, Ear { except, coding, ..ear(1, &[FLOOR]) });
    lab.run(800);
    assert_eq!((lab.audible(1), lab.audible(2)), (vec![2, 3], vec![1]));
    let (heard, from) = (&lab.listeners[&1], lab.listeners[&1].heard.len() - 9600);
    let (left, right) = (heard.ear(0, from, pitch(3)), heard.ear(1, from, pitch(3)));
    assert!((-2..=2).contains(&left) && (-19..=-14).contains(&right), "{left} {right}");
    assert!(heard.ear(1, from, pitch(2)).abs() <= 2);
}

#[test]
fn nobody_hears_a_click_when_he_begins_to_speak_or_stops() {
    moves_without_a_click(Lab::floor(plain(), 3));
}

#[test]
fn nor_with_packets_of_40_ms_of_which_none_is_lost_or_comes_twice() {
    let mut lab = Lab::floor(plain(), 3);
    for id in 1..=3 {
        lab.mixer.hear(ListenerId(id), Ear { coding: Coding { long: true, ..CLEAR }, ..ear(id, &[FLOOR]) });
    }
    let lab = moves_without_a_click(lab);
    let packets = &lab.listeners[&2].packets;
    let steps = packets.windows(2).map(|two| two[1].timestamp.wrapping_sub(two[0].timestamp));
    assert!(packets.len() > 200 && steps.into_iter().all(|step| step == 1_920));
}

/// Somebody who hears a third goes to and fro between the shared mix and his own.
fn moves_without_a_click(mut lab: Lab) -> Lab {
    for id in [2, 3] {
        lab.speakers.get_mut(&id).unwrap().is_quiet = true;
    }
    lab.run(1000);
    let usual = || 0.004_f32;
    let mut moves = 0;
    for _ in 0..4 {
        for is_quiet in [false, true] {
            let (from, output) = (lab.listeners[&2].heard.len(), lab.listeners[&2].output);
            lab.speakers.get_mut(&2).unwrap().is_quiet = is_quiet;
            lab.run(1500);
            moves += u32::from(lab.listeners[&2].output != output);
            let left: Vec<f32> = lab.listeners[&2].heard[from..].chunks(2).map(|pair| pair[0]).collect();
            let worst = roughness(&left, lab.speakers[&1].hz).into_iter().fold(0.0, f32::max);
            // A step of the tone by a quarter of its height would be 0.035.
            assert!(worst < usual(), "{worst}");
        }
    }
    assert_eq!(moves, 8, "he moved between the shared mix and his own each time");
    lab
}

#[test]
fn silence_is_not_encoded_and_then_costs_nothing() {
    let mut lab = Lab::floor(MixSettings::default(), 3);
    lab.run(1000);
    for speaker in lab.speakers.values_mut() {
        speaker.is_quiet = true;
    }
    lab.run(3600);
    let before = lab.mixer.stats();
    assert_eq!(lab.mixer.next_tick(), None);
    lab.run(3000);
    let after = lab.mixer.stats();
    assert_eq!((after.ticks, after.encoded, after.decoded), (before.ticks, before.encoded, before.decoded));
    lab.speakers.get_mut(&2).unwrap().is_quiet = false;
    lab.run(300);
    assert_eq!(lab.audible(1), [2]);
    let times: Vec<u32> = lab.listeners[&1].packets.iter().map(|mixed| mixed.timestamp).collect();
    assert!(times.windows(2).all(|pair| pair[1] > pair[0]), "the clock goes on");
}

#[test]
fn many_loud_voices_are_limited_and_do_not_wrap() {
    let mut lab = Lab::floor(MixSettings { speakers: 16, ..plain() }, 14);
    let groups = vec![(FLOOR, Gain { left: 4.0, right: 4.0 })];
    lab.listener(99, Ear { groups, except: vec![], coding: Coding::default() });
    lab.run(1000);
    let worst = lab.listeners[&99].heard.iter().fold(0.0_f32, |worst, sample| worst.max(sample.abs()));
    assert!((0.5..1.1).contains(&worst), "{worst}");
    assert_eq!(lab.audible(99).len(), 14);
}
