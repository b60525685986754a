//! What a canvas shows, and which canvas may go on when those who have it are to see something else.

use crate::api::{Area, CanvasLayout, TrackId};

/// One canvas in one codec, with all who see it. No number is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct CanvasId(pub u64);

/// A canvas in one of its two sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum Tier {
    /// Half the sides, at a quarter of the bits: for narrow paths and small places.
    Small,
    /// As it is configured.
    Full,
}

impl Tier {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Small, Self::Full];

    /// Which encoding of the canvas it is, as those of a simulcast are numbered: the smallest first.
    #[must_use]
    pub fn encoding(self) -> u8 {
        self as u8
    }
}

/// What a canvas is encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum CanvasCodec {
    /// RFC 7741.
    Vp8,
    /// RFC 6184: constrained baseline, packetization mode 1.
    H264,
}

/// How much of somebody the audience matrix lets those see who have a canvas. What is more comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum Face {
    /// As it was when he turned away.
    Frozen,
    /// Small, and once a second.
    Thumbnail,
    /// As it comes.
    Live,
}

/// One tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Tile {
    /// Whose.
    pub track: TrackId,
    /// How much of it.
    pub face: Face,
    /// The camera is switched off: an avatar stands in its place.
    pub is_muted: bool,
    /// It is what he shares, of which nothing may be cut.
    pub is_screen: bool,
    /// His microphone is switched off. Of one who turned away it is not told.
    pub is_silent: bool,
    /// What he says now is not for everybody, and he who sees the tile hears it.
    pub is_private: bool,
}

impl Tile {
    /// A camera that is on, of one who speaks to everybody.
    #[must_use]
    pub fn new(track: TrackId, face: Face) -> Self {
        Self { track, face, is_muted: false, is_screen: false, is_silent: false, is_private: false }
    }
}

/// What a canvas shows: nothing that is not named here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Scene {
    /// How tiles are laid out.
    pub layout: CanvasLayout,
    /// Where each of the tiles is, in a layout that somebody arranged; none in others.
    pub areas: Vec<Area>,
    /// In order: the first is the large one where there is such.
    pub tiles: Vec<Tile>,
    /// What it is encoded with.
    pub codec: CanvasCodec,
}

impl Scene {
    /// Whether those who are to see `next` may see everything that this one shows, so that what of it is under way does no harm. Of a track
    /// that is gone there is nothing to hide.
    fn is_within(&self, next: &Self, is_there: &impl Fn(TrackId) -> bool) -> bool {
        let may = |tile: &Tile| next.tiles.iter().any(|other| other.track == tile.track && other.face >= tile.face);
        self.codec == next.codec && self.tiles.iter().all(|tile| may(tile) || !is_there(tile.track))
    }
}

/// For each of the scenes that are `wanted`, which of those that there `were` goes on as it. `moves` has for each viewer which he had and
/// which he is to see.
///
/// One that is wanted as it was goes on. Another is changed where all who have it go to the same, and may see all that it showed;
/// what is encoded of it then needs no new beginning. Every other wanted scene begins anew: so nobody gets a picture that was made
/// when somebody was to be seen in it whom he may not see any more.
pub(crate) fn keep(
    were: &[&Scene],
    wanted: &[Scene],
    moves: &[(Option<usize>, usize)],
    is_there: impl Fn(TrackId) -> bool,
) -> Vec<Option<usize>> {
    let mut kept: Vec<Option<usize>> = wanted.iter().map(|scene| were.iter().position(|were| *were == scene)).collect();
    for (index, scene) in were.iter().enumerate().filter(|(_, scene)| !wanted.contains(scene)) {
        let mut goals = moves.iter().filter(|(had, _)| *had == Some(index)).map(|(_, goal)| *goal);
        let Some(goal) = goals.next() else { continue };
        if goals.any(|other| other != goal) {
            continue;
        }
        let may_go_on = wanted.get(goal).is_some_and(|next| scene.is_within(next, &is_there));
        if let Some(place) = kept.get_mut(goal).filter(|place| may_go_on && place.is_none()) {
            *place = Some(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(tiles: &[(u64, Face)]) -> Scene {
        let tiles = tiles.iter().map(|(track, face)| Tile::new(TrackId(*track), *face)).collect();
        Scene { layout: CanvasLayout::Grid, areas: Vec::new(), tiles, codec: CanvasCodec::Vp8 }
    }

    #[test]
    fn what_shows_more_goes_on_and_what_shows_less_begins_anew() {
        use Face::{Frozen, Live};
        let both = scene(&[(1, Live), (2, Live)]);
        let table = [
            (scene(&[(1, Live)]), vec![(Some(0), 0)], Some(0)),
            (scene(&[(1, Live), (2, Frozen)]), vec![(Some(0), 0)], Some(0)),
            (scene(&[(1, Live), (2, Live), (3, Live)]), vec![(Some(0), 0)], None),
            (scene(&[(3, Live)]), vec![(Some(0), 0)], None),
            (scene(&[(1, Live)]), vec![(Some(0), 0), (Some(0), 1)], None),
            (scene(&[(1, Live)]), vec![(None, 0)], None),
        ];
        for (was, moves, kept) in table {
            let wanted = [both.clone(), scene(&[(2, Live)])];
            assert_eq!(keep(&[&was], &wanted, &moves, |_| true)[0], kept, "{was:?}");
        }
        let gone = scene(&[(1, Live), (9, Live)]);
        assert_eq!(
            keep(&[&gone], std::slice::from_ref(&both), &[(Some(0), 0)], |track| track != TrackId(9)),
            [Some(0)]
        );
        assert_eq!(
            keep(&[&both], std::slice::from_ref(&both), &[(None, 0)], |_| true),
            [Some(0)],
            "who joins shares it"
        );
    }

    proptest::proptest! {
        /// A canvas that goes on as another never showed anybody who is there and whom its new viewers may not see so well.
        #[test]
        fn nothing_that_is_kept_showed_more(
            were in proptest::collection::vec(proptest::collection::vec((0..4_u64, 0..3_u8), 0..4), 1..4),
            wanted in proptest::collection::vec(proptest::collection::vec((0..4_u64, 0..3_u8), 0..4), 1..4),
            moves in proptest::collection::vec((0..5_usize, 0..4_usize), 0..8),
        ) {
            let face = |n: u8| [Face::Frozen, Face::Thumbnail, Face::Live][usize::from(n)];
            let make = |tiles: &Vec<(u64, u8)>| {
                scene(&tiles.iter().map(|(track, n)| (*track, face(*n))).collect::<Vec<_>>())
            };
            let (were, wanted): (Vec<_>, Vec<_>) = (were.iter().map(make).collect(), wanted.iter().map(make).collect());
            let moves: Vec<_> = moves.iter().map(|(had, goal)| (Some(*had).filter(|had| *had < were.len()), *goal)).collect();
            let kept = keep(&were.iter().collect::<Vec<_>>(), &wanted, &moves, |_| true);
            for (next, had) in wanted.iter().zip(&kept).filter_map(|(next, had)| Some((next, were.get((*had)?)?))) {
                for tile in &had.tiles {
                    let may = next.tiles.iter().any(|other| other.track == tile.track && other.face >= tile.face);
                    proptest::prop_assert!(may);
                }
            }
        }
    }
}
