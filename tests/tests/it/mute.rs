//! Mute is enforced in the server: these clients go on sending.

use colloquy_media_core::api::Codec;
use colloquy_tests::{Muter, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_muted_track_reaches_nobody() {
    let mut world = World::with_seed(1);
    let room = world.room();
    let people = world.meet(room, 3, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    let anne = people[0];
    let (audio, video) = (world.person(anne).published[&0].id, world.person(anne).published[&1].id);
    assert_eq!(world.matrix(&people, SECOND), ". av av\nav . av\nav av .\n");
    world.mute(anne, audio, Muter::Himself, true).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". av av\nv . av\nv av .\n");
    world.mute(anne, video, Muter::Himself, true).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". av av\n. . av\n. av .\n");
    world.mute(anne, audio, Muter::Himself, false).unwrap();
    world.mute(anne, video, Muter::Himself, false).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". av av\nav . av\nav av .\n");
}

#[test]
fn a_track_is_heard_only_when_nobody_mutes_it() {
    let mut world = World::with_seed(2);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    let anne = people[0];
    let audio = world.person(anne).published[&0].id;
    world.mute(anne, audio, Muter::Moderator, true).unwrap();
    world.mute(anne, audio, Muter::Himself, true).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". a\n. .\n");
    let info = world.mute(anne, audio, Muter::Himself, false).unwrap();
    assert!(info.mute.by_moderator && !info.mute.by_self);
    assert_eq!(world.matrix(&people, SECOND), ". a\n. .\n");
    world.mute(anne, audio, Muter::Moderator, false).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
}

#[test]
fn a_track_muted_before_its_first_packet_is_silent_from_the_first() {
    let mut world = World::with_seed(3);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    let anne = people[0];
    let audio = world.person(anne).published[&0].id;
    world.mute(anne, audio, Muter::Moderator, true).unwrap();
    world.connect(&people);
    assert_eq!(world.matrix(&people, SECOND), ". a\n. .\n");
}

#[test]
fn a_moderators_mute_outlives_the_track() {
    let mut world = World::with_seed(4);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    let (anne, ben) = (people[0], people[1]);
    let first = world.person(anne).published[&0].id;
    world.mute(anne, first, Muter::Moderator, true).unwrap();
    // Gone, and there again: another track of the same microphone.
    world.offer_edited(anne, |sdp| sdp.replacen("a=sendonly", "a=inactive", 1)).unwrap();
    world.offer(anne).unwrap();
    let second = world.person(anne).published[&0].clone();
    assert_ne!(second.id, first);
    assert!(second.mute.by_moderator);
    world.watch_everyone(ben);
    assert_eq!(world.matrix(&people, SECOND), ". a\n. .\n");
    // And on another connection.
    world.reload(anne, &[Codec::Opus]);
    world.connect(&people);
    let third = world.person(anne).published[&0].clone();
    assert!(third.id != second.id && third.mute.by_moderator);
    world.watch_everyone(ben);
    world.watch_everyone(anne);
    assert_eq!(world.matrix(&people, SECOND), ". a\n. .\n");
    world.mute(anne, third.id, Muter::Moderator, false).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
}
