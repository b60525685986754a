#![no_main]

//! A sound file of an operator's: it is read or refused, and never longer than was asked for.

use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(10);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(samples) = colloquy_codecs::files::read(bytes.to_vec(), LONGEST) {
        assert!(!samples.is_empty() && samples.len() <= LONGEST.as_secs() as usize * 48_000);
        assert!(samples.iter().all(|sample| sample.is_finite()));
    }
});
