//! Secrets that we hand out: resume tokens, and the last part of WHIP and WHEP addresses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 192 random bits: nobody guesses them, and they fill 32 characters exactly.
const SECRET_BYTES: usize = 24;

/// A random secret, written in base64url.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Secret(String);

impl Secret {
    /// A fresh one, from the operating system's generator by way of aws-lc.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).expect("the operating system has random numbers");
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// One that a client offers, to be looked up.
    pub(crate) fn given(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that says nothing about where they differ.
    pub(crate) fn matches(&self, offered: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), offered.as_bytes()).is_ok()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
