#![no_main]

//! Access tokens: as they come, and with a good signature over whatever header and claims there are.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use colloquy_signalling::authn::{Caller, KeySet};
use colloquy_signalling::{KeyAlgorithm, KeyConfig};
use std::sync::OnceLock;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Some moment.
const NOW_UNIX_S: u64 = 1_800_000_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static KEYS: OnceLock<KeySet> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let key = KeyConfig {
            kid: "k".to_owned(),
            algorithm: KeyAlgorithm::Hs256,
            secret: Some(SECRET.to_owned()),
            public_key_pem: None,
            private_key_pem: None,
        };
        KeySet::new(&[key], None).expect("the key is good")
    });
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = keys.verify(text, NOW_UNIX_S);
    let (header, claims) = text.split_once('\n').unwrap_or((r#"{"alg":"HS256"}"#, text));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    if let Ok(claims) = keys.verify(&format!("{signed}.{signature}"), NOW_UNIX_S) {
        assert!(claims.exp + 60 > NOW_UNIX_S, "an old token is taken");
        let _ = Caller::try_from(claims);
    }
});
