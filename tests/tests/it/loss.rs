//! What is lost comes again.

use colloquy_media_core::api::{Codec, MediaKind};
use colloquy_tests::{Link, World};
use std::time::Duration;

#[test]
fn loss_toward_a_viewer_is_repaired_by_retransmission() {
    let mut world = World::with_seed(1);
    let room = world.room();
    let (anne, bert) = (world.join(room), world.join(room));
    let video = world.publish(anne, Codec::Vp8);
    let mid = world.watch(bert, video, MediaKind::Video);
    world.connect(&[anne, bert]);
    world.set_links(bert, Link::GOOD, Link::GOOD.with_loss(0.1));
    world.run(Duration::from_secs(10));
    world.set_links(bert, Link::GOOD, Link::GOOD);
    world.run(Duration::from_secs(1));
    let stats = world.person(bert).client.place_stats(&mid).unwrap();
    assert!(stats.nacked > 0 && stats.repaired > 5, "{stats:?}");
    assert_eq!(stats.lost, 0, "{stats:?}");
    assert!(world.totals().retransmitted >= stats.repaired);
}

#[test]
fn loss_from_a_publisher_is_repaired_for_everyone() {
    let mut world = World::with_seed(2);
    let room = world.room();
    let people = world.meet(room, 3, &[Codec::Vp8]);
    world.connect(&people);
    world.set_links(people[0], Link::GOOD.with_loss(0.1), Link::GOOD);
    world.run(Duration::from_secs(10));
    world.set_links(people[0], Link::GOOD, Link::GOOD);
    world.run(Duration::from_secs(1));
    let sent = world.person(people[0]).client.send_stats("0").unwrap();
    assert!(sent.nacked > 0 && sent.retransmitted > 5, "{sent:?}");
    for viewer in &people[1..] {
        let client = &world.person(*viewer).client;
        let lost: u64 = client.place_mids().map(|mid| client.place_stats(mid).unwrap().lost).sum();
        assert_eq!(lost, 0, "{viewer}");
    }
}

#[test]
fn a_packet_asked_for_again_and_again_is_not_sent_without_end() {
    let mut world = World::with_seed(3);
    let room = world.room();
    let (anne, bert) = (world.join(room), world.join(room));
    let video = world.publish(anne, Codec::Vp8);
    world.watch(bert, video, MediaKind::Video);
    world.connect(&[anne, bert]);
    // The requests arrive, the answers never do.
    world.run(Duration::from_secs(1));
    world.set_links(bert, Link::GOOD, Link::GOOD.with_loss(0.5));
    let before = world.totals();
    world.run(Duration::from_secs(10));
    let after = world.totals();
    let forwarded = after.forwarded - before.forwarded;
    let retransmitted = after.retransmitted - before.retransmitted;
    assert!(retransmitted <= 2 * forwarded, "{retransmitted} retransmissions for {forwarded} packets");
}

#[test]
fn a_call_survives_five_percent_of_loss_both_ways() {
    use colloquy_tests::Options;
    let mut world = World::new(Options { seed: 4, up: Link::BAD, down: Link::BAD, ..Options::default() });
    world.checks.orderly_uplinks = false;
    let room = world.room();
    let people = world.meet(room, 3, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    world.run(Duration::from_secs(2));
    assert_eq!(world.matrix(&people, Duration::from_secs(3)), ". av av\nav . av\nav av .\n");
}

#[test]
fn who_takes_no_redundancy_is_sent_the_same_datagrams_again() {
    let mut world = World::with_seed(5);
    let room = world.room();
    let people = world.meet(room, 3, &[Codec::Opus]);
    world.connect(&people);
    let heard = |world: &World| {
        let client = &world.person(people[0]).client;
        let stats: Vec<_> = client.place_mids().filter_map(|mid| client.place_stats(mid)).collect();
        stats.iter().fold((0, 0), |(packets, lost), place| (packets + place.packets, lost + place.lost))
    };
    world.set_links(people[0], Link::GOOD, Link::GOOD.with_loss(0.1));
    // He reports every second.
    world.run(Duration::from_secs(5));
    let before = heard(&world);
    world.run(Duration::from_secs(20));
    let after = heard(&world);
    let (packets, lost) = (after.0 - before.0, after.1.saturating_sub(before.1));
    assert!(packets > 600, "{packets}");
    assert!(lost * 100 < packets, "{lost} of {packets} never came");
}
