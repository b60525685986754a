//! Objects that are signed, by their author or by the domain.

use super::support::{Folder, hyperty};
use crate::catalogue::{Catalogue, Integrity, Kind, Settings, SignatureAlgorithm, Unsigned};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use serde_json::{Value, json};
use std::fs;

fn keys(algorithm: SignatureAlgorithm) -> (String, String) {
    let pair = KeyPair::generate_for(match algorithm {
        SignatureAlgorithm::Es256 => &PKCS_ECDSA_P256_SHA256,
        SignatureAlgorithm::Ed25519 => &PKCS_ED25519,
    });
    let pair = pair.unwrap();
    (pair.serialize_pem(), pair.public_key_pem())
}

fn catalogue(folder: &Folder, integrity: Integrity) -> Catalogue {
    Catalogue::new(Settings { integrity, ..folder.settings() }).unwrap()
}

/// Signs an object as its author would: by a catalogue with his key, from which he takes what is served.
fn sign(folder: &Folder, algorithm: SignatureAlgorithm, private: &str) -> (String, String) {
    let mut integrity = Integrity::default();
    integrity.sign_with("author", algorithm, private.as_bytes()).unwrap();
    let all = catalogue(folder, integrity).snapshot();
    let object = all.lookup(Kind::Hyperty, "Echo", None).unwrap();
    let signature = object.get("signature").and_then(Value::as_str).unwrap().to_owned();
    (signature, object.package().unwrap().signature.clone())
}

fn write_signed(folder: &Folder, signature: &str, of_package: &str) {
    let mut description = hyperty("Echo", &json!({}));
    description["signature"] = json!(signature);
    folder.file("hyperty/Echo/description.json", &description.to_string());
    folder.file(
        "hyperty/Echo/sourcePackage.json",
        &json!({"sourceCodeClassname": "Echo", "signature": of_package}).to_string(),
    );
}

#[test]
fn signed_objects_are_taken_and_changed_ones_are_not() {
    for algorithm in [SignatureAlgorithm::Es256, SignatureAlgorithm::Ed25519] {
        let folder = Folder::new();
        folder.object("hyperty/Echo", hyperty("Echo", &json!({})), "Echo", Some("var code;"));
        let (private, public) = keys(algorithm);
        let (signature, of_package) = sign(&folder, algorithm, &private);
        assert_eq!(signature.split('.').count(), 3, "a JWS in compact form: {signature}");
        let strict = || {
            let mut integrity = Integrity::default();
            integrity.unsigned = Unsigned::Refused;
            integrity.trust("author", algorithm, public.as_bytes()).unwrap();
            integrity
        };
        let why = |folder: &Folder| {
            let all = catalogue(folder, strict()).snapshot();
            let flaw = all.flaws().iter().find(|flaw| flaw.place == "hyperty/Echo").map(|flaw| flaw.why.clone());
            flaw.unwrap_or_default()
        };
        assert!(why(&folder).contains("only signed objects are taken"), "{algorithm:?}");
        write_signed(&folder, &signature, &of_package);
        assert_eq!(why(&folder), "", "{algorithm:?}");
        // Without keys they are passed on.
        assert_eq!(catalogue(&folder, Integrity::default()).snapshot().flaws(), [], "{algorithm:?}");

        fs::write(folder.path().join("hyperty/Echo/sourceCode.js"), "var other;").unwrap();
        assert!(why(&folder).contains("changed after it was signed"), "{algorithm:?}: {}", why(&folder));
        fs::write(folder.path().join("hyperty/Echo/sourceCode.js"), "var code;").unwrap();
        let mut description: Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join("hyperty/Echo/description.json")).unwrap())
                .unwrap();
        description["configuration"] = json!({"url": "wss://evil.test"});
        folder.file("hyperty/Echo/description.json", &description.to_string());
        assert!(why(&folder).contains("`signature` of the descriptor is not its own"), "{algorithm:?}");
        write_signed(&folder, "free text", &of_package);
        assert!(why(&folder).contains("no JWS"), "{algorithm:?}");
        write_signed(&folder, &signature, &signature);
        assert!(why(&folder).contains("`signature` of the source package is not its own"), "{algorithm:?}");

        let (other, _) = keys(algorithm);
        fs::remove_dir_all(folder.path().join("hyperty/Echo")).unwrap();
        folder.object("hyperty/Echo", hyperty("Echo", &json!({})), "Echo", Some("var code;"));
        let (forged, of_package) = sign(&folder, algorithm, &other);
        write_signed(&folder, &forged, &of_package);
        assert!(why(&folder).contains("not its own"), "{algorithm:?}: by another's key under the same name");
    }
}

#[test]
fn keys_that_are_none_are_refused_and_the_digest_knows_the_key() {
    let mut integrity = Integrity::default();
    let (_, public) = keys(SignatureAlgorithm::Es256);
    let error = integrity.sign_with("k", SignatureAlgorithm::Es256, public.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("\"k\"") && error.contains("PKCS#8"), "{error}");
    assert!(integrity.trust("k", SignatureAlgorithm::Ed25519, b"nothing").is_err());

    let folder = Folder::new();
    folder.object("hyperty/Echo", hyperty("Echo", &json!({})), "Echo", Some("var code;"));
    let cguid = |integrity| {
        let all = catalogue(&folder, integrity).snapshot();
        all.lookup(Kind::Hyperty, "Echo", None).unwrap().cguid().to_owned()
    };
    let signing = |kid: &str| {
        let (private, _) = keys(SignatureAlgorithm::Es256);
        let mut integrity = Integrity::default();
        integrity.sign_with(kid, SignatureAlgorithm::Es256, private.as_bytes()).unwrap();
        integrity
    };
    assert_eq!(
        cguid(signing("a")),
        cguid(signing("a")),
        "ECDSA gives another signature each time, and no other digest"
    );
    assert_ne!(cguid(signing("a")), cguid(signing("b")), "with another key, clients get it anew");
    assert_ne!(cguid(signing("a")), cguid(Integrity::default()));
}
