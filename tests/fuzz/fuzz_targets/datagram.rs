#![no_main]

//! Datagrams of any kind, from nobody and from a validated address, one after the other.

#[allow(dead_code, reason = "each target uses a part")]
mod engine;

use colloquy_media_core::wire::Datagram;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut engine, mut out, now) = engine::engine();
    // A length before each, so that one input is a conversation.
    let mut rest = bytes;
    while let Some((len, more)) = rest.split_first() {
        let (datagram, left) = more.split_at(usize::from(*len).min(more.len()));
        rest = left;
        let mut datagram = datagram.to_vec();
        engine.handle_datagram(now, Datagram { path: engine::path(), bytes: &mut datagram }, &mut out);
        engine.handle_timeout(now, &mut out);
    }
    engine::check(&mut engine);
});
