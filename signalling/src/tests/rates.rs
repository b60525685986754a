//! How often one address and one identity may ask, and that the others do not notice.

use super::world::{World, key, participant, request};
use crate::{Claims, SignallingConfig, SignallingLimits, mint};
use axum::http::StatusCode;
use serde_json::json;

/// A proxy on this machine says that this one asks.
const STRANGER: (&str, &str) = ("x-forwarded-for", "192.0.2.66");
const ANOTHER: (&str, &str) = ("x-forwarded-for", "192.0.2.67");

fn world(limits: SignallingLimits) -> World {
    World::with(SignallingConfig { keys: vec![key()], limits, ..SignallingConfig::default() })
}

fn token(subject: &str) -> String {
    let room = Some("*".to_owned());
    let claims =
        Claims { sub: subject.to_owned(), room, grants: participant(), exp: 4_000_000_000, ..Claims::default() };
    mint(&key(), &claims).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_address_opens_so_many_sockets_and_no_more() {
    let world = world(SignallingLimits { sockets_per_address: 2, ..SignallingLimits::default() });
    let first = world.socket_with(&[STRANGER]).await.unwrap();
    let _second = world.socket_with(&[STRANGER]).await.unwrap();
    assert_eq!(world.socket_with(&[STRANGER]).await.err(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(world.socket_with(&[ANOTHER]).await.is_ok());
    drop(first);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert!(world.socket_with(&[STRANGER]).await.is_ok(), "a socket that is closed gives its place back");
    for _ in 0..4 {
        world.socket().await;
    }
    let metrics = world.get("/metrics").await.body;
    assert!(metrics.contains(r#"colloquy_limited_total{limit="sockets_per_address"} 1"#), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn an_address_asks_so_often_and_no_more() {
    let world = world(SignallingLimits { requests_per_s_per_address: 10, ..SignallingLimits::default() });
    let ask = async |from| world.http(request("GET", "/api/v1/openapi.json", &[from], "")).await;
    // Three seconds' worth.
    for _ in 0..30 {
        assert_eq!(ask(STRANGER).await.status, StatusCode::OK);
    }
    let refused = ask(STRANGER).await;
    assert_eq!(refused.problem(), (429, "rate.exceeded".to_owned()));
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(ask(ANOTHER).await.status, StatusCode::OK);
    assert_eq!(world.get("/healthz").await.status, StatusCode::OK, "this machine is not counted");
}

#[tokio::test(start_paused = true)]
async fn an_identity_joins_so_often_and_no_more() {
    let world = world(SignallingLimits { joins_per_minute_per_identity: 3, ..SignallingLimits::default() });
    let of_anne = token("anne");
    let mut anne = world.socket_with(&[STRANGER]).await.unwrap();
    anne.ask(json!({"type":"hello","version":1,"token":of_anne})).await;
    for _ in 0..3 {
        assert_eq!(anne.ask(json!({"type":"join","room":"a","name":"n"})).await["type"], "joined");
        anne.ask(json!({"type":"leave"})).await;
    }
    assert_eq!(anne.refused(json!({"type":"join","room":"a","name":"n"})).await, "rate.exceeded");
    // Somebody else from the same address has a bucket of his own.
    let mut bert = world.socket_with(&[STRANGER]).await.unwrap();
    bert.ask(json!({"type":"hello","version":1,"token":token("bert")})).await;
    assert_eq!(bert.ask(json!({"type":"join","room":"a","name":"n"})).await["type"], "joined");
    let metrics = world.get("/metrics").await.body;
    assert!(metrics.contains(r#"colloquy_ws_refusals_total{code="rate.exceeded"} 1"#), "{metrics}");
}
