//! What other shares tell.

use super::LinkMessage;
use super::message::Word;
use super::outgoing::wanted;
use crate::api::{Mute, PeerId, RoomId, TrackId};
use crate::engine::Engine;
use crate::engine::peer::Stream;
use crate::keys::{ProducerKey, RoomKey};
use crate::wire::Outbox;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

impl Engine {
    /// Takes a word of another worker's engine. Of rooms that are not shared with it, it has nothing to say.
    pub fn handle_link(&mut self, now: Instant, from: u8, message: LinkMessage, out: &mut Outbox) {
        let taken = catch_unwind(AssertUnwindSafe(|| self.take_word(now, from, message.0, out)));
        if taken.is_err() {
            self.panicked(None, out);
        }
        self.flush_data(now, out);
        self.flush_mixing(now);
    }

    fn take_word(&mut self, now: Instant, from: u8, word: Word, out: &mut Outbox) {
        match word {
            Word::Packet(packet) => {
                let Some(key) = self.guest_track(from, packet.track) else { return };
                let Some(owner) = self.producers.get(key).map(|p| p.owner) else { return };
                self.take_in(owner, Stream::Media(key, packet.encoding), &packet.arrived(now), out);
            }
            Word::Hello { room, epoch } => self.greeted(from, room, epoch),
            Word::Synced { room, epoch } => self.synced(now, from, room, epoch, out),
            Word::Parted { room, epoch } => self.parted(now, from, room, epoch, out),
            Word::Track(track) => {
                if let Some(room) = self.shared_room(from, track.room) {
                    self.take_track(now, from, room, &track);
                }
            }
            Word::Unpublished { track } => {
                if let Some(key) = self.guest_track(from, track) {
                    self.remove_producer(key);
                }
            }
            Word::Muted { track, mute } => self.guest_muted(now, from, track, mute),
            Word::Restarted { track, encoding } => {
                if let Some(key) = self.guest_track(from, track) {
                    self.guest_restarted(key, encoding);
                }
            }
            Word::Clock { track, encoding, clock, shift } => {
                let Some(producer) = self.guest_track(from, track).and_then(|key| self.producers.get_mut(key)) else {
                    return;
                };
                if let Some(encoding) = producer.encodings.get_mut(usize::from(encoding)) {
                    encoding.last_sr = Some(clock);
                }
                let owner = producer.owner;
                self.peers.get_mut(owner).into_iter().for_each(|owner| owner.ntp_shift = shift);
            }
            Word::Use { track, encodings } => self.used_there(now, from, track, encodings),
            Word::KeyFrame { track, encoding } => {
                if let Some(key) = self.own_track(from, track) {
                    self.want_keyframe(now, key, encoding);
                }
            }
            Word::Levels { room, levels } => {
                if let Some(room) = self.shared_room(from, room) {
                    self.guests_heard(now, room, &levels);
                }
            }
            Word::Stands { room, peer, epoch, stance } => self.stand(now, room, epoch, &[(peer, stance)]),
            Word::Left { room, peer } => {
                if let Some(room) = self.shared_room(from, room).and_then(|room| self.rooms.get_mut(room)) {
                    room.standings.remove(peer);
                }
                let guest = self.shares.guests.get(&peer).copied();
                if let Some(key) = guest.filter(|key| self.peers.get(*key).is_some_and(|p| p.lives_on == Some(from))) {
                    self.remove_guest(key);
                }
            }
            Word::ChannelOpened { room, owner, stream, at_home, open } => {
                if let Some(room) = self.shared_room(from, room) {
                    let guest = self.guest(now, from, room, owner);
                    self.guest_opened(guest, (stream, at_home), open);
                }
            }
            Word::ChannelClosed { owner, stream } => self.guest_closed(from, owner, stream),
            Word::Said { owner, stream, kind, bytes } => self.guest_said(now, from, owner, stream, (kind, bytes)),
            Word::Held { channel, held } => self.held_elsewhere(from, channel, held),
        }
    }

    fn synced(&mut self, now: Instant, from: u8, room: RoomId, epoch: u64, out: &mut Outbox) {
        let shared = self.room_ids.get(&room).and_then(|key| self.rooms.get_mut(*key));
        let others = shared.into_iter().flat_map(|room| &mut room.others);
        others.filter(|o| (o.worker, o.epoch) == (from, epoch)).for_each(|o| o.is_awaited = false);
        self.resume(now, room, out);
    }

    fn parted(&mut self, now: Instant, from: u8, id: RoomId, epoch: u64, out: &mut Outbox) {
        let Some(key) = self.room_ids.get(&id).copied() else { return };
        let Some(room) = self.rooms.get(key) else { return };
        if room.others.iter().any(|other| other.worker == from && epoch >= other.epoch) {
            self.forget_share(key, from);
            self.resume(now, id, out);
            self.close_if_empty(key);
        }
    }

    fn guest_muted(&mut self, now: Instant, from: u8, track: TrackId, mute: Mute) {
        if let Some(key) = self.guest_track(from, track) {
            self.mute_track(now, key, mute);
        }
    }

    fn guest_restarted(&mut self, key: ProducerKey, encoding: u8) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        let Some(stream) = producer.encodings.get_mut(usize::from(encoding)) else { return };
        stream.restart(0);
        for consumer in &producer.consumers {
            self.consumers.get_mut(*consumer).into_iter().for_each(|c| c.encoding_restarted(encoding));
        }
    }

    /// Another share has a use for other encodings of a track of ours than before.
    fn used_there(&mut self, now: Instant, from: u8, track: TrackId, encodings: u8) {
        let Some(key) = self.own_track(from, track) else { return };
        let Some(producer) = self.producers.get_mut(key) else { return };
        producer.elsewhere.retain(|(worker, _)| *worker != from);
        if encodings != 0 {
            producer.elsewhere.push((from, encodings));
        }
        let all = producer.encodings_in_use();
        let mut changed = false;
        for encoding in wanted(encodings, &all) {
            changed |= self.producers.get_mut(key).is_some_and(|p| p.want(now, encoding));
        }
        if changed {
            self.tell_encodings(key);
        }
    }

    fn guests_heard(&mut self, now: Instant, room: RoomKey, levels: &[(PeerId, u8)]) {
        for (peer, level) in levels {
            let Some(guest) = self.shares.guests.get(peer).and_then(|key| self.peers.get(*key)) else { continue };
            if guest.room != room {
                continue;
            }
            let producers: Vec<_> = guest.producers().collect();
            for key in producers {
                let microphone = self.producers.get_mut(key).filter(|p| p.is_microphone());
                microphone.into_iter().for_each(|p| p.meter.note(now, *level));
            }
        }
        self.wake_room(now, room);
    }
}
