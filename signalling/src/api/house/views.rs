//! The room as one sees it.

use super::{House, Link, Participant};
use crate::wire::{Joined, ParticipantView, TrackView};
use colloquy_media_core::api::{PeerId, RoomId};

impl House {
    /// Everyone present whom `viewer` may know of, in the order they came, with what can be subscribed to; to those outside, who is
    /// on the floor.
    pub(super) fn roster(&self, room: RoomId, viewer: Option<PeerId>) -> Vec<ParticipantView> {
        let members = self.rooms.get(&room).map(|room| room.members.as_slice()).unwrap_or_default();
        members
            .iter()
            .filter_map(|peer| self.participants.get(peer))
            .filter(|p| p.present && !p.is_stream())
            .filter(|p| match viewer {
                Some(viewer) => self.knows(room, viewer, p.id),
                None => self.is_on_floor(room, p.id),
            })
            .map(|p| p.view(viewer))
            .collect()
    }

    /// Whether somebody takes part in a conversation of a room, so that those outside may know of him.
    pub(crate) fn is_on_floor(&self, room: RoomId, peer: PeerId) -> bool {
        let stance = self.rooms.get(&room).and_then(|room| room.audience.stance(peer));
        stance.is_some_and(|stance| stance.is_on_floor())
    }

    /// What one who comes in, or comes back, is told.
    pub(super) fn joined(&self, peer: PeerId) -> Option<Joined> {
        let participant = self.participants.get(&peer)?;
        let room = self.rooms.get(&participant.room)?;
        let resume_token = match &participant.link {
            Link::Socket { resume, .. } | Link::Lost { resume, .. } => format!("{peer}.{}", resume.as_str()),
            Link::Http { .. } | Link::Rtp { .. } | Link::Stream { .. } => String::new(),
        };
        Some(Joined {
            room: room.name.to_string(),
            participant: peer.to_string(),
            resume_token,
            moderator: participant.role.moderates(),
            permissions: participant.permissions.into(),
            streamed: self.is_streamed(participant.room),
            participants: self.roster(participant.room, Some(peer)),
        })
    }
}

impl Participant {
    /// How `viewer` sees him; he himself also sees those of his tracks that are not announced yet.
    pub(super) fn view(&self, viewer: Option<PeerId>) -> ParticipantView {
        let own = viewer == Some(self.id);
        ParticipantView {
            id: self.id.to_string(),
            name: self.name.as_str().to_owned(),
            state: self.state(),
            moderator: self.role.moderates(),
            quality: self.quality,
            identity: super::identity::shown(self.identity.as_ref()).cloned(),
            tracks: self.tracks.values().filter(|t| own || t.announced).map(|t| TrackView::from(&t.info)).collect(),
        }
    }
}
