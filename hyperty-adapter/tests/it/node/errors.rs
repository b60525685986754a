//! What is no message, and what a policy forbids.

use crate::node::world::{World, message};
use colloquy_hyperty_adapter::node::{Decision, Dialect, Gate, Loss, NotConnected, Question, Settings};
use serde_json::json;

#[test]
fn what_lacks_a_member_is_answered_by_the_validator() {
    for (dialect, code) in [(Dialect::Vertx, 500), (Dialect::NoMatrix, 400), (Dialect::Nodejs, 400)] {
        let mut world = World::new();
        let alice = world.open_as(dialect, "runtime://d/a");
        for (bad, says) in [
            (json!({"id": 1, "from": "runtime://d/a", "to": "runtime://d/b"}), "No mandatory field 'type'"),
            (json!({"id": 1, "from": "runtime://d/a", "type": "ping"}), "No mandatory field 'to'"),
            (json!({"id": 1, "from": "runtime://d/a", "type": "ping", "to": []}), "No mandatory field 'to'"),
            (json!({"id": 1, "from": "runtime://d/a", "type": "ping", "to": null}), "No mandatory field 'to'"),
            (json!({"id": 1, "from": "runtime://d/a", "type": "ping", "to": "nowhere"}), "to: an address"),
            (json!({"id": 1, "from": "runtime://d/a", "type": "ping", "to": 7}), "messages has it"),
            (json!({"id": 1, "from": "alice", "type": "ping", "to": "runtime://d/b"}), "from: an address"),
            (json!({"id": {"a": 1}, "from": "runtime://d/a", "type": "ping", "to": "runtime://d/b"}), "id is neither"),
            (
                json!({"id": 1, "from": "runtime://d/a", "type": "ping", "to": vec!["runtime://d/b"; 65]}),
                "more than 64 receivers",
            ),
        ] {
            let answer = world.ask(alice, &bad);
            assert_eq!(
                (&answer["from"], &answer["to"], &answer["id"]),
                (&json!("mn:/validator"), &bad["from"], &bad["id"])
            );
            assert_eq!(answer["body"]["code"], code, "{bad}");
            assert!(answer["body"]["desc"].as_str().unwrap().contains(says), "{answer}");
        }
        for silent in ["", "nonsense", "[1,2]", "{\"from\":", "{}", r#"{"type":"response","from":"runtime://d/a"}"#] {
            world.send_text(alice, silent);
            assert!(world.got(alice).is_empty(), "{silent}");
        }
        assert_eq!(world.lost(Loss::Malformed), 15);
    }
}

#[test]
fn only_the_vertx_node_insists_on_a_number() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open_as(Dialect::NoMatrix, "runtime://d/b"));
    let without = |verb: &str, from: &str, to: &str| json!({"type": verb, "from": from, "to": to, "body": {}});
    let answer = world.ask(alice, &without("create", "runtime://d/a", "runtime://d/b/x"));
    assert_eq!(
        (&answer["from"], &answer["body"]["desc"]),
        (&json!("mn:/validator"), &json!("No mandatory field 'id'"))
    );
    world.send(alice, &without("update", "runtime://d/a", "runtime://d/b/x"));
    assert_eq!(world.got(bob).len(), 1);
    world.send(bob, &without("create", "runtime://d/b", "runtime://d/a/x"));
    assert_eq!(world.got(alice).len(), 1);
}

#[test]
fn bytes_that_are_no_text_are_dropped() {
    let mut world = World::new();
    let alice = world.open("a");
    world.node.receive(world.now, alice, &b"{\"type\":\"\xff\"}"[..].into());
    world.drain();
    assert_eq!((world.got(alice).len(), world.lost(Loss::Malformed)), (0, 1));
}

struct NoStrangers;

impl Gate for NoStrangers {
    fn decide(&self, question: &Question<'_>) -> Decision {
        let has_identity = question.body.is_some_and(|body| body.get().contains("identity"));
        match question.runtime.starts_with("runtime://d/") || has_identity {
            true => Decision::Allow,
            false => Decision::Deny("strangers must say who they are".into()),
        }
    }
}

#[test]
fn a_policy_is_asked_and_explained() {
    let mut world = World::gated(Settings::new("d"), NoStrangers);
    let alice = world.open("a");
    let stranger = world.connect(Dialect::Vertx);
    let open = json!({"id": 1, "type": "open", "from": "runtime://far.test/s", "to": "mn:/session"});
    let answer = world.ask(stranger, &open);
    assert_eq!((answer["body"]["code"].as_u64(), &answer["from"]), (Some(403), &json!("mn:/policies")));
    assert_eq!(answer["body"]["desc"], "strangers must say who they are");
    let mut known = open;
    known["body"] = json!({"identity": {"name": "s"}});
    assert_eq!(world.code(stranger, &known), 200);
    assert_eq!(world.code(stranger, &message("create", "hyperty://far.test/h", "runtime://d/a/sm")), 403);
    assert!(world.got(alice).is_empty());
    let mut greeting = message("create", "hyperty://far.test/h", "runtime://d/a/sm");
    greeting["body"]["identity"] = json!({"name": "s"});
    world.send(stranger, &greeting);
    assert_eq!((world.got(alice).len(), world.lost(Loss::Policy)), (1, 2));
    let refused = world.node.connect_as(world.now, Dialect::NoMatrix, None, "runtime://far.test/t");
    assert_eq!(refused, Err(NotConnected::Policy));
}
