//! To look: rooms, participants, figures.

use super::Signalling;
use super::house::RoomView;
use super::media::{peer_id, permit};
use crate::authn::Caller;
use crate::authz::{Action, Role};
use crate::engine_port::reply;
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use crate::wire::{ParticipantStats, ParticipantView};
use colloquy_media_core::api::{Command, DropCause, PeerId, RoomId, RoomStats, WorkerTotals};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// How long the engine may take to show that it lives.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Figures of a room.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RoomStatsView {
    /// The room.
    pub room: String,
    /// Everyone in it.
    pub participants: Vec<ParticipantStats>,
}

/// Figures of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ServerStatsView {
    /// Rooms now.
    pub rooms: usize,
    /// Participants now.
    pub sessions: usize,
    /// WebSockets now.
    pub sockets: usize,
    /// Whether the server is about to stop.
    pub draining: bool,
    /// The media workers.
    pub workers: Vec<WorkerView>,
}

/// Counts of one media worker since it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkerView {
    /// Datagrams received.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// RTP packets forwarded, one for each receiver.
    pub forwarded: u64,
    /// RTP packets sent again.
    pub retransmitted: u64,
    /// Rooms now.
    pub rooms: u64,
    /// Participants now.
    pub peers: u64,
    /// Tracks now.
    pub tracks: u64,
    /// Datagrams that went no further, by cause; causes that never came are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub drops: BTreeMap<&'static str, u64>,
}

impl From<&WorkerTotals> for WorkerView {
    fn from(totals: &WorkerTotals) -> Self {
        Self {
            packets_in: totals.packets_in,
            bytes_in: totals.bytes_in,
            packets_out: totals.packets_out,
            bytes_out: totals.bytes_out,
            forwarded: totals.forwarded,
            retransmitted: totals.retransmitted,
            rooms: totals.rooms,
            peers: totals.peers,
            tracks: totals.tracks,
            drops: DropCause::ALL
                .iter()
                .zip(totals.drops)
                .filter(|(_, n)| *n > 0)
                .map(|(cause, n)| (cause.name(), n))
                .collect(),
        }
    }
}

impl Signalling {
    /// Figures of one's own session.
    pub(crate) async fn own_stats(&self, room: RoomId, peer: PeerId, role: Role) -> Result<ParticipantStats, Refusal> {
        permit(role, Action::OwnStats)?;
        let stats = self.engine_stats(room).await?;
        let his = stats.peers.iter().find(|p| p.peer == peer);
        his.map(|stats| self.read(|house| ParticipantStats::new(stats, |track| house.layout_name(room, track))))
            .ok_or_else(|| Refusal::unexpected("There are no figures of you yet.").remedy("Send an offer first."))
    }

    /// Every room.
    pub(crate) fn rooms(&self, caller: &Caller) -> Result<Vec<RoomView>, Refusal> {
        caller.authorise(Action::ManageRooms, None)?;
        Ok(self.read(|house| house.room_views()))
    }

    /// Creates a room that stays until it is deleted.
    pub(crate) fn create_room(
        &self,
        caller: &Caller,
        name: &str,
        max_participants: Option<usize>,
    ) -> Result<RoomView, Refusal> {
        caller.authorise(Action::ManageRooms, None)?;
        let name = RoomName::parse(name)?;
        self.with(|house, _| house.create_room(&name, max_participants))
    }

    /// One room.
    pub(crate) fn room(&self, caller: &Caller, name: &RoomName) -> Result<RoomView, Refusal> {
        caller.authorise(Action::ReadRoom, Some(name))?;
        self.read(|house| house.room_view(name))
    }

    /// Everyone in a room.
    pub(crate) fn participants(&self, caller: &Caller, room: &RoomName) -> Result<Vec<ParticipantView>, Refusal> {
        caller.authorise(Action::ReadRoom, Some(room))?;
        self.read(|house| house.participant_views(room))
    }

    /// One participant.
    pub(crate) fn participant(&self, caller: &Caller, room: &RoomName, id: &str) -> Result<ParticipantView, Refusal> {
        caller.authorise(Action::ReadRoom, Some(room))?;
        let peer = peer_id(id)?;
        self.read(|house| house.participant_view(room, peer))
    }

    /// Figures of a room.
    pub(crate) async fn room_stats(&self, caller: &Caller, room: &RoomName) -> Result<RoomStatsView, Refusal> {
        caller.authorise(Action::ReadRoom, Some(room))?;
        let id = self.read(|house| house.room_id(room))?;
        // A room that nobody is in is unknown to the engine.
        let peers = match self.engine_stats(id).await {
            Ok(stats) => stats.peers,
            Err(refusal) if refusal.code == ErrorCode::RoomUnknown => Vec::new(),
            Err(refusal) => return Err(refusal),
        };
        // Monitors and helpers are for those only who may be one.
        let sees_all = caller.authorise(Action::Monitor, Some(room)).is_ok();
        let participants = self.read(|house| {
            let seen = peers.iter().filter(|stats| sees_all || house.is_on_floor(id, stats.peer));
            seen.map(|stats| ParticipantStats::new(stats, |track| house.layout_name(id, track))).collect()
        });
        Ok(RoomStatsView { room: room.to_string(), participants })
    }

    /// Figures of the server.
    pub(crate) fn server_stats(&self, caller: &Caller) -> Result<ServerStatsView, Refusal> {
        caller.authorise(Action::ReadServer, None)?;
        let (sockets, sessions, rooms) = self.counts();
        let draining = self.read(super::house::House::is_draining);
        Ok(ServerStatsView {
            rooms,
            sessions,
            sockets,
            draining,
            workers: self.engine.worker_stats().iter().map(WorkerView::from).collect(),
        })
    }

    /// Whether this server should be sent new clients: it is not draining, and the engine answers.
    pub(crate) async fn ready(&self) -> Result<(), Refusal> {
        if self.read(super::house::House::is_draining) {
            return Err(Refusal::new(ErrorCode::ServerDraining, "This server is about to stop."));
        }
        let (reply, pending) = reply();
        self.engine.submit(Command::Stats { room: RoomId(0), reply });
        pending.answer(PROBE_TIMEOUT).await.map(drop)
    }

    async fn engine_stats(&self, room: RoomId) -> Result<RoomStats, Refusal> {
        self.engine
            .ask(|reply| Command::Stats { room, reply })
            .await?
            .ok_or_else(|| Refusal::new(ErrorCode::RoomUnknown, "The media engine has no such room."))
    }
}
