//! Streams of rooms: which there are, how they are, and who is told that a room is streamed.

use super::{Effect, Effects, House, Link, Participant};
use crate::egress::{EgressId, EgressPlace, EgressReport, EgressState};
use crate::error::{ErrorCode, Refusal};
use crate::session::Weight;
use crate::wire::{EgressView, LeaveReason, ServerEvent, track_name};
use colloquy_media_core::api::{CanvasLayout, PeerId, RoomId};
use std::collections::BTreeMap;

/// Streams of a room that are over and still listed, with the reason. More push the oldest out.
const OVER: usize = 8;

/// All streams, in the order they were asked for.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: BTreeMap<u64, Stream>,
    last: u64,
    /// The time of the calendar, as it was told last.
    unix_s: u64,
}

/// One of them.
#[derive(Debug)]
struct Stream {
    id: EgressId,
    room: RoomId,
    peer: PeerId,
    view: EgressView,
}

/// A stream that has just been prepared.
pub(crate) struct NewStream {
    pub(crate) id: EgressId,
    pub(crate) peer: PeerId,
    pub(crate) wish: StreamWish,
    pub(crate) place: EgressPlace,
    pub(crate) unix_s: u64,
}

/// What was wished for, read.
#[derive(Debug, Clone)]
pub(crate) struct StreamWish {
    pub(crate) name: String,
    pub(crate) kind: crate::egress::EgressKind,
    pub(crate) layout: Option<CanvasLayout>,
}

impl House {
    /// What time it is, in seconds since 1970. It is told now and then.
    pub(crate) fn tell_time(&mut self, unix_s: u64) {
        self.streams.unix_s = unix_s;
    }

    /// Notes a stream, and tells its room. `None` when its participant is gone.
    pub(crate) fn stream_begins(&mut self, new: NewStream, fx: &mut Effects) -> Option<EgressView> {
        let participant = self.participants.get_mut(&new.peer)?;
        participant.present = true;
        let room = participant.room;
        let was = self.is_streamed(room);
        let NewStream { id, peer, wish, place, unix_s } = new;
        let named = |layout: CanvasLayout| track_name(layout.track(), |track| self.layout_name(room, track));
        let layout = wish.layout.map(named);
        let view = EgressView {
            id: id.to_string(),
            name: wish.name,
            kind: wish.kind,
            layout,
            video: wish.layout.is_some(),
            target: place.target,
            playlist: place.playlist,
            state: EgressState::Starting,
            since_unix_s: unix_s,
            created_unix_s: unix_s,
            restarts: 0,
            error: None,
            seconds: None,
            segments: None,
            bytes: None,
        };
        self.streams.last += 1;
        self.streams.all.insert(self.streams.last, Stream { id, room, peer, view: view.clone() });
        self.tell_streamed(room, was, fx);
        Some(view)
    }

    /// Takes note of how a stream is. One that is over has no participant any more.
    pub(crate) fn stream_reports(&mut self, id: &EgressId, report: EgressReport, unix_s: u64, fx: &mut Effects) {
        let Some(stream) = self.streams.all.values_mut().find(|stream| stream.id == *id) else { return };
        if !stream.view.state.is_live() {
            return;
        }
        let (room, peer) = (stream.room, stream.peer);
        let was = stream.view.state;
        let view = &mut stream.view;
        if was != report.state {
            view.since_unix_s = unix_s;
        }
        view.state = report.state;
        view.restarts = report.restarts;
        view.error = report.fault.or_else(|| view.error.take());
        view.seconds = report.seconds.or(view.seconds);
        view.segments = report.segments.or(view.segments);
        view.bytes = report.bytes.or(view.bytes);
        if was.is_live() && !report.state.is_live() {
            fx.push(Effect::StopStream(id.clone()));
            self.tell_streamed(room, true, fx);
            self.remove(peer, LeaveReason::Left, fx);
            self.forget_old_streams(room);
        }
    }

    /// Ends a stream and forgets it.
    pub(crate) fn end_stream(&mut self, room: RoomId, id: &str, fx: &mut Effects) -> Result<(), Refusal> {
        let (order, peer) = self.stream(room, id).map(|(order, stream)| (order, stream.peer))?;
        let was = self.is_streamed(room);
        if let Some(gone) = self.streams.all.remove(&order) {
            fx.push(Effect::StopStream(gone.id));
        }
        self.tell_streamed(room, was, fx);
        self.remove(peer, LeaveReason::Left, fx);
        Ok(())
    }

    /// Those of a room, in the order they were asked for.
    pub(crate) fn streams(&self, room: RoomId) -> Vec<EgressView> {
        self.streams.all.values().filter(|stream| stream.room == room).map(|stream| stream.view.clone()).collect()
    }

    /// One of them.
    pub(crate) fn stream_view(&self, room: RoomId, id: &str) -> Result<EgressView, Refusal> {
        self.stream(room, id).map(|(_, stream)| stream.view.clone())
    }

    /// Whether a room is seen outside.
    pub(crate) fn is_streamed(&self, room: RoomId) -> bool {
        self.streams.all.values().any(|stream| stream.room == room && stream.view.state.is_live())
    }

    /// Ends every stream: the server is about to stop.
    pub(crate) fn end_all_streams(&mut self, fx: &mut Effects) {
        for (_, gone) in std::mem::take(&mut self.streams.all) {
            fx.push(Effect::StopStream(gone.id));
        }
    }

    /// The participant who fed a stream was removed, by the engine or by somebody: the stream is over.
    pub(super) fn stream_lost_its_feed(&mut self, gone: &Participant, fx: &mut Effects) {
        let Link::Stream { id } = &gone.link else { return };
        let (was, unix_s) = (self.is_streamed(gone.room), self.streams.unix_s);
        let Some(stream) = self.streams.all.values_mut().find(|stream| stream.id == *id) else { return };
        if stream.view.state.is_live() {
            stream.view.state = EgressState::Ended;
            stream.view.since_unix_s = unix_s;
            fx.push(Effect::StopStream(id.clone()));
            self.tell_streamed(gone.room, was, fx);
            self.forget_old_streams(gone.room);
        }
    }

    /// A room is gone, and its streams with it.
    pub(super) fn drop_streams(&mut self, room: RoomId, fx: &mut Effects) {
        self.streams.all.retain(|_, stream| {
            let stays = stream.room != room;
            if !stays {
                fx.push(Effect::StopStream(stream.id.clone()));
            }
            stays
        });
    }

    /// Whether this is a stream, and nobody.
    pub(super) fn is_stream(&self, peer: PeerId) -> bool {
        self.participants.get(&peer).is_some_and(Participant::is_stream)
    }

    /// Whether nobody but streams is left in a room.
    pub(super) fn only_streams_are_in(&self, room: RoomId) -> bool {
        let members = self.rooms.get(&room).map(|room| room.members.as_slice()).unwrap_or_default();
        members.iter().all(|peer| self.participants.get(peer).is_some_and(Participant::is_stream))
    }

    fn stream(&self, room: RoomId, id: &str) -> Result<(u64, &Stream), Refusal> {
        let found = self.streams.all.iter().find(|(_, stream)| stream.room == room && stream.id.as_str() == id);
        found
            .map(|(order, stream)| (*order, stream))
            .ok_or_else(|| Refusal::new(ErrorCode::EgressUnknown, "There is no such stream of this room."))
    }

    fn tell_streamed(&self, room: RoomId, was: bool, fx: &mut Effects) {
        let streamed = self.is_streamed(room);
        if was != streamed {
            self.announce(room, &ServerEvent::Streamed { streamed }, Weight::Kept, fx, |_, _| true);
        }
    }

    fn forget_old_streams(&mut self, room: RoomId) {
        let over = |stream: &Stream| stream.room == room && !stream.view.state.is_live();
        let mut orders: Vec<u64> =
            self.streams.all.iter().filter(|(_, stream)| over(stream)).map(|(order, _)| *order).collect();
        orders.truncate(orders.len().saturating_sub(OVER));
        for order in orders {
            self.streams.all.remove(&order);
        }
    }
}

impl Participant {
    /// Whether he is nobody: a stream of the room. Nobody is told of his coming and going, but that the room is streamed.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.link, Link::Stream { .. })
    }
}
