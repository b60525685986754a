//! How clients see whether something changed (`cguid`, `md5`), and who says that it is as it should be (`signature`).
//!
//! A signature is a JWS in its compact form (RFC 7515), by ES256 or Ed25519 (RFC 7518, RFC 8037), with the name of its key as `kid`. That of a
//! descriptor says `{"type", "name", "descriptor", "code"}`: the object's type and name, and SHA-256 in base64url of two texts. `descriptor` is
//! that of the descriptor as JSON without white space and with all members sorted by name, without `cguid`, `signature`, `sourcePackageURL` and
//! `sourcePackage`, which are the catalogue's to write; `code` is that of `sourceCode` as it is served, empty where there is none. That of a
//! source package says `{"class", "code"}`. The originals have the field, and nothing in it.

use super::descriptor::Descriptor;
use super::kind::SIGNATURE;
use super::package::Package;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Longest signature, in bytes.
const MAX_SIGNATURE: usize = 4 * 1024;

/// Why a signature is not taken, and what to do about it.
#[derive(Debug, Error)]
pub enum BadSignature {
    /// There is none, and there has to be one.
    #[error("it has no `signature`, and only signed objects are taken: have it signed by one of the configured keys")]
    Missing,
    /// It is no signature at all.
    #[error("`signature` of the {0} is no JWS in compact form: remove it, or have the {0} signed again")]
    Malformed(&'static str),
    /// Nobody knows its key.
    #[error(
        "`signature` of the {0} is by the key {1:?}, which is not configured: add that key, or have the {0} signed by another"
    )]
    UnknownKey(&'static str, String),
    /// It is not the signature of this object.
    #[error(
        "`signature` of the {0} is not its own: it was changed after it was signed; put back what was signed, or sign it again"
    )]
    Wrong(&'static str),
    /// It cannot be signed here.
    #[error("it cannot be signed: {0}")]
    Unsigned(jsonwebtoken::errors::Error),
}

/// Why a key is none.
#[derive(Debug, Error)]
#[error(
    "the catalogue's key {kid:?} cannot be used: {source}; it is {algorithm:?} as PEM (PKCS#8, or SPKI for its public half)"
)]
pub struct BadKey {
    kid: String,
    algorithm: SignatureAlgorithm,
    source: jsonwebtoken::errors::Error,
}

/// How signatures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    Ed25519,
}

impl SignatureAlgorithm {
    fn algorithm(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }
}

/// Whether objects without a signature of their author are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unsigned {
    /// They are.
    #[default]
    Taken,
    /// They are not. What comes with this server is taken always.
    Refused,
}

/// What is signed, and what is asked of signatures.
#[derive(Default)]
pub struct Integrity {
    signer: Option<Signer>,
    trusted: BTreeMap<String, (Algorithm, DecodingKey)>,
    /// Whether objects without a signature are taken.
    pub unsigned: Unsigned,
}

struct Signer {
    kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl std::fmt::Debug for Integrity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<&String> = self.trusted.keys().collect();
        f.debug_struct("Integrity").field("trusted", &keys).field("unsigned", &self.unsigned).finish_non_exhaustive()
    }
}

#[derive(Clone, Serialize, Deserialize, PartialEq)]
struct OfDescriptor {
    r#type: String,
    name: String,
    descriptor: String,
    code: String,
}

#[derive(Clone, Serialize, Deserialize, PartialEq)]
struct OfPackage {
    class: String,
    code: String,
}

impl Integrity {
    /// Signs from now on whatever has no signature, by the domain's private key in PEM (PKCS#8).
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn sign_with(&mut self, kid: &str, algorithm: SignatureAlgorithm, pem: &[u8]) -> Result<(), BadKey> {
        let key = match algorithm {
            SignatureAlgorithm::Es256 => EncodingKey::from_ec_pem(pem),
            SignatureAlgorithm::Ed25519 => EncodingKey::from_ed_pem(pem),
        };
        let key = key.map_err(|source| BadKey { kid: kid.to_owned(), algorithm, source })?;
        self.signer = Some(Signer { kid: kid.to_owned(), algorithm: algorithm.algorithm(), key });
        Ok(())
    }

    /// Checks from now on every signature, and takes those of this public key in PEM (SPKI) among others.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn trust(&mut self, kid: &str, algorithm: SignatureAlgorithm, pem: &[u8]) -> Result<(), BadKey> {
        let key = match algorithm {
            SignatureAlgorithm::Es256 => DecodingKey::from_ec_pem(pem),
            SignatureAlgorithm::Ed25519 => DecodingKey::from_ed_pem(pem),
        };
        let key = key.map_err(|source| BadKey { kid: kid.to_owned(), algorithm, source })?;
        self.trusted.insert(kid.to_owned(), (algorithm.algorithm(), key));
        Ok(())
    }

    /// Checks what an author signed, then signs what nobody has. `is_ours` for what comes with this server, which needs no signature.
    pub(super) fn seal(
        &self,
        descriptor: &mut Descriptor,
        package: Option<&mut Package>,
        is_ours: bool,
    ) -> Result<(), BadSignature> {
        let code = package.as_ref().map(|package| sha256(&package.code)).unwrap_or_default();
        let claims = OfDescriptor {
            r#type: descriptor.kind().as_str().to_owned(),
            name: descriptor.name().to_owned(),
            descriptor: sha256(canonical(descriptor).as_bytes()),
            code: code.clone(),
        };
        if descriptor.text(SIGNATURE).is_empty() {
            if self.unsigned == Unsigned::Refused && !is_ours {
                return Err(BadSignature::Missing);
            }
            let signature = self.sign(&claims)?;
            descriptor.set(SIGNATURE, signature);
        } else {
            self.check(descriptor.text(SIGNATURE), &claims, "descriptor")?;
        }
        let Some(package) = package else { return Ok(()) };
        let claims = OfPackage { class: package.class.clone(), code };
        if package.signature.is_empty() {
            package.signature = self.sign(&claims)?;
            Ok(())
        } else {
            self.check(&package.signature, &claims, "source package")
        }
    }

    /// What stands in the digest of an object for how it is signed: with another key, it is another object.
    pub(super) fn kid(&self) -> &str {
        self.signer.as_ref().map_or("", |signer| &signer.kid)
    }

    /// Empty where nothing is signed.
    fn sign(&self, claims: &impl Serialize) -> Result<String, BadSignature> {
        let Some(signer) = &self.signer else { return Ok(String::new()) };
        let mut header = Header::new(signer.algorithm);
        header.kid = Some(signer.kid.clone());
        jsonwebtoken::encode(&header, claims, &signer.key).map_err(BadSignature::Unsigned)
    }

    fn check<C>(&self, signature: &str, claims: &C, of: &'static str) -> Result<(), BadSignature>
    where
        C: for<'de> Deserialize<'de> + PartialEq + Clone,
    {
        // Whoever trusts nobody in particular passes on what there is, for clients to judge.
        if self.trusted.is_empty() {
            return Ok(());
        }
        if signature.len() > MAX_SIGNATURE {
            return Err(BadSignature::Malformed(of));
        }
        let header = jsonwebtoken::decode_header(signature).map_err(|_| BadSignature::Malformed(of))?;
        let kid = header.kid.unwrap_or_default();
        // The algorithm comes with the key, not with the signature.
        let Some((algorithm, key)) = self.trusted.get(&kid) else { return Err(BadSignature::UnknownKey(of, kid)) };
        let mut validation = Validation::new(*algorithm);
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        let said = jsonwebtoken::decode::<C>(signature, key, &validation).map_err(|_| BadSignature::Wrong(of))?;
        if said.claims == *claims { Ok(()) } else { Err(BadSignature::Wrong(of)) }
    }
}

fn canonical(descriptor: &Descriptor) -> String {
    // The maps of `serde_json` are sorted. Values can be written.
    serde_json::to_string(&descriptor.of_author()).unwrap_or_default()
}

fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

/// MD5 in hexadecimal digits, as the originals have it: it tells that something changed, and not who changed it.
#[must_use]
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// An entity tag (RFC 9110 section 8.8.3) of what is sent.
#[must_use]
pub(super) fn entity_tag(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(digest(&SHA256, body).as_ref().get(..16).unwrap_or_default()))
}
