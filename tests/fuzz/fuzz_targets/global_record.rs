#![no_main]

//! Records of the global registry, as whoever likes puts them: the token, its parts, the dataset, the key and the signature. What is taken is one that
//! says of itself what it must.

use colloquy_hyperty_adapter::global::signed::{self, MAX_TOKEN, Signed};

libfuzzer_sys::fuzz_target!(|token: &str| {
    let read = signed::read(token);
    match Signed::parse(token) {
        Ok(Signed { dataset, .. }) => {
            assert!(token.len() <= MAX_TOKEN);
            assert!(dataset.revoked <= 1 && dataset.active <= 1 && !dataset.guid.is_empty());
            assert!(signed::is_signed_with(token, &dataset.public_key).is_ok_and(|is_signed| is_signed));
        }
        // A signature that is wrong, or a key that is none, leaves what it says as it is.
        Err(cause) => assert!(read.is_ok() || !cause.to_string().is_empty()),
    }
});
