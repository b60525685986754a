//! Keys that signatures are checked with, as sets of JWK (RFC 7517).

use super::token::TokenFault;
use crate::identity::secret::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Keys of one set at most: providers have two to six.
const MAX_KEYS: usize = 32;
/// Longest name of a key, in bytes.
const MAX_KID: usize = 256;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4): short signatures, made fast.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3): what every OpenID Connect client knows.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// Its name in a header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Es256, Self::Rs256].into_iter().find(|one| one.as_str() == name)
    }

    pub(super) fn of_jsonwebtoken(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// The public half of a key.
#[derive(Clone)]
pub struct PublicKey {
    /// Its name: for ours the thumbprint of RFC 7638.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// As it is published.
    jwk: Value,
    pub(super) decoding: DecodingKey,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm.as_str(), self.kid)
    }
}

/// A JWK as others write it. Members that are not needed are passed over: also `x5u`, which would have us ask an address for a certificate.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
}

impl PublicKey {
    /// A key on P-256, by its uncompressed point (0x04, x, y).
    pub(super) fn p256(point: &[u8]) -> Option<Self> {
        let (0x04, coordinates) = point.split_first().map(|(first, rest)| (*first, rest))? else { return None };
        let (x, y) = coordinates.split_at_checked(32)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // The members in the order of RFC 7638.
        let kid =
            URL_SAFE_NO_PAD.encode(sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes()));
        let decoding = DecodingKey::from_ec_components(&x, &y).ok()?;
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"});
        Some(Self { kid, algorithm: Algorithm::Es256, jwk, decoding })
    }

    /// An RSA key, by its modulus and exponent.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
        let kid = URL_SAFE_NO_PAD.encode(sha256(format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes()));
        let decoding = DecodingKey::from_rsa_components(&n, &e).ok()?;
        let jwk = json!({"kty": "RSA", "n": n, "e": e, "kid": kid, "use": "sig", "alg": "RS256"});
        Some(Self { kid, algorithm: Algorithm::Rs256, jwk, decoding })
    }

    /// One of a set. `None` for keys of other kinds and for other uses, which a set may well have.
    fn of_jwk(value: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(value).ok()?;
        if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let mut key = match (jwk.kty.as_str(), jwk.crv.as_deref(), jwk.alg.as_deref()) {
            ("EC", Some("P-256"), None | Some("ES256")) => {
                Self::p256(&[&[0x04][..], &bytes(&jwk.x)?, &bytes(&jwk.y)?].concat())?
            }
            ("RSA", None, None | Some("RS256")) => Self::rsa(&bytes(&jwk.n)?, &bytes(&jwk.e)?)?,
            _ => return None,
        };
        if let Some(kid) = jwk.kid.filter(|kid| kid.len() <= MAX_KID) {
            key.kid = kid;
        }
        Some(key)
    }
}

/// The keys of one issuer.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// These keys.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// A JWKS document. Keys that are of no use here are left out, and so are those beyond [`MAX_KEYS`].
    #[must_use]
    pub fn parse(document: &Value) -> Option<Self> {
        let keys = document.get("keys")?.as_array()?;
        Some(Self(keys.iter().take(MAX_KEYS).filter_map(PublicKey::of_jwk).collect()))
    }

    /// The document of them.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({"keys": self.0.iter().map(|key| &key.jwk).collect::<Vec<_>>()})
    }

    /// Whether there is one of this name.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid == kid)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of a name and an algorithm. A token without a name is taken when one key only is of its algorithm.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&PublicKey, TokenFault> {
        let unknown = || TokenFault::UnknownKey(kid.map(str::to_owned));
        let Some(name) = kid else {
            let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
            return fitting.next().filter(|_| fitting.next().is_none()).ok_or_else(unknown);
        };
        let key = self.0.iter().find(|key| key.kid == name).ok_or_else(unknown)?;
        if key.algorithm == algorithm { Ok(key) } else { Err(TokenFault::Algorithm) }
    }
}
