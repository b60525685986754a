//! The message node in the server: there where it should be, counted, and ended in order.

use crate::support::server::Server;
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
