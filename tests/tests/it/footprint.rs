//! What somebody costs the server's memory, what is left when he has gone, and how often one who does nothing wakes it.

mod counting;

use colloquy_bench::client::Pace;
use colloquy_media_core::api::{Codec, PeerId, RoomId};
use colloquy_tests::{Options, World};
use counting::held_bytes;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Bounds are of one worker: a room that is shared costs something on each.
fn one_worker(seed: u64) -> World {
    World::new(Options { seed, workers: 1, ..Options::default() })
}

/// What `grow` costs each of `count` in kB, once all of it has settled.
fn cost_kb(world: &mut World, count: usize, grow: impl FnOnce(&mut World)) -> isize {
    let before = held_bytes();
    grow(world);
    (held_bytes() - before) / count as isize / 1_000
}

/// Somebody with a microphone, and a camera that sends so many packets of 1,100 bytes each tenth of a second.
fn publisher(world: &mut World, room: RoomId, packets: usize) -> PeerId {
    let peer = world.join(room);
    let pace = Pace { interval: Duration::from_millis(100), packets, payload_bytes: 1_100, large_key_frames: true };
    world.client(peer).publish(Codec::Opus, Pace::OPUS);
    world.client(peer).publish(Codec::Vp8, pace);
    world.offer(peer).unwrap();
    world.connect(&[peer]);
    peer
}

/// The bound of a deployment is 250 kB. Here nothing waits in a pacer, of which 40 kB stay and a full queue takes 512.
#[test]
fn a_viewer_of_twenty_people() {
    const VIEWERS: usize = 4;
    let mut world = one_worker(1);
    let room = world.room();
    for _ in 0..20 {
        publisher(&mut world, room, 2);
    }
    // Until what is kept of their streams grows no more.
    world.run(3 * SECOND);
    let kb = cost_kb(&mut world, VIEWERS, |world| {
        for _ in 0..VIEWERS {
            let viewer = world.join(room);
            world.watch_everyone(viewer);
            world.connect(&[viewer]);
        }
        world.run(3 * SECOND);
    });
    assert!(kb <= 120, "{kb} kB");
}

#[test]
fn a_publisher_of_full_video() {
    let mut world = one_worker(2);
    let room = world.room();
    let kb = cost_kb(&mut world, 2, |world| {
        for _ in 0..2 {
            publisher(world, room, 30);
        }
        world.run(5 * SECOND);
    });
    // Of it some 80 for the last key frame, which those see who come while he is turned away.
    assert!(kb <= 830, "{kb} kB");
}

/// Two people whose cameras and microphones send nothing.
fn idle_pair(world: &mut World) -> Vec<PeerId> {
    let room = world.room();
    let people = vec![world.join(room), world.join(room)];
    for peer in &people {
        for (codec, pace) in [(Codec::Opus, Pace::OPUS), (Codec::Vp8, Pace::SMALL_VIDEO)] {
            world.client(*peer).publish(codec, Pace { interval: 3_600 * SECOND, ..pace });
        }
        world.offer(*peer).unwrap();
    }
    people.iter().for_each(|peer| world.watch_everyone(*peer));
    world.connect(&people);
    people
}

#[test]
fn one_who_does_nothing() {
    const TIME_S: u64 = 20;
    let mut world = one_worker(3);
    let mut people = Vec::new();
    let kb = cost_kb(&mut world, 2, |world| {
        people = idle_pair(world);
        world.run(8 * SECOND);
    });
    assert!(kb <= 65, "{kb} kB");
    let wakes = world.wakes;
    world.run(Duration::from_secs(TIME_S));
    let wakes = world.wakes - wakes;
    // A report each 5 s, and his ICE agent every 3 s.
    assert!(wakes <= 2 * TIME_S * 2 / 3, "{wakes} in {TIME_S} s");
}

#[test]
fn rooms_without_media_never_wake_the_server() {
    let mut world = one_worker(5);
    for id in 0..1_000 {
        let room = world.room();
        world.try_join(room, PeerId(1_000_000 + id)).unwrap();
    }
    assert_eq!(world.next_deadline(), None);
}

#[test]
fn nothing_is_left_of_those_who_left() {
    let mut world = one_worker(4);
    let mut held = Vec::new();
    for _ in 0..6 {
        let before = held_bytes();
        let room = world.room();
        let people = world.meet(room, 6, &[Codec::Opus, Codec::Vp8]);
        world.connect(&people);
        world.run(SECOND / 2);
        world.close_room(room);
        world.run(3 * SECOND);
        world.events.clear();
        held.push((held_bytes() - before) / 1_000);
    }
    // Tables that are as large as they were once.
    assert!(held.iter().skip(1).sum::<isize>() <= 20 && held[0] <= 50, "{held:?} kB");
}
