//! Keys that sign.

use super::public::{Algorithm, PublicKey};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use thiserror::Error;

/// Why there is no key, or no signature.
#[derive(Debug, Error)]
pub enum KeyFault {
    /// The cryptography made none.
    #[error("the cryptography library made no key or signature")]
    Crypto,
    /// What was stored is no key of this algorithm.
    #[error("a stored key is no {0} key in PKCS#8: take it out of the table identity_key, and a new one is made")]
    Stored(&'static str),
    /// What was to be signed is no JSON.
    #[error("claims cannot be written as JSON")]
    Claims,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A key that signs, and the time from which it does.
pub struct SigningKey {
    /// What is published of it.
    pub public: PublicKey,
    /// From when on it signs, in seconds since 1970.
    pub signs_from_s: u64,
    pair: Pair,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({:?}, from {})", self.public, self.signs_from_s)
    }
}

impl SigningKey {
    /// Makes a key, and gives its PKCS#8 form to be stored. An RSA key (2,048 bits) takes some 100 ms.
    ///
    /// # Errors
    /// [`KeyFault::Crypto`].
    pub fn generate(algorithm: Algorithm) -> Result<Vec<u8>, KeyFault> {
        match algorithm {
            Algorithm::Es256 => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                    .map_err(|_| KeyFault::Crypto)?;
                Ok(document.as_ref().to_vec())
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyFault::Crypto)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyFault::Crypto)?;
                Ok(der.as_ref().to_vec())
            }
        }
    }

    /// A stored key.
    ///
    /// # Errors
    /// [`KeyFault::Stored`].
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8], signs_from_s: u64) -> Result<Self, KeyFault> {
        let bad = || KeyFault::Stored(algorithm.as_str());
        let (pair, public) = match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| bad())?;
                let public = PublicKey::p256(pair.public_key().as_ref());
                (Pair::Ec(pair), public)
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| bad())?;
                let (modulus, exponent) = (pair.public_key().modulus(), pair.public_key().exponent());
                let public = PublicKey::rsa(
                    modulus.big_endian_without_leading_zero(),
                    exponent.big_endian_without_leading_zero(),
                );
                (Pair::Rsa(pair), public)
            }
        };
        Ok(Self { public: public.ok_or_else(bad)?, signs_from_s, pair })
    }

    /// A signed JWT of these claims, whose header says what kind it is (`typ`, RFC 8725 section 3.11), so that one kind is not taken for another.
    ///
    /// # Errors
    /// [`KeyFault::Claims`] or [`KeyFault::Crypto`].
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyFault> {
        #[derive(Serialize)]
        struct Header<'a> {
            typ: &'a str,
            alg: &'static str,
            kid: &'a str,
        }
        let header = Header { typ, alg: self.public.algorithm.as_str(), kid: &self.public.kid };
        let part =
            |json: Result<Vec<u8>, _>| json.map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| KeyFault::Claims);
        let signed = format!("{}.{}", part(serde_json::to_vec(&header))?, part(serde_json::to_vec(claims))?);
        let signature = self.signature(signed.as_bytes()).map_err(|_| KeyFault::Crypto)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}
