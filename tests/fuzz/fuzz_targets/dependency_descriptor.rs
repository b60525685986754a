#![no_main]

//! Elements of one stream, each behind a byte with its length: the structure that one brings is remembered for the next.

// Each target uses one of the walks.
#[allow(dead_code)]
#[path = "../../../codecs/tests/wire/walk.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    walk::dependency(std::iter::from_fn(move || {
        let (&len, after) = rest.split_first()?;
        let (element, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        Some(element)
    }));
});
