#![no_main]

//! Bytes as what happens in a simulated world: commands, packets, time. See `tests/src/chaos.rs`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| colloquy_tests::chaos::play(bytes));
