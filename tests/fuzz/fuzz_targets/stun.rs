#![no_main]

//! STUN for a participant: any attributes, with and without a good integrity and fingerprint around them.

#[allow(dead_code, reason = "each target uses a part")]
mod engine;

use aws_lc_rs::hmac;
use colloquy_media_core::api::IceMode;
use colloquy_media_core::wire::Datagram;

fn attribute(kind: u16, value: &[u8], message: &mut Vec<u8>) {
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&(value.len() as u16).to_be_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// STUN's length leaves out its header of 20 bytes, and counts what is about to be signed.
fn set_length(message: &mut [u8], more: usize) {
    let len = (message.len() + more - 20) as u16;
    message[2..4].copy_from_slice(&len.to_be_bytes());
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [options, kind, attributes @ ..] = bytes else { return };
    let ice = if options & 1 == 0 { IceMode::Lite } else { IceMode::Full };
    let (mut engine, mut out, now) = engine::with_session(ice);
    let (ufrag, password) = engine::credentials(&mut engine, now, &mut out);
    let mut message = vec![kind & 1, *kind, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    if options & 2 == 0 {
        attribute(6, format!("{ufrag}:{}", engine::UFRAG).as_bytes(), &mut message);
    }
    message.extend_from_slice(&attributes[..attributes.len().min(1_200)]);
    message.resize(message.len().next_multiple_of(4), 0);
    if options & 4 == 0 {
        set_length(&mut message, 24);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let tag = hmac::sign(&key, &message);
        attribute(8, tag.as_ref(), &mut message);
    }
    set_length(&mut message, 0);
    for _ in 0..2 {
        let mut copy = message.clone();
        engine.handle_datagram(now, Datagram { path: engine::path(), bytes: &mut copy }, &mut out);
        engine.handle_timeout(now, &mut out);
    }
    engine::check(&mut engine);
});
