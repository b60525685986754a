//! Who is in, what he shows, what he sees: joining, leaving, subscribing, muting, figures.

use super::Engine;
use super::outflow::Outflow;
use super::peer::Peer;
use super::share::Word;
use crate::api::{
    CanvasLayout, CloseCause, Downlink, Event, JoinError, Mute, PeerId, PeerStats, Permissions, Preference, RoomId,
    RoomStats, SubscribeError, TrackError, TrackId, TrackInfo, TransportState,
};
use crate::audience::Stance;
use crate::bandwidth::BandwidthLimits;
use crate::keys::{ConsumerKey, PeerKey, ProducerKey, RoomKey};
use crate::mix::audio::ListenerId;
use crate::room::Room;
use crate::transport::Plain;
use crate::transport::srtp::Profile;
use crate::wire::Outbox;
use rand::Rng;
use std::time::Instant;

impl Engine {
    pub(super) fn join(
        &mut self,
        now: Instant,
        room: RoomId,
        peer: PeerId,
        permissions: Permissions,
        stance: Stance,
    ) -> Result<Vec<TrackInfo>, JoinError> {
        if self.peer_ids.contains_key(&peer) {
            return Err(JoinError::AlreadyJoined);
        }
        let full = |r: &Room| r.peers.len() >= self.config.limits.peers_per_room;
        if self.room_ids.get(&room).is_some_and(|key| self.rooms.get(*key).is_some_and(full)) {
            return Err(JoinError::RoomFull);
        }
        let room_key = self.room_of(room);
        // `o=` wants a number that fits 63 bits and is not used again (RFC 8829 section 5.2.1).
        let session_id = self.rng.next_u64() >> 2;
        let outflow = self.new_outflow(now);
        let key = self.peers.insert(Peer::new(peer, room_key, permissions, session_id, outflow, now));
        self.peer_ids.insert(peer, key);
        if let Some(room) = self.rooms.get_mut(room_key) {
            room.peers.push(key);
            room.standings.set(peer, 0, stance);
        }
        self.share_stance(room_key, peer);
        // What was said before he came is not for him.
        self.note_left_stance(now, room_key, peer, Stance { held: true, ..stance });
        self.mix_changed(room_key);
        Ok(self.tracks_for(room_key, peer))
    }

    /// The tracks in a room that one of its participants may know of.
    fn tracks_for(&self, room: RoomKey, peer: PeerId) -> Vec<TrackInfo> {
        let Some(room) = self.rooms.get(room) else { return Vec::new() };
        room.everyone()
            .filter_map(|key| self.peers.get(key))
            .filter(|other| room.standings.knows(peer, other.id))
            .flat_map(Peer::producers)
            .filter_map(|key| Some(self.producers.get(key)?.info.clone()))
            .collect()
    }

    pub(super) fn leave(&mut self, peer: PeerId, out: &mut Outbox) {
        if let Some(key) = self.peer_ids.get(&peer).copied() {
            self.close_peer(key, None, out);
        }
    }

    pub(super) fn close_room(&mut self, room: RoomId, out: &mut Outbox) {
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        for peer in self.rooms.get(key).map(|r| r.peers.clone()).unwrap_or_default() {
            self.close_peer(peer, Some(CloseCause::RoomClosed), out);
        }
        self.close_if_empty(key);
    }

    /// Ends a session, whoever wants it; with a cause when the client or his signalling does not know yet.
    pub(super) fn close_peer(&mut self, key: PeerKey, cause: Option<CloseCause>, out: &mut Outbox) {
        self.forget_transport(key, out);
        let Some(peer) = self.peers.remove(key) else { return };
        self.forget_timers_of_gone();
        self.peer_ids.remove(&peer.id);
        peer.consumers().for_each(|consumer| self.remove_consumer(consumer));
        peer.producers().for_each(|producer| self.remove_producer(producer));
        let room_key = peer.room;
        let Some(room) = self.rooms.get_mut(room_key) else { return };
        room.peers.retain(|p| *p != key);
        room.forget_speaker(peer.id);
        room.standings.remove(peer.id);
        let id = peer.id;
        self.forget_listener_id(room_key, ListenerId(id.0));
        self.mix_changed(room_key);
        let Some(room) = self.rooms.get_mut(room_key) else { return };
        let room_id = room.id;
        if let Some(cause) = cause {
            self.events.push_back(Event::Closed { room: room_id, peer: peer.id, cause });
        }
        self.share_leave(room_key, id);
        self.close_if_empty(room_key);
    }

    /// Closes a participant's transport and forgets every way that led to it.
    pub(super) fn forget_transport(&mut self, key: PeerKey, out: &mut Outbox) {
        self.forget_data(key);
        let Some(peer) = self.peers.get_mut(key) else { return };
        let paths = std::mem::take(&mut peer.paths);
        if let Some(mut transport) = peer.transport.take() {
            transport.close(key.flow(), out);
            if let Some(ice) = transport.ice_mut() {
                self.ufrags.remove(ice.ufrag());
                if ice.is_full() {
                    self.asked.retain(|_, owner| *owner != key);
                }
            }
            if let Some(plain) = transport.plain() {
                self.forget_plain(plain);
            }
        }
        for path in paths {
            self.forget_path(key, path);
        }
    }

    pub(super) fn remove_producer(&mut self, key: ProducerKey) {
        let Some(producer) = self.producers.remove(key) else { return };
        self.tracks.remove(&producer.info.id);
        self.mix_changed(producer.room);
        for consumer in &producer.consumers {
            if let Some(consumer) = self.consumers.get_mut(*consumer) {
                consumer.show(None);
                consumer.wish = None;
            }
        }
        if let Some(owner) = self.peers.get_mut(producer.owner) {
            owner.streams.retain(|_, stream| stream.producer() != key);
            if producer.info.mute.by_moderator && !owner.moderated.contains(&producer.info.source) {
                owner.moderated.push(producer.info.source);
            }
        }
        let (peer, track) = (producer.info.peer, producer.info.id);
        if self.is_guest(producer.owner) {
            self.shares.lost_track();
            if let Some(guest) = self.peers.get_mut(producer.owner) {
                guest.sections.retain(|section| section.producer != Some(key));
            }
        } else if let Some(room) = self.rooms.get(producer.room) {
            self.events.push_back(Event::Unpublished { room: room.id, peer, track });
            self.share_end(producer.room, track);
        }
    }

    pub(super) fn remove_consumer(&mut self, key: ConsumerKey) {
        let Some(consumer) = self.consumers.remove(key) else { return };
        if let Some((shown, _)) = consumer.source
            && let Some(producer) = self.producers.get_mut(shown)
        {
            producer.consumers.retain(|k| *k != key);
            self.tell_use(shown);
        }
        if let Some(owner) = self.peers.get_mut(consumer.owner) {
            owner.places.remove(&consumer.ssrc);
        }
        if consumer.is_for_mix {
            self.lost_mix_place(consumer.owner);
        }
        if consumer.canvas.is_some()
            && let Some(room) = self.peers.get(consumer.owner).map(|owner| owner.room)
        {
            self.compose_changed(room);
        }
    }

    pub(super) fn subscribe(
        &mut self,
        now: Instant,
        peer: PeerId,
        mid: &str,
        track: Option<TrackId>,
    ) -> Result<(), SubscribeError> {
        let key = *self.peer_ids.get(&peer).ok_or(SubscribeError::NoSuchPeer)?;
        let viewer = self.peers.get(key).ok_or(SubscribeError::NoSuchPeer)?;
        let place = viewer.section(mid).and_then(|s| s.consumer).ok_or(SubscribeError::NoSuchMid)?;
        self.point(now, place, track)
    }

    /// Points a place at a track of the same room and kind, or at none.
    pub(super) fn point(
        &mut self,
        now: Instant,
        place: ConsumerKey,
        track: Option<TrackId>,
    ) -> Result<(), SubscribeError> {
        if track == Some(TrackId::MIX) {
            return self.point_at_mix(now, place);
        }
        if let Some(layout) = track.and_then(CanvasLayout::of) {
            return self.point_at_canvas(now, place, layout);
        }
        let source = track.map(|t| Ok((*self.tracks.get(&t).ok_or(SubscribeError::NoSuchTrack)?, t))).transpose()?;
        let consumer = self.consumers.get(place).ok_or(SubscribeError::NoSuchMid)?;
        if let Some((producer, _)) = source {
            let producer = self.producers.get(producer).ok_or(SubscribeError::NoSuchTrack)?;
            let room_of = |key| self.peers.get(key).map(|p| p.room);
            if room_of(producer.owner) != room_of(consumer.owner) || !self.may_know(consumer, producer) {
                return Err(SubscribeError::NoSuchTrack);
            }
            let permitted = self.peers.get(consumer.owner).is_some_and(|p| p.permissions.subscribe);
            if producer.owner == consumer.owner || !permitted {
                return Err(SubscribeError::Refused);
            }
            if producer.info.kind != consumer.kind {
                return Err(SubscribeError::WrongKind);
            }
        }
        if consumer.wish != source || consumer.is_for_mix || consumer.canvas.is_some() {
            let owner = consumer.owner;
            let Some(consumer) = self.consumers.get_mut(place) else { return Ok(()) };
            (consumer.wish, consumer.told) = (source, None);
            let was_for_mix = std::mem::take(&mut consumer.is_for_mix);
            if was_for_mix {
                consumer.end_mix();
                self.choose_audio(now, owner);
            }
            self.leave_canvas(place);
            self.route(now, place);
        }
        Ok(())
    }

    /// What a track offers changed: everyone who may see it looks again.
    pub(super) fn show_viewers(&mut self, now: Instant, key: ProducerKey) {
        let places = self.producers.get(key).map(|p| p.consumers.as_slice()).unwrap_or_default();
        let viewers: Vec<_> = places.iter().filter_map(|c| Some(self.consumers.get(*c)?.owner)).collect();
        viewers.into_iter().for_each(|viewer| self.look_again(now, viewer));
    }

    pub(super) fn prefer(
        &mut self,
        now: Instant,
        peer: PeerId,
        mid: &str,
        preference: Preference,
    ) -> Result<(), SubscribeError> {
        let key = *self.peer_ids.get(&peer).ok_or(SubscribeError::NoSuchPeer)?;
        let viewer = self.peers.get(key).ok_or(SubscribeError::NoSuchPeer)?;
        let place = viewer.section(mid).and_then(|s| s.consumer).ok_or(SubscribeError::NoSuchMid)?;
        let consumer = self.consumers.get_mut(place).ok_or(SubscribeError::NoSuchMid)?;
        consumer.preference = preference;
        self.look_again(now, key);
        Ok(())
    }

    pub(super) fn set_downlink(
        &mut self,
        now: Instant,
        peer: PeerId,
        downlink: Downlink,
    ) -> Result<(), SubscribeError> {
        let key = *self.peer_ids.get(&peer).ok_or(SubscribeError::NoSuchPeer)?;
        self.peers.get_mut(key).ok_or(SubscribeError::NoSuchPeer)?.downlink = downlink;
        self.look_again(now, key);
        self.takes_otherwise(now, key);
        Ok(())
    }

    pub(super) fn set_mute(
        &mut self,
        now: Instant,
        peer: PeerId,
        track: TrackId,
        mute: Mute,
    ) -> Result<TrackInfo, TrackError> {
        let owner = *self.peer_ids.get(&peer).ok_or(TrackError::NoSuchPeer)?;
        let key = *self.tracks.get(&track).ok_or(TrackError::NoSuchTrack)?;
        let producer = self.producers.get(key).filter(|p| p.owner == owner).ok_or(TrackError::NoSuchTrack)?;
        let room = producer.room;
        self.tell_shares(room, || Word::Muted { track, mute });
        self.mute_track(now, key, mute).ok_or(TrackError::NoSuchTrack)
    }

    /// Silences a track, or lets it be heard again, at its receivers here.
    pub(super) fn mute_track(&mut self, now: Instant, key: ProducerKey, mute: Mute) -> Option<TrackInfo> {
        let producer = self.producers.get_mut(key)?;
        let before = std::mem::replace(&mut producer.info.mute, mute);
        let (info, room) = (producer.info.clone(), producer.room);
        self.compose_changed(room);
        let producer = self.producers.get_mut(key)?;
        if before.is_muted() && !mute.is_muted() {
            for consumer in &producer.consumers {
                if let Some(consumer) = self.consumers.get_mut(*consumer) {
                    consumer.resplice();
                }
            }
            self.show_viewers(now, key);
        }
        Some(info)
    }

    /// An outflow of which nothing is known.
    pub(super) fn new_outflow(&self, now: Instant) -> Outflow {
        let limits = &self.config.limits;
        let range = BandwidthLimits {
            start_bps: limits.downlink_start_bps,
            min_bps: limits.downlink_min_bps,
            max_bps: limits.downlink_max_bps,
        };
        Outflow::new(range, now)
    }

    pub(super) fn room_stats(&mut self, now: Instant, room: RoomId) -> Option<RoomStats> {
        let keys = self.rooms.get(*self.room_ids.get(&room)?)?.peers.clone();
        let peers = keys.into_iter().filter_map(|key| self.peer_stats(now, key)).collect();
        Some(RoomStats { peers })
    }

    fn peer_stats(&mut self, now: Instant, key: PeerKey) -> Option<PeerStats> {
        let downlink = self.downlink_stats(now, key);
        let peer = self.peers.get(key)?;
        let transport = peer.transport.as_ref();
        Some(PeerStats {
            peer: peer.id,
            state: transport.map_or(TransportState::Connecting, |t| t.state()),
            rtt_ms: peer.rtt.map(|rtt| rtt.as_secs_f32() * 1_000.0),
            srtp_profile: transport.and_then(|t| t.profile()).map(Profile::name),
            downlink,
            receive: peer.producers().filter_map(|key| Some(self.producers.get(key)?.stats(now))).collect(),
            send: peer.consumers().filter_map(|key| Some(self.consumers.get(key)?.stats())).collect(),
            plain: transport.and_then(|t| t.plain()).map(Plain::stats).unwrap_or_default(),
        })
    }
}
