//! Who hears and sees whom.

use colloquy_media_core::api::{Codec, MediaKind};
use colloquy_tests::World;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn everyone_hears_and_sees_everyone() {
    let mut world = World::with_seed(1);
    let room = world.room();
    let people = world.meet(room, 4, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    assert_eq!(world.matrix(&people, SECOND), ". av av av\nav . av av\nav av . av\nav av av .\n");
}

#[test]
fn rooms_are_apart() {
    let mut world = World::with_seed(2);
    let (first, second) = (world.room(), world.room());
    let mut people = world.meet(first, 2, &[Codec::Opus]);
    people.extend(world.meet(second, 2, &[Codec::Opus]));
    world.connect(&people);
    assert_eq!(world.matrix(&people, SECOND), ". a . .\na . . .\n. . . a\n. . a .\n");
}

#[test]
fn every_codec_is_forwarded() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
        let mut world = World::with_seed(3);
        let room = world.room();
        let people = world.meet(room, 2, &[Codec::Opus, codec]);
        world.connect(&people);
        assert_eq!(world.matrix(&people, SECOND), ". av\nav .\n", "{codec:?}");
    }
}

#[test]
fn a_place_is_pointed_at_another_track_without_an_offer() {
    let mut world = World::with_seed(4);
    let room = world.room();
    let (anne, bert, carl) = (world.join(room), world.join(room), world.join(room));
    let people = [anne, bert, carl];
    let of_anne = world.publish(anne, Codec::Vp8);
    let of_bert = world.publish(bert, Codec::Vp8);
    let mid = world.watch(carl, of_anne, MediaKind::Video);
    world.connect(&people);
    assert_eq!(world.matrix(&people, SECOND), ". . .\n. . .\nv . .\n");
    world.subscribe(carl, &mid, Some(of_bert)).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". . .\n. . .\n. v .\n");
    world.subscribe(carl, &mid, None).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". . .\n. . .\n. . .\n");
    world.subscribe(carl, &mid, Some(of_anne)).unwrap();
    assert_eq!(world.matrix(&people, SECOND), ". . .\n. . .\nv . .\n");
}

#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    use colloquy_media_core::api::SubscribeError;
    let mut world = World::with_seed(5);
    let (room, other_room) = (world.room(), world.room());
    let (anne, bert, carl) = (world.join(room), world.join(room), world.join(other_room));
    let audio = world.publish(anne, Codec::Opus);
    let elsewhere = world.publish(carl, Codec::Opus);
    let mid = world.watch(bert, audio, MediaKind::Audio);
    let own = world.publish(bert, Codec::Opus);
    let video = world.publish(anne, Codec::Vp8);
    assert_eq!(world.subscribe(bert, "17", Some(audio)), Err(SubscribeError::NoSuchMid));
    assert_eq!(world.subscribe(bert, &mid, Some(elsewhere)), Err(SubscribeError::NoSuchTrack));
    assert_eq!(world.subscribe(bert, &mid, Some(video)), Err(SubscribeError::WrongKind));
    assert_eq!(world.subscribe(bert, &mid, Some(own)), Err(SubscribeError::Refused));
}
