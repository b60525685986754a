//! Tracks: whose they are, and who silenced them.

use super::{Effects, House, Link, Track};
use crate::authz::{Action, Role, allowed};
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use crate::session::Weight;
use crate::wire::{ServerEvent, TrackView};
use colloquy_media_core::api::{MediaKind, Mute, PeerId, RoomId, TrackId, TrackInfo};

/// Somebody who acts on a track.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actor {
    /// A participant of the room.
    Member(PeerId),
    /// The HTTP API, for somebody who may moderate.
    Outside,
}

/// A mute that is to be carried out by the engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MuteOrder {
    pub(crate) peer: PeerId,
    pub(crate) track: TrackId,
    pub(crate) mute: Mute,
    before: Mute,
}

impl House {
    /// Decides on a mute, and holds it for true from now on; the engine's answer is awaited before others are told.
    pub(crate) fn begin_mute(
        &mut self,
        room: RoomId,
        actor: Actor,
        track: TrackId,
        muted: bool,
    ) -> Result<MuteOrder, Refusal> {
        let unknown = || Refusal::new(ErrorCode::TrackUnknown, format!("There is no track {track} in this room."));
        let role = match actor {
            Actor::Member(peer) => self.participant(room, peer)?.role,
            Actor::Outside => Role::Admin,
        };
        let owner = self.owner(room, track).ok_or_else(unknown)?;
        if matches!(actor, Actor::Member(peer) if !self.knows(room, peer, owner)) {
            return Err(unknown());
        }
        let own = matches!(actor, Actor::Member(peer) if peer == owner);
        let held = self.participants.get_mut(&owner).and_then(|p| p.tracks.get_mut(&track)).ok_or_else(unknown)?;
        let before = held.info.mute;
        let mut mute = before;
        let moderates = allowed(role, Action::MuteOthers);
        if own {
            if !allowed(role, Action::MuteOwn) {
                return Err(Refusal::new(ErrorCode::AuthForbidden, "You may not mute."));
            }
            mute.by_self = muted;
            // He may lift a moderator's mute of his own track only if he is one.
            if !muted && moderates {
                mute.by_moderator = false;
            }
        } else if moderates {
            mute.by_moderator = muted;
        } else {
            return Err(Refusal::new(ErrorCode::AuthForbidden, "Only a moderator may mute somebody else's track."));
        }
        held.info.mute = mute;
        Ok(MuteOrder { peer: owner, track, mute, before })
    }

    /// The engine has done it: everyone is told how the track stands now.
    pub(crate) fn finish_mute(&mut self, order: MuteOrder, fx: &mut Effects) -> Option<TrackView> {
        let participant = self.participants.get(&order.peer)?;
        let track = participant.tracks.get(&order.track)?;
        let view = TrackView::from(&track.info);
        if track.announced {
            self.announce_of(order.peer, None, &ServerEvent::TrackMuted { track: view.clone() }, Weight::Kept, fx);
        }
        Some(view)
    }

    /// The engine has not done it: the track stands as before, unless somebody else changed it since.
    pub(crate) fn abort_mute(&mut self, order: MuteOrder) {
        if let Some(track) = self.participants.get_mut(&order.peer).and_then(|p| p.tracks.get_mut(&order.track))
            && track.info.mute == order.mute
        {
            track.info.mute = order.before;
        }
    }

    /// The tracks that an answer gave to a participant: his own to mute, but nobody else's business before the engine says that
    /// they can be subscribed to.
    pub(crate) fn negotiated(&mut self, peer: PeerId, published: &[TrackInfo]) {
        if let Some(participant) = self.participants.get_mut(&peer) {
            for info in published {
                participant.tracks.entry(info.id).or_insert_with(|| Track::new(info));
            }
        }
    }

    /// A WHIP or WHEP session has another ICE session now.
    pub(crate) fn renamed_ice(&mut self, peer: PeerId, ufrag: &str) {
        if let Some(Link::Http { ice_ufrag, .. }) = self.participants.get_mut(&peer).map(|p| &mut p.link) {
            ufrag.clone_into(ice_ufrag);
        }
    }

    pub(super) fn published(&mut self, room: RoomId, info: &TrackInfo, fx: &mut Effects) {
        let Some(participant) = self.participants.get_mut(&info.peer).filter(|p| p.room == room) else { return };
        let track = participant.tracks.entry(info.id).or_insert_with(|| Track::new(info));
        // Of one who is not in yet, the others hear with his coming.
        if !std::mem::replace(&mut track.announced, true) && participant.present {
            let event = ServerEvent::TrackPublished { track: TrackView::from(&track.info) };
            self.announce_of(info.peer, None, &event, Weight::Kept, fx);
        }
    }

    pub(super) fn unpublished(&mut self, room: RoomId, peer: PeerId, track: TrackId, fx: &mut Effects) {
        self.forget_shown(room, track);
        let Some(participant) = self.participants.get_mut(&peer).filter(|p| p.room == room) else { return };
        if participant.tracks.remove(&track).is_some_and(|track| track.announced) {
            let event = ServerEvent::TrackUnpublished { track: track.to_string(), participant: peer.to_string() };
            self.announce_of(peer, None, &event, Weight::Kept, fx);
        }
    }

    /// What a WHEP viewer is shown: everything in the room, of one participant, or one track.
    pub(crate) fn watchable(
        &self,
        name: &RoomName,
        of: Option<PeerId>,
        only: Option<TrackId>,
    ) -> Result<Vec<(TrackId, MediaKind)>, Refusal> {
        let id = self.room_id(name)?;
        if let Some(peer) = of {
            self.participant(id, peer)?;
        }
        let members = self.rooms.get(&id).map(|room| room.members.as_slice()).unwrap_or_default();
        let tracks: Vec<(TrackId, MediaKind)> = members
            .iter()
            .filter(|peer| of.is_none_or(|of| of == **peer) && self.is_on_floor(id, **peer))
            .filter_map(|peer| self.participants.get(peer))
            .flat_map(|p| p.tracks.values())
            .filter(|track| track.announced && only.is_none_or(|only| only == track.info.id))
            .map(|track| (track.info.id, track.info.kind))
            .collect();
        match (tracks.is_empty(), only) {
            (false, _) => Ok(tracks),
            (true, Some(track)) => {
                Err(Refusal::new(ErrorCode::TrackUnknown, format!("There is no track {track} here.")))
            }
            (true, None) => Err(Refusal::new(ErrorCode::RoomSilent, "Nobody publishes here at this moment.")),
        }
    }

    fn owner(&self, room: RoomId, track: TrackId) -> Option<PeerId> {
        let members = &self.rooms.get(&room)?.members;
        members.iter().copied().find(|peer| self.participants.get(peer).is_some_and(|p| p.tracks.contains_key(&track)))
    }
}
