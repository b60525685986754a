//! SRTP and SRTCP (RFC 3711), with AES-GCM (RFC 7714) and AES-CM with HMAC-SHA1 (RFC 5764): the media path's own contexts,
//! keyed once from the DTLS exporter.

mod cipher;
mod kdf;
mod receiver;
mod sender;

pub use receiver::{OpenError, SrtpReceiver};
pub use sender::{SealError, SrtpSender};

use cipher::Cipher;
use kdf::Usage;

/// An SRTP protection profile (IANA registry of RFC 5764).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// RFC 7714 section 14.2: 270 ns a packet of 1,200 bytes here.
    AeadAes128Gcm,
    /// RFC 7714 section 14.2: 315 ns.
    AeadAes256Gcm,
    /// RFC 5764 section 4.1.2: 2 us.
    Aes128CmSha1_80,
}

impl Profile {
    /// Its IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
            Self::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
        }
    }

    /// Length of a master key, in bytes.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of a master salt, in bytes.
    #[must_use]
    pub fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// What the DTLS exporter must give, in bytes: two keys and two salts (RFC 5764 section 4.2).
    #[must_use]
    pub fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// Bytes that sealing adds to an RTP packet. An SRTCP packet grows by [`RTCP_INDEX_LEN`] more.
    #[must_use]
    pub fn tag_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }
}

/// The E flag and the 31-bit index that every SRTCP packet carries (RFC 3711 section 3.4).
pub const RTCP_INDEX_LEN: usize = 4;

/// The part of an RTCP packet that stays in the clear (RFC 3711 section 3.4): its header and its sender's SSRC.
const RTCP_CLEAR_LEN: usize = 8;

/// The keying material is of the wrong length, or the cryptographic library refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keying material does not fit the SRTP profile")]
pub struct BadKeys;

/// The contexts of both directions, from what the DTLS exporter gave (RFC 5764 section 4.2: client key, server key, client
/// salt, server salt).
///
/// # Errors
/// [`BadKeys`] when `keying_material` is shorter than [`Profile::keying_material_len`].
pub fn contexts(
    profile: Profile,
    keying_material: &[u8],
    we_are_client: bool,
) -> Result<(SrtpSender, SrtpReceiver), BadKeys> {
    let (key, salt) = (profile.key_len(), profile.salt_len());
    let keys = keying_material.get(..2 * key).ok_or(BadKeys)?;
    let salts = keying_material.get(2 * key..2 * (key + salt)).ok_or(BadKeys)?;
    let (client, server) = ((&keys[..key], &salts[..salt]), (&keys[key..], &salts[salt..]));
    let (ours, theirs) = if we_are_client { (client, server) } else { (server, client) };
    let derive = |(key, salt), usage| Cipher::derive(profile, key, salt, usage);
    let sender = SrtpSender::new(derive(ours, Usage::Rtp)?, derive(ours, Usage::Rtcp)?);
    let receiver = SrtpReceiver::new(derive(theirs, Usage::Rtp)?, derive(theirs, Usage::Rtcp)?);
    Ok((sender, receiver))
}

/// What we send under a key that was agreed on elsewhere, as in a description (RFC 4568): the master key, then the master salt.
///
/// # Errors
/// [`BadKeys`] when there are not [`Profile::key_len`] and [`Profile::salt_len`] bytes of it.
pub fn sender(profile: Profile, key_and_salt: &[u8]) -> Result<SrtpSender, BadKeys> {
    let (key, salt) = split(profile, key_and_salt)?;
    let derive = |usage| Cipher::derive(profile, key, salt, usage);
    Ok(SrtpSender::new(derive(Usage::Rtp)?, derive(Usage::Rtcp)?))
}

/// What we are sent under such a key.
///
/// # Errors
/// As [`sender`].
pub fn receiver(profile: Profile, key_and_salt: &[u8]) -> Result<SrtpReceiver, BadKeys> {
    let (key, salt) = split(profile, key_and_salt)?;
    let derive = |usage| Cipher::derive(profile, key, salt, usage);
    Ok(SrtpReceiver::new(derive(Usage::Rtp)?, derive(Usage::Rtcp)?))
}

fn split(profile: Profile, key_and_salt: &[u8]) -> Result<(&[u8], &[u8]), BadKeys> {
    let (key, salt) = key_and_salt.split_at_checked(profile.key_len()).ok_or(BadKeys)?;
    if salt.len() == profile.salt_len() { Ok((key, salt)) } else { Err(BadKeys) }
}

#[cfg(test)]
mod tests;
