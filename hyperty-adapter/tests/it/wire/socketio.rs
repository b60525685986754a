//! `/socket.io/`.

use crate::wire::client::{Client, Server, Wire, close_code, packets, polling, text, upgraded};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn event(message: &Value) -> String {
    let packet = format!("42{}", json!(["message", message.to_string()]));
    format!("{}:{packet}", packet.encode_utf16().count())
}

fn open(runtime: &str) -> Value {
    json!({"id": 1, "type": "open", "from": runtime, "to": "mn:/session"})
}

fn message(packet: &str) -> Value {
    let event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
    event[1].clone()
}

#[tokio::test]
async fn a_client_may_poll_for_ever() {
    let server = Server::start("d").await;
    let path = polling(&server).await;
    assert_eq!(server.post(&path, &event(&open("runtime://d/a"))).await, (200, "ok".to_owned()));
    let got = packets(&server.get(&path).await.1);
    assert_eq!(message(&got[0])["body"], json!({"code": 200}));
    assert_eq!(server.post(&path, "1:2").await.0, 200);
    assert_eq!(server.get(&path).await.1, "1:3");

    // Beyond ASCII both ways: as it is in what a client posts, escaped in what it gets.
    let mut bob = Client::open(&server, Wire::SocketIo, "runtime://d/b").await;
    let hello = |from: &str, to: &str| json!({"id": 1, "type": "ping", "from": from, "to": to, "body": "é😀"});
    server.post(&path, &event(&hello("runtime://d/a/x", "runtime://d/b/x"))).await;
    assert_eq!(bob.get().await["body"], "é😀");
    let poll = server.get(&path);
    let greeting = hello("runtime://d/b/x", "runtime://d/a/x");
    let (polled, ()) = tokio::join!(poll, bob.send(&greeting));
    assert!(polled.1.is_ascii());
    assert_eq!(message(&packets(&polled.1)[0])["body"], "é😀");

    // Clients with binary XMLHttpRequests frame in bytes.
    let packet = format!("42{}", json!(["message", hello("runtime://d/a/x", "runtime://d/b/y").to_string()]));
    let mut binary = vec![0];
    binary.extend(packet.len().to_string().bytes().map(|digit| digit - b'0'));
    binary.push(255);
    binary.extend(packet.bytes());
    assert_eq!(server.http("POST", &path, "application/octet-stream", binary).await.0, 200);
    assert_eq!(bob.get().await["to"], "runtime://d/b/y");

    assert_eq!(server.post(&path, "1:1").await.0, 200);
    assert_eq!(server.get(&path).await.0, 400, "it has left");
    server.until(|figures| figures.size.away == 1).await;
}

#[tokio::test]
async fn a_client_changes_to_a_websocket_and_loses_nothing() {
    let server = Server::start("d").await;
    let path = polling(&server).await;
    server.post(&path, &event(&open("runtime://d/a"))).await;
    let opened = packets(&server.get(&path).await.1);
    assert_eq!(message(&opened[0])["body"]["code"], 200);
    let mut socket = server.socket(&path.replace("polling", "websocket")).await;
    // Before it has changed, what comes goes by polling.
    let mut bob = Client::open(&server, Wire::Vertx, "runtime://d/b").await;
    let ping = |id: u32| json!({"id": id, "type": "ping", "from": "hyperty://d/b", "to": "runtime://d/a/x"});
    bob.send(&ping(1)).await;
    assert_eq!(message(&packets(&server.get(&path).await.1)[0])["id"], 1);
    socket.send(Message::text("2probe")).await.unwrap();
    assert_eq!(text(&mut socket).await, "3probe");
    bob.send(&ping(2)).await;
    server.until(|figures| figures.outbox_bytes > 0).await;
    socket.send(Message::text("5")).await.unwrap();
    assert_eq!(message(&text(&mut socket).await)["id"], 2);
    bob.send(&ping(3)).await;
    assert_eq!(message(&text(&mut socket).await)["id"], 3);
    assert_eq!(server.get(&path).await.0, 400, "it does not poll any more");
    socket.send(Message::text("2")).await.unwrap();
    assert_eq!(text(&mut socket).await, "3");
}

#[tokio::test]
async fn a_probe_that_fails_leaves_polling_as_it_was() {
    let server = Server::start("d").await;
    let path = polling(&server).await;
    let mut socket = server.socket(&path.replace("polling", "websocket")).await;
    socket.send(Message::text("42[\"message\",\"{}\"]")).await.unwrap();
    assert_eq!(close_code(&mut socket).await, Some(1002));
    server.post(&path, &event(&open("runtime://d/a"))).await;
    assert_eq!(message(&packets(&server.get(&path).await.1)[0])["body"]["code"], 200);
}

#[tokio::test]
async fn a_client_may_begin_with_a_websocket() {
    let server = Server::start("d").await;
    let mut socket = server.socket("/socket.io/?EIO=3&transport=websocket").await;
    let first = text(&mut socket).await;
    assert!(first.starts_with("0{\"sid\":\"") && first.contains("\"upgrades\":[]"), "{first}");
    assert_eq!(text(&mut socket).await, "40");
    socket.send(Message::text(format!("42{}", json!(["echo", {"a": 1}])))).await.unwrap();
    assert_eq!(text(&mut socket).await, r#"42["echo",{"a":1}]"#);
    socket.send(Message::text(format!("42{}", json!(["message", open("runtime://d/a")])))).await.unwrap();
    assert_eq!(message(&text(&mut socket).await)["body"]["code"], 200, "an object is taken too");
}

#[tokio::test]
async fn who_closes_is_told_not_to_come_back() {
    let server = Server::start("d").await;
    let mut client = Client::open(&server, Wire::SocketIo, "runtime://d/a").await;
    client.send(&json!({"id": 2, "type": "close", "from": "runtime://d/a", "to": "mn:/session"})).await;
    assert_eq!(text(&mut client.socket).await, "41");
    assert_eq!(close_code(&mut client.socket).await, Some(1000));
    let path = polling(&server).await;
    server.post(&path, &event(&open("runtime://d/a"))).await;
    server.get(&path).await;
    server.post(&path, &event(&json!({"id": 2, "type": "close", "from": "runtime://d/a", "to": "mn:/session"}))).await;
    assert_eq!(server.get(&path).await.1, "2:411:1");
    server.until(|figures| figures.size.connections == 0).await;
}

#[tokio::test]
async fn re_open_needs_no_token_of_clients_that_have_none() {
    let server = Server::start("d").await;
    let client = Client::open(&server, Wire::SocketIo, "runtime://d/a").await;
    drop(client);
    let (mut socket, _) = upgraded(&server).await;
    let reopen = json!({"id": 3, "type": "re-open", "from": "runtime://d/a", "to": "mn:/session"});
    socket.send(Message::text(format!("42{}", json!(["message", reopen.to_string()])))).await.unwrap();
    assert_eq!(message(&text(&mut socket).await)["body"], json!({"code": 200}));
    assert_eq!(server.hub.figures().size.sessions, 1);
}

#[tokio::test]
async fn what_is_not_the_protocol_is_refused() {
    let server = Server::start("d").await;
    for (path, code) in [
        ("/socket.io/?EIO=4&transport=polling", 5),
        ("/socket.io/?transport=polling", 5),
        ("/socket.io/?EIO=3&transport=flash", 0),
        ("/socket.io/?EIO=3&transport=polling&sid=unknown", 1),
        ("/socket.io/?EIO=3&transport=polling&j=0", 3),
        ("/socket.io/?EIO=3&transport=websocket", 3),
    ] {
        let (status, body) = server.get(path).await;
        assert_eq!(
            (status, serde_json::from_str::<Value>(&body).unwrap()["code"].as_u64()),
            (400, Some(code)),
            "{path}"
        );
    }
    assert!(server.post("/socket.io/?EIO=3&transport=polling", "1:2").await.1.contains("\"code\":2"));
    for body in ["nonsense", "5:42[", "1:5", "20:4"] {
        let path = polling(&server).await;
        assert_eq!(server.post(&path, body).await.0, 400, "{body}");
        assert_eq!(server.get(&path).await.0, 400, "and the client is gone");
    }
    let path = polling(&server).await;
    let (one, other) = tokio::join!(server.get(&path), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        server.get(&path).await
    });
    assert_eq!((packets(&one.1).last().map(String::as_str), other.0), (Some("1"), 400), "two polls at once");
    server.until(|figures| figures.size.connections == 0).await;
}

#[tokio::test]
async fn pages_of_other_origins_may_come() {
    let server = Server::start("d").await;
    let path = polling(&server).await;
    let (status, headers, _) = server.http("OPTIONS", &path, "", Vec::new()).await;
    assert_eq!(status, 204);
    assert!(headers.contains("http://page.test") && headers.contains("Content-Type"), "{headers}");
    let (_, headers, _) = server.http("POST", &path, "text/plain", b"1:2".to_vec()).await;
    assert!(headers.contains("access-control-allow-credentials"), "{headers}");
}
