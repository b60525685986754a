//! Who is in whose ear, by the audience matrix of now and of a moment ago.
//!
//! A mixer plays what it took in up to [`WIDEN_AFTER`] before. Of a source that is moved to another group it forgets that. A listener who
//! stands otherwise loses at once what a change takes from him, and is given what it gives when all that was said before has been
//! played: so nobody hears the end of what was not for him.

use crate::api::PeerId;
use crate::audience::{Hears, Stance, hears};
use crate::mix::audio::{Ear, Gain, GroupId};
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// How long what was said may be under way in a mixer: the longest that a jitter buffer holds.
pub(crate) const WIDEN_AFTER: Duration = Duration::from_millis(120);

/// Stances that one has left of late, of which each counts; the oldest of more counts no longer. Nobody is moved 16 times in
/// 120 ms but by a program.
const MAX_LATELY: usize = 16;

/// Gains that differ less are the same in both ears.
const SAME: f32 = 0.001;

/// Nobody: who a group's voice is where only its stance counts.
const ANYBODY: PeerId = PeerId(u64::MAX);

/// Where people stood a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Lately(FxHashMap<PeerId, Vec<(Stance, Instant)>>);

impl Lately {
    /// Somebody stood so until now.
    pub(crate) fn note(&mut self, now: Instant, who: PeerId, stood: Stance) {
        let left = self.0.entry(who).or_default();
        left.retain(|(stance, _)| *stance != stood);
        if left.len() >= MAX_LATELY {
            left.remove(0);
        }
        left.push((stood, now));
    }

    /// Forgets what is over. Gives when there will be something to forget again.
    pub(crate) fn settle(&mut self, now: Instant) -> Option<Instant> {
        self.0.retain(|_, left| {
            left.retain(|(_, at)| now.saturating_duration_since(*at) < WIDEN_AFTER);
            !left.is_empty()
        });
        self.0.values().flatten().map(|(_, at)| *at + WIDEN_AFTER).min()
    }

    /// Where somebody who stands so now stood of late, now first.
    pub(crate) fn stances(&self, who: PeerId, now: Stance) -> Vec<Stance> {
        let left = self.0.get(&who).map(Vec::as_slice).unwrap_or_default();
        let others = left.iter().map(|(stance, _)| *stance).filter(|stance| *stance != now);
        std::iter::once(now).chain(others).collect()
    }
}

/// Sources of a room by where their people stand: one group for all who stand alike.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Vec<(Stance, GroupId)>,
    made: u32,
}

impl Groups {
    /// The group of those who stand so.
    pub(crate) fn of(&mut self, stance: Stance) -> GroupId {
        if let Some((_, id)) = self.groups.iter().find(|(known, _)| *known == stance) {
            return *id;
        }
        let id = self.fresh();
        self.groups.push((stance, id));
        id
    }

    /// A group of nobody's, that was never used: of what is played.
    pub(crate) fn fresh(&mut self) -> GroupId {
        self.made = self.made.wrapping_add(1);
        GroupId(self.made)
    }

    /// Forgets those of whom nobody is left.
    pub(crate) fn retain(&mut self, used: &[GroupId]) {
        self.groups.retain(|(_, id)| used.contains(id));
    }

    /// What somebody hears of each who stood so of late, now first.
    pub(crate) fn heard_by(&self, listener: PeerId, stood: &[Stance]) -> Vec<(GroupId, Gain)> {
        let heard = |voice: &Stance| {
            let mut tones = stood.iter().map(|ear| hears((listener, ear), (ANYBODY, voice)));
            // The first is how it is now.
            match tones.next()? {
                Hears::Gain(tone) if tones.all(Hears::is_on) => {
                    Some(Gain::of(f32::from(tone.gain_db), f32::from(tone.pan_pct)))
                }
                Hears::Gain(_) | Hears::Off => None,
            }
        };
        self.groups.iter().filter_map(|(voice, id)| Some((*id, heard(voice)?))).collect()
    }
}

/// Whether anything in it comes from a side.
pub(crate) fn has_sides(ear: &Ear) -> bool {
    let excepted = ear.except.iter().filter_map(|(_, gain)| *gain);
    ear.groups.iter().map(|(_, gain)| *gain).chain(excepted).any(|gain| (gain.left - gain.right).abs() > SAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::{Audience, Line, Post, Verb};
    use crate::mix::audio::Coding;

    const PIERRE: PeerId = PeerId(1);
    const ANNE: PeerId = PeerId(2);
    const MANUEL: PeerId = PeerId(3);

    fn heard(groups: &Groups, who: PeerId, stood: &[Stance], group: GroupId) -> Option<Gain> {
        groups.heard_by(who, stood).into_iter().find(|(id, _)| *id == group).map(|(_, gain)| gain)
    }

    #[test]
    fn a_whisper_is_in_one_ear_alone_and_comes_from_its_side() {
        let (mut groups, on_floor) = (Groups::default(), Stance::default());
        let floor = groups.of(on_floor);
        let coach = Post::Monitor { announced: false, wall: false, line: Line::Coaching(ANNE) };
        let whisper = groups.of(Stance::at(coach));
        assert_eq!(heard(&groups, PIERRE, &[on_floor], whisper), None);
        let plain = heard(&groups, PIERRE, &[on_floor], floor).unwrap();
        assert!((plain.left - 1.0).abs() < SAME && (plain.right - 1.0).abs() < SAME, "{plain:?}");
        let gain = heard(&groups, ANNE, &[on_floor], whisper).unwrap();
        assert!(gain.left > 0.9 && gain.right < 0.2, "{gain:?}");
        let ear = |gain| Ear { groups: vec![(whisper, gain)], except: Vec::new(), coding: Coding::default() };
        assert!(has_sides(&ear(gain)) && !has_sides(&ear(plain)));
        groups.retain(&[floor]);
        assert_eq!(heard(&groups, ANNE, &[on_floor], whisper), None);
        assert_ne!(groups.of(Stance::at(coach)), whisper, "no number is used twice");
    }

    #[test]
    fn who_is_taken_off_hold_does_not_hear_what_was_said_before() {
        let (start, mut lately, mut groups) = (Instant::now(), Lately::default(), Groups::default());
        let (held, back) = (Stance { held: true, ..Stance::default() }, Stance::default());
        let floor = groups.of(back);
        lately.note(start, PIERRE, held);
        assert_eq!(heard(&groups, PIERRE, &lately.stances(PIERRE, back), floor), None);
        assert!(heard(&groups, ANNE, &lately.stances(ANNE, back), floor).is_some());
        assert_eq!(lately.settle(start + Duration::from_millis(50)), Some(start + WIDEN_AFTER));
        assert_eq!(lately.settle(start + WIDEN_AFTER), None);
        assert!(heard(&groups, PIERRE, &lately.stances(PIERRE, back), floor).is_some());
    }

    proptest::proptest! {
        /// Whatever happened: who hears somebody in the mix may hear him now, and might have all the while.
        #[test]
        fn no_ear_has_more_than_the_matrix_gives(
            verbs in proptest::collection::vec((0..9_u8, 0..3_usize, 0..3_usize, 0..200_u64), 1..30),
        ) {
            let (mut audience, mut lately, mut now) = (Audience::default(), Lately::default(), Instant::now());
            let people = [PIERRE, ANNE, MANUEL];
            people.iter().for_each(|peer| audience.enter(*peer, Stance::default()));
            for (verb, one, other, ms) in verbs {
                now += Duration::from_millis(ms);
                let (who, with) = (people[one], people[other]);
                let verb = match verb {
                    0 => Verb::Hold { who, held: true },
                    1 => Verb::Hold { who, held: false },
                    2 => Verb::TurnAside { who, with },
                    3 => Verb::TurnBackstage { who },
                    4 => Verb::TurnBack { who },
                    5 => Verb::Monitor { who, announced: false, wall: false },
                    6 => Verb::Coach { who, agent: with },
                    7 => Verb::Backstage { who },
                    _ => Verb::Barge { who },
                };
                let before = audience.clone();
                let _ = audience.apply(verb);
                for (peer, stance) in before.iter().filter(|(peer, stance)| audience.stance(*peer) != Some(*stance)) {
                    lately.note(now, peer, *stance);
                }
                lately.settle(now);
                let stands = |peer| *audience.stance(peer).unwrap();
                for (speaker, listener) in people.iter().flat_map(|one| people.map(|other| (*one, other))) {
                    let mut groups = Groups::default();
                    let group = groups.of(stands(speaker));
                    let stood = lately.stances(listener, stands(listener));
                    let hears = listener != speaker && heard(&groups, listener, &stood, group).is_some();
                    let might = stood.iter().all(|ear| {
                        crate::audience::hears((listener, ear), (speaker, &stands(speaker))).is_on()
                    });
                    proptest::prop_assert_eq!(hears, might, "{} hears {}", listener, speaker);
                }
            }
        }
    }
}
