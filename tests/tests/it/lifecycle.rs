//! Coming, going, and what is left behind: nothing.

use colloquy_media_core::api::{CloseCause, Codec, Event, JoinError, Limits, PeerId};
use colloquy_tests::{Options, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn closing_a_room_frees_everything() {
    let mut world = World::with_seed(1);
    let room = world.room();
    let people = world.meet(room, 3, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    world.run(SECOND);
    let totals = world.totals();
    let shares = 3.min(world.workers()) as u64;
    assert_eq!((totals.rooms, totals.peers, totals.tracks, totals.connected), (shares, 3, 6, 3));
    world.close_room(room);
    world.run(2 * SECOND);
    let totals = world.totals();
    assert_eq!((totals.rooms, totals.peers, totals.tracks), (0, 0, 0));
    assert_eq!(world.next_deadline(), None);
    assert_eq!(world.checks.open_tracks(), []);
    assert_eq!(world.stats(room), None);
    let closed =
        world.events.iter().filter(|(_, event)| matches!(event, Event::Closed { cause: CloseCause::RoomClosed, .. }));
    assert_eq!(closed.count(), 3);
}

#[test]
fn who_leaves_is_not_heard_and_hears_nothing() {
    let mut world = World::with_seed(2);
    let room = world.room();
    let people = world.meet(room, 3, &[Codec::Opus]);
    world.connect(&people);
    world.leave(people[1]);
    assert_eq!(world.matrix(&people, SECOND), ". . a\n. . .\na . .\n");
    world.leave(people[0]);
    world.leave(people[2]);
    world.run(2 * SECOND);
    let totals = world.totals();
    assert_eq!((totals.rooms, totals.peers, totals.tracks), (0, 0, 0));
    assert_eq!(world.next_deadline(), None);
    assert_eq!(world.checks.open_tracks(), []);
}

#[test]
fn a_full_room_refuses_one_more() {
    let limits = Limits { peers_per_room: 2, ..Limits::default() };
    let mut world = World::new(Options { limits, ..Options::default() });
    let room = world.room();
    let anne = world.join(room);
    world.join(room);
    assert_eq!(world.try_join(room, PeerId(900)), Err(JoinError::RoomFull));
    assert_eq!(world.try_join(room, anne), Err(JoinError::AlreadyJoined));
    world.leave(anne);
    assert!(world.try_join(room, PeerId(901)).is_ok());
}

#[test]
fn a_late_comer_is_told_of_the_tracks() {
    let mut world = World::with_seed(3);
    let room = world.room();
    let anne = world.join(room);
    let audio = world.publish(anne, Codec::Opus);
    let tracks = world.try_join(room, PeerId(900)).unwrap();
    assert_eq!(tracks.iter().map(|track| (track.id, track.peer)).collect::<Vec<_>>(), [(audio, anne)]);
}

#[test]
fn figures_of_a_room_add_up() {
    let mut world = World::with_seed(4);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    world.run(5 * SECOND);
    let stats = world.stats(room).unwrap();
    assert_eq!(stats.peers.len(), 2);
    for figures in &stats.peers {
        let client = &world.person(figures.peer).client;
        assert_eq!(figures.receive.len(), 2, "{figures:?}");
        assert_eq!(figures.send.len(), 2, "{figures:?}");
        for (mid, track) in &world.person(figures.peer).published {
            let sent = client.send_stats(&mid.to_string()).unwrap().packets;
            let received = figures.receive.iter().find(|received| received.track == track.id).unwrap();
            assert!(sent - received.packets <= 4 && received.lost == 0, "{received:?} of {sent}");
        }
        for send in &figures.send {
            let received = client.place_stats(&send.mid).unwrap().packets;
            assert!(send.packets - received <= 4 && send.packets > 10, "{send:?} and {received} received");
        }
        let rtt_ms = figures.rtt_ms.expect("receiver reports were exchanged");
        assert!((1.0..20.0).contains(&rtt_ms), "{rtt_ms} ms over links of 1 ms each way");
    }
}
