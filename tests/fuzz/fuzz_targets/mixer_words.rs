#![no_main]

//! What a process that mixes says, and what is said to it: frames and words are read or refused, none of more bytes than a frame may have.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    colloquy_media_core::driver::fuzzing::mixer_words(bytes);
});
