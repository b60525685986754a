#![no_main]

//! Offers and SDP fragments of any kind: read, answered or refused, and the room stays usable.

#[allow(dead_code, reason = "each target uses a part")]
mod engine;

use colloquy_media_core::api::{Command, Offer, Reply, Subscriptions};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (mut engine, mut out, now) = engine::engine();
    let peer = engine::PEER;
    for _ in 0..2 {
        let offer = Offer { sdp: text.to_owned(), sources: Vec::new(), subscriptions: Subscriptions::InOrder(Vec::new()) };
        engine.handle_command(now, Command::Offer { peer, offer, reply: Reply::ignore() }, &mut out);
        let sdpfrag = text.to_owned();
        engine.handle_command(now, Command::Fragment { peer, sdpfrag, reply: Reply::ignore() }, &mut out);
        engine.handle_command(now, Command::AddCandidate { peer, candidate: text.to_owned() }, &mut out);
        engine.handle_timeout(now, &mut out);
    }
    engine::check(&mut engine);
});
