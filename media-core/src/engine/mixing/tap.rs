//! Packets of sound on their way to the mixer.

use super::super::Engine;
use super::room::Opening;
use crate::api::DropCause;
use crate::forward::{Arrived, MediaPacket};
use crate::keys::ProducerKey;
use crate::mix::audio::{Packet, SourceId};
use crate::mixer::{MixOrder, ToMixer};
use crate::negotiate::Extension;
use colloquy_codecs::rtp::audio_level;

/// Packets that wait to be fetched at most: what one call leads to is a few. A driver that does not fetch them loses them.
const MAX_PACKETS: usize = 1_024;

impl Engine {
    /// The next word for the mixer of a room, in order. Drain it after every `handle_*`.
    pub fn poll_mix(&mut self) -> Option<ToMixer> {
        let word = self.mixing.outgoing.pop_front()?;
        self.mixing.packets -= usize::from(word.is_packet());
        Some(word)
    }

    /// Hands a packet of a track on that somebody hears in a mix, or sees on a canvas: what came of it once, repaired and unwrapped.
    pub(in crate::engine) fn tap(&mut self, key: ProducerKey, arrived: &Arrived<'_>, packet: &MediaPacket<'_>) {
        let Some(producer) = self.producers.get(key) else { return };
        if producer.eye.is_some() {
            return self.tap_picture(key, packet);
        }
        if producer.tapped != producer.generation() {
            // Its publisher began anew: its numbers mean others.
            let room = producer.room;
            self.recast(arrived.now, room);
        }
        let Some(producer) = self.producers.get(key) else { return };
        let source = SourceId(producer.info.id.0);
        let Some(room) = self.rooms.get(producer.room) else { return };
        let (id, Some(mix)) = (room.id, &room.mix) else { return };
        if mix.open != Opening::Done {
            return;
        }
        let life = mix.life;
        if self.mixing.packets >= MAX_PACKETS {
            return self.totals.dropped(DropCause::QueueFull);
        }
        let told = arrived.carried.get(Extension::AudioLevel).and_then(audio_level);
        let packet = Packet {
            sequence: arrived.index,
            timestamp: arrived.timestamp,
            payload: self.mixing.copy(arrived.payload),
            red: false,
            level: told.map(|(_, level)| level),
            voice: told.map(|(voice, _)| voice),
            arrived: arrived.now,
        };
        self.mixing.packets += 1;
        self.mixing.outgoing.push_back(ToMixer { room: id, life, order: MixOrder::Packet(source, packet) });
    }
}
