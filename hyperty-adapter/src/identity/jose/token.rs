//! Signed tokens, checked.

use super::public::{Algorithm, KeySet};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Validation;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest token, in bytes. Ours have 500 to 3,000: an assertion carries a public key as a list of numbers.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY_S: u64 = 60;

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenFault {
    /// It is longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// It is not three parts of base64url.
    #[error("the token is no signed JWT")]
    NoToken,
    /// Its header is malformed, or asks for an extension (`crit`, `b64`).
    #[error("the token's header is malformed or asks for an extension that is not known here")]
    Header,
    /// It is another kind of token.
    #[error("the token is of another kind: its typ is not {0}")]
    Type(&'static str),
    /// Its algorithm is none that is taken, or not that of its key.
    #[error("the token is signed with an algorithm that is not its key's")]
    Algorithm,
    /// Its issuer has no key of this name; perhaps its keys are to be asked for again.
    #[error("the token is signed with a key that its issuer does not publish")]
    UnknownKey(Option<String>),
    /// Its signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim is missing or of another type.
    #[error("the token's claims are malformed")]
    Claims,
    /// It is from another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It has not begun, or was made in the future.
    #[error("the token is from the future: compare the clocks")]
    NotYet,
}

/// One audience, or several (RFC 7519 section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// Whether it names this one.
    #[must_use]
    pub fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }

    /// Whether it names others too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Many(many) if many.len() > 1)
    }
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// Its kind; `None` takes any, as other providers' ID tokens say `JWT` or nothing.
    pub typ: Option<&'static str>,
    /// Who made it.
    pub issuer: &'a str,
    /// Whom it is for.
    pub audience: &'a str,
    /// The time, in seconds since 1970. `None` takes what has ended too: a hint of who somebody was.
    pub now_s: Option<u64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
    #[serde(default)]
    b64: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Registered {
    iss: String,
    aud: Audience,
    exp: u64,
    #[serde(default)]
    nbf: Option<u64>,
    #[serde(default)]
    iat: Option<u64>,
}

/// The claims of a token that is as `expect` says and signed by one of `keys`. Nothing that the token points to (`jku`, `x5u`, `jwk`) is
/// looked at, and nothing of its claims is believed before its signature was found right.
///
/// # Errors
/// [`TokenFault`].
pub fn verify<T: DeserializeOwned>(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<T, TokenFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenFault::TooLong);
    }
    // Four parts are looked for at most: a thousand dots cost no more than two (CVE-2025-30204).
    let parts: Vec<&str> = token.splitn(4, '.').collect();
    let [header, payload, _signature] = parts[..] else { return Err(TokenFault::NoToken) };
    let header: Header = part(header).ok_or(TokenFault::Header)?;
    if header.crit.is_some() || header.b64.is_some() {
        return Err(TokenFault::Header);
    }
    if let Some(typ) = expect.typ.filter(|typ| !header.typ.as_deref().is_some_and(|is| is.eq_ignore_ascii_case(typ))) {
        return Err(TokenFault::Type(typ));
    }
    let algorithm = Algorithm::parse(&header.alg).ok_or(TokenFault::Algorithm)?;
    let key = keys.find(header.kid.as_deref(), algorithm)?;
    let mut validation = Validation::new(algorithm.of_jsonwebtoken());
    // The signature only: the claims are read below, with types that take no exp of "soon" or 1e99.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    jsonwebtoken::decode::<IgnoredAny>(token, &key.decoding, &validation).map_err(|_| TokenFault::Signature)?;
    let registered: Registered = part(payload).ok_or(TokenFault::Claims)?;
    if registered.iss != expect.issuer {
        return Err(TokenFault::Issuer);
    }
    if !registered.aud.names(expect.audience) {
        return Err(TokenFault::Audience);
    }
    let Some(now_s) = expect.now_s else { return part(payload).ok_or(TokenFault::Claims) };
    if registered.exp.saturating_add(LEEWAY_S) <= now_s {
        return Err(TokenFault::Expired);
    }
    let soon = now_s.saturating_add(LEEWAY_S);
    if registered.nbf.is_some_and(|nbf| nbf > soon) || registered.iat.is_some_and(|iat| iat > soon) {
        return Err(TokenFault::NotYet);
    }
    part(payload).ok_or(TokenFault::Claims)
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::key::SigningKey;
    use super::*;
    use serde_json::{Value, json};

    const NOW_S: u64 = 1_800_000_000;
    const EXPECT: Expect<'_> = Expect { typ: Some("JWT"), issuer: "https://a", audience: "us", now_s: Some(NOW_S) };

    fn key(algorithm: Algorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap(), 0).unwrap()
    }

    fn claims() -> Value {
        json!({"iss": "https://a", "aud": ["them", "us"], "exp": NOW_S + 10, "iat": NOW_S, "sub": "s"})
    }

    fn check(token: &str, keys: &KeySet) -> Result<Value, TokenFault> {
        verify(token, keys, &EXPECT)
    }

    /// A token with another header over the same claims, signed by nobody who knows how.
    fn forged(header: &Value, signature: &[u8]) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.{}", part(header), part(&claims()), URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn both_algorithms_are_read_back_also_through_a_published_set() {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            let key = key(algorithm);
            let published = KeySet::new(vec![key.public.clone()]).document();
            let keys = KeySet::parse(&published).unwrap();
            assert!(!published.to_string().contains("\"d\""), "no private half");
            assert_eq!(check(&key.sign("JWT", &claims()).unwrap(), &keys).unwrap()["sub"], "s");
            let other = SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap(), 0).unwrap();
            let stranger = check(&other.sign("JWT", &claims()).unwrap(), &keys);
            assert!(matches!(stranger, Err(TokenFault::UnknownKey(Some(_)))), "{stranger:?}");
        }
    }

    #[test]
    fn what_forgers_try_is_refused() {
        let (ec, rsa) = (key(Algorithm::Es256), key(Algorithm::Rs256));
        let keys = KeySet::new(vec![ec.public.clone(), rsa.public.clone()]);
        let document = keys.document();
        for alg in ["none", "None", "nOnE", "", "HS256", "ES384", "EdDSA", "PS256"] {
            let header = json!({"typ": "JWT", "alg": alg, "kid": rsa.public.kid});
            assert_eq!(check(&forged(&header, b""), &keys), Err(TokenFault::Algorithm), "{alg}");
        }
        // HS256 keyed with the public key, as text and as published.
        for secret in [document["keys"][1]["n"].as_str().unwrap().as_bytes(), document.to_string().as_bytes()] {
            let header = json!({"typ": "JWT", "alg": "HS256", "kid": rsa.public.kid});
            let signed = forged(&header, b"");
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
            let tag = aws_lc_rs::hmac::sign(&key, signed.trim_end_matches('.').as_bytes());
            assert_eq!(check(&forged(&header, tag.as_ref()), &keys), Err(TokenFault::Algorithm));
        }
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": rsa.public.kid});
        assert_eq!(
            check(&forged(&header, &[0; 64]), &keys),
            Err(TokenFault::Algorithm),
            "the key of another algorithm"
        );
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": ec.public.kid});
        // r = s = 0 verified anything in some libraries (CVE-2022-21449).
        for signature in [&[0; 64][..], b"", &[0xff; 64], &[0; 1]] {
            assert_eq!(check(&forged(&header, signature), &keys), Err(TokenFault::Signature));
        }
        for (header, fault) in [
            (
                json!({"typ": "JWT", "alg": "ES256", "kid": "../../dev/null"}),
                TokenFault::UnknownKey(Some("../../dev/null".into())),
            ),
            (
                json!({"typ": "JWT", "alg": "ES256", "kid": "' OR 1=1 --"}),
                TokenFault::UnknownKey(Some("' OR 1=1 --".into())),
            ),
            (json!({"typ": "JWT", "alg": "ES256", "kid": ec.public.kid, "crit": ["exp"]}), TokenFault::Header),
            (json!({"typ": "JWT", "alg": "ES256", "kid": ec.public.kid, "b64": false}), TokenFault::Header),
            (json!({"typ": "JWT", "alg": 7}), TokenFault::Header),
            (json!({"alg": "ES256", "kid": ec.public.kid}), TokenFault::Type("JWT")),
            (json!({"typ": "at+jwt", "alg": "ES256", "kid": ec.public.kid}), TokenFault::Type("JWT")),
            (
                json!({"typ": "JWT", "alg": "ES256", "jku": "https://evil.example/keys", "kid": "x"}),
                TokenFault::UnknownKey(Some("x".into())),
            ),
        ] {
            assert_eq!(check(&forged(&header, &[1; 64]), &keys), Err(fault));
        }
        for text in ["", ".", "..", "...", "a.b.c", &".".repeat(9_000)] {
            assert!(matches!(check(text, &keys), Err(TokenFault::NoToken | TokenFault::Header)), "{text:.20}");
        }
        assert_eq!(check(&".".repeat(MAX_TOKEN_BYTES + 1), &keys), Err(TokenFault::TooLong));
        let good = ec.sign("JWT", &claims()).unwrap();
        assert!(check(&format!("{good}."), &keys).is_err() && check(&format!("{good}=="), &keys).is_err());
    }

    #[test]
    fn claims_are_held_to_what_is_expected() {
        let key = key(Algorithm::Es256);
        let keys = KeySet::new(vec![key.public.clone()]);
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value;
            }
            check(&key.sign("JWT", &claims).unwrap(), &keys).map(drop)
        };
        assert_eq!(with("exp", json!(NOW_S - LEEWAY_S + 1)), Ok(()));
        for (name, value, fault) in [
            ("exp", json!(NOW_S - LEEWAY_S), TokenFault::Expired),
            ("exp", json!(1.5), TokenFault::Claims),
            ("exp", json!("soon"), TokenFault::Claims),
            ("exp", json!(-1), TokenFault::Claims),
            ("exp", Value::Null, TokenFault::Claims),
            ("nbf", json!(NOW_S + LEEWAY_S + 1), TokenFault::NotYet),
            ("iat", json!(NOW_S + LEEWAY_S + 1), TokenFault::NotYet),
            ("iss", json!("https://a/"), TokenFault::Issuer),
            ("iss", Value::Null, TokenFault::Claims),
            ("aud", json!("them"), TokenFault::Audience),
            ("aud", json!([]), TokenFault::Audience),
            // CVE-2020-26160: an audience that is a list of one empty text, or no text at all.
            ("aud", json!([""]), TokenFault::Audience),
            ("aud", json!({"us": true}), TokenFault::Claims),
            ("aud", Value::Null, TokenFault::Claims),
        ] {
            assert_eq!(with(name, value.clone()), Err(fault), "{name} {value}");
        }
    }

    #[test]
    fn sets_of_others_are_read_as_far_as_they_are_of_use() {
        let key = key(Algorithm::Es256);
        let mut document = KeySet::new(vec![key.public]).document();
        let keys = document["keys"].as_array_mut().unwrap();
        let mut for_encryption = keys[0].clone();
        for_encryption["use"] = json!("enc");
        keys.extend([
            for_encryption,
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
            json!(7),
        ]);
        assert_eq!(KeySet::parse(&document).unwrap().len(), 1);
        assert!(KeySet::parse(&json!({})).is_none() && KeySet::parse(&json!({"keys": 1})).is_none());
        let many: Vec<Value> = (0..1_000).map(|_| document["keys"][0].clone()).collect();
        assert_eq!(KeySet::parse(&json!({"keys": many})).unwrap().len(), 32);
    }

    proptest::proptest! {
        #[test]
        fn anything_at_all_is_survived(text in "[A-Za-z0-9_.=-]{0,200}") {
            let _ = check(&text, &KeySet::default());
        }
    }
}
