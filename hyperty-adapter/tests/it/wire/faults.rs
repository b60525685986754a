//! What breaks other servers ends its own connection here, whichever wire it comes by, and nobody else's.

use crate::wire::client::{Client, Server, WIRES, Wire, close_code};
use colloquy_hyperty_adapter::node::Loss;
use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

async fn small() -> Server {
    Server::with("d", |limits, wires| (limits.message_bytes, wires.message_bytes) = (100_000, 100_000)).await
}

/// Somebody else is still served.
async fn goes_on(server: &Server) {
    let mut other = Client::open(server, Wire::Vertx, "runtime://d/other").await;
    let ping = json!({"id": 1, "type": "ping", "from": "hyperty://d/other", "to": "runtime://d/other/x"});
    assert_eq!(other.ask(&ping).await, ping);
}

#[tokio::test]
async fn an_envelope_that_is_too_long_ends_its_connection_on_every_wire() {
    for wire in WIRES {
        let server = small().await;
        let mut client = Client::open(&server, wire, "runtime://d/a").await;
        // The server may have closed before all of it was sent.
        let frame = Message::text("x".repeat(10 * 1_024 * 1_024));
        drop(client.socket.send(frame).await);
        let code = close_code(&mut client.socket).await;
        assert!(matches!(code, Some(1009) | None), "{wire:?}: {code:?}");
        server.until(|figures| figures.size.connections == 0).await;
        goes_on(&server).await;
    }
}

#[tokio::test]
async fn fragments_without_an_end_are_no_way_around() {
    for wire in WIRES {
        let server = small().await;
        let mut client = Client::open(&server, wire, "runtime://d/a").await;
        let part = |kind| Message::Frame(Frame::message(vec![b'x'; 10_000], OpCode::Data(kind), false));
        let mut sent = client.socket.send(part(Data::Text)).await;
        let mut parts = 1;
        while sent.is_ok() && parts < 1_000 {
            sent = client.socket.send(part(Data::Continue)).await;
            parts += 1;
        }
        close_code(&mut client.socket).await;
        server.until(|figures| figures.size.connections == 0).await;
        goes_on(&server).await;
    }
}

#[tokio::test]
async fn deep_nesting_is_no_way_to_the_stack() {
    let server = Server::start("d").await;
    let mut client = Client::open(&server, Wire::Vertx, "runtime://d/a").await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let lists = deep("[", "]");
    let objects = deep(r#"{"a":"#, "0").replace(&"0".repeat(100_000), &format!("0{}", "}".repeat(100_000)));
    for bad in [
        lists.clone(),
        objects.clone(),
        format!(r#"{{"id":1,"type":"ping","from":"hyperty://d/a","to":{lists}}}"#),
        format!(r#"{{"id":1,"type":"ping","from":{objects},"to":"hyperty://d/a"}}"#),
    ] {
        client.socket.send(Message::text(bad)).await.unwrap();
    }
    server.until(|figures| figures.counters.lost(Loss::Malformed) == 4).await;
    // In a body it is nobody's business but the receiver's.
    let text = format!(r#"{{"id":1,"type":"ping","from":"hyperty://d/a","to":"runtime://d/a/x","body":{lists}}}"#);
    client.socket.send(Message::text(text)).await.unwrap();
    server.until(|figures| figures.counters.lost(Loss::Malformed) == 4 && figures.counters.received == 6).await;
    goes_on(&server).await;
}
