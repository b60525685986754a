//! What a view shows, and the names of things.

use super::layout::Layout;
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::VideoCodec;

/// Tiles of a view. A wall of 64 thumbnails is the largest that anybody can make something of.
pub(super) const MAX_TILES: usize = 64;
/// Sides of a view in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 32..=1_920;
/// Pictures a second of a view.
const RATES: std::ops::RangeInclusive<u32> = 1..=60;
/// Bits a second of a view.
const BITS: std::ops::RangeInclusive<u32> = 30_000..=20_000_000;

/// Somebody's camera or screen, as the caller numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u64);

/// One who gets a canvas, as the caller numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub u64);

/// A packet of a source: decrypted, without padding.
#[derive(Debug, Clone, Copy)]
pub struct VideoPacket<'a> {
    /// The sequence number with its cycles. Where another encoding goes on under other numbers the jump is taken for a gap.
    pub seq: ExtSeq,
    /// RTP's, at 90 kHz.
    pub timestamp: u32,
    /// RTP's marker: the picture's last packet.
    pub marker: bool,
    /// What RTP carries, from the payload descriptor on. Empty: the number was kept for a packet that is left out.
    pub payload: &'a [u8],
}

/// How much of a source a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileState {
    /// As it comes.
    Live,
    /// As it was when it was frozen: nothing that came later.
    Frozen,
    /// As it comes, but in 160x90 and once a second.
    Thumbnail,
    /// Initials in place of a camera.
    Avatar,
}

/// What is drawn beside a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks {
    /// A crossed-out microphone.
    pub is_muted: bool,
    /// Two bars: the picture stands still.
    pub is_frozen: bool,
    /// A padlock: not all see or hear what is here.
    pub is_private: bool,
}

/// One tile of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Whose.
    pub source: SourceId,
    /// How much of it.
    pub state: TileState,
    /// What stands beside the name.
    pub marks: Marks,
    /// It is shown whole, with bars, rather than cut to fill its place.
    pub is_whole: bool,
}

impl Tile {
    /// A tile without marks, which may be cut.
    pub fn new(source: SourceId, state: TileState) -> Tile {
        Tile { source, state, marks: Marks::default(), is_whole: false }
    }
}

/// What a canvas is encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewCodec {
    /// RFC 7741.
    Vp8,
    /// RFC 6184, packetization mode 1.
    H264,
}

impl From<ViewCodec> for VideoCodec {
    fn from(codec: ViewCodec) -> VideoCodec {
        match codec {
            ViewCodec::Vp8 => VideoCodec::Vp8,
            ViewCodec::H264 => VideoCodec::H264,
        }
    }
}

/// What somebody is to see: nothing that is not named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Where tiles are.
    pub layout: Layout,
    /// In order: the first is the large one where there is such.
    pub tiles: Vec<Tile>,
    /// What it is encoded with.
    pub codec: ViewCodec,
    /// Pixels; even.
    pub width: u32,
    /// Pixels; even.
    pub height: u32,
    /// Pictures a second, 1 to 60.
    pub fps: u32,
    /// Bits a second.
    pub bps: u32,
}

/// Why a view or a source is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// Sides odd or out of bounds.
    #[error("a canvas of these sides is not made")]
    Sides,
    /// Pictures or bits a second out of bounds.
    #[error("a canvas at this rate is not made")]
    Rate,
    /// More tiles than a view may have, one source twice, or a custom layout that leaves the canvas.
    #[error("these tiles cannot be laid out")]
    Tiles,
    /// As many sources, views, or different canvases as one compositor takes.
    #[error("the compositor is full")]
    Full,
    /// No such source.
    #[error("no such source")]
    NoSuchSource,
}

impl View {
    pub(super) fn check(&self) -> Result<(), ShowError> {
        let is_side = |side: u32| SIDES.contains(&side) && side.is_multiple_of(2);
        if !is_side(self.width) || !is_side(self.height) {
            return Err(ShowError::Sides);
        }
        if !RATES.contains(&self.fps) || !BITS.contains(&self.bps) {
            return Err(ShowError::Rate);
        }
        let is_repeated = |(at, tile): (usize, &Tile)| self.tiles.iter().take(at).any(|t| t.source == tile.source);
        if self.tiles.len() > MAX_TILES
            || self.tiles.iter().enumerate().any(is_repeated)
            || !self.layout.is_within(self.width, self.height)
        {
            return Err(ShowError::Tiles);
        }
        Ok(())
    }

    /// Whether two views show the same, so that one canvas serves both.
    pub(super) fn shows_the_same(&self, other: &View) -> bool {
        (self.width, self.height, self.fps) == (other.width, other.height, other.fps)
            && self.layout == other.layout
            && self.tiles == other.tiles
    }
}
