//! Rooms that several workers share. (Everything else is played on several workers too: `COLLOQUY_WORKERS=3`.)

use colloquy_bench::client::Video;
use colloquy_media_core::api::{Codec, Event, MediaKind, PeerId, PixelSize, Preference, TrackId};
use colloquy_tests::{Options, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn world(workers: usize) -> World {
    World::new(Options { seed: 7, workers, ..Options::default() })
}

/// The encodings of a track that its publisher was last told are wanted.
fn wanted(world: &World, of: TrackId) -> Vec<bool> {
    let last = world.events.iter().rev().find_map(|(_, event)| match event {
        Event::Encodings { track, encodings, .. } if *track == of => Some(encodings),
        _ => None,
    });
    last.map(|encodings| encodings.iter().map(|e| e.wanted).collect()).unwrap_or_default()
}

#[test]
fn everyone_hears_everyone_wherever_he_lives() {
    let mut world = world(3);
    let room = world.room();
    let people = world.meet(room, 5, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    world.run(SECOND);
    let all = world.matrix(&people, SECOND);
    assert_eq!(all, ". av av av av\nav . av av av\nav av . av av\nav av av . av\nav av av av .\n");
}

#[test]
fn a_share_that_emptied_begins_anew() {
    let mut world = world(2);
    let room = world.room();
    let stays = world.meet(room, 1, &[Codec::Opus])[0];
    world.connect(&[stays]);
    // Numbers rise by one, so that every other one comes to the worker where nobody is.
    for _ in 0..4 {
        let comes = world.join(room);
        world.client(comes).publish(Codec::Opus, colloquy_tests::pace(Codec::Opus));
        world.offer(comes).unwrap();
        world.watch_everyone(comes);
        world.watch_everyone(stays);
        world.connect(&[comes]);
        assert_eq!(world.matrix(&[stays, comes], SECOND), ". a\na .\n");
        world.leave(comes);
        world.run(SECOND);
    }
    world.leave(stays);
    world.run(2 * SECOND);
    assert_eq!((world.totals().rooms, world.next_deadline()), (0, None));
}

#[test]
fn what_is_watched_elsewhere_is_not_paused_and_what_nobody_watches_is() {
    let mut world = world(2);
    let room = world.room();
    let publisher = world.join(room);
    world.client(publisher).publish_video(&Video::simulcast());
    world.offer(publisher).unwrap();
    let track = world.person(publisher).published[&0].id;
    let viewers: Vec<PeerId> = (0..2).map(|_| world.join(room)).collect();
    let size =
        |height| Preference { size: Some(PixelSize { width: height * 16 / 9, height }), ..Preference::default() };
    for (viewer, height) in viewers.iter().zip([180, 720]) {
        let mid = world.watch(*viewer, track, MediaKind::Video);
        world.prefer(*viewer, &mid, size(height));
    }
    world.connect(&[publisher, viewers[0], viewers[1]]);
    world.run(12 * SECOND);
    assert_eq!(wanted(&world, track), [true, false, true], "one looks at the small one, one at the large one");
    world.leave(viewers[1]);
    world.run(7 * SECOND);
    assert_eq!(wanted(&world, track), [true, false, false]);
}

#[test]
fn many_elsewhere_who_want_a_key_frame_ask_for_one() {
    let mut world = world(3);
    let room = world.room();
    let publisher = world.join(room);
    let track = world.publish(publisher, Codec::Vp8);
    world.connect(&[publisher]);
    let viewers: Vec<PeerId> = (0..9).map(|_| world.join(room)).collect();
    for viewer in &viewers {
        world.watch(*viewer, track, MediaKind::Video);
    }
    world.connect(&viewers);
    world.forget();
    world.run(2 * SECOND);
    let all = viewers.iter().all(|viewer| world.person(*viewer).heard.contains_key(&(publisher, 0)));
    assert!(all, "everyone sees");
    // One at a time and one in 500 ms at most, as with one worker.
    assert!(world.totals().keyframe_requests <= 6, "{} requests", world.totals().keyframe_requests);
}
