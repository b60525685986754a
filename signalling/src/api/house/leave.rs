//! Going: by oneself, by a moderator, by a lost connection, by the end of the room.

use super::audience::Gone;
use super::{Counted, Effect, Effects, House, Link, Participant};
use crate::audit::Actor;
use crate::session::{Secret, SocketId, Weight};
use crate::wire::{LeaveReason, RemoveReason, ServerEvent};
use colloquy_media_core::api::{Command, PeerId, RoomId};
use std::time::Instant;

impl House {
    /// Removes a participant for good: the engine lets go of him, the others are told.
    pub(crate) fn remove(&mut self, peer: PeerId, reason: LeaveReason, fx: &mut Effects) {
        if self.participants.get(&peer).is_some_and(|p| p.present) {
            let event = ServerEvent::ParticipantLeft { participant: peer.to_string(), reason };
            self.announce_of(peer, Some(peer), &event, Weight::Kept, fx);
        }
        let Some(participant) = self.participants.remove(&peer) else { return };
        if let Link::Http { resource, .. } = &participant.link {
            self.resources.remove(resource);
        }
        fx.push(Effect::Engine(Command::Leave { peer }));
        self.stream_lost_its_feed(&participant, fx);
        self.vacate(participant, fx);
    }

    /// Removes a participant against his will, and tells him why.
    pub(crate) fn expel(&mut self, peer: PeerId, why: RemoveReason, message: &str, fx: &mut Effects) {
        self.tell(peer, &ServerEvent::Removed { reason: why, message: message.to_owned() }, fx);
        let seen_as = match why {
            RemoveReason::Kicked | RemoveReason::Expired => LeaveReason::Kicked,
            RemoveReason::RoomClosed => LeaveReason::Left,
            RemoveReason::Failed => LeaveReason::Failed,
        };
        self.remove(peer, seen_as, fx);
    }

    /// Ends a room: everyone in it is told, and the engine closes it.
    pub(crate) fn close_room(&mut self, room: RoomId, why: RemoveReason, message: &str, fx: &mut Effects) {
        let Some(gone) = self.rooms.remove(&room) else { return };
        self.by_name.remove(&gone.name);
        self.drop_streams(room, fx);
        let removed = ServerEvent::Removed { reason: why, message: message.to_owned() };
        for peer in gone.members {
            if self.participants.get(&peer).is_some_and(|p| p.present) {
                self.tell(peer, &removed, fx);
            }
            if let Some(Link::Http { resource, .. }) = self.participants.remove(&peer).map(|p| p.link) {
                self.resources.remove(&resource);
            }
        }
        fx.push(Effect::Engine(Command::CloseRoom { room }));
    }

    /// A socket is gone: its session waits for a while.
    pub(crate) fn detach(&mut self, socket: SocketId, peer: PeerId, now: Instant, fx: &mut Effects) {
        let until = now + self.resume_window;
        let Some(participant) = self.participants.get(&peer) else { return };
        let Link::Socket { socket: his, resume } = &participant.link else { return };
        if *his == socket {
            let resume: Secret = resume.clone();
            self.change(peer, fx, |p| p.link = Link::Lost { until, resume });
        }
    }

    /// What only time brings about: sessions whose clients did not come back, and those whose tokens have ended.
    pub(crate) fn tick(&mut self, now: Instant, expiry_before_unix_s: Option<u64>, fx: &mut Effects) {
        let lost: Vec<PeerId> = self
            .participants
            .values()
            .filter(|p| matches!(p.link, Link::Lost { until, .. } if until <= now))
            .map(|p| p.id)
            .collect();
        self.forget_played(now);
        for peer in lost {
            self.remove(peer, LeaveReason::Lost, fx);
            fx.push(Effect::Count(Counted::Lost));
        }
        let Some(before) = expiry_before_unix_s else { return };
        let expired: Vec<PeerId> = self
            .participants
            .values()
            .filter(|p| p.present && p.expires_unix_s.is_some_and(|at| at < before))
            .map(|p| p.id)
            .collect();
        for peer in expired {
            self.expel(peer, RemoveReason::Expired, "Your access token has expired.", fx);
        }
    }

    /// Takes a participant off his room's list; an empty room ends, unless it was made to stay.
    pub(super) fn vacate(&mut self, gone: Participant, fx: &mut Effects) {
        let (peer, room) = (gone.id, gone.room);
        let Some(state) = self.rooms.get_mut(&room) else { return };
        state.members.retain(|member| *member != peer);
        let actor = gone.present.then(|| Actor::new(Some(peer), gone.subject, gone.role));
        self.leave_audience(room, Gone { peer, actor }, fx);
        let Some(state) = self.rooms.get(&room) else { return };
        // A stream of nobody keeps no room open; where a room stays, it goes on.
        if !state.permanent && self.only_streams_are_in(room) {
            self.close_room(room, RemoveReason::RoomClosed, "", fx);
        }
    }
}
