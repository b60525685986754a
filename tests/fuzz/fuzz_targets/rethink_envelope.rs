#![no_main]

//! What reTHINK clients send, line by line, to a message node with two sessions: whatever it is, the node's books stay right, nobody speaks for another,
//! and nothing is left when all have gone.

use colloquy_hyperty_adapter::envelope::Envelope;
use colloquy_hyperty_adapter::node::{Dialect, Effect, Node, Open, Settings};
use std::time::{Duration, Instant};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let now = Instant::now();
    let mut settings = Settings::new("d");
    settings.limits.waiting_messages = 8;
    let mut node = Node::new(settings, Box::new(Open), [1; 32]);
    let mallory = node.connect(now, Dialect::Vertx, None).unwrap();
    let alice = node.connect_as(now, Dialect::NoMatrix, None, "runtime://d/alice").unwrap();
    let own = r#"{"id":1,"type":"subscribe","from":"runtime://d/alice/sm","to":"domain://msg-node.d/sm","body":{"resources":["hyperty://d/alice"]}}"#;
    node.receive(now, alice, &own.into());
    node.drain().for_each(drop);
    for line in text.lines().take(64) {
        node.receive(now, mallory, &line.to_owned().into());
        for effect in node.drain() {
            let Effect::Send { text, to } = effect else { continue };
            let text = std::str::from_utf8(&text).expect("what is sent is text");
            // Answers to what has no address go to whatever it has.
            let Ok(message) = Envelope::parse(text) else { continue };
            let is_alices = message.from.runtime() == Some("runtime://d/alice") || message.from.as_str() == "hyperty://d/alice";
            assert!(to == mallory || !is_alices, "spoofed: {text}");
        }
    }
    for one in [mallory, alice] {
        node.disconnected(now, one, []);
    }
    node.handle_timeout(now + Duration::from_secs(3_600));
    let size = node.size();
    assert_eq!((size.sessions, size.connections, size.addresses, size.waiting_bytes), (0, 0, 0, 0));
});
