//! What nobody of ours sent changes nothing.

use colloquy_media_core::api::{Codec, DropCause};
use colloquy_tests::World;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn short_garbage_of_every_first_byte_is_dropped() {
    let mut world = World::with_seed(1);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    let stranger = "203.0.113.9:999".parse().unwrap();
    let known = world.person(people[0]).client.local();
    let before = world.totals();
    let deadline = world.next_deadline();
    let events = world.events.len();
    let mut sent = 0;
    for from in [stranger, known] {
        for first in 0..=255u8 {
            for len in 0..=32usize {
                let mut bytes = vec![0x5a; len];
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                world.inject(from, &bytes);
                sent += 1;
            }
        }
    }
    let after = world.totals();
    assert_eq!(after.panics, 0);
    assert_eq!(after.packets_out, before.packets_out, "garbage was answered");
    assert_eq!(world.events.len(), events, "garbage made events");
    let dropped = after.drops.iter().sum::<u64>() - before.drops.iter().sum::<u64>();
    // DTLS from a known address is the DTLS stack's to drop, silently.
    let dtls = 44 * 32;
    assert!((sent - dtls..=sent).contains(&dropped), "{dropped} of {sent} were counted");
    assert!(world.next_deadline() <= deadline.map(|at| at + SECOND));
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
}

#[test]
fn replayed_packets_are_dropped() {
    let mut world = World::with_seed(2);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    world.recorded = Some(Vec::new());
    world.run(SECOND);
    let recorded = world.recorded.take().unwrap();
    // Those in the air arrive first.
    world.run(Duration::from_millis(5));
    let rtp: Vec<_> = recorded.into_iter().filter(|(_, bytes)| matches!(bytes.first(), Some(128..=191))).collect();
    assert!(rtp.len() > 20);
    let before = world.totals();
    for (from, bytes) in &rtp {
        world.inject(*from, bytes);
    }
    let after = world.totals();
    let replayed = DropCause::Replayed as usize;
    assert_eq!(after.drops[replayed] - before.drops[replayed], rtp.len() as u64);
    assert_eq!(after.forwarded, before.forwarded);
}

#[test]
fn packets_changed_on_the_way_are_dropped() {
    let mut world = World::with_seed(3);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    world.recorded = Some(Vec::new());
    world.run(Duration::from_millis(500));
    let recorded = world.recorded.take().unwrap();
    world.run(Duration::from_millis(5));
    let before = world.totals();
    for (from, bytes) in recorded {
        for at in [1, 2, 5, 9, 13, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 0x11;
            }
            world.inject(from, &changed);
            world.inject(from, &bytes[..at.min(bytes.len())]);
        }
    }
    let after = world.totals();
    assert_eq!(after.forwarded, before.forwarded);
    assert_eq!(after.panics, 0);
    assert_eq!(world.matrix(&people, SECOND), ". av\nav .\n");
}

#[test]
fn offers_that_are_none_are_refused() {
    use colloquy_media_core::api::{Command, NegotiateError, Offer, Subscriptions};
    let mut world = World::with_seed(4);
    let room = world.room();
    let anne = world.join(room);
    let good = {
        world.client(anne).publish(Codec::Opus, colloquy_tests::actions::SPARSE_OPUS);
        world.client(anne).offer()
    };
    let mut bad: Vec<String> = ["", "v=0", "\0\0\0", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    bad.push(good.replace("a=fingerprint", "a=fingerpaint"));
    bad.push(good.replace("a=ice-ufrag", "a=ice-ufrog"));
    bad.push("x".repeat(1 << 20));
    for sdp in bad {
        let offer = Offer { sdp: sdp.clone(), sources: vec![], subscriptions: Subscriptions::ByMid(vec![]) };
        let answer = world.ask(|reply| Command::Offer { peer: anne, offer, reply });
        let shown = &sdp[..sdp.len().min(200)];
        assert!(
            matches!(answer, Err(NegotiateError::BadOffer(_) | NegotiateError::TooMany(_))),
            "{answer:?} to {shown}"
        );
    }
    let offer = Offer { sdp: good, sources: vec![], subscriptions: Subscriptions::ByMid(vec![]) };
    assert!(world.ask(|reply| Command::Offer { peer: anne, offer, reply }).is_ok());
}
