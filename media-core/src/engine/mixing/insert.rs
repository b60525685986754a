//! What comes of a mix, on its way to those who listen to it.

use super::super::Engine;
use super::super::feedback::ntp_since;
use super::super::outflow::{Departure, Sent};
use super::modes::Crossing;
use super::room::Opening;
use crate::api::{AudioPath, DropCause, MediaKind, RoomId};
use crate::bandwidth::Urgency;
use crate::forward::{Carried, MediaPacket, SenderClock};
use crate::keys::RoomKey;
use crate::mix::audio::{Mixed, Output};
use crate::mixer::{FromMixer, MixAnswer, MixOrder, ToMixer};
use crate::negotiate::{Extension, Format};
use crate::wire::Outbox;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// After a mixer failed, another is opened this much later: a defect that comes back at once must not fill the log and the core.
const OPEN_AGAIN: Duration = Duration::from_millis(500);
/// Of who may be sent less than this in all, in bits a second, sound is not told again: three copies would take most of it.
const ROOM_FOR_COPIES_BPS: u64 = 200_000;

impl Engine {
    /// Takes a word of the mixer of a room. Of a mixer that it does not have any more, a room takes none.
    pub fn handle_mixer(&mut self, now: Instant, word: FromMixer, out: &mut Outbox) {
        let taken = catch_unwind(AssertUnwindSafe(|| self.take_answer(now, word, out)));
        if taken.is_err() {
            self.panicked(None, out);
        }
        self.flush_mixing(now);
    }

    fn take_answer(&mut self, now: Instant, word: FromMixer, out: &mut Outbox) {
        let FromMixer { room, life, answer } = word;
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        let Some(mix) = self.rooms.get_mut(key).and_then(|room| room.mix.as_mut()) else { return };
        if mix.life != life || mix.open != Opening::Done {
            return;
        }
        mix.silent_since = None;
        match answer {
            MixAnswer::Here => {}
            MixAnswer::Mixed(Output::Packet(packet)) => self.insert(now, key, &packet, out),
            MixAnswer::Mixed(Output::Level { source, level }) => {
                if let Some(tapped) = mix.sources.get(&source) {
                    let producer = tapped.producer;
                    self.note_loudness(now, producer, level);
                }
            }
            MixAnswer::Mixed(Output::Assigned { listener, output }) => mix.assign(listener, Some(output)),
            MixAnswer::Mixed(Output::Gone { output }) => {
                let outlet = mix.outputs.remove(&output);
                for listener in outlet.into_iter().flat_map(|outlet| outlet.listeners) {
                    mix.listeners.get_mut(&listener).into_iter().for_each(|listener| listener.output = None);
                }
            }
            MixAnswer::Lost => self.lose_mixer(now, room, key),
        }
    }

    /// A room's mixer failed: who listened to it hears what is forwarded until there is another.
    pub(super) fn lose_mixer(&mut self, now: Instant, id: RoomId, key: RoomKey) {
        tracing::warn!(room = %id, "the mixer of a room is lost, and will be opened again");
        let Some(mix) = self.rooms.get_mut(key).and_then(|room| room.mix.as_mut()) else { return };
        // One that is stuck may be ended by whoever runs it.
        self.totals.mixers_lost += 1;
        self.mixing.outgoing.push_back(ToMixer { room: id, life: mix.life, order: MixOrder::Close });
        mix.lose(now + OPEN_AGAIN);
        let peers: Vec<_> = mix.listeners.values().map(|listener| listener.peer).collect();
        for peer in peers {
            if self.peers.get(peer).is_some_and(|peer| peer.audio.path == AudioPath::Mix) {
                self.cross(now, peer, Crossing::OutOfMix);
            }
        }
        self.arm_mix(key, now + OPEN_AGAIN);
    }

    /// Sends a packet of a mix to everyone who gets it.
    fn insert(&mut self, now: Instant, key: RoomKey, mixed: &Mixed, out: &mut Outbox) {
        let Some(mix) = self.rooms.get_mut(key).and_then(|room| room.mix.as_mut()) else { return };
        let life = mix.life;
        let Some(outlet) = mix.outputs.get_mut(&mixed.output) else { return };
        outlet.index += 1;
        // RFC 6464: whether it is voice, and how loud.
        let level = [u8::from(!mixed.contributors.is_empty()) << 7 | mixed.level.min(127)];
        let mut carried = Carried::NONE;
        carried.take(Extension::AudioLevel, &level);
        let packet = MediaPacket::opus(now, (outlet.index, mixed.timestamp), carried, &mixed.payload);
        outlet.ring.keep(&packet);
        let clock = SenderClock { ntp: ntp_since(self.started, now), rtp: mixed.timestamp, at: now };
        let listeners = outlet.listeners.clone();
        let mut sent = 0;
        for id in listeners {
            let Some(mix) = self.rooms.get(key).and_then(|room| room.mix.as_ref()) else { return };
            let (Some(listener), Some(outlet)) = (mix.listeners.get(&id), mix.outputs.get(&mixed.output)) else {
                continue;
            };
            let (owner, place) = (listener.peer, listener.place);
            let leaving = self.peers.get(owner).and_then(|peer| peer.audio.leaving);
            if leaving.is_some_and(|leaving| now >= leaving.until || self.forwarded_sound(owner) > leaving.packets) {
                self.mixing.crossing.push((owner, Crossing::OutOfMix));
                continue;
            }
            let (Some(peer), Some(consumer)) = (self.peers.get_mut(owner), self.consumers.get_mut(place)) else {
                continue;
            };
            let Some((path, sender)) = peer.transport.as_mut().and_then(|t| t.egress(MediaKind::Audio)) else {
                continue;
            };
            consumer.take_mix((life, mixed.output), outlet.index, clock);
            // Who may be sent little has no room for copies: his decoder makes up what is lost.
            let has_room = peer.downlink.most_bps().is_none_or(|most| most >= ROOM_FOR_COPIES_BPS);
            consumer.repeat_mix(if has_room { peer.redundancy.level() } else { 0 });
            // How loud one voice is that is all there is, an earpiece hears; each element costs it a twentieth of what it takes.
            let carried = if peer.downlink.device.only_hears() { Carried::NONE } else { packet.carried };
            let packet = MediaPacket { carried, ..packet };
            let Some(prepared) = consumer.prepare(&packet) else { continue };
            let payload_len = packet.payload.len() * (1 + consumer.redundancy());
            let (flow, copies, urgency) = (owner.flow(), consumer.copies(), Urgency::Immediate);
            let departure = Departure { now, flow, path, sender, urgency, payload_len, copies };
            let ring = Some(&outlet.ring);
            let went = peer
                .outflow
                .send(departure, out, |stamp, buffer| Some(consumer.write(&prepared, &packet, ring, stamp, buffer)));
            match went {
                Sent::Left if copies == 0 => {}
                Sent::Roused if copies == 0 => self.roused.push(owner),
                Sent::Roused => {
                    self.roused.push(owner);
                    self.holding.push(owner);
                }
                Sent::Left | Sent::Held => self.holding.push(owner),
                Sent::Dropped => {
                    self.totals.dropped(DropCause::PacerFull);
                    continue;
                }
            }
            sent += 1;
            if peer.audio.path == AudioPath::Forward && peer.audio.chosen == AudioPath::Mix {
                self.mixing.crossing.push((owner, Crossing::IntoMix));
            }
        }
        self.totals.mixed += sent;
        while let Some((peer, crossing)) = self.mixing.crossing.pop() {
            self.cross(now, peer, crossing);
        }
        self.arm_holding(now);
    }
}

impl<'a> MediaPacket<'a> {
    /// A packet of Opus that the server made.
    fn opus(now: Instant, (index, timestamp): (u64, u32), carried: Carried<'a>, payload: &'a [u8]) -> Self {
        let (format, frame) = (Format::OPUS, crate::forward::Frame::WHOLE);
        Self {
            now,
            encoding: 0,
            index,
            timestamp,
            marker: false,
            format,
            frame,
            starts_picture: true,
            is_layered: false,
            clock: None,
            carried,
            payload,
        }
    }
}
