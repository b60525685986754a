//! What hostile clients try.

use super::*;

#[test]
fn a_stranger_gets_short_answers_and_few() {
    let mut world = World::with(|policy| policy.limits.refusals_per_s = 5);
    let anne = Client::new(at(ANNE), "anne", "hers");
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, Method::Allocate, Class::Request, [1; 12]).finish(None);
    for _ in 0..1_000 {
        world.client_sent(anne.flow, &bytes);
    }
    let answers = world.take_to_clients();
    assert_eq!(answers.len(), 5);
    assert!(answers[0].1.len() <= 64, "{} bytes for {}", answers[0].1.len(), bytes.len());
    let counters = world.server.counters();
    assert_eq!((counters.refusals(Refused::Rationed), counters.refusals(Refused::Unauthenticated)), (995, 5));
    let bob = Client::new(at(BOB), "bob", "his");
    world.client_sent(bob.flow, &bytes);
    assert_eq!(world.take_to_clients().len(), 1, "others are answered");
}

#[test]
fn passwords_are_not_guessed_at_leisure() {
    let mut world = World::with(|policy| policy.limits.refusals_per_s = 5);
    let mut unknown = Client::new(at(ANNE), "nobody", "x");
    assert_eq!(unknown.try_allocate(&mut world), 401);
    let mut guess = Client::new(at(ANNE), "anne", "a guess");
    assert_eq!(guess.try_allocate(&mut world), 401);
    assert_eq!(world.server.counters().refusals(Refused::Credentials), 2);
    // The fifth answer is the nonce. Now even the right password is not looked at.
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    assert_eq!(anne.refresh(&mut world, 600), 401);
    let request = anne.signed(Method::Allocate, &[(attribute::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])]);
    world.client_sent(anne.flow, &request);
    assert!(world.take_to_clients().is_empty() && world.relays.is_empty());
    world.pass(Duration::from_secs(1));
    world.client_sent(anne.flow, &request);
    assert_eq!(world.relays.len(), 1, "a second later it is");
}

#[test]
fn a_nonce_expires_and_is_replaced() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.allocate(&mut world);
    anne.refresh(&mut world, 3_600);
    for _ in 0..3 {
        world.pass(Duration::from_secs(1_500));
        let first = anne.refresh(&mut world, 3_600);
        if first != 0 {
            assert_eq!(first, 438);
            assert_eq!(anne.refresh(&mut world, 3_600), 0);
        }
    }
    assert_eq!(world.server.counters().refusals(Refused::StaleNonce), 1);
}

#[test]
fn nobody_uses_the_allocation_of_another_user() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.allocate(&mut world);
    let mut bob = Client::new(at(ANNE), "bob", "his");
    bob.request(&mut world, Method::Refresh, &[]);
    assert_eq!(bob.refresh(&mut world, 0), 441);
    assert_eq!(world.relays.len(), 1);
}

/// CVE-2020-26262 and its successors: peers that are inside.
#[test]
fn no_inner_address_is_relayed_to() {
    let mut world = World::with(|policy| policy.peers.public_peers = true);
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.allocate(&mut world);
    for inner in ["127.0.0.1:80", "0.0.0.0:80", "169.254.169.254:80", "192.168.0.1:80", "100.64.0.1:1", "10.0.0.6:1"] {
        assert_eq!(anne.permit(&mut world, inner), 403, "{inner}");
        assert_eq!(anne.bind(&mut world, 0x4000, inner), 403, "{inner}");
        anne.send(&mut world, inner, b"x");
    }
    // The permission is for an address; the port is ours to say.
    assert_eq!(anne.permit(&mut world, "10.0.0.5:22"), 0);
    anne.send(&mut world, "10.0.0.5:22", b"x");
    assert_eq!(anne.bind(&mut world, 0x4000, "10.0.0.5:22"), 403);
    assert!(world.take_to_peers().is_empty());
    assert!(world.server.counters().refusals(Refused::Peer) >= 14);
}

#[test]
fn one_bad_peer_among_good_ones_spoils_the_request() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.allocate(&mut world);
    let masked = |a: u8, b: u8, c: u8, d: u8| vec![0, 1, 0, 0, a ^ 0x21, b ^ 0x12, c ^ 0xA4, d ^ 0x42];
    let peers =
        [(attribute::XOR_PEER_ADDRESS, masked(10, 0, 0, 5)), (attribute::XOR_PEER_ADDRESS, masked(127, 0, 0, 1))];
    assert_eq!(anne.request(&mut world, Method::CreatePermission, &peers), 403);
    anne.send(&mut world, MEDIA, b"x");
    anne.send(&mut world, "10.0.0.5:20000", b"x");
    assert!(world.take_to_peers().is_empty());
}

#[test]
fn one_user_has_so_many_allocations_and_all_together_too() {
    let mut world = World::with(|policy| {
        policy.limits.allocations_per_user = 3;
        policy.limits.allocations = 4;
    });
    let at_port = |port: u16| SocketAddr::new(at(ANNE).ip(), port);
    for port in 1..=3 {
        // The same person with a credential of another moment.
        let issued = world.credentials.issue(world.now.unix_s, "p1", 60 + u64::from(port));
        Client::new(at_port(port), &issued.username, &issued.password).allocate(&mut world);
    }
    let issued = world.credentials.issue(world.now.unix_s, "p1", 60);
    assert_eq!(Client::new(at_port(4), &issued.username, &issued.password).try_allocate(&mut world), 486);
    Client::new(at_port(5), "anne", "hers").allocate(&mut world);
    assert_eq!(Client::new(at_port(6), "bob", "his").try_allocate(&mut world), 508);
    world.pass(Duration::from_secs(601));
    assert!(world.relays.is_empty());
    Client::new(at_port(7), "bob", "his").allocate(&mut world);
}

#[test]
fn one_visitor_under_many_names_leaves_something_for_others() {
    let mut world = World::with(|policy| policy.limits.allocations_per_address = 3);
    let allocate = |world: &mut World, port: u16, at_host: &str| {
        let issued = world.credentials.issue(world.now.unix_s, &format!("p{port}"), 3_600);
        Client::new(SocketAddr::new(at(at_host).ip(), port), &issued.username, &issued.password).try_allocate(world)
    };
    assert_eq!([1, 2, 3, 4].map(|port| allocate(&mut world, port, ANNE)), [0, 0, 0, 486]);
    assert_eq!(allocate(&mut world, 5, BOB), 0);
    assert_eq!(
        ["[2001:db8::1]:1", "[2001:db8::2:1]:1", "[2001:db8::3]:1", "[2001:db8::4]:1", "[2001:db8:0:1::1]:1"]
            .map(|host| allocate(&mut world, 6, host)),
        [0, 0, 0, 486, 0],
        "a /64 is one host"
    );
    assert_eq!(world.server.counters().refusals(Refused::UserQuota), 2);
    world.pass(Duration::from_secs(601));
    assert_eq!(allocate(&mut world, 4, ANNE), 0, "when they are gone there is room");
}

#[test]
fn permissions_and_channels_are_bounded() {
    let mut world = World::with(|policy| {
        policy.peers.public_peers = true;
        policy.limits.permissions = 4;
        policy.limits.channels = 4;
    });
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    anne.allocate(&mut world);
    let codes: Vec<u16> = (1..=8).map(|i| anne.bind(&mut world, 0x4000 + i, &format!("8.8.8.8:{i}"))).collect();
    assert_eq!(codes, [0, 0, 0, 0, 508, 508, 508, 508]);
    let codes: Vec<u16> = (1..=5).map(|i| anne.permit(&mut world, &format!("9.9.9.{i}:1"))).collect();
    assert_eq!(codes, [0, 0, 0, 508, 508]);
    world.pass(Duration::from_secs(301));
    assert_eq!(anne.permit(&mut world, "9.9.9.5:1"), 0, "the old ones made room");
}

#[test]
fn an_allocation_has_a_bandwidth() {
    let mut world = World::with(|policy| policy.limits.bytes_per_s = 10_000);
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    let relayed = anne.allocate(&mut world);
    anne.permit(&mut world, MEDIA);
    for _ in 0..100 {
        anne.send(&mut world, MEDIA, &[0; 1_000]);
        world.peer_sent(relayed, "10.0.0.5:20000", &[0; 1_000]);
    }
    assert_eq!((world.take_to_peers().len(), world.take_to_clients().len()), (10, 10));
    assert_eq!(world.server.counters().refusals(Refused::Bandwidth), 180);
}

#[test]
fn rubbish_is_counted_and_not_answered() {
    let mut world = World::default();
    let mut anne = Client::new(at(ANNE), "anne", "hers");
    let relayed = anne.allocate(&mut world);
    let rubbish: [&[u8]; 7] = [
        b"",
        b"\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 5_000],
        b"\x40\x00\xff\xff",
        b"\x40",
        b"\x01\x01\x00\x00\x21\x12\xa4\x42............",
    ];
    for bytes in rubbish {
        world.client_sent(anne.flow, bytes);
    }
    world.peer_sent(relayed, "8.8.8.8:53", b"unasked");
    world.peer_sent(relayed, "10.0.0.5:20000", &[0; 5_000]);
    assert!(world.take_to_clients().is_empty());
    assert_eq!(world.server.counters().refusals(Refused::Malformed), 8);
}
