//! How somebody hears others: each in his own place, or all in one. Changed live, and made before it is broken: the old goes on
//! until the first packet of the new is sent.

use super::super::Engine;
use super::room::MixedRoom;
use crate::api::{AudioMode, AudioPath, Device, Event, MediaKind, PeerId, SubscribeError};
use crate::keys::{ConsumerKey, PeerKey, RoomKey};
use crate::mix::audio::ListenerId;
use crate::mixer::{Choice, Facts};
use std::time::{Duration, Instant};

/// Who leaves the mix gets it for so long at most until what is forwarded comes: three packets. Then nobody speaks.
const LEAVE_AFTER: Duration = Duration::from_millis(60);

/// Who spoke within this time takes part in the talk.
const TALKS_FOR: Duration = Duration::from_secs(8);

/// How one participant hears others.
#[derive(Debug, Default)]
pub(in crate::engine) struct PeerAudio {
    /// As he wants it.
    mode: AudioMode,
    choice: Choice,
    /// What was chosen, and what is so.
    pub(super) chosen: AudioPath,
    pub(super) path: AudioPath,
    pub(super) leaving: Option<Leaving>,
    /// His path loses packets.
    pub(super) is_lossy: bool,
}

/// Leaving the mix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    /// By then it is over.
    pub(super) until: Instant,
    /// What his places for forwarded sound had been sent when it began.
    pub(super) packets: u64,
}

/// What a packet of the mix ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crossing {
    /// What was forwarded: the mix has come.
    IntoMix,
    /// The mix: what is forwarded has come.
    OutOfMix,
}

impl PeerAudio {
    /// Whether what others say is forwarded to him.
    pub(in crate::engine) fn forwards(&self) -> bool {
        self.path == AudioPath::Forward || self.chosen == AudioPath::Forward
    }

    /// Whether he gets the mix of all, or is about to.
    pub(super) fn wants_mix(&self) -> bool {
        self.path == AudioPath::Mix || self.chosen == AudioPath::Mix
    }

    /// Whether he gets the mix.
    pub(in crate::engine) fn is_mixed(&self) -> bool {
        self.path == AudioPath::Mix
    }
}

impl Engine {
    /// A participant wants to hear others so.
    pub(in crate::engine) fn set_audio(
        &mut self,
        now: Instant,
        peer: PeerId,
        mode: AudioMode,
    ) -> Result<AudioPath, SubscribeError> {
        let key = *self.peer_ids.get(&peer).ok_or(SubscribeError::NoSuchPeer)?;
        if mode == AudioMode::Mix && !self.config.limits.mix.enabled {
            return Err(SubscribeError::NoMixer);
        }
        let audio = &mut self.peers.get_mut(key).ok_or(SubscribeError::NoSuchPeer)?.audio;
        audio.mode = mode;
        self.choose_audio(now, key);
        Ok(self.peers.get(key).map_or(AudioPath::Forward, |peer| peer.audio.path))
    }

    /// Looks at the regular time whether another way suits a participant better, and whether he loses packets.
    pub(in crate::engine) fn review_audio(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.audio.mode == AudioMode::Auto {
            self.choose_audio(now, key);
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        let is_lossy = peer.redundancy.level() > 0;
        if std::mem::replace(&mut peer.audio.is_lossy, is_lossy) != is_lossy {
            let room = peer.room;
            self.mix_changed(room);
        }
    }

    /// A participant's device or what it takes is another.
    pub(in crate::engine) fn takes_otherwise(&mut self, now: Instant, key: PeerKey) {
        self.choose_audio(now, key);
        if let Some(room) = self.peers.get(key).map(|peer| peer.room) {
            self.mix_changed(room);
        }
    }

    /// Decides how a participant hears others, and begins to change it.
    pub(in crate::engine) fn choose_audio(&mut self, now: Instant, key: PeerKey) {
        let place = self.mix_place(key);
        let facts = self.facts(now, key);
        let limits = self.config.limits.mix;
        let Some(peer) = self.peers.get_mut(key) else { return };
        let wanted = match peer.audio.mode {
            AudioMode::Forward => AudioPath::Forward,
            AudioMode::Mix => AudioPath::Mix,
            AudioMode::Auto => peer.audio.choice.choose(now, facts, &limits),
        };
        let (room, id) = (peer.room, ListenerId(peer.id.0));
        match place.filter(|_| wanted == AudioPath::Mix && limits.enabled) {
            Some(place) => self.enter_mix(now, (key, room), (id, place)),
            None => self.leave_mix(now, (key, room), place.is_some()),
        }
        if self.is_played_into(room) {
            // He may have got, or lost, the place where he hears it.
            self.mix_changed(room);
        }
    }

    /// Has a place get the mix of all that its receiver hears.
    pub(in crate::engine) fn point_at_mix(&mut self, now: Instant, place: ConsumerKey) -> Result<(), SubscribeError> {
        let consumer = self.consumers.get(place).ok_or(SubscribeError::NoSuchMid)?;
        let owner = consumer.owner;
        if consumer.kind != MediaKind::Audio {
            return Err(SubscribeError::WrongKind);
        }
        if !self.config.limits.mix.enabled {
            return Err(SubscribeError::NoMixer);
        }
        if !self.peers.get(owner).is_some_and(|peer| peer.permissions.subscribe) {
            return Err(SubscribeError::Refused);
        }
        if self.consumers.get_mut(place).is_some_and(|place| !std::mem::replace(&mut place.is_for_mix, true)) {
            self.consumers.get_mut(place).into_iter().for_each(|place| place.wish = None);
            self.route(now, place);
            self.choose_audio(now, owner);
        }
        Ok(())
    }

    /// The place where somebody had the mix is gone.
    pub(in crate::engine) fn lost_mix_place(&mut self, owner: PeerKey) {
        self.mixing.placeless.push(owner);
    }

    fn enter_mix(&mut self, now: Instant, (key, room): (PeerKey, RoomKey), (id, place): (ListenerId, ConsumerKey)) {
        let (Some(known), Some(peer)) = (self.rooms.get_mut(room), self.peers.get_mut(key)) else { return };
        let mix = known.mix.get_or_insert_with(|| Box::new(MixedRoom::new(now)));
        if !peer.audio.wants_mix() {
            // What he had there was of what is played alone: a packet of that must not pass for the first of the mix.
            mix.forget(id);
        }
        mix.listen(id, key, place);
        self.mix_changed(room);
        let Some(peer) = self.peers.get_mut(key) else { return };
        (peer.audio.chosen, peer.audio.leaving) = (AudioPath::Mix, None);
        self.route_sound(now, key);
    }

    fn leave_mix(&mut self, now: Instant, (key, room): (PeerKey, RoomKey), has_place: bool) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let before = std::mem::replace(&mut peer.audio.chosen, AudioPath::Forward);
        match peer.audio.path {
            AudioPath::Forward if before == AudioPath::Forward => {}
            // Not there yet.
            AudioPath::Forward => self.forget_listener(room, key),
            AudioPath::Mix if !has_place => self.cross(now, key, Crossing::OutOfMix),
            AudioPath::Mix if before == AudioPath::Mix => {
                self.route_sound(now, key);
                let packets = self.forwarded_sound(key);
                let until = now + LEAVE_AFTER;
                if let Some(peer) = self.peers.get_mut(key) {
                    peer.audio.leaving = Some(Leaving { until, packets });
                }
                self.arm_mix(room, until);
            }
            AudioPath::Mix => {}
        }
    }

    /// One way gives place to the other.
    pub(super) fn cross(&mut self, now: Instant, key: PeerKey, crossing: Crossing) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let path = if crossing == Crossing::IntoMix { AudioPath::Mix } else { AudioPath::Forward };
        (peer.audio.path, peer.audio.leaving) = (path, None);
        let (id, room) = (peer.id, peer.room);
        if crossing == Crossing::OutOfMix && peer.audio.chosen == AudioPath::Forward {
            self.forget_listener(room, key);
        }
        if crossing == Crossing::OutOfMix
            && let Some(place) = self.mix_place(key).and_then(|place| self.consumers.get_mut(place))
        {
            place.end_mix();
        }
        self.route_sound(now, key);
        if let Some(room) = self.rooms.get(room) {
            self.events.push_back(Event::Audio { room: room.id, peer: id, path });
        }
    }

    /// Ends the mix for those who leave it and have waited long enough.
    pub(super) fn finish_leaving(&mut self, now: Instant, room: RoomKey) {
        let Some(mix) = self.rooms.get(room).and_then(|room| room.mix.as_ref()) else { return };
        let peers: Vec<PeerKey> = mix.listeners.values().map(|listener| listener.peer).collect();
        for key in peers {
            let leaving = self.peers.get(key).and_then(|peer| peer.audio.leaving);
            match leaving {
                Some(Leaving { until, .. }) if until <= now => self.cross(now, key, Crossing::OutOfMix),
                Some(Leaving { until, .. }) => self.arm_mix(room, until),
                None => {}
            }
        }
    }

    /// Somebody listens to the mix no more.
    pub(in crate::engine) fn forget_listener(&mut self, room: RoomKey, key: PeerKey) {
        let Some(id) = self.listener_of(key) else { return };
        self.forget_listener_id(room, id);
    }

    /// The same, of one who may have gone already.
    pub(in crate::engine) fn forget_listener_id(&mut self, room: RoomKey, id: ListenerId) {
        if let Some(mix) = self.rooms.get_mut(room).and_then(|room| room.mix.as_mut()) {
            mix.forget(id);
            self.mix_changed(room);
        }
    }

    /// Has every place of a participant for forwarded sound have what it may now.
    pub(super) fn route_sound(&mut self, now: Instant, key: PeerKey) {
        let places: Vec<_> = self.peers.get(key).into_iter().flat_map(|peer| peer.consumers()).collect();
        for place in places {
            if self.consumers.get(place).is_some_and(|c| c.kind == MediaKind::Audio && !c.is_for_mix) {
                self.route(now, place);
            }
        }
    }

    /// Packets that a participant's places for forwarded sound were sent.
    pub(super) fn forwarded_sound(&self, key: PeerKey) -> u64 {
        let places = self.peers.get(key).into_iter().flat_map(|peer| peer.consumers());
        let sound = places.filter_map(|place| self.consumers.get(place)).filter(|c| c.kind == MediaKind::Audio);
        sound.filter(|place| !place.is_for_mix).map(|place| place.packets()).sum()
    }

    /// Where a participant wants the mix.
    pub(super) fn mix_place(&self, key: PeerKey) -> Option<ConsumerKey> {
        let mut places = self.peers.get(key)?.consumers();
        places.find(|place| self.consumers.get(*place).is_some_and(|c| c.is_for_mix))
    }

    fn facts(&self, now: Instant, key: PeerKey) -> Facts {
        let Some(peer) = self.peers.get(key) else { return Facts { audio_only: false, path_bps: 0, talkers: 0 } };
        let is_video = |place| self.consumers.get(place).is_some_and(|place| place.kind == MediaKind::Video);
        let others =
            self.rooms.get(peer.room).into_iter().flat_map(|room| room.everyone()).filter(|other| *other != key);
        let talks = |other: &PeerKey| {
            let mut voices = self.peers.get(*other).into_iter().flat_map(|other| other.producers());
            voices.any(|voice| {
                let last = self.producers.get(voice).and_then(|voice| voice.meter.last_loud());
                last.is_some_and(|last| now.saturating_duration_since(last) <= TALKS_FOR)
            })
        };
        Facts {
            audio_only: peer.downlink.device != Device::Screen || !peer.consumers().any(is_video),
            path_bps: peer.outflow.target_bps(),
            talkers: others.filter(talks).count(),
        }
    }
}
