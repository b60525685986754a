//! To mute, to kick, to close a room.

use super::Signalling;
use super::house::MuteOrder;
use super::house::{Actor, Effect};
use super::media::{peer_id, permit, track_id};
use crate::authn::Caller;
use crate::authz::Action;
use crate::engine_port::{ENGINE_TIMEOUT, reply};
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use crate::wire::{RemoveReason, TrackView};
use colloquy_media_core::api::{Command, RoomId};

impl Signalling {
    /// Silences a track, or lets it be heard again. What is allowed depends on whose it is.
    pub(crate) async fn mute(
        &self,
        room: RoomId,
        actor: Actor,
        track: &str,
        muted: bool,
    ) -> Result<TrackView, Refusal> {
        let track = track_id(track)?;
        let (reply, pending) = reply();
        // Decided and handed over under one lock, so that the engine sees mutes in the order they were decided.
        let order = self.with(|house, fx| {
            let order = house.begin_mute(room, actor, track, muted)?;
            fx.push(Effect::Engine(Command::SetMute { peer: order.peer, track, mute: order.mute, reply }));
            Ok::<_, Refusal>(order)
        })?;
        let ordered = Ordered { signalling: self, order: Some(order) };
        let answer = pending.answer(ENGINE_TIMEOUT).await.and_then(|done| done.map_err(Refusal::from));
        ordered.done(answer.map(drop))
    }

    /// The same from outside. `participant` must be the track's owner.
    pub(crate) async fn mute_from_outside(
        &self,
        caller: &Caller,
        room: &RoomName,
        participant: &str,
        track: &str,
        muted: bool,
    ) -> Result<TrackView, Refusal> {
        caller.authorise(Action::MuteOthers, Some(room))?;
        let peer = peer_id(participant)?;
        let id = self.read(|house| {
            let view = house.participant_view(room, peer)?;
            if !view.tracks.iter().any(|t| t.id == track) {
                return Err(Refusal::new(ErrorCode::TrackUnknown, "This participant has no such track."));
            }
            house.room_id(room)
        })?;
        self.mute(id, Actor::Outside, track, muted).await
    }

    /// Removes somebody from the room of the one who asks.
    pub(crate) fn kick(
        &self,
        room: RoomId,
        by: colloquy_media_core::api::PeerId,
        participant: &str,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let peer = peer_id(participant)?;
        self.with(|house, fx| {
            permit(house.participant(room, by)?.role, Action::Kick)?;
            house.participant(room, peer)?;
            if !house.knows(room, by, peer) {
                return Err(Refusal::new(
                    ErrorCode::ParticipantUnknown,
                    format!("There is no participant {peer} in this room."),
                ));
            }
            house.expel(peer, RemoveReason::Kicked, reason.unwrap_or_default(), fx);
            Ok::<_, Refusal>(())
        })?;
        tracing::info!(%room, participant = %peer, %by, "kicked");
        Ok(())
    }

    /// The same from outside.
    pub(crate) fn kick_from_outside(&self, caller: &Caller, room: &RoomName, participant: &str) -> Result<(), Refusal> {
        caller.authorise(Action::Kick, Some(room))?;
        let peer = peer_id(participant)?;
        self.with(|house, fx| {
            let id = house.room_id(room)?;
            house.participant(id, peer)?;
            house.expel(peer, RemoveReason::Kicked, "", fx);
            Ok::<_, Refusal>(())
        })?;
        tracing::info!(%room, participant = %peer, "kicked by the HTTP API");
        Ok(())
    }

    /// Ends a room.
    pub(crate) fn close_room(&self, caller: &Caller, room: &RoomName) -> Result<(), Refusal> {
        caller.authorise(Action::CloseRoom, Some(room))?;
        self.with(|house, fx| {
            let id = house.room_id(room)?;
            house.close_room(id, RemoveReason::RoomClosed, "The room was closed.", fx);
            Ok::<_, Refusal>(())
        })?;
        tracing::info!(%room, "closed");
        Ok(())
    }
}

/// A mute that the engine was told of. If whoever asked goes away before the engine has answered, everyone is told all the
/// same: it takes effect without him.
struct Ordered<'a> {
    signalling: &'a Signalling,
    order: Option<MuteOrder>,
}

impl Ordered<'_> {
    fn done(mut self, answer: Result<(), Refusal>) -> Result<TrackView, Refusal> {
        let gone = || Refusal::new(ErrorCode::TrackUnknown, "The track is gone.");
        let order = self.order.take().ok_or_else(gone)?;
        if let Err(refusal) = answer {
            self.signalling.with(|house, _| house.abort_mute(order));
            return Err(refusal);
        }
        self.signalling.with(|house, fx| house.finish_mute(order, fx)).ok_or_else(gone)
    }
}

impl Drop for Ordered<'_> {
    fn drop(&mut self) {
        if let Some(order) = self.order.take() {
            self.signalling.with(|house, fx| house.finish_mute(order, fx));
        }
    }
}
