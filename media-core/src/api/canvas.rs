//! Pictures of several people on one canvas, drawn by the server.

use super::TrackId;

impl TrackId {
    /// What a receiving place for video is pointed at to get all that its receiver sees on one canvas, all alike in size.
    pub const GRID: Self = Self(u64::MAX - 1);
    /// The same with who speaks large, or what is shared.
    pub const SPEAKER: Self = Self(u64::MAX - 2);
}

/// How pictures are laid out on a canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum CanvasLayout {
    /// All alike.
    #[default]
    Grid,
    /// What is shared large, else who speaks; the others in a row below.
    Speaker,
}

impl CanvasLayout {
    /// What a place is pointed at to get it.
    #[must_use]
    pub fn track(self) -> TrackId {
        match self {
            Self::Grid => TrackId::GRID,
            Self::Speaker => TrackId::SPEAKER,
        }
    }

    /// The layout that a place pointed at this gets; `None` of somebody's track.
    #[must_use]
    pub fn of(track: TrackId) -> Option<Self> {
        [Self::Grid, Self::Speaker].into_iter().find(|layout| layout.track() == track)
    }
}

/// How canvases are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanvasLimits {
    /// Whoever runs the engine has canvases drawn. Otherwise a place that is pointed at one is refused.
    pub enabled: bool,
    /// Pixels; even, 32 to 1,920.
    pub width: u32,
    /// Pixels; even, 32 to 1,920.
    pub height: u32,
    /// Pictures a second at most, 1 to 60.
    pub fps: u32,
    /// Bits a second of one encoding.
    pub bitrate_bps: u32,
    /// Different canvases of one worker at once, over all its rooms: each takes some 0.4 of a core at 720p30, and a quarter more while somebody
    /// has it with half the sides. Whose would be one more sees none.
    pub canvases: usize,
}

impl Default for CanvasLimits {
    /// Two of 720p at 25 pictures and 1.5 Mb/s.
    fn default() -> Self {
        Self { enabled: true, width: 1_280, height: 720, fps: 25, bitrate_bps: 1_500_000, canvases: 2 }
    }
}
