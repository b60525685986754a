//! `/ws`.

use crate::wire::client::{Client, Server, Wire, close_code, text};
use futures_util::SinkExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_session_is_opened_lost_and_gone_on_with() {
    let server = Server::start("d").await;
    let mut first = server.socket("/ws").await;
    // A stub sends the next before it has the answer.
    for message in [
        json!({"id": 1, "type": "open", "from": "runtime://d/a", "to": "mn:/session"}),
        json!({"id": 2, "type": "subscribe", "from": "runtime://d/a/subscriptions", "to": "domain://msg-node.d/sm", "body": {"resources": ["hyperty://d/h"]}}),
    ] {
        first.send(Message::text(message.to_string())).await.unwrap();
    }
    let opened: Value = serde_json::from_str(&text(&mut first).await).unwrap();
    let token = opened["body"]["runtimeToken"].as_str().unwrap().to_owned();
    let subscribed: Value = serde_json::from_str(&text(&mut first).await).unwrap();
    assert_eq!(
        (&opened["body"]["code"], &subscribed["id"], &subscribed["body"]["code"]),
        (&json!(200), &json!(2), &json!(200))
    );
    // Without a word.
    drop(first);
    server.until(|figures| figures.size.away == 1).await;
    let mut bob = Client::open(&server, Wire::Vertx, "runtime://d/b").await;
    let ping =
        json!({"id": 9, "type": "ping", "from": "hyperty://d/b", "to": "hyperty://d/h", "body": {"text": "é😀"}});
    bob.send(&ping).await;
    server.until(|figures| figures.counters.kept == 1).await;

    let mut again = server.socket("/ws").await;
    let reopen = |token: &str| {
        let from = format!("runtime://d/a/{token}");
        Message::text(json!({"id": 3, "type": "re-open", "from": from, "to": "mn:/session"}).to_string())
    };
    again.send(reopen("wrong")).await.unwrap();
    let refused: Value = serde_json::from_str(&text(&mut again).await).unwrap();
    assert_eq!(refused["body"]["code"], 500);
    again.send(reopen(&token)).await.unwrap();
    let answer: Value = serde_json::from_str(&text(&mut again).await).unwrap();
    assert_eq!((&answer["to"], &answer["body"]["code"]), (&json!(format!("runtime://d/a/{token}")), &json!(200)));
    assert_eq!(serde_json::from_str::<Value>(&text(&mut again).await).unwrap(), ping);

    let close = json!({"id": 4, "type": "close", "from": format!("runtime://d/a/{token}"), "to": "mn:/session"});
    again.send(Message::text(close.to_string())).await.unwrap();
    assert_eq!(close_code(&mut again).await, Some(1000));
    server.until(|figures| figures.size.sessions == 1).await;
}

#[tokio::test]
async fn a_message_of_several_megabytes_passes_and_a_longer_one_ends_the_connection() {
    let server = Server::start("d").await;
    let (mut alice, mut bob) = (
        Client::open(&server, Wire::Vertx, "runtime://d/a").await,
        Client::open(&server, Wire::Vertx, "runtime://d/b").await,
    );
    let big = |len: usize| json!({"id": 1, "type": "create", "from": "hyperty://d/a", "to": "runtime://d/b/storage", "body": {"value": "x".repeat(len)}});
    let message = big(6_000_000);
    let (_, got) = tokio::join!(alice.send(&message), bob.get());
    assert_eq!(got, message);
    let frame = Message::text(big(6_600_000).to_string());
    // The server may have closed before all of it was sent.
    drop(alice.socket.send(frame).await);
    assert_eq!(close_code(&mut alice.socket).await, Some(1009));
}

#[tokio::test]
async fn what_is_not_the_protocol_ends_the_connection() {
    let server = Server::start("d").await;
    let mut client = Client::open(&server, Wire::Vertx, "runtime://d/a").await;
    client.socket.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(close_code(&mut client.socket).await, Some(1002));
    assert_eq!(server.get("/ws").await.0, 400, "no upgrade");
}

#[tokio::test]
async fn who_opens_no_session_is_closed() {
    let server = Server::with("d", |limits, _| limits.open_within = Duration::from_millis(50)).await;
    let mut client = server.socket("/ws").await;
    assert_eq!(close_code(&mut client).await, Some(4002));
    server.until(|figures| figures.size.connections == 0).await;
}

#[tokio::test]
async fn who_is_silent_is_asked_and_then_closed() {
    let server = Server::with("d", |_, wires| {
        wires.ping_every = Duration::from_millis(20);
        wires.silent_for = Duration::from_millis(200);
    })
    .await;
    let mut reads = Client::open(&server, Wire::Vertx, "runtime://d/a").await;
    let silent = Client::open(&server, Wire::Vertx, "runtime://d/b").await;
    // Who reads answers pings by that.
    tokio::select! {
        got = reads.get() => panic!("{got}"),
        () = server.until(|figures| figures.size.away == 1) => {}
    }
    let ping = json!({"id": 1, "type": "ping", "from": "hyperty://d/a", "to": "runtime://d/a/x"});
    assert_eq!(reads.ask(&ping).await, ping, "still there");
    drop(silent);
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_takes_nobody() {
    let server = Server::start("d").await;
    let mut client = Client::open(&server, Wire::Vertx, "runtime://d/a").await;
    server.hub.stop();
    assert_eq!(close_code(&mut client.socket).await, Some(1001));
    assert!(tokio_tungstenite::connect_async(format!("ws://{}/ws", server.address)).await.is_err());
}

#[tokio::test]
async fn the_node_says_that_it_is_there() {
    let server = Server::start("d").await;
    let _client = Client::open(&server, Wire::Vertx, "runtime://d/a").await;
    let (status, body) = server.get("/live").await;
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()),
        (200, json!({"status": "up", "domain": "d", "connected": 1}))
    );
}
