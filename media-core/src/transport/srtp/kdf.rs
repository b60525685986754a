//! Session keys from the master key (RFC 3711 section 4.3, RFC 6188 for AES-256).

use super::BadKeys;
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};

/// What a session key is for. Its three labels follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Rtp,
    Rtcp,
}

/// Which session key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// Fills `out` with the session key: the key stream of AES-CM under the master key, from a counter block that holds the
/// master salt with the label folded in (key derivation rate 0).
pub(super) fn derive(
    master_key: &[u8],
    master_salt: &[u8],
    usage: Usage,
    label: Label,
    out: &mut [u8],
) -> Result<(), BadKeys> {
    let mut block = [0u8; 16];
    block.get_mut(..master_salt.len()).ok_or(BadKeys)?.copy_from_slice(master_salt);
    block[7] ^= label as u8 + if usage == Usage::Rtcp { 3 } else { 0 };
    out.fill(0);
    let algorithm = if master_key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, master_key).and_then(EncryptingKey::ctr).map_err(|_| BadKeys)?;
    key.less_safe_encrypt(out, EncryptionContext::Iv128(block.into())).map_err(|_| BadKeys)?;
    Ok(())
}
