//! One direction's session keys for RTP or for RTCP, set up once.

use super::kdf::{self, Label, Usage};
use super::{BadKeys, Profile};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{constant_time, hmac};

/// The session keys of one profile.
#[derive(Debug)]
pub(super) enum Cipher {
    Gcm(Gcm),
    Cm(Box<Cm>),
    /// None at all: plain RTP (RFC 3550), which anybody on the path can read and change.
    Null,
}

/// AES-GCM (RFC 7714).
#[derive(Debug)]
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

/// AES in counter mode with HMAC-SHA1-80 (RFC 3711).
#[derive(Debug)]
pub(super) struct Cm {
    key: EncryptingKey,
    auth: hmac::Key,
    salt: [u8; 14],
}

/// A packet failed authentication, or the library refused it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused;

/// Bytes of an HMAC-SHA1-80 tag.
pub(super) const CM_TAG_LEN: usize = 10;
/// Bytes of a GCM tag.
pub(super) const GCM_TAG_LEN: usize = 16;

impl Cipher {
    pub(super) fn derive(
        profile: Profile,
        master_key: &[u8],
        master_salt: &[u8],
        usage: Usage,
    ) -> Result<Self, BadKeys> {
        let derive = |label, out: &mut [u8]| kdf::derive(master_key, master_salt, usage, label, out);
        let mut key = [0u8; 32];
        let key = &mut key[..profile.key_len()];
        derive(Label::Encryption, key)?;
        match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let mut salt = [0u8; 12];
                derive(Label::Salt, &mut salt)?;
                let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
                let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(|_| BadKeys)?);
                Ok(Self::Gcm(Gcm { key, salt }))
            }
            Profile::Aes128CmSha1_80 => {
                let mut salt = [0u8; 14];
                derive(Label::Salt, &mut salt)?;
                let mut auth = [0u8; 20];
                derive(Label::Authentication, &mut auth)?;
                let key = UnboundCipherKey::new(&AES_128, key).and_then(EncryptingKey::ctr).map_err(|_| BadKeys)?;
                let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth);
                Ok(Self::Cm(Box::new(Cm { key, auth, salt })))
            }
        }
    }

    /// Bytes that a tag takes.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Self::Gcm(_) => GCM_TAG_LEN,
            Self::Cm(_) => CM_TAG_LEN,
            Self::Null => 0,
        }
    }
}

impl Gcm {
    /// RFC 7714 sections 8.1 and 9.1: the SSRC, and the index in the last six bytes, over the salt. For RTCP the index is the
    /// 31-bit SRTCP index.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut iv = self.salt;
        for (byte, part) in iv[2..6].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= part;
        }
        for (byte, part) in iv[6..12].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= part;
        }
        Nonce::assume_unique_for_key(iv)
    }

    /// Encrypts `text` in place and gives its tag.
    pub(super) fn seal(
        &self,
        ssrc: u32,
        index: u64,
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; GCM_TAG_LEN], Refused> {
        let tag =
            self.key.seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(aad), text).map_err(|_| Refused)?;
        tag.as_ref().try_into().map_err(|_| Refused)
    }

    /// Decrypts `text_and_tag` in place and gives the length of the text.
    pub(super) fn open(&self, ssrc: u32, index: u64, aad: &[u8], text_and_tag: &mut [u8]) -> Result<usize, Refused> {
        let text =
            self.key.open_in_place(self.nonce(ssrc, index), Aad::from(aad), text_and_tag).map_err(|_| Refused)?;
        Ok(text.len())
    }
}

impl Cm {
    /// Encrypts or decrypts in place (RFC 3711 section 4.1.1): the same key stream does both.
    pub(super) fn apply(&self, ssrc: u32, index: u64, text: &mut [u8]) -> Result<(), Refused> {
        let mut iv = [0u8; 16];
        iv[..14].copy_from_slice(&self.salt);
        for (byte, part) in iv[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= part;
        }
        for (byte, part) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= part;
        }
        self.key.less_safe_encrypt(text, EncryptionContext::Iv128(iv.into())).map_err(|_| Refused)?;
        Ok(())
    }

    /// The tag over `parts`, one after the other.
    pub(super) fn tag(&self, parts: [&[u8]; 2]) -> [u8; CM_TAG_LEN] {
        let mut context = hmac::Context::with_key(&self.auth);
        for part in parts {
            context.update(part);
        }
        let mut tag = [0u8; CM_TAG_LEN];
        tag.copy_from_slice(&context.sign().as_ref()[..CM_TAG_LEN]);
        tag
    }

    /// Whether `tag` is the tag over `parts`, in constant time.
    pub(super) fn verify(&self, parts: [&[u8]; 2], tag: &[u8]) -> Result<(), Refused> {
        constant_time::verify_slices_are_equal(&self.tag(parts), tag).map_err(|_| Refused)
    }
}
