//! The audience matrix, obeyed: what a place is pointed at goes to it only while its receiver may have it.
//!
//! A place keeps what its receiver wants, and is among the receivers of that track only while the matrix lets it be. So what may not
//! be heard or seen costs nothing where packets are forwarded, and cannot slip through there.

use super::Engine;
use super::allocation::EVERYTHING;
use super::outflow::{Departure, Sent};
use crate::api::{DropCause, Event, Layer, MediaKind, PauseCause, PeerId, RoomId, Shown, TrackId};
use crate::audience::{Sees, Stance};
use crate::bandwidth::Urgency;
use crate::forward::{Aim, Consumer, Producer, Still};
use crate::keys::{ConsumerKey, PeerKey, ProducerKey, RoomKey};
use crate::wire::Outbox;
use std::time::{Duration, Instant};

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

/// A still picture is sent again this long after the last time, at the earliest.
const STILL_AGAIN: Duration = Duration::from_millis(300);
/// And so often unasked: who has just come may not look yet, and browsers ask only after seconds.
const STILL_REPEATS: u8 = 2;

/// Notes whether a place is to be sent the last picture of somebody who is turned away.
fn consumer_still(consumer: Option<&mut Consumer>, is_frozen: bool, has_it: bool) {
    let Some(consumer) = consumer.filter(|consumer| consumer.kind == MediaKind::Video) else { return };
    consumer.still = match (is_frozen, consumer.still) {
        (false, _) => None,
        (true, Some(still)) => Some(still),
        (true, None) if has_it => None,
        (true, None) => Some(Still::Due),
    };
}

impl Engine {
    /// Participants stand otherwise from now on, all at once.
    pub(super) fn stand(&mut self, now: Instant, room: RoomId, epoch: u64, stances: &[(PeerId, Stance)]) {
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        let peers = self.rooms.get(key).map(|room| room.peers.clone()).unwrap_or_default();
        let channels = self.channels_in(key);
        let before: Vec<_> = peers.into_iter().map(|peer| (peer, self.known_of(peer, &channels))).collect();
        let Some(known) = self.rooms.get_mut(key) else { return };
        let (mut changed, mut stood) = (Vec::new(), Vec::new());
        for (peer, stance) in stances {
            let was = known.standings.of(*peer).map(|(_, was)| (*peer, *was));
            if known.standings.set(*peer, epoch, *stance) {
                changed.push(*peer);
                stood.extend(was);
            }
        }
        if changed.is_empty() {
            return;
        }
        // A share that has just begun may have been told how it was before, and not be among those that this command went to.
        for peer in &changed {
            if self.peer_ids.contains_key(peer) {
                self.share_stance(key, *peer);
            }
        }
        self.open_portraits(key, &changed);
        self.forget_portraits(key, &stood);
        stood.into_iter().for_each(|(peer, was)| self.note_left_stance(now, key, peer, was));
        self.mix_changed(key);
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

    /// Pictures of those who speak to the floor, and of no others, may be shown later as their last.
    fn open_portraits(&mut self, room: RoomKey, of: &[PeerId]) {
        let Some(room) = self.rooms.get(room) else { return };
        let people = room.everyone().filter_map(|key| self.peers.get(key)).filter(|peer| of.contains(&peer.id));
        for peer in people {
            let is_open = room.standings.of(peer.id).is_some_and(|(_, stance)| stance.speaks_on_floor());
            for producer in peer.producers() {
                let portraits = self.producers.get_mut(producer).and_then(|producer| producer.portraits.as_mut());
                portraits.into_iter().for_each(|portraits| portraits.set_open(is_open));
            }
        }
    }

    /// The same of a track that is new.
    pub(super) fn open_portrait(&mut self, key: ProducerKey) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        let standings = self.rooms.get(producer.room).map(|room| &room.standings);
        let stance = standings.and_then(|standings| standings.of(producer.info.peer));
        let is_open = stance.is_some_and(|(_, stance)| stance.speaks_on_floor());
        producer.portraits.iter_mut().for_each(|portraits| portraits.set_open(is_open));
    }

    /// Who comes into another conversation brings no picture of the one that he was in.
    fn forget_portraits(&mut self, room: RoomKey, stood: &[(PeerId, Stance)]) {
        let Some(room) = self.rooms.get(room) else { return };
        let circle = |peer| room.standings.of(peer).map(|(_, stance)| stance.circle);
        let moved: Vec<_> = stood.iter().filter(|(peer, was)| circle(*peer) != Some(was.circle)).collect();
        for peer in room.everyone().filter_map(|key| self.peers.get(key)) {
            if !moved.iter().any(|(moved, _)| *moved == peer.id) {
                continue;
            }
            for producer in peer.producers() {
                let portraits = self.producers.get_mut(producer).and_then(|producer| producer.portraits.as_mut());
                portraits.into_iter().for_each(|portraits| portraits.forget());
            }
        }
    }

    fn grant(&self, consumer: &Consumer, producer: &Producer) -> Grant {
        if producer.is_canvas {
            // It was made for him: nothing but that decision points a place at a canvas.
            return if consumer.canvas.is_some() { Grant::Whole } else { Grant::Unknown };
        }
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
        let is_in_mix = consumer.kind == MediaKind::Audio
            && self.peers.get(consumer.owner).is_some_and(|owner| !owner.audio.forwards());
        let source = wish.filter(|_| matches!(grant, Grant::Small | Grant::Whole) && !is_in_mix);
        let (before, viewer) = (consumer.source, consumer.owner);
        let was_paused = matches!(consumer.told, Some(Shown::Paused(_)));
        let Some(consumer) = self.consumers.get_mut(place) else { return };
        consumer.wish = wish;
        consumer.is_small = grant == Grant::Small;
        let ssrcs = [consumer.ssrc, consumer.rtx_ssrc];
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
            // What waits for its turn was for him when it came, and is not any more.
            if let (Some(_), None, Some(peer)) = (before, source, self.peers.get_mut(viewer)) {
                self.totals.drops[DropCause::Withheld as usize] += peer.outflow.forget_streams(ssrcs);
            }
        }
        self.look_again(now, viewer);
        // Who saw it last has the last picture already. Who was shown none for want of bandwidth has not.
        let has_it = !was_paused && before.is_some() && before == wish;
        consumer_still(self.consumers.get_mut(place), grant == Grant::Withheld(PauseCause::Frozen), has_it);
        if let (Some((_, track)), Grant::Withheld(cause)) = (wish, grant) {
            self.tell_withheld(viewer, place, track, cause);
        }
    }

    /// Sends a participant's places what they are to show of those who are turned away: the last key frame that came before.
    /// Gives when to do so again.
    pub(super) fn send_stills(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) -> Option<Instant> {
        let places: Vec<_> = self.peers.get(key).into_iter().flat_map(|peer| peer.consumers()).collect();
        for place in places {
            let repeats = match self.consumers.get(place).and_then(|consumer| consumer.still) {
                Some(Still::Due) => STILL_REPEATS,
                Some(Still::Sent(at, left @ 1..)) if now.saturating_duration_since(at) >= STILL_AGAIN => left - 1,
                Some(Still::Sent(..)) | None => continue,
            };
            // Where it cannot be sent now, it is due: at the next look, not at a time that would have passed.
            let sent = self.send_still(now, place, out).is_some();
            let still = if sent { Still::Sent(now, repeats) } else { Still::Due };
            self.consumers.get_mut(place).into_iter().for_each(|consumer| consumer.still = Some(still));
        }
        let stills = self.peers.get(key)?.consumers().filter_map(|place| self.consumers.get(place)?.still);
        let next = stills.filter_map(|still| match still {
            Still::Sent(at, 1..) => Some(at + STILL_AGAIN),
            Still::Due | Still::Sent(..) => None,
        });
        next.min()
    }

    fn send_still(&mut self, now: Instant, place: ConsumerKey, out: &mut Outbox) -> Option<()> {
        let consumer = self.consumers.get_mut(place)?;
        let producer = consumer.wish.and_then(|(key, _)| self.producers.get(key))?;
        if producer.info.mute.is_muted() {
            return None;
        }
        let peer = self.peers.get_mut(consumer.owner)?;
        let (path, sender) = peer.transport.as_mut().and_then(|t| t.egress(consumer.kind))?;
        let (owner, wish) = (consumer.owner, consumer.wish);
        // For as long as this takes, the place shows it as it shows any other picture.
        consumer.show(wish);
        for packet in producer.portraits.iter().flat_map(|portraits| portraits.packets(now)) {
            let layer = Some(Layer { encoding: packet.encoding, ..EVERYTHING });
            consumer.aim(&Aim { layer, bps: 0, is_urgent: false });
            let Some(prepared) = consumer.prepare(&packet) else { continue };
            let (flow, payload_len) = (owner.flow(), packet.payload.len());
            let sender = &mut *sender;
            let departure = Departure { now, flow, path, sender, urgency: Urgency::InTurn, payload_len, copies: 0 };
            let sent = peer
                .outflow
                .send(departure, out, |stamp, buffer| Some(consumer.write(&prepared, &packet, None, stamp, buffer)));
            match sent {
                Sent::Left => {}
                Sent::Roused => self.roused.push(owner),
                Sent::Held => self.holding.push(owner),
                Sent::Dropped => self.totals.dropped(DropCause::PacerFull),
            }
        }
        let told = consumer.told;
        consumer.show(None);
        consumer.forget_clock();
        consumer.told = told;
        self.arm_holding(now);
        Some(())
    }

    /// A receiver cannot show what he was sent last: he is sent it again, where it was a still picture.
    pub(super) fn still_wanted(&mut self, now: Instant, key: PeerKey, place: ConsumerKey) {
        let Some(consumer) = self.consumers.get_mut(place) else { return };
        if let Some(Still::Sent(at, _)) = consumer.still
            && now.saturating_duration_since(at) >= STILL_AGAIN
        {
            consumer.still = Some(Still::Due);
            self.look_again(now, key);
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
