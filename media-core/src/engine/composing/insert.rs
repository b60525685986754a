//! What comes of a composer, on its way to those who have its canvases.

use super::super::Engine;
use super::super::feedback::ntp_since;
use super::room::Opening;
use crate::composer::{ComposeAnswer, ComposeOrder, Drawn, FromComposer};
use crate::forward::{Arrived, Carried, SenderClock};
use crate::keys::RoomKey;
use crate::negotiate::CodecEntry;
use crate::wire::Outbox;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

impl Engine {
    /// Takes a word of the composer of a room. Of a composer that it does not have any more, a room takes none.
    pub fn handle_composer(&mut self, now: Instant, word: FromComposer, out: &mut Outbox) {
        let taken = catch_unwind(AssertUnwindSafe(|| self.take_composed(now, word, out)));
        if taken.is_err() {
            self.panicked(None, out);
        }
        self.flush_mixing(now);
    }

    fn take_composed(&mut self, now: Instant, word: FromComposer, out: &mut Outbox) {
        let FromComposer { room, life, answer } = word;
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        let Some(composed) = self.rooms.get_mut(key).and_then(|room| room.compose.as_mut()) else { return };
        if composed.life != life || composed.open != Opening::Done {
            return;
        }
        composed.silent_since = None;
        match answer {
            ComposeAnswer::Here => {}
            ComposeAnswer::Drawn(drawn) => {
                composed.works();
                self.insert_picture(now, key, &drawn, out);
            }
            ComposeAnswer::NeedKey(track) => {
                let Some(producer) = composed.sources.get(&track).map(|watched| watched.producer) else { return };
                let eye = self.producers.get(producer).and_then(|producer| producer.eye.as_ref());
                if let Some(encoding) = eye.and_then(|eye| eye.encoding()) {
                    self.want_keyframe(now, producer, encoding);
                }
            }
            ComposeAnswer::Wants(track, width, height) => {
                let Some(producer) = composed.sources.get(&track).map(|watched| watched.producer) else { return };
                if let Some(known) = self.producers.get_mut(producer) {
                    known.eye.iter_mut().for_each(|eye| eye.sides = (width, height));
                }
                self.aim_eye(now, producer);
            }
            ComposeAnswer::Lost => self.lose_composer(now, key),
        }
    }

    /// A room's composer failed: those who had its canvases see their last pictures until there is another.
    pub(super) fn lose_composer(&mut self, now: Instant, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let (id, Some(mut composed)) = (room.id, room.compose.take()) else { return };
        tracing::warn!(room = %id, "the composer of a room is lost, and will be opened again");
        self.totals.composers_lost += 1;
        // One that is stuck may be ended by whoever runs it.
        if composed.open == Opening::Done {
            self.tell_composer(key, composed.life, ComposeOrder::Close);
        }
        let again = composed.lose(now);
        self.forget_canvases(now, &mut composed);
        if let Some(room) = self.rooms.get_mut(key) {
            room.compose = Some(composed);
        }
        self.arm_mix(key, again);
    }

    /// Sends a packet of a canvas to everyone who has it, as one of somebody's track.
    fn insert_picture(&mut self, now: Instant, key: RoomKey, drawn: &Drawn, out: &mut Outbox) {
        let Some(composed) = self.rooms.get_mut(key).and_then(|room| room.compose.as_mut()) else { return };
        let Some(canvas) = composed.canvases.iter_mut().find(|canvas| canvas.id == drawn.canvas) else { return };
        let number = drawn.tier.encoding();
        let Some(index) = canvas.indices.get_mut(usize::from(number)) else { return };
        *index += 1;
        let (index, track) = (*index, canvas.producer);
        let Some(producer) = self.producers.get_mut(track) else { return };
        if let Some(encoding) = producer.encodings.get_mut(usize::from(number)) {
            encoding.last_sr = Some(SenderClock { ntp: ntp_since(self.started, now), rtp: drawn.timestamp, at: now });
        }
        let arrived = Arrived {
            now,
            index,
            timestamp: drawn.timestamp,
            marker: drawn.marker,
            payload_type: CodecEntry::MADE_HERE,
            carried: Carried::NONE,
            payload: &drawn.payload,
            len_bytes: drawn.payload.len(),
            repaired: false,
        };
        let Some(packet) = producer.take(number, &arrived) else { return };
        let offers_more = packet.starts_picture && producer.take_news();
        self.forward(track, &packet, out);
        if offers_more {
            self.show_viewers(now, track);
        }
    }
}
