//! Pictures of several people on one canvas, drawn by the server.

use super::{PeerId, TrackId};

impl TrackId {
    /// What a receiving place for video is pointed at to get all that its receiver sees on one canvas, all alike in size.
    pub const GRID: Self = Self(u64::MAX - 1);
    /// The same with who speaks large, or what is shared.
    pub const SPEAKER: Self = Self(u64::MAX - 2);
    /// The same with what is shared whole and large.
    pub const PRESENTATION: Self = Self(u64::MAX - 3);
    /// The same with one filling the canvas, and others upon him.
    pub const PICTURE_IN_PICTURE: Self = Self(u64::MAX - 4);
}

/// The track of the first layout that somebody arranged; those of others lie below it, one for each that a room can ever have.
const FIRST_CUSTOM: u64 = u64::MAX - 0x100;

/// How pictures are laid out on a canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum CanvasLayout {
    /// All alike.
    #[default]
    Grid,
    /// What is shared large, else who speaks; the others in a row below.
    Speaker,
    /// What is shared large and never cut, else who speaks; the others in a column at the right.
    Presentation,
    /// What is shared fills the canvas, else who speaks; up to four others lie on its lower edge, of them who speaks at the right.
    PictureInPicture,
    /// As somebody arranged it for this room ([`Command::Arrange`](super::Command::Arrange)); [`Self::Grid`] where there is no such layout, or
    /// no more.
    Custom(LayoutId),
}

impl CanvasLayout {
    const NAMED: [Self; 4] = [Self::Grid, Self::Speaker, Self::Presentation, Self::PictureInPicture];

    /// What a place is pointed at to get it.
    #[must_use]
    pub fn track(self) -> TrackId {
        match self {
            Self::Grid => TrackId::GRID,
            Self::Speaker => TrackId::SPEAKER,
            Self::Presentation => TrackId::PRESENTATION,
            Self::PictureInPicture => TrackId::PICTURE_IN_PICTURE,
            Self::Custom(LayoutId(number)) => TrackId(FIRST_CUSTOM - u64::from(number)),
        }
    }

    /// The layout that a place pointed at this gets; `None` of somebody's track.
    #[must_use]
    pub fn of(track: TrackId) -> Option<Self> {
        let custom = || u32::try_from(FIRST_CUSTOM.checked_sub(track.0)?).ok().map(LayoutId).map(Self::Custom);
        Self::NAMED.into_iter().find(|layout| layout.track() == track).or_else(custom)
    }
}

/// A layout that somebody arranged for a room. Allocated by whoever arranges it; no number is used twice in a room's life, so that nobody
/// comes to see another layout than the one that he chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct LayoutId(pub u32);

/// Whom a place of an arranged layout shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PlaceFor {
    /// The next of those who have no place of their own, in the order in which they came.
    #[default]
    Next,
    /// Whom the viewer pinned, else who speaks; where it is nobody, or he has a place already, the next.
    Speaker,
    /// What is shared. It is empty while nothing is.
    Screen,
    /// This participant: his camera, else what he shares. It is empty while he is not to be seen.
    Peer(PeerId),
}

/// A rectangle in thousandths of a canvas's width and height, so that it fits every size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Area {
    /// Its left edge, 0 to 1,000.
    pub x: u16,
    /// Its upper edge, 0 to 1,000.
    pub y: u16,
    /// At least [`Area::LEAST`].
    pub width: u16,
    /// At least [`Area::LEAST`].
    pub height: u16,
}

impl Area {
    /// All of a canvas.
    pub const WHOLE: u16 = 1_000;
    /// Least side: on half of a canvas of 720p 32 by 18 pixels, in which a face is just one.
    pub const LEAST: u16 = 50;

    /// Where it is on a canvas of these (even) sides: left, upper edge, width, height in pixels. All are even; areas that meet do so on every
    /// canvas.
    #[must_use]
    pub fn on(self, width: u32, height: u32) -> (u32, u32, u32, u32) {
        let (x, width) = Self::span(self.x, self.width, width);
        let (y, height) = Self::span(self.y, self.height, height);
        (x, y, width, height)
    }

    fn span(from: u16, length: u16, side: u32) -> (u32, u32) {
        let at = |mille: u32| (side * mille / u32::from(Self::WHOLE)) & !1;
        let (from, to) = (at(from.into()), at(u32::from(from) + u32::from(length)));
        // Two pixels are the least that can be drawn, and have a place wherever it would begin.
        let from = from.min(side.saturating_sub(2));
        (from, to.saturating_sub(from).max(2))
    }

    fn is_within(self) -> bool {
        let fits = |from: u16, length: u16| {
            length >= Self::LEAST && u32::from(from) + u32::from(length) <= u32::from(Self::WHOLE)
        };
        fits(self.x, self.width) && fits(self.y, self.height)
    }
}

/// One place of an arranged layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LayoutPlace {
    /// Where it is. Later places lie on earlier ones.
    pub area: Area,
    /// Whom it shows.
    pub shows: PlaceFor,
}

/// How somebody arranged a canvas: checked when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrangement(Vec<LayoutPlace>);

/// Why places make no layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArrangementError {
    /// None, or more than [`Arrangement::PLACES`].
    #[error("a layout has 1 to {most} places, not {0}", most = Arrangement::PLACES)]
    Count(usize),
    /// The place of this number, from 0, leaves the canvas or is narrower or lower than [`Area::LEAST`].
    #[error("place {0} leaves the canvas of 1000 by 1000, or has a side below {least}", least = Area::LEAST)]
    Area(usize),
}

impl Arrangement {
    /// Places at most: as many tiles as a canvas has.
    pub const PLACES: usize = 16;

    /// Arranges these places.
    ///
    /// # Errors
    /// When there are none or too many, or one does not lie within the canvas.
    pub fn new(places: Vec<LayoutPlace>) -> Result<Self, ArrangementError> {
        if places.is_empty() || places.len() > Self::PLACES {
            return Err(ArrangementError::Count(places.len()));
        }
        match places.iter().position(|place| !place.area.is_within()) {
            Some(at) => Err(ArrangementError::Area(at)),
            None => Ok(Self(places)),
        }
    }

    /// Its places, in order.
    #[must_use]
    pub fn places(&self) -> &[LayoutPlace] {
        &self.0
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::Strategy as _;

    #[test]
    fn every_layout_has_a_track_of_its_own() {
        let custom = [0, 1, 7, u32::MAX].map(|number| CanvasLayout::Custom(LayoutId(number)));
        let all: Vec<_> = CanvasLayout::NAMED.into_iter().chain(custom).collect();
        for layout in &all {
            assert_eq!(CanvasLayout::of(layout.track()), Some(*layout));
            assert_eq!(all.iter().filter(|other| other.track() == layout.track()).count(), 1);
        }
        for nobodys in [TrackId::MIX, TrackId(0), TrackId(1), TrackId(u64::MAX - 5), TrackId(u64::MAX - 0xff)] {
            assert_eq!(CanvasLayout::of(nobodys), None, "{nobodys}");
        }
    }

    #[test]
    fn an_arrangement_is_within_its_canvas() {
        let place = |x, y, width, height| LayoutPlace { area: Area { x, y, width, height }, shows: PlaceFor::Next };
        let made = |places: &[LayoutPlace]| Arrangement::new(places.to_vec()).map(|made| made.places().len());
        assert_eq!(made(&[place(0, 0, 1_000, 1_000), place(950, 950, 50, 50)]), Ok(2));
        assert_eq!(made(&[]), Err(ArrangementError::Count(0)));
        assert_eq!(made(&[place(0, 0, 500, 500); 17]), Err(ArrangementError::Count(17)));
        for bad in [(0, 0, 1_001, 500), (501, 0, 500, 500), (0, 600, 500, 401), (0, 0, 49, 500), (0, 0, 500, 0)] {
            let (x, y, width, height) = bad;
            assert_eq!(made(&[place(0, 0, 500, 500), place(x, y, width, height)]), Err(ArrangementError::Area(1)));
        }
        assert_eq!(made(&[place(u16::MAX, 0, u16::MAX, 500)]), Err(ArrangementError::Area(0)));
    }

    proptest::proptest! {
        /// On every canvas an area is even, within it, and meets those that it met.
        #[test]
        fn areas_fit_every_canvas(
            (x, width) in (0..=950_u16).prop_flat_map(|x| (proptest::strategy::Just(x), 50..=1_000 - x)),
            (sides, split) in ((16..=960_u32, 16..=960_u32), 50..=950_u16),
        ) {
            let canvas = (sides.0 * 2, sides.1 * 2);
            let area = Area { x, y: 0, width, height: 1_000 };
            let (left, top, wide, high) = area.on(canvas.0, canvas.1);
            proptest::prop_assert!((left | wide) % 2 == 0 && wide >= 2 && left + wide <= canvas.0);
            proptest::prop_assert_eq!((top, high), (0, canvas.1));
            let upper = Area { x: 0, y: 0, width: 1_000, height: split }.on(canvas.0, canvas.1);
            let lower = Area { x: 0, y: split, width: 1_000, height: 1_000 - split }.on(canvas.0, canvas.1);
            proptest::prop_assert!(upper.3 == lower.1 || canvas.1 * u32::from(split) < 2_000);
            proptest::prop_assert_eq!(lower.1 + lower.3, canvas.1);
        }
    }
}
