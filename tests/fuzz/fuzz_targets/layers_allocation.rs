#![no_main]

//! Layers allocations alone, which the other elements' lengths would keep a fuzzer from.

use colloquy_codecs::rtp::LayersAllocation;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(allocation) = LayersAllocation::parse(bytes) else { return };
    let mut written = Vec::new();
    allocation.write(&mut written);
    assert_eq!(LayersAllocation::parse(&written), Ok(allocation));
    assert_eq!(
        LayersAllocation::new(allocation.stream, allocation.layers()).map(|new| new.layers().len()),
        Some(allocation.layers().len())
    );
});
