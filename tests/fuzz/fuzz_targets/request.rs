#![no_main]

//! Text frames of the WebSocket.

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = colloquy_signalling::testing::is_request(text);
});
