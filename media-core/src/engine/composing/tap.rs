//! Packets of pictures on their way to the composer.

use super::super::Engine;
use super::room::Opening;
use crate::api::DropCause;
use crate::composer::{ComposeOrder, Shot, ToComposer};
use crate::forward::MediaPacket;
use crate::keys::ProducerKey;

/// Packets that wait to be fetched at most: what one call leads to is a few. A driver that does not fetch them loses them.
const MAX_PACKETS: usize = 4_096;

impl Engine {
    /// The next word for the composer of a room, in order. Drain it after every `handle_*`.
    pub fn poll_compose(&mut self) -> Option<ToComposer> {
        let word = self.composing.outgoing.pop_front()?;
        self.composing.packets -= usize::from(word.is_packet());
        Some(word)
    }

    /// Canvases that there are, over all rooms.
    #[must_use]
    pub fn canvases(&self) -> usize {
        self.composing.canvases
    }

    /// Sizes in which they are drawn and encoded now.
    #[must_use]
    pub fn canvas_encodings(&self) -> usize {
        let composed = self.rooms.values().filter_map(|room| room.compose.as_ref());
        let drawn = composed.flat_map(|composed| &composed.canvases).flat_map(|canvas| canvas.is_drawn);
        drawn.filter(|is_drawn| *is_drawn).count()
    }

    /// Hands a packet of a track on that somebody sees on a canvas: what came of it once, repaired and unwrapped.
    pub(in crate::engine) fn tap_picture(&mut self, key: ProducerKey, packet: &MediaPacket<'_>) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        let generation = producer.encodings.get(usize::from(packet.encoding)).map_or(0, |e| e.generation);
        let Some(eye) = &mut producer.eye else { return };
        let (room, track) = (producer.room, producer.info.id);
        if eye.codec != packet.format.codec {
            // The composer is told what it is of before it gets it: a key frame is asked for then.
            return self.compose_changed(room);
        }
        let Some(room) = self.rooms.get(room) else { return };
        let (id, Some(composed)) = (room.id, &room.compose) else { return };
        if composed.open != Opening::Done {
            return;
        }
        let life = composed.life;
        if self.composing.packets >= MAX_PACKETS {
            return self.totals.dropped(DropCause::QueueFull);
        }
        let Some(glance) = eye.glance(packet, generation) else { return };
        let payload = if glance.is_filler { &[] } else { packet.payload };
        let shot = Shot {
            index: glance.index,
            timestamp: glance.timestamp,
            marker: glance.marker,
            payload: self.composing.copy(payload),
            arrived: packet.now,
        };
        self.composing.packets += 1;
        self.composing.outgoing.push_back(ToComposer { room: id, life, order: ComposeOrder::Packet(track, shot) });
    }
}
