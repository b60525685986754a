//! Who gets what of whom: verbs of participants, and what each is told of the changes. A change goes to the engine first; a
//! participant is told what concerns him and no more, so that what he is told does not give away what he may not know.

use super::{Effect, Effects, House, Participant};
use crate::audit::{Actor, AuditRecord, told};
use crate::authz::{Action, allowed};
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use crate::session::Weight;
use crate::wire::{LeaveReason, PairView, ServerEvent, StanceView};
use colloquy_media_core::api::{Command, PeerId, RoomId};
use colloquy_media_core::audience::{Audience, Hears, Post, Sees, Stance, Tone, Verb, VerbError};
use std::time::Instant;

/// Every refusal of a participant is written down until there were so many: more are no mistakes of a person.
const REFUSALS_WRITTEN: u32 = 16;

/// Somebody who has left.
pub(super) struct Gone {
    pub(super) peer: PeerId,
    /// None where he was never there: his coming was not written down either.
    pub(super) actor: Option<Actor>,
}

/// What somebody gets of another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Gets {
    knows: bool,
    hears: Hears,
    sees: Sees,
    /// He is told of monitors. Only monitors get to know that.
    insider: bool,
}

impl Gets {
    /// As everybody on a floor gets of everybody.
    const ALL: Self = Self { knows: true, hears: Hears::Gain(Tone::PLAIN), sees: Sees::Live, insider: false };

    fn of(audience: &Audience, one: PeerId, other: PeerId) -> Self {
        let knows = audience.knows(one, other);
        let watches = audience.stance(one).is_some_and(Stance::is_monitor);
        let insider = knows && watches && audience.stance(other).is_some_and(|stance| stance.insider);
        Self { knows, hears: audience.hears(one, other), sees: audience.sees(one, other), insider }
    }
}

impl House {
    /// Somebody in a room changes who gets what of whom. Done or refused, it is written down.
    pub(crate) fn act(
        &mut self,
        room: RoomId,
        by: PeerId,
        verb: Verb,
        now: Instant,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let asked = self.participant(room, by)?;
        let actor = Actor::new(Some(by), asked.subject.clone(), asked.role);
        let before = self.rooms.get(&room).map(|state| state.audience.clone()).unwrap_or_default();
        let result = self.try_act(room, by, verb);
        let Some(state) = self.rooms.get(&room) else { return result };
        match &result {
            Ok(()) => {
                let record = AuditRecord::done(&state.name, actor, told(verb), (&before, &state.audience));
                fx.push(Effect::Audit(record));
                self.audience_changed(room, &before, fx);
                self.tend_music(room, now, fx);
            }
            Err(refusal) => {
                let (of, Some(asked)) = ((&state.name, before.epoch()), self.participants.get_mut(&by)) else {
                    return result;
                };
                asked.refusals = asked.refusals.saturating_add(1);
                if is_written(asked.refusals) {
                    let record = AuditRecord::refused(of, actor, told(verb), refusal.code, Some(asked.refusals));
                    fx.push(Effect::Audit(record));
                }
            }
        }
        result
    }

    fn try_act(&mut self, room: RoomId, by: PeerId, verb: Verb) -> Result<(), Refusal> {
        let role = self.participant(room, by)?.role;
        let action = action(verb, by, |who| self.is_in_wings(room, who));
        if !allowed(role, action) {
            let message = format!("You may not do this: it takes the permission {action:?}.");
            return Err(Refusal::new(ErrorCode::AuthForbidden, message));
        }
        // Whom he does not know he cannot name, and learns nothing of.
        for other in named(verb) {
            if !self.knows(room, by, other) {
                return Err(unknown(other));
            }
        }
        let state = self.rooms.get_mut(&room).ok_or_else(|| unknown(by))?;
        state.audience.apply(verb).map_err(refused)
    }

    /// Somebody was not let in as what he wanted to be.
    pub(crate) fn refuse_entry(
        &self,
        room: &RoomName,
        actor: Actor,
        stance: Stance,
        code: ErrorCode,
        fx: &mut Effects,
    ) {
        let epoch = self.room_id(room).ok().and_then(|id| self.room(id)).map_or(0, |room| room.audience.epoch());
        let change = serde_json::json!({"verb": "enter", "as": post_name(stance.post)});
        fx.push(Effect::Audit(AuditRecord::refused((room, epoch), actor, change, code, None)));
    }

    /// Writes down that somebody came in elsewhere than onto the floor.
    pub(super) fn note_entry(&self, peer: PeerId, fx: &mut Effects) {
        let Some(person) = self.participants.get(&peer) else { return };
        let Some(state) = self.rooms.get(&person.room) else { return };
        let Some(stance) = state.audience.stance(peer).filter(|stance| !stance.is_on_floor()) else { return };
        let mut before = state.audience.clone();
        before.leave(peer);
        let actor = Actor::new(Some(peer), person.subject.clone(), person.role);
        let change = serde_json::json!({"verb": "enter", "as": post_name(stance.post)});
        fx.push(Effect::Audit(AuditRecord::done(&state.name, actor, change, (&before, &state.audience))));
    }

    fn is_in_wings(&self, room: RoomId, peer: PeerId) -> bool {
        let stance = self.rooms.get(&room).and_then(|room| room.audience.stance(peer));
        stance.is_some_and(|stance| stance.post == Post::Wings)
    }

    /// Whether one may know of another. Of a stream everybody knows that there is one, and it is nobody whom verbs could be about.
    pub(crate) fn knows(&self, room: RoomId, one: PeerId, other: PeerId) -> bool {
        !self.is_stream(other) && self.rooms.get(&room).is_some_and(|room| room.audience.knows(one, other))
    }

    /// Somebody is gone: who coached him falls silent, and who was in an aside with him is told.
    pub(super) fn leave_audience(&mut self, room: RoomId, gone: Gone, fx: &mut Effects) {
        let Some(state) = self.rooms.get_mut(&room) else { return };
        let stands_plainly = state.audience.stance(gone.peer).is_none_or(Stance::speaks_on_floor);
        let was_held = state.audience.stance(gone.peer).is_some_and(|stance| stance.held);
        if stands_plainly && !state.audience.is_coached(gone.peer) {
            return state.audience.leave(gone.peer);
        }
        let before = state.audience.clone();
        state.audience.leave(gone.peer);
        if let Some(actor) = gone.actor {
            let change = serde_json::json!({"verb": "leave"});
            fx.push(Effect::Audit(AuditRecord::done(&state.name, actor, change, (&before, &state.audience))));
        }
        self.audience_changed(room, &before, fx);
        if was_held {
            self.end_music_of_nobody(room, fx);
        }
    }

    /// Has the engine obey, and tells everybody what is new for him.
    fn audience_changed(&mut self, room: RoomId, before: &Audience, fx: &mut Effects) {
        let Some(state) = self.rooms.get(&room) else { return };
        let after = &state.audience;
        let moved = after.iter().filter(|(peer, stance)| before.stance(*peer).is_some_and(|was| was != *stance));
        let stances: Vec<_> = moved.map(|(peer, stance)| (peer, *stance)).collect();
        let changed: Vec<PeerId> = stances.iter().map(|(peer, _)| *peer).collect();
        if !stances.is_empty() {
            fx.push(Effect::Engine(Command::Stand { room, epoch: after.epoch(), stances }));
        }
        for viewer in &state.members {
            let others = state.members.iter().filter(|other| *other != viewer);
            let concerned = others.filter(|other| changed.contains(viewer) || changed.contains(other));
            self.tell_changes(*viewer, concerned.copied(), (before, after), fx);
        }
    }

    fn tell_changes(
        &self,
        viewer: PeerId,
        others: impl Iterator<Item = PeerId>,
        (before, after): (&Audience, &Audience),
        fx: &mut Effects,
    ) {
        let mut pairs = Vec::new();
        let others = others.filter_map(|other| self.participants.get(&other));
        for other in others.filter(|other| other.present && !other.is_stream()) {
            let (was, is) = (Gets::of(before, viewer, other.id), Gets::of(after, viewer, other.id));
            let stood = (before.stance(other.id), after.stance(other.id));
            match (was.knows, is.knows) {
                (false, true) => {
                    self.tell(viewer, &ServerEvent::ParticipantJoined { participant: other.view(None) }, fx);
                }
                (true, false) => {
                    let (participant, reason) = (other.id.to_string(), LeaveReason::Left);
                    self.tell(viewer, &ServerEvent::ParticipantLeft { participant, reason }, fx);
                }
                _ => {}
            }
            // Who has just come into sight is taken to be heard and seen whole, like everybody.
            let expected = if was.knows { was } else { Gets::ALL };
            let was_held = was.knows && stood.0.is_some_and(|stance| stance.held);
            let is_held = stood.1.is_some_and(|stance| stance.held);
            if is.knows && (is != expected || is_held != was_held) {
                pairs.extend(self.pair(viewer, other, after));
            }
        }
        let you = StanceView::of(after, viewer).filter(|now| StanceView::of(before, viewer).as_ref() != Some(now));
        if you.is_some() || !pairs.is_empty() {
            self.tell(viewer, &ServerEvent::Audience { you, others: pairs }, fx);
        }
    }

    fn pair(&self, viewer: PeerId, other: &Participant, audience: &Audience) -> Option<PairView> {
        let Gets { hears, sees, insider, .. } = Gets::of(audience, viewer, other.id);
        Some(PairView::new(other.id, audience.stance(other.id)?, (hears, sees, insider)))
    }

    /// Tells one who has just come, or come back, where he stands and what he does not get whole, if there is anything to tell.
    pub(crate) fn tell_audience(&self, peer: PeerId, fx: &mut Effects) {
        let Some(room) = self.participants.get(&peer).and_then(|p| self.rooms.get(&p.room)) else { return };
        let audience = &room.audience;
        let others =
            room.members.iter().filter(|other| **other != peer).filter_map(|other| self.participants.get(other));
        let pairs: Vec<_> = others
            .filter(|other| other.present && !other.is_stream())
            .filter(|other| {
                let gets = Gets::of(audience, peer, other.id);
                gets.knows && gets != Gets::ALL
            })
            .filter_map(|other| self.pair(peer, other, audience))
            .collect();
        let is_plain = audience.stance(peer).is_none_or(|stance| stance.of_staff(false) == Stance::default());
        let you = StanceView::of(audience, peer).filter(|_| !is_plain);
        if you.is_some() || !pairs.is_empty() {
            self.tell(peer, &ServerEvent::Audience { you, others: pairs }, fx);
        }
    }

    /// Tells those who may know of one who has just come what they do not get whole of him: a helper, an announced monitor.
    pub(super) fn tell_of_newcomer(&self, newcomer: PeerId, fx: &mut Effects) {
        let Some(other) = self.participants.get(&newcomer) else { return };
        let Some(room) = self.rooms.get(&other.room) else { return };
        for viewer in room.members.iter().filter(|viewer| **viewer != newcomer) {
            let gets = Gets::of(&room.audience, *viewer, newcomer);
            if gets.knows && gets != Gets::ALL {
                let others = self.pair(*viewer, other, &room.audience).into_iter().collect();
                self.tell(*viewer, &ServerEvent::Audience { you: None, others }, fx);
            }
        }
    }

    /// Tells everyone present who may know of `subject`, but for one.
    pub(super) fn announce_of(
        &self,
        subject: PeerId,
        but: Option<PeerId>,
        event: &ServerEvent,
        weight: Weight,
        fx: &mut Effects,
    ) {
        let Some(room) = self.participants.get(&subject).filter(|p| !p.is_stream()).map(|p| p.room) else { return };
        self.announce(room, event, weight, fx, |audience, peer| Some(peer) != but && audience.knows(peer, subject));
    }
}

/// Whether a refusal is written down, the how-manieth of one participant it is: the first ones, then ever fewer, so that nobody can fill a
/// disk with them.
fn is_written(refusals: u32) -> bool {
    refusals <= REFUSALS_WRITTEN || refusals.is_power_of_two()
}

fn post_name(post: Post) -> &'static str {
    match post {
        Post::Floor => "participant",
        Post::Wings => "helper",
        Post::Monitor { announced: true, .. } => "announced_monitor",
        Post::Monitor { .. } => "monitor",
    }
}

/// What it takes to do this.
fn action(verb: Verb, by: PeerId, is_in_wings: impl Fn(PeerId) -> bool) -> Action {
    let of_himself = |who: PeerId| who == by;
    match verb {
        Verb::Hold { who, .. } if of_himself(who) => Action::HoldOwn,
        Verb::Hold { .. } => Action::HoldOthers,
        Verb::TurnBack { who } if of_himself(who) => Action::HoldOwn,
        Verb::TurnAside { who, .. } if of_himself(who) => Action::SideTalk,
        Verb::TurnBackstage { who } if of_himself(who) => Action::SideTalk,
        // A helper comes onto the floor, or is brought.
        Verb::Barge { who } if is_in_wings(who) => Action::EnterAsHelper,
        Verb::Move { .. } => Action::SubConference,
        Verb::Confide { .. } => Action::Monitor,
        Verb::Monitor { who, .. }
        | Verb::Coach { who, .. }
        | Verb::Backstage { who }
        | Verb::Listen { who }
        | Verb::Barge { who }
        | Verb::TakeOver { who, .. }
            if of_himself(who) =>
        {
            Action::Monitor
        }
        // In somebody else's name.
        Verb::TurnBack { .. }
        | Verb::TurnAside { .. }
        | Verb::TurnBackstage { .. }
        | Verb::Monitor { .. }
        | Verb::Coach { .. }
        | Verb::Backstage { .. }
        | Verb::Listen { .. }
        | Verb::Barge { .. }
        | Verb::TakeOver { .. } => Action::ActForOthers,
    }
}

/// Everybody whom a verb is about.
fn named(verb: Verb) -> impl Iterator<Item = PeerId> {
    let (who, other) = match verb {
        Verb::Hold { who, .. }
        | Verb::TurnBackstage { who }
        | Verb::TurnBack { who }
        | Verb::Monitor { who, .. }
        | Verb::Backstage { who }
        | Verb::Listen { who }
        | Verb::Barge { who }
        | Verb::Move { who, .. }
        | Verb::Confide { who, .. } => (who, None),
        Verb::TurnAside { who, with } => (who, Some(with)),
        Verb::Coach { who, agent } => (who, Some(agent)),
        Verb::TakeOver { who, from } => (who, Some(from)),
    };
    std::iter::once(who).chain(other)
}

fn unknown(peer: PeerId) -> Refusal {
    Refusal::new(ErrorCode::ParticipantUnknown, format!("There is no participant {peer} in this room."))
}

fn refused(error: VerbError) -> Refusal {
    match error {
        VerbError::Unknown(peer) => unknown(peer),
        error => Refusal::new(ErrorCode::AudienceRefused, format!("{error}.")),
    }
}
