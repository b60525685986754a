//! The message node in the server: there where it should be, counted, and ended in order.

use crate::support::server::Server;
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, connect};

#[test]
fn a_session_is_opened_counted_and_told_that_the_server_stops() {
    let mut server = Server::start(24_900, &[("COLLOQUY__RETHINK__DOMAIN", "d.test")]);
    let live = server.get("/live", "");
    assert!(String::from_utf8(live.body).unwrap().contains(r#""domain":"d.test""#));
    let (mut socket, _) = connect("ws://127.0.0.1:24900/ws").unwrap();
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    }
    socket.send(Message::text(r#"{"id":1,"type":"open","from":"runtime://far.test/a","to":"mn:/session"}"#)).unwrap();
    assert!(socket.read().unwrap().to_text().unwrap().contains("runtimeToken"));
    let spoofed = r#"{"id":2,"type":"read","from":"domain://registry.d.test","to":"runtime://far.test/a"}"#;
    socket.send(Message::text(spoofed)).unwrap();
    assert!(socket.read().unwrap().to_text().unwrap().contains(r#""code":403"#));
    let metrics = String::from_utf8(server.get("/metrics", "").body).unwrap();
    for line in ["colloquy_rethink_sessions 1", r#"colloquy_rethink_messages_lost_total{cause="spoofed"} 1"#] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    server.signal("TERM");
    let Message::Close(Some(frame)) = socket.read().unwrap() else { panic!("it is closed") };
    assert_eq!(u16::from(frame.code), 1001);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn where_it_is_not_wanted_it_is_not() {
    let server = Server::start(24_910, &[("COLLOQUY__RETHINK__ENABLED", "never")]);
    for path in ["/live", "/ws", "/stub/connect", "/socket.io/?EIO=3&transport=polling"] {
        let body = String::from_utf8(server.get(path, "").body).unwrap();
        assert!(!body.contains("\"sid\"") && !body.contains("\"domain\""), "{path}");
    }
    assert!(!String::from_utf8(server.get("/metrics", "").body).unwrap().contains("rethink"));
}

/// Sends a message, and gives the answer to it.
fn ask(
    socket: &mut tokio_tungstenite::tungstenite::WebSocket<MaybeTlsStream<std::net::TcpStream>>,
    text: &str,
) -> Value {
    socket.send(Message::text(text)).unwrap();
    serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap()
}

#[test]
fn what_is_registered_outlives_the_server_and_a_catalogue_says_how_to_come() {
    let folder = std::env::temp_dir().join(format!("colloquy-rethink-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let database = folder.join("rethink.sqlite");
    let settings = [
        ("COLLOQUY__RETHINK__DOMAIN", "d.test"),
        ("COLLOQUY__RETHINK__DATABASE", database.to_str().unwrap()),
        ("COLLOQUY__RETHINK__REGISTRY_HTTP", "read"),
    ];
    let mut server = Server::start(24_920, &settings);
    let (mut socket, _) = connect("ws://127.0.0.1:24920/ws").unwrap();
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    }
    ask(&mut socket, r#"{"id":1,"type":"open","from":"runtime://d.test/a","to":"mn:/session"}"#);
    let registered = ask(
        &mut socket,
        r#"{"id":2,"type":"create","from":"runtime://d.test/a/registry/","to":"domain://registry.d.test","body":{"value":{"user":"alice@d.test",
        "descriptor":"hyperty-catalogue://catalogue.d.test/.well-known/hyperty/Connector","url":"hyperty://d.test/h1","expires":3600,
        "resources":["audio"],"dataSchemes":["connection"],"runtime":"runtime://d.test/a","status":"live"}}}"#,
    );
    assert_eq!(registered["body"]["code"], 200, "{registered}");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));

    let server = Server::start(24_920, &settings);
    let found = server.get("/hyperty/email/alice%40d.test", "");
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    assert_eq!(found["hyperty://d.test/h1"]["userID"], "alice@d.test", "{found}");
    let types: Value = serde_json::from_slice(&server.get("/.well-known/", "").body).unwrap();
    assert!(types.as_array().is_some_and(|types| types.iter().any(|one| one == "hyperty")), "{types}");
    drop(server);
    std::fs::remove_dir_all(&folder).unwrap();
}
