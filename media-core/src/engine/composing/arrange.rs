//! Who stands where on a canvas: pure, of faces that its viewer may see.

use super::plan::MAX_TILES;
use crate::api::{Area, Arrangement, CanvasLayout, PeerId, PlaceFor};
use crate::composer::Tile;

/// Somebody's camera or screen, as one viewer may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) tile: Tile,
    pub(super) of: PeerId,
}

/// Who comes first, where anybody does.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leads {
    /// Whom the viewer pinned.
    pub(super) pinned: Option<PeerId>,
    /// Who speaks in the viewer's conversation.
    pub(super) dominant: Option<PeerId>,
}

/// Tiles in their order, and where each is if the layout is somebody's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arranged {
    pub(super) layout: CanvasLayout,
    pub(super) areas: Vec<Area>,
    pub(super) tiles: Vec<Tile>,
}

/// Arranges all that a viewer may see, given in the order in which people came. An arranged layout that there is not is a grid.
pub(super) fn arrange(
    layout: CanvasLayout,
    arrangement: Option<&Arrangement>,
    mut faces: Vec<Seen>,
    leads: Leads,
) -> Arranged {
    let layout = match (layout, arrangement) {
        (CanvasLayout::Custom(_), Some(arrangement)) => return fill(layout, arrangement, faces, leads),
        (CanvasLayout::Custom(_), None) => CanvasLayout::Grid,
        (named, _) => named,
    };
    if layout != CanvasLayout::Grid
        && let Some(at) = first(&faces, leads)
    {
        faces[..=at].rotate_right(1);
    }
    if let Some(at) = face_of(&faces, leads.dominant) {
        match layout {
            // Who speaks about what fills the canvas is the first upon it.
            CanvasLayout::PictureInPicture if at > 1 => faces[1..=at].rotate_right(1),
            // Who speaks is seen, however many there are.
            _ if at >= MAX_TILES => faces.swap(at, MAX_TILES - 1),
            _ => {}
        }
    }
    let tiles = faces.into_iter().take(MAX_TILES).map(|seen| seen.tile).collect();
    Arranged { layout, areas: Vec::new(), tiles }
}

/// Which comes first where one does: of whom is pinned what he shares, else his face; else what anybody shares; else who speaks.
fn first(faces: &[Seen], leads: Leads) -> Option<usize> {
    let shared_by = |whose: Option<PeerId>| {
        faces.iter().position(|seen| seen.tile.is_screen && whose.is_none_or(|peer| seen.of == peer))
    };
    let pinned = leads.pinned.and_then(|pinned| shared_by(Some(pinned)));
    pinned
        .or_else(|| face_of(faces, leads.pinned))
        .or_else(|| shared_by(None))
        .or_else(|| face_of(faces, leads.dominant))
}

/// Somebody's camera, else what he shares.
fn face_of(faces: &[Seen], whose: Option<PeerId>) -> Option<usize> {
    let whose = whose?;
    let find = |is_screen| faces.iter().position(|seen| seen.of == whose && seen.tile.is_screen == is_screen);
    find(false).or_else(|| find(true))
}

/// Fills the places of an arranged layout. Places that find nobody are left out; so are faces that find no place.
fn fill(layout: CanvasLayout, arrangement: &Arrangement, mut faces: Vec<Seen>, leads: Leads) -> Arranged {
    let places = arrangement.places();
    let mut filled: Vec<Option<Tile>> = vec![None; places.len()];
    // Who has a place of his own is in no other; then what is shared, then who speaks, and the others as they came.
    let rounds: [fn(PlaceFor) -> bool; 4] = [
        |shows| matches!(shows, PlaceFor::Peer(_)),
        |shows| shows == PlaceFor::Screen,
        |shows| shows == PlaceFor::Speaker,
        |_| true,
    ];
    for (round, is_due) in rounds.into_iter().enumerate() {
        for (place, tile) in places.iter().zip(&mut filled).filter(|(place, _)| is_due(place.shows)) {
            let at = match place.shows {
                _ if tile.is_some() => None,
                PlaceFor::Peer(peer) => face_of(&faces, Some(peer)),
                PlaceFor::Screen => faces.iter().position(|seen| seen.tile.is_screen),
                PlaceFor::Speaker if round < 3 => {
                    face_of(&faces, leads.pinned).or_else(|| face_of(&faces, leads.dominant))
                }
                PlaceFor::Speaker | PlaceFor::Next => (!faces.is_empty()).then_some(0),
            };
            *tile = tile.or(at.map(|at| faces.remove(at).tile));
        }
    }
    let shown = places.iter().zip(filled).filter_map(|(place, tile)| Some((place.area, tile?)));
    let (areas, tiles) = shown.unzip();
    Arranged { layout, areas, tiles }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{LayoutId, LayoutPlace, TrackId};
    use crate::composer::{Face, Tile};

    /// Whom places show, who shares, who is pinned and who speaks; and which place has which track.
    type Row<'a> = (&'a [PlaceFor], &'a [u64], Option<u64>, Option<u64>, &'a [(u16, u64)]);

    /// Cameras of people 1 to 3, and screens of some of them; a screen's track is its owner's with a hundred more.
    fn faces(screens: &[u64]) -> Vec<Seen> {
        let face = |peer: u64, is_screen| {
            let track = TrackId(if is_screen { peer + 100 } else { peer });
            Seen { tile: Tile { is_screen, ..Tile::new(track, Face::Live) }, of: PeerId(peer) }
        };
        (1..=3)
            .flat_map(|peer| {
                std::iter::once(face(peer, false)).chain(screens.contains(&peer).then(|| face(peer, true)))
            })
            .collect()
    }

    fn tracks(arranged: &Arranged) -> Vec<u64> {
        arranged.tiles.iter().map(|tile| tile.track.0).collect()
    }

    #[test]
    fn who_is_pinned_comes_first_then_what_is_shared_then_who_speaks() {
        use CanvasLayout::{Grid, PictureInPicture, Presentation, Speaker};
        let table: [(_, &[u64], _, _, &[u64]); 14] = [
            (Grid, &[2], Some(3), Some(3), &[1, 2, 102, 3]),
            (Speaker, &[], None, None, &[1, 2, 3]),
            (Speaker, &[], None, Some(3), &[3, 1, 2]),
            (Speaker, &[2], None, Some(3), &[102, 1, 2, 3]),
            (Speaker, &[2], Some(3), Some(1), &[3, 1, 2, 102]),
            (Speaker, &[2], Some(2), Some(1), &[102, 1, 2, 3]),
            (Speaker, &[], Some(9), Some(2), &[2, 1, 3]),
            (Presentation, &[], None, Some(2), &[2, 1, 3]),
            (Presentation, &[3], None, Some(2), &[103, 1, 2, 3]),
            (Presentation, &[2, 3], Some(3), None, &[103, 1, 2, 102, 3]),
            (PictureInPicture, &[], None, Some(2), &[2, 1, 3]),
            (PictureInPicture, &[1], None, Some(3), &[101, 3, 1, 2]),
            (PictureInPicture, &[1], Some(2), Some(3), &[2, 3, 1, 101]),
            (PictureInPicture, &[2], None, None, &[102, 1, 2, 3]),
        ];
        for (layout, screens, pinned, dominant, expected) in table {
            let leads = Leads { pinned: pinned.map(PeerId), dominant: dominant.map(PeerId) };
            let arranged = arrange(layout, None, faces(screens), leads);
            assert_eq!(tracks(&arranged), expected, "{layout:?} {screens:?} {leads:?}");
            assert_eq!((arranged.layout, arranged.areas.len()), (layout, 0));
        }
    }

    #[test]
    fn places_of_an_arranged_layout_are_filled_with_those_whom_they_are_for() {
        use PlaceFor::{Next, Peer, Screen, Speaker};
        let id = CanvasLayout::Custom(LayoutId(0));
        let area = |x| Area { x, y: 0, width: 100, height: 1_000 };
        let table: [Row<'_>; 9] = [
            (&[Next, Next], &[], None, None, &[(0, 1), (1, 2)]),
            (&[Next, Speaker], &[], None, Some(1), &[(0, 2), (1, 1)]),
            (&[Speaker, Next], &[], None, None, &[(0, 1), (1, 2)]),
            (&[Speaker, Next], &[], Some(3), Some(1), &[(0, 3), (1, 1)]),
            (&[Next, Screen, Next], &[2], None, None, &[(0, 1), (1, 102), (2, 2)]),
            (&[Screen, Next], &[], None, None, &[(1, 1)]),
            (&[Next, Peer(PeerId(1)), Speaker], &[], None, Some(1), &[(0, 2), (1, 1), (2, 3)]),
            (&[Peer(PeerId(9)), Next], &[], None, None, &[(1, 1)]),
            (&[Next, Next, Next, Next], &[], None, None, &[(0, 1), (1, 2), (2, 3)]),
        ];
        for (shows, screens, pinned, dominant, expected) in table {
            let place = |(at, shows): (usize, &PlaceFor)| LayoutPlace { area: area(at as u16), shows: *shows };
            let arrangement = Arrangement::new(shows.iter().enumerate().map(place).collect()).unwrap();
            let leads = Leads { pinned: pinned.map(PeerId), dominant: dominant.map(PeerId) };
            let arranged = arrange(id, Some(&arrangement), faces(screens), leads);
            let at: Vec<_> = arranged.areas.iter().map(|area| area.x).zip(tracks(&arranged)).collect();
            assert_eq!(at, expected, "{shows:?} {screens:?} {leads:?}");
        }
        let gone = arrange(id, None, faces(&[]), Leads::default());
        assert_eq!((gone.layout, tracks(&gone)), (CanvasLayout::Grid, vec![1, 2, 3]));
    }

    #[test]
    fn who_speaks_is_seen_however_many_there_are() {
        let many: Vec<_> =
            (1..=30).map(|peer| Seen { tile: Tile::new(TrackId(peer), Face::Live), of: PeerId(peer) }).collect();
        let leads = Leads { pinned: Some(PeerId(2)), dominant: Some(PeerId(30)) };
        for layout in [CanvasLayout::Grid, CanvasLayout::Speaker, CanvasLayout::Presentation] {
            let arranged = arrange(layout, None, many.clone(), leads);
            assert_eq!(arranged.tiles.len(), MAX_TILES);
            assert!(tracks(&arranged).contains(&30), "{layout:?}");
            assert_eq!(tracks(&arranged).first(), Some(if layout == CanvasLayout::Grid { &1 } else { &2 }));
        }
        let inset = arrange(CanvasLayout::PictureInPicture, None, many, leads);
        assert_eq!(tracks(&inset)[..2], [2, 30]);
    }
}
