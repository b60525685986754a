//! Publishers of other shares, as they are here: a name, their tracks, and no transport.

use super::message::{Track, Word};
use crate::api::{PeerId, Permissions, RoomId, TrackId};
use crate::engine::Engine;
use crate::engine::peer::{Peer, Section};
use crate::forward::Producer;
use crate::keys::{PeerKey, ProducerKey, RoomKey};
use std::time::Instant;

impl Engine {
    /// The guest of this name, who is one from now on.
    pub(super) fn guest(&mut self, now: Instant, from: u8, room: RoomKey, id: PeerId) -> PeerKey {
        if let Some(key) = self.shares.guests.get(&id).copied() {
            if self.peers.get(key).is_some_and(|guest| guest.lives_on == Some(from) && guest.room == room) {
                return key;
            }
            self.remove_guest(key);
        }
        let outflow = self.new_outflow(now);
        let mut guest = Peer::new(id, room, Permissions::ALL, 0, outflow, now);
        guest.lives_on = Some(from);
        let key = self.peers.insert(guest);
        self.shares.guests.insert(id, key);
        if let Some(room) = self.rooms.get_mut(room) {
            room.guests.push(key);
        }
        self.arm(key);
        key
    }

    /// Forgets a guest and all that is his.
    pub(in crate::engine) fn remove_guest(&mut self, key: PeerKey) {
        self.forget_data(key);
        let Some(guest) = self.peers.get(key) else { return };
        let (id, room) = (guest.id, guest.room);
        let producers: Vec<_> = guest.producers().collect();
        producers.into_iter().for_each(|producer| self.remove_producer(producer));
        self.peers.remove(key);
        self.shares.guests.retain(|_, guest| *guest != key);
        if let Some(room) = self.rooms.get_mut(room) {
            room.guests.retain(|guest| *guest != key);
            room.forget_speaker(id);
            room.standings.remove(id);
        }
    }

    /// Takes a guest's track, or what changed of it.
    pub(super) fn take_track(&mut self, now: Instant, from: u8, room: RoomKey, track: &Track) {
        let guest = self.guest(now, from, room, track.info.peer);
        let known = self
            .tracks
            .get(&track.info.id)
            .copied()
            .filter(|key| self.producers.get(*key).is_some_and(|p| p.owner == guest && p.kind() == track.kind()));
        let key = known.unwrap_or_else(|| {
            let info = track.info.clone();
            let key = self.producers.insert(Producer::new(guest, room, info, &track.rids, &self.config.limits));
            self.open_portrait(key);
            self.tracks.insert(track.info.id, key);
            self.shares.of_guests.tracks += 1;
            self.mix_changed(room);
            if let Some(guest) = self.peers.get_mut(guest) {
                guest.sections.push(Section { mid: track.info.mid.clone(), producer: Some(key), consumer: None });
            }
            key
        });
        if let Some(producer) = self.producers.get_mut(key) {
            producer.codecs = track.codecs();
        }
    }

    /// A guest's track of this name, if it is one of that worker's.
    pub(super) fn guest_track(&self, from: u8, track: TrackId) -> Option<ProducerKey> {
        let key = *self.tracks.get(&track)?;
        let owner = self.producers.get(key)?.owner;
        (self.peers.get(owner)?.lives_on == Some(from)).then_some(key)
    }

    /// A track of ours of this name, in a room that is shared with that worker.
    pub(super) fn own_track(&self, from: u8, track: TrackId) -> Option<ProducerKey> {
        let key = *self.tracks.get(&track)?;
        let producer = self.producers.get(key)?;
        let is_shared = self.rooms.get(producer.room)?.others.iter().any(|other| other.worker == from);
        (is_shared && !self.is_guest(producer.owner)).then_some(key)
    }

    /// The room of this name, if it is shared with that worker.
    pub(super) fn shared_room(&self, from: u8, room: RoomId) -> Option<RoomKey> {
        let key = *self.room_ids.get(&room)?;
        self.rooms.get(key)?.others.iter().any(|other| other.worker == from).then_some(key)
    }

    /// A participant of ours left, or was never more than half in.
    pub(in crate::engine) fn share_leave(&mut self, room: RoomKey, peer: PeerId) {
        if let Some(id) = self.rooms.get(room).map(|room| room.id) {
            self.tell_shares(room, || Word::Left { room: id, peer });
        }
    }

    /// A room is shared with a worker no more: what was there is gone.
    pub(super) fn forget_share(&mut self, room: RoomKey, worker: u8) {
        let Some(shared) = self.rooms.get_mut(room) else { return };
        shared.others.retain(|other| other.worker != worker);
        let (guests, peers) = (shared.guests.clone(), shared.peers.clone());
        for guest in guests {
            if self.peers.get(guest).is_some_and(|guest| guest.lives_on == Some(worker)) {
                self.remove_guest(guest);
            }
        }
        for peer in peers {
            let producers: Vec<_> = self.peers.get(peer).into_iter().flat_map(|p| p.producers()).collect();
            for key in producers {
                let producer = self.producers.get_mut(key);
                producer.into_iter().for_each(|p| p.elsewhere.retain(|(other, _)| *other != worker));
            }
            self.release_elsewhere(peer, worker);
        }
    }
}
