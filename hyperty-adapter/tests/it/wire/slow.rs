//! Clients that do not read, or send too fast.

use crate::wire::client::{Client, Server, Wire, close_code};
use colloquy_hyperty_adapter::node::{Loss, SlowReader};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn big(to: &str) -> Value {
    json!({"id": 1, "type": "update", "from": "hyperty://d/a", "to": to, "body": "x".repeat(100_000)})
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_nobody_else_waits() {
    let server = Server::with("d", |limits, wires| {
        wires.outbox_bytes = 500_000;
        limits.waiting_bytes = 200_000;
    })
    .await;
    let (mut alice, mut bob) = (
        Client::open(&server, Wire::Vertx, "runtime://d/a").await,
        Client::open(&server, Wire::Vertx, "runtime://d/b").await,
    );
    let deaf = Client::open(&server, Wire::Vertx, "runtime://d/deaf").await;
    // What the sockets of both sides take is megabytes.
    for _ in 0..300 {
        alice.send(&big("runtime://d/deaf/x")).await;
    }
    server.until(|figures| figures.counters.slow_closed == 1).await;
    server.until(|figures| figures.counters.received == 303).await;
    let figures = server.hub.figures();
    assert!(figures.size.waiting_bytes <= 200_000 && figures.counters.lost(Loss::QueueFull) > 0, "{figures:?}");
    assert_eq!((figures.outbox_bytes, figures.size.away), (0, 1));
    alice.send(&big("runtime://d/b/x")).await;
    assert_eq!(bob.get().await["to"], "runtime://d/b/x");
    drop(deaf);
}

#[tokio::test]
async fn or_what_it_does_not_read_is_dropped() {
    let server = Server::with("d", |_, wires| {
        wires.outbox_bytes = 500_000;
        wires.slow_reader = SlowReader::Drop;
    })
    .await;
    let mut alice = Client::open(&server, Wire::Vertx, "runtime://d/a").await;
    let mut deaf = Client::open(&server, Wire::Vertx, "runtime://d/deaf").await;
    for _ in 0..300 {
        alice.send(&big("runtime://d/deaf/x")).await;
    }
    server.until(|figures| figures.counters.received == 302).await;
    let dropped = server.hub.figures().counters.lost(Loss::SlowReader);
    assert!(dropped > 0);
    let got = async {
        for _ in 0..300 - dropped {
            deaf.get().await;
        }
    };
    got.await;
    deaf.gets_nothing().await;
}

#[tokio::test]
async fn a_flood_is_taken_at_the_pace_that_is_allowed() {
    let server = Server::with("d", |limits, _| (limits.messages_per_s, limits.burst_s) = (200, 1)).await;
    let (mut alice, mut bob) = (
        Client::open(&server, Wire::Vertx, "runtime://d/a").await,
        Client::open(&server, Wire::Vertx, "runtime://d/b").await,
    );
    let start = Instant::now();
    for id in 0..300 {
        alice.send(&json!({"id": id, "type": "ping", "from": "hyperty://d/a", "to": "runtime://d/b/x"})).await;
    }
    for id in 0..300 {
        assert_eq!(bob.get().await["id"], id);
    }
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
    assert!(server.hub.figures().counters.paced > 0);
}

#[tokio::test]
async fn only_so_many_may_wait_with_no_session() {
    let server = Server::with("d", |limits, _| limits.unopened = 2).await;
    let mut first = server.socket("/ws").await;
    let _second = server.socket("/ws").await;
    let _third = server.socket("/ws").await;
    assert_eq!(close_code(&mut first).await, Some(4002));
}
