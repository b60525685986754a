//! What is left out when the machine is not fast enough: before anything is decoded, and so that the delay does not grow.

use std::time::{Duration, Instant};

/// Ticks that are looked at together: a second at 30 a second.
const WINDOW: u32 = 30;
/// So many late ones of them raise the level.
const MANY: u32 = 10;
/// So many windows without more than [`FEW`] late ones lower it: five seconds.
const CALM_WINDOWS: u32 = 5;
const FEW: u32 = 2;

/// How much is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Load {
    /// Nothing.
    #[default]
    Normal,
    /// Every other picture of a canvas.
    High,
    /// Two of three; pictures that no other needs are not decoded; and sources are wanted at half the sides.
    TooHigh,
}

impl Load {
    /// A canvas is drawn every so many ticks of its own.
    pub(super) fn stride(self) -> u32 {
        match self {
            Load::Normal => 1,
            Load::High => 2,
            Load::TooHigh => 3,
        }
    }

    pub(super) fn level(self) -> u8 {
        self as u8
    }
}

/// Judges by how late the caller is.
#[derive(Debug, Default)]
pub(super) struct Overload {
    load: Load,
    ticks: u32,
    late: u32,
    calm: u32,
}

impl Overload {
    pub(super) fn load(&self) -> Load {
        self.load
    }

    /// A tick that was due at `due`, where ticks are `period` apart, came at `now`. Late is more than half a period.
    pub(super) fn note(&mut self, due: Instant, now: Instant, period: Duration) {
        self.ticks += 1;
        if now.saturating_duration_since(due) > period / 2 {
            self.late += 1;
        }
        if self.late >= MANY {
            self.load = if self.load == Load::Normal { Load::High } else { Load::TooHigh };
            self.calm = 0;
            (self.ticks, self.late) = (0, 0);
        }
        if self.ticks >= WINDOW {
            self.calm = if self.late <= FEW { self.calm + 1 } else { 0 };
            (self.ticks, self.late) = (0, 0);
            if self.calm >= CALM_WINDOWS {
                self.load = if self.load == Load::TooHigh { Load::High } else { Load::Normal };
                self.calm = 0;
            }
        }
    }
}
