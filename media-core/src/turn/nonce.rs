//! Nonces (RFC 8489 section 9.2) that say themselves when they were made and for whom, so that none needs to be remembered.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;

/// How long a nonce is taken, in seconds. An hour is what RFC 8656 section 5 recommends.
const LIFETIME_S: u64 = 3_600;

/// Bytes: four of the time, eight that only we can make. Someone who guesses eight bytes gains the use of an old nonce, no more.
const NONCE_BYTES: usize = 12;

/// Characters of a nonce. Short, since it goes into answers to strangers.
const NONCE_CHARS: usize = NONCE_BYTES / 3 * 4;

/// Makes nonces and knows its own again.
#[derive(Debug)]
pub(super) struct Nonces {
    key: hmac::Key,
}

impl Nonces {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed) }
    }

    /// A nonce for a client. It holds from any port of his, so that one that a NAT moves keeps it.
    pub(super) fn issue(&self, client: IpAddr, now_unix_s: u64) -> [u8; NONCE_CHARS] {
        let made = (now_unix_s as u32).to_be_bytes();
        let mut nonce = [0; NONCE_BYTES];
        nonce[..4].copy_from_slice(&made);
        nonce[4..].copy_from_slice(&self.mark(client, made));
        let mut text = [0; NONCE_CHARS];
        STANDARD.encode_slice(nonce, &mut text).expect("12 bytes are 16 characters");
        text
    }

    /// Whether a nonce is ours, this client's, and not too old.
    pub(super) fn holds(&self, nonce: &[u8], client: IpAddr, now_unix_s: u64) -> bool {
        let mut bytes = [0; NONCE_BYTES];
        if nonce.len() != NONCE_CHARS || STANDARD.decode_slice(nonce, &mut bytes) != Ok(NONCE_BYTES) {
            return false;
        }
        let [a, b, c, d, mark @ ..] = bytes;
        let made = u64::from(u32::from_be_bytes([a, b, c, d]));
        constant_time::verify_slices_are_equal(&self.mark(client, [a, b, c, d]), &mark).is_ok()
            && now_unix_s.saturating_sub(made) <= LIFETIME_S
    }

    fn mark(&self, client: IpAddr, made: [u8; 4]) -> [u8; 8] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&made);
        match client {
            IpAddr::V4(ip) => context.update(&ip.octets()),
            IpAddr::V6(ip) => context.update(&ip.octets()),
        }
        let mut mark = [0; 8];
        mark.copy_from_slice(&context.sign().as_ref()[..8]);
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_holds_for_its_client_and_an_hour() {
        let nonces = Nonces::new(&[1; 32]);
        let (me, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let nonce = nonces.issue(me, 1_000);
        assert!(nonces.holds(&nonce, me, 1_000) && nonces.holds(&nonce, me, 4_600));
        assert!(!nonces.holds(&nonce, me, 4_601), "too old");
        assert!(!nonces.holds(&nonce, other, 1_000), "another client's");
        assert!(!Nonces::new(&[2; 32]).holds(&nonce, me, 1_000), "another server's");
        for forged in [&b""[..], b"AAAAAAAAAAAAAAAA", b"????????????????", &nonce[..15]] {
            assert!(!nonces.holds(forged, me, 1_000));
        }
    }
}
