//! The house: every room and everyone in it, as one pure state machine. It reads no clock, draws no random number and does no
//! I/O: each method takes what it needs, changes the state once, and appends what follows from it to [`Effects`], in order.

mod announcements;
mod audience;
mod egress;
mod events;
mod identity;
mod join;
mod layouts;
mod leave;
mod media;
mod quality;
mod rooms;
mod rtp;
mod snapshots;
mod views;

pub(crate) use announcements::{Music, MusicWish, What};
pub(crate) use egress::{NewStream, StreamWish};
pub(crate) use join::Admission;
pub(crate) use media::{Actor, MuteOrder};
pub use rooms::RoomView;
pub(crate) use snapshots::Onlooker;

use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::config::{AnnouncementConfig, SignallingLimits};
use crate::egress::EgressId;
use crate::error::{ErrorCode, Refusal};
use crate::identity::Identified;
use crate::names::{DisplayName, RoomName};
use crate::session::{CloseCode, Secret, SocketId, Weight};
use crate::wire::{ParticipantState, RtpView, ServerEvent, encode};
use announcements::{Announcing, Playbill};
use colloquy_media_core::api::{
    AudioPath, Command, EncodingUse, PeerId, Permissions, RoomId, Shown, TrackId, TrackInfo, TransportState,
};
use colloquy_media_core::audience::Audience;
use layouts::Layouts;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What follows from a change, in order.
pub(crate) type Effects = Vec<Effect>;

/// Something to be done outside.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Send a frame on a socket.
    Tell { to: SocketId, frame: Arc<str>, weight: Weight },
    /// Send a frame on every socket.
    TellAll { frame: Arc<str> },
    /// Close a socket.
    Close { socket: SocketId, code: CloseCode },
    /// Hand a command to the media engine.
    Engine(Command),
    /// End the program of a stream, or give the place for it back.
    StopStream(EgressId),
    /// Write down who changed what others get.
    Audit(AuditRecord),
    /// Somebody lost his connection for good, came back, or was removed: for the counters.
    Count(Counted),
}

/// What is counted besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// A session waited for its client in vain.
    Lost,
    /// The engine ended a session.
    Failed,
    /// A receiver is shown something else.
    Shown(Shown),
}

/// All rooms.
pub(crate) struct House {
    limits: SignallingLimits,
    resume_window: Duration,
    rooms: HashMap<RoomId, Room>,
    by_name: HashMap<RoomName, RoomId>,
    participants: HashMap<PeerId, Participant>,
    resources: HashMap<Secret, PeerId>,
    last_room: u64,
    last_peer: u64,
    draining: Option<Draining>,
    /// What is played, and how much of it may be.
    announcing: Announcing,
    /// Streams of rooms.
    streams: egress::Streams,
}

/// The server is about to stop.
#[derive(Debug, Clone, Copy)]
struct Draining {
    ends: Instant,
}

/// One room.
pub(crate) struct Room {
    pub(crate) name: RoomName,
    /// In the order they came.
    pub(crate) members: Vec<PeerId>,
    pub(crate) max_participants: usize,
    /// It was created by the HTTP API, and stays when the last one leaves.
    pub(crate) permanent: bool,
    /// Who hears, sees and knows whom.
    pub(crate) audience: Audience,
    /// What is played into it.
    pub(crate) playbill: Playbill,
    /// How canvases are arranged for it.
    layouts: Layouts,
}

/// Somebody's place in a room.
pub(crate) struct Participant {
    pub(crate) id: PeerId,
    pub(crate) room: RoomId,
    pub(crate) name: DisplayName,
    pub(crate) subject: Option<String>,
    pub(crate) role: Role,
    pub(crate) permissions: Permissions,
    /// Others know of him: the engine has admitted him.
    pub(crate) present: bool,
    transport: TransportState,
    quality: Option<u8>,
    /// Who vouches for him.
    identity: Option<Identified>,
    pub(crate) link: Link,
    expires_unix_s: Option<u64>,
    /// How often a change of the audience was refused to him.
    refusals: u32,
    tracks: BTreeMap<TrackId, Track>,
    /// What his receiving places show, by mid.
    places: BTreeMap<String, (TrackId, Shown)>,
    /// How he hears others.
    audio: AudioPath,
    /// Still pictures of his videos may be made.
    snapshots: bool,
}

/// How a participant is connected to the signalling.
#[derive(Debug)]
pub(crate) enum Link {
    /// By a socket.
    Socket { socket: SocketId, resume: Secret },
    /// The socket was lost; he may come back.
    Lost { until: Instant, resume: Secret },
    /// By WHIP or WHEP: nothing but the address of his session, and his ICE session's name.
    Http { resource: Secret, ice_ufrag: String },
    /// By plain RTP, and not at all; how, once the engine has said it.
    Rtp { view: Option<Box<RtpView>> },
    /// A stream of the room, which is nobody.
    Stream { id: EgressId },
}

struct Track {
    info: TrackInfo,
    /// The engine has said that it can be subscribed to, and so has everyone been told.
    announced: bool,
    /// Which of its encodings are of use; empty until the engine says so.
    encodings: Vec<EncodingUse>,
}

impl Track {
    fn new(info: &TrackInfo) -> Self {
        Self { info: info.clone(), announced: false, encodings: Vec::new() }
    }
}

impl House {
    pub(crate) fn new(limits: SignallingLimits, announcements: &AnnouncementConfig, resume_window: Duration) -> Self {
        Self {
            limits,
            resume_window,
            rooms: HashMap::new(),
            by_name: HashMap::new(),
            participants: HashMap::new(),
            resources: HashMap::new(),
            last_room: 0,
            last_peer: 0,
            draining: None,
            announcing: Announcing::new(announcements),
            streams: egress::Streams::default(),
        }
    }

    /// Sessions, and rooms.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.participants.len(), self.rooms.len())
    }

    /// Whether nobody is in any room.
    pub(crate) fn is_empty(&self) -> bool {
        self.participants.values().all(Participant::is_stream)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// Takes nobody in from now on, and tells everyone.
    pub(crate) fn drain(&mut self, seconds: u64, now: Instant, fx: &mut Effects) {
        // A century is for ever; larger numbers would overflow the clock.
        self.draining = Some(Draining { ends: now + Duration::from_secs(seconds.min(3_000_000_000)) });
        if let Some(event) = self.draining_event(now) {
            fx.push(Effect::TellAll { frame: encode(&event) });
        }
    }

    /// What a client is told while the server drains.
    pub(crate) fn draining_event(&self, now: Instant) -> Option<ServerEvent> {
        let seconds = self.draining?.ends.saturating_duration_since(now).as_secs();
        let message = format!("This server stops within {seconds} s. Calls go on until then; new ones are not taken.");
        Some(ServerEvent::Draining { seconds, message })
    }

    /// The participant whom a socket speaks for, if he is still there and it still does.
    pub(crate) fn member(&self, socket: SocketId, peer: PeerId) -> Option<&Participant> {
        let participant = self.participants.get(&peer)?;
        match participant.link {
            Link::Socket { socket: his, .. } if his == socket && participant.present => Some(participant),
            Link::Socket { .. } | Link::Lost { .. } | Link::Http { .. } | Link::Rtp { .. } | Link::Stream { .. } => {
                None
            }
        }
    }

    /// The participant of a WHIP or WHEP session's address.
    pub(crate) fn resource(&self, secret: &Secret) -> Result<&Participant, Refusal> {
        self.resources.get(secret).and_then(|peer| self.participants.get(peer)).filter(|p| p.present).ok_or_else(|| {
            Refusal::new(ErrorCode::RequestNotFound, "There is no such session; it may have ended.")
                .remedy("Start a new one.")
        })
    }

    /// Someone present in a room.
    pub(crate) fn participant(&self, room: RoomId, peer: PeerId) -> Result<&Participant, Refusal> {
        self.participants.get(&peer).filter(|p| p.present && p.room == room).ok_or_else(|| {
            Refusal::new(ErrorCode::ParticipantUnknown, format!("There is no participant {peer} in this room."))
        })
    }

    pub(crate) fn room_id(&self, name: &RoomName) -> Result<RoomId, Refusal> {
        self.by_name
            .get(name)
            .copied()
            .ok_or_else(|| Refusal::new(ErrorCode::RoomUnknown, format!("There is no room {name}.")))
    }

    pub(crate) fn room(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(&id)
    }

    /// Tells everyone present in a room whom it is for.
    fn announce(
        &self,
        room: RoomId,
        event: &ServerEvent,
        weight: Weight,
        fx: &mut Effects,
        is_for: impl Fn(&Audience, PeerId) -> bool,
    ) {
        let Some(room) = self.rooms.get(&room) else { return };
        let mut frame: Option<Arc<str>> = None;
        for peer in room.members.iter().filter(|peer| is_for(&room.audience, **peer)) {
            if let Some(to) = self.participants.get(peer).filter(|p| p.present).and_then(Participant::socket) {
                let frame = frame.get_or_insert_with(|| encode(event)).clone();
                fx.push(Effect::Tell { to, frame, weight });
            }
        }
    }

    /// Tells one participant, if a socket is there.
    fn tell(&self, peer: PeerId, event: &ServerEvent, fx: &mut Effects) {
        if let Some(to) = self.participants.get(&peer).and_then(Participant::socket) {
            fx.push(Effect::Tell { to, frame: encode(event), weight: Weight::Kept });
        }
    }

    /// Changes a participant, and tells the others when he looks different now.
    fn change(&mut self, peer: PeerId, fx: &mut Effects, change: impl FnOnce(&mut Participant)) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        let before = participant.state();
        change(participant);
        let (after, present) = (participant.state(), participant.present);
        if present && before != after {
            let event = ServerEvent::ParticipantState { participant: peer.to_string(), state: after };
            self.announce_of(peer, Some(peer), &event, Weight::Kept, fx);
        }
    }
}

impl Participant {
    fn socket(&self) -> Option<SocketId> {
        match self.link {
            Link::Socket { socket, .. } => Some(socket),
            Link::Lost { .. } | Link::Http { .. } | Link::Rtp { .. } | Link::Stream { .. } => None,
        }
    }

    /// How others see him.
    pub(crate) fn state(&self) -> ParticipantState {
        match (&self.link, self.transport) {
            (Link::Lost { .. }, _) | (_, TransportState::Disconnected) => ParticipantState::Reconnecting,
            (_, TransportState::Connecting) => ParticipantState::Connecting,
            (_, TransportState::Connected) => ParticipantState::Connected,
        }
    }
}
