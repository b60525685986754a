//! Who speaks, by the levels that clients write into their packets.

use colloquy_media_core::api::{Codec, Event, PeerId};
use colloquy_tests::{Muter, World};
use std::time::Duration;

fn floor(world: &World) -> Option<PeerId> {
    world.events.iter().rev().find_map(|(_, event)| match event {
        Event::Speakers { dominant, .. } => Some(*dominant),
        _ => None,
    })?
}

/// Who speaks, by the last event that told of it.
pub(super) fn speaking(world: &World) -> Vec<PeerId> {
    let last = world.events.iter().rev().find_map(|(_, event)| match event {
        Event::Speakers { speakers, .. } => Some(speakers.iter().map(|speaker| speaker.peer).collect()),
        _ => None,
    });
    last.unwrap_or_default()
}

#[test]
fn the_one_who_speaks_has_the_floor() {
    let mut world = World::with_seed(1);
    let room = world.room();
    let people = world.meet(room, 3, &[Codec::Opus]);
    for peer in &people {
        world.client(*peer).set_level("0", 127);
    }
    world.connect(&people);
    world.run(Duration::from_secs(1));
    for speaker in [people[1], people[0], people[2]] {
        world.client(speaker).set_level("0", 15);
        world.run(Duration::from_secs(4));
        assert_eq!(floor(&world), Some(speaker));
        assert_eq!(speaking(&world), [speaker]);
        world.client(speaker).set_level("0", 127);
        world.run(Duration::from_secs(3));
        assert_eq!(speaking(&world), []);
        assert_eq!(floor(&world), Some(speaker), "the floor stays when everyone falls silent");
    }
}

#[test]
fn a_muted_person_never_has_the_floor() {
    let mut world = World::with_seed(2);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    let audio = world.person(people[0]).published[&0].id;
    world.client(people[0]).set_level("0", 5);
    world.client(people[1]).set_level("0", 127);
    world.mute(people[0], audio, Muter::Moderator, true).unwrap();
    world.connect(&people);
    world.run(Duration::from_secs(4));
    assert_eq!(speaking(&world), []);
    assert_ne!(floor(&world), Some(people[0]));
}
