#![no_main]

//! Identities: descriptions with `a=identity`, tokens as they come, assertions with a good signature over whatever claims there are, key sets,
//! authorisation requests, and the identity of reTHINK messages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use colloquy_hyperty_adapter::identity::assertion::{
    ASSERTION_TYPE, Fingerprint, IdentityAttribute, Idp, MAX_ATTRIBUTE_BYTES, SdpIdentity, TrustedIssuer, Verifier, fingerprints_of,
};
use colloquy_hyperty_adapter::identity::jose::{Algorithm, KeySet, SigningKey};
use colloquy_hyperty_adapter::identity::message::{MessageIdentity, Senders};
use colloquy_hyperty_adapter::identity::oidc::{AuthorizationRequest, Clients, Credentials, MAX_QUERY_BYTES, Params, TokenRequest};
use colloquy_hyperty_adapter::identity::trust::trust;
use std::sync::OnceLock;

/// Some moment.
const NOW_S: u64 = 1_800_000_000;

struct World {
    key: SigningKey,
    verifier: Verifier,
    clients: Clients,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let der = SigningKey::generate(Algorithm::Es256).expect("a key is made");
        let key = SigningKey::from_pkcs8(Algorithm::Es256, &der, 0).expect("the key is good");
        let keys = KeySet::new(vec![key.public.clone()]);
        let mut verifier = Verifier::default();
        verifier.trust(TrustedIssuer { domain: "idp.example".into(), issuer: "https://idp.example".into(), keys });
        World { key, verifier, clients: Clients::default() }
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let world = world();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let own = [Fingerprint::of_certificate(b"x")];
    let found = world.verifier.verify_assertion(text, &own, NOW_S);
    let _ = trust(Some(&found));
    let _ = world.verifier.verify_sdp(text, NOW_S);
    if let Ok(read) = SdpIdentity::parse(text) {
        assert!(read.fingerprints.len() <= 16, "more fingerprints than may be");
    }
    if let Ok(attribute) = IdentityAttribute::parse(text)
        && text.len() < MAX_ATTRIBUTE_BYTES - 64
    {
        assert_eq!(IdentityAttribute::parse(&attribute.emit()).as_ref(), Ok(&attribute), "an attribute changes");
    }
    let _ = fingerprints_of(text);

    // A good signature over claims that are whatever they are, and over a header that is.
    if let Ok(claims) = serde_json::from_str::<serde_json::Value>(text) {
        let token = world.key.sign(ASSERTION_TYPE, &claims).expect("JSON is signed");
        let idp = Idp { domain: "idp.example".into(), protocol: "x".into() };
        let attribute = IdentityAttribute { idp, assertion: token.clone() }.emit();
        if let Ok(verified) = world.verifier.verify_assertion(&attribute, &own, NOW_S) {
            assert!(verified.claims.exp + 120 > NOW_S, "an old assertion is taken");
            assert!(verified.claims.identity.ends_with("@idp.example"), "a foreign name is taken");
        }
        let _ = KeySet::parse(&claims);
        if let Ok(identity) = serde_json::from_value::<MessageIdentity>(claims) {
            let _ = Senders::default().sender(&identity, &world.verifier, &[], NOW_S);
        }
        let unsigned = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(text));
        assert!(world.verifier.verify_contents(&unsigned, NOW_S).is_err(), "a header alone is taken");
    }
    let _ = AuthorizationRequest::read(text, &world.clients);
    if let Ok(params) = Params::parse(text) {
        let _ = TokenRequest::read(&params);
        let _ = Credentials::read(params.get("authorization"), &params);
        let query = params.to_query();
        // Escapes make it longer.
        if query.len() <= MAX_QUERY_BYTES {
            assert_eq!(Params::parse(&query).as_ref(), Ok(&params), "parameters change");
        }
    }
});
