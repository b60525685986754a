//! What a peer can grow has a bound.

use super::{World, hyperty, object, with};
use crate::registry::record::{MAX_ADDRESS, MAX_LIST, MAX_RECORD, MAX_TEXT};
use crate::registry::{Refused, Settings};
use colloquy_storage::registry::{Counts, Kind};
use serde_json::json;

fn url(number: u32) -> String {
    format!("hyperty://d.test/{number}")
}

async fn register(world: &World, user: &str, number: u32) -> i64 {
    let value = with(hyperty(&["audio"], 60), &json!({"user": user, "url": url(number)}));
    world.ask("create", json!({ "value": value })).await["code"].as_i64().unwrap()
}

#[tokio::test]
async fn a_user_has_so_many_and_the_oldest_that_is_gone_makes_room() {
    let world = World::with(Settings { max_of_owner: 3, ..Settings::default() }).await;
    for number in 0..3 {
        assert_eq!(register(&world, "alice", number).await, 200);
        world.pass(1);
    }
    assert_eq!(register(&world, "alice", 3).await, 429);
    assert_eq!(register(&world, "alice", 0).await, 200, "what is there may be registered anew");
    assert_eq!(register(&world, "bob", 4).await, 200, "others have room");
    world.pass(59);
    assert_eq!(register(&world, "alice", 3).await, 200, "one has lapsed");
    assert_eq!(world.ask("read", json!({"resource": url(1)})).await["code"], 404, "the oldest");
    assert_eq!(world.registry.counts(), Counts { hyperties: 4, data_objects: 0 });
}

#[tokio::test]
async fn a_full_registry_refuses_what_is_new_only() {
    let world = World::with(Settings { max_entries: 2, ..Settings::default() }).await;
    assert_eq!(register(&world, "alice", 0).await, 200);
    let value = with(object("call", 60), &json!({"url": "comm://d.test/o"}));
    assert_eq!(world.ask("create", json!({ "value": value })).await["code"], 200);
    assert_eq!(register(&world, "alice", 1).await, 507);
    assert_eq!(register(&world, "alice", 0).await, 200);
}

#[tokio::test]
async fn what_is_gone_for_long_is_forgotten() {
    let world = World::with(Settings { retention_s: 3_600, ..Settings::default() }).await;
    register(&world, "alice", 0).await;
    world.pass(61);
    assert_eq!(world.registry.sweep(world.now_ms()).await.unwrap(), 1);
    assert_eq!(world.registry.purge(world.now_ms()).await.unwrap(), 0);
    register(&world, "alice", 1).await;
    world.pass(3_590);
    assert_eq!(world.registry.sweep(world.now_ms()).await.unwrap(), 1);
    assert_eq!(world.registry.purge(world.now_ms()).await.unwrap(), 1);
    assert_eq!(world.registry.counts().hyperties, 1);
    assert!(matches!(world.registry.entry(Kind::Hyperty, &url(0), world.now_ms()).await, Err(Refused::NotFound)));
    assert!(world.registry.entry(Kind::Hyperty, &url(1), world.now_ms()).await.unwrap().all_gone);
}

#[tokio::test]
async fn long_lives_are_shortened_and_long_records_refused() {
    let world = World::new().await;
    let register = async |more: serde_json::Value| {
        let value = with(with(hyperty(&["audio"], 99_999), &json!({"user": "alice", "url": url(0)})), &more);
        world.ask("create", json!({ "value": value })).await["code"].as_i64().unwrap()
    };
    assert_eq!(register(json!({})).await, 200);
    assert_eq!(world.ask("read", json!({"resource": url(0)})).await["value"]["expires"], 3_600);
    assert_eq!(world.ask("update", json!({"resource": url(0), "value": {"expires": 99_999}})).await["code"], 200);
    assert_eq!(world.ask("read", json!({"resource": url(0)})).await["value"]["expires"], 3_600);
    for more in [
        json!({"descriptor": "x".repeat(MAX_TEXT + 1)}),
        json!({"resources": vec!["x"; MAX_LIST + 1]}),
        json!({"dataSchemes": ["x".repeat(257)]}),
        json!({"status": ""}),
        json!({"user": "u".repeat(MAX_ADDRESS + 1)}),
        json!({"url": format!("hyperty://d.test/{}", "u".repeat(MAX_ADDRESS))}),
        json!({"url": "hyperty://d.test/a\nb"}),
        json!({"unknown": "x".repeat(MAX_RECORD)}),
        json!({"expires": -1}),
        json!({"expires": 1.5}),
        json!({"expires": true}),
    ] {
        assert_eq!(register(more.clone()).await, 400, "{}", more.to_string().chars().take(80).collect::<String>());
    }
    for expires in [json!("60"), json!(60.0), json!(0), json!(1e300), json!(u64::MAX)] {
        assert_eq!(register(json!({ "expires": expires })).await, 200, "{expires}");
    }
}
