//! Video begins at a key frame, and publishers are not asked for more of them than they can make.

use colloquy_media_core::api::{Codec, MediaKind};
use colloquy_tests::World;
use std::time::Duration;

#[test]
fn a_late_subscriber_gets_a_key_frame() {
    let mut world = World::with_seed(1);
    let room = world.room();
    let anne = world.join(room);
    let video = world.publish(anne, Codec::Vp8);
    world.connect(&[anne]);
    world.run(Duration::from_secs(3));
    let bert = world.join(room);
    let mid = world.watch(bert, video, MediaKind::Video);
    // The world checks that the first packet of a place is the first of a key frame.
    assert!(world.run_until(Duration::from_secs(2), |world| !world.person(bert).heard.is_empty()));
    world.run(Duration::from_millis(200));
    assert!(world.person(bert).client.place_stats(&mid).unwrap().key_frames >= 1);
    assert!(world.person(anne).client.send_stats("0").unwrap().key_frames_asked >= 1);
}

#[test]
fn however_many_ask_the_publisher_is_asked_twice_a_second() {
    let mut world = World::with_seed(2);
    let room = world.room();
    let anne = world.join(room);
    let video = world.publish(anne, Codec::Vp8);
    let viewers: Vec<_> = (0..5).map(|_| world.join(room)).collect();
    let mids: Vec<_> = viewers.iter().map(|viewer| world.watch(*viewer, video, MediaKind::Video)).collect();
    world.connect(&[anne]);
    world.connect(&viewers);
    world.run(Duration::from_secs(2));
    let before = world.person(anne).client.send_stats("0").unwrap().key_frames_asked;
    for _ in 0..100 {
        for (viewer, mid) in viewers.iter().zip(&mids) {
            world.client(*viewer).ask_for_key_frame(mid);
        }
        world.run(Duration::from_millis(20));
    }
    let asked = world.person(anne).client.send_stats("0").unwrap().key_frames_asked - before;
    assert!((3..=5).contains(&asked), "500 requests in 2 s became {asked}");
}

#[test]
fn a_second_viewer_does_not_wait_for_the_first_ones_interval_forever() {
    let mut world = World::with_seed(3);
    let room = world.room();
    let anne = world.join(room);
    let video = world.publish(anne, Codec::Vp8);
    world.connect(&[anne]);
    for _ in 0..4 {
        let viewer = world.join(room);
        world.watch(viewer, video, MediaKind::Video);
        assert!(world.run_until(Duration::from_secs(2), |world| !world.person(viewer).heard.is_empty()));
    }
}
