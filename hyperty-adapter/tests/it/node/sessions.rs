//! How sessions begin, go on and end.

use crate::node::world::{ELSEWHERE, HOME, World, message, subscribe};
use bytes::Bytes;
use colloquy_hyperty_adapter::node::{CloseReason, Dialect, Flow, Loss, NotConnected, Takeover};
use serde_json::{Value, json};
use std::time::Duration;

fn open(runtime: &str) -> Value {
    json!({"id": 1, "type": "open", "from": format!("runtime://d/{runtime}"), "to": "mn:/session"})
}

fn token(world: &mut World, name: &str) -> (colloquy_hyperty_adapter::node::ConnectionId, String) {
    let connection = world.connect(Dialect::Vertx);
    let answer = world.ask(connection, &open(name));
    (connection, answer["body"]["runtimeToken"].as_str().unwrap().to_owned())
}

#[test]
fn a_session_is_opened_in_each_originals_manner() {
    let mut world = World::new();
    let vertx = world.connect(Dialect::Vertx);
    let answer = world.ask(vertx, &open("a"));
    let token = answer["body"]["runtimeToken"].as_str().unwrap();
    assert_eq!((token.len(), token.matches('-').count()), (36, 4));
    let expected = json!({"id": 1, "type": "response", "from": "mn:/session", "to": "runtime://d/a", "body": {"code": 200, "runtimeToken": token}});
    assert_eq!(answer, expected);
    let nodejs = world.connect(Dialect::Nodejs);
    let expected =
        json!({"id": 1, "type": "response", "from": "mn:/session", "to": "runtime://d/b", "body": {"code": 200}});
    assert_eq!(world.ask(nodejs, &open("b")), expected);
    let nomatrix = world.node.connect_as(world.now, Dialect::NoMatrix, None, "runtime://d/c").unwrap();
    world.drain();
    assert!(world.got(nomatrix).is_empty(), "it did not ask");
    assert_eq!(world.node.size().sessions, 3);
}

#[test]
fn a_foreign_runtime_is_as_welcome_as_our_own() {
    let mut world = World::new();
    let alice = world.open("a");
    let bob = world.open_as(Dialect::Vertx, "runtime://elsewhere.test/b");
    world.send(bob, &message("create", "hyperty://elsewhere.test/h", "runtime://d/a/sm"));
    assert_eq!(world.got(alice).len(), 1);
    world.send(alice, &message("response", "runtime://d/a/sm", "hyperty://elsewhere.test/h"));
    assert_eq!(world.got(bob).len(), 1);
}

#[test]
fn old_and_new_schemes_of_a_runtime_are_the_same() {
    let mut world = World::new();
    let old = world.open_as(Dialect::Vertx, "hyperty-runtime://d/a");
    let other = world.open("b");
    world.send(other, &message("read", "runtime://d/b/x", "runtime://d/a/storage"));
    world.send(other, &message("read", "runtime://d/b/x", "hyperty-runtime://d/a/storage"));
    let got = world.got(old);
    assert_eq!(
        (&got[0]["to"], &got[1]["to"]),
        (&json!("runtime://d/a/storage"), &json!("hyperty-runtime://d/a/storage")),
        "never rewritten"
    );
}

#[test]
fn what_comes_before_the_answer_to_open_is_taken_in_order() {
    let mut world = World::new();
    let alice = world.connect(Dialect::Vertx);
    world.send(alice, &open("a"));
    world.send(alice, &subscribe("a", &["hyperty://d/h"]));
    let codes: Vec<_> =
        world.got(alice).iter().map(|answer| (answer["id"].clone(), answer["body"]["code"].clone())).collect();
    assert_eq!(codes, [(json!(1), json!(200)), (json!(10), json!(200))]);
}

#[test]
fn nothing_goes_before_a_session_is_open() {
    let mut world = World::new();
    let (alice, mallory) = (world.open("a"), world.connect(Dialect::Vertx));
    assert_eq!(world.code(mallory, &message("create", "hyperty://d/h", "runtime://d/a/sm")), 403);
    world.send(mallory, &message("update", "hyperty://d/h", "runtime://d/a/sm"));
    assert!(world.got(mallory).is_empty() && world.got(alice).is_empty());
    assert_eq!(world.lost(Loss::NotOpen), 2);
    world.pass(Duration::from_secs(11));
    assert_eq!((world.closed.get(&mallory), world.closed.get(&alice)), (Some(&CloseReason::NotOpened), None));
}

#[test]
fn who_talks_and_opens_no_session_is_closed() {
    let mut world = World::new();
    let mallory = world.connect(Dialect::Vertx);
    for _ in 0..32 {
        assert_eq!(world.code(mallory, &message("create", "hyperty://d/h", "runtime://d/a/sm")), 403);
    }
    assert_eq!(world.send(mallory, &open("m")), Flow::Stop);
    assert_eq!(world.closed.get(&mallory), Some(&CloseReason::NotOpened));
}

#[test]
fn re_open_needs_the_token() {
    let mut world = World::new();
    let (first, token) = token(&mut world, "a");
    world.send(first, &subscribe("a", &["hyperty://d/h"]));
    world.got(first);
    world.disconnect(first);
    let second = world.connect(Dialect::Vertx);
    let reopen = |token: &str| json!({"id": 2, "type": "re-open", "from": format!("runtime://d/a/{token}"), "to": "mn:/session"});
    let answer = world.ask(second, &reopen("00000000-0000-4000-8000-000000000000"));
    assert_eq!(
        (answer["body"]["code"].as_u64(), &answer["body"]["desc"]),
        (Some(500), &json!("Reconnection fail. Incorrect runtime token!"))
    );
    assert_eq!(world.code(second, &reopen("")), 500);
    assert_eq!(world.code(second, &reopen(&token)), 200);
    let bob = world.open("b");
    world.send(bob, &message("create", "hyperty://d/b", "hyperty://d/h"));
    assert_eq!(world.got(second).len(), 1, "the subscription is still there");
}

#[test]
fn what_came_while_a_client_was_away_is_brought_when_it_returns() {
    for returns_by in ["open", "re-open"] {
        let mut world = World::new();
        let ((alice, token), bob) = (token(&mut world, "a"), world.open("b"));
        world.send(alice, &subscribe("a", &["hyperty://d/h"]));
        world.got(alice);
        // What was to be sent as the connection broke is not lost either.
        world.send(bob, &message("execute", "hyperty://d/b", "hyperty://d/h"));
        world.disconnect(alice);
        world.pass(Duration::from_secs(59));
        world.send(bob, &message("update", "hyperty://d/b", "hyperty://d/h"));
        let again = world.connect(Dialect::Vertx);
        let from = if returns_by == "open" { "runtime://d/a".to_owned() } else { format!("runtime://d/a/{token}") };
        world.send(again, &json!({"id": 2, "type": returns_by, "from": from, "to": "mn:/session"}));
        let types: Vec<_> = world.got(again).iter().map(|message| message["type"].clone()).collect();
        assert_eq!(types, ["response", "execute", "update"], "{returns_by}");
        assert_eq!(world.node.size().waiting_bytes, 0);
    }
}

#[test]
fn who_does_not_come_back_is_forgotten() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open("b"));
    world.send(alice, &subscribe("a", &["hyperty://d/h"]));
    world.got(alice);
    world.disconnect(alice);
    world.send(bob, &message("update", "hyperty://d/b", "hyperty://d/h"));
    world.pass(Duration::from_secs(61));
    assert_eq!((world.node.size().sessions, world.lost(Loss::Expired), world.node.counters().expired), (1, 1, 1));
    assert_eq!(world.node.size().waiting_bytes, 0);
    assert_eq!(world.code(bob, &message("create", "hyperty://d/b", "hyperty://d/h")), 404, "the address is nobody's");
}

#[test]
fn a_second_open_of_the_same_runtime_gets_the_same_session() {
    let mut world = World::new();
    let (first, token_1) = token(&mut world, "a");
    world.send(first, &subscribe("a", &["hyperty://d/h"]));
    world.got(first);
    let (second, token_2) = token(&mut world, "a");
    assert_eq!((token_1, world.node.size().sessions), (token_2, 1));
    let bob = world.open("b");
    world.send(bob, &message("update", "hyperty://d/b", "hyperty://d/h"));
    assert_eq!((world.got(first).len(), world.got(second).len()), (0, 1), "to the newest");
    assert_eq!(world.code(first, &subscribe("a", &["hyperty://d/i"])), 200, "who asks is answered where he asks");
    world.disconnect(second);
    world.send(bob, &message("update", "hyperty://d/b", "hyperty://d/h"));
    assert_eq!(world.got(first).len(), 1, "the older one is still there");
}

#[test]
fn a_session_has_only_so_many_connections() {
    let mut world = World::new();
    let first = world.open("a");
    for _ in 0..4 {
        world.open("a");
    }
    assert_eq!(world.closed.get(&first), Some(&CloseReason::Replaced));
    world.disconnect(first);
    assert_eq!(world.node.size().connections, 4);
}

#[test]
fn a_living_session_is_not_taken_from_elsewhere() {
    let tries = |takeover| {
        let mut world = World::with(|settings| settings.takeover = takeover);
        world.open("a");
        let code = |world: &mut World, origin| {
            let other = world.node.connect(world.now, Dialect::Vertx, Some(origin)).unwrap();
            world.code(other, &open("a"))
        };
        let living = (code(&mut world, HOME), code(&mut world, ELSEWHERE));
        let nomatrix = world.node.connect_as(world.now, Dialect::NoMatrix, Some(ELSEWHERE), "runtime://d/a").err();
        (living, nomatrix)
    };
    assert_eq!(tries(Takeover::SameAddress), ((200, 403), Some(NotConnected::InUse)));
    assert_eq!(tries(Takeover::Always), ((200, 200), None));
    assert_eq!(tries(Takeover::Never), ((403, 403), Some(NotConnected::InUse)));
}

#[test]
fn who_returns_from_elsewhere_without_a_token_begins_anew() {
    let mut world = World::new();
    let (alice, bob) = (world.open("a"), world.open("b"));
    world.send(alice, &subscribe("a", &["hyperty://d/h"]));
    world.got(alice);
    world.disconnect(alice);
    world.send(bob, &message("update", "hyperty://d/b", "hyperty://d/h"));
    let other = world.node.connect(world.now, Dialect::Vertx, Some(ELSEWHERE)).unwrap();
    assert_eq!(world.code(other, &open("a")), 200);
    world.send(bob, &message("update", "hyperty://d/b", "hyperty://d/h"));
    assert!(world.got(other).is_empty(), "nothing of what was the other's");
}

#[test]
fn a_session_is_closed() {
    let mut world = World::new();
    let ((alice, token), bob) = (token(&mut world, "a"), world.open("b"));
    let close = |from: &str| json!({"id": 3, "type": "close", "from": from, "to": "mn:/session"});
    assert_eq!(world.code(bob, &close("runtime://d/a")), 403, "another's");
    world.send(alice, &close(&format!("runtime://d/a/{token}")));
    assert!(world.got(alice).is_empty());
    assert_eq!((world.closed.get(&alice), world.node.size().sessions), (Some(&CloseReason::Asked), 1));
    world.disconnect(alice);
    assert_eq!(world.node.size().connections, 1);

    let nomatrix = world.node.connect_as(world.now, Dialect::NoMatrix, None, "runtime://d/c").unwrap();
    world.send(nomatrix, &json!({"cmd": "disconnect", "body": {"runtimeURL": "runtime://d/b", "via": "x"}}));
    assert_eq!(world.closed.get(&nomatrix), None, "another's");
    world.send(nomatrix, &json!({"cmd": "disconnect", "body": {"runtimeURL": "runtime://d/c", "via": "x"}}));
    assert_eq!(world.closed.get(&nomatrix), Some(&CloseReason::Asked));
}

#[test]
fn bad_openings_are_refused() {
    let mut world = World::new();
    let client = world.connect(Dialect::Vertx);
    for from in ["hyperty://d/a", "runtime://d", "runtime://d/"] {
        let bad = json!({"id": 1, "type": "open", "from": from, "to": "mn:/session"});
        assert_eq!(world.code(client, &bad), 500, "{from}");
    }
    assert_eq!(
        world.code(client, &json!({"id": 1, "type": "create", "from": "runtime://d/a", "to": "mn:/session"})),
        500
    );
    assert_eq!(world.code(client, &json!({"id": 1, "type": "open", "from": "runtime://d/a", "to": "mn:/other"})), 404);
    assert_eq!(world.code(client, &open("a")), 200);
    assert_eq!(world.code(client, &open("a")), 200, "once more is no harm");
    assert_eq!(world.code(client, &open("b")), 403, "a connection has one session");
    assert_eq!(
        world.node.connect_as(world.now, Dialect::NoMatrix, None, "hyperty://d/a"),
        Err(NotConnected::NoRuntime)
    );
}

#[test]
fn a_node_has_only_so_many_sessions() {
    let mut world = World::with(|settings| {
        settings.limits.sessions = 1;
        settings.limits.unopened = 2;
    });
    world.open("a");
    let waits = world.connect(Dialect::Vertx);
    assert_eq!(world.code(waits, &open("b")), 503);
    assert_eq!(world.node.connect_as(world.now, Dialect::NoMatrix, None, "runtime://d/c"), Err(NotConnected::Full));
    world.connect(Dialect::Vertx);
    assert_eq!(world.node.connect(world.now, Dialect::Vertx, None), Err(NotConnected::Full));
    assert!(world.node.counters().refused > 0);
    let unsent: [Bytes; 0] = [];
    world.node.disconnected(world.now, waits, unsent);
    assert!(world.node.connect(world.now, Dialect::Vertx, None).is_ok());
}
