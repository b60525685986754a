//! Who is served first, and how far.

use super::*;

#[test]
fn one_face_climbs_with_the_target() {
    let camera = camera();
    let given = |target| first(target, &[wish(1, Class::Face, &camera)])[0];
    assert_eq!(given(50_000), None);
    assert_eq!(given(80_000), Some((0, 0)), "60 kb/s and head-room");
    assert_eq!(given(200_000), Some((0, 2)));
    assert_eq!(given(600_000), Some((1, 2)));
    assert_eq!(given(3_000_000), Some((2, 2)));
}

#[test]
fn audio_comes_off_first() {
    let camera = camera();
    let mut allocator = Allocator::new();
    let plan = allocator.plan(Instant::now(), 200_000, 32_000, &[wish(1, Class::Face, &camera)]);
    assert_eq!(layers(plan), [Some((0, 1))]);
    assert_eq!(plan.allocated_bps, 122_000);
    assert_eq!(plan.needed_bps, 32_000 + 172_501);
    let plan = allocator.plan(Instant::now(), 20_000, 32_000, &[wish(2, Class::Face, &camera)]);
    assert_eq!((layers(plan), plan.allocated_bps), (vec![None], 32_000));
}

#[test]
fn the_tile_decides_the_size() {
    let camera = camera();
    let given = |shown| first(100_000_000, &[Wish { shown, ..wish(1, Class::Face, &camera) }])[0];
    assert_eq!(given(Some((0, 0))), None);
    assert_eq!(given(Some((320, 0))), None);
    assert_eq!(given(Some((160, 90))), Some((0, 2)));
    assert_eq!(given(Some((320, 180))), Some((0, 2)));
    assert_eq!(given(Some((400, 225))), Some((0, 2)), "stretched by a quarter");
    assert_eq!(given(Some((480, 270))), Some((1, 2)));
    assert_eq!(given(Some((300, 720))), Some((0, 2)), "fitted into a tall tile whole");
    assert_eq!(given(Some((1920, 1080))), Some((2, 2)), "there is no more");
    assert_eq!(given(None), Some((2, 2)));
}

#[test]
fn a_tile_of_unknown_pictures_gets_what_there_is() {
    let unknown: Vec<_> = camera().into_iter().map(|r| Rung { width: 0, height: 0, ..r }).collect();
    assert_eq!(first(100_000_000, &[Wish { shown: TILE, ..wish(1, Class::Face, &unknown) }]), [Some((2, 2))]);
}

#[test]
fn a_screen_gives_up_frames_before_pixels_and_faces_before_its_floor() {
    let (screen, camera) = (screen(), camera());
    let wishes = [wish(1, Class::Face, &camera), wish(2, Class::Screen, &screen)];
    let given = |target| first(target, &wishes);
    assert_eq!(given(4_500_000), [Some((2, 1)), Some((1, 2))]);
    assert_eq!(given(1_300_000), [Some((0, 2)), Some((1, 1))], "fewer frames");
    assert_eq!(given(700_000), [None, Some((1, 0))], "the floor before any face");
    assert_eq!(given(500_000), [Some((1, 1)), Some((0, 0))], "under the floor it is small rather than dark");
}

#[test]
fn a_screen_that_comes_twice_in_one_size_moves_less_before_it_is_dark() {
    let (screen, camera) = (screen_twice(), camera());
    let given = |target| first(target, &[wish(1, Class::Screen, &screen)])[0];
    assert_eq!(given(150_000), Some((0, 0)));
    assert_eq!(given(250_000), Some((0, 1)));
    assert_eq!(given(700_000), Some((0, 2)));
    assert_eq!(given(1_200_000), Some((1, 0)), "as many frames of more bits");
    assert_eq!(given(3_000_000), Some((1, 2)));
    let wishes = [wish(1, Class::Face, &camera), wish(2, Class::Screen, &screen)];
    assert_eq!(first(150_000, &wishes), [None, Some((0, 0))], "faces give way first");
    assert_eq!(first(400_000, &wishes), [Some((0, 2)), Some((0, 1))], "what is left is too little for the screen");
}

#[test]
fn where_nobody_can_read_it_a_screen_of_few_bits_is_enough() {
    let screen = screen_twice();
    let given = |shown| first(100_000_000, &[Wish { shown, ..wish(1, Class::Screen, &screen) }])[0];
    assert_eq!(given(Some((320, 180))), Some((0, 2)));
    assert_eq!(given(Some((900, 506))), Some((1, 2)), "the stage of a small window");
    assert_eq!(given(Some((1920, 1080))), Some((1, 2)));
    assert_eq!(given(None), Some((1, 2)));
    assert_eq!(given(Some((0, 0))), None);
}

#[test]
fn nobody_is_dark_for_another_to_be_sharper() {
    let camera = camera();
    let mut wishes = vec![wish(0, Class::Pinned, &camera), wish(1, Class::Speaker, &camera)];
    wishes.extend((2..10).map(|key| Wish { shown: TILE, ..wish(key, Class::Face, &camera) }));
    let given = first(2_000_000, &wishes);
    assert_eq!(given[..2], [Some((1, 2)); 2], "the pinned one's next rung is too dear, and goes on to the speaker");
    assert_eq!(given[2..], [Some((0, 1)); 8]);
    let given = first(1_250_000, &wishes);
    assert_eq!(given[..2], [Some((1, 1)); 2], "both are good before one is full");
    assert_eq!(given[2..], [Some((0, 0)); 8]);
}

#[test]
fn weight_rises_faster_within_its_class_only() {
    let camera = camera();
    let wishes = [wish(1, Class::Face, &camera), Wish { weight: 8, ..wish(2, Class::Face, &camera) }];
    assert_eq!(first(700_000, &wishes), [Some((0, 1)), Some((1, 2))]);
    let wishes = [wish(1, Class::Speaker, &camera), Wish { weight: 8, ..wish(2, Class::Face, &camera) }];
    assert_eq!(first(700_000, &wishes), [Some((1, 2)), Some((0, 1))]);
}

#[test]
fn equals_share() {
    let camera = camera();
    let wishes: Vec<_> = (0..4).map(|key| wish(key, Class::Face, &camera)).collect();
    assert_eq!(first(2_400_000, &wishes), [Some((1, 2)); 4]);
}

#[test]
fn what_is_needed_next_is_told() {
    let camera = camera();
    let wishes = [wish(1, Class::Face, &camera)];
    let mut viewer = Viewer::new();
    let plan = viewer.run(1_000, 600_000, &wishes);
    assert_eq!((plan.allocated_bps, plan.needed_bps, plan.wanted_bps), (500_000, 1_725_001, 2_875_001));
    assert!(plan.allocations[0].short_of);
    let plan = viewer.run(1_000, plan.needed_bps, &wishes);
    assert_eq!(layers(&plan), [Some((2, 1))]);
    let plan = viewer.run(1_000, plan.wanted_bps, &wishes);
    assert_eq!((layers(&plan), plan.needed_bps), (vec![Some((2, 2))], 0));
    assert!(!plan.allocations[0].short_of);
}

#[test]
fn a_source_in_silence_keeps_its_layer_and_costs_nothing() {
    let camera = camera();
    let mut viewer = Viewer::new();
    viewer.run(1_000, 600_000, &[wish(1, Class::Face, &camera)]);
    let plan = viewer.run(1_000, 600_000, &[wish(1, Class::Face, &[])]);
    assert_eq!((layers(&plan), plan.allocated_bps, plan.needed_bps), (vec![Some((1, 2))], 0, 0));
    let plan = viewer.plan(600_000, &[wish(1, Class::Face, &camera)]);
    assert_eq!((layers(&plan), plan.allocated_bps), (vec![Some((1, 2))], 500_000));
}
