//! The qualities in which a source can be had, and which of them serves a tile.

use crate::api::Layer;

/// What a source loses last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Prefer {
    /// Frames before pixels: faces.
    #[default]
    Motion,
    /// Pixels before frames: screens, where a text that cannot be read is worth nothing.
    Sharpness,
}

/// One quality of a source. A ladder is a slice of them from the worst to the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    /// What is forwarded.
    pub layer: Layer,
    /// What it costs in all, bits/s. A rung that is given as cheaper than the one below is counted as dear as that.
    pub bps: u64,
    /// Picture width in pixels; 0 when unknown.
    pub width: u16,
    /// Picture height in pixels; 0 when unknown.
    pub height: u16,
    /// How many times the source's frame rate is halved: 0 is every frame, 1 every second one.
    pub halvings: u8,
}

impl Rung {
    /// Whether both are the same picture at, perhaps, different frame rates.
    fn same_picture(&self, other: &Self) -> bool {
        (self.layer.encoding, self.layer.spatial) == (other.layer.encoding, other.layer.spatial)
    }

    /// Whether both have as many pixels.
    fn same_size(&self, other: &Self) -> bool {
        self.width > 0 && self.height > 0 && (self.width, self.height) == (other.width, other.height)
    }
}

/// A moving picture may be stretched by this much, in percent, before the next larger one is sent: a tile of 400x225 is served
/// by 320x180. A quarter more is hardly seen in a small tile, and the next step costs three to five times as much.
const STRETCH_MOTION_PCT: u64 = 125;
/// Text shows every stretch.
const STRETCH_SHARP_PCT: u64 = 100;

/// Of a screen that comes twice in one size, the one of few bits is enough where it is shown this many times smaller: nobody reads there.
const STRIP: u16 = 3;

/// How far up a ladder a viewer wants, as numbers of rungs from the bottom: 0 is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    /// What keeps the source alive for him: the lowest rung, or the floor of sharpness.
    pub alive: usize,
    /// Half of what he wants.
    pub good: usize,
    /// All that he wants.
    pub full: usize,
}

impl Reach {
    /// What somebody wants who shows the source at `shown` device pixels (`None`: he did not say; a side of 0: hidden).
    pub(crate) fn of(ladder: &[Rung], prefer: Prefer, shown: Option<(u16, u16)>) -> Self {
        if ladder.is_empty() || shown.is_some_and(|(width, height)| width == 0 || height == 0) {
            return Self::default();
        }
        let stretch = match prefer {
            Prefer::Motion => STRETCH_MOTION_PCT,
            Prefer::Sharpness => STRETCH_SHARP_PCT,
        };
        let top = ladder.len() - 1;
        let covering =
            shown.and_then(|shown| ladder.iter().position(|rung| covers(rung, shown, stretch))).unwrap_or(top);
        let picture = &ladder[covering];
        // A screen may come twice in one size: with few bits and frames, and with all of them.
        let times = |(width, height): (u16, u16)| (width.saturating_mul(STRIP), height.saturating_mul(STRIP));
        let is_read = shown.is_none_or(|shown| !covers(picture, times(shown), STRETCH_SHARP_PCT));
        let or_alike = prefer == Prefer::Sharpness && is_read;
        let serves = |rung: &Rung| rung.same_picture(picture) || (or_alike && rung.same_size(picture));
        let full = ladder.iter().rposition(serves).unwrap_or(covering);
        let first = ladder.iter().position(serves).unwrap_or(covering);
        match prefer {
            Prefer::Sharpness => Self { alive: first + 1, good: first + 1, full: full + 1 },
            Prefer::Motion => Self { alive: 1, good: half_way(ladder, full, shown) + 1, full: full + 1 },
        }
    }
}

/// Whether a picture fills a tile without being stretched beyond `stretch` percent. It is fitted into the tile whole, so the
/// side that comes first decides; of unknown size is no answer, and the search goes on upwards.
fn covers(rung: &Rung, (width, height): (u16, u16), stretch: u64) -> bool {
    let fills = |picture: u16, tile: u16| u64::from(picture) * stretch >= u64::from(tile) * 100;
    rung.width > 0 && rung.height > 0 && (fills(rung.width, width) || fills(rung.height, height))
}

/// The first rung with half the size that `full` is shown at and half of the frames; half the way by number when sizes are unknown.
fn half_way(ladder: &[Rung], full: usize, shown: Option<(u16, u16)>) -> usize {
    let best = &ladder[full];
    if best.width == 0 || best.height == 0 {
        return full / 2;
    }
    let (width, height) = shown.unwrap_or((best.width, best.height));
    let half = (width.min(best.width).div_ceil(2), height.min(best.height).div_ceil(2));
    ladder[..=full].iter().position(|rung| rung.halvings <= 1 && covers(rung, half, STRETCH_SHARP_PCT)).unwrap_or(full)
}
