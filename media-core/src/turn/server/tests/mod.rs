//! The server through its door: requests go in as bytes, answers are read as bytes.

mod abuse;
mod world;

use super::*;
use crate::turn::credentials::Secret;
use crate::turn::peers::{OwnAddress, PeerPolicy};
use std::time::Duration;
use world::{ANNE, BOB, Client, MEDIA, World, at};

#[test]
fn a_client_allocates_permits_and_relays_both_ways() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    assert_eq!(anne.request(&mut world, Method::Allocate, &[]), 401, "nobody knows him yet");
    let relayed = anne.allocate(&mut world);
    assert_eq!(anne.permit(&mut world, MEDIA), 0);
    anne.send(&mut world, MEDIA, b"to media");
    assert_eq!(world.take_to_peers(), [(at("10.0.0.5:20000"), b"to media".to_vec())], "by the inner address");
    world.peer_sent(relayed, "10.0.0.5:20000", b"from media");
    assert_eq!(anne.indications(&mut world), [(at(MEDIA), b"from media".to_vec())], "by the address he knows");
    assert_eq!(anne.bind(&mut world, 0x4001, MEDIA), 0);
    anne.channel_data(&mut world, 0x4001, b"by channel");
    assert_eq!(world.take_to_peers().len(), 1);
    world.peer_sent(relayed, "10.0.0.5:20000", b"back");
    assert_eq!(world.take_to_clients(), [(anne.flow, b"\x40\x01\x00\x04back".to_vec())]);
    let counters = world.server.counters();
    assert_eq!((counters.packets_to_peers, counters.bytes_to_clients, counters.allocations), (2, 14, 1));
}

#[test]
fn issued_credentials_work_and_a_call_outlives_them() {
    let mut world = World::default();
    let issued = world.credentials.issue(world.now.unix_s, "p1", 60);
    let mut client = Client::new(at(ANNE), &issued.username, &issued.password);
    client.allocate(&mut world);
    world.pass(Duration::from_secs(61));
    assert_eq!(client.refresh(&mut world, 600), 0, "what was opened in time goes on");
    let mut late = Client::new(at(BOB), &issued.username, &issued.password);
    assert_eq!(late.try_allocate(&mut world), 401, "but opens nothing more");
}

#[test]
fn an_allocation_ends_when_its_time_is_over_or_its_client_says_so() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.allocate(&mut world);
    world.pass(Duration::from_secs(599));
    assert_eq!(anne.refresh(&mut world, 1_000_000), 0);
    world.pass(Duration::from_secs(3_599));
    assert_eq!(world.relays.len(), 1, "an hour at most is granted");
    world.pass(Duration::from_secs(2));
    assert_eq!((world.relays.len(), anne.refresh(&mut world, 600)), (0, 438));
    assert_eq!(anne.refresh(&mut world, 600), 437, "gone");
    anne.allocate(&mut world);
    assert_eq!((anne.refresh(&mut world, 0), world.relays.len()), (0, 0));
}

#[test]
fn permissions_and_channels_expire() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    let relayed = anne.allocate(&mut world);
    anne.bind(&mut world, 0x4001, MEDIA);
    world.pass(Duration::from_secs(301));
    anne.channel_data(&mut world, 0x4001, b"x");
    world.peer_sent(relayed, "10.0.0.5:20000", b"x");
    assert_eq!((world.take_to_peers().len(), world.take_to_clients().len()), (0, 0));
    assert_eq!(anne.permit(&mut world, MEDIA), 0);
    anne.channel_data(&mut world, 0x4001, b"x");
    assert_eq!(world.take_to_peers().len(), 1, "the channel was still there");
}

#[test]
fn two_clients_of_this_server_reach_each_other_without_a_socket() {
    let mut world = World::default();
    let (mut anne, mut bob) = (Client::new(at(ANNE), "anne", "hers"), Client::new(at(BOB), "bob", "his"));
    let (to_anne, to_bob) = (anne.allocate(&mut world).to_string(), bob.allocate(&mut world).to_string());
    anne.permit(&mut world, &to_bob);
    anne.send(&mut world, &to_bob, b"hello");
    assert!(world.take_to_clients().is_empty(), "bob has not permitted her");
    bob.permit(&mut world, &to_anne);
    anne.send(&mut world, &to_bob, b"hello");
    assert_eq!(bob.indications(&mut world), [(at(&to_anne), b"hello".to_vec())]);
    anne.send(&mut world, "198.51.100.7:53", b"dns?");
    assert!(world.take_to_peers().is_empty(), "nothing else at this address");
}

#[test]
fn a_repeated_request_gets_the_same_allocation_and_a_second_one_is_refused() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.allocate(&mut world);
    anne.keep_id = true;
    assert_eq!(anne.try_allocate(&mut world), 0, "the answer was lost, perhaps");
    anne.keep_id = false;
    assert_eq!(anne.try_allocate(&mut world), 437);
    assert_eq!(world.server.counters().allocated, 1);
}

#[test]
fn a_closed_stream_ends_its_allocation() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.flow.kind = FlowKind::Tls;
    let relayed = anne.allocate(&mut world);
    anne.bind(&mut world, 0x4000, MEDIA);
    world.peer_sent(relayed, "10.0.0.5:20000", b"12345");
    assert_eq!(world.take_to_clients()[0].1.len(), 12, "padded on a stream");
    world.close(anne.flow);
    assert!(world.relays.is_empty());
}

#[test]
fn what_is_asked_wrongly_is_named() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    let transport = |protocol| (attribute::REQUESTED_TRANSPORT, vec![protocol, 0, 0, 0]);
    let family = |family| (attribute::REQUESTED_ADDRESS_FAMILY, vec![family, 0, 0, 0]);
    anne.request(&mut world, Method::Allocate, &[]);
    for (attributes, code) in [
        (vec![], 400),
        (vec![transport(6)], 442),
        (vec![transport(17), family(3)], 440),
        (vec![transport(17), family(2)], 440),
        (vec![transport(17), (0x0018, vec![0; 4])], 420),
    ] {
        assert_eq!(anne.request(&mut world, Method::Allocate, &attributes), code, "{attributes:?}");
    }
    assert_eq!(anne.refresh(&mut world, 600), 437);
    anne.allocate(&mut world);
    assert_eq!(anne.request(&mut world, Method::Refresh, &[family(2)]), 443);
    assert_eq!(anne.request(&mut world, Method::CreatePermission, &[]), 400);
    assert_eq!(anne.permit(&mut world, "[2001:db8::1]:1"), 443);
    assert_eq!(anne.bind(&mut world, 0x5000, MEDIA), 400);
    assert_eq!(anne.bind(&mut world, 0x4000, MEDIA), 0);
    assert_eq!(anne.bind(&mut world, 0x4001, MEDIA), 400, "the peer has a channel");
    assert_eq!(anne.bind(&mut world, 0x4000, "10.0.0.5:20000"), 400, "the channel has a peer");
}
