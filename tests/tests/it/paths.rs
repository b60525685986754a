//! Addresses change, the call goes on; and nobody else can change them.

use colloquy_media_core::api::{Codec, Event, IceMode, TransportState};
use colloquy_tests::{Link, Options, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const BOTH: &str = ". a\na .\n";

fn call(seed: u64) -> (World, Vec<colloquy_media_core::api::PeerId>) {
    let mut world = World::with_seed(seed);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
    (world, people)
}

#[test]
fn an_ice_restart_keeps_the_media() {
    let (mut world, people) = call(1);
    for _ in 0..3 {
        let before = world.person(people[0]).heard.values().map(|heard| heard.packets).sum::<u64>();
        let version = world.person(people[0]).client.connected_at();
        world.restart_ice(people[0]);
        world.run(SECOND);
        let after = world.person(people[0]).heard.values().map(|heard| heard.packets).sum::<u64>();
        assert!(after >= before + 14, "{} packets in the second after the restart", after - before);
        assert_eq!(world.person(people[0]).client.connected_at(), version, "no second handshake");
        assert_eq!(world.matrix(&people, SECOND), BOTH);
    }
}

#[test]
fn an_ice_restart_by_a_fragment_keeps_the_media() {
    let (mut world, people) = call(7);
    for _ in 0..2 {
        world.restart_ice_by_fragment(people[0]);
        assert_eq!(world.matrix(&people, SECOND), BOTH);
    }
    world.change_address(people[0]);
    world.restart_ice_by_fragment(people[0]);
    world.run(2 * SECOND);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
}

#[test]
fn a_page_that_is_loaded_anew_takes_the_place_of_the_old_one() {
    let (mut world, people) = call(8);
    world.reload(people[0], &[Codec::Opus]);
    assert!(world.run_until(5 * SECOND, |world| world.person(people[0]).client.is_connected()));
    assert_eq!(world.matrix(&people, SECOND), ". a\n. .\n", "the new page hears; nobody asked for its new track yet");
    world.watch_everyone(people[1]);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
    assert_eq!(world.totals().tracks, 2);
}

#[test]
fn a_client_that_changes_its_address_keeps_its_media() {
    let (mut world, people) = call(2);
    world.change_address(people[0]);
    world.run(2 * SECOND);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
}

#[test]
fn a_nat_that_rebinds_keeps_the_media() {
    let (mut world, people) = call(3);
    world.rebind(people[0]);
    // The client's next check comes from the new address, and moves the path.
    world.run(8 * SECOND);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
}

/// The machine moved to another network. People's clients learn of it as their sockets are cut, and restart ICE.
#[test]
fn a_server_whose_address_changes_keeps_its_calls() {
    let (mut world, people) = call(9);
    let connected = people.iter().map(|peer| world.person(*peer).client.connected_at()).collect::<Vec<_>>();
    for _ in 0..3 {
        let before = world.totals();
        let address = world.move_server(true);
        assert_eq!(world.matrix(&people, SECOND), ". .\n. .\n", "nobody knows where it is");
        for peer in &people {
            world.restart_ice(*peer);
        }
        world.run(SECOND);
        assert_eq!(world.matrix(&people, SECOND), BOTH, "at {address}");
        assert_eq!((world.totals().peers, world.totals().tracks), (before.peers, before.tracks), "the same people");
    }
    let after = people.iter().map(|peer| world.person(*peer).client.connected_at()).collect::<Vec<_>>();
    assert_eq!(after, connected, "no second handshake");
}

#[test]
fn a_server_that_notices_late_is_found_by_the_next_restart() {
    let (mut world, people) = call(10);
    world.move_server(false);
    people.iter().for_each(|peer| world.restart_ice(*peer));
    assert_eq!(world.matrix(&people, 2 * SECOND), ". .\n. .\n", "the answers name the old address");
    world.notice_address();
    people.iter().for_each(|peer| world.restart_ice(*peer));
    world.run(SECOND);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
}

/// It sends checks from the new address, which its clients answer: nobody has to restart anything.
#[test]
fn a_full_agent_moves_by_itself() {
    let mut world = World::new(Options { seed: 11, ice: IceMode::Full, ..Options::default() });
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    world.move_server(true);
    world.run(40 * SECOND);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
}

#[test]
fn rtp_from_a_new_address_moves_nothing() {
    let (mut world, people) = call(4);
    world.recorded = Some(Vec::new());
    world.run(SECOND);
    let recorded = world.recorded.take().unwrap();
    let thief = "203.0.113.66:6666".parse().unwrap();
    let before = world.totals();
    let mut sent = 0;
    for (_, bytes) in &recorded {
        // The world checks that nothing is ever sent to an address without a client's STUN.
        if !matches!(bytes.first(), Some(0..=3)) {
            world.inject(thief, bytes);
            sent += 1;
        }
    }
    assert!(sent > 10);
    let dropped = world.totals().drops.iter().sum::<u64>() - before.drops.iter().sum::<u64>();
    assert_eq!(dropped, sent);
    assert_eq!(world.matrix(&people, SECOND), BOTH);
}

#[test]
fn a_client_that_falls_silent_is_told_and_comes_back() {
    let (mut world, people) = call(5);
    world.set_links(people[0], Link::CUT, Link::CUT);
    world.run(25 * SECOND);
    let told = |world: &World, wanted| {
        world.events.iter().any(|(_, event)| matches!(event, Event::Transport { peer, state, .. } if *peer == people[0] && *state == wanted))
    };
    assert!(told(&world, TransportState::Disconnected));
    world.events.clear();
    world.set_links(people[0], Link::GOOD, Link::GOOD);
    world.restart_ice(people[0]);
    world.run(5 * SECOND);
    assert!(told(&world, TransportState::Connected));
    assert_eq!(world.matrix(&people, SECOND), BOTH);
}

#[test]
fn a_client_that_stays_away_is_closed() {
    use colloquy_media_core::api::CloseCause;
    let (mut world, people) = call(6);
    world.set_links(people[0], Link::CUT, Link::CUT);
    world.run(90 * SECOND);
    assert!(world.events.iter().any(|(_, event)| matches!(
        event,
        Event::Closed { peer, cause: CloseCause::TimedOut, .. } if *peer == people[0]
    )));
    assert_eq!(world.totals().peers, 1);
}
