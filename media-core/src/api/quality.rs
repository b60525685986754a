//! What a receiver wants to see of a place, and what he is given.

use std::fmt;

/// Size of a picture in pixels of the device that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PixelSize {
    /// From left to right.
    pub width: u16,
    /// From top to bottom.
    pub height: u16,
}

impl PixelSize {
    /// Nothing of it is seen.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// What a receiver says of one of his receiving places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    /// The size in which the picture is shown: no layer is sent that is larger than it needs. Nothing at all is sent into a place of
    /// no width or height. `None` takes the best.
    pub size: Option<PixelSize>,
    /// He pinned it: it is served before everything else, and last-N does not apply to it.
    pub pinned: bool,
    /// Its share among places of the same rank, 1 to 8.
    pub weight: u8,
}

impl Default for Preference {
    fn default() -> Self {
        Self { size: None, pinned: false, weight: 1 }
    }
}

/// What a receiver says of everything that he receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Downlink {
    /// Cameras that are sent to him at most: those who spoke last. Pinned places and screens do not count. `None` for all.
    pub last_n: Option<u16>,
    /// What may be sent to him in all, in bits a second, however much his path carries.
    pub max_bps: Option<u64>,
    /// What he has it on.
    pub device: Device,
}

/// What sort of device a receiver has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// Something with a screen and power to decode many streams.
    #[default]
    Screen,
    /// Something that would rather decode one voice than many: [`AudioMode::Auto`](super::AudioMode::Auto) has it hear the mix.
    Phone,
    /// An earpiece or a watch: it hears, and sees nothing. It is sent [`EARPIECE_BPS`] at most.
    Earpiece,
}

/// What an earpiece is sent at most, in bits a second, IP and UDP headers included: sound only, over a mobile network at its edge.
pub const EARPIECE_BPS: u64 = 40_000;

impl Device {
    /// Whether pictures are of no use on it.
    #[must_use]
    pub fn only_hears(self) -> bool {
        self == Self::Earpiece
    }
}

impl Downlink {
    /// What may be sent to him in all, in bits a second: what he says and what his device takes; `None` without limit.
    #[must_use]
    pub fn most_bps(&self) -> Option<u64> {
        let by_device = self.device.only_hears().then_some(EARPIECE_BPS);
        [self.max_bps, by_device].into_iter().flatten().min()
    }
}

/// One quality of a track: which simulcast encoding (RFC 8853), and which layers of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Layer {
    /// Which encoding, 0 is the first that the publisher's description names.
    pub encoding: u8,
    /// The highest spatial layer of it, 0 is the smallest picture.
    pub spatial: u8,
    /// The highest temporal layer of it, 0 is the lowest frame rate.
    pub temporal: u8,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/S{}T{}", self.encoding, self.spatial, self.temporal)
    }
}

/// What a place shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Pictures of this quality, of this size where it is known.
    Layer(Layer, Option<PixelSize>),
    /// Nothing, and why.
    Paused(PauseCause),
}

/// Why a place shows nothing though it is pointed at a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseCause {
    /// The path to the receiver does not carry even the lowest layer beside what comes before it.
    Bandwidth,
    /// It is not among the last N speakers.
    LastN,
    /// The receiver shows it nowhere.
    Hidden,
    /// Its publisher turned away from the receiver: the last picture stands for him.
    Frozen,
    /// The receiver may not see it now: one of the two is on hold.
    Withheld,
}

/// A simulcast encoding, and whether anyone is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodingUse {
    /// Its restriction identifier (RFC 8851).
    pub rid: String,
    /// Somebody is shown it, or may be at once. One that is not wanted need not be encoded.
    pub wanted: bool,
}
