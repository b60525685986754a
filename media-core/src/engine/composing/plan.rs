//! What each who has a canvas sees on it, who has the same, and what is made anew.

use super::super::Engine;
use super::arrange::{Arranged, Leads, Seen, arrange};
use super::room::{Canvas, ComposedRoom, Opening};
use crate::api::{CanvasLayout, Codec, MediaKind, Mute, PeerId, Source, TrackId, TrackInfo};
use crate::audience::Sees;
use crate::composer::{Bill, CanvasCodec, CanvasId, ComposeOrder, Face, Scene, Tier, Tile, ToComposer, keep};
use crate::forward::{Consumer, Producer};
use crate::keys::{ConsumerKey, PeerKey, ProducerKey, RoomKey};
use crate::negotiate::{CodecEntry, Format};
use crate::room::Room;
use crate::transport::Connection;
use slotmap::Key;
use std::time::Instant;

/// Tiles of a canvas. Each is decoded; with more nobody is recognised on 720p.
pub(super) const MAX_TILES: usize = 16;
/// Whose a canvas is: nobody's, who stands nowhere, so that the matrix shows and tells nothing of him.
const NOBODY: PeerId = PeerId(u64::MAX);
/// The encodings of a canvas, by [`Tier`].
const SIZES: [&str; 2] = ["small", "full"];

impl Engine {
    /// Decides anew what is on canvases where that changed. To be called before the next packet is taken.
    #[inline]
    pub(in crate::engine) fn flush_composing(&mut self, now: Instant) {
        while let Some(room) = self.composing.changed.pop() {
            self.recompose(now, room);
        }
    }

    /// Decides what is on the canvases of a room, and tells its composer.
    pub(super) fn recompose(&mut self, now: Instant, key: RoomKey) {
        let Some(mut composed) = self.rooms.get_mut(key).and_then(|room| room.compose.take()) else { return };
        composed.places.retain(|place| self.consumers.get(*place).is_some_and(|place| place.canvas.is_some()));
        if composed.places.is_empty() {
            return self.close_composed(now, key, composed);
        }
        if let Opening::At(at) = composed.open
            && at <= now
        {
            self.open_composer(now, key, &mut composed);
        }
        if composed.open == Opening::Done {
            let mut bill = Bill::new(now);
            self.plan_canvases(now, key, &mut composed, &mut bill);
            self.bill_sources(now, key, &mut composed, &mut bill);
            if !bill.is_empty() {
                self.tell_composer(key, composed.life, ComposeOrder::Bill(Box::new(bill)));
            }
        }
        let next = if let Opening::At(at) = composed.open { at } else { composed.ping_at };
        if let Some(room) = self.rooms.get_mut(key) {
            room.compose = Some(composed);
        }
        self.arm_mix(key, next);
    }

    pub(super) fn tell_composer(&mut self, key: RoomKey, life: u64, order: ComposeOrder) {
        if let Some(room) = self.rooms.get(key) {
            self.composing.outgoing.push_back(ToComposer { room: room.id, life, order });
        }
    }

    /// Sorts the room's viewers by what they see, and has a canvas for each.
    fn plan_canvases(&mut self, now: Instant, key: RoomKey, composed: &mut ComposedRoom, bill: &mut Bill) {
        let Some(room) = self.rooms.get(key) else { return };
        let (mut wanted, mut goals, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        for place in &composed.places {
            let scene = self.consumers.get(*place).and_then(|consumer| self.scene_for(room, consumer));
            let plays = self.consumers.get(*place).is_some_and(|consumer| self.plays_on(consumer));
            let goal = scene.filter(|scene| plays || !scene.tiles.is_empty()).map(|scene| {
                wanted.iter().position(|known| *known == scene).unwrap_or_else(|| {
                    wanted.push(scene);
                    wanted.len() - 1
                })
            });
            let wish = self.consumers.get(*place).and_then(|consumer| consumer.wish);
            let had = composed.canvases.iter().position(|canvas| Some(canvas.producer) == wish.map(|(key, _)| key));
            // Who is to see nothing goes where nobody goes, so that what he had does not go on as what others see.
            moves.push((had, goal.unwrap_or(usize::MAX)));
            goals.push((*place, goal));
        }
        let were: Vec<_> = composed.canvases.iter().map(|canvas| &canvas.scene).collect();
        let kept = keep(&were, &wanted, &moves, |track| self.tracks.contains_key(&track));
        let mut before: Vec<_> = std::mem::take(&mut composed.canvases).into_iter().map(Some).collect();
        let kept: Vec<_> = kept.iter().map(|kept| before.get_mut((*kept)?)?.take()).collect();
        let ended: Vec<Canvas> = before.into_iter().flatten().collect();
        self.composing.give_back(ended.len());
        let (mut tracks, mut is_short) = (Vec::new(), false);
        for (scene, kept) in wanted.into_iter().zip(kept) {
            let is_as_it_was = kept.as_ref().is_some_and(|kept| kept.scene == scene);
            let canvas = kept.or_else(|| self.new_canvas(key, &scene));
            tracks.push(canvas.as_ref().map(|canvas| (canvas.producer, scene.layout.track())));
            is_short |= canvas.is_none();
            if let Some(mut canvas) = canvas {
                canvas.scene = scene;
                self.bill_sizes(&mut canvas, is_as_it_was, bill);
                composed.canvases.push(canvas);
            }
        }
        if is_short && !composed.is_short {
            let limit = self.config.limits.mix.canvas.canvases;
            tracing::warn!(
                limit,
                "more canvases are wanted than are drawn (mix.canvas.canvases): some see others' or none"
            );
        }
        composed.is_short = is_short;
        if is_short && !self.composing.short.contains(&key) {
            self.composing.short.push(key);
        }
        for (place, goal) in goals {
            let his_own = goal.and_then(|goal| tracks.get(goal).copied().flatten());
            let others = || goal.and_then(|_| self.others_canvas(key, place, &composed.canvases));
            let wish = his_own.or_else(others);
            self.aim_place(now, place, wish);
        }
        for canvas in ended {
            bill.dropped.extend(Tier::ALL.map(|tier| (canvas.id, tier)));
            self.remove_canvas(canvas.producer);
        }
    }

    /// Has those sizes of a canvas drawn that somebody has, or may have.
    fn bill_sizes(&self, canvas: &mut Canvas, is_as_it_was: bool, bill: &mut Bill) {
        let encodings = self.producers.get(canvas.producer).map(|producer| &producer.encodings);
        for ((tier, is_drawn), encoding) in
            Tier::ALL.into_iter().zip(&mut canvas.is_drawn).zip(encodings.into_iter().flatten())
        {
            let was_drawn = std::mem::replace(is_drawn, encoding.is_wanted);
            match (was_drawn, encoding.is_wanted) {
                (true, false) => bill.dropped.push((canvas.id, tier)),
                (was_drawn, true) if !was_drawn || !is_as_it_was => {
                    bill.shown.push((canvas.id, tier, canvas.scene.clone()));
                }
                _ => {}
            }
        }
    }

    /// Whether a viewer is shown an empty canvas where there is nobody to be seen: what plays or records by plain RTP is told of no track that
    /// ends, and waits for the next picture as long as none comes.
    fn plays_on(&self, place: &Consumer) -> bool {
        let transport = self.peers.get(place.owner).and_then(|peer| peer.transport.as_ref());
        matches!(transport, Some(Connection::Plain(_)))
    }

    /// What somebody is to see in a place; `None` when no codec of his is written.
    fn scene_for(&self, room: &Room, place: &Consumer) -> Option<Scene> {
        let viewer = self.peers.get(place.owner)?;
        let (layout, codec) = (place.canvas?, codec_for(place)?);
        let arrangement = match layout {
            CanvasLayout::Custom(id) => room.layouts.get(&id),
            _ => None,
        };
        let leads = Leads { pinned: viewer.pin, dominant: room.dominant_for(viewer.id) };
        let Arranged { layout, areas, tiles } = arrange(layout, arrangement, self.faces_for(room, viewer.id), leads);
        Some(Scene { layout, areas, tiles, codec })
    }

    /// Somebody else's canvas for a place that there is none of its own for: one of which its receiver may see, and be told, everything.
    fn others_canvas(&self, key: RoomKey, place: ConsumerKey, canvases: &[Canvas]) -> Option<(ProducerKey, TrackId)> {
        let (room, place) = (self.rooms.get(key)?, self.consumers.get(place)?);
        let codec = codec_for(place)?;
        let own = self.faces_for(room, self.peers.get(place.owner)?.id);
        let may_see = |scene: &Scene| {
            let tiles = || scene.tiles.iter();
            scene.codec == codec && tiles().all(|tile| own.iter().any(|seen| seen.tile == *tile))
        };
        let canvas = canvases.iter().find(|canvas| !canvas.scene.tiles.is_empty() && may_see(&canvas.scene))?;
        Some((canvas.producer, canvas.scene.layout.track()))
    }

    /// Every camera and screen of a room, as somebody may see it, in the order in which people came.
    fn faces_for(&self, room: &Room, viewer: PeerId) -> Vec<Seen> {
        let mut faces = Vec::new();
        for peer in room.everyone().filter_map(|peer| self.peers.get(peer)) {
            let Some(face) = face(room, viewer, peer.id) else { continue };
            let tracks = || peer.producers().filter_map(|track| self.producers.get(track)).map(|track| &track.info);
            // Of one who turned away nothing is told that came later, and not where he turned.
            let is_present = face > Face::Frozen;
            let is_silent = is_present && is_silent(tracks());
            let is_private = is_present && viewer != peer.id && is_private(room, peer.id);
            for info in tracks().filter(|info| info.kind == MediaKind::Video) {
                let (is_muted, is_screen) = (info.mute.is_muted(), info.source == Source::Screen);
                let tile = Tile { is_muted, is_screen, is_silent, is_private, ..Tile::new(info.id, face) };
                faces.push(Seen { tile, of: peer.id });
            }
        }
        // Those who live on this worker are named first: on every worker all stand in the order in which they came, as they are numbered.
        faces.sort_by_key(|seen: &Seen| seen.of);
        faces
    }

    /// A canvas that is new, as a track of nobody's; `None` when there are as many as there may be.
    fn new_canvas(&mut self, room: RoomKey, scene: &Scene) -> Option<Canvas> {
        if self.composing.canvases >= self.config.limits.mix.canvas.canvases {
            return None;
        }
        self.composing.made += 1;
        self.composing.canvases += 1;
        let id = CanvasId(self.composing.made);
        let (source, kind) = (Source::Camera, MediaKind::Video);
        let track = TrackInfo {
            id: scene.layout.track(),
            peer: NOBODY,
            source,
            kind,
            mute: Mute::default(),
            mid: String::new(),
        };
        let mut producer = Producer::new(PeerKey::null(), room, track, &SIZES.map(str::to_owned), &self.config.limits);
        producer.codecs = vec![entry_of(scene.codec)];
        producer.is_canvas = true;
        Some(Canvas {
            id,
            producer: self.producers.insert(producer),
            scene: scene.clone(),
            indices: [0; 2],
            is_drawn: [false; 2],
        })
    }

    /// Nobody has a canvas any more.
    pub(super) fn remove_canvas(&mut self, key: ProducerKey) {
        let Some(producer) = self.producers.remove(key) else { return };
        for place in &producer.consumers {
            if let Some(consumer) = self.consumers.get_mut(*place) {
                consumer.show(None);
                consumer.wish = None;
            }
        }
    }

    /// A room ends, and its canvases with it.
    pub(in crate::engine) fn close_canvases(&mut self, key: RoomKey) {
        let Some(composed) = self.rooms.get_mut(key).and_then(|room| room.compose.take()) else { return };
        self.composing.give_back(composed.canvases.len());
        composed.canvases.iter().for_each(|canvas| self.remove_canvas(canvas.producer));
        if composed.open == Opening::Done {
            self.tell_composer(key, composed.life, ComposeOrder::Close);
        }
    }

    fn close_composed(&mut self, now: Instant, key: RoomKey, mut composed: Box<ComposedRoom>) {
        self.forget_canvases(now, &mut composed);
        if composed.open == Opening::Done {
            self.tell_composer(key, composed.life, ComposeOrder::Close);
        }
    }

    /// Takes all canvases of a room from those who have them, and looks at nobody for them any more.
    pub(super) fn forget_canvases(&mut self, now: Instant, composed: &mut ComposedRoom) {
        for place in composed.places.clone() {
            self.aim_place(now, place, None);
        }
        self.composing.give_back(composed.canvases.len());
        composed.canvases.drain(..).for_each(|canvas| self.remove_canvas(canvas.producer));
        for (_, watched) in composed.sources.drain() {
            self.close_eye(watched.producer);
        }
    }
}

/// What somebody's tile shows a viewer; `None` where he has none.
fn face(room: &Room, viewer: PeerId, of: PeerId) -> Option<Face> {
    let (_, stance) = room.standings.of(of)?;
    if viewer == of {
        // As all others on the floor see him: so he has the canvas that they have.
        return (stance.speaks_on_floor() && !stance.held).then_some(Face::Live);
    }
    match room.standings.sees(viewer, of) {
        _ if !room.standings.knows(viewer, of) => None,
        Sees::Off => None,
        Sees::Frozen => Some(Face::Frozen),
        Sees::Thumbnail => Some(Face::Thumbnail),
        Sees::Live => Some(Face::Live),
    }
}

/// Whether somebody has microphones, and all of them are switched off.
fn is_silent<'a>(tracks: impl Iterator<Item = &'a TrackInfo>) -> bool {
    let mut microphones = tracks.filter(|track| track.source == Source::Microphone).peekable();
    microphones.peek().is_some() && microphones.all(|microphone| microphone.mute.is_muted())
}

/// Whether what somebody says is not for everybody on the floor. Only those may be told who hear it.
fn is_private(room: &Room, of: PeerId) -> bool {
    room.standings.of(of).is_some_and(|(_, stance)| !stance.speaks_on_floor())
}

/// The first of a place's codecs that canvases are written in.
fn codec_for(place: &Consumer) -> Option<CanvasCodec> {
    place.codecs.iter().find_map(|entry| match entry.format {
        Format::VP8 => Some(CanvasCodec::Vp8),
        Format::H264_CONSTRAINED => Some(CanvasCodec::H264),
        _ => None,
    })
}

/// A canvas's codec, as a publisher would have offered it.
fn entry_of(codec: CanvasCodec) -> CodecEntry {
    let format = match codec {
        CanvasCodec::Vp8 => Format::VP8,
        CanvasCodec::H264 => Format::H264_CONSTRAINED,
    };
    CodecEntry::made_here(format)
}

/// The codec of a track: of what comes, or of what will.
pub(super) fn codec_of(producer: &Producer) -> Option<Codec> {
    let offered = || producer.codecs.first().map(|entry| entry.format);
    producer.format.or_else(offered).map(|format| format.codec)
}
