//! Clients that do not keep to the protocol.

use super::world::World;
use colloquy_media_core::api::{PeerId, TransportState};
use futures_util::SinkExt as _;
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(start_paused = true)]
async fn orders_that_are_none() {
    let world = World::new();
    let mut early = world.socket().await;
    assert_eq!(early.refused(json!({"type":"join","room":"a","name":"x"})).await, "protocol.unexpected");
    assert_eq!(early.closed().await, 4000);

    let mut anne = world.greeted().await;
    for early in [
        json!({"type":"offer","sdp":"v=0"}),
        json!({"type":"candidate","candidate":""}),
        json!({"type":"subscribe","mid":"0","track":null}),
        json!({"type":"mute","track":"t1","muted":true}),
        json!({"type":"kick","participant":"p1"}),
        json!({"type":"leave"}),
        json!({"type":"stats"}),
        json!({"type":"hello","version":1}),
    ] {
        assert_eq!(anne.refused(early).await, "protocol.unexpected");
    }
    assert_eq!(anne.ask(json!({"type":"join","room":"a","name":"x"})).await["type"], "joined");
    assert_eq!(anne.refused(json!({"type":"join","room":"b","name":"x"})).await, "protocol.unexpected");
    assert_eq!(anne.refused(json!({"type":"resume","resume_token":"p1.x"})).await, "protocol.unexpected");
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_none() {
    let world = World::new();
    let mut anne = world.socket().await;
    assert_eq!(anne.refused(json!({"type":"hello","version":2})).await, "protocol.version");
    assert_eq!(anne.refused(json!({"type":"hello","version":1,"extra":0})).await, "protocol.malformed");
    assert_eq!(anne.ask(json!({"type":"hello","version":1})).await["type"], "welcome");
    for bad in [
        json!({"type":"join","room":"a b","name":"x"}),
        json!({"type":"join","room":"a","name":"\u{7}"}),
        json!({"type":"join","room":"a","name":"x","admin":true}),
        json!({"type":"dance"}),
    ] {
        assert_eq!(anne.refused(bad).await, "protocol.malformed");
    }
    anne.ask(json!({"type":"join","room":"a","name":"x"})).await;
    assert_eq!(anne.refused(json!({"type":"offer","sdp":crate::testing::BAD_SDP})).await, "sdp.rejected");
    assert_eq!(anne.refused(json!({"type":"offer","sdp":"x".repeat(70_000)})).await, "limit.exceeded");
    assert_eq!(anne.refused(json!({"type":"offer","sdp":"v=0","subscriptions":{"0":"x"}})).await, "track.unknown");
    anne.send("{").await;
    assert_eq!(anne.closed().await, 4000);
}

#[tokio::test(start_paused = true)]
async fn frames_that_are_none() {
    let world = World::new();
    let mut binary = world.greeted().await;
    binary.socket.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(binary.closed().await, 4000);

    let text = format!(r#"{{"type":"leave","id":1,"x":"{}"}}"#, "x".repeat(131_072));
    assert_eq!(large_send(&world, text).await, 1009);
}

/// Sends a frame too large while reading, so that neither side waits for the other; gives the close code.
async fn large_send(world: &World, text: String) -> u16 {
    use futures_util::StreamExt as _;
    let client = world.greeted().await;
    let (mut sink, mut stream) = client.socket.split();
    let sending = tokio::spawn(async move { drop(sink.send(Message::text(text)).await) });
    let mut code = 0;
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Close(frame) = message {
            code = frame.map_or(0, |f| f.code.into());
            break;
        }
    }
    sending.abort();
    code
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed() {
    let world = World::new();
    let began = tokio::time::Instant::now();
    let mut silent = world.socket().await;
    assert_eq!(silent.closed().await, 4002);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn who_answers_pings_stays_and_who_does_not_is_closed() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (_deaf, _) = world.joined("a", "Deaf").await;
    // Anne reads (and so answers pings) for a good while; the other's client is stuck.
    let left = anne.event("participant_state").await;
    assert_eq!((&left["participant"], &left["state"]), (&json!("p2"), &json!("reconnecting")));
    assert_eq!(anne.event("participant_left").await["reason"], "lost");
    assert!(world.get("/metrics").await.body.contains(r#"colloquy_ws_closes_total{code="4002"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_closed() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    for _ in 0..400 {
        if anne.socket.feed(Message::text(r#"{"type":"candidate","id":7,"candidate":""}"#)).await.is_err() {
            break;
        }
    }
    drop(anne.socket.flush().await);
    assert_eq!(anne.closed().await, 4003);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_closed_and_may_resume() {
    let world = World::new();
    let (slow, joined) = world.joined("a", "Slow").await;
    for _ in 0..15_000 {
        world.engine.transport(PeerId(1), TransportState::Connected);
        world.engine.transport(PeerId(1), TransportState::Disconnected);
    }
    let closed = r#"colloquy_ws_closes_total{code="4004"} 1"#;
    // Long before the pong that is missing would be noticed.
    tokio::time::timeout(Duration::from_secs(9), async {
        while !world.get("/metrics").await.body.contains(closed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
    drop(slow);
    let mut back = world.greeted().await;
    assert_eq!(back.ask(json!({"type":"resume","resume_token":joined["resume_token"]})).await["type"], "joined");
}
