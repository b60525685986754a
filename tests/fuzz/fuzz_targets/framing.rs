#![no_main]

//! TCP streams of RFC 4571 frames: the same frames, however the stream is cut. And datagrams on a shared port.

use colloquy_media_core::driver::fuzzing::{frames, worker_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = worker_of(bytes);
    let Some((cut, stream)) = bytes.split_first() else { return };
    assert_eq!(frames(stream, usize::from(*cut)), frames(stream, usize::MAX));
});
