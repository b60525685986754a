//! The audience matrix, obeyed: what a place is pointed at goes to it only while its receiver may have it.
//!
//! A place keeps what its receiver wants, and is among the receivers of that track only while the matrix lets it be. So what may not
//! be heard or seen costs nothing where packets are forwarded, and cannot slip through there.

use super::Engine;
use crate::api::{Event, MediaKind, PauseCause, PeerId, RoomId, Shown, TrackId};
use crate::audience::{Sees, Stance};
use crate::forward::{Consumer, Producer};
use crate::keys::{ConsumerKey, PeerKey};
use std::time::Instant;

/// What a place may have of the track that its receiver wants there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    /// Nothing, and the receiver may not know of the track.
    Unknown,
    /// Nothing now.
    Withheld(PauseCause),
    Small,
    Whole,
}

impl Engine {
    /// Participants stand otherwise from now on, all at once.
    pub(super) fn stand(&mut self, now: Instant, room: RoomId, epoch: u64, stances: &[(PeerId, Stance)]) {
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        let peers = self.rooms.get(key).map(|room| room.peers.clone()).unwrap_or_default();
        let channels = self.channels_in(key);
        let before: Vec<_> = peers.into_iter().map(|peer| (peer, self.known_of(peer, &channels))).collect();
        let Some(known) = self.rooms.get_mut(key) else { return };
        let changed: Vec<PeerId> = stances
            .iter()
            .filter_map(|(peer, stance)| known.standings.set(*peer, epoch, *stance).then_some(*peer))
            .collect();
        if changed.is_empty() {
            return;
        }
        // Everything that is between those who changed and the others here is decided anew.
        for (key, before) in before {
            let Some(peer) = self.peers.get(key) else { continue };
            let is_his = changed.contains(&peer.id);
            for place in peer.consumers().collect::<Vec<_>>() {
                let of = self.consumers.get(place).and_then(|c| self.producers.get(c.wish?.0)).map(|p| p.info.peer);
                if of.is_some_and(|publisher| is_his || changed.contains(&publisher)) {
                    self.route(now, place);
                }
            }
            self.match_mirrors(key, &channels, &before);
        }
    }

    fn grant(&self, consumer: &Consumer, producer: &Producer) -> Grant {
        let (Some(owner), Some(room)) = (self.peers.get(consumer.owner), self.rooms.get(producer.room)) else {
            return Grant::Unknown;
        };
        let (standings, publisher) = (&room.standings, producer.info.peer);
        if !standings.knows(owner.id, publisher) {
            return Grant::Unknown;
        }
        match (producer.kind(), standings.sees(owner.id, publisher)) {
            (MediaKind::Audio, _) if standings.hears(owner.id, publisher).is_on() => Grant::Whole,
            (MediaKind::Audio, _) | (MediaKind::Video, Sees::Off) => Grant::Withheld(PauseCause::Withheld),
            (MediaKind::Video, Sees::Frozen) => Grant::Withheld(PauseCause::Frozen),
            (MediaKind::Video, Sees::Thumbnail) => Grant::Small,
            (MediaKind::Video, Sees::Live) => Grant::Whole,
        }
    }

    /// Whether a receiver may know of a track.
    pub(super) fn may_know(&self, consumer: &Consumer, producer: &Producer) -> bool {
        self.grant(consumer, producer) != Grant::Unknown
    }

    /// Lets a place have of what it is pointed at what it may have now.
    pub(super) fn route(&mut self, now: Instant, place: ConsumerKey) {
        let Some(consumer) = self.consumers.get(place) else { return };
        let wish = consumer.wish.and_then(|(key, track)| Some((key, track, self.producers.get(key)?)));
        let grant = wish.map_or(Grant::Unknown, |(_, _, producer)| self.grant(consumer, producer));
        let wish = wish.map(|(key, track, _)| (key, track)).filter(|_| grant != Grant::Unknown);
        let source = wish.filter(|_| matches!(grant, Grant::Small | Grant::Whole));
        let (before, viewer) = (consumer.source, consumer.owner);
        let Some(consumer) = self.consumers.get_mut(place) else { return };
        consumer.wish = wish;
        consumer.is_small = grant == Grant::Small;
        if before != source {
            consumer.show(source);
            if let Some(producer) = before.and_then(|(key, _)| self.producers.get_mut(key)) {
                producer.consumers.retain(|k| *k != place);
            }
            if let Some(producer) = source.and_then(|(key, _)| self.producers.get_mut(key)) {
                producer.consumers.push(place);
            }
            for (key, _) in before.into_iter().chain(source) {
                self.tell_use(key);
            }
        }
        self.look_again(now, viewer);
        if let (Some((_, track)), Grant::Withheld(cause)) = (wish, grant) {
            self.tell_withheld(viewer, place, track, cause);
        }
    }

    /// Tells a viewer once why a place that he pointed at a track shows nothing new.
    fn tell_withheld(&mut self, viewer: PeerKey, place: ConsumerKey, track: TrackId, cause: PauseCause) {
        let (Some(consumer), Some(peer)) = (self.consumers.get_mut(place), self.peers.get(viewer)) else { return };
        let shown = Shown::Paused(cause);
        if consumer.kind == MediaKind::Audio || consumer.told.replace(shown) == Some(shown) {
            return;
        }
        if let Some(room) = self.rooms.get(peer.room) {
            let (room, peer, mid) = (room.id, peer.id, consumer.mid.clone());
            self.events.push_back(Event::Shown { room, peer, mid, track, shown });
        }
    }
}
