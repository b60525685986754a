//! What is done when its time comes: a queue of deadlines, and for each participant and room what is due.

use super::peer::{Peer, RETRANSMISSIONS_PER_S};
use super::rest::Traffic;
use super::turns::next_turn;
use super::{Engine, PathChange};
use crate::api::{CloseCause, Device, Event, MediaKind, TransportState};
use crate::keys::{PeerKey, ProducerKey, RoomKey};
use crate::room::{SPEAKERS_TICK, SpeakersOf};
use crate::transport::Change;
use crate::wire::{Outbox, Path};
use std::cmp::Ordering;
use std::time::{Duration, Instant};

/// Sender and receiver reports, and checks of time-outs, this far apart.
const REPORT_INTERVAL: Duration = Duration::from_millis(1_000);
/// The same toward an earpiece, which takes little.
const SPARSE_REPORT_INTERVAL: Duration = Duration::from_millis(2_000);
/// The same of those who rest: what RFC 3550 section 6.2 asks for at least.
const REST_INTERVAL: Duration = Duration::from_millis(5_000);
/// NACKs: late enough for reordering to settle, early enough for a receiver's jitter buffer.
pub(super) const NACK_INTERVAL: Duration = Duration::from_millis(20);
/// Transport feedback: a bandwidth estimator wants it every 50 to 100 ms.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);
/// The same toward an earpiece, for which it would be a quarter of all: the longest that libwebrtc chooses.
const SPARSE_FEEDBACK_INTERVAL: Duration = Duration::from_millis(250);

/// How long feedback on what a device sends may wait.
pub(super) fn feedback_interval(device: Device) -> Duration {
    if device.only_hears() { SPARSE_FEEDBACK_INTERVAL } else { FEEDBACK_INTERVAL }
}

/// Whose time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    Peer(PeerKey),
    Room(RoomKey),
    /// Of its mix and its canvases.
    Mix(RoomKey),
}

/// An entry of the queue; the earliest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due(Instant, Timer);

impl Due {
    pub(super) fn new(at: Instant, timer: Timer) -> Self {
        Self(at, timer)
    }

    pub(super) fn at(&self) -> Instant {
        self.0
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Engine {
    /// Sees to it that a participant gets his turn when he needs it. Entries of the queue that are out of date are passed over
    /// when they come up.
    pub(super) fn arm(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let next = peer.timers.next();
        if peer.timers.armed.is_none_or(|armed| next < armed) {
            peer.timers.armed = Some(next);
            self.timers.push(Due(next, Timer::Peer(key)));
        }
    }

    /// The next timer that is due, if it is still meant.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        while self.timers.peek().is_some_and(|due| due.at() <= now) {
            let Due(at, timer) = self.timers.pop()?;
            let meant = match timer {
                Timer::Peer(key) => self.peers.get_mut(key).map(|p| &mut p.timers.armed),
                Timer::Room(key) => self.rooms.get_mut(key).map(|r| &mut r.tick_at),
                Timer::Mix(key) => self.rooms.get_mut(key).map(|r| &mut r.mix_at),
            };
            if let Some(armed) = meant.filter(|armed| **armed == Some(at)) {
                *armed = None;
                return Some(timer);
            }
        }
        self.forget_timers_of_gone();
        None
    }

    /// Drops what comes first in the queue and is of nobody any more: whoever rested would wake us seconds after he left.
    pub(super) fn forget_timers_of_gone(&mut self) {
        while let Some(Due(_, timer)) = self.timers.peek() {
            let is_there = match *timer {
                Timer::Peer(key) => self.peers.get(key).is_some(),
                Timer::Room(key) | Timer::Mix(key) => self.rooms.contains_key(key),
            };
            if is_there {
                return;
            }
            self.timers.pop();
        }
    }

    pub(super) fn tick(&mut self, now: Instant, timer: Timer, out: &mut Outbox) {
        match timer {
            Timer::Peer(key) => self.tick_peer(now, key, out),
            Timer::Room(key) => self.tick_room(now, key),
            Timer::Mix(key) => {
                self.tick_mix(now, key);
                self.tick_composing(now, key);
            }
        }
    }

    fn tick_peer(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let timers = peer.timers;
        if timers.report_at <= now {
            // Before anything else, as others rest until then.
            let rests = peer.may_rest(&self.config.limits.data);
            let interval = match () {
                () if rests => REST_INTERVAL,
                () if peer.downlink.device.only_hears() => SPARSE_REPORT_INTERVAL,
                () => REPORT_INTERVAL,
            };
            peer.timers.report_at = next_turn(self.started, now, interval, key);
            peer.timers.rests = rests;
            (peer.came, peer.outflow.went) = (Traffic::new(), Traffic::new());
            peer.retransmissions_left = RETRANSMISSIONS_PER_S;
        }
        let mut failed = None;
        let moves = timers.transport_at.is_some_and(|at| at <= now);
        if moves {
            failed = peer.transport.as_mut().and_then(|t| t.handle_timeout(now));
        }
        if timers.fast_at.is_some_and(|at| at <= now) {
            peer.timers.fast_at = None;
            self.write_fast_feedback(now, key, out);
        }
        if timers.allocate_at.is_some_and(|at| at <= now) {
            self.allocate(now, key, out);
        } else if timers.pace_at.is_some_and(|at| at <= now) {
            self.pace(now, key, out);
        }
        if timers.report_at <= now {
            self.tick_data(now, key);
            self.write_reports(now, key, out);
            self.renew_picture(now, key);
            self.pause_unwatched(now, key);
            self.forget_old(now, key);
            self.review_audio(now, key);
            if self.is_overdue(now, key) {
                return self.close_peer(key, Some(CloseCause::TimedOut), out);
            }
        }
        if let Some(change) = failed {
            self.transport_changed(now, key, change, out);
        }
        if moves {
            self.settle(now, key, out);
        } else {
            self.arm(key);
            self.touch_data(key);
        }
    }

    /// More than next to nothing comes from a participant who rested, or goes to him: his turns are as often again as others'.
    pub(super) fn rouse(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.timers.rests) else { return };
        peer.timers.rests = false;
        let turn = next_turn(self.started, now, REPORT_INTERVAL, key);
        peer.timers.report_at = peer.timers.report_at.min(turn);
        peer.timers.allocate_at = peer.timers.allocate_at.map(|at| at.min(turn));
        self.arm(key);
    }

    /// Gives back what was kept of a participant's streams that rest.
    fn forget_old(&mut self, now: Instant, key: PeerKey) {
        for producer in self.peers.get(key).into_iter().flat_map(Peer::producers) {
            self.producers.get_mut(producer).into_iter().for_each(|producer| producer.forget_old(now));
        }
    }

    /// Whether a participant's transport has been down for longer than it may.
    fn is_overdue(&self, now: Instant, key: PeerKey) -> bool {
        let Some(peer) = self.peers.get(key) else { return false };
        let Some(transport) = peer.transport.as_ref().filter(|t| t.plain().is_none()) else { return false };
        let limit = if peer.was_connected {
            Duration::from_millis(self.config.limits.disconnected_ms)
        } else {
            self.config.limits.connect_timeout
        };
        transport.state() != TransportState::Connected && now.saturating_duration_since(peer.waiting_since) > limit
    }

    /// Drains a participant's transport, tells what changed, and arms his timer. Ends whatever touched his transport.
    pub(super) fn settle(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let changes = peer.transport.as_mut().map(|t| t.drain(now, key.flow(), out)).unwrap_or_default();
        for change in changes {
            self.transport_changed(now, key, change, out);
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        if let Some(transport) = &mut peer.transport {
            peer.timers.transport_at = transport.next_deadline(now);
            for path in transport.take_asked() {
                // Whoever asked there first: another must not draw his answers away.
                self.asked.entry(path).or_insert(key);
            }
        }
        self.arm(key);
        self.touch_data(key);
    }

    pub(super) fn transport_changed(&mut self, now: Instant, key: PeerKey, change: Change, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        match change {
            Change::Dropped(cause) => self.totals.dropped(cause),
            Change::Silent => self.close_peer(key, Some(CloseCause::TimedOut), out),
            Change::ClosedByClient => self.close_peer(key, Some(CloseCause::ClosedByClient), out),
            Change::Failed(why) => {
                tracing::info!(peer = %peer.id, why, "the DTLS handshake failed");
                self.close_peer(key, Some(CloseCause::DtlsFailed), out);
            }
            Change::State(state) => {
                if state == TransportState::Connected && !peer.was_connected {
                    peer.was_connected = true;
                    self.totals.connected += 1;
                    self.totals.connect_ms += now.saturating_duration_since(peer.waiting_since).as_millis() as u64;
                }
                peer.waiting_since = now;
                let (id, room) = (peer.id, peer.room);
                if let Some(room) = self.rooms.get(room) {
                    self.events.push_back(Event::Transport { room: room.id, peer: id, state });
                }
                if state == TransportState::Connected {
                    self.begin_again(now, key);
                }
            }
        }
    }

    /// A receiver can be reached, perhaps again: what was not sent meanwhile is not made up for.
    pub(super) fn begin_again(&mut self, now: Instant, key: PeerKey) {
        let places: Vec<_> = self.peers.get(key).into_iter().flat_map(|p| p.consumers()).collect();
        for place in places {
            self.consumers.get_mut(place).into_iter().for_each(|consumer| consumer.resplice());
        }
        self.look_again(now, key);
    }

    /// Has a key frame asked of a track's publisher, as soon as it may be.
    pub(super) fn want_keyframe(&mut self, now: Instant, key: ProducerKey, encoding: u8) {
        let Some(producer) = self.producers.get_mut(key).filter(|p| p.info.kind == MediaKind::Video) else { return };
        let Some(encoding) = producer.encodings.get_mut(usize::from(encoding)) else { return };
        encoding.keyframes.want();
        if producer.is_canvas {
            return self.ask_canvas(now, key);
        }
        let owner = producer.owner;
        if let (Some(at), Some(peer)) = (encoding.keyframes.deadline(now), self.peers.get_mut(owner)) {
            peer.timers.hasten(at);
            self.arm(owner);
        }
    }

    /// Has a room's levels looked at from now on.
    pub(super) fn wake_room(&mut self, now: Instant, key: RoomKey) {
        if let Some(room) = self.rooms.get_mut(key)
            && room.tick_at.is_none()
        {
            room.tick_at = Some(now + SPEAKERS_TICK);
            self.timers.push(Due(now + SPEAKERS_TICK, Timer::Room(key)));
        }
    }

    fn tick_room(&mut self, now: Instant, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let (mut speaking, mut alive) = (Vec::new(), false);
        let mut ours = Vec::new();
        for producer in room.everyone().filter_map(|p| self.peers.get(p)).flat_map(Peer::producers) {
            let Some(producer) = self.producers.get_mut(producer) else { continue };
            if producer.is_microphone() {
                alive |= producer.meter.is_alive(now);
                let Some(voice) = producer.meter.tick(now, producer.info.peer) else { continue };
                speaking.push(voice);
                if self.peers.get(producer.owner).is_some_and(|owner| owner.lives_on.is_none()) {
                    ours.push((voice.peer, voice.level_dbov));
                }
            }
        }
        let someone = alive || !speaking.is_empty();
        let Some(room) = self.rooms.get_mut(key) else { return };
        let (id, told) = (room.id, room.take_levels(&speaking));
        if !told.is_empty() {
            self.compose_changed(key);
        }
        if self.rooms.get(key).is_some_and(|room| self.speaks_for(room)) {
            self.events.extend(told.into_iter().map(|SpeakersOf { circle, speaking: speakers, dominant }| {
                Event::Speakers { room: id, circle, speakers, dominant }
            }));
        }
        self.share_levels(key, &ours);
        if someone {
            self.wake_room(now, key);
        }
    }

    /// A path's datagrams are this participant's from now on: ICE said so.
    pub(super) fn learn_path(&mut self, now: Instant, key: PeerKey, path: Path) {
        let before = self.paths.get(&path).copied();
        let uses_it = |peer: &Peer| peer.transport.as_ref().is_some_and(|t| t.is_in_use(now, &path));
        if before.is_some_and(|owner| owner != key && self.peers.get(owner).is_some_and(uses_it)) {
            // A forged source is no reason to take a path from one who is there.
            return;
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        // The one heard of last comes last, so that the first is the one to go; never the one in use.
        peer.paths.retain(|known| *known != path);
        let in_use = peer.transport.as_ref().and_then(|t| t.path());
        let oldest = peer.paths.iter().position(|known| Some(*known) != in_use);
        let is_full = peer.paths.len() >= super::peer::MAX_PATHS;
        let crowded_out = oldest.filter(|_| is_full).map(|oldest| peer.paths.remove(oldest));
        peer.paths.push(path);
        if before == Some(key) {
            return;
        }
        if let Some(before) = self.paths.insert(path, key)
            && let Some(peer) = self.peers.get_mut(before)
        {
            peer.paths.retain(|p| *p != path);
        }
        self.path_changes.push_back(PathChange::Added(path));
        if let Some(old) = crowded_out {
            self.forget_path(key, old);
        }
    }

    pub(super) fn forget_path(&mut self, key: PeerKey, path: Path) {
        if self.paths.get(&path) == Some(&key) {
            self.paths.remove(&path);
            self.path_changes.push_back(PathChange::Removed(path));
        }
    }
}
