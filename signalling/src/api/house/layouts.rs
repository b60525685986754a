//! Layouts that were arranged for the canvases of a room.

use super::{Effect, Effects, House};
use crate::error::{ErrorCode, Refusal};
use crate::names::LayoutTitle;
use colloquy_media_core::api::{Arrangement, CanvasLayout, Command, LayoutId, PeerId, RoomId, TrackId};

/// Layouts of one room: as many as a person tells apart, and a bound for what the engine keeps.
const PER_ROOM: usize = 8;

/// The layouts of one room.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    /// Numbers that were given: none is given twice, so that who looks at a layout that is no more does not come to see another.
    last: u32,
    /// In the order in which they were first arranged.
    arranged: Vec<(LayoutTitle, LayoutId, Arrangement)>,
}

impl House {
    /// Arranges a layout. Tells whether it is new.
    pub(crate) fn arrange(
        &mut self,
        room: RoomId,
        name: &LayoutTitle,
        arrangement: Arrangement,
        fx: &mut Effects,
    ) -> Result<bool, Refusal> {
        let layouts = &mut self.rooms.get_mut(&room).ok_or_else(gone)?.layouts;
        let known = layouts.arranged.iter().position(|(known, ..)| known == name);
        if known.is_none() && layouts.arranged.len() >= PER_ROOM {
            let message = format!("This room has as many layouts as may be, {PER_ROOM}.");
            return Err(Refusal::new(ErrorCode::LimitExceeded, message).remedy("Delete one of them first."));
        }
        let id = if let Some((_, id, before)) = known.and_then(|at| layouts.arranged.get_mut(at)) {
            arrangement.clone_into(before);
            *id
        } else {
            layouts.last += 1;
            let id = LayoutId(layouts.last);
            layouts.arranged.push((name.clone(), id, arrangement.clone()));
            id
        };
        fx.push(Effect::Engine(Command::Arrange { room, id, arrangement: Some(arrangement) }));
        Ok(known.is_none())
    }

    /// Has there be no such layout any more: who looks at it sees a grid.
    pub(crate) fn drop_layout(&mut self, room: RoomId, name: &str, fx: &mut Effects) -> Result<(), Refusal> {
        let layouts = &mut self.rooms.get_mut(&room).ok_or_else(gone)?.layouts;
        let at = layouts.arranged.iter().position(|(known, ..)| known.as_str() == name).ok_or_else(|| unknown(name))?;
        let (_, id, _) = layouts.arranged.remove(at);
        fx.push(Effect::Engine(Command::Arrange { room, id, arrangement: None }));
        Ok(())
    }

    /// The layouts of a room.
    pub(crate) fn layouts(&self, room: RoomId) -> Result<impl Iterator<Item = (&str, &Arrangement)>, Refusal> {
        let layouts = &self.rooms.get(&room).ok_or_else(gone)?.layouts;
        Ok(layouts.arranged.iter().map(|(name, _, arrangement)| (name.as_str(), arrangement)))
    }

    /// What a place is pointed at to get an arranged layout.
    pub(crate) fn layout(&self, room: RoomId, name: &str) -> Result<CanvasLayout, Refusal> {
        let layouts = &self.rooms.get(&room).ok_or_else(gone)?.layouts;
        let found = layouts.arranged.iter().find(|(known, ..)| known.as_str() == name);
        found.map(|(_, id, _)| CanvasLayout::Custom(*id)).ok_or_else(|| unknown(name))
    }

    /// The name of the arranged layout that a track is.
    pub(crate) fn layout_name(&self, room: RoomId, track: TrackId) -> Option<String> {
        let Some(CanvasLayout::Custom(wanted)) = CanvasLayout::of(track) else { return None };
        let arranged = &self.rooms.get(&room)?.layouts.arranged;
        arranged.iter().find(|(_, id, _)| *id == wanted).map(|(name, ..)| name.to_string())
    }

    /// Tells the engine again of the layouts of a room into which somebody has come: he may live on a worker that had nobody of it.
    pub(super) fn arrange_again(&self, newcomer: PeerId, fx: &mut Effects) {
        let Some(room) = self.participants.get(&newcomer).map(|person| person.room) else { return };
        let arranged = self.rooms.get(&room).into_iter().flat_map(|state| &state.layouts.arranged);
        let again = |(_, id, arrangement): &(LayoutTitle, LayoutId, Arrangement)| {
            let (id, arrangement) = (*id, Some(arrangement.clone()));
            Effect::Engine(Command::Arrange { room, id, arrangement })
        };
        fx.extend(arranged.map(again));
    }
}

fn unknown(name: &str) -> Refusal {
    // What is no name is not repeated: it may be of any length.
    let message = match LayoutTitle::parse(name) {
        Ok(name) => format!("This room has no layout {name}."),
        Err(_) => "This room has no such layout.".to_owned(),
    };
    Refusal::new(ErrorCode::LayoutUnknown, message)
}

fn gone() -> Refusal {
    Refusal::new(ErrorCode::RoomUnknown, "The room is gone.")
}
