//! Nothing is heard by those who may not hear it.

use super::lab::{ASIDE, CLEAR, FLOOR, Lab, ear, goertzel, pitch, plain};
use crate::mix::audio::*;
use colloquy_codecs::opus::{self, Decoder};
use colloquy_codecs::pcm::peak;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Packets by a decoder that has heard nothing before them.
fn decode(packets: &[Mixed]) -> Vec<f32> {
    let mut decoder = Decoder::new(opus::Channels::Mono).unwrap();
    let (mut heard, mut samples) = (Vec::new(), [0.0; 5760]);
    for mixed in packets {
        let len = decoder.decode(&mixed.payload, &mut samples).unwrap();
        heard.extend_from_slice(&samples[..len]);
    }
    heard
}

/// The level of a pitch in all of it, in dB below full scale.
fn level(samples: &[f32], hz: f32) -> f32 {
    20.0 * goertzel(samples, hz).max(1e-9).log10()
}

/// The loudest level of a pitch in any 20 ms of packets, in dB below full scale.
fn loudest(packets: &[Mixed], hz: f32) -> f32 {
    // The window would hide what is at the very beginning.
    let heard = [vec![0.0; 480], decode(packets)].concat();
    let starts = (0..heard.len().saturating_sub(959)).step_by(240);
    starts.map(|from| level(&heard[from..from + 960], hz)).fold(f32::MIN, f32::max)
}

#[test]
fn who_turns_aside_is_out_at_once_and_not_a_sample_of_the_talk_comes_back() {
    let mut lab = Lab::floor(plain(), 2);
    lab.listener(3, ear(3, &[ASIDE]));
    lab.run(1000);
    for _ in 0..20 {
        let from = lab.listeners[&2].packets.len();
        lab.mixer.regroup(SourceId(1), ASIDE);
        lab.run(333);
        // There is nobody else whom he could hear: every sample is silence, from the first on.
        let loudest = peak(&decode(&lab.listeners[&2].packets[from..]));
        assert!(loudest < 1e-4, "{loudest}");
        assert_eq!(lab.audible(3), [1]);
        lab.mixer.regroup(SourceId(1), FLOOR);
        lab.run(233);
        assert_eq!(lab.audible(2), [1]);
    }
    assert_eq!(lab.mixer.stats().codec_errors, 0);
}

#[test]
fn nor_of_the_first_half_of_a_packet_that_was_begun_before() {
    let mut lab = Lab::floor(plain(), 2);
    lab.mixer.hear(ListenerId(2), Ear { coding: Coding { long: true, ..CLEAR }, ..ear(2, &[FLOOR]) });
    lab.run(1000);
    // In every ms of a packet's forty.
    for _ in 0..40 {
        let from = lab.listeners[&2].packets.len();
        lab.mixer.regroup(SourceId(1), ASIDE);
        lab.run(333);
        let loudest = peak(&decode(&lab.listeners[&2].packets[from..]));
        assert!(loudest < 1e-4, "{loudest}");
        lab.mixer.regroup(SourceId(1), FLOOR);
        lab.run(228);
        assert_eq!(lab.audible(2), [1]);
    }
}

#[test]
fn what_waited_while_he_was_aside_is_never_heard_on_the_floor() {
    let mut lab = Lab::floor(plain(), 2);
    let speaker = lab.speakers.get_mut(&1).unwrap();
    (speaker.hz, speaker.red) = (pitch(11), true);
    lab.speakers.get_mut(&1).unwrap().path = Box::new(|_| Some(0));
    lab.mixer.regroup(SourceId(1), ASIDE);
    lab.listener(3, ear(3, &[ASIDE]));
    lab.run(1013);
    assert!(loudest(&lab.listeners[&3].packets, pitch(11)) > -25.0);
    // All that he said is at the mixer; some of it has not been heard by anyone, and stands once more in his next packet.
    lab.speakers.get_mut(&1).unwrap().change_pitch(pitch(1));
    let from = lab.listeners[&2].packets.len();
    lab.mixer.regroup(SourceId(1), FLOOR);
    lab.run(400);
    let heard = &lab.listeners[&2].packets[from..];
    assert!(loudest(heard, pitch(1)) > -25.0);
    assert!(loudest(heard, pitch(11)) < -50.0, "{}", loudest(heard, pitch(11)));
}

#[test]
fn a_changed_ear_hears_no_more_of_it() {
    let mut lab = Lab::floor(plain(), 3);
    lab.run(1000);
    for _ in 0..10 {
        lab.mixer
            .hear(ListenerId(2), Ear { except: vec![(SourceId(1), None), (SourceId(2), None)], ..ear(2, &[FLOOR]) });
        let from = lab.listeners[&2].packets.len();
        lab.run(217);
        assert!(level(&decode(&lab.listeners[&2].packets[from..]), pitch(1)) < -60.0);
        assert_eq!((lab.audible(2), lab.audible(3)), (vec![3], vec![1, 2]));
        lab.mixer.hear(ListenerId(2), ear(2, &[FLOOR]));
        lab.run(307);
        assert_eq!(lab.audible(2), [1, 3]);
    }
    lab.mixer.remove_source(SourceId(3));
    let from = lab.listeners[&2].packets.len();
    lab.run(200);
    assert!(level(&decode(&lab.listeners[&2].packets[from..]), pitch(3)) < -60.0);
}

#[test]
fn an_ear_with_too_many_rules_hears_nothing() {
    let mut lab = Lab::floor(plain(), 2);
    let except = (0..=MAX_EAR_EXCEPTIONS as u64).map(|id| (SourceId(id + 10), None)).collect();
    lab.listener(9, Ear { except, ..ear(9, &[FLOOR]) });
    lab.run(500);
    assert_eq!((lab.audible(9), lab.mixer.stats().ears_refused), (vec![], 1));
}

/// What may be asked of a mixer.
#[derive(Debug, Clone)]
enum Step {
    Hear { listener: u64, groups: Vec<(u32, f32)>, except: Vec<(u64, Option<f32>)> },
    Forget(u64),
    Group { source: u64, group: u32 },
    Remove(u64),
    Quiet(u64, bool),
    Run(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let gain = prop_oneof![Just(1.0_f32), Just(0.0), Just(f32::NAN), -1.0_f32..1.5];
    let groups = prop::collection::vec((0_u32..3, gain.clone()), 0..3);
    let except = prop::collection::vec((1_u64..6, prop::option::of(gain)), 0..3);
    prop_oneof![
        3 => (1_u64..6, groups, except).prop_map(|(listener, groups, except)| Step::Hear { listener, groups, except }),
        1 => (1_u64..6).prop_map(Step::Forget),
        3 => (1_u64..6, 0_u32..3).prop_map(|(source, group)| Step::Group { source, group }),
        1 => (1_u64..6).prop_map(Step::Remove),
        1 => (1_u64..6, any::<bool>()).prop_map(|(source, quiet)| Step::Quiet(source, quiet)),
        4 => (1_u64..120).prop_map(Step::Run),
    ]
}

/// Whom an ear may hear.
fn allowed(ear: &Ear, groups: &BTreeMap<u64, u32>) -> BTreeSet<u64> {
    let may = |(source, group): (&u64, &u32)| {
        let named = ear.except.iter().rev().find(|(id, _)| id.0 == *source);
        let gain = match named {
            Some((_, gain)) => *gain,
            None => ear.groups.iter().rev().find(|(id, _)| id.0 == *group).map(|(_, gain)| *gain),
        };
        gain.is_some_and(|gain| gain.left > 0.0 || gain.right > 0.0).then_some(*source)
    };
    groups.iter().filter_map(may).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn no_ear_ever_gets_a_source_outside_its_rules(steps in prop::collection::vec(step(), 1..40)) {
        let mut lab = Lab::clear_floor(5);
        let mut groups: BTreeMap<u64, u32> = (1..=5).map(|id| (id, 0)).collect();
        let mut ears: BTreeMap<u64, Ear> = (1..=5).map(|id| (id, ear(id, &[FLOOR]))).collect();
        lab.run(200);
        for step in steps {
            match step {
                Step::Hear { listener, groups, except } => {
                    let gain = |gain| Gain { left: gain, right: gain };
                    let ear = Ear {
                        groups: groups.into_iter().map(|(group, g)| (GroupId(group), gain(g))).collect(),
                        except: except.into_iter().map(|(source, g)| (SourceId(source), g.map(gain))).collect(),
                        coding: CLEAR,
                    };
                    lab.mixer.hear(ListenerId(listener), ear.clone());
                    ears.insert(listener, ear);
                }
                Step::Forget(listener) => {
                    lab.mixer.forget(ListenerId(listener));
                    lab.listeners.get_mut(&listener).unwrap().output = None;
                    ears.insert(listener, Ear::deaf(Coding::default()));
                }
                Step::Group { source, group } => {
                    lab.mixer.add_source(SourceId(source), GroupId(group), lab.now()).unwrap();
                    groups.insert(source, group);
                }
                Step::Remove(source) => {
                    lab.mixer.remove_source(SourceId(source));
                    groups.remove(&source);
                }
                Step::Quiet(source, quiet) => lab.speakers.get_mut(&source).unwrap().is_quiet = quiet,
                Step::Run(ms) => {
                    let from: BTreeMap<u64, usize> = lab.listeners.iter().map(|(id, l)| (*id, l.packets.len())).collect();
                    lab.run(ms);
                    for (id, listener) in &lab.listeners {
                        let may = allowed(&ears[id], &groups);
                        let packets = &listener.packets[from[id]..];
                        for mixed in packets {
                            let told: BTreeSet<u64> = mixed.contributors.iter().map(|source| source.0).collect();
                            prop_assert!(told.is_subset(&may), "{id} got {told:?} and may {may:?}");
                        }
                        for source in (1..=5).filter(|source| !may.contains(source)) {
                            // Tones that begin or end at once sound a little like all pitches.
                            let level = level(&decode(packets), pitch(source));
                            prop_assert!(packets.len() < 5 || level < -30.0, "{id} hears {source} at {level} dB, may {may:?}");
                        }
                    }
                }
            }
        }
    }
}
