//! One room's canvases, as this worker's share of the room keeps them.

use crate::api::{Codec, TrackId};
use crate::composer::{CanvasId, Scene};
use crate::keys::{ConsumerKey, ProducerKey};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After a composer failed, another is opened this much later; twice as late each time that no picture came meanwhile: a defect that comes
/// back at once must not fill the log and the core.
const OPEN_AGAIN: Duration = Duration::from_millis(250);
/// It doubles so many times: 16 s.
const PATIENT: u32 = 6;

/// A room with canvases.
#[derive(Debug)]
pub(crate) struct ComposedRoom {
    /// Which of the composers that it had; what another says does not count.
    pub(super) life: u64,
    /// When it is opened; it is when it has passed.
    pub(super) open: Opening,
    /// When its composer is asked next whether it is there, and since when it has not answered.
    pub(super) ping_at: Instant,
    pub(super) silent_since: Option<Instant>,
    /// Composers that failed, one after the other, before a picture came.
    failures: u32,
    /// Tracks as the composer knows them.
    pub(super) sources: FxHashMap<TrackId, Watched>,
    pub(super) canvases: Vec<Canvas>,
    /// Places that are pointed at a canvas.
    pub(super) places: Vec<ConsumerKey>,
    /// More were wanted than there may be, and it was told.
    pub(super) is_short: bool,
}

/// How it stands with a room's composer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// It is to be opened then.
    At(Instant),
    Done,
}

/// A track as the composer knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) producer: ProducerKey,
    pub(super) codec: Codec,
    pub(super) is_held: bool,
    /// What its publisher is called.
    pub(super) name: Arc<str>,
}

/// One canvas, and the track that it is for those who have it.
#[derive(Debug)]
pub(super) struct Canvas {
    pub(super) id: CanvasId,
    pub(super) producer: ProducerKey,
    pub(super) scene: Scene,
    /// Packets that came of each of its sizes, and whether it is drawn now.
    pub(super) indices: [u64; 2],
    pub(super) is_drawn: [bool; 2],
}

impl ComposedRoom {
    /// One that nobody looks at yet, and whose composer is to be opened.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            life: 0,
            open: Opening::At(now),
            ping_at: now,
            silent_since: None,
            failures: 0,
            sources: FxHashMap::default(),
            canvases: Vec::new(),
            places: Vec::new(),
            is_short: false,
        }
    }

    /// The composer is gone, and all that it knew. Gives when there is to be another.
    pub(super) fn lose(&mut self, now: Instant) -> Instant {
        let again = now + OPEN_AGAIN * (1 << self.failures.min(PATIENT));
        self.failures += 1;
        self.open = Opening::At(again);
        self.silent_since = None;
        again
    }

    /// A picture came.
    pub(super) fn works(&mut self) {
        self.failures = 0;
    }
}
