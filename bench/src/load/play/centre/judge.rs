//! The verdict on every packet: whether whoever got it was to get it, and how soon changes showed in what came.

use super::ledger::{Change, Gets, Person, Room, State};
use crate::load::fleet::Arrival;
use crate::load::result::{AudienceFigures, Latencies};
use colloquy_media_core::api::MediaKind;
use hdrhistogram::Histogram;
use std::collections::HashMap;
use std::time::Duration;

/// What an end takes after which nothing came: 0 is on no scale that grows by tens.
const AT_ONCE: Duration = Duration::from_micros(1);
/// Leaks that are told in words.
const TOLD: usize = 5;
/// Who is to get something has it after this time, or it never came.
const PATIENCE: Duration = Duration::from_secs(1);

/// All that is known of a measurement.
pub(in crate::load::play) struct Evidence {
    pub(super) rooms: Vec<Room>,
    /// How long after the answer to a change packets may come that were under way.
    pub(in crate::load::play) grace: Duration,
    /// The number of the pictures' track, where there are any.
    pub(in crate::load::play) video: Option<u8>,
    /// When looking ended.
    pub(in crate::load::play) end: Duration,
    /// Changes that the server would not make, and those that it did not answer.
    pub(super) refused: u64,
    pub(super) unanswered: u64,
    /// How long answers took.
    pub(super) answers: Histogram<u64>,
}

/// Judges packets.
pub(in crate::load::play) fn judge(evidence: &Evidence, mut arrivals: Vec<Arrival>) -> AudienceFigures {
    let stream = |arrival: &Arrival| (arrival.part, arrival.source, arrival.track);
    arrivals.sort_unstable_by_key(|arrival| (stream(arrival), arrival.at));
    let streams: HashMap<_, &[Arrival]> =
        arrivals.chunk_by(|a, b| stream(a) == stream(b)).map(|of| (stream(&of[0]), of)).collect();
    let mut figures = AudienceFigures {
        refused: evidence.refused,
        unanswered: evidence.unanswered,
        changes: evidence.rooms.iter().map(|room| room.states.len() as u64 - 1).sum(),
        answers: Latencies::of(&evidence.answers),
        grace_ms: evidence.grace.as_secs_f64() * 1e3,
        judged: arrivals.len() as u64,
        ..AudienceFigures::default()
    };
    let mut leaks = Leaks { evidence, figures: &mut figures };
    let people: HashMap<u32, (&Room, &Person)> = evidence
        .rooms
        .iter()
        .flat_map(|room| room.people.iter().map(move |person| (person.part, (room, person))))
        .collect();
    for ((part, ..), of) in &streams {
        // Who is in no room that is played has nothing to be held against.
        if let Some((room, listener)) = people.get(part) {
            of.iter().for_each(|arrival| leaks.look(room, listener, arrival));
        }
    }
    let mut effects = Effects::default();
    for room in &evidence.rooms {
        for (listener, speaker) in room.people.iter().flat_map(|a| room.people.iter().map(move |b| (a, b))) {
            for track in std::iter::once(0).chain(evidence.video.filter(|track| *track > 0)) {
                let of = streams.get(&(listener.part, speaker.source, track)).copied().unwrap_or_default();
                effects.of_pair(evidence, room, (listener, speaker), (kind(evidence, track), of));
            }
        }
    }
    effects.told(&mut figures);
    figures
}

fn kind(evidence: &Evidence, track: u8) -> MediaKind {
    if evidence.video == Some(track) { MediaKind::Video } else { MediaKind::Audio }
}

/// Whether a packet was one that its receiver was to get in any state that the room may have been in when it came.
fn is_allowed(evidence: &Evidence, room: &Room, pair: (&Person, &Person), arrival: &Arrival) -> bool {
    let (listener, speaker) = pair;
    let kind = kind(evidence, arrival.track);
    let grace = evidence.grace;
    room.at(arrival.at, grace).any(|state| match state.gets((listener.peer, speaker.peer), kind) {
        Gets::All => true,
        // A picture of a time when he spoke to all.
        Gets::Still => room.at(arrival.sent, grace).any(|state| spoke(state, speaker)),
        Gets::Nothing => false,
    })
}

fn spoke(state: &State, speaker: &Person) -> bool {
    state.audience.stance(speaker.peer).is_some_and(|stance| stance.speaks_on_floor())
}

struct Leaks<'a> {
    evidence: &'a Evidence,
    figures: &'a mut AudienceFigures,
}

impl Leaks<'_> {
    fn look(&mut self, room: &Room, listener: &Person, arrival: &Arrival) {
        let speaker = room.people.iter().find(|person| person.source == arrival.source);
        if speaker.is_some_and(|speaker| is_allowed(self.evidence, room, (listener, speaker), arrival)) {
            return;
        }
        self.figures.leaked_packets += 1;
        if self.figures.leaks.len() >= TOLD {
            return;
        }
        let whose = speaker.map_or_else(|| "somebody of another room".to_owned(), |speaker| speaker.name.clone());
        let what = match kind(self.evidence, arrival.track) {
            MediaKind::Audio => "sound",
            MediaKind::Video => "pictures",
        };
        let last = room.states.iter().rev().find(|state| state.since() <= arrival.at).and_then(|state| state.by);
        let after = last.map_or_else(
            || "before anything changed".to_owned(),
            |Change { act, asked, answered, .. }| {
                let ms = |since: Duration| (arrival.at.as_secs_f64() - since.as_secs_f64()) * 1e3;
                let answered = answered.map_or_else(String::new, |at| format!(", answered {:.1} ms before", ms(at)));
                format!("{:.1} ms after {} was asked for{answered}", ms(asked), act.word())
            },
        );
        self.figures.leaks.push(format!("{} got {what} of {whose} {after}", listener.name));
    }
}

/// How soon changes showed.
struct Effects {
    sound_begins: Histogram<u64>,
    pictures_begin: Histogram<u64>,
    ends: Histogram<u64>,
    sound_never_began: u64,
    pictures_never_began: u64,
}

impl Default for Effects {
    fn default() -> Self {
        let [sound_begins, pictures_begin, ends] = std::array::from_fn(|_| Latencies::recorder());
        Self { sound_begins, pictures_begin, ends, sound_never_began: 0, pictures_never_began: 0 }
    }
}

impl Effects {
    fn of_pair(
        &mut self,
        evidence: &Evidence,
        room: &Room,
        pair: (&Person, &Person),
        (kind, of): (MediaKind, &[Arrival]),
    ) {
        let peers = (pair.0.peer, pair.1.peer);
        let is_on: Vec<bool> = room.states.iter().map(|state| state.gets(peers, kind) == Gets::All).collect();
        let turns =
            is_on.windows(2).enumerate().filter(|(_, two)| two[0] != two[1]).map(|(index, two)| (index + 1, two[1]));
        let turns: Vec<(usize, bool)> = turns.collect();
        for (number, (index, on)) in turns.iter().enumerate() {
            let Some(change) = room.states.get(*index).and_then(|state| state.by) else { continue };
            let next = turns.get(number + 1).and_then(|(index, _)| room.states.get(*index));
            let until = next.map_or(evidence.end, State::since);
            let from = of.partition_point(|arrival| arrival.at < change.asked);
            let to = of.partition_point(|arrival| arrival.at < until).max(from);
            let between = of.get(from..to).unwrap_or_default();
            if *on {
                self.begins(&change, kind, between, until);
            } else {
                let fence = change.answered.map_or(evidence.end, |answered| answered + evidence.grace);
                // A still picture is no sign of what goes on.
                let goes_on = |a: &&Arrival| a.at <= fence || !is_allowed(evidence, room, pair, a);
                let last = between.iter().rev().find(goes_on);
                let took = last.map_or(AT_ONCE, |last| last.at.saturating_sub(change.due));
                record(&mut self.ends, took.max(AT_ONCE));
            }
        }
    }

    fn begins(&mut self, change: &Change, kind: MediaKind, between: &[Arrival], until: Duration) {
        let (to, never_began) = match kind {
            MediaKind::Audio => (&mut self.sound_begins, &mut self.sound_never_began),
            MediaKind::Video => (&mut self.pictures_begin, &mut self.pictures_never_began),
        };
        match between.first() {
            Some(first) => record(to, first.at.saturating_sub(change.due)),
            None if until.saturating_sub(change.asked) >= PATIENCE => *never_began += 1,
            None => {}
        }
    }

    fn told(&self, figures: &mut AudienceFigures) {
        figures.sound_begins = Latencies::of(&self.sound_begins);
        figures.pictures_begin = Latencies::of(&self.pictures_begin);
        figures.ends = Latencies::of(&self.ends);
        figures.sound_never_began = self.sound_never_began;
        figures.pictures_never_began = self.pictures_never_began;
    }
}

pub(super) fn record(to: &mut Histogram<u64>, time: Duration) {
    to.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
}

#[cfg(test)]
mod tests;
