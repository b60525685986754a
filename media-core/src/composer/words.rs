//! What an engine tells a composer, and what a composer tells an engine.

use super::scene::{CanvasId, Scene, Tier};
use crate::api::{CanvasLimits, Codec, RoomId, TrackId};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// A camera or screen as a composer needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Seen {
    /// Whose.
    pub track: TrackId,
    /// What its packets are of.
    pub codec: Codec,
    /// What its publisher is called.
    pub name: Arc<str>,
    /// Its publisher is turned away from the floor: what those see for whom it is frozen stays as it was when that began.
    pub is_held: bool,
}

/// Who is there and who sees what, changed as a whole between two pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// When it was made. What those see who did not see it before came later.
    pub at: Instant,
    /// Sources that nobody sees any more: nothing that is kept of them is shown again.
    pub ended: Vec<TrackId>,
    /// Sources that are new, or otherwise than before.
    pub sources: Vec<Seen>,
    /// Canvases that nobody has any more.
    pub dropped: Vec<(CanvasId, Tier)>,
    /// Canvases that are new, or show something else from now on.
    pub shown: Vec<(CanvasId, Tier, Scene)>,
}

impl Bill {
    /// One that changes nothing yet.
    #[must_use]
    pub fn new(at: Instant) -> Self {
        Self { at, ended: Vec::new(), sources: Vec::new(), dropped: Vec::new(), shown: Vec::new() }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.sources.is_empty() && self.dropped.is_empty() && self.shown.is_empty()
    }
}

/// A packet of a picture: of one layer, numbered without gaps but for what is missing.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Its number.
    pub index: u64,
    /// RTP's, at 90 kHz.
    pub timestamp: u32,
    /// The picture's last.
    pub marker: bool,
    /// What RTP carries; empty where a number was kept for a packet that is left out.
    pub payload: Bytes,
    /// When it came.
    pub arrived: Instant,
}

/// How the canvases of a room are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct CanvasFormat {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Bits a second.
    pub bps: u32,
}

/// Least side of a canvas, in pixels, and least bits a second.
const LEAST: (u32, u32) = (32, 30_000);

impl CanvasFormat {
    /// The same for one of the two sizes.
    #[must_use]
    pub fn of(self, tier: Tier) -> Self {
        let half = |side: u32| ((side / 2) & !1).max(LEAST.0);
        match tier {
            Tier::Full => self,
            Tier::Small => {
                let (width, height, bps) = (half(self.width), half(self.height), (self.bps / 4).max(LEAST.1));
                Self { width, height, bps, ..self }
            }
        }
    }
}

impl From<CanvasLimits> for CanvasFormat {
    fn from(limits: CanvasLimits) -> Self {
        let CanvasLimits { width, height, fps, bitrate_bps: bps, .. } = limits;
        Self { width, height, fps, bps }
    }
}

/// A word to the composer of a room. Words of one engine must arrive in order, and none may be lost but packets.
#[derive(Debug, Clone)]
pub struct ToComposer {
    /// The room.
    pub room: RoomId,
    /// Of a room's composers, which: one that failed is another than the one after it.
    pub life: u64,
    /// What it is to do.
    pub order: ComposeOrder,
}

/// What a composer is to do.
#[derive(Debug, Clone)]
pub enum ComposeOrder {
    /// A room's composer begins.
    Open(CanvasFormat),
    /// Others are there or see otherwise.
    Bill(Box<Bill>),
    /// A packet of a source.
    Packet(TrackId, Shot),
    /// Somebody who has this canvas lost something, or has just come.
    KeyFrame(CanvasId, Tier),
    /// Whether it is still there. Answered at once.
    Ping,
    /// Nobody looks any more.
    Close,
}

impl ToComposer {
    /// Whether it is a packet: the one thing that may be dropped where a queue is full.
    #[must_use]
    pub fn is_packet(&self) -> bool {
        matches!(self.order, ComposeOrder::Packet(..))
    }
}

/// A word from the composer of a room.
#[derive(Debug, Clone)]
pub struct FromComposer {
    /// The room.
    pub room: RoomId,
    /// Which of its composers.
    pub life: u64,
    /// What it tells.
    pub answer: ComposeAnswer,
}

/// A payload of a canvas.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Drawn {
    /// Which.
    pub canvas: CanvasId,
    /// In which of its sizes.
    pub tier: Tier,
    /// At 90 kHz, of one clock for all canvases of a composer.
    pub timestamp: u32,
    /// The picture's last.
    pub marker: bool,
    /// What RTP carries.
    pub payload: Bytes,
}

/// What a composer tells.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum ComposeAnswer {
    /// What comes of it.
    Drawn(Drawn),
    /// A source is asked for a key frame.
    NeedKey(TrackId),
    /// The sides, in pixels, in which a source is shown at most; 0 when it needs not come at all.
    Wants(TrackId, u32, u32),
    /// It is there.
    Here,
    /// It failed. Whoever wants another opens it.
    Lost,
}

impl FromComposer {
    /// Whether it may be dropped where a queue is full.
    #[must_use]
    pub fn is_packet(&self) -> bool {
        matches!(self.answer, ComposeAnswer::Drawn(_))
    }
}
