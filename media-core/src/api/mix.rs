//! Sound as each of the others sends it, or mixed by the server.

use super::{CanvasLimits, TrackId};

impl TrackId {
    /// What a receiving place for audio is pointed at to get the mix of all that its receiver hears. No publisher's track has it.
    pub const MIX: Self = Self(u64::MAX);
}

/// How a participant wants to hear others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AudioMode {
    /// Each in a place of his own.
    #[default]
    Forward,
    /// All in one place, mixed by the server. It takes a place that is pointed at [`TrackId::MIX`]: without one, and while the mixer
    /// is down, each comes in his own.
    Mix,
    /// As the server finds best for his device, his path and the room.
    Auto,
}

/// How a participant hears others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AudioPath {
    /// Each in a place of his own.
    #[default]
    Forward,
    /// All in one place.
    Mix,
}

/// How sound is mixed, and for whom where the server chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixLimits {
    /// There is a mixer. Without one [`AudioMode::Mix`] is refused, and [`AudioMode::Auto`] forwards.
    pub enabled: bool,
    /// What one mix costs at most, in bits a second for each channel. Two are sent only to those who hear somebody from a side; with half as
    /// much Opus would draw the sides together.
    pub bitrate_bps: u32,
    /// Paths that carry less get the mix in [`AudioMode::Auto`], in bits a second: three voices with their headers, and no picture.
    pub narrow_bps: u64,
    /// Where more people than this speak by turns, everybody in [`AudioMode::Auto`] gets the mix.
    pub talkers: usize,
    /// How pictures are drawn together.
    pub canvas: CanvasLimits,
}

impl Default for MixLimits {
    fn default() -> Self {
        Self { enabled: false, bitrate_bps: 64_000, narrow_bps: 150_000, talkers: 8, canvas: CanvasLimits::default() }
    }
}
