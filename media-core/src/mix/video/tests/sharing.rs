//! One decode for each source, one encode for all who see the same, and no key frame where none is needed.

use super::super::*;
use super::world::*;
use TileState::{Avatar, Live};
use std::time::Duration;

/// A mixer's thread owns it.
const _: fn() = || {
    fn moves_between_threads<T: Send>() {}
    moves_between_threads::<Compositor>();
};

#[test]
fn a_hundred_viewers_cost_one_encode() {
    let mut world = World::with(&[RED]);
    let view = grid(&[(1, Live)]);
    for id in 0..100 {
        world.compositor.show(ViewId(id), view.clone(), world.now).unwrap();
    }
    let mut packets = [0_u32; 100];
    world.compositor.tick(world.now);
    while let Some(output) = world.compositor.poll() {
        if let Output::Packet { view, .. } = output {
            packets[view.0 as usize] += 1;
        }
    }
    assert!(packets[0] > 0 && packets.iter().all(|count| *count == packets[0]));
    let stats = world.compositor.stats();
    assert_eq!((stats.canvases, stats.encodings, stats.encoded), (1, 1, 1));
    for id in 0..100 {
        world.compositor.drop_view(ViewId(id));
    }
    world.compositor.tick(world.now);
    assert_eq!(world.compositor.next_tick(), None);
    assert_eq!(world.compositor.stats().decoding, 0);
}

#[test]
fn a_change_of_layout_or_rate_needs_no_key_frame_and_no_jump() {
    let mut world = World::with(&[RED, GREEN, BLUE]);
    let mut view = grid(&[(1, Live), (2, Live), (3, Live)]);
    for id in [1, 2] {
        world.show(id, view.clone());
    }
    world.run(10);
    view.layout = Layout::Speaker;
    view.bps = 300_000;
    for id in [1, 2] {
        world.show(id, view.clone());
    }
    world.run(5);
    // On the way the first tile is larger than it was and smaller than it will be.
    world.run(10);
    for id in [1, 2] {
        for (place, colour) in places(&view).into_iter().zip([RED, GREEN, BLUE]) {
            assert!(is_near(world.viewer(id).colour_at(place), colour));
        }
        assert_eq!(world.viewer(id).keys, 1);
    }
    let asked: Vec<usize> = world.cameras.values().map(|camera| camera.asked.len()).collect();
    assert_eq!(asked, [1, 1, 1]);
    assert_eq!(world.compositor.stats().encodings, 1);
}

#[test]
fn a_late_viewer_gets_a_key_frame_and_many_wishes_are_one() {
    let mut world = World::with(&[RED]);
    let view = grid(&[(1, Live)]);
    world.show(1, view.clone());
    world.run(30);
    world.show(2, view.clone());
    world.run(2);
    assert!(is_near(world.viewer(2).colour_at(places(&view)[0]), RED));
    let keys = world.viewer(1).keys;
    for _ in 0..30 {
        world.compositor.key_frame(ViewId(1));
        world.step();
    }
    let more = world.viewer(1).keys - keys;
    assert!((1..=2).contains(&more), "{more} key frames in a second");
}

#[test]
fn sources_are_wanted_as_large_as_they_are_shown() {
    let mut world = World::with(&[RED, GREEN]);
    world.show(1, grid(&[(1, Live), (2, Avatar)]));
    world.show(2, View { width: 640, height: 360, ..grid(&[(1, Live)]) });
    world.run(2);
    assert_eq!(world.wants.get(&SourceId(1)), Some(&(640, 360)));
    assert_eq!(world.wants.get(&SourceId(2)), None);
    world.compositor.drop_view(ViewId(2));
    world.run(2);
    assert_eq!(world.wants.get(&SourceId(1)), Some(&(160, 120)));
    world.compositor.drop_view(ViewId(1));
    world.run(2);
    assert_eq!(world.wants.get(&SourceId(1)), Some(&(0, 0)));
}

#[test]
fn a_still_canvas_is_hardly_encoded() {
    let mut world = World::with(&[RED]);
    world.show(1, grid(&[(1, Avatar)]));
    world.run(60);
    let busy = world.viewer(1).pictures;
    world.run(90);
    let idle = world.viewer(1).pictures - busy;
    assert!((2..=4).contains(&idle), "{idle} pictures in three seconds");
}

#[test]
fn who_is_late_draws_less_and_catches_up_later() {
    let mut world = World::with(&[RED]);
    world.show(1, grid(&[(1, Live)]));
    // Each tick comes 25 ms late.
    let run = |world: &mut World, steps: u32, late: Duration| {
        for _ in 0..steps {
            let due = world.compositor.next_tick().unwrap();
            world.now = world.now.max(due + late);
            world.compositor.tick(world.now);
            while world.compositor.poll().is_some() {}
        }
    };
    run(&mut world, 12, Duration::from_millis(25));
    assert_eq!(world.compositor.stats().overload, 1);
    run(&mut world, 30, Duration::from_millis(60));
    assert_eq!(world.compositor.stats().overload, 2);
    run(&mut world, 400, Duration::ZERO);
    assert_eq!(world.compositor.stats().overload, 0);
}
