//! To join, to resume, to leave.

use super::house::Admission;
use super::media::permit;
use super::{Signalling, now};
use crate::audit::Actor;
use crate::authn::{Caller, Door};
use crate::authz::{Action, allowed};
use crate::error::{ErrorCode, Refusal};
use crate::names::{DisplayName, RoomName};
use crate::session::{Secret, SocketId};
use crate::wire::{Join, Joined, LeaveReason};
use colloquy_media_core::api::{Command, PeerId, RoomId};

/// A place that is kept for somebody while the engine admits him; it is given back unless [`Place::taken`] is said, also when the
/// client goes away and the future that waits is dropped.
pub(super) struct Place<'a> {
    signalling: &'a Signalling,
    pub(super) peer: PeerId,
    pub(super) room: RoomId,
    given_back: bool,
}

impl Place<'_> {
    pub(super) fn taken(mut self) -> PeerId {
        self.given_back = false;
        self.peer
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.given_back {
            self.signalling.with(|house, fx| house.abort_join(self.peer, self.room, fx));
        }
    }
}

impl Signalling {
    /// Joins a room by a socket. `joined` is queued on it by `answer` before any event that comes after it.
    pub(crate) async fn join(
        &self,
        socket: SocketId,
        caller: &Caller,
        wish: &Join,
        answer: impl FnOnce(&Joined),
    ) -> Result<PeerId, Refusal> {
        let began = now();
        let result = self.join_inner(socket, caller, wish, answer).await;
        self.metrics.joined(now().saturating_duration_since(began), result.as_ref().err().map(|refusal| refusal.code));
        result
    }

    async fn join_inner(
        &self,
        socket: SocketId,
        caller: &Caller,
        wish: &Join,
        answer: impl FnOnce(&Joined),
    ) -> Result<PeerId, Refusal> {
        let room = RoomName::parse(&wish.room)?;
        let chosen = DisplayName::parse(&wish.name)?;
        let role = caller.enter(&room, Door::Socket)?;
        if let Some(action) = wish.enter_as.takes()
            && let Err(refusal) = permit(role, action)
        {
            let (actor, stance) = (Actor::new(None, caller.subject.clone(), role), wish.enter_as.stance());
            self.with(|house, fx| house.refuse_entry(&room, actor, stance, refusal.code, fx));
            return Err(refusal);
        }
        let admission = Admission {
            name: caller.name.clone().unwrap_or(chosen),
            subject: caller.subject.clone(),
            role,
            permissions: caller.permissions(Door::Socket),
            stance: wish.enter_as.stance().of_staff(allowed(role, Action::EnterAsHelper)),
            expires_unix_s: caller.expires_unix_s,
            link: super::house::Link::Socket { socket, resume: Secret::random() },
            opens_room: true,
            first_moderates: caller.is_anonymous(),
            snapshots: wish.snapshots,
            room,
        };
        let place = self.admit(admission).await?;
        let joined = self.with(|house, fx| {
            let joined = house.finish_join(place.peer, fx)?;
            answer(&joined);
            house.tell_audience(place.peer, fx);
            Some(joined)
        });
        let joined =
            joined.ok_or_else(|| Refusal::new(ErrorCode::RoomUnknown, "The room was closed at this moment."))?;
        let peer = place.taken();
        tracing::info!(room = %joined.room, participant = %peer, moderator = joined.moderator, "joined");
        Ok(peer)
    }

    /// Keeps a place and has the engine admit him to it.
    pub(super) async fn admit(&self, admission: Admission) -> Result<Place<'_>, Refusal> {
        let (permissions, stance) = (admission.permissions, admission.stance);
        let name = admission.name.as_str().to_owned();
        let (peer, room) = self.with(|house, _| house.begin_join(admission))?;
        let place = Place { signalling: self, peer, room, given_back: true };
        self.engine.ask(|reply| Command::Join { room, peer, permissions, stance, reply }).await??;
        if permissions.publish {
            self.engine.submit(Command::Name { peer, name });
        }
        Ok(place)
    }

    /// Takes up a session on another socket.
    pub(crate) fn resume(
        &self,
        socket: SocketId,
        token: &str,
        answer: impl FnOnce(&Joined),
    ) -> Result<PeerId, Refusal> {
        let resumed = self.with(|house, fx| {
            let resumed = house.resume(token, socket, Secret::random(), fx)?;
            answer(&resumed.joined);
            Ok::<_, Refusal>(resumed)
        });
        self.metrics.resumed(resumed.is_ok());
        let resumed = resumed?;
        tracing::info!(room = %resumed.joined.room, participant = %resumed.peer, "resumed");
        Ok(resumed.peer)
    }

    /// Leaves for good.
    pub(crate) fn leave(&self, peer: PeerId) {
        self.with(|house, fx| house.remove(peer, LeaveReason::Left, fx));
        tracing::info!(participant = %peer, "left");
    }
}
