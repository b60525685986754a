//! Colours: who sees whom, live, frozen and not at all.

use super::super::*;
use super::world::*;
use TileState::{Avatar, Frozen, Live, Thumbnail};
use colloquy_codecs::video::{Region, VideoCodec};
use std::time::Duration;

fn sees(world: &World, viewer: u64, view: &View, colours: &[[u8; 3]]) {
    for (place, colour) in places(view).into_iter().zip(colours) {
        let seen = world.viewer(viewer).colour_at(place);
        assert!(is_near(seen, *colour), "viewer {viewer} sees {seen:?} where {colour:?} should be, at {place:?}");
    }
}

/// Whether the middle of a place is none of the cameras' colours.
fn sees_nobody(world: &World, viewer: u64, place: Region) -> bool {
    let seen = world.viewer(viewer).colour_at(place);
    [RED, GREEN, BLUE, YELLOW].into_iter().all(|colour| !is_near(seen, colour))
}

#[test]
fn every_codec_is_seen_in_every_codec() {
    let mut world = World::new();
    world.add(1, Camera::new(VideoCodec::Vp8, (160, 90), RED));
    world.add(2, Camera::new(VideoCodec::H264, (320, 180), GREEN));
    world.add(3, Camera::new(VideoCodec::Vp9, (128, 72), BLUE));
    let view = grid(&[(1, Live), (2, Live), (3, Live)]);
    world.show(1, view.clone());
    world.show(2, View { codec: ViewCodec::H264, ..view.clone() });
    world.run(20);
    for viewer in [1, 2] {
        sees(&world, viewer, &view, &[RED, GREEN, BLUE]);
        assert!(world.viewer(viewer).pictures >= 18, "{}", world.viewer(viewer).pictures);
        assert_eq!(world.viewer(viewer).keys, 1);
    }
    let stats = world.compositor.stats();
    assert_eq!((stats.decoding, stats.canvases, stats.encodings), (3, 1, 2));
    let stamps = &world.viewer(1).timestamps;
    assert!(stamps.is_sorted() && stamps.first() > Some(&7));
    assert!(stamps.windows(2).all(|two| (2_900..3_300).contains(&(two[1] - two[0]))), "{stamps:?}");
}

#[test]
fn av1_is_seen() {
    let mut world = World::new();
    world.compositor.add_source(SourceId(1), VideoCodec::Av1, "A").unwrap();
    let view = grid(&[(1, Live)]);
    world.show(1, view.clone());
    world.run(1);
    let units = include_bytes!("av1-red-64x48.obu");
    let second = units.windows(2).rposition(|two| two == [0x12, 0]).unwrap();
    let mut packetizer = Packetizer::new(ViewCodec::Vp8, 0);
    for (seq, (unit, is_key)) in (1..).zip([(&units[..second], true), (&units[second..], false)]) {
        // Elements are told by their lengths, and the units' own sizes stand in them as well.
        let mut elements = Vec::new();
        let mut rest = &unit[2..];
        while let [_, len, ..] = rest {
            let (obu, others) = rest.split_at(2 + usize::from(*len));
            elements.push(obu.len() as u8);
            elements.extend_from_slice(obu);
            rest = others;
        }
        let payload = [&[if is_key { 0x08 } else { 0 }], &elements[..]].concat();
        let _ = payloads(VideoCodec::Vp8, &[0], true, &mut packetizer);
        let packet = VideoPacket {
            seq: colloquy_codecs::seq::ExtSeq(seq),
            timestamp: seq as u32,
            marker: true,
            payload: &payload,
        };
        world.compositor.push(SourceId(1), packet, world.now);
    }
    world.run(3);
    sees(&world, 1, &view, &[RED]);
    assert_eq!(world.compositor.stats().decoded, 2);
}

#[test]
fn only_those_who_are_named_are_seen_and_decoded() {
    let mut world = World::with(&[RED, GREEN, BLUE]);
    let (mine, yours) = (grid(&[(1, Live)]), grid(&[(2, Live)]));
    world.show(1, mine.clone());
    world.show(2, yours.clone());
    world.run(15);
    sees(&world, 1, &mine, &[RED]);
    sees(&world, 2, &yours, &[GREEN]);
    assert_eq!(world.compositor.stats().decoding, 2, "nobody sees the third");
    assert!(world.camera(3).asked.is_empty(), "and nobody asks it for anything");
    world.compositor.remove_source(SourceId(1));
    world.run(3);
    assert!(sees_nobody(&world, 1, places(&mine)[0]));
    assert!(matches!(world.compositor.show(ViewId(1), mine, world.now), Err(ShowError::NoSuchSource)));
}

#[test]
fn a_frozen_tile_stays_as_it_was_and_is_not_decoded() {
    let mut world = World::with(&[RED, GREEN]);
    let live = grid(&[(1, Live), (2, Live)]);
    let frozen = grid(&[(1, Frozen), (2, Live)]);
    world.show(1, live.clone());
    world.run(15);
    sees(&world, 1, &live, &[RED, GREEN]);
    world.show(1, frozen.clone());
    world.step();
    assert_eq!(world.compositor.stats().decoding, 1);
    let before = world.viewer(1).shown.clone();
    world.camera(1).colour = BLUE;
    world.run(60);
    sees(&world, 1, &frozen, &[RED, GREEN]);
    let seen = world.viewer(1).colour_at(places(&frozen)[0]);
    let was = colour_at(&before, places(&frozen)[0]);
    assert!(seen.into_iter().zip(was).all(|(a, b)| a.abs_diff(b) <= 2), "{seen:?} after {was:?}");
    // A late comer sees the same, at once.
    world.show(2, View { bps: 700_000, ..frozen.clone() });
    world.run(3);
    sees(&world, 2, &frozen, &[RED, GREEN]);
    // Live again: with a key frame, within half a second.
    let asked = world.camera(1).asked.len();
    world.show(1, live.clone());
    world.show(2, live.clone());
    world.run(15);
    sees(&world, 1, &live, &[BLUE, GREEN]);
    sees(&world, 2, &live, &[BLUE, GREEN]);
    assert_eq!(world.camera(1).asked.len(), asked + 1);
}

/// She is private with a colleague: he sees her live, the customer as she was, and after it nothing of the private time.
#[test]
fn nothing_of_a_private_time_is_shown_after_it() {
    let mut world = World::with(&[RED, GREEN]);
    let live = grid(&[(1, Live)]);
    world.show(1, live.clone());
    world.show(2, grid(&[(1, Live), (2, Live)]));
    world.run(15);
    world.compositor.freeze(SourceId(1));
    world.show(1, grid(&[(1, Frozen)]));
    world.camera(1).colour = BLUE;
    world.run(30);
    sees(&world, 1, &live, &[RED]);
    sees(&world, 2, &grid(&[(1, Live), (2, Live)]), &[BLUE, GREEN]);
    let still = world.compositor.snapshot(SourceId(1), SnapshotSize::Full, 80, world.now).unwrap();
    assert!(still.age_ms > 900, "the snapshot is of before: {} ms", still.age_ms);
    // She is back, but her camera sends nothing new for a while.
    world.camera(1).is_on = false;
    world.compositor.thaw(SourceId(1), world.now);
    world.show(1, live.clone());
    world.show(3, View { bps: 500_000, ..live.clone() });
    world.run(10);
    sees(&world, 1, &live, &[RED]);
    assert!(!is_near(world.viewer(3).colour_at(places(&live)[0]), BLUE));
    world.camera(1).colour = YELLOW;
    world.camera(1).is_on = true;
    world.run(10);
    sees(&world, 1, &live, &[YELLOW]);
    sees(&world, 3, &live, &[YELLOW]);
}

#[test]
fn who_was_frozen_before_there_was_a_picture_is_an_avatar() {
    let mut world = World::with(&[RED]);
    let view = grid(&[(1, Frozen)]);
    world.show(1, view.clone());
    world.run(10);
    assert!(sees_nobody(&world, 1, places(&view)[0]));
    assert_eq!(world.compositor.stats().decoding, 0);
}

#[test]
fn an_avatar_hides_a_camera_and_a_thumbnail_is_slow() {
    let mut world = World::with(&[RED, GREEN]);
    let view = grid(&[(1, Avatar), (2, Thumbnail)]);
    world.show(1, view.clone());
    world.run(10);
    assert!(sees_nobody(&world, 1, places(&view)[0]));
    sees(&world, 1, &grid(&[(1, Live), (2, Live)]), &[world.viewer(1).colour_at(places(&view)[0]), GREEN]);
    assert_eq!(world.wants.get(&SourceId(2)), Some(&(160, 90)));
    world.camera(2).colour = BLUE;
    world.run(10);
    let seen = world.viewer(1).colour_at(places(&view)[1]);
    assert!(is_near(seen, GREEN), "not before a second is over: {seen:?}");
    world.run(30);
    let seen = world.viewer(1).colour_at(places(&view)[1]);
    assert!(is_near(seen, BLUE), "{seen:?}");
}

#[test]
fn a_gap_freezes_a_tile_until_the_key_frame_that_is_asked_for() {
    let mut world = World::with(&[RED]);
    let view = grid(&[(1, Live)]);
    world.show(1, view.clone());
    world.run(10);
    world.camera(1).asked.clear();
    world.camera(1).loses_every = Some(9);
    world.run(90);
    let stats = world.compositor.stats();
    assert!(stats.gaps > 3, "{stats:?}");
    assert_eq!(stats.refused, 0, "no decoder saw anything incomplete");
    let asked = world.camera(1).asked.clone();
    assert!(asked.len() > 2, "{}", asked.len());
    assert!(asked.windows(2).all(|two| two[1] - two[0] >= Duration::from_millis(500)), "{asked:?}");
    sees(&world, 1, &view, &[RED]);
    world.camera(1).loses_every = None;
    world.camera(1).colour = GREEN;
    world.run(40);
    sees(&world, 1, &view, &[GREEN]);
}

#[test]
fn a_snapshot_tells_its_age_and_needs_no_viewer() {
    let mut world = World::with(&[RED]);
    let none = world.compositor.snapshot(SourceId(1), SnapshotSize::Full, 80, world.now);
    assert_eq!(none, Err(SnapshotError::NoPicture));
    world.run(3);
    world.camera(1).is_on = false;
    world.run(30);
    let still = world.compositor.snapshot(SourceId(1), SnapshotSize::Thumbnail, 70, world.now).unwrap();
    assert!(still.bytes.starts_with(&[0xFF, 0xD8]) && still.bytes.len() < 15_000);
    assert!((900..1_200).contains(&still.age_ms), "{}", still.age_ms);
    assert_eq!(world.compositor.stats().decoded, 0);
    world.compositor.remove_source(SourceId(1));
    let gone = world.compositor.snapshot(SourceId(1), SnapshotSize::Full, 80, world.now);
    assert_eq!(gone, Err(SnapshotError::NoSuchSource));
}
