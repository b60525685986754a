//! The relay of a server that runs.

use crate::support::{self, client::Client, server::Server};
use std::net::UdpSocket;
use std::time::Duration;

#[test]
fn clients_are_told_of_a_relay_that_answers() {
    let settings = [("COLLOQUY__TURN__ENABLED", "always"), ("COLLOQUY__TURN__PORT", "24525")];
    let server = Server::start(24_520, &settings);
    assert!(server.said.contains("Clients are offered TURN at turn:"), "{}", server.said);

    let (_client, welcome) = Client::greet(24_520);
    let welcome: serde_json::Value = serde_json::from_str(&welcome).unwrap();
    let offered = &welcome["ice_servers"][0];
    let url = offered["urls"][0].as_str().unwrap();
    let address = url.strip_prefix("turn:").and_then(|rest| rest.strip_suffix("?transport=udp")).unwrap();
    let expiry = offered["username"].as_str().unwrap().split(':').next().unwrap().parse::<u64>().unwrap();
    assert!(expiry > support::now_s() && offered["credential"].as_str().unwrap().len() == 28, "{offered}");

    // An allocate request without credentials.
    let any = if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = b"\x00\x03\x00\x08\x21\x12\xa4\x42transaction.\x00\x19\x00\x04\x11\x00\x00\x00";
    socket.send_to(request, address).unwrap();
    let mut answer = [0; 100];
    let len = socket.recv(&mut answer).unwrap();
    assert_eq!(answer[..2], [0x01, 0x13]);
    assert!(answer[..len].windows(8).any(|part| part == b"colloquy"), "it names its realm");
    let metrics = String::from_utf8(server.get("/metrics", "").body).unwrap();
    assert!(metrics.contains("colloquy_turn_allocations 0"), "{metrics}");
}

#[test]
fn a_port_that_is_taken_stops_only_those_who_insist() {
    let _taken = UdpSocket::bind("0.0.0.0:24531").unwrap();
    let variables = |enabled| {
        [
            ("COLLOQUY__HTTP__LISTEN", "127.0.0.1:0"),
            ("COLLOQUY__MEDIA__PORT", "24532"),
            ("COLLOQUY__MEDIA__ADVERTISE", "[\"192.0.2.1\"]"),
            ("COLLOQUY__TURN__PORT", "24531"),
            ("COLLOQUY__TURN__ENABLED", enabled),
        ]
    };
    for (enabled, code) in [("never", 0), ("auto", 0), ("always", 3)] {
        let run = support::run(&["check"], &variables(enabled));
        assert_eq!(run.code, code, "{enabled}: {}", run.out);
        assert_eq!(run.out.contains("offered no TURN"), enabled != "never", "{enabled}: {}", run.out);
    }
}
