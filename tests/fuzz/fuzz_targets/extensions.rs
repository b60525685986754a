#![no_main]

//! One header extension element, as each of the known ones.

// Each target uses one of the walks.
#[allow(dead_code)]
#[path = "../../../codecs/tests/wire/walk.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::extension(bytes));
