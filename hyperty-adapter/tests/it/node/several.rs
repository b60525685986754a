//! Several nodes of one domain, in virtual time, over a way that loses what it is told to.

use crate::node::world::{World, message, subscribe};
use bytes::Bytes;
use colloquy_hyperty_adapter::node::{ALIVE_EVERY, ComponentId, ConnectionId, Dialect, GONE_AFTER, Loss, NodeId, To};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

struct Several {
    worlds: Vec<World>,
    ids: Vec<NodeId>,
    /// From which node to which nothing gets.
    cut: Vec<(usize, usize)>,
    /// Of frames, so many are lost: every n-th.
    lose_every: usize,
    frames: usize,
}

impl Several {
    fn new(count: usize) -> Self {
        let mut several = Self { worlds: Vec::new(), ids: Vec::new(), cut: Vec::new(), lose_every: 0, frames: 0 };
        for _ in 0..count {
            several.start();
        }
        several.pass(ALIVE_EVERY);
        several
    }

    fn start(&mut self) -> usize {
        let number = self.worlds.len();
        let mut world = World::new();
        // All have one clock.
        if let Some(first) = self.worlds.first() {
            world.now = first.now;
        }
        let id = NodeId(100 + number as u64);
        world.node.join(world.now, id);
        world.drain();
        self.worlds.push(world);
        self.ids.push(id);
        self.settle();
        number
    }

    /// Carries what is said, until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..200 {
            let mut said: Vec<(usize, To, Bytes)> = Vec::new();
            for (number, world) in self.worlds.iter_mut().enumerate() {
                said.extend(world.told.drain(..).map(|(to, frame)| (number, to, frame)));
            }
            if said.is_empty() {
                return;
            }
            for (from, to, frame) in said {
                for number in 0..self.worlds.len() {
                    let is_for = number != from && (to == To::All || to == To::One(self.ids[number]));
                    if !is_for || self.cut.contains(&(from, number)) {
                        continue;
                    }
                    self.frames += 1;
                    if self.lose_every > 0 && self.frames.is_multiple_of(self.lose_every) {
                        continue;
                    }
                    let world = &mut self.worlds[number];
                    world.node.frame(world.now, &frame);
                    world.drain();
                }
            }
        }
        panic!("they never stop talking");
    }

    fn pass(&mut self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(ALIVE_EVERY);
            left -= step;
            self.worlds.iter_mut().for_each(|world| world.pass(step));
            self.settle();
        }
    }

    fn open(&mut self, node: usize, name: &str) -> ConnectionId {
        let connection = self.worlds[node].open(name);
        self.settle();
        connection
    }

    fn send(&mut self, node: usize, from: ConnectionId, message: &Value) -> Vec<Value> {
        self.worlds[node].send(from, message);
        self.settle();
        self.worlds[node].got(from)
    }

    fn code(&mut self, node: usize, from: ConnectionId, message: &Value) -> Option<u64> {
        self.send(node, from, message).first().and_then(|answer| answer["body"]["code"].as_u64())
    }
}

#[test]
fn a_message_gets_to_the_node_that_has_its_receiver() {
    let mut nodes = Several::new(3);
    let (alice, bob) = (nodes.open(0, "a"), nodes.open(2, "b"));
    assert_eq!(nodes.code(2, bob, &subscribe("b", &["hyperty://d/bob"])), Some(200));
    let question = message("create", "hyperty://d/alice", "hyperty://d/bob");
    assert!(nodes.send(0, alice, &question).is_empty());
    assert_eq!(nodes.worlds[2].got(bob), [question], "as it came");
    let answer = message("response", "hyperty://d/bob", "hyperty://d/alice");
    assert!(nodes.send(2, bob, &answer).is_empty());
    assert_eq!(nodes.worlds[0].got(alice), [answer]);
    // Below a runtime, and one of several.
    let mut many = message("create", "runtime://d/a/x", "");
    many["to"] = json!(["runtime://d/b/storage", "hyperty://d/bob"]);
    nodes.send(0, alice, &many);
    let got = nodes.worlds[2].got(bob);
    assert_eq!(
        (got[0]["to"].as_str(), got[1]["to"].as_str(), got.len()),
        (Some("runtime://d/b/storage"), Some("hyperty://d/bob"), 2)
    );
    assert_eq!(nodes.code(0, alice, &message("create", "hyperty://d/alice", "hyperty://d/nobody")), Some(404));
    assert_eq!(nodes.worlds[1].node.counters().brought, 0, "the third node has nothing to do with it");
}

#[test]
fn what_is_published_gets_to_subscribers_everywhere_once() {
    let mut nodes = Several::new(3);
    let reporter = nodes.open(0, "r");
    let observers: Vec<_> = (0..3).flat_map(|node| [(node, format!("o{node}")), (node, format!("p{node}"))]).collect();
    let observers: Vec<_> =
        observers.iter().map(|(node, name)| (*node, nodes.open(*node, name), name.clone())).collect();
    for (node, observer, name) in &observers {
        assert_eq!(nodes.code(*node, *observer, &subscribe(name, &["comm://d/o/changes"])), Some(200));
    }
    for _ in 0..3 {
        nodes.send(0, reporter, &message("update", "comm://d/o", "comm://d/o/changes"));
    }
    for (node, observer, name) in &observers {
        assert_eq!(nodes.worlds[*node].got(*observer).len(), 3, "{name}");
    }
    assert_eq!(nodes.worlds[0].node.counters().forwarded, 6, "one for each node and message");
    // Who left hears nothing more, and costs nothing.
    for (node, observer, name) in observers.iter().filter(|(node, ..)| *node == 1) {
        let mut leave = subscribe(name, &["comm://d/o/changes"]);
        leave["type"] = json!("unsubscribe");
        assert_eq!(nodes.code(*node, *observer, &leave), Some(200));
    }
    nodes.send(0, reporter, &message("update", "comm://d/o", "comm://d/o/changes"));
    assert_eq!(nodes.worlds[0].node.counters().forwarded, 7);
}

#[test]
fn an_address_is_one_sessions_alone_whichever_node_it_is_at() {
    let mut nodes = Several::new(2);
    let (alice, mallory) = (nodes.open(0, "a"), nodes.open(1, "m"));
    nodes.send(0, alice, &subscribe("a", &["comm://d/o", "comm://d/o/subscription"]));
    for forged in ["comm://d/o", "comm://d/o/changes", "runtime://d/a", "runtime://d/a/sm"] {
        assert_eq!(nodes.code(1, mallory, &message("create", forged, "hyperty://d/x")), Some(403), "{forged}");
    }
    for private in ["comm://d/o", "comm://d/o/subscription", "runtime://d/a/sm"] {
        assert_eq!(nodes.code(1, mallory, &subscribe("m", &[private])), Some(403), "{private}");
    }
    assert_eq!(nodes.code(1, mallory, &subscribe("m", &["comm://d/o/changes", "comm://d/o/children/"])), Some(200));
    // An observer answers from where it heard, and asks nothing from there.
    assert_eq!(nodes.code(1, mallory, &message("create", "comm://d/o/children/", "hyperty://d/x")), Some(403));
    // Nor is the runtime opened a second time.
    let second = nodes.worlds[1].connect(Dialect::Vertx);
    let open = json!({"id": 1, "type": "open", "from": "runtime://d/a", "to": "mn:/session"});
    assert_eq!(nodes.code(1, second, &open), Some(403));
    // Its client is lost, and comes back to the other node.
    nodes.worlds[0].disconnect(alice);
    nodes.settle();
    assert_eq!(nodes.code(1, second, &open), Some(200));
    assert_eq!((nodes.worlds[0].node.size().sessions, nodes.worlds[0].node.counters().conflicts), (0, 1));
    assert_eq!(nodes.code(1, second, &subscribe("a", &["comm://d/o"])), Some(200), "its addresses are free again");
}

#[test]
fn of_two_claims_at_one_moment_one_stands() {
    let mut nodes = Several::new(2);
    let (alice, bob) = (nodes.open(0, "a"), nodes.open(1, "b"));
    // Neither has heard of the other.
    nodes.worlds[0].send(alice, &message("update", "hyperty://d/h", "hyperty://d/x"));
    nodes.worlds[1].send(bob, &message("update", "hyperty://d/h", "hyperty://d/x"));
    nodes.settle();
    let conflicts: u64 = nodes.worlds.iter().map(|world| world.node.counters().conflicts).sum();
    assert_eq!(conflicts, 1);
    let codes = [
        nodes.code(0, alice, &message("create", "hyperty://d/h", "hyperty://d/x")),
        nodes.code(1, bob, &message("create", "hyperty://d/h", "hyperty://d/x")),
    ];
    assert!(codes.contains(&Some(403)) && codes.contains(&Some(404)), "{codes:?}");
}

#[test]
fn a_node_comes_and_goes() {
    let mut nodes = Several::new(2);
    let (alice, bob) = (nodes.open(0, "a"), nodes.open(1, "b"));
    let to_bob = message("create", "hyperty://d/alice", "runtime://d/b/x");
    // One that comes later knows what was before.
    let late = nodes.start();
    let carol = nodes.open(late, "c");
    nodes.send(late, carol, &message("create", "hyperty://d/carol", "runtime://d/b/x"));
    assert_eq!(nodes.worlds[1].got(bob).len(), 1);
    // One that is not heard of any more.
    nodes.cut = vec![(1, 0), (0, 1), (1, 2), (2, 1)];
    nodes.pass(GONE_AFTER + ALIVE_EVERY);
    assert_eq!(nodes.code(0, alice, &to_bob), Some(404));
    assert_eq!(nodes.worlds[0].node.size().nodes, 1);
    // Meanwhile its own clients go on, and each side gives addresses away.
    let dora = nodes.open(1, "dora");
    nodes.send(1, dora, &message("create", "hyperty://d/dora", "runtime://d/b/x"));
    assert_eq!(nodes.worlds[1].got(bob).len(), 1);
    nodes.send(1, dora, &subscribe("dora", &["comm://d/both"]));
    nodes.send(0, alice, &subscribe("a", &["comm://d/both"]));
    // And is back.
    nodes.cut.clear();
    nodes.pass(ALIVE_EVERY * 2);
    assert!(nodes.send(0, alice, &to_bob).is_empty());
    assert_eq!(nodes.worlds[1].got(bob), std::slice::from_ref(&to_bob));
    let conflicts: u64 = nodes.worlds.iter().map(|world| world.node.counters().conflicts).sum();
    assert_eq!(conflicts, 1, "of what both sides had given away one stands");
    // One that says goodbye is gone at once.
    nodes.worlds[1].node.leave();
    nodes.worlds[1].drain();
    nodes.settle();
    assert_eq!(nodes.code(0, alice, &to_bob), Some(404));
    assert_eq!(nodes.worlds[0].node.counters().nodes_lost, 1, "not counted as lost");
}

/// What a client brings from one node to another and back does not go around, nor does anything that nodes send.
#[test]
fn nothing_goes_around() {
    let mut nodes = Several::new(3);
    let alice = nodes.open(0, "a");
    let bridges: Vec<_> = (0..3).map(|node| nodes.open(node, &format!("bridge{node}"))).collect();
    for (node, bridge) in bridges.iter().enumerate() {
        nodes.send(node, *bridge, &subscribe(&format!("bridge{node}"), &["comm://d/o/changes"]));
    }
    nodes.send(0, alice, &message("update", "comm://d/o", "comm://d/o/changes"));
    for _ in 0..20 {
        for (node, bridge) in bridges.iter().enumerate() {
            for text in nodes.worlds[node].texts(*bridge) {
                let next = (node + 1) % 3;
                nodes.worlds[next].send_text(bridges[next], std::str::from_utf8(&text).unwrap());
            }
        }
        nodes.settle();
    }
    let (mut forwarded, mut spoofed) = (0, 0);
    for world in &nodes.worlds {
        forwarded += world.node.counters().forwarded;
        spoofed += world.lost(Loss::Spoofed);
    }
    assert_eq!((forwarded, spoofed), (2, 3));
}

#[test]
fn a_part_of_the_server_may_be_at_one_node_for_all() {
    let mut nodes = Several::new(2);
    let alice = nodes.open(0, "a");
    let read = |to: &str| json!({"id": 5, "type": "read", "from": "runtime://d/a/registry/", "to": to, "body": {"resource": "user://x/y"}});
    assert_eq!(nodes.code(0, alice, &read("domain://registry.d")), Some(504));
    nodes.worlds[1].node.mount("domain://registry.d/", ComponentId(3));
    nodes.worlds[1].drain();
    nodes.settle();
    for address in ["domain://registry.d", "domain://registry.d/"] {
        assert!(nodes.send(0, alice, &read(address)).is_empty(), "the registry answers");
        let (component, asker, question) = nodes.worlds[1].handed.remove(0);
        assert_eq!((component, &question), (ComponentId(3), &read(address)));
        let answer =
            json!({"id": 5, "type": "response", "from": address, "to": question["from"], "body": {"code": 200}});
        nodes.worlds[1].node.answer(asker, answer.to_string().into());
        nodes.worlds[1].drain();
        nodes.settle();
        assert_eq!(nodes.worlds[0].got(alice), [answer]);
    }
    // Nobody speaks for it.
    assert_eq!(nodes.code(0, alice, &message("create", "domain://registry.d", "hyperty://d/x")), Some(403));
    // One that is new hears of it too.
    let late = nodes.start();
    let carol = nodes.open(late, "c");
    let mut question = read("domain://registry.d");
    question["from"] = json!("runtime://d/c/registry/");
    assert!(nodes.send(late, carol, &question).is_empty());
    assert_eq!(nodes.worlds[1].handed.len(), 1);
    // A node may have its own.
    nodes.worlds[0].node.mount("domain://registry.d", ComponentId(4));
    nodes.send(0, alice, &read("domain://registry.d"));
    assert_eq!(nodes.worlds[0].handed.len(), 1);
}

#[test]
fn what_makes_no_sense_is_counted() {
    let mut nodes = Several::new(2);
    let world = &mut nodes.worlds[0];
    for bad in [&b""[..], b"x", b"c1234567", b"c12345678", b"c12345678{}", b"m12345678nonsense", b"z12345678{}"] {
        world.node.frame(world.now, &Bytes::copy_from_slice(bad));
    }
    assert_eq!(world.node.counters().bad_frames, 7);
    assert!(world.node.is_drained());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is lost on the way, when all can hear each other again they know the same.
    #[test]
    fn nodes_find_out_what_they_missed(
        lose_every in 2_usize..9,
        steps in proptest::collection::vec((0_usize..3, 0_usize..3, 0_usize..6), 1..40),
    ) {
        let mut nodes = Several::new(3);
        let clients: Vec<_> = (0..3).map(|node| nodes.open(node, &format!("c{node}"))).collect();
        nodes.lose_every = lose_every;
        for (node, what, address) in steps {
            let address = format!("comm://d/{address}/changes");
            let mut change = subscribe(&format!("c{node}"), &[&address]);
            match what {
                0 => {}
                1 => change["type"] = json!("unsubscribe"),
                _ => change = message("update", &format!("hyperty://d/{address}"), &address),
            }
            nodes.send(node, clients[node], &change);
            nodes.pass(Duration::from_millis(300));
        }
        nodes.lose_every = 0;
        nodes.pass(GONE_AFTER + ALIVE_EVERY * 2);
        clients.iter().enumerate().for_each(|(node, client)| drop(nodes.worlds[node].got(*client)));
        // One that is new hears everything, and so knows the truth.
        let fresh = nodes.start();
        nodes.pass(ALIVE_EVERY);
        let teller = nodes.open(fresh, "teller");
        for address in 0..6 {
            let news = message("update", &format!("hyperty://d/teller{address}"), &format!("comm://d/{address}/changes"));
            nodes.send(fresh, teller, &news);
        }
        let told: Vec<usize> = (0..3).map(|node| nodes.worlds[node].got(clients[node]).len()).collect();
        for from in 0..3 {
            for address in 0..6 {
                let news = message("update", &format!("hyperty://d/again{from}-{address}"), &format!("comm://d/{address}/changes"));
                nodes.send(from, clients[from], &news);
            }
            let again: Vec<usize> = (0..3).map(|node| nodes.worlds[node].got(clients[node]).len()).collect();
            // What its own session hears is given back by the helper that sent it.
            for node in (0..3).filter(|node| *node != from) {
                prop_assert_eq!(again[node], told[node], "from {} to {}", from, node);
            }
        }
        for world in &nodes.worlds {
            prop_assert_eq!(world.node.counters().bad_frames, 0);
        }
    }
}
