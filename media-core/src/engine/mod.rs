//! One worker's share of the server, whole and without a socket: datagrams, commands and time go in; datagrams, events and
//! the next deadline come out.
//!
//! One thing is taken in at a time and its consequences are drained before the next. A panic while a participant's input is
//! handled ends his session, is counted, and leaves the room and the process alive.

mod allocation;
mod audience;
mod composing;
mod coupling;
mod data;
mod echoes;
mod feedback;
mod gate;
mod ingress;
mod membership;
mod mixing;
mod negotiation;
mod outflow;
mod peer;
mod plain;
mod recovery;
mod resent;
mod rest;
mod share;
mod slots;
mod stills;
#[cfg(test)]
mod tests;
mod ticks;
mod turns;

use crate::api::{AdvertisedAddress, CloseCause, Command, EngineConfig, Event, PeerId, RoomId, TrackId, WorkerTotals};
use crate::bandwidth::Coupled;
use crate::forward::{Consumer, Producer};
use crate::keys::{ConsumerKey, PeerKey, ProducerKey, RoomKey};
use crate::room::Room;
use crate::transport::{Certificate, Connection, DtlsSettings};
use crate::wire::{Datagram, Outbox, Path};
use peer::Peer;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustc_hash::FxHashMap;
use slotmap::SlotMap;
use slots::Slots;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

pub(crate) use composing::ComposedRoom;
pub(crate) use mixing::MixedRoom;
pub use share::LinkMessage;
pub(crate) use share::OtherShare;

/// The engine of one worker. Told the time with everything; reads no clock.
pub struct Engine {
    config: EngineConfig,
    dtls: DtlsSettings,
    fingerprint: String,
    rng: StdRng,
    started: Instant,
    rooms: SlotMap<RoomKey, Room>,
    peers: Slots<PeerKey, Peer>,
    producers: Slots<ProducerKey, Producer>,
    consumers: Slots<ConsumerKey, Consumer>,
    data: data::Data,
    /// Receivers behind one address each. One entry at most for every participant there is or was a moment ago.
    coupled: FxHashMap<IpAddr, Coupled<PeerKey>>,
    room_ids: FxHashMap<RoomId, RoomKey>,
    peer_ids: FxHashMap<PeerId, PeerKey>,
    tracks: FxHashMap<TrackId, ProducerKey>,
    /// Whose datagrams come on a path: filled by authentic STUN only, so RTP never moves a path.
    paths: FxHashMap<Path, PeerKey>,
    /// Who asked on a path that is not validated yet: an answer names nobody. Of full agents only.
    asked: FxHashMap<Path, PeerKey>,
    /// STUN on paths that are nobody's yet.
    gate: gate::Gate,
    /// Whose ports for plain RTP these are.
    plains: FxHashMap<SocketAddr, PeerKey>,
    /// Whose ICE username fragment of ours it is.
    ufrags: FxHashMap<String, PeerKey>,
    timers: BinaryHeap<ticks::Due>,
    events: VecDeque<Event>,
    path_changes: VecDeque<PathChange>,
    tracks_made: u64,
    totals: WorkerTotals,
    /// RTCP on its way out, before it is sealed.
    scratch: Vec<u8>,
    /// Whose pacer began to hold packets while one was forwarded.
    holding: Vec<PeerKey>,
    /// To whom more than next to nothing was sent, while one was forwarded.
    roused: Vec<PeerKey>,
    shares: share::Shares,
    /// Places that are to be sent a repair packet after the packet that is forwarded.
    repairing: Vec<ConsumerKey>,
    mixing: mixing::Mixing,
    composing: composing::Composing,
}

/// A path that became, or ceased to be, this engine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathChange {
    /// Its datagrams belong here.
    Added(Path),
    /// They do no longer.
    Removed(Path),
    /// A port that was bound for plain RTP is of no more use.
    Closed(SocketAddr),
}

impl Engine {
    /// An engine with no rooms. All workers of a process share one certificate, and one `now`: their clocks begin there.
    #[must_use]
    pub fn new(config: EngineConfig, certificate: Certificate, now: Instant) -> Self {
        Self {
            fingerprint: certificate.fingerprint_sha256(),
            dtls: DtlsSettings::new(certificate, config.dtls),
            rng: StdRng::seed_from_u64(config.seed),
            gate: gate::Gate::new(config.limits.stun_per_s_per_address, now),
            config,
            started: now,
            rooms: SlotMap::with_key(),
            peers: Slots::new(),
            producers: Slots::new(),
            consumers: Slots::new(),
            data: data::Data::default(),
            coupled: FxHashMap::default(),
            room_ids: FxHashMap::default(),
            peer_ids: FxHashMap::default(),
            tracks: FxHashMap::default(),
            paths: FxHashMap::default(),
            asked: FxHashMap::default(),
            plains: FxHashMap::default(),
            ufrags: FxHashMap::default(),
            timers: BinaryHeap::new(),
            events: VecDeque::new(),
            path_changes: VecDeque::new(),
            tracks_made: 0,
            totals: WorkerTotals::default(),
            scratch: Vec::new(),
            holding: Vec::new(),
            roused: Vec::new(),
            shares: share::Shares::default(),
            repairing: Vec::new(),
            mixing: mixing::Mixing::default(),
            composing: composing::Composing::default(),
        }
    }

    /// Our addresses are others from now on. Whoever has a session keeps it, and finds them when he restarts ICE: his answer names
    /// them. A full agent goes there by itself.
    pub fn set_addresses(&mut self, now: Instant, addresses: Vec<AdvertisedAddress>, out: &mut Outbox) {
        for peer in self.peers.values_mut() {
            if let Some(ice) = peer.transport.as_mut().and_then(Connection::ice_mut) {
                ice.add_local_candidates(&addresses);
            }
        }
        self.config.addresses = addresses;
        self.handle_timeout(now, out);
    }

    /// Takes a datagram that arrived at `now`.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>, out: &mut Outbox) {
        self.totals.packets_in += 1;
        self.totals.bytes_in += datagram.bytes.len() as u64;
        let mut whose = None;
        let taken = catch_unwind(AssertUnwindSafe(|| self.ingress(now, datagram, &mut whose, out)));
        if taken.is_err() {
            self.panicked(whose, out);
        }
        self.flush_data(now, out);
        self.flush_mixing(now);
    }

    /// Carries out a command.
    pub fn handle_command(&mut self, now: Instant, command: Command, out: &mut Outbox) {
        let Some(command) = self.postpone(command) else { return };
        let whose = command.peer().and_then(|id| self.peer_ids.get(&id).copied());
        let done = catch_unwind(AssertUnwindSafe(|| self.command(now, command, out)));
        if done.is_err() {
            self.panicked(whose, out);
        }
        self.flush_data(now, out);
        self.flush_mixing(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(timer) = self.pop_due(now) {
            let whose = match timer {
                ticks::Timer::Peer(key) => Some(key),
                ticks::Timer::Room(_) | ticks::Timer::Mix(_) => None,
            };
            let done = catch_unwind(AssertUnwindSafe(|| self.tick(now, timer, out)));
            if done.is_err() {
                self.panicked(whose, out);
            }
            self.flush_data(now, out);
            self.flush_mixing(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next; `None` when nothing is going on.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.peek().map(ticks::Due::at)
    }

    /// The next thing that happened, in order. Drain it after every `handle_*`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next path that changed hands. Drain it after every `handle_*`.
    pub fn poll_path(&mut self) -> Option<PathChange> {
        self.path_changes.pop_front()
    }

    /// The worker's counts, to which the driver adds what only it sees (send calls, transit times).
    pub fn totals_mut(&mut self) -> &mut WorkerTotals {
        &mut self.totals
    }

    /// The worker's counts, with what there is now.
    pub fn totals(&mut self) -> &WorkerTotals {
        self.totals.rooms = self.rooms.len() as u64;
        let of_guests = self.shares.of_guests();
        self.totals.peers = (self.peers.len() - of_guests.peers) as u64;
        self.totals.tracks = (self.tracks.len() - of_guests.tracks) as u64;
        self.totals.data_channels = (self.data.channels.len() - of_guests.channels) as u64;
        let mixes = || self.rooms.values().filter_map(|room| room.mix.as_ref());
        self.totals.mixed_rooms = mixes().count() as u64;
        self.totals.mix_listeners = mixes().map(|mix| mix.listeners() as u64).sum();
        self.totals.mixes = mixes().map(|mix| mix.outputs() as u64).sum();
        self.totals.canvases = self.canvases() as u64;
        &self.totals
    }

    fn command(&mut self, now: Instant, command: Command, out: &mut Outbox) {
        match command {
            Command::Join { room, peer, permissions, stance, reply } => {
                let joined = self.join(now, room, peer, permissions, stance);
                if joined.is_err() {
                    // A share that was to begin with him.
                    self.room_ids.get(&room).copied().into_iter().for_each(|key| self.close_if_empty(key));
                }
                reply.send(joined);
            }
            Command::Leave { peer } => self.leave(peer, out),
            Command::CloseRoom { room } => self.close_room(room, out),
            Command::Offer { peer, offer, reply } => reply.send(self.offer(now, peer, &offer, out)),
            Command::Plain { peer, ask, place, reply } => reply.send(self.plain(now, peer, &ask, &place, out)),
            Command::AddCandidate { peer, candidate } => self.add_candidate(now, peer, &candidate, out),
            Command::Fragment { peer, sdpfrag, reply } => reply.send(self.fragment(now, peer, &sdpfrag, out)),
            Command::Subscribe { peer, mid, track, reply } => reply.send(self.subscribe(now, peer, &mid, track)),
            Command::Prefer { peer, mid, preference, reply } => reply.send(self.prefer(now, peer, &mid, preference)),
            Command::SetDownlink { peer, downlink, reply } => reply.send(self.set_downlink(now, peer, downlink)),
            Command::Name { peer, name } => self.set_name(peer, name),
            Command::Pin { peer, first } => self.pin(peer, first),
            Command::SetAudio { peer, mode, reply } => reply.send(self.set_audio(now, peer, mode)),
            Command::SetMute { peer, track, mute, reply } => reply.send(self.set_mute(now, peer, track, mute)),
            Command::Stand { room, epoch, stances } => self.stand(now, room, epoch, &stances),
            Command::Announce { room, announcement } => self.play(now, room, announcement),
            Command::Hush { room, id } => self.hush(room, id),
            Command::Arrange { room, id, arrangement } => self.arrange(room, id, arrangement),
            Command::Still { ask, max_age, reply } => reply.send(self.still(now, ask, max_age)),
            Command::Stats { room, reply } => reply.send(self.room_stats(now, room)),
        }
    }

    /// Ends the session in whose handling we panicked. If ending it panics as well, what is left of it is out of reach: no id
    /// and no path leads there.
    fn panicked(&mut self, whose: Option<PeerKey>, out: &mut Outbox) {
        self.totals.panics += 1;
        let Some(key) = whose else { return };
        tracing::error!(peer = ?self.peers.get(key).map(|p| p.id), "a session panicked and is closed");
        let closed = catch_unwind(AssertUnwindSafe(|| {
            if self.is_guest(key) {
                // He lives elsewhere, and is well.
                self.remove_guest(key);
            } else {
                self.close_peer(key, Some(CloseCause::Panicked), out);
            }
        }));
        if closed.is_err() {
            self.paths.retain(|_, owner| *owner != key);
            let closed = self.plains.extract_if(|_, owner| *owner == key).map(|(local, _)| PathChange::Closed(local));
            self.path_changes.extend(closed);
            self.ufrags.retain(|_, owner| *owner != key);
            self.peer_ids.retain(|_, owner| *owner != key);
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("rooms", &self.rooms.len())
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}
