#![no_main]

//! Payloads, each behind a byte with its length: as redundant audio, and as FlexFEC and what it protects.

// Each target uses one of the walks.
#[allow(dead_code)]
#[path = "../../../codecs/tests/wire/walk.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let payloads = std::iter::from_fn(move || {
        let (&len, after) = rest.split_first()?;
        let (payload, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        Some(payload)
    });
    payloads.clone().for_each(walk::red);
    walk::flexfec(payloads);
});
