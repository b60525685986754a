//! Who sent a reTHINK message: `body.identity` as original runtimes attach it (reTHINK `dev-runtime-core`, identity module), checked as
//! `validateAssertion` of the sender's identity provider would.
//!
//! Two kinds of assertion are known: those of Colloquy, which are tokens that say what they assert, and those of OpenID Connect proxies such as the
//! original one of google.com: base64 of `{"tokenID": <ID token>, ..}`, whose nonce is the user's public key. Only providers of the configuration
//! are believed, and nothing in a message makes this server ask an address.

use super::assertion::{AssertionFault, Idp, VerifiedIdentity, Verifier};
use super::jose::{Expect, KeySet, TokenFault, verify};
use super::oidc::IdClaims;
use super::secret::Digest;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use std::collections::HashMap;
use thiserror::Error;

/// Longest assertion, in bytes: those of the originals have 3.5 kB.
pub const MAX_ASSERTION_BYTES: usize = 16 * 1_024;
/// Findings that are remembered at most: when there is no room, all are forgotten, and assertions are checked again.
const MAX_REMEMBERED: usize = 10_000;
/// How long a finding is remembered, in seconds: what is revoked is noticed no later than that.
const REMEMBERED_S: u64 = 60;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `body.identity`, as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageIdentity {
    /// The assertion. Messages of children of an object have none.
    #[serde(default)]
    pub assertion: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub idp: Option<Idp>,
    /// Who the sender says that he is.
    #[serde(default)]
    pub user_profile: Option<MessageProfile>,
}

/// Of a profile what can be held against an assertion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MessageProfile {
    /// `user://<domain>/<name>`.
    #[serde(rename = "userURL")]
    pub user_url: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// `user-guid://..`, of his public key.
    pub guid: Option<String>,
}

/// A provider whose ID tokens are taken as assertions.
#[derive(Debug, Clone)]
pub struct OidcIdp {
    /// As messages name it, such as `google.com`.
    pub domain: String,
    /// Its issuer.
    pub issuer: String,
    /// The clients whose tokens count: those of the proxies that runtimes use.
    pub client_ids: Vec<String>,
    /// Its keys as they were last seen.
    pub keys: KeySet,
}

/// Somebody whose assertion is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The provider's domain.
    pub domain: String,
    /// Who he is there, for ever.
    pub subject: String,
    /// `user://<domain>/<name>`.
    pub user_url: String,
    /// His verified address.
    pub email: Option<String>,
    /// The public key that he has bound to it, as the list of its bytes.
    pub public_key: String,
    /// A guest: nobody has checked who he is.
    pub guest: bool,
    /// When the assertion ends, in seconds since 1970.
    pub expires_s: u64,
}

/// Why a message is of nobody who is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageFault {
    /// It has no assertion.
    #[error("the message has no assertion: it may be of anybody")]
    None,
    /// The assertion is not as any provider that is known makes them.
    #[error("the assertion is malformed: {0}")]
    Malformed(&'static str),
    /// Nobody here trusts its maker.
    #[error("the identity provider {0:?} is not one that this node trusts")]
    UnknownIdp(String),
    /// A Colloquy's assertion is not good.
    #[error(transparent)]
    Assertion(#[from] AssertionFault),
    /// An ID token is not good.
    #[error("the ID token in the assertion: {0}")]
    Token(TokenFault),
    /// He says that he is somebody else.
    #[error("the message says that it is of somebody else than its assertion")]
    Profile,
}

/// What is inside the assertions of OpenID Connect proxies.
#[derive(Deserialize)]
struct Wrapped {
    #[serde(rename = "tokenID")]
    token_id: String,
}

/// Checks senders, and remembers for a while what it found.
#[derive(Debug, Default)]
pub struct Senders {
    remembered: HashMap<Digest, (Result<Sender, MessageFault>, u64)>,
}

impl Senders {
    /// Who sent a message.
    ///
    /// # Errors
    /// [`MessageFault`].
    pub fn sender(
        &mut self,
        identity: &MessageIdentity,
        verifier: &Verifier,
        idps: &[OidcIdp],
        now_s: u64,
    ) -> Result<Sender, MessageFault> {
        let (Some(assertion), Some(idp)) = (&identity.assertion, &identity.idp) else { return Err(MessageFault::None) };
        if assertion.len() > MAX_ASSERTION_BYTES {
            return Err(MessageFault::Malformed("it is longer than 16 KiB"));
        }
        let name = Digest::of(format!("{}\n{assertion}", idp.domain).as_bytes());
        let remembered = self.remembered.get(&name).filter(|(_, until_s)| *until_s > now_s);
        let found = match remembered {
            Some((found, _)) => found.clone(),
            None => {
                let found = check(assertion, idp, verifier, idps, now_s);
                self.remember(name, &found, now_s);
                found
            }
        };
        let sender = found?;
        // What the message says of its sender is held against the assertion each time: it is not part of it.
        if is_same(&sender, identity.user_profile.as_ref()) { Ok(sender) } else { Err(MessageFault::Profile) }
    }

    fn remember(&mut self, name: Digest, found: &Result<Sender, MessageFault>, now_s: u64) {
        // A key that is missed now may be there in a moment.
        let is_passing = matches!(
            found,
            Err(MessageFault::Token(TokenFault::UnknownKey(_))
                | MessageFault::Assertion(AssertionFault::Token { fault: TokenFault::UnknownKey(_), .. }))
        );
        if is_passing {
            return;
        }
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.clear();
        }
        let ends_s = found.as_ref().map_or(u64::MAX, |sender| sender.expires_s);
        self.remembered.insert(name, (found.clone(), now_s.saturating_add(REMEMBERED_S).min(ends_s)));
    }
}

fn check(
    assertion: &str,
    idp: &Idp,
    verifier: &Verifier,
    idps: &[OidcIdp],
    now_s: u64,
) -> Result<Sender, MessageFault> {
    let Some(known) = idps.iter().find(|one| one.domain.eq_ignore_ascii_case(&idp.domain)) else {
        return match verifier.verify_contents(assertion, now_s) {
            Ok(verified) if !is_of(&verified, &idp.domain) => Err(MessageFault::UnknownIdp(shorten(&idp.domain))),
            Ok(verified) => Ok(of_colloquy(verified)),
            Err(AssertionFault::UnknownIssuer(_) | AssertionFault::Malformed(_)) => {
                Err(MessageFault::UnknownIdp(shorten(&idp.domain)))
            }
            Err(fault) => Err(fault.into()),
        };
    };
    let json = BASE64.decode(assertion).map_err(|_| MessageFault::Malformed("it is no base64"))?;
    let wrapped: Wrapped = serde_json::from_slice(&json).map_err(|_| MessageFault::Malformed("it has no tokenID"))?;
    let mut fault = TokenFault::Audience;
    for client in &known.client_ids {
        let expect = Expect { typ: None, issuer: &known.issuer, audience: client, now_s: Some(now_s) };
        match verify::<IdClaims>(&wrapped.token_id, &known.keys, &expect) {
            Ok(claims) if claims.aud.is_shared() && claims.azp.as_deref() != Some(client) => {}
            Ok(claims) => return of_oidc(known, claims),
            Err(other) => fault = other,
        }
    }
    Err(MessageFault::Token(fault))
}

fn is_of(verified: &VerifiedIdentity, domain: &str) -> bool {
    let host = |domain: &str| domain.split(':').next().unwrap_or_default().to_ascii_lowercase();
    verified.domain.eq_ignore_ascii_case(domain) || host(&verified.domain) == domain.to_ascii_lowercase()
}

fn of_colloquy(verified: VerifiedIdentity) -> Sender {
    let claims = verified.claims;
    let (handle, host) = claims.identity.rsplit_once('@').unwrap_or((&claims.identity, ""));
    Sender {
        domain: verified.domain,
        user_url: format!("user://{host}/{handle}"),
        email: claims.email.or(Some(claims.identity)),
        subject: claims.sub,
        public_key: claims.contents,
        guest: claims.guest,
        expires_s: claims.exp,
    }
}

fn of_oidc(idp: &OidcIdp, claims: IdClaims) -> Result<Sender, MessageFault> {
    let public_key =
        claims.nonce.ok_or(MessageFault::Malformed("its ID token has no nonce: no public key is bound to it"))?;
    let email = claims.email.filter(|_| claims.email_verified == Some(true));
    let email = email.ok_or(MessageFault::Malformed("its ID token has no verified e-mail address"))?;
    Ok(Sender {
        domain: idp.domain.clone(),
        user_url: format!("user://{}/{email}", idp.domain),
        email: Some(email),
        subject: claims.sub,
        public_key,
        guest: false,
        expires_s: claims.exp,
    })
}

/// Whether a profile claims nothing that the assertion does not carry. Names are for show, and are not compared.
fn is_same(sender: &Sender, profile: Option<&MessageProfile>) -> bool {
    let Some(profile) = profile else { return true };
    let same = |claimed: &Option<String>, is: Option<&str>| {
        claimed.as_deref().is_none_or(|claimed| is.is_some_and(|is| is.eq_ignore_ascii_case(claimed)))
    };
    same(&profile.user_url, Some(&sender.user_url)) && same(&profile.email, sender.email.as_deref())
}

fn shorten(text: &str) -> String {
    text.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::assertion::{ASSERTION_AUDIENCE, ASSERTION_TYPE, AssertionClaims, TrustedIssuer};
    use crate::identity::jose::{Algorithm, SigningKey};
    use crate::identity::persona::Persona;
    use serde_json::{Value, json};

    const NOW_S: u64 = 1_800_000_000;
    const KEY: &str = "[48,130,1,34,48,13]";

    fn key(algorithm: Algorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap(), 0).unwrap()
    }

    fn google(key: &SigningKey) -> OidcIdp {
        OidcIdp {
            domain: "google.com".into(),
            issuer: "https://accounts.google.com".into(),
            client_ids: vec!["old".into(), "proxy".into()],
            keys: KeySet::new(vec![key.public.clone()]),
        }
    }

    fn wrapped(key: &SigningKey, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": "https://accounts.google.com", "aud": "proxy", "sub": "1", "exp": NOW_S + 3_000, "iat": NOW_S,
            "nonce": KEY, "email": "alice@gmail.com", "email_verified": true,
        });
        change(&mut claims);
        BASE64.encode(json!({"tokenID": key.sign("JWT", &claims).unwrap(), "tokenIDJSON": {}}).to_string())
    }

    fn message(assertion: &str, domain: &str, profile: &Value) -> MessageIdentity {
        let idp = json!({"domain": domain, "protocol": "OIDC"});
        serde_json::from_value(
            json!({"assertion": assertion, "idp": idp, "expires": "1795259980", "userProfile": profile}),
        )
        .unwrap()
    }

    #[test]
    fn the_shape_of_the_originals_is_checked_against_its_issuer() {
        let key = key(Algorithm::Rs256);
        let (idps, verifier) = ([google(&key)], Verifier::default());
        let good = wrapped(&key, |_| ());
        let mut senders = Senders::default();
        let profile =
            json!({"userURL": "user://google.com/alice@gmail.com", "email": "alice@gmail.com", "name": "alice"});
        let sender = senders.sender(&message(&good, "google.com", &profile), &verifier, &idps, NOW_S).unwrap();
        assert_eq!((sender.user_url.as_str(), sender.public_key.as_str()), ("user://google.com/alice@gmail.com", KEY));
        for claimed in [json!({"email": "eve@gmail.com"}), json!({"userURL": "user://google.com/eve@gmail.com"})] {
            let found = senders.sender(&message(&good, "google.com", &claimed), &verifier, &idps, NOW_S);
            assert_eq!(found, Err(MessageFault::Profile), "also where the assertion is remembered");
        }
        let mut check = |change: &dyn Fn(&mut Value)| {
            let assertion = wrapped(&key, change);
            senders.sender(&message(&assertion, "google.com", &json!({})), &verifier, &idps, NOW_S).map(drop)
        };
        assert_eq!(check(&|c| c["aud"] = json!("another site")), Err(MessageFault::Token(TokenFault::Audience)));
        assert_eq!(check(&|c| c["iss"] = json!("https://evil.example")), Err(MessageFault::Token(TokenFault::Issuer)));
        assert_eq!(check(&|c| c["exp"] = json!(NOW_S - 100)), Err(MessageFault::Token(TokenFault::Expired)));
        assert!(matches!(check(&|c| c["nonce"] = Value::Null), Err(MessageFault::Malformed(_))));
        assert!(matches!(check(&|c| c["email_verified"] = json!(false)), Err(MessageFault::Malformed(_))));
        for bad in ["", "%%%", "e30=", &BASE64.encode("[]")] {
            let found = senders.sender(&message(bad, "google.com", &json!({})), &verifier, &idps, NOW_S);
            assert!(matches!(found, Err(MessageFault::Malformed(_))), "{bad}");
        }
        let unknown = senders.sender(&message(&good, "evil.example", &json!({})), &verifier, &idps, NOW_S);
        assert_eq!(unknown, Err(MessageFault::UnknownIdp("evil.example".into())));
        let none: MessageIdentity = serde_json::from_value(json!({"userProfile": {}})).unwrap();
        assert_eq!(senders.sender(&none, &verifier, &idps, NOW_S), Err(MessageFault::None));
    }

    #[test]
    fn findings_are_remembered_and_forgotten_in_time() {
        let key = key(Algorithm::Es256);
        let mut verifier = Verifier::default();
        let issuer = "https://csp.example".to_owned();
        let keys = KeySet::new(vec![key.public.clone()]);
        verifier.trust(TrustedIssuer { domain: "csp.example".into(), issuer: issuer.clone(), keys });
        let claims = AssertionClaims {
            iss: issuer,
            aud: ASSERTION_AUDIENCE.into(),
            sub: "a".into(),
            identity: "anne@csp.example".into(),
            iat: NOW_S,
            exp: NOW_S + 600,
            jti: "j".into(),
            contents: KEY.into(),
            origin: None,
            nonce: None,
            persona: Persona::private("Anne"),
            email: None,
            guest: false,
        };
        let assertion = key.sign(ASSERTION_TYPE, &claims).unwrap();
        let mut senders = Senders::default();
        let profile = json!({"userURL": "user://csp.example/anne", "email": "anne@csp.example"});
        let message = message(&assertion, "csp.example", &profile);
        let mut sender = |verifier: &Verifier, now_s| senders.sender(&message, verifier, &[], now_s);
        assert_eq!(sender(&verifier, NOW_S).unwrap().subject, "a");
        verifier.revocations.revoke("j", NOW_S + 600, NOW_S);
        assert!(sender(&verifier, NOW_S + 59).is_ok(), "remembered");
        assert_eq!(sender(&verifier, NOW_S + 60), Err(MessageFault::Assertion(AssertionFault::Revoked)));
        for n in 0..=MAX_REMEMBERED {
            let found = Err(MessageFault::None);
            senders.remember(Digest::of(&n.to_le_bytes()), &found, NOW_S);
        }
        assert!(senders.remembered.len() <= MAX_REMEMBERED);
    }

    proptest::proptest! {
        #[test]
        fn any_assertion_is_survived(text in "\\PC{0,100}", domain in "[a-z.:]{0,20}") {
            let identity = message(&text, &domain, &json!({}));
            let _ = Senders::default().sender(&identity, &Verifier::default(), &[], NOW_S);
        }
    }
}
