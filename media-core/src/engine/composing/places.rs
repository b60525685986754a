//! Places that are pointed at a canvas.

use super::super::Engine;
use super::room::ComposedRoom;
use crate::api::{Arrangement, CanvasLayout, LayoutId, MediaKind, PeerId, RoomId, SubscribeError, TrackId};
use crate::keys::{ConsumerKey, ProducerKey, RoomKey};
use std::time::Instant;

/// Longest name that is kept, in bytes; the rest is left out. No tile has room for so much.
const MAX_NAME: usize = 256;
/// Layouts of a room that are kept; whoever arranges them has a lower limit. One more is not taken.
const MAX_LAYOUTS: usize = 16;

impl Engine {
    /// Something of a room changed that decides what is on its canvases, if it has any.
    pub(in crate::engine) fn compose_changed(&mut self, room: RoomKey) {
        let is_composed = self.rooms.get(room).is_some_and(|room| room.compose.is_some());
        if is_composed && !self.composing.changed.contains(&room) {
            self.composing.changed.push(room);
        }
    }

    /// A participant is called so from now on.
    pub(in crate::engine) fn set_name(&mut self, peer: PeerId, mut name: String) {
        let Some(peer) = self.peer_ids.get(&peer).and_then(|key| self.peers.get_mut(*key)) else { return };
        name.truncate(name.floor_char_boundary(MAX_NAME));
        let room = peer.room;
        peer.name = name.into();
        self.compose_changed(room);
    }

    /// Somebody comes first on a participant's canvases from now on.
    pub(in crate::engine) fn pin(&mut self, peer: PeerId, first: Option<PeerId>) {
        let Some(peer) = self.peer_ids.get(&peer).and_then(|key| self.peers.get_mut(*key)) else { return };
        if std::mem::replace(&mut peer.pin, first) != first {
            let room = peer.room;
            self.compose_changed(room);
        }
    }

    /// A layout of a room is arranged so from now on, or is no more.
    pub(in crate::engine) fn arrange(&mut self, room: RoomId, id: LayoutId, arrangement: Option<Arrangement>) {
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        let Some(known) = self.rooms.get_mut(key) else { return };
        let before = match arrangement {
            Some(ref new) if known.layouts.get(&id) == Some(new) => return,
            Some(_) if known.layouts.len() >= MAX_LAYOUTS && !known.layouts.contains_key(&id) => {
                return tracing::warn!(%room, "a room has as many layouts as are kept: one more is not taken");
            }
            Some(new) => known.layouts.insert(id, new),
            None => known.layouts.remove(&id),
        };
        tracing::debug!(%room, ?id, is_new = before.is_none(), "a layout was arranged");
        self.compose_changed(key);
    }

    /// Whether a place may be pointed at a canvas: there is somebody who draws, and room for what would be drawn.
    pub(in crate::engine) fn may_compose(&self, room: RoomKey) -> bool {
        let limits = &self.config.limits.mix.canvas;
        let is_composed = self.rooms.get(room).is_some_and(|room| room.compose.is_some());
        limits.enabled && (is_composed || self.composing.canvases < limits.canvases)
    }

    /// Has a place get all that its receiver sees, on one canvas.
    pub(in crate::engine) fn point_at_canvas(
        &mut self,
        now: Instant,
        place: ConsumerKey,
        layout: CanvasLayout,
    ) -> Result<(), SubscribeError> {
        let consumer = self.consumers.get(place).ok_or(SubscribeError::NoSuchMid)?;
        if consumer.kind != MediaKind::Video {
            return Err(SubscribeError::WrongKind);
        }
        let owner = self.peers.get(consumer.owner).filter(|owner| owner.permissions.subscribe);
        let room = owner.ok_or(SubscribeError::Refused)?.room;
        if !self.may_compose(room) {
            return Err(SubscribeError::NoMixer);
        }
        if consumer.canvas == Some(layout) {
            return Ok(());
        }
        self.aim_place(now, place, None);
        if let Some(consumer) = self.consumers.get_mut(place) {
            (consumer.canvas, consumer.told) = (Some(layout), None);
        }
        let Some(known) = self.rooms.get_mut(room) else { return Ok(()) };
        let composed = known.compose.get_or_insert_with(|| Box::new(ComposedRoom::new(now)));
        if !composed.places.contains(&place) {
            composed.places.push(place);
        }
        self.compose_changed(room);
        Ok(())
    }

    /// A place is pointed at something else.
    pub(in crate::engine) fn leave_canvas(&mut self, place: ConsumerKey) {
        let Some(consumer) = self.consumers.get_mut(place) else { return };
        if consumer.canvas.take().is_some()
            && let Some(room) = self.peers.get(consumer.owner).map(|owner| owner.room)
        {
            self.compose_changed(room);
        }
    }

    /// Gives a place what was decided for it. What waits of what it had was for it no longer than now.
    pub(super) fn aim_place(&mut self, now: Instant, place: ConsumerKey, wish: Option<(ProducerKey, TrackId)>) {
        if self.consumers.get(place).is_none_or(|consumer| consumer.wish == wish) {
            return;
        }
        for wish in [None, wish] {
            self.consumers.get_mut(place).into_iter().for_each(|consumer| consumer.wish = wish);
            self.route(now, place);
        }
    }
}
