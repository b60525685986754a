//! One room's composer: the words of an engine in, its answers out. It fails by itself, and says so.

use super::scene::{CanvasCodec, Face, Scene, Tier};
use super::words::{Bill, CanvasFormat, ComposeAnswer, ComposeOrder, Drawn, FromComposer, Shot};
use crate::api::{Area, CanvasLayout, Codec, RoomId, TrackId};
use crate::composer::CanvasId;
use crate::mix::video::{
    Compositor, Layout, Marks, Output, Settings, SourceId, Tile, TileState, VideoPacket, View, ViewCodec, ViewId,
};
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::{Region, VideoCodec};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What those see who did not see somebody before came this much later than the moment from which on they may.
const LATER: Duration = Duration::from_millis(1);

/// The composer of one room for one engine.
pub struct Stage {
    room: RoomId,
    life: u64,
    format: CanvasFormat,
    /// `None` when it has failed.
    compositor: Option<Compositor>,
    said: VecDeque<ComposeAnswer>,
}

impl Stage {
    /// One that shows nothing to nobody yet.
    #[must_use]
    pub fn new((room, life): (RoomId, u64), format: CanvasFormat, now: Instant) -> Self {
        let compositor = Some(Compositor::new(Settings::default(), now));
        Self { room, life, format, compositor, said: VecDeque::new() }
    }

    /// Takes a word.
    pub fn handle(&mut self, now: Instant, order: ComposeOrder) {
        let format = self.format;
        match order {
            ComposeOrder::Open(_) | ComposeOrder::Close => {}
            ComposeOrder::Bill(bill) => self.guarded(|compositor| announce(compositor, &bill, format, now)),
            ComposeOrder::Packet(track, shot) => self.guarded(|compositor| push(compositor, track, &shot)),
            ComposeOrder::KeyFrame(canvas, tier) => {
                self.guarded(|compositor| compositor.key_frame(view_id(canvas, tier)));
            }
            ComposeOrder::Ping => self.said.extend(self.compositor.is_some().then_some(ComposeAnswer::Here)),
        }
    }

    /// When [`tick`](Self::tick) wants to be called next.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        self.compositor.as_ref()?.next_tick()
    }

    /// Draws what is due.
    pub fn tick(&mut self, now: Instant) {
        self.guarded(|compositor| compositor.tick(now));
        let Some(compositor) = &mut self.compositor else { return };
        while let Some(output) = compositor.poll() {
            self.said.push_back(match output {
                Output::Packet { view, timestamp, payload, marker, .. } => {
                    let tier = if view.0 % 2 == 0 { Tier::Small } else { Tier::Full };
                    ComposeAnswer::Drawn(Drawn { canvas: CanvasId(view.0 / 2), tier, timestamp, marker, payload })
                }
                Output::NeedKeyFrame(source) => ComposeAnswer::NeedKey(TrackId(source.0)),
                Output::Wants { source, width, height } => ComposeAnswer::Wants(TrackId(source.0), width, height),
            });
        }
    }

    /// The next word for the engine, in order.
    pub fn poll(&mut self) -> Option<FromComposer> {
        let answer = self.said.pop_front()?;
        Some(FromComposer { room: self.room, life: self.life, answer })
    }

    /// Whether it has failed: nothing comes of it any more.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.compositor.is_none()
    }

    /// Has it fail, for tests of what comes of it.
    pub fn fail(&mut self) {
        if self.compositor.take().is_some() {
            self.said.push_back(ComposeAnswer::Lost);
        }
    }

    /// Works on it. Whatever it was in the middle of when it panicked: nothing of it is used again.
    fn guarded(&mut self, work: impl FnOnce(&mut Compositor)) {
        let Some(compositor) = &mut self.compositor else { return };
        if catch_unwind(AssertUnwindSafe(|| work(compositor))).is_err() {
            tracing::error!(room = %self.room, "a defect of ours: the composer of a room failed; there will be another");
            let failed = self.compositor.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(failed)));
            self.said.push_back(ComposeAnswer::Lost);
        }
    }
}

fn announce(compositor: &mut Compositor, bill: &Bill, format: CanvasFormat, now: Instant) {
    for track in &bill.ended {
        compositor.remove_source(SourceId(track.0));
    }
    for seen in &bill.sources {
        let (id, codec) = (SourceId(seen.track.0), codec(seen.codec));
        let Some(codec) = codec else { continue };
        if compositor.add_source(id, codec, &seen.name).is_err() {
            tracing::warn!("a room has more cameras than a composer takes: one is not seen on its canvases");
        }
        if seen.is_held {
            compositor.freeze(id);
        } else {
            compositor.thaw(id, bill.at + LATER);
        }
    }
    for (canvas, tier) in &bill.dropped {
        compositor.drop_view(view_id(*canvas, *tier));
    }
    for (canvas, tier, scene) in &bill.shown {
        let (id, view) = (view_id(*canvas, *tier), view(scene, format.of(*tier)));
        if let Err(refused) = compositor.show(id, view, now.max(bill.at + LATER)) {
            tracing::warn!(%refused, "a canvas is not drawn");
            // What it showed before is not what its viewers may see now.
            compositor.drop_view(id);
        }
    }
}

fn view_id(canvas: CanvasId, tier: Tier) -> ViewId {
    ViewId(canvas.0 * 2 + u64::from(tier.encoding()))
}

fn push(compositor: &mut Compositor, track: TrackId, shot: &Shot) {
    let Shot { index, timestamp, marker, payload, arrived } = shot;
    let packet = VideoPacket { seq: ExtSeq(*index), timestamp: *timestamp, marker: *marker, payload };
    compositor.push(SourceId(track.0), packet, *arrived);
}

fn codec(codec: Codec) -> Option<VideoCodec> {
    match codec {
        Codec::Vp8 => Some(VideoCodec::Vp8),
        Codec::Vp9 => Some(VideoCodec::Vp9),
        Codec::H264 => Some(VideoCodec::H264),
        Codec::Av1 => Some(VideoCodec::Av1),
        Codec::Opus => None,
    }
}

fn view(scene: &Scene, format: CanvasFormat) -> View {
    let tile = |tile: &super::scene::Tile| {
        let state = match tile.face {
            _ if tile.is_muted => TileState::Avatar,
            Face::Live => TileState::Live,
            Face::Thumbnail => TileState::Thumbnail,
            Face::Frozen => TileState::Frozen,
        };
        let is_frozen = tile.face == Face::Frozen;
        let marks = Marks { is_muted: tile.is_silent, is_frozen, is_private: tile.is_private };
        Tile { source: SourceId(tile.track.0), state, marks, is_whole: tile.is_screen }
    };
    let region = |area: &Area| {
        let (x, y, width, height) = area.on(format.width, format.height);
        Region { x, y, width, height }
    };
    View {
        layout: match scene.layout {
            CanvasLayout::Grid => Layout::Grid,
            CanvasLayout::Speaker => Layout::Speaker,
            CanvasLayout::Presentation => Layout::Presentation,
            CanvasLayout::PictureInPicture => Layout::PictureInPicture,
            CanvasLayout::Custom(_) => Layout::Custom(scene.areas.iter().map(region).collect()),
        },
        tiles: scene.tiles.iter().map(tile).collect(),
        codec: match scene.codec {
            CanvasCodec::Vp8 => ViewCodec::Vp8,
            CanvasCodec::H264 => ViewCodec::H264,
        },
        width: format.width,
        height: format.height,
        fps: format.fps,
        bps: format.bps,
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("room", &self.room).field("life", &self.life).finish_non_exhaustive()
    }
}
