use super::*;
use crate::identity::jose::{Algorithm, KeySet, SigningKey, TokenFault};
use crate::identity::persona::Persona;
use proptest::prelude::*;

const NOW_S: u64 = 1_800_000_000;

fn fingerprint(seed: u8) -> Fingerprint {
    Fingerprint::of_certificate(&[seed; 4])
}

/// An issuer that signs, and somebody who trusts it.
struct World {
    key: SigningKey,
    verifier: Verifier,
}

fn world() -> World {
    let key = SigningKey::from_pkcs8(Algorithm::Es256, &SigningKey::generate(Algorithm::Es256).unwrap(), 0).unwrap();
    let keys = KeySet::new(vec![key.public.clone()]);
    let mut verifier = Verifier::default();
    assert!(verifier.trust(TrustedIssuer {
        domain: "idp.example:8443".into(),
        issuer: "https://idp.example:8443".into(),
        keys
    }));
    World { key, verifier }
}

fn claims(contents: String) -> AssertionClaims {
    AssertionClaims {
        iss: "https://idp.example:8443".into(),
        aud: ASSERTION_AUDIENCE.into(),
        sub: "a1".into(),
        identity: "anne@idp.example".into(),
        iat: NOW_S,
        exp: NOW_S + 600,
        jti: "j1".into(),
        contents,
        origin: Some("https://meet.example".into()),
        nonce: None,
        persona: Persona::private("Anne"),
        email: None,
        guest: false,
    }
}

impl World {
    fn token(&self, change: impl FnOnce(&mut AssertionClaims)) -> String {
        let mut claims = claims(contents_of(&[fingerprint(1)]));
        change(&mut claims);
        self.key.sign(ASSERTION_TYPE, &claims).unwrap()
    }

    fn attribute(&self, change: impl FnOnce(&mut AssertionClaims)) -> String {
        let idp = Idp { domain: "idp.example:8443".into(), protocol: "colloquy".into() };
        IdentityAttribute { idp, assertion: self.token(change) }.emit()
    }

    fn verify(&self, attribute: &str) -> Result<String, AssertionFault> {
        let verified = self.verifier.verify_assertion(attribute, &[fingerprint(1)], NOW_S + 5);
        verified.map(|verified| verified.claims.identity)
    }
}

#[test]
fn an_assertion_speaks_for_the_fingerprints_it_was_made_for_and_no_others() {
    let world = world();
    let attribute = world.attribute(|_| ());
    assert_eq!(world.verify(&attribute).as_deref(), Ok("anne@idp.example"));
    let with = |fingerprints: &[Fingerprint]| world.verifier.verify_assertion(&attribute, fingerprints, NOW_S);
    assert_eq!(with(&[fingerprint(2)]), Err(AssertionFault::WrongFingerprint), "swapped");
    assert_eq!(with(&[fingerprint(1), fingerprint(2)]), Err(AssertionFault::WrongFingerprint), "another beside it");
    assert_eq!(with(&[]), Err(AssertionFault::Fingerprint(NoFingerprint::Count)));
}

#[test]
fn a_description_is_verified_as_a_whole() {
    let world = world();
    let sdp = |attribute: &str, session: u8, media: u8| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:{}\r\n{attribute}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fingerprint:{}\r\n",
            fingerprint(session),
            fingerprint(media).to_string().to_lowercase()
        )
    };
    let line = format!("a=identity:{}\r\n", world.attribute(|_| ()));
    let verified = world.verifier.verify_sdp(&sdp(&line, 1, 1), NOW_S).unwrap().unwrap();
    assert_eq!((verified.domain.as_str(), verified.claims.sub.as_str()), ("idp.example:8443", "a1"));
    assert_eq!(world.verifier.verify_sdp(&sdp("", 1, 1), NOW_S), Ok(None), "nobody says who he is");
    let swapped = AssertionFault::WrongFingerprint;
    assert_eq!(world.verifier.verify_sdp(&sdp(&line, 1, 2), NOW_S), Err(swapped.clone()), "only of a medium");
    assert_eq!(world.verifier.verify_sdp(&sdp(&line, 2, 1), NOW_S), Err(swapped));
    let twice = world.verifier.verify_sdp(&sdp(&format!("{line}{line}"), 1, 1), NOW_S);
    assert!(matches!(twice, Err(AssertionFault::Malformed(_))), "{twice:?}");
    let in_medium = format!("{}{line}", sdp("", 1, 1));
    assert!(matches!(world.verifier.verify_sdp(&in_medium, NOW_S), Err(AssertionFault::Malformed(_))));
}

#[test]
fn what_is_not_good_is_refused_with_its_cause() {
    let mut world = world();
    let token = |fault| Err(AssertionFault::Token { issuer: "https://idp.example:8443".into(), fault });
    assert_eq!(world.verify(&world.attribute(|c| c.exp = NOW_S - 100)), token(TokenFault::Expired));
    assert_eq!(world.verify(&world.attribute(|c| c.iat = NOW_S + 100)), token(TokenFault::NotYet));
    assert_eq!(world.verify(&world.attribute(|c| c.aud = "client".into())), token(TokenFault::Audience));
    assert_eq!(world.verify(&world.attribute(|c| c.iss = "https://evil.example".into())), token(TokenFault::Issuer));
    for name in ["anne@other.example", "anne", "anne@idp.example@other.example", "anne@idp.example:8443", "@"] {
        assert_eq!(world.verify(&world.attribute(|c| c.identity = name.into())), Err(AssertionFault::ForeignName));
    }
    for contents in
        ["", "{}", "[48,130]", r#"{"fingerprint":[]}"#, r#"{"fingerprint":[{"algorithm":"md5","digest":"00"}]}"#]
    {
        let fault = world.verify(&world.attribute(|c| c.contents = contents.into()));
        assert!(matches!(fault, Err(AssertionFault::Fingerprint(_))), "{contents}: {fault:?}");
    }
    // An ID token of the same issuer, with the same key.
    let other_kind = world.key.sign("JWT", &claims(contents_of(&[fingerprint(1)]))).unwrap();
    let idp = Idp { domain: "idp.example:8443".into(), protocol: "x".into() };
    let attribute = IdentityAttribute { idp, assertion: other_kind }.emit();
    assert_eq!(world.verify(&attribute), token(TokenFault::Type(ASSERTION_TYPE)));
    let idp = Idp { domain: "idp.example".into(), protocol: "x".into() };
    let elsewhere = IdentityAttribute { idp, assertion: world.token(|_| ()) }.emit();
    assert_eq!(world.verify(&elsewhere), Err(AssertionFault::UnknownIssuer("idp.example".into())));

    let good = world.attribute(|_| ());
    world.verifier.revocations.revoke("j1", NOW_S + 600, NOW_S);
    assert_eq!(world.verify(&good), Err(AssertionFault::Revoked));
    let another = world.attribute(|c| c.jti = "j2".into());
    assert!(world.verify(&another).is_ok());
    world.verifier.revocations.revoke_subject("https://idp.example:8443", "a1", 600, NOW_S);
    assert_eq!(world.verify(&another), Err(AssertionFault::Revoked));
    assert!(world.verify(&world.attribute(|c| (c.jti, c.iat) = ("j3".into(), NOW_S + 1))).is_ok(), "made afterwards");
}

#[test]
fn a_signed_claim_is_held_to_its_nonce() {
    let world = world();
    let claim = world.token(|c| c.nonce = Some("n1".into()));
    let check = |fingerprint, nonce| world.verifier.verify_claim(&claim, &[fingerprint], nonce, NOW_S).map(drop);
    assert_eq!(check(fingerprint(1), Some("n1")), Ok(()));
    assert_eq!(check(fingerprint(1), Some("n2")), Err(AssertionFault::Nonce), "replayed into another call");
    assert_eq!(check(fingerprint(2), Some("n1")), Err(AssertionFault::WrongFingerprint));
    let without = world.token(|_| ());
    let fault = world.verifier.verify_claim(&without, &[fingerprint(1)], Some("n1"), NOW_S);
    assert_eq!(fault, Err(AssertionFault::Nonce));
    let unknown = world.token(|c| c.iss = "https://other.example".into());
    let fault = world.verifier.verify_claim(&unknown, &[fingerprint(1)], None, NOW_S);
    assert_eq!(fault, Err(AssertionFault::UnknownIssuer("https://other.example".into())));
}

#[test]
fn fingerprints_are_the_same_however_they_are_written() {
    let one = Fingerprint::of_certificate(b"x");
    assert_eq!(Fingerprint::parse(&one.to_string().to_lowercase()), Ok(one.clone()));
    assert_eq!(Fingerprint::new("SHA-256", &one.digest()), Ok(one.clone()));
    assert_eq!(fingerprints_of(&contents_of(std::slice::from_ref(&one))), Ok(vec![one.clone()]));
    let single = format!(r#"{{"fingerprint":{{"algorithm":"sha-256","digest":"{}"}}}}"#, one.digest());
    assert_eq!(fingerprints_of(&single), Ok(vec![one.clone()]));
    assert_eq!(Fingerprint::new("sha-1", "00"), Err(NoFingerprint::Hash));
    let digest = one.digest();
    for bad in [
        "",
        "00",
        &digest[3..],
        &digest.replace(':', "-"),
        &digest.replacen(':', "+", 1),
        &format!("+{}", &digest[1..]),
    ] {
        assert_eq!(Fingerprint::new("sha-256", bad), Err(NoFingerprint::Digest), "{bad}");
    }
    let many =
        serde_json::json!({"fingerprint": vec![serde_json::json!({"algorithm": "sha-256", "digest": digest}); 17]});
    assert_eq!(fingerprints_of(&many.to_string()), Err(NoFingerprint::Count));
}

proptest! {
    #[test]
    fn attributes_come_back_as_they_were(domain in "\\PC{0,30}", protocol in "\\PC{0,30}", assertion in "\\PC{0,300}") {
        let attribute = IdentityAttribute { idp: Idp { domain, protocol }, assertion };
        let value = attribute.emit();
        prop_assert_eq!(&IdentityAttribute::parse(&value).unwrap(), &attribute);
        let line = format!("a=identity:{} ;ext=1", value.trim_end_matches('='));
        prop_assert_eq!(IdentityAttribute::parse(&line).unwrap(), attribute);
    }

    #[test]
    fn any_digest_comes_back(bytes in proptest::collection::vec(any::<u8>(), 64..=64)) {
        let text = bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":");
        prop_assert_eq!(Fingerprint::new("Sha-512", &text).unwrap().digest().to_lowercase(), text);
    }

    #[test]
    fn any_description_is_survived(sdp in "(a=identity:|a=fingerprint:|m=|sha-256|[ -~]|\r\n|=|é){0,60}") {
        let _ = Verifier::default().verify_sdp(&sdp, NOW_S);
    }
}
