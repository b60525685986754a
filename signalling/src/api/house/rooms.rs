//! Rooms from outside: the HTTP API.

use super::House;
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use crate::wire::ParticipantView;
use colloquy_media_core::api::PeerId;
use serde::Serialize;
use utoipa::ToSchema;

/// A room, from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomView {
    /// Its name.
    pub name: String,
    /// Participants in it now.
    pub participants: usize,
    /// How many it takes.
    pub max_participants: usize,
    /// Whether it stays when the last one leaves, because it was created by this API.
    pub permanent: bool,
    /// Whether it leaves as a stream, so that others than its participants may hear and see it; missing where it does not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub streamed: bool,
}

impl House {
    /// Creates a room that stays until it is deleted.
    pub(crate) fn create_room(
        &mut self,
        name: &RoomName,
        max_participants: Option<usize>,
    ) -> Result<RoomView, Refusal> {
        if self.is_draining() {
            return Err(Refusal::new(ErrorCode::ServerDraining, "This server is about to stop and opens no rooms."));
        }
        if self.by_name.contains_key(name) {
            return Err(Refusal::new(ErrorCode::RoomExists, format!("There is a room {name} already.")));
        }
        if max_participants == Some(0) {
            return Err(Refusal::malformed("max_participants is 0: nobody could ever join."));
        }
        self.open_room(name, max_participants, true)?;
        self.room_view(name)
    }

    /// Every room, by name.
    pub(crate) fn room_views(&self) -> Vec<RoomView> {
        let mut names: Vec<&RoomName> = self.by_name.keys().collect();
        names.sort_unstable();
        names.into_iter().filter_map(|name| self.room_view(name).ok()).collect()
    }

    pub(crate) fn room_view(&self, name: &RoomName) -> Result<RoomView, Refusal> {
        let id = self.room_id(name)?;
        let room = self.rooms.get(&id).ok_or_else(|| Refusal::new(ErrorCode::RoomUnknown, "The room is gone."))?;
        Ok(RoomView {
            name: room.name.to_string(),
            participants: room
                .members
                .iter()
                .filter(|peer| self.is_on_floor(id, **peer) && !self.is_stream(**peer))
                .count(),
            max_participants: room.max_participants,
            permanent: room.permanent,
            streamed: self.is_streamed(id),
        })
    }

    pub(crate) fn participant_views(&self, name: &RoomName) -> Result<Vec<ParticipantView>, Refusal> {
        self.room_id(name).map(|id| self.roster(id, None))
    }

    pub(crate) fn participant_view(&self, name: &RoomName, peer: PeerId) -> Result<ParticipantView, Refusal> {
        let id = self.room_id(name)?;
        let participant = self.participant(id, peer)?;
        if !self.is_on_floor(id, peer) || self.is_stream(peer) {
            return Err(Refusal::new(
                ErrorCode::ParticipantUnknown,
                format!("There is no participant {peer} in this room."),
            ));
        }
        Ok(participant.view(None))
    }
}
