//! The policies that come with the server do what they say.

use super::support::{HOUR, MONDAY_NOON, Scene, invite, signed};
use crate::node::world::{message, subscribe};
use colloquy_hyperty_adapter::node::{Dialect, Loss, NotConnected};
use serde_json::{Value, json};

fn open(runtime: &str) -> Value {
    json!({"id": 1, "type": "open", "from": format!("runtime://d/{runtime}"), "to": "mn:/session", "body": {}})
}

#[test]
fn the_node_is_for_those_with_an_identity() {
    let mut scene = Scene::shipped("identity-required.cedar");
    let alice = scene.world.connect(Dialect::Vertx);
    let why = scene.refused(alice, &open("a")).unwrap();
    assert!(why.contains("log in") && why.contains("(policy identity-required)"), "{why}");
    assert!(scene.refused(alice, &signed(open("a"), "mallory")).is_some(), "what is claimed is not verified");
    assert_eq!(scene.refused(alice, &signed(open("a"), "alice")), None);
    assert_eq!(
        scene.refused(alice, &message("ping", "hyperty://d/a", "runtime://d/a/x")),
        None,
        "known from its opening"
    );
    // An identity that was claimed and is none is not that of before.
    let forged = signed(message("ping", "hyperty://d/a", "runtime://d/a/x"), "mallory");
    assert!(scene.refused(alice, &forged).is_some());
    // An hour later it has to be said again.
    scene.at(MONDAY_NOON + HOUR);
    assert!(scene.refused(alice, &message("ping", "hyperty://d/a", "runtime://d/a/x")).is_some());
    // Another connection of the same runtime is another client, until it says who it is; also with the token of the first.
    scene.at(MONDAY_NOON);
    let other = scene.world.connect(Dialect::Vertx);
    assert!(scene.refused(other, &open("a")).is_some());
    let nomatrix = scene.world.node.connect_as(scene.world.now, Dialect::NoMatrix, None, "runtime://d/n");
    assert_eq!(nomatrix, Err(NotConnected::Policy), "it says nothing when it connects");
    assert_eq!(scene.world.lost(Loss::Policy), 6);
}

#[test]
fn who_comes_back_with_the_token_says_who_he_is() {
    let mut scene = Scene::shipped("identity-required.cedar");
    let alice = scene.world.connect(Dialect::Vertx);
    let token =
        scene.world.ask(alice, &signed(open("a"), "alice"))["body"]["runtimeToken"].as_str().unwrap().to_owned();
    scene.world.disconnect(alice);
    let again = scene.world.connect(Dialect::Vertx);
    let mut reopen = open(&format!("a/{token}"));
    reopen["type"] = json!("re-open");
    assert!(scene.refused(again, &reopen).is_some());
    assert_eq!(scene.refused(again, &signed(reopen, "alice")), None);
    assert_eq!(scene.refused(again, &message("ping", "hyperty://d/a", "runtime://d/a/x")), None);
}

#[test]
fn nobody_calls_those_alone_who_take_it() {
    let mut scene = Scene::shipped("anonymous-calls.cedar");
    let (alice, stranger) = (scene.world.open("a"), scene.world.open("s"));
    let why = scene.refused(stranger, &invite("1", "hyperty://example.com/ceo")).unwrap();
    assert!(why.contains("(policy anonymous-calls)"), "{why}");
    assert_eq!(scene.refused(stranger, &invite("1", "hyperty://example.com/reception")), None);
    assert_eq!(scene.refused(alice, &signed(invite("2", "hyperty://example.com/ceo"), "alice")), None);
    // The same from another address, and as one of several receivers.
    let mut other = invite("1", "hyperty://example.com/ceo");
    other["from"] = json!("hyperty://d/s");
    assert!(scene.refused(stranger, &other).is_some());
    let mut many = invite("1", "");
    many["to"] = json!(["hyperty://example.com/reception", "hyperty://example.com/ceo"]);
    assert!(scene.refused(stranger, &many).is_some());
    // A chat is no call.
    let chat = json!({"id": 3, "type": "create", "from": "comm://d/1/subscription", "to": "hyperty://example.com/ceo",
        "body": {"value": {"resources": ["chat"]}}});
    assert_eq!(scene.refused(stranger, &chat), None);
}

#[test]
fn presence_is_for_those_who_are_authorised() {
    let mut scene = Scene::shipped("presence.cedar");
    let (owner, alice, carol) = (scene.world.open("o"), scene.world.open("a"), scene.world.open("c"));
    let presence = "context://d/availability/changes";
    for refused in [subscribe("c", &[presence]), signed(subscribe("c", &[presence]), "carol")] {
        let why = scene.refused(carol, &refused).unwrap();
        assert!(why.contains("(policy presence)"), "{why}");
    }
    assert!(scene.refused(carol, &subscribe("c", &["comm://d/1/changes", presence])).is_some(), "hidden among others");
    let old = json!({"id": 1, "type": "subscribe", "from": "runtime://d/c/sm", "to": "domain://msg-node.d/sm", "body": {"subscribe": [presence]}});
    assert!(scene.refused(carol, &old).is_some(), "as in 2016");
    assert_eq!(scene.world.node.size().addresses, 0);
    assert_eq!(scene.refused(alice, &signed(subscribe("a", &[presence]), "alice")), None);
    assert_eq!(scene.refused(carol, &subscribe("c", &["comm://d/1/changes"])), None, "a chat is no presence");
    // At the object itself.
    scene.refused(owner, &subscribe("o", &["context://d/availability/subscription"]));
    let ask = json!({"id": 4, "type": "subscribe", "from": "runtime://d/c/sm", "to": "context://d/availability/subscription", "body": {}});
    assert!(scene.refused(carol, &ask).is_some());
    // What is published reaches those who may.
    scene.world.send(owner, &message("update", "context://d/availability", presence));
    assert_eq!((scene.world.got(alice).len(), scene.world.got(carol).len()), (1, 0));
}

#[test]
fn quality_of_service_is_for_those_who_are_authorised() {
    let mut scene = Scene::shipped("qos-calls.cedar");
    let alice = scene.world.open("a");
    let mut gold = invite("1", "hyperty://example.com/b");
    assert_eq!(scene.refused(alice, &gold), None, "an ordinary call");
    gold["body"]["value"]["qos"] = json!("gold");
    let why = scene.refused(alice, &gold).unwrap();
    assert!(why.contains("call without it") && why.contains("(policy qos-calls)"), "{why}");
    assert!(scene.refused(alice, &signed(gold.clone(), "bob")).is_some());
    assert_eq!(scene.refused(alice, &signed(gold, "alice")), None);
}

#[test]
fn nobody_registers_under_the_name_of_another() {
    let mut scene = Scene::shipped("own-registration.cedar");
    let mut alice = scene.world.open("a");
    let register = |user: &str| {
        json!({"id": 5, "type": "create", "from": "runtime://d/a/registry/", "to": "domain://registry.d",
            "body": {"value": {"url": "hyperty://d/h", "user": user, "expires": 100}}})
    };
    for name in ["user://google.com/bob@example.com", "bob@example.com", "user://example.com/bob@example.com"] {
        // On a connection where nobody has proved anything yet.
        alice = scene.world.open("a");
        assert!(scene.refused(alice, &register(name)).unwrap().contains("(policy own-email)"), "{name}: by nobody");
        assert!(scene.refused(alice, &signed(register(name), "alice")).is_some(), "{name}: by another");
        assert_eq!(scene.refused(alice, &signed(register(name), "bob")), None, "{name}: by himself");
    }
    let mut hidden = signed(register("alice@example.com"), "alice");
    hidden["to"] = json!("domain://registry.d/");
    hidden["body"]["value"]["guid"] = json!("user-guid://bob");
    assert!(scene.refused(alice, &hidden).unwrap().contains("(policy own-guid)"));
    hidden["body"]["value"]["guid"] = json!("user-guid://alice");
    assert_eq!(scene.refused(alice, &hidden), None);
    // Nor is one put in later, by the name of the member.
    let mut later = json!({"id": 8, "type": "update", "from": "runtime://d/a/registry/", "to": "domain://registry.d",
        "body": {"resource": "hyperty://d/h", "attribute": "guid", "value": "user-guid://bob"}});
    assert!(scene.refused(alice, &signed(later.clone(), "alice")).unwrap().contains("(policy own-guid)"));
    later["body"]["attribute"] = json!("status");
    assert_eq!(scene.refused(alice, &later), None);
    // What is there twice could be read as either.
    let twice = r#"{"id":6,"type":"create","from":"runtime://d/a/registry/","to":"domain://registry.d","body":{"value":{"url":"hyperty://d/h","user":"alice@example.com"},"value":{"url":"hyperty://d/h","user":"bob@example.com"},"identity":{"assertion":"alice"}}}"#;
    scene.world.send_text(alice, twice);
    let got = scene.world.got(alice);
    assert!(got[0]["body"]["desc"].as_str().unwrap().contains("twice"), "{got:?}");
    // Signs of life name nobody.
    let alive = json!({"id": 7, "type": "update", "from": "runtime://d/a/registry/", "to": "domain://registry.d", "body": {"resource": "hyperty://d/h"}});
    assert_eq!(scene.refused(alice, &alive), None);
}

#[test]
fn strangers_come_while_somebody_is_there() {
    let mut scene = Scene::shipped("office-hours.cedar");
    let (stranger, own) = (scene.world.open("s"), scene.world.open_as(Dialect::Vertx, "runtime://example.com/o"));
    let knock = |from: &str| message("create", from, "hyperty://example.com/desk");
    assert_eq!(scene.refused(stranger, &knock("hyperty://d/s")), None);
    for (hours, is_open) in [(-4, true), (-5, false), (5, true), (6, false), (24 * 5, false), (24 * 7, true)] {
        scene.at(MONDAY_NOON + hours * HOUR);
        assert_eq!(scene.refused(stranger, &knock("hyperty://d/s")).is_none(), is_open, "{hours}");
        assert_eq!(scene.refused(own, &knock("hyperty://example.com/o")), None);
    }
}
