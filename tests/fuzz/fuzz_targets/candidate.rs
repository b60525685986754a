#![no_main]

//! Trickled candidates and SDP fragments (RFC 8840), of a participant who has a session.

#[allow(dead_code, reason = "each target uses a part")]
mod engine;

use colloquy_media_core::api::{Command, IceMode, Reply};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (mut engine, mut out, now) = engine::with_session(IceMode::Full);
    let peer = engine::PEER;
    for candidate in text.lines().take(64) {
        engine.handle_command(now, Command::AddCandidate { peer, candidate: candidate.to_owned() }, &mut out);
    }
    let sdpfrag = text.to_owned();
    engine.handle_command(now, Command::Fragment { peer, sdpfrag, reply: Reply::ignore() }, &mut out);
    engine.handle_timeout(now, &mut out);
    engine::check(&mut engine);
});
