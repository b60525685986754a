//! The registries behind a node, over real sockets.

use crate::wire::client::{Client, SOON, Server, WIRES, Wire};
use colloquy_hyperty_adapter::clock::Clock;
use colloquy_hyperty_adapter::global::{self, GlobalRegistry};
use colloquy_hyperty_adapter::registry::{Edge, Registry, Settings};
use colloquy_storage::{Database, Place};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const URL: &str = "hyperty://d/h1";

struct World {
    server: Server,
    now_ms: Arc<AtomicI64>,
    _edge: Edge,
}

impl World {
    async fn start() -> Self {
        let server = Server::start("d").await;
        let database = Arc::new(Database::open(Place::Memory).await.unwrap());
        let registry = Arc::new(Registry::open(database.clone(), Settings::default()).await.unwrap());
        let global = Arc::new(GlobalRegistry::new(database, global::Settings::default()));
        let now_ms = Arc::new(AtomicI64::new(1_795_223_987_000));
        let now = now_ms.clone();
        let clock = Clock::from_fn(move || now.load(Ordering::Relaxed));
        let edge = Edge::start(&server.hub, registry, global, clock);
        Self { server, now_ms, _edge: edge }
    }
}

fn to_registry(id: u32, verb: &str, body: &Value) -> Value {
    json!({"id": id, "type": verb, "from": "runtime://d/r1/registry/", "to": "domain://registry.d", "body": body})
}

fn create(expires: u32) -> Value {
    let value = json!({"user": "alice@gmail.com", "descriptor": "hyperty-catalogue://catalogue.d/.well-known/hyperty/Connector", "url": URL,
        "expires": expires, "resources": ["audio", "video"], "dataSchemes": ["connection"], "runtime": "runtime://d/r1", "status": "live"});
    to_registry(12, "create", &json!({"policy": "policy", "value": value}))
}

#[tokio::test]
async fn runtimes_on_every_wire_register_and_are_found() {
    let world = World::start().await;
    for wire in WIRES {
        let mut alice = Client::open(&world.server, wire, "runtime://d/r1").await;
        let answer = alice.ask(&create(3_600)).await;
        let expected = json!({"id": 12, "type": "response", "from": "domain://registry.d", "to": "runtime://d/r1/registry/", "body": {"code": 200}});
        assert_eq!(answer, expected, "{wire:?}");
        let mut bob = Client::open(&world.server, wire, "runtime://other/r2").await;
        let criteria = json!({"dataSchemes": ["connection"], "resources": ["audio"]});
        let body = json!({"resource": "/hyperty/idp-identifier/alice@gmail.com", "criteria": criteria});
        let read = json!({"id": 13, "type": "read", "from": "runtime://other/r2/discovery/", "to": "domain://registry.d", "body": body});
        let found = bob.ask(&read).await;
        assert_eq!(
            (&found["body"]["code"], &found["body"]["value"][URL]["status"]),
            (&json!(200), &json!("live")),
            "{wire:?}"
        );
        let global = json!({"id": 14, "type": "READ", "from": "runtime://other/r2/graph-connector", "to": "global://registry/", "body": {"guid": "x"}});
        assert_eq!(bob.ask(&global).await["body"]["Code"], 404);
    }
}

#[tokio::test]
async fn who_is_subscribed_is_told_of_an_unregistration_and_of_a_lapse() {
    let world = World::start().await;
    let mut alice = Client::open(&world.server, Wire::Vertx, "runtime://d/r1").await;
    let mut bob = Client::open(&world.server, Wire::Vertx, "runtime://d/r2").await;
    alice.ask(&create(60)).await;
    let topic = format!("{URL}/registration");
    let subscribe = json!({"id": 2, "type": "subscribe", "from": "runtime://d/r2/sm", "to": "domain://msg-node.d/sm", "body": {"resources": [topic]}});
    assert_eq!(bob.ask(&subscribe).await["body"]["code"], 200);
    let told = |message: Value, status: &str| {
        assert_eq!(
            (&message["type"], &message["from"], &message["to"]),
            (&json!("update"), &json!("domain://registry.d"), &json!(topic))
        );
        assert_eq!(message["body"], json!({"value": status, "attribute": "status"}));
    };
    let gone = json!({"resource": format!("/hyperty/{URL}"), "value": "disconnected", "attribute": "status"});
    assert_eq!(alice.ask(&to_registry(3, "update", &gone)).await["body"]["code"], 200);
    told(bob.get().await, "disconnected");
    let alive = json!({"resource": URL, "value": {"status": "live"}, "method": "refresh"});
    assert_eq!(alice.ask(&to_registry(4, "update", &alive)).await["body"]["code"], 200);
    told(bob.get().await, "live");
    assert_eq!(alice.ask(&to_registry(5, "update", &alive)).await["body"]["code"], 200);
    world.now_ms.fetch_add(61_000, Ordering::Relaxed);
    told(tokio::time::timeout(SOON, bob.get()).await.unwrap(), "disconnected");
    bob.gets_nothing().await;
}

#[tokio::test]
async fn a_runtime_is_answered_in_the_order_in_which_it_asked() {
    let world = World::start().await;
    let mut alice = Client::open(&world.server, Wire::Vertx, "runtime://d/r1").await;
    alice.send(&create(3_600)).await;
    for id in 100..150 {
        alice
            .send(&to_registry(id, "update", &json!({"resource": URL, "value": {"status": format!("busy {id}")}})))
            .await;
        alice.send(&to_registry(id, "read", &json!({"resource": URL}))).await;
    }
    assert_eq!(alice.get().await["id"], 12);
    for id in 100..150 {
        let (updated, read) = (alice.get().await, alice.get().await);
        assert_eq!((&updated["id"], &updated["body"]), (&json!(id), &json!({"code": 200})));
        assert_eq!(read["body"]["value"]["status"], format!("busy {id}"));
    }
}
