//! Tiles that glide from one place to another.

use super::view::SourceId;
use colloquy_codecs::video::Region;
use std::time::{Duration, Instant};

/// How long a change of layout takes: long enough for the eye to follow, short enough not to be waited for.
const GLIDE: Duration = Duration::from_millis(300);

/// Where tiles come from, and since when.
#[derive(Debug, Default)]
pub(super) struct Motion {
    begun: Option<Instant>,
    from: Vec<(SourceId, Region)>,
}

impl Motion {
    /// Begins to move tiles from where they are now.
    pub(super) fn begin(&mut self, now: Instant, from: Vec<(SourceId, Region)>) {
        (self.begun, self.from) = (Some(now), from);
    }

    /// Forgets a movement that is over; gives whether one goes on.
    pub(super) fn goes_on(&mut self, now: Instant) -> bool {
        if self.begun.is_some_and(|begun| now.saturating_duration_since(begun) >= GLIDE) {
            *self = Motion::default();
        }
        self.begun.is_some()
    }

    /// Where the tile that goes to `to` is now. One that was not there before is at its place at once.
    pub(super) fn place(&self, now: Instant, source: SourceId, to: Region) -> Region {
        let Some(begun) = self.begun else { return to };
        let Some((_, from)) = self.from.iter().find(|(other, _)| *other == source) else { return to };
        let passed = now.saturating_duration_since(begun).as_secs_f32() / GLIDE.as_secs_f32();
        // Slow at both ends.
        let done = passed.clamp(0.0, 1.0);
        let done = done * done * (3.0 - 2.0 * done);
        let between = |from: u32, to: u32| (from as f32 + (to as f32 - from as f32) * done) as u32 & !1;
        Region {
            x: between(from.x, to.x),
            y: between(from.y, to.y),
            width: between(from.width, to.width).max(2),
            height: between(from.height, to.height).max(2),
        }
    }
}
