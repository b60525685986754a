//! What peers cannot grow.

use crate::node::world::{World, message, subscribe};
use bytes::Bytes;
use colloquy_hyperty_adapter::node::{Dialect, Effect, Flow, Loss, Node, Open, Settings};
use proptest::prelude::*;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_flood_is_read_later_and_nothing_of_it_is_lost() {
    let mut world = World::with(|settings| (settings.limits.messages_per_s, settings.limits.burst_s) = (100, 1));
    let (alice, bob) = (world.open("a"), world.open("b"));
    let mut waited = Duration::ZERO;
    for _ in 0..300 {
        if let Flow::Pause(wait) = world.send(alice, &message("ping", "hyperty://d/a", "runtime://d/b/x")) {
            world.now += wait;
            waited += wait;
        }
    }
    assert_eq!(world.got(bob).len(), 300);
    assert!((1_900..2_100).contains(&waited.as_millis()), "{waited:?}");
    assert!(world.node.counters().paced > 0);
}

#[test]
fn only_so_much_waits_for_who_is_away() {
    let mut world = World::with(|settings| {
        settings.limits.waiting_messages = 3;
        settings.limits.waiting_bytes = 1_000;
        settings.limits.waiting_bytes_total = 1_400;
    });
    let (alice, carol, bob) = (world.open("a"), world.open("c"), world.open("b"));
    world.disconnect(alice);
    world.disconnect(carol);
    let mut big = message("ping", "hyperty://d/b", "runtime://d/a/x");
    big["body"] = json!("x".repeat(700));
    world.send(bob, &big);
    world.send(bob, &big);
    assert_eq!(world.lost(Loss::QueueFull), 1, "too many bytes");
    big["to"] = json!("runtime://d/c/x");
    world.send(bob, &big);
    assert_eq!(world.lost(Loss::QueueFull), 2, "too many bytes of all");
    for _ in 0..4 {
        world.send(bob, &json!({"id": 1, "type": "ping", "from": "hyperty://d/b", "to": "runtime://d/c/x"}));
    }
    assert_eq!(world.lost(Loss::QueueFull), 3, "too many messages");
}

#[test]
fn addresses_and_subscriptions_are_limited() {
    let mut world = World::with(|settings| {
        settings.limits.addresses_per_session = 3;
        settings.limits.subscriptions_per_session = 3;
        settings.limits.subscribers_per_address = 2;
        settings.limits.addresses = 8;
    });
    let (alice, bob, carol) = (world.open("a"), world.open("b"), world.open("c"));
    let allocate = |number: usize| json!({"id": 1, "type": "create", "from": "runtime://d/a/x", "to": "domain://msg-node.d/address-allocation", "body": {"value": {"number": number}}});
    assert_eq!(world.code(alice, &allocate(4)), 403);
    assert_eq!(world.node.size().addresses, 0, "all or nothing");
    assert_eq!(world.code(alice, &allocate(3)), 200);
    let answer = world.ask(alice, &message("create", "hyperty://d/new", "runtime://d/b/x"));
    assert_eq!((answer["body"]["code"].as_u64(), &answer["from"]), (Some(403), &json!("mn:/policies")));
    assert_eq!(
        world.code(
            alice,
            &subscribe("a", &["comm://d/1/changes", "comm://d/2/changes", "comm://d/3/changes", "comm://d/4/changes"])
        ),
        403
    );
    assert_eq!(world.node.size().addresses, 3);
    assert_eq!(world.code(alice, &subscribe("a", &["comm://d/1/changes"])), 200);
    assert_eq!(world.code(bob, &subscribe("b", &["comm://d/1/changes"])), 200);
    assert_eq!(world.code(carol, &subscribe("c", &["comm://d/1/changes"])), 403);
    assert_eq!(world.code(bob, &subscribe("b", &["comm://d/5/changes", "comm://d/6/changes"])), 200);
    assert_eq!(
        world.code(carol, &subscribe("c", &["comm://d/7/changes", "comm://d/8/changes", "comm://d/9/changes"])),
        503
    );
    assert!(world.lost(Loss::Limit) >= 5);
}

#[test]
fn keys_of_allocation_are_limited() {
    let mut world = World::with(|settings| settings.limits.allocation_keys_per_session = 1);
    let alice = world.open("a");
    let mut allocate = |key: &str| {
        let body = json!({"value": {"number": 1, "allocationKey": key}});
        let message = json!({"id": 1, "type": "create", "from": "runtime://d/a/x", "to": "domain://msg-node.d/address-allocation", "body": body});
        world.ask(alice, &message)["body"]["value"]["allocated"].clone()
    };
    assert_eq!(allocate("1"), allocate("1"));
    assert_ne!(allocate("2"), allocate("2"), "allocated, and not remembered");
}

/// A client of two nodes that sends on at each what it gets at the other.
#[test]
fn a_loop_between_two_nodes_ends_at_its_first_turn() {
    let (mut here, mut there) = (World::new(), World::new());
    let alice = here.open("a");
    let bridges = [here.open("bridge"), there.open("bridge")];
    for (world, bridge) in [(&mut here, bridges[0]), (&mut there, bridges[1])] {
        world.send(bridge, &subscribe("bridge", &["comm://d/o/changes"]));
        world.got(bridge);
    }
    here.send(alice, &message("update", "comm://d/o", "comm://d/o/changes"));
    for _ in 0..20 {
        for text in here.texts(bridges[0]) {
            there.send_text(bridges[1], std::str::from_utf8(&text).unwrap());
        }
        for text in there.texts(bridges[1]) {
            here.send_text(bridges[0], std::str::from_utf8(&text).unwrap());
        }
    }
    let total = here.node.counters().received + there.node.counters().received;
    assert!(total < 10, "{total}");
    assert_eq!(here.lost(Loss::Spoofed), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever clients do, the node's books are right, and nothing is left when all are gone.
    #[test]
    fn anything_at_all_is_survived(steps in proptest::collection::vec((0_usize..10, 0_usize..4, 0_usize..6), 0..150)) {
        let mut settings = Settings::new("d");
        settings.limits.waiting_messages = 3;
        settings.limits.connections_per_session = 2;
        settings.limits.sessions = 3;
        let mut node = Node::new(settings, Box::new(Open), [3; 32]);
        let mut now = Instant::now();
        let mut connections = Vec::new();
        let names = ["hyperty://d/1", "comm://d/2", "comm://d/2/changes", "comm://d/2/subscription", "runtime://d/1/sm", "domain://registry.d"];
        for (what, who, address) in steps {
            let connection = connections.get(who % connections.len().max(1)).copied();
            let text = match what {
                0 => { connections.extend(node.connect(now, Dialect::Vertx, None)); None }
                1 => { connections.extend(node.connect_as(now, Dialect::NoMatrix, None, &format!("runtime://d/{who}"))); None }
                2 => { if let Some(one) = connection { node.disconnected(now, one, [Bytes::from_static(b"x")]); connections.retain(|other| *other != one); } None }
                3 => { now += Duration::from_secs(30); node.handle_timeout(now); None }
                4 => Some(json!({"id": 1, "type": "open", "from": format!("runtime://d/{who}"), "to": "mn:/session"})),
                5 => Some(json!({"id": 1, "type": "close", "from": format!("runtime://d/{who}"), "to": "mn:/session"})),
                6 => Some(json!({"id": 1, "type": "subscribe", "from": format!("runtime://d/{who}/x"), "to": "domain://msg-node.d/sm", "body": {"resources": [names[address]]}})),
                7 => Some(json!({"id": 1, "type": "unsubscribe", "from": format!("runtime://d/{who}/x"), "to": "domain://msg-node.d/sm", "body": {"resources": [names[address]]}})),
                8 => Some(json!({"id": 1, "type": "create", "from": format!("runtime://d/{who}/x"), "to": "domain://msg-node.d/address-allocation", "body": {"allocationKey": "k"}})),
                _ => Some(json!({"id": 1, "type": "create", "from": names[who], "to": [names[address], "runtime://d/2/x"]})),
            };
            if let (Some(text), Some(one)) = (text, connection) {
                node.receive(now, one, &text.to_string().into());
            }
            let effects: Vec<_> = node.drain().collect();
            for effect in effects {
                if let Effect::Close { connection, .. } = effect {
                    connections.retain(|other| *other != connection);
                    node.disconnected(now, connection, []);
                }
            }
        }
        for one in connections {
            node.disconnected(now, one, []);
        }
        node.handle_timeout(now + Duration::from_secs(3_600));
        let size = node.size();
        prop_assert_eq!((size.sessions, size.connections, size.addresses, size.waiting_bytes), (0, 0, 0, 0));
        prop_assert!(node.next_deadline().is_none());
    }
}
