#![no_main]

//! Packets of the data channels' association, as they come out of DTLS: whole and torn, forged with the right tag and checksum,
//! while channels open and close. And the messages that open channels.

use colloquy_media_core::transport::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzing::establishment(bytes);
    fuzzing::association(bytes, std::time::Instant::now());
});
