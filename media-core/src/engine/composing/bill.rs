//! Telling the composer of a room whom its canvases show, and having an eye on each.

use super::super::Engine;
use super::plan::codec_of;
use super::room::{ComposedRoom, Opening, Watched};
use crate::api::{Codec, TrackId};
use crate::composer::{Bill, CanvasFormat, ComposeOrder, Seen, Tier};
use crate::forward::{Consumer, Eye, KeyframeRequests};
use crate::keys::{ProducerKey, RoomKey};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A composer is asked this often whether it is there.
const PING: Duration = Duration::from_millis(500);
/// One that has not answered for so long when it is looked at is given up.
const DEAD: Duration = Duration::from_millis(750);

impl Engine {
    pub(super) fn open_composer(&mut self, now: Instant, key: RoomKey, composed: &mut ComposedRoom) {
        self.composing.lives += 1;
        (composed.life, composed.open) = (self.composing.lives, Opening::Done);
        (composed.ping_at, composed.silent_since) = (now + PING, None);
        let format = CanvasFormat::from(self.config.limits.mix.canvas);
        self.tell_composer(key, composed.life, ComposeOrder::Open(format));
    }

    /// Tracks that come onto canvases, are otherwise than before, or are on none any more.
    pub(super) fn bill_sources(&mut self, now: Instant, key: RoomKey, composed: &mut ComposedRoom, bill: &mut Bill) {
        let Some(room) = self.rooms.get(key) else { return };
        let mut here: FxHashMap<TrackId, Watched> = FxHashMap::default();
        for tile in composed.canvases.iter().flat_map(|canvas| &canvas.scene.tiles) {
            let Some((key, known)) = self.tracks.get(&tile.track).and_then(|k| Some((*k, self.producers.get(*k)?)))
            else {
                continue;
            };
            let Some(codec) = codec_of(known) else { continue };
            // Whose stance is unknown is held.
            let is_held = !room.standings.of(known.info.peer).is_some_and(|(_, stance)| stance.speaks_on_floor());
            let name = self.peers.get(known.owner).map(|owner| Arc::clone(&owner.name)).unwrap_or_default();
            here.insert(tile.track, Watched { producer: key, codec, is_held, name });
        }
        let is_over = |track: &TrackId, was: &Watched| here.get(track).is_none_or(|is| is.producer != was.producer);
        bill.ended.extend(composed.sources.iter().filter(|(track, was)| is_over(track, was)).map(|(track, _)| *track));
        let news = here.iter().filter(|(track, is)| composed.sources.get(track) != Some(is));
        bill.sources.extend(news.map(|(track, is)| Seen {
            track: *track,
            codec: is.codec,
            is_held: is.is_held,
            name: Arc::clone(&is.name),
        }));
        // In an order that does not depend on where things lie in memory: a run can be repeated.
        bill.ended.sort_unstable();
        bill.sources.sort_unstable_by_key(|seen| seen.track);
        let before = std::mem::replace(&mut composed.sources, here);
        for (track, was) in &before {
            if composed.sources.get(track).is_none_or(|is| is.producer != was.producer) {
                self.close_eye(was.producer);
            }
        }
        for Watched { producer, codec, .. } in composed.sources.values() {
            self.open_eye(now, *producer, *codec);
        }
    }

    fn open_eye(&mut self, now: Instant, key: ProducerKey, codec: Codec) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        producer.eye.get_or_insert_with(|| Box::new(Eye::new(codec))).codec = codec;
        self.aim_eye(now, key);
    }

    pub(super) fn close_eye(&mut self, key: ProducerKey) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        (producer.eye, producer.tapped) = (None, None);
        // Of a guest's, his worker must hear that there is no use for it.
        self.tell_use(key);
    }

    /// Has an eye look at the encoding that its tiles need, and asks for what it waits for.
    pub(super) fn aim_eye(&mut self, now: Instant, key: ProducerKey) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        producer.refresh_ladder(now);
        producer.aim_eye();
        let Some(eye) = &producer.eye else { return };
        let (in_use, awaited) = (eye.encodings_in_use().next(), eye.awaits_keyframe());
        // Its packets are tapped while any of them is of use.
        let tapped = in_use.map(|_| 0);
        let was_tapped = std::mem::replace(&mut producer.tapped, tapped);
        if in_use.is_some_and(|encoding| producer.want(now, encoding)) {
            self.tell_encodings(key);
        }
        if was_tapped != tapped {
            self.tell_use(key);
        }
        if let Some(encoding) = awaited {
            self.want_keyframe(now, key, encoding);
        }
    }

    /// What is due of a room's canvases.
    pub(in crate::engine) fn tick_composing(&mut self, now: Instant, key: RoomKey) {
        self.ping_composer(now, key);
        self.retry_keys(now, key);
        let sources = self.rooms.get(key).and_then(|room| room.compose.as_ref()).map(|composed| &composed.sources);
        let eyes: Vec<_> = sources.into_iter().flatten().map(|(_, watched)| watched.producer).collect();
        eyes.into_iter().for_each(|eye| self.aim_eye(now, eye));
        self.recompose(now, key);
    }

    /// Asks a room's composer whether it is there, and does without one that has not said so for long: it may be stuck.
    fn ping_composer(&mut self, now: Instant, key: RoomKey) {
        let Some(composed) = self.rooms.get_mut(key).and_then(|room| room.compose.as_mut()) else { return };
        if composed.open != Opening::Done {
            return;
        }
        if composed.silent_since.is_some_and(|since| now.saturating_duration_since(since) >= DEAD) {
            return self.lose_composer(now, key);
        }
        if composed.ping_at <= now {
            composed.ping_at = now + PING;
            composed.silent_since.get_or_insert(now);
            let life = composed.life;
            self.tell_composer(key, life, ComposeOrder::Ping);
        }
    }

    /// Asks for the key frames of canvases that somebody still waits for, and for no more of them than somebody has.
    fn retry_keys(&mut self, now: Instant, key: RoomKey) {
        let composed = self.rooms.get(key).and_then(|room| room.compose.as_ref());
        let canvases: Vec<_> = composed.into_iter().flat_map(|c| &c.canvases).map(|canvas| canvas.producer).collect();
        for canvas in canvases {
            self.rest_canvas(now, canvas);
            self.ask_canvas(now, canvas);
        }
    }

    /// Has a size of a canvas rest that nobody has had for a while.
    fn rest_canvas(&mut self, now: Instant, key: ProducerKey) {
        let Some(producer) = self.producers.get(key) else { return };
        let places = producer.consumers.iter().filter_map(|place| self.consumers.get(*place));
        let in_use: Vec<u8> = places.flat_map(Consumer::encodings_in_use).collect();
        let Some(producer) = self.producers.get_mut(key) else { return };
        producer.refresh_ladder(now);
        producer.pause_unwatched(now, &in_use);
    }

    /// Asks for a key frame of a canvas, if one is wanted and none is on its way.
    pub(in crate::engine) fn ask_canvas(&mut self, now: Instant, key: ProducerKey) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        let room = producer.room;
        let is_due = |requests: &mut KeyframeRequests| requests.take_due(now, Duration::ZERO, 0.0);
        let due: Vec<_> = producer.encodings.iter_mut().map(|encoding| is_due(&mut encoding.keyframes)).collect();
        let Some(composed) = self.rooms.get(room).and_then(|room| room.compose.as_ref()) else { return };
        let Some(canvas) = composed.canvases.iter().find(|canvas| canvas.producer == key) else { return };
        let (life, canvas) = (composed.life, canvas.id);
        for (tier, _) in Tier::ALL.into_iter().zip(due).filter(|(_, is_due)| *is_due) {
            self.tell_composer(room, life, ComposeOrder::KeyFrame(canvas, tier));
        }
    }
}
