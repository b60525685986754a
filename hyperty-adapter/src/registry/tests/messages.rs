//! What original runtimes send to a registry (recorded), and what their connector made of it.

use super::{World, hyperty, object, with};
use serde_json::json;

const URL: &str = "hyperty://d.test/h1";

fn value() -> serde_json::Value {
    with(hyperty(&["audio", "video"], 3_600), &json!({"user": "alice@gmail.com", "url": URL}))
}

#[tokio::test]
async fn a_runtime_resumes_registers_discovers_and_unregisters() {
    let world = World::new().await;
    let resume = json!({"resource": URL, "value": {"status": "live", "user": "alice@gmail.com"}, "via": "runtime://d.test/r1/t"});
    assert_eq!(
        world.ask("update", resume.clone()).await,
        json!({"code": 404, "description": "Not Found"}),
        "at once: it waits for it"
    );
    assert_eq!(world.ask("create", json!({"value": value(), "policy": "policy"})).await, json!({"code": 200}));
    assert_eq!(world.ask("update", resume).await, json!({"code": 200}));
    for body in [
        json!({"resource": "/hyperty/idp-identifier/alice@gmail.com"}),
        json!({"resource": "/hyperty/idp-identifier/alice@gmail.com", "criteria": {"dataSchemes": ["connection"], "resources": ["audio", "video"]}}),
    ] {
        let found = world.ask("read", body.clone()).await;
        assert_eq!(
            (&found["code"], &found["value"][URL]["userID"]),
            (&json!(200), &json!("alice@gmail.com")),
            "{body}"
        );
    }
    let nobody = json!({"resource": "/hyperty/idp-identifier/alice@gmail.com", "criteria": {"resources": ["chat"]}});
    assert_eq!(world.ask("read", nobody).await["code"], 404);
    let one = world.ask("READ", json!({"resource": URL})).await;
    assert_eq!(
        (&one["code"], &one["value"]["hypertyID"]),
        (&json!(200), &json!(URL)),
        "old runtimes write verbs in capitals"
    );

    // As the originals unregister: with a path, and with the address itself.
    for resource in [format!("/hyperty/{URL}"), URL.to_owned()] {
        let gone = json!({"resource": resource, "value": "disconnected", "attribute": "status"});
        assert_eq!(world.ask("update", gone).await, json!({"code": 200}));
        let found = world.ask("read", json!({"resource": "/hyperty/idp-identifier/alice@gmail.com"})).await;
        assert_eq!(
            (&found["code"], &found["description"]),
            (&json!(408), &json!("Temporarily Unavailable")),
            "{resource}"
        );
        assert_eq!(found["value"][URL]["status"], "disconnected");
        let alive = json!({"resource": URL, "value": {"status": "live"}, "method": "refresh"});
        assert_eq!(world.ask("update", alive).await, json!({"code": 200}));
        assert_eq!(world.ask("read", json!({"resource": URL})).await["code"], 200);
    }
    let said: Vec<_> =
        world.registry.take_changes(9).into_iter().map(|change| (change.topic(), change.status)).collect();
    let topic = || format!("{URL}/registration");
    let status = |status: &str| (topic(), status.to_owned());
    assert_eq!(
        said,
        [status("disconnected"), status("live"), status("disconnected"), status("live")],
        "refreshing is no news"
    );
    assert_eq!(
        world.ask("delete", json!({"value": {"user": "alice@gmail.com", "url": URL}})).await,
        json!({"code": 200})
    );
    let change = world.registry.take_changes(9).remove(0);
    let told: serde_json::Value = serde_json::from_str(&change.message("d.test", 4)).unwrap();
    let body = json!({"value": "disconnected", "attribute": "status"});
    assert_eq!(
        told,
        json!({"id": 4, "type": "update", "from": "domain://registry.d.test", "to": topic(), "body": body})
    );
}

#[tokio::test]
async fn objects_are_registered_without_resources_and_found_by_address_name_and_reporter() {
    let world = World::new().await;
    let mut value = with(
        object("call", 3_600),
        &json!({"url": "connection://d.test/o1", "childrens": [], "startingTime": "2026-11-21T01:25:44.251Z"}),
    );
    value.as_object_mut().unwrap().remove("resources");
    assert_eq!(world.ask("create", json!({"value": value, "policy": "policy"})).await, json!({"code": 200}));
    let one = world.ask("read", json!({"resource": "connection://d.test/o1"})).await;
    assert_eq!((&one["code"], &one["value"]["resources"]), (&json!(200), &json!([])));
    assert_eq!(one["value"]["childrens"], json!(null), "the original keeps no other members");
    for body in [
        json!({"resource": "call"}),
        json!({"resource": "call", "criteria": {"dataSchemes": ["connection"]}}),
        json!({"resource": "", "criteria": {"reporter": "hyperty://d.test/h1"}}),
        json!({"criteria": {"reporter": "hyperty://d.test/h1", "dataSchemes": ["connection"]}}),
    ] {
        let found = world.ask("read", body.clone()).await;
        assert_eq!((&found["code"], &found["value"]["connection://d.test/o1"]), (&json!(200), &one["value"]), "{body}");
    }
    assert_eq!(
        world.ask("update", json!({"resource": "connection://d.test/o1", "value": {"status": "disconnected"}})).await,
        json!({"code": 200})
    );
    assert_eq!(
        world.ask("read", json!({"resource": "connection://d.test/o1"})).await["code"],
        200,
        "an object is answered although it is gone"
    );
    assert_eq!(world.ask("delete", json!({"value": {"name": "connection://d.test/o1"}})).await, json!({"code": 200}));
    assert_eq!(world.ask("read", json!({"resource": "schema://d.test/non-existing-object"})).await["code"], 404);
}

#[tokio::test]
async fn runtimes_are_registered_like_hyperties_under_either_scheme() {
    let world = World::new().await;
    let value = with(value(), &json!({"url": "hyperty-runtime://d.test/r1"}));
    assert_eq!(world.ask("create", json!({ "value": value })).await, json!({"code": 200}));
    for resource in ["runtime://d.test/r1", "hyperty-runtime://d.test/r1"] {
        assert_eq!(
            world.ask("update", json!({ "resource": resource })).await,
            json!({"code": 200}),
            "a sign of life without a value"
        );
        let found = world.ask("read", json!({ "resource": resource })).await;
        assert_eq!(
            (&found["code"], &found["value"]["hypertyID"]),
            (&json!(200), &json!("hyperty-runtime://d.test/r1"))
        );
    }
    let found = world.ask("read", json!({"resource": "/hyperty/idp-identifier/alice@gmail.com"})).await;
    assert_eq!(found["value"]["hyperty-runtime://d.test/r1"]["status"], "live", "as its owner writes it");
}

#[tokio::test]
async fn only_its_own_runtime_changes_what_is_registered() {
    let world = World::new().await;
    world.ask("create", json!({ "value": value() })).await;
    let gone = json!({"resource": URL, "value": {"status": "disconnected"}});
    let eve = "runtime://d.test/eve/registry/";
    assert_eq!(world.ask_from(eve, "update", gone.clone()).await["code"], 404);
    assert_eq!(
        world.ask_from(eve, "delete", json!({"value": {"user": "alice@gmail.com", "url": URL}})).await["code"],
        404
    );
    assert_eq!(world.ask("read", json!({"resource": URL})).await["value"]["status"], "live");
    assert_eq!(world.ask_from("hyperty-runtime://d.test/r1/registry", "update", gone).await["code"], 200);
}

#[tokio::test]
async fn what_is_no_request_is_told_why() {
    let world = World::new().await;
    for (verb, body, cause) in [
        ("create", json!({}), "no value"),
        ("create", json!({"value": {"user": "a"}}), "no url"),
        ("create", json!({"value": {"url": URL}}), "no user"),
        ("create", json!({"value": {"url": URL, "user": "a"}}), "no expires"),
        ("create", json!({"value": "live"}), "not as the registry has it"),
        ("update", json!({"value": {}}), "no resource"),
        ("update", json!({"resource": URL, "value": [1]}), "not as the registry has it"),
        ("update", json!({"resource": URL, "value": 7, "attribute": "status"}), "status"),
        ("delete", json!({}), "no url"),
        // Lists are no objects, whatever stands where in them.
        ("delete", json!({"value": ["user://x/y", URL]}), "no object"),
        ("create", json!([null, {"url": URL, "user": "user://x/y"}]), "no object"),
        ("read", json!({}), "an address has"),
        ("read", json!({"resource": 7}), "not as"),
        (
            "read",
            json!({"resource": "/hyperty/idp-identifier/a", "criteria": {"resources": vec!["x"; 65]}}),
            "at most 64",
        ),
        ("subscribe", json!({"resource": URL}), "create, read, update or delete"),
    ] {
        let said = world.ask(verb, body.clone()).await;
        let why = said["description"].as_str().unwrap_or_default();
        assert!(said["code"] == 400 && why.contains(cause), "{verb} {body}: {said}");
    }
}
