//! Whose an address is: allocated, claimed by subscribing, or sent from.

use crate::node::world::{World, message, subscribe};
use colloquy_hyperty_adapter::node::{ComponentId, Dialect, Loss};
use serde_json::{Value, json};

fn allocator(name: &str, verb: &str, body: &Value) -> Value {
    json!({"id": 2, "type": verb, "from": "runtime://d/a/registry/allocation", "to": format!("domain://msg-node.d/{name}"), "body": body})
}

fn allocated(answer: &Value) -> Vec<String> {
    assert_eq!(answer["body"]["code"], 200, "{answer}");
    answer["body"]["value"]["allocated"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn addresses_are_allocated_in_the_new_and_the_old_style() {
    let mut world = World::new();
    let alice = world.open("a");
    for (name, body, scheme, number) in [
        ("address-allocation", json!({"scheme": "hyperty", "value": {"number": 3}}), "hyperty", 3),
        ("address-allocation", json!({"value": {"number": 1}}), "hyperty", 1),
        ("address-allocation", json!({"scheme": "comm", "value": {"number": 2}}), "comm", 2),
        ("address-allocation", json!({"scheme": "connection"}), "connection", 1),
        ("hyperty-address-allocation", json!({"value": {"number": 5}}), "hyperty", 5),
        ("object-address-allocation", json!({"scheme": "context", "value": {"number": 1}}), "context", 1),
        ("object-address-allocation", json!({"value": {"number": 1}}), "resource", 1),
    ] {
        let answer = world.ask(alice, &allocator(name, "create", &body));
        assert_eq!(answer["from"], format!("domain://msg-node.d/{name}"));
        let addresses = allocated(&answer);
        assert_eq!(addresses.len(), number, "{body}");
        for address in addresses {
            assert_eq!(address.split('/').next(), Some(format!("{scheme}:").as_str()));
            assert!(address.starts_with(&format!("{scheme}://d/")), "{address}");
        }
    }
}

#[test]
fn what_is_allocated_is_delivered_until_it_is_given_back() {
    for give_back in [
        |all: &[String]| vec![json!({"resource": all[0]}), json!({"resource": all[1]})],
        |all: &[String]| vec![json!({"childrenResources": all})],
        |all: &[String]| vec![json!({"value": {"childrenResources": all}})],
        // As the conformance tests send it.
        |all: &[String]| vec![json!({"childrenResources": [all]})],
    ] {
        let mut world = World::new();
        let (alice, bob) = (world.open("a"), world.open("b"));
        let all =
            allocated(&world.ask(alice, &allocator("address-allocation", "create", &json!({"value": {"number": 2}}))));
        for address in &all {
            world.send(bob, &message("ping", "hyperty://d/b", address));
        }
        assert_eq!(world.got(alice).len(), 2);
        for body in give_back(&all) {
            assert_eq!(world.code(alice, &allocator("address-allocation", "delete", &body)), 200, "{body}");
            assert_eq!(world.code(alice, &allocator("address-allocation", "delete", &body)), 200, "twice is no harm");
        }
        assert_eq!(world.code(bob, &message("create", "hyperty://d/b", &all[0])), 404);
    }
}

#[test]
fn a_key_allocates_once() {
    for body in [
        json!({"scheme": "hyperty", "value": {"number": 4, "allocationKey": "k"}}),
        json!({"scheme": "hyperty", "value": {"number": 4}, "allocationKey": "k"}),
    ] {
        let mut world = World::new();
        let (alice, bob) = (world.open("a"), world.open("b"));
        let first = allocated(&world.ask(alice, &allocator("address-allocation", "create", &body)));
        assert_eq!(allocated(&world.ask(alice, &allocator("address-allocation", "create", &body))), first);
        // The conformance tests have the key in a list.
        let key = if body["allocationKey"].is_null() { json!("k") } else { json!(["k"]) };
        let delete = allocator("address-allocation", "delete", &json!({"resource": key}));
        assert_eq!(world.code(alice, &delete), 200);
        assert_eq!(world.code(bob, &message("read", "hyperty://d/b", &first[3])), 404);
        assert_ne!(allocated(&world.ask(alice, &allocator("address-allocation", "create", &body))), first);
    }
}

#[test]
fn bad_allocations_are_refused() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open("b"));
    for body in [
        json!({"value": {"number": 0}}),
        json!({"value": {"number": 501}}),
        json!({"value": {"number": -1}}),
        json!({"value": {"number": "many"}}),
        json!({"scheme": "domain"}),
        json!({"scheme": "runtime"}),
        json!({"scheme": "no scheme"}),
        json!({"scheme": ""}),
    ] {
        assert_eq!(world.code(alice, &allocator("address-allocation", "create", &body)), 500, "{body}");
    }
    for body in [json!({}), json!({"childrenResources": []}), json!({"childrenResources": [1]})] {
        assert_eq!(world.code(alice, &allocator("address-allocation", "delete", &body)), 500, "{body}");
    }
    assert_eq!(world.code(alice, &allocator("address-allocation", "read", &json!({}))), 500);
    assert_eq!(world.code(alice, &allocator("other", "create", &json!({}))), 404);
    let nomatrix = world.open_as(Dialect::NoMatrix, "runtime://d/a");
    assert_eq!(world.code(nomatrix, &allocator("address-allocation", "delete", &json!({}))), 400);
    let own = allocated(&world.ask(nomatrix, &allocator("address-allocation", "create", &json!({}))));
    let theft = json!({"id": 1, "type": "delete", "from": "runtime://d/b/x", "to": "domain://msg-node.d/address-allocation", "body": {"resource": own[0]}});
    assert_eq!(world.code(bob, &theft), 403);
}

#[test]
fn a_sender_never_seen_gets_its_answers() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open("b"));
    for from in [
        "hyperty://d/new",
        "connection://elsewhere.test/object/subscription",
        "hyperty-runtime://d/protostub/1/registry",
    ] {
        world.send(alice, &message("create", from, "runtime://d/b/sm"));
        world.send(bob, &message("response", "runtime://d/b/sm", from));
        let got = world.got(alice);
        assert_eq!((got.len(), &got[0]["to"]), (1, &json!(from)));
    }
}

#[test]
fn nobody_speaks_for_another() {
    let mut world = World::new();
    let (alice, bob, mallory) = (world.open("a"), world.open("b"), world.open("m"));
    world.node.mount("hyperty://d/mcu", ComponentId(1));
    let allocation = allocator("address-allocation", "create", &json!({"scheme": "hyperty"}));
    let allocated = allocated(&world.ask(alice, &allocation)).remove(0);
    world.send(alice, &subscribe("a", &["comm://d/o", "comm://d/o/subscription", "comm://d/o/children/"]));
    world.send(alice, &message("ping", "hyperty://d/self", "runtime://d/b/sm"));
    world.send(mallory, &subscribe("m", &["comm://d/o/changes", "comm://d/o/children/"]));
    for one in [alice, bob, mallory] {
        world.got(one);
    }
    for from in [
        "runtime://d/a",
        "runtime://d/a/sm",
        "hyperty-runtime://d/a/registry/",
        allocated.as_str(),
        "hyperty://d/self",
        "comm://d/o",
        "comm://d/o/subscription",
        "comm://d/o/anything",
        "hyperty://d/mcu",
        "domain://registry.d",
        "domain://msg-node.d/sm",
        "global://registry",
        "mn:/session",
    ] {
        let answer = world.ask(mallory, &message("create", from, "runtime://d/b/sm"));
        assert_eq!((answer["body"]["code"].as_u64(), &answer["from"]), (Some(403), &json!("mn:/policies")), "{from}");
        assert!(answer["body"]["desc"].is_string());
        world.send(mallory, &message("update", from, "runtime://d/b/sm"));
    }
    assert!(world.got(bob).is_empty() && world.got(mallory).is_empty(), "and an update is not answered");
    assert_eq!(world.lost(Loss::Spoofed), 26);
    // Where he heard a question he may answer it.
    world.send(mallory, &message("response", "comm://d/o/children/", "hyperty://d/self"));
    assert_eq!(world.got(alice).len(), 1);
}

#[test]
fn a_runtime_has_what_is_below_it_whoever_came_first() {
    let mut world = World::new();
    let mallory = world.open("m");
    let bob = world.open("b");
    world.send(mallory, &message("ping", "runtime://d/a/registry/", "runtime://d/b/sm"));
    world.send(mallory, &subscribe("m", &["runtime://d/a/sm"]));
    let alice = world.open("a");
    for one in [alice, bob, mallory] {
        world.got(one);
    }
    world.send(bob, &message("response", "runtime://d/b/sm", "runtime://d/a/registry/"));
    assert_eq!((world.got(alice).len(), world.got(mallory).len()), (1, 0));
    assert_eq!(world.code(mallory, &message("create", "runtime://d/a/registry/", "runtime://d/b/sm")), 403);
}
