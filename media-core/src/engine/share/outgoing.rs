//! What is told to other shares: tracks and how they fare, packets, and the wishes of those who receive here.

use super::message::{Track, Word};
use crate::api::{EncodingUse, PeerId, TrackId};
use crate::engine::Engine;
use crate::forward::{Arrived, Producer, SenderClock};
use crate::keys::{PeerKey, ProducerKey, RoomKey};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Buffers of packets kept for the next ones: what may be under way to the slowest share at 300,000 packets/s for some 10 ms.
const MAX_SPARE: usize = 4_096;

impl Engine {
    /// Tells a share that has just begun all that there is on our side.
    pub(super) fn tell_everything(&mut self, room: RoomKey, to: u8) {
        let peers = self.rooms.get(room).map(|r| r.peers.clone()).unwrap_or_default();
        for peer in peers.iter().filter_map(|peer| Some(self.peers.get(*peer)?.id)).collect::<Vec<_>>() {
            self.about_stance(room, peer).into_iter().for_each(|word| self.tell(to, word));
        }
        let producers: Vec<_> =
            peers.iter().filter_map(|p| self.peers.get(*p)).flat_map(|peer| peer.producers()).collect();
        for producer in producers {
            let Some(word) = self.about_track(producer) else { continue };
            self.tell(to, word);
            for word in self.about_clocks(producer) {
                self.tell(to, word);
            }
        }
        for word in peers.into_iter().flat_map(|peer| self.about_channels(peer)).collect::<Vec<_>>() {
            self.tell(to, word);
        }
    }

    /// Where one of ours stands.
    fn about_stance(&self, room: RoomKey, peer: PeerId) -> Option<Word> {
        let room = self.rooms.get(room)?;
        let (epoch, stance) = room.standings.of(peer)?;
        Some(Word::Stands { room: room.id, peer, epoch, stance: *stance })
    }

    /// One of ours has just come.
    pub(in crate::engine) fn share_stance(&mut self, room: RoomKey, peer: PeerId) {
        if let Some(word) = self.about_stance(room, peer) {
            self.tell_shares(room, || word.clone());
        }
    }

    fn about_track(&self, key: ProducerKey) -> Option<Word> {
        let producer = self.producers.get(key)?;
        let room = self.rooms.get(producer.room)?.id;
        let rids = match &producer.encodings[..] {
            [only] if only.rid.is_empty() => Vec::new(),
            several => several.iter().map(|e| e.rid.clone()).collect(),
        };
        let track = Track { room, info: producer.info.clone(), rids, codecs: producer.codecs.clone() };
        Some(Word::Track(Box::new(track)))
    }

    fn about_clocks(&self, key: ProducerKey) -> Vec<Word> {
        let Some(producer) = self.producers.get(key) else { return Vec::new() };
        let shift = self.peers.get(producer.owner).and_then(|owner| owner.ntp_shift);
        let clocks = (0..).zip(&producer.encodings).filter_map(|(encoding, e)| Some((encoding, e.last_sr?)));
        clocks.map(|(encoding, clock)| Word::Clock { track: producer.info.id, encoding, clock, shift }).collect()
    }

    /// A track of ours is new, or its codecs are.
    pub(in crate::engine) fn share_track(&mut self, key: ProducerKey) {
        let Some(producer) = self.producers.get(key).filter(|p| !self.is_guest(p.owner)) else { return };
        let room = producer.room;
        if self.is_shared(room)
            && let Some(word) = self.about_track(key)
        {
            self.tell_shares(room, || word.clone());
        }
    }

    /// Whether a room has other shares.
    pub(in crate::engine) fn is_shared(&self, room: RoomKey) -> bool {
        self.rooms.get(room).is_some_and(|room| !room.others.is_empty())
    }

    /// The numbers of an encoding of ours mean others from now on.
    pub(in crate::engine) fn share_restart(&mut self, key: ProducerKey, encoding: u8) {
        let Some(Producer { room, info, .. }) = self.producers.get(key) else { return };
        let (room, track) = (*room, info.id);
        self.tell_shares(room, || Word::Restarted { track, encoding });
    }

    /// A sender report of one of ours came.
    pub(in crate::engine) fn share_clock(&mut self, key: ProducerKey, encoding: u8, clock: SenderClock) {
        let Some(producer) = self.producers.get(key) else { return };
        let (room, track) = (producer.room, producer.info.id);
        let shift = self.peers.get(producer.owner).and_then(|owner| owner.ntp_shift);
        self.tell_shares(room, || Word::Clock { track, encoding, clock, shift });
    }

    /// Hands a packet of ours on to every share where somebody receives its track.
    #[inline]
    pub(in crate::engine) fn share_packet(&mut self, key: ProducerKey, encoding: u8, arrived: &Arrived<'_>) {
        let Some(producer) = self.producers.get(key).filter(|p| !p.elsewhere.is_empty()) else { return };
        let mut packet = self.shares.buffer();
        if let Some(packet) = Arc::get_mut(&mut packet) {
            packet.set(producer.info.id, encoding, arrived);
        }
        for (worker, _) in &producer.elsewhere {
            let word = super::LinkMessage(Word::Packet(Arc::clone(&packet)));
            self.shares.outgoing.push_back((*worker, word));
        }
        if self.shares.spare.len() < MAX_SPARE {
            self.shares.spare.push_back(packet);
        }
    }

    /// A track of a guest is looked at otherwise than before: his worker hears which encodings are of use here.
    pub(in crate::engine) fn tell_use(&mut self, key: ProducerKey) {
        let Some(producer) = self.producers.get(key) else { return };
        let Some(worker) = self.peers.get(producer.owner).and_then(|owner| owner.lives_on) else { return };
        let wanted = producer.encodings.iter().take(8).map(|e| e.is_wanted);
        let bits = wanted.zip(0..).fold(0, |bits, (wanted, number)| bits | (u8::from(wanted) << number));
        // Who is looked at at all is asked for something: it is from what comes that the rest is decided.
        let is_of_use = !producer.consumers.is_empty() || producer.tapped.is_some();
        let encodings = if is_of_use { bits.max(1) } else { 0 };
        let track = producer.info.id;
        let told = self.producers.get_mut(key).map(|p| std::mem::replace(&mut p.told_use, encodings));
        if told != Some(encodings) {
            self.tell(worker, Word::Use { track, encodings });
        }
    }

    /// Asks for the key frames that are due of a guest's tracks. The fast tick of one who has no transport here.
    pub(in crate::engine) fn ask_elsewhere(&mut self, now: Instant, guest: PeerKey, worker: u8) {
        let keys: Vec<_> = self.peers.get(guest).into_iter().flat_map(|p| p.producers()).collect();
        let (mut asked, mut again) = (Vec::new(), None::<Instant>);
        for key in keys {
            let Some(producer) = self.producers.get_mut(key) else { continue };
            let track = producer.info.id;
            for (number, encoding) in (0..).zip(&mut producer.encodings) {
                if encoding.keyframes.take_due(now, Duration::ZERO, 0.0) {
                    asked.push((track, number));
                }
            }
            again = again.into_iter().chain(producer.keyframe_deadline(now)).min();
        }
        for (track, encoding) in asked {
            self.tell(worker, Word::KeyFrame { track, encoding });
        }
        if let (Some(at), Some(guest)) = (again, self.peers.get_mut(guest)) {
            guest.timers.hasten(at);
        }
    }

    /// Tells the other shares who of ours is heard.
    pub(in crate::engine) fn share_levels(&mut self, room: RoomKey, levels: &[(PeerId, f32)]) {
        let Some(id) = self.rooms.get(room).map(|r| r.id).filter(|_| !levels.is_empty()) else { return };
        let levels: Vec<_> = levels.iter().map(|(peer, level)| (*peer, level.clamp(0.0, 127.0) as u8)).collect();
        self.tell_shares(room, || Word::Levels { room: id, levels: levels.clone() });
    }

    /// A track of ours ended.
    pub(in crate::engine) fn share_end(&mut self, room: RoomKey, track: TrackId) {
        self.tell_shares(room, || Word::Unpublished { track });
    }

    /// The encodings of a track that are of use, here or elsewhere.
    pub(in crate::engine) fn used_elsewhere(&self, key: ProducerKey) -> impl Iterator<Item = u8> + use<> {
        let uses = self.producers.get(key).into_iter().flat_map(|p| p.elsewhere.iter());
        let bits = uses.fold(0_u8, |all, (_, bits)| all | bits);
        (0..8).filter(move |number| bits & (1 << number) != 0)
    }

    /// Whether a participant is another worker's.
    pub(in crate::engine) fn is_guest(&self, key: PeerKey) -> bool {
        self.peers.get(key).is_some_and(|peer| peer.lives_on.is_some())
    }
}

/// Which encodings are wanted, a bit for each.
pub(super) fn wanted(bits: u8, of: &[EncodingUse]) -> impl Iterator<Item = u8> + use<> {
    let count = of.len().min(8) as u8;
    (0..count).filter(move |number| bits & (1 << number) != 0)
}
