//! A dataset as its owner signs it: a JSON web token of the kind that originals make. Its algorithm says `ES256`, its key is on the curve secp256k1
//! (RFC 7518 would have P-256 there, which is taken as well), its signature is written as RFC 7518 or as X9.62 has it, in either alphabet of base 64.
//! A library that is strict takes none of that, so it is read here, and verified by the one cryptography of this process.

use super::dataset::{BadDataset, Dataset, Times};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P256K1_SHA256_ASN1, ECDSA_P256K1_SHA256_FIXED,
    EcdsaVerificationAlgorithm, UnparsedPublicKey,
};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use thiserror::Error;

/// Longest token, in bytes: a dataset with everything that it may have is shorter.
pub const MAX_TOKEN: usize = 64 * 1_024;
/// Longest header, in bytes of base 64.
const MAX_HEADER: usize = 1_024;
/// Longest signature, in bytes of base 64: X9.62 takes 72 at most, before.
const MAX_SIGNATURE: usize = 128;
/// Bytes of a signature as RFC 7518 has it.
const FIXED: usize = 64;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a token was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadToken {
    /// It is longer than [`MAX_TOKEN`].
    #[error("the token is longer than 64 KiB")]
    TooLong,
    /// It is not three parts of base 64, or they are not what they should be.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// It is signed with another algorithm, or with none.
    #[error("the token is signed with something else than ES256")]
    Algorithm,
    /// What it says is no dataset.
    #[error(transparent)]
    Dataset(#[from] BadDataset),
    /// The key of the dataset is none of the kinds that are taken.
    #[error("publicKey is not a key on the curve secp256k1 or P-256, between BEGIN PUBLIC KEY and END PUBLIC KEY")]
    Key,
    /// The signature is not by that key.
    #[error("the signature is not by the key of the dataset")]
    Signature,
}

/// A token whose dataset is signed with the key that is in it. Whether the key goes with the GUID is another question: it takes some time.
#[derive(Debug, Clone)]
pub struct Signed {
    /// What it says.
    pub dataset: Dataset,
    /// Its dates.
    pub times: Times,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    data: String,
}

impl Signed {
    /// Reads a token and verifies its signature with its own key.
    ///
    /// # Errors
    /// [`BadToken`].
    pub fn parse(token: &str) -> Result<Self, BadToken> {
        let (dataset, times) = read(token)?;
        if !is_signed_with(token, &dataset.public_key)? {
            return Err(BadToken::Signature);
        }
        Ok(Self { dataset, times })
    }
}

/// What a token says, without a look at its signature: for those that were verified before.
///
/// # Errors
/// [`BadToken`].
pub fn read(token: &str) -> Result<(Dataset, Times), BadToken> {
    if token.len() > MAX_TOKEN {
        return Err(BadToken::TooLong);
    }
    let (head, payload, _) = parts(token)?;
    if head.len() > MAX_HEADER {
        return Err(BadToken::Malformed("its header is longer than 1,024 bytes"));
    }
    let header: Header = json(&decode(head, "its header is not base 64")?, "its header is not an object with alg")?;
    // No other algorithm, and above all not `none`.
    if header.alg != "ES256" {
        return Err(BadToken::Algorithm);
    }
    let claims: Claims =
        json(&decode(payload, "its payload is not base 64")?, "its payload is not an object with data")?;
    Ok(Dataset::parse(&decode(&claims.data, "its data is not base 64")?)?)
}

/// Whether a token is signed with a key.
///
/// # Errors
/// [`BadToken`], if either is none.
pub fn is_signed_with(token: &str, public_key: &str) -> Result<bool, BadToken> {
    let key: String = public_key.chars().filter(|one| !one.is_ascii_whitespace() || *one == ' ').collect();
    let key = key.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or(BadToken::Key)?;
    let key = decode(key.trim(), "").map_err(|_| BadToken::Key)?;
    let (head, payload, signature) = parts(token)?;
    if signature.len() > MAX_SIGNATURE {
        return Err(BadToken::Malformed("its signature is too long"));
    }
    let signature = decode(signature, "its signature is not base 64")?;
    let algorithms: [&'static EcdsaVerificationAlgorithm; 2] = if signature.len() == FIXED {
        [&ECDSA_P256K1_SHA256_FIXED, &ECDSA_P256_SHA256_FIXED]
    } else {
        [&ECDSA_P256K1_SHA256_ASN1, &ECDSA_P256_SHA256_ASN1]
    };
    let keys = algorithms.map(|algorithm| UnparsedPublicKey::new(algorithm, &key));
    // Each takes keys of its curve only.
    let mut parsed = keys.into_iter().filter_map(|key| key.parse().ok()).peekable();
    if parsed.peek().is_none() {
        return Err(BadToken::Key);
    }
    let signed = format!("{head}.{payload}");
    Ok(parsed.any(|key| key.verify_sig(signed.as_bytes(), &signature).is_ok()))
}

fn parts(token: &str) -> Result<(&str, &str, &str), BadToken> {
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(head), Some(payload), Some(signature), None) => Ok((head, payload, signature)),
        _ => Err(BadToken::Malformed("it is not three parts with dots between")),
    }
}

/// Base 64 in either alphabet: originals sign in the other one than RFC 7515 asks for.
fn decode(text: &str, otherwise: &'static str) -> Result<Vec<u8>, BadToken> {
    let plain = |one: u8| match one {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    };
    let text: Vec<u8> = text.bytes().map(plain).collect();
    BASE64.decode(text).map_err(|_| BadToken::Malformed(otherwise))
}

fn json<T: for<'de> Deserialize<'de>>(text: &[u8], otherwise: &'static str) -> Result<T, BadToken> {
    serde_json::from_slice(text).map_err(|_| BadToken::Malformed(otherwise))
}
