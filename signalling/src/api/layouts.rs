//! To arrange the canvases of a room, and to find a layout and a pinned participant by their names.

use super::Signalling;
use super::media::{peer_id, track_id};
use crate::authn::Caller;
use crate::authz::Action;
use crate::error::{ErrorCode, Refusal};
use crate::names::{LayoutTitle, RoomName};
use crate::wire::{LayoutPlaceView, LayoutView, LayoutWish, arranged, layout_named};
use colloquy_media_core::api::{Area, Arrangement, CanvasLayout, LayoutPlace, PeerId, PlaceFor, RoomId, TrackId};

impl Signalling {
    /// Arranges a layout of a room. Tells whether it is new.
    pub(crate) fn arrange_layout(
        &self,
        caller: &Caller,
        room: &RoomName,
        name: &str,
        wish: &LayoutWish,
    ) -> Result<(LayoutView, bool), Refusal> {
        caller.authorise(Action::ArrangeLayouts, Some(room))?;
        let name = LayoutTitle::parse(name)?;
        let places = wish.places.iter().take(Arrangement::PLACES + 1).map(place_of).collect::<Result<Vec<_>, _>>()?;
        let arrangement = Arrangement::new(places).map_err(|why| {
            Refusal::malformed(format!("This makes no layout: {why}.")).remedy(
                "Give x, y, width and height in thousandths of the canvas, within it and at least 50 wide and high.",
            )
        })?;
        let view = view_of(name.as_str(), &arrangement);
        let is_new = self.with(|house, fx| {
            let id = house.room_id(room)?;
            for place in arrangement.places() {
                if let PlaceFor::Peer(peer) = place.shows
                    && (house.participant(id, peer).is_err() || !house.is_on_floor(id, peer))
                {
                    return Err(unknown(peer));
                }
            }
            house.arrange(id, &name, arrangement, fx)
        })?;
        tracing::info!(%room, layout = %name, is_new, "a layout was arranged");
        Ok((view, is_new))
    }

    /// The layouts that were arranged for a room.
    pub(crate) fn layouts(&self, caller: &Caller, room: &RoomName) -> Result<Vec<LayoutView>, Refusal> {
        caller.authorise(Action::ArrangeLayouts, Some(room))?;
        self.read(|house| {
            let layouts = house.layouts(house.room_id(room)?)?;
            Ok(layouts.map(|(name, arrangement)| view_of(name, arrangement)).collect())
        })
    }

    /// One of them.
    pub(crate) fn layout(&self, caller: &Caller, room: &RoomName, name: &str) -> Result<LayoutView, Refusal> {
        let found = self.layouts(caller, room)?.into_iter().find(|layout| layout.name == name);
        found.ok_or_else(|| Refusal::new(ErrorCode::LayoutUnknown, "This room has no such layout."))
    }

    /// Has there be no such layout any more.
    pub(crate) fn drop_layout(&self, caller: &Caller, room: &RoomName, name: &str) -> Result<(), Refusal> {
        caller.authorise(Action::ArrangeLayouts, Some(room))?;
        self.with(|house, fx| house.drop_layout(house.room_id(room)?, name, fx))?;
        tracing::info!(%room, "a layout was dropped");
        Ok(())
    }

    /// A layout by its name in a room: one that every room has, or that was arranged for it.
    pub(super) fn layout_in(&self, room: &RoomName, name: &str) -> Result<CanvasLayout, Refusal> {
        let find = || {
            self.read(|house| {
                let gone = |_| Refusal::new(ErrorCode::LayoutUnknown, "This room has no such layout.");
                house.layout(house.room_id(room).map_err(gone)?, name)
            })
        };
        layout_named(name).map_or_else(find, Ok)
    }

    /// A track by its name in a room: somebody's, one that the server makes in every room, or a layout that was arranged.
    pub(super) fn track_in(&self, room: RoomId, name: &str) -> Result<TrackId, Refusal> {
        match arranged(name) {
            Some(layout) => self.read(|house| house.layout(room, layout)).map(CanvasLayout::track),
            None => track_id(name),
        }
    }

    /// Whom somebody in a room pins: himself, or one whom he may know.
    pub(super) fn pinned(&self, room: RoomId, by: PeerId, pin: &str) -> Result<PeerId, Refusal> {
        let peer = peer_id(pin).map_err(Refusal::of_pin)?;
        let is_known = self.read(|house| house.participant(room, peer).is_ok() && house.knows(room, by, peer));
        if is_known { Ok(peer) } else { Err(Refusal::of_pin(unknown(peer))) }
    }

    /// The same of somebody who comes in to watch.
    pub(super) fn pinned_from_outside(&self, room: &RoomName, pin: &str) -> Result<PeerId, Refusal> {
        let peer = peer_id(pin).map_err(Refusal::of_pin)?;
        self.read(|house| {
            let id = house.room_id(room)?;
            let is_known = house.participant(id, peer).is_ok() && house.is_on_floor(id, peer);
            if is_known { Ok(peer) } else { Err(Refusal::of_pin(unknown(peer))) }
        })
    }
}

impl Refusal {
    fn of_pin(self) -> Self {
        self.remedy("Pin somebody of the list of participants, or leave pin out.")
    }
}

fn place_of(place: &LayoutPlaceView) -> Result<LayoutPlace, Refusal> {
    let LayoutPlaceView { x, y, width, height, shows } = place;
    let shows =
        match shows.as_str() {
            "next" => PlaceFor::Next,
            "speaker" => PlaceFor::Speaker,
            "screen" => PlaceFor::Screen,
            peer => PlaceFor::Peer(peer_id(peer).map_err(|unknown| {
                unknown.remedy("A place shows next, speaker, screen, or a participant by his id.")
            })?),
        };
    Ok(LayoutPlace { area: Area { x: *x, y: *y, width: *width, height: *height }, shows })
}

fn view_of(name: &str, arrangement: &Arrangement) -> LayoutView {
    let place = |LayoutPlace { area, shows }: &LayoutPlace| LayoutPlaceView {
        x: area.x,
        y: area.y,
        width: area.width,
        height: area.height,
        shows: match shows {
            PlaceFor::Next => "next".to_owned(),
            PlaceFor::Speaker => "speaker".to_owned(),
            PlaceFor::Screen => "screen".to_owned(),
            PlaceFor::Peer(peer) => peer.to_string(),
        },
    };
    LayoutView::new(name, arrangement.places().iter().map(place).collect())
}

fn unknown(peer: PeerId) -> Refusal {
    Refusal::new(ErrorCode::ParticipantUnknown, format!("There is no participant {peer} in this room."))
}
