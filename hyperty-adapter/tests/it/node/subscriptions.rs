//! Who hears what, and how messages find their way.

use crate::node::world::{World, message, subscribe, unsubscribe};
use colloquy_hyperty_adapter::node::{Asker, ComponentId, Dialect, Loss};
use serde_json::json;

#[test]
fn what_is_published_goes_to_those_who_subscribed_as_it_came() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.open("a"), world.open("b"), world.open("c"));
    world.send(alice, &subscribe("a", &["comm://d/o", "comm://d/o/subscription"]));
    world.send(bob, &subscribe("b", &["comm://d/o/changes", "comm://d/o/children/"]));
    world.send(carol, &subscribe("c", &["comm://d/o/changes"]));
    for one in [alice, bob, carol] {
        world.got(one);
    }
    // Spaces, numbers and members that nobody knows arrive as they were written.
    let text = r#"{ "id":1, "type":"update","from":"comm://d/o","to":"comm://d/o/changes","n":1.50, "body":{"via":"v","auth":true}}"#;
    world.send_text(alice, text);
    for one in [bob, carol] {
        let got = world.texts(one);
        assert_eq!((got.len(), &got[0][..]), (1, text.as_bytes()));
    }
    assert!(world.got(alice).is_empty(), "no echo");
    world.send(bob, &unsubscribe("b", &["comm://d/o/changes"]));
    world.got(bob);
    world.send_text(alice, text);
    assert_eq!((world.got(bob).len(), world.got(carol).len()), (0, 1));
}

#[test]
fn a_publisher_who_subscribed_hears_himself() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open("b"));
    for (one, name) in [(alice, "a"), (bob, "b")] {
        world.send(one, &subscribe(name, &["comm://d/o/children/"]));
        world.got(one);
    }
    world.send(alice, &message("create", "hyperty://d/h", "comm://d/o/children/"));
    assert_eq!((world.got(alice).len(), world.got(bob).len()), (1, 1));
}

#[test]
fn subscriptions_are_made_in_the_new_and_the_old_manner() {
    let mut world = World::new();
    let alice = world.open("a");
    let nomatrix = world.open_as(Dialect::NoMatrix, "runtime://d/n");
    let ask = |verb: &str, name: &str, body: &serde_json::Value| json!({"id": 1, "type": verb, "from": format!("runtime://d/{name}/sm"), "to": "domain://msg-node.d/sm", "body": body});
    for (verb, body, vertx, other) in [
        ("subscribe", json!({"resources": ["comm://d/1/changes"]}), 200, 200),
        ("subscribe", json!({"resources": "comm://d/2/changes", "source": "hyperty://d/s"}), 200, 200),
        ("subscribe", json!({"subscribe": ["comm://d/3/changes"]}), 200, 200),
        ("subscribe", json!({"resources": []}), 200, 200),
        ("subscribe", json!({"resources": ["comm://d/4/changes"], "subscribe": ["comm://d/5/changes"]}), 500, 400),
        ("subscribe", json!({}), 500, 400),
        ("subscribe", json!({"resources": [1]}), 500, 400),
        ("subscribe", json!({"resources": ["no address"]}), 500, 400),
        ("subscribe", json!({"resources": ["comm://d/*"]}), 500, 400),
        ("subscribe", json!({"resources": ["*://d/x"]}), 500, 400),
        ("subscribe", json!({"resources": vec!["comm://d/6/changes"; 501]}), 500, 400),
        ("subscribe", json!({"resources": ["domain://registry.d"]}), 403, 403),
        ("subscribe", json!({"resources": ["mn:/session"]}), 403, 403),
        ("unsubscribe", json!({"resources": ["comm://d/1/changes", "comm://d/never/changes"]}), 200, 200),
        ("unsubscribe", json!({"unsubscribe": ["comm://d/2/changes"]}), 200, 200),
        ("unsubscribe", json!({"subscribe": ["comm://d/3/changes"]}), 200, 200),
        ("unsubscribe", json!({}), 500, 400),
        ("read", json!({"resources": ["comm://d/1/changes"]}), 500, 400),
    ] {
        assert_eq!(world.code(alice, &ask(verb, "a", &body)), vertx, "{verb} {body}");
        assert_eq!(world.code(nomatrix, &ask(verb, "n", &body)), other, "{verb} {body}");
    }
    assert_eq!(world.node.size().addresses, 0, "what was refused left nothing behind");
}

#[test]
fn nobody_listens_in_at_anothers_own_addresses() {
    let mut world = World::new();
    let (alice, mallory) = (world.open("a"), world.open("m"));
    world.send(alice, &subscribe("a", &["hyperty://d/h", "comm://d/o", "comm://d/o/subscription"]));
    world.got(alice);
    for address in [
        "hyperty://d/h",
        "comm://d/o",
        "comm://d/o/subscription",
        "runtime://d/a",
        "runtime://d/a/sm",
        "hyperty-runtime://d/a/sm",
    ] {
        assert_eq!(world.code(mallory, &subscribe("m", &["comm://d/x/changes", address])), 403, "{address}");
    }
    assert_eq!(world.lost(Loss::Spoofed), 6);
    for address in ["hyperty://d/h/registration", "runtime://d/a/status", "comm://d/o/changes", "comm://d/o/children/"]
    {
        assert_eq!(world.code(mallory, &subscribe("m", &[address])), 200, "{address}");
    }
    assert_eq!(world.code(mallory, &unsubscribe("m", &["hyperty://d/h"])), 200);
    world.send(mallory, &message("ping", "hyperty://d/m", "hyperty://d/h"));
    assert_eq!(world.got(alice).len(), 1, "who is not subscribed unsubscribes nobody else");
}

#[test]
fn runtimes_are_reached_by_what_is_below_them() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open("b"));
    for to in [
        "runtime://d/a",
        "runtime://d/a/sm",
        "runtime://d/a/registry/",
        "hyperty-runtime://d/a/storage",
        "runtime://d/a/discovery/",
    ] {
        world.send(bob, &message("read", "hyperty://d/b", to));
        assert_eq!(world.got(alice).len(), 1, "{to}");
    }
    assert_eq!(
        world.code(bob, &message("read", "hyperty://d/b", "runtime://d/aa/sm")),
        404,
        "not by the beginning of a name"
    );
}

#[test]
fn each_of_a_list_gets_his_own() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.open("a"), world.open("b"), world.open("c"));
    let list = json!({"id": 1, "type": "forward", "from": "hyperty://d/a", "to": ["runtime://d/b/x", "runtime://d/c/x", "comm://d/nobody/changes"], "body": {"n": 1}});
    world.send(alice, &list);
    for (one, name) in [(bob, "b"), (carol, "c")] {
        let expected = json!({"id": 1, "type": "forward", "from": "hyperty://d/a", "to": format!("runtime://d/{name}/x"), "body": {"n": 1}});
        assert_eq!(world.got(one), [expected]);
    }
    assert_eq!(world.lost(Loss::NoReceiver), 1);
}

#[test]
fn types_are_routed_known_or_not() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open("b"));
    let verbs = [
        "create",
        "READ",
        "update",
        "delete",
        "subscribe",
        "unsubscribe",
        "response",
        "execute",
        "forward",
        "handshake",
        "init",
        "ping",
        "pong",
        "weather",
    ];
    for verb in verbs {
        world.send(alice, &message(verb, "hyperty://d/a", "runtime://d/b/x"));
        let got = world.got(bob);
        assert_eq!((got.len(), &got[0]["type"]), (1, &json!(verb)));
    }
}

#[test]
fn who_asks_nobody_is_told_and_who_publishes_is_not() {
    let mut world = World::new();
    let alice = world.open("a");
    for to in ["hyperty://d/x", "runtime://d/x/sm"] {
        for verb in ["create", "read", "delete", "subscribe", "unsubscribe"] {
            let answer = world.ask(alice, &message(verb, "hyperty://d/a", to));
            assert_eq!((answer["body"]["code"].as_u64(), &answer["from"]), (Some(404), &json!(to)), "{verb}");
        }
    }
    for (verb, to) in [
        ("update", "hyperty://d/x"),
        ("response", "hyperty://d/x"),
        ("ping", "hyperty://d/x"),
        ("create", "comm://d/o/children/"),
        ("create", "hyperty://d/x/status"),
    ] {
        world.send(alice, &message(verb, "hyperty://d/a", to));
        assert!(world.got(alice).is_empty(), "{verb} {to}");
    }
    assert_eq!(world.lost(Loss::NoReceiver), 15);
}

#[test]
fn components_answer_who_asked() {
    let mut world = World::new();
    let alice = world.open("a");
    let read = |to: &str| message("read", "runtime://d/a/discovery/", to);
    assert_eq!(world.code(alice, &read("domain://registry.d")), 504, "there is none");
    assert_eq!(world.code(alice, &read("domain://registry.d/")), 504);
    let update = message("update", "runtime://d/a/registry/", "domain://registry.d");
    assert_eq!(world.code(alice, &update), 504, "a request, though of a type that is published elsewhere");
    world.send(alice, &message("response", "runtime://d/a/registry/", "domain://registry.d"));
    assert!(world.got(alice).is_empty());
    assert_eq!(world.code(alice, &read("global://registry/")), 404);
    assert_eq!(world.code(alice, &read("domain://registry.elsewhere.test")), 404);
    let (registry, global, mcu) = (ComponentId(1), ComponentId(2), ComponentId(3));
    world.node.mount("domain://registry.d", registry);
    world.node.mount("global://registry/", global);
    world.node.mount("hyperty://d/mcu", mcu);
    for (to, component) in [
        ("domain://registry.d", registry),
        ("domain://registry.d/", registry),
        ("global://registry", global),
        ("global://registry/", global),
        ("hyperty://d/mcu", mcu),
    ] {
        world.send(alice, &read(to));
        let (handed, asker, text) = world.handed.pop().unwrap();
        assert_eq!((handed, &text["to"]), (component, &json!(to)));
        world.node.answer(asker, r#"{"type":"response"}"#.into());
        world.drain();
        assert_eq!(world.got(alice).len(), 1);
    }
    assert_eq!(world.node.counters().handed, 5);
}

#[test]
fn an_answer_of_a_component_waits_for_who_is_away() {
    let mut world = World::new();
    let alice = world.open("a");
    world.node.mount("domain://registry.d", ComponentId(1));
    world.send(alice, &message("read", "runtime://d/a/registry/", "domain://registry.d"));
    let (_, asker, _): (_, Asker, _) = world.handed.pop().unwrap();
    world.disconnect(alice);
    world.node.answer(asker, r#"{"type":"response"}"#.into());
    let again = world.connect(Dialect::Vertx);
    world.send(again, &json!({"id": 1, "type": "open", "from": "runtime://d/a", "to": "mn:/session"}));
    assert_eq!(world.got(again).len(), 2);
}

#[test]
fn a_component_publishes() {
    let mut world = World::new();
    let alice = world.open("a");
    world.send(alice, &subscribe("a", &["hyperty://d/h/registration"]));
    world.got(alice);
    let update = r#"{"id":4,"type":"update","from":"domain://registry.d","to":"hyperty://d/h/registration","body":{"value":"disconnected","attribute":"status"}}"#;
    assert_eq!(world.node.publish(&update.into()).unwrap(), 1);
    world.drain();
    assert_eq!(world.texts(alice), [update]);
    assert!(world.node.publish(&"{}".into()).is_err());
}
