#![no_main]

//! Payloads, packets and events of socket.io over engine.io 3, as text and as bytes.

use colloquy_hyperty_adapter::wire::socketio::packet::{Packet, add_to_payload, binary_payload, message, payload};
use colloquy_hyperty_adapter::wire::socketio::{Conversation, Phase};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut talk = Conversation::new(Phase::Polling, []);
    let mut messages = Vec::new();
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    for packet in payload(text).into_iter().chain(binary_payload(bytes)).flatten().chain([text.into()]) {
        let Ok(packet) = Packet::parse(&packet) else { continue };
        let _ = talk.probe(&packet);
        let _ = talk.take(&packet, &mut messages);
        while let Some(answer) = talk.next_answer() {
            let mut polled = String::new();
            add_to_payload(&mut polled, std::str::from_utf8(&answer).expect("an answer is text"));
            assert!(polled.is_ascii());
        }
    }
    // Whatever text is carried, it comes back as it was.
    let json = serde_json::to_string(text).expect("text is JSON");
    let mut polled = String::new();
    add_to_payload(&mut polled, &message(&json));
    let packets = payload(&polled).expect("what we write we read");
    let Ok([packet]) = <[_; 1]>::try_from(packets) else { panic!("one packet") };
    let Ok(packet) = Packet::parse(&packet) else { panic!("a packet") };
    messages.clear();
    let _ = Conversation::new(Phase::Websocket, []).take(&packet, &mut messages);
    assert_eq!(messages, [text.to_owned()]);
});
