//! What policies see, by domain, user, hyperty, resource, type and time; and what is decided where none is about a message.

use super::support::{HOUR, MONDAY_NOON, Scene, invite, signed};
use crate::node::world::{message, subscribe};
use colloquy_hyperty_adapter::node::Dialect;
use colloquy_hyperty_adapter::policy::{Otherwise, Zone};
use serde_json::json;

#[test]
fn a_policy_can_be_about_anything() {
    let table = [
        (r#"principal in Domain::"d", action, resource"#, ""),
        (r#"principal == Runtime::"runtime://d/a", action, resource"#, ""),
        (r#"principal, action == Action::"create", resource == Address::"hyperty://example.com/b""#, ""),
        (r#"principal, action, resource in Domain::"example.com""#, ""),
        ("principal, action, resource", r#"context.from.address == "connection://d/1/subscription""#),
        ("principal, action, resource", r#"context.resourceTypes.contains("video")"#),
        ("principal, action, resource", r#"resource.kind == "hyperty" && resource.scheme == "hyperty""#),
        (
            "principal, action, resource",
            r#"context.runtime == "runtime://d/a" && context.to == "hyperty://example.com/b""#,
        ),
        ("principal, action, resource", r#"context.time == {minute: 720, weekday: "monday", date: 20261123}"#),
        ("principal, action, resource", r#"context.identity == "none""#),
    ];
    for (scope, when) in table {
        let when =
            if when.is_empty() { String::new() } else { format!("when {{ resource.kind == \"hyperty\" && {when} }}") };
        // Sessions are opened before anything can be refused.
        let policy = format!("forbid ({scope}) {when} unless {{ resource.kind == \"session\" }};");
        let mut scene = Scene::of(&[("one.cedar", &policy)]);
        let (alice, other) = (scene.world.open("a"), scene.world.open_as(Dialect::Vertx, "runtime://far.test/o"));
        let refused = scene.refused(alice, &invite("1", "hyperty://example.com/b"));
        assert_eq!(refused.as_deref(), Some("policy one/policy0 forbids it"), "{policy}");
        assert_eq!(scene.refused(alice, &invite("1", "hyperty://example.com/b")), refused, "and again");
        let asked = scene.policies.figures();
        assert!(asked.remembered >= 1, "{policy}: {asked:?}");
        let mut harmless = message("ping", "hyperty://far.test/o", "comm://far.test/x");
        harmless["body"] = signed(json!({"body": {}}), "alice")["body"].take();
        assert_eq!(scene.refused(other, &harmless), None, "{policy}");
    }
}

#[test]
fn what_no_policy_is_about_is_not_looked_at() {
    let mut scene = Scene::of(&[("one.cedar", r#"forbid (principal, action == Action::"delete", resource);"#)]);
    let alice = scene.world.open("a");
    for _ in 0..10 {
        assert_eq!(scene.refused(alice, &message("update", "comm://d/o", "comm://d/o/changes")), None);
    }
    assert_eq!(scene.policies.figures().asked, 0);
    assert!(scene.refused(alice, &message("delete", "comm://d/o", "hyperty://d/x")).is_some());
    assert_eq!(scene.policies.figures().asked, 1);
    // Nothing depends on who asks, or what.
    assert!(scene.refused(alice, &message("delete", "comm://d/p", "hyperty://d/y")).is_some());
    assert_eq!(scene.policies.figures().remembered, 1);
}

#[test]
fn whatever_is_decided_depends_on_is_remembered_with_it() {
    let policy = r#"forbid (principal, action == Action::"create", resource) when { principal has email && principal.email == "bob@example.com" };"#;
    let mut scene = Scene::of(&[("one.cedar", policy)]);
    let alice = scene.world.open("a");
    for _ in 0..3 {
        for (who, may) in [("alice", true), ("bob", false), ("carol", true)] {
            let refused = scene.refused(alice, &signed(invite("1", "hyperty://d/b"), who));
            assert_eq!(refused.is_none(), may, "{who}");
        }
    }
    let figures = scene.policies.figures();
    assert_eq!((figures.asked, figures.remembered), (9, 6));
}

#[test]
fn with_nothing_allowed_only_what_is_permitted_passes() {
    let permits = r#"
        permit (principal, action, resource) when { resource.kind == "session" };
        permit (principal is User, action, resource in Domain::"d");
        @id("quiet") @description("not at lunch") forbid (principal, action, resource) when { context.time.minute >= 780 && context.time.minute < 840 };
    "#;
    let mut scene = Scene::with(&[("p.cedar", permits)], Otherwise::Deny, Zone::named("Europe/Berlin").unwrap());
    scene.at(MONDAY_NOON - HOUR);
    let alice = scene.world.open_as(Dialect::Vertx, "runtime://d/a");
    let greet = || message("ping", "hyperty://d/a", "hyperty://d/b");
    // 13:00 in Berlin.
    scene.at(MONDAY_NOON);
    assert_eq!(scene.refused(alice, &signed(greet(), "alice")).as_deref(), Some("not at lunch (policy quiet)"));
    scene.at(MONDAY_NOON - HOUR);
    assert_eq!(scene.refused(alice, &signed(greet(), "alice")), None);
    let bob = scene.world.open_as(Dialect::Vertx, "runtime://d/b");
    assert_eq!(
        scene.refused(bob, &message("ping", "hyperty://d/b", "hyperty://d/a")).as_deref(),
        Some("no policy allows it")
    );
    assert!(Zone::named("Europe/Atlantis").unwrap_err().to_string().contains("tzdata"));
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    // Nobody tells the engine who bob is: the policy has no answer, and it is one that forbids.
    let policy = r#"forbid (principal, action == Action::"create", resource) when { User::"user://example.com/bob".issuer == "x" };"#;
    let mut scene = Scene::of(&[("one.cedar", policy)]);
    let alice = scene.world.open("a");
    assert!(scene.refused(alice, &invite("1", "hyperty://d/b")).unwrap().contains("cannot be evaluated"));
    assert_eq!(scene.policies.figures().failed, 1);
    // A list that is too long, and one that is none.
    let policy = r#"forbid (principal, action in [Action::"create", Action::"subscribe"], resource) when { context.resourceTypes.contains("x") };"#;
    let mut scene = Scene::of(&[("one.cedar", policy)]);
    let alice = scene.world.open("a");
    let mut long = invite("1", "hyperty://d/b");
    long["body"]["value"]["resources"] = json!(vec!["audio"; 65]);
    assert!(scene.refused(alice, &long).unwrap().contains("cannot be read"));
    assert!(scene.refused(alice, &subscribe("a", &["no address"])).unwrap().contains("cannot be read"));
    // A body that is no object has nothing to say, and is none of ours.
    let mut text = invite("1", "hyperty://d/b");
    text["body"] = json!("words");
    assert_eq!(scene.refused(alice, &text), None);
}

#[test]
fn what_a_body_hides_is_found_or_refused() {
    let policy =
        r#"@id("own") forbid (principal, action == Action::"create", resource) when { context has ownerEmail };"#;
    let mut scene = Scene::of(&[("one.cedar", policy)]);
    let alice = scene.world.open("a");
    let mut refused = |body: &str| {
        let text =
            format!(r#"{{"id":5,"type":"create","from":"runtime://d/a/r","to":"domain://registry.d","body":{body}}}"#);
        scene.world.send_text(alice, &text);
        scene.world.got(alice).iter().any(|answer| answer["from"] == "mn:/policies")
    };
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    for (body, is_refused) in [
        (r#"{"value":{"user":"bob@example.com"}}"#, true),
        (r#"{"val\u0075e":{"\u0075ser":"bob@example.com"}}"#, true),
        (r#"{"value":{"user":"x","user":"bob@example.com"}}"#, true),
        (r#"{"value":{"user":"\ud800"}}"#, true),
        (r#" { "value" : { "user" : "bob@example.com" } } "#, true),
        (r#"{"value":{"user":7}}"#, false),
        (r#"{"value":["bob@example.com"]}"#, false),
        (r#"{"value":{"name":"x"}}"#, false),
        (r#"[null,{"user":"bob@example.com"}]"#, true),
        (&format!(r#"{{"value":{{"user":{nested}}}}}"#), false),
    ] {
        assert_eq!(refused(body), is_refused, "{}", &body[..body.len().min(80)]);
    }
}
