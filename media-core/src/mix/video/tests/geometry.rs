//! Places: inside, even, apart.

use super::super::motion::Motion;
use super::super::*;
use colloquy_codecs::video::Region;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn apart(a: &Region, b: &Region) -> bool {
    a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height
}

fn shown(places: &[Region]) -> Vec<Region> {
    places.iter().copied().filter(|place| place.width > 0).collect()
}

proptest! {
    #[test]
    fn tiles_are_even_inside_and_apart(
        layout in prop_oneof![
            Just(Layout::Grid), Just(Layout::Speaker), Just(Layout::Presentation), Just(Layout::PictureInPicture)
        ],
        count in 0..80_usize,
        width in 16..960_u32,
        height in 16..600_u32,
    ) {
        let (width, height) = (width * 2, height * 2);
        let places = place(&layout, count, width, height);
        prop_assert_eq!(places.len(), count.min(64));
        let seen = shown(&places);
        for (index, place) in seen.iter().enumerate() {
            prop_assert!(place.is_within(width, height) && place.height > 0, "{:?}", place);
            prop_assert_eq!((place.x | place.y | place.width | place.height) & 1, 0);
            if layout != Layout::PictureInPicture {
                prop_assert!(seen[..index].iter().all(|other| apart(place, other)), "{:?}", seen);
            } else if index > 1 {
                prop_assert!(seen[1..index].iter().all(|other| apart(place, other)), "{:?}", seen);
            }
        }
        if width >= 640 && height >= 360 && (1..=9).contains(&count) && layout == Layout::Grid {
            prop_assert_eq!(seen.len(), count);
        }
    }

    #[test]
    fn on_the_way_tiles_stay_inside_and_even(
        from in (0..100_u32, 0..100_u32, 1..100_u32, 1..100_u32),
        to in (0..100_u32, 0..100_u32, 1..100_u32, 1..100_u32),
        passed in 0..400_u64,
    ) {
        let region = |(x, y, width, height): (u32, u32, u32, u32)| {
            Region { x: 2 * x, y: 2 * y, width: 2 * width, height: 2 * height }
        };
        let (from, to) = (region(from), region(to));
        let start = Instant::now();
        let mut motion = Motion::default();
        motion.begin(start, vec![(SourceId(1), from)]);
        let now = start + Duration::from_millis(passed);
        let goes_on = motion.goes_on(now);
        let place = motion.place(now, SourceId(1), to);
        prop_assert!(place.is_within(400, 400));
        prop_assert_eq!((place.x | place.y | place.width | place.height) & 1, 0);
        prop_assert_eq!(goes_on, passed < 300);
        if !goes_on {
            prop_assert_eq!(place, to);
        }
        prop_assert_eq!(motion.place(now, SourceId(2), to), to);
    }
}

#[test]
fn nine_of_360p_fill_720p() {
    let places = place(&Layout::Grid, 9, 1_280, 720);
    assert_eq!(places[0], Region { x: 0, y: 0, width: 426, height: 240 });
    assert_eq!(places[8].width, 426);
    assert_eq!(shown(&places).len(), 9);
    let four = place(&Layout::Grid, 4, 1_280, 720);
    assert_eq!(four[3], Region { x: 640, y: 360, width: 640, height: 360 });
    let wall = place(&Layout::Grid, 64, 1_280, 720);
    assert_eq!((wall[0].width, wall[0].height), (160, 90));
}

#[test]
fn a_change_of_speaker_moves_two() {
    let present = [1, 2, 3, 4];
    assert_eq!(order(&Layout::Speaker, &present, None, None), [1, 2, 3, 4]);
    assert_eq!(order(&Layout::Speaker, &present, None, Some(3)), [3, 1, 2, 4]);
    assert_eq!(order(&Layout::Speaker, &present, Some(2), Some(3)), [2, 1, 3, 4], "who is pinned stays");
    assert_eq!(order(&Layout::Speaker, &present, Some(9), Some(9)), [1, 2, 3, 4]);
    assert_eq!(order(&Layout::Grid, &present, Some(2), Some(3)), [1, 2, 3, 4], "a grid does not move");
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let mut compositor = Compositor::new(Settings::default(), Instant::now());
    let now = Instant::now();
    compositor.add_source(SourceId(1), colloquy_codecs::video::VideoCodec::Vp8, "A").unwrap();
    let good = super::world::grid(&[(1, TileState::Live)]);
    let tile = good.tiles[0];
    let bad = [
        (View { width: 321, ..good.clone() }, ShowError::Sides),
        (View { height: 4_000, ..good.clone() }, ShowError::Sides),
        (View { fps: 0, ..good.clone() }, ShowError::Rate),
        (View { bps: 1, ..good.clone() }, ShowError::Rate),
        (View { tiles: vec![tile, tile], ..good.clone() }, ShowError::Tiles),
        (
            View { layout: Layout::Custom(vec![Region { x: 300, y: 0, width: 40, height: 40 }]), ..good.clone() },
            ShowError::Tiles,
        ),
        (View { tiles: vec![Tile::new(SourceId(2), TileState::Live)], ..good.clone() }, ShowError::NoSuchSource),
    ];
    for (view, error) in bad {
        assert_eq!(compositor.show(ViewId(1), view, now), Err(error));
    }
    assert_eq!(compositor.next_tick(), None, "nobody sees anything");
    for id in 0..16 {
        compositor.show(ViewId(id), View { fps: 5 + id as u32, ..good.clone() }, now).unwrap();
    }
    assert_eq!(compositor.show(ViewId(99), View { fps: 60, ..good.clone() }, now), Err(ShowError::Full));
    compositor.show(ViewId(99), View { fps: 5, ..good }, now).unwrap();
}
