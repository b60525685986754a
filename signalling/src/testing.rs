//! A stand-in for the media engine, and a look at frames for the fuzzer. For tests only.
//!
//! The stand-in: it admits everyone, answers every offer without looking at it, publishes what `sources` names,
//! and does as it is told.

use crate::egress::{EgressError, EgressId, EgressKind, EgressOrder, EgressPlace, EgressReport, EgressSink};
use crate::events::EventSink;
use crate::{EnginePort, IceServer};
use colloquy_media_core::api::{
    Answer, AudioPath, CanvasLayout, CloseCause, Command, DownlinkStats, EncodingStats, Event, Fragment, JoinError,
    MediaKind, NegotiateError, Offer, PeerId, PeerStats, Permissions, PlainAnswer, PlainAsk, PlainError,
    PlainLegAnswer, ReceiveStats, Reply, RoomId, RoomStats, Snapshot, SnapshotAsk, SnapshotError, SnapshotSize,
    SubscribeError, Subscriptions, TrackError, TrackId, TrackInfo, TransportState, WorkerTotals,
};
use colloquy_media_core::sound::{Sound, SoundAsk, SoundError, SoundReply};
use colloquy_media_core::turn::TurnCounters;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Reads a WebSocket's text frame as the server does. Tells whether it is a request that is carried out.
#[must_use]
pub fn is_request(frame: &str) -> bool {
    matches!(crate::wire::ReceivedFrame::read(frame), crate::wire::ReceivedFrame::Request { request: Ok(_), .. })
}

/// An offer with this in its SDP is refused as [`NegotiateError::BadOffer`].
pub const BAD_SDP: &str = "x-bad";

/// The engine that is none.
#[derive(Default)]
pub struct FakeEngine {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sink: Option<EventSink>,
    peers: BTreeMap<PeerId, Peer>,
    log: Vec<String>,
    last_track: u64,
    restarts: u64,
    hangs: bool,
    unanswered: Vec<Command>,
    undeveloped: Vec<Reply<Result<Snapshot, SnapshotError>>>,
    refuse_joins: Option<JoinError>,
    relays: bool,
    streams: BTreeMap<EgressId, EgressSink>,
    mute: bool,
}

struct Peer {
    room: RoomId,
    permissions: Permissions,
    tracks: Vec<TrackInfo>,
    state: TransportState,
}

impl FakeEngine {
    /// Sends events here from now on.
    pub fn attach(&self, sink: EventSink) {
        self.lock().sink = Some(sink);
    }

    /// What it was asked, a line each.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    /// Answers nothing from now on, or again.
    pub fn hang(&self, hangs: bool) {
        self.lock().hangs = hangs;
    }

    /// Refuses joins from now on.
    pub fn refuse_joins(&self, error: Option<JoinError>) {
        self.lock().refuse_joins = error;
    }

    /// Has a TURN server from now on.
    pub fn relay(&self) {
        self.lock().relays = true;
    }

    /// Says no texts from now on.
    pub fn fall_silent(&self) {
        self.lock().mute = true;
    }

    /// Who is in a room.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerId> {
        self.lock().peers.keys().copied().collect()
    }

    /// Lets a transport change.
    pub fn transport(&self, peer: PeerId, state: TransportState) {
        let mut held = self.lock();
        let Some(p) = held.peers.get_mut(&peer) else { return };
        p.state = state;
        let room = p.room;
        held.emit(Event::Transport { room, peer, state });
    }

    /// Ends a session, as the engine does by itself.
    pub fn close(&self, peer: PeerId, cause: CloseCause) {
        let mut held = self.lock();
        if let Some(gone) = held.peers.remove(&peer) {
            held.emit(Event::Closed { room: gone.room, peer, cause });
        }
    }

    /// Lets every stream tell how it is.
    pub fn report_streams(&self, report: &EgressReport) {
        let sinks: Vec<EgressSink> = self.lock().streams.values().cloned().collect();
        sinks.iter().for_each(|sink| sink(report.clone()));
    }

    /// Lets any event happen.
    pub fn emit(&self, event: Event) {
        self.lock().emit(event);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EnginePort for FakeEngine {
    fn submit(&self, command: Command) {
        let mut state = self.lock();
        if state.hangs {
            // Kept for ever, as a hanging worker does.
            state.unanswered.push(command);
            return;
        }
        match command {
            Command::Join { room, peer, permissions, stance: _, reply } => {
                state.log.push(format!("join {room} {peer}"));
                reply.send(state.join(room, peer, permissions));
            }
            Command::Stand { room, epoch, stances } => {
                state.log.push(format!("stand {room} {epoch} {stances:?}"));
            }
            Command::Announce { room, announcement: a } => {
                state.log.push(format!("announce {room} {} {:?} {} {:?}", a.id, a.to, a.gain_db, a.repeat));
            }
            Command::Hush { room, id } => state.log.push(format!("hush {room} {id}")),
            Command::Leave { peer } => {
                state.log.push(format!("leave {peer}"));
                state.leave(peer);
            }
            Command::CloseRoom { room } => {
                state.log.push(format!("close {room}"));
                let gone: Vec<_> = state.peers.iter().filter(|(_, p)| p.room == room).map(|(id, _)| *id).collect();
                for peer in gone {
                    state.peers.remove(&peer);
                    state.emit(Event::Closed { room, peer, cause: CloseCause::RoomClosed });
                }
            }
            Command::Offer { peer, offer, reply } => {
                state.log.push(format!("offer {peer} {:?}", offer.subscriptions));
                reply.send(state.offer(peer, &offer));
            }
            Command::AddCandidate { peer, candidate } => state.log.push(format!("candidate {peer} {candidate}")),
            Command::Fragment { peer, sdpfrag, reply } => {
                state.log.push(format!("fragment {peer}"));
                let restarted = sdpfrag.contains("a=ice-ufrag:new");
                state.restarts += u64::from(restarted);
                let n = state.restarts;
                reply.send(Ok(if restarted {
                    Fragment::Restarted { sdpfrag: format!("a=ice-ufrag:u{n}\r\n"), ice_ufrag: format!("u{n}") }
                } else {
                    Fragment::Taken
                }));
            }
            Command::Subscribe { peer, mid, track, reply } => {
                state.log.push(format!("subscribe {peer} {mid} {track:?}"));
                reply.send(state.subscribe(peer, track));
            }
            Command::Prefer { peer, mid, preference, reply } => {
                state.log.push(format!("prefer {peer} {mid} {preference:?}"));
                reply.send(state.peers.contains_key(&peer).then_some(()).ok_or(SubscribeError::NoSuchPeer));
            }
            Command::Pin { peer, first } => state.log.push(format!("pin {peer} {first:?}")),
            Command::Arrange { room, id, arrangement } => {
                let places = arrangement.map(|arrangement| arrangement.places().to_vec());
                state.log.push(format!("arrange {room} {} {places:?}", id.0));
            }
            // As often as somebody joins who may publish: nobody looks for it.
            Command::Name { .. } => {}
            Command::SetDownlink { peer, downlink, reply } => {
                state.log.push(format!("downlink {peer} {downlink:?}"));
                reply.send(state.peers.contains_key(&peer).then_some(()).ok_or(SubscribeError::NoSuchPeer));
            }
            Command::SetAudio { peer, mode, reply } => {
                state.log.push(format!("audio {peer} {mode:?}"));
                let known = state.peers.contains_key(&peer);
                reply.send(known.then(AudioPath::default).ok_or(SubscribeError::NoSuchPeer));
            }
            Command::SetMute { peer, track, mute, reply } => {
                state.log.push(format!("mute {peer} {track} {} {}", mute.by_self, mute.by_moderator));
                let found = state.peers.get_mut(&peer).and_then(|p| p.tracks.iter_mut().find(|t| t.id == track));
                reply.send(found.ok_or(TrackError::NoSuchTrack).map(|t| {
                    t.mute = mute;
                    t.clone()
                }));
            }
            // Taken from the side of pictures, below.
            Command::Plain { reply, .. } => reply.send(Err(PlainError::Disabled)),
            Command::Still { reply, .. } => reply.send(Err(SnapshotError::Disabled)),
            Command::Stats { room, reply } => reply.send(state.stats(room)),
        }
    }

    fn worker_stats(&self) -> Vec<WorkerTotals> {
        let state = self.lock();
        let peers = state.peers.len() as u64;
        let mut totals = WorkerTotals { packets_in: 7, peers, ..WorkerTotals::default() };
        totals.transited(60, 3);
        vec![totals]
    }

    /// Whoever publishes the source has a picture, ten seconds old: its bytes tell whose it is, and its tag.
    fn snapshot(&self, ask: SnapshotAsk, reply: Reply<Result<Snapshot, SnapshotError>>) {
        let mut state = self.lock();
        if state.hangs {
            return state.undeveloped.push(reply);
        }
        state.log.push(format!("snapshot {} {:?} {:?}", ask.peer, ask.source, ask.size));
        reply.send(state.snapshot(ask));
    }

    /// Every file is five seconds long, but `missing.wav`, which there is not; texts are as long as they have characters, in frames.
    fn sound(&self, ask: SoundAsk, reply: SoundReply) {
        let frames = match &ask {
            SoundAsk::File(file) if file == "missing.wav" => return reply.send(Err(SoundError::NoSuchFile)),
            SoundAsk::File(_) => 250,
            SoundAsk::Text(_) if self.lock().mute => return reply.send(Err(SoundError::NoSpeech)),
            SoundAsk::Text(text) => text.chars().count(),
        };
        self.lock().log.push(format!("sound {ask:?}"));
        let sound = Sound::of(vec![&[0xF8_u8][..]; frames]);
        reply.send(sound.map(Arc::new).ok_or(SoundError::NoSuchFile));
    }

    /// Every program of this machine is connected where it asks.
    fn plain_here(&self, peer: PeerId, ask: PlainAsk, reply: Reply<Result<PlainAnswer, PlainError>>) {
        let mut state = self.lock();
        let received: Vec<_> = ask.legs.iter().filter_map(|leg| leg.receives).collect();
        state.log.push(format!("feed {peer} {received:?}"));
        let here = SocketAddr::from(([127, 0, 0, 1], 5_000));
        let leg = PlainLegAnswer { rtp: here, rtcp: here, ssrc: Some(1) };
        let legs = vec![leg; ask.legs.len()];
        reply.send(Ok(PlainAnswer { sdp: String::new(), player_sdp: None, legs, published: Vec::new() }));
    }

    /// Streams go anywhere but to `denied`; how they are is for the test to say.
    fn egress(&self, order: EgressOrder) {
        let mut state = self.lock();
        match order {
            EgressOrder::Prepare { id, ask, reply } => {
                if ask.url.as_ref().is_some_and(|url| url.contains("denied")) {
                    return reply.send(Err(EgressError::Denied("Not there.".to_owned(), "Elsewhere.".to_owned())));
                }
                state.log.push(format!("prepare {:?} {}", ask.kind, ask.room));
                let here = SocketAddr::from(([127, 0, 0, 1], 6_000));
                let playlist = (ask.kind == EgressKind::Hls).then(|| format!("/hls/{id}/room.m3u8"));
                let target = ask.url.map(|_| "rtmp://host/app/***".to_owned());
                let video = ask.video.then_some(here);
                reply.send(Ok(EgressPlace { target, playlist, audio: here, video, reports: here }));
            }
            EgressOrder::Start { id, sink, .. } => {
                state.log.push("start".to_owned());
                state.streams.insert(id, sink);
            }
            EgressOrder::Stop { id } => {
                state.streams.remove(&id);
                state.log.push("stop".to_owned());
            }
        }
    }

    fn ice_servers(&self, user: &str) -> Vec<IceServer> {
        let ours = IceServer {
            urls: vec!["turn:192.0.2.7:3478?transport=udp".to_owned()],
            username: Some(format!("1700000000:{user}")),
            credential: Some("secret".to_owned()),
        };
        if self.lock().relays { vec![ours] } else { Vec::new() }
    }

    fn turn_counters(&self) -> Option<TurnCounters> {
        self.lock().relays.then(|| TurnCounters { allocations: 3, ..TurnCounters::default() })
    }
}

impl State {
    fn emit(&self, event: Event) {
        if let Some(sink) = &self.sink {
            sink(event);
        }
    }

    fn join(&mut self, room: RoomId, peer: PeerId, permissions: Permissions) -> Result<Vec<TrackInfo>, JoinError> {
        if let Some(error) = self.refuse_joins {
            return Err(error);
        }
        let there = self.peers.values().filter(|p| p.room == room).flat_map(|p| p.tracks.clone()).collect();
        self.peers.insert(peer, Peer { room, permissions, tracks: Vec::new(), state: TransportState::Connecting });
        Ok(there)
    }

    fn leave(&mut self, peer: PeerId) {
        let Some(gone) = self.peers.remove(&peer) else { return };
        for track in gone.tracks {
            self.emit(Event::Unpublished { room: gone.room, peer, track: track.id });
        }
    }

    fn offer(&mut self, peer: PeerId, offer: &Offer) -> Result<Answer, NegotiateError> {
        let first = self.last_track;
        let held = self.peers.get_mut(&peer).ok_or(NegotiateError::NoSuchPeer)?;
        if offer.sdp.contains(BAD_SDP) {
            return Err(NegotiateError::BadOffer("line 1: x-bad".to_owned()));
        }
        if !offer.sources.is_empty() && !held.permissions.publish {
            return Err(NegotiateError::MayNotPublish);
        }
        if offer.subscriptions != Subscriptions::ByMid(Vec::new()) && !held.permissions.subscribe {
            return Err(NegotiateError::MayNotSubscribe);
        }
        // What WHIP does: it names no sources, and the SDP says what is sent.
        let sent = offer.sdp.contains("a=sendonly") && offer.sources.is_empty();
        let sources = offer
            .sources
            .iter()
            .cloned()
            .chain(sent.then(|| ("0".to_owned(), colloquy_media_core::api::Source::Camera)));
        let mut new = Vec::new();
        for (mid, source) in sources {
            if held.tracks.iter().all(|t| t.mid != mid) {
                let id = TrackId(first + new.len() as u64 + 1);
                let info = TrackInfo {
                    id,
                    peer,
                    source,
                    kind: source.kind(),
                    mute: colloquy_media_core::api::Mute::default(),
                    mid,
                };
                new.push(info);
            }
        }
        held.tracks.extend(new.iter().cloned());
        let (room, published) = (held.room, held.tracks.clone());
        self.last_track += new.len() as u64;
        for track in new {
            self.emit(Event::Published { room, track });
        }
        Ok(Answer { sdp: "v=0\r\n".to_owned(), published, ice_ufrag: format!("u{}", self.restarts) })
    }

    fn subscribe(&self, peer: PeerId, track: Option<TrackId>) -> Result<(), SubscribeError> {
        let room = self.peers.get(&peer).ok_or(SubscribeError::NoSuchPeer)?.room;
        // It draws all canvases that there can be.
        let Some(track) = track.filter(|track| CanvasLayout::of(*track).is_none()) else { return Ok(()) };
        let owner = self.peers.iter().find(|(_, p)| p.room == room && p.tracks.iter().any(|t| t.id == track));
        match owner {
            None => Err(SubscribeError::NoSuchTrack),
            Some((owner, _)) if *owner == peer => Err(SubscribeError::Refused),
            Some(_) => Ok(()),
        }
    }

    fn snapshot(&self, ask: SnapshotAsk) -> Result<Snapshot, SnapshotError> {
        let peer = self.peers.get(&ask.peer).ok_or(SnapshotError::NoSuchPeer)?;
        let track = peer.tracks.iter().find(|track| track.source == ask.source).ok_or(SnapshotError::Off)?;
        if track.mute.is_muted() {
            return Err(SnapshotError::Off);
        }
        let (width, height) = if ask.size == SnapshotSize::Full { (640, 360) } else { (160, 90) };
        let jpeg = format!("{} {:?} {width}", ask.peer, ask.source).into_bytes().into();
        Ok(Snapshot { jpeg, tag: ask.peer.0, age: Duration::from_secs(10), width, height })
    }

    fn stats(&self, room: RoomId) -> Option<RoomStats> {
        let stats = |(id, p): (&PeerId, &Peer)| PeerStats {
            peer: *id,
            state: p.state,
            rtt_ms: Some(1.5),
            srtp_profile: Some("SRTP_AEAD_AES_128_GCM"),
            downlink: Some(DownlinkStats { target_bps: 2_000_000, ..DownlinkStats::default() }),
            receive: p.tracks.iter().map(receive_stats).collect(),
            send: Vec::new(),
            plain: Vec::new(),
        };
        let peers: Vec<_> = self.peers.iter().filter(|(_, p)| p.room == room).map(stats).collect();
        (!peers.is_empty()).then_some(RoomStats { peers })
    }
}

/// Every video has two encodings, of which the larger is not wanted.
fn receive_stats(track: &TrackInfo) -> ReceiveStats {
    let encoding =
        |(rid, wanted): (&str, bool)| EncodingStats { rid: rid.to_owned(), packets: 1, bytes: 100, bps: 800, wanted };
    let encodings = if track.kind == MediaKind::Video { &[("q", true), ("f", false)][..] } else { &[] };
    ReceiveStats {
        track: track.id,
        codec: None,
        packets: 2,
        bytes: 200,
        lost: 0,
        jitter_ms: 0.0,
        nacked: 0,
        recovered: 0,
        keyframe_requests: 0,
        encodings: encodings.iter().copied().map(encoding).collect(),
    }
}
