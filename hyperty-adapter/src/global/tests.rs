//! Records that owners sign as the originals do it, and everything that may be wrong with them.

use super::dataset::guid;
use super::rest::router;
use super::signed::{BadToken, MAX_TOKEN, Signed};
use super::{GlobalRegistry, Refused, Settings};
use crate::clock::Clock;
use crate::envelope::Envelope;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair,
};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use colloquy_storage::{Database, Place};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

/// 2026-11-21T01:19:47Z.
const NOW_MS: i64 = 1_795_223_987_000;
const SALT: &str = "SpHuXwEGwrNcEcFoNS8Kv79PyGFlxi1v";

struct Owner {
    key: EcdsaKeyPair,
    guid: String,
    public_key: String,
}

impl Owner {
    fn new() -> Self {
        Self::with(&ECDSA_P256K1_SHA256_FIXED_SIGNING)
    }

    fn with(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let public_key = format!("-----BEGIN PUBLIC KEY-----{}-----END PUBLIC KEY-----", STANDARD.encode(der.as_ref()));
        let guid = guid(&public_key, SALT);
        Self { key, guid, public_key }
    }

    fn dataset(&self) -> Value {
        json!({
            "schemaVersion": 1, "guid": self.guid, "salt": SALT, "publicKey": self.public_key, "active": 1, "revoked": 0,
            "userIDs": [{"uID": "user://alice", "domain": "google.com"}], "lastUpdate": "2026-11-20T12:00:00+01:00",
            "timeout": "2027-11-20T12:00:00+00:00", "defaults": {"voice": "", "chat": "", "video": ""},
            "legacyIDs": [{"type": "email", "category": "work", "id": "alice@gmail.com"}]
        })
    }

    fn sign(&self, dataset: &Value) -> String {
        self.sign_as(r#"{"alg":"ES256"}"#, &json!({"data": URL_SAFE_NO_PAD.encode(dataset.to_string())}).to_string())
    }

    fn sign_as(&self, header: &str, payload: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

async fn registry() -> Arc<GlobalRegistry> {
    let database = Database::open(Place::Memory).await.unwrap();
    Arc::new(GlobalRegistry::new(Arc::new(database), Settings::default()))
}

async fn http(registry: &Arc<GlobalRegistry>, method: &str, guid: &str, body: &str) -> (u16, Value) {
    let request =
        Request::builder().method(method).uri(format!("/guid/{guid}")).body(Body::from(body.to_owned())).unwrap();
    let answer = router(registry.clone(), Clock::from_fn(|| NOW_MS)).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

fn with(mut dataset: Value, name: &str, value: Value) -> Value {
    dataset[name] = value;
    dataset
}

#[test]
fn a_guid_is_the_hash_that_originals_make() {
    // PBKDF2 with HMAC-SHA-256, 10,000 rounds, by Python's hashlib.
    let expected = "P6FX3V8prkvO9qhS2iVAGUy8fnJc9LUCOC3IDPg_Vkk";
    let key = "-----BEGIN PUBLIC KEY-----a2V5-----END PUBLIC KEY-----";
    assert_eq!(guid(key, SALT), expected);
    let lines = "-----BEGIN PUBLIC KEY-----\r\na2V5\r\n-----END PUBLIC KEY-----\n";
    assert_eq!(guid(lines, SALT), expected, "without line breaks");
}

#[tokio::test]
async fn a_record_is_put_read_and_renewed() {
    let (registry, owner) = (registry().await, Owner::new());
    let none = json!({"Code": 404, "Description": "Not found", "Explanation": "GUID not found", "Value": ""});
    assert_eq!(http(&registry, "GET", &owner.guid, "").await, (404, none));
    let first = owner.sign(&owner.dataset());
    let (status, said) = http(&registry, "PUT", &owner.guid, &first).await;
    assert_eq!(
        (status, &said["Code"], &said["Description"], &said["Value"]),
        (200, &json!(200), &json!("OK"), &json!(""))
    );
    let found = (200, json!({"Code": 200, "Description": "OK", "Value": first}));
    assert_eq!(http(&registry, "GET", &owner.guid, "").await, found, "to the letter: others verify it");
    let renewed = owner.sign(&with(owner.dataset(), "lastUpdate", json!("2026-11-21T00:00:00Z")));
    assert_eq!(http(&registry, "PUT", &owner.guid, &renewed).await.0, 200);
    assert_eq!(http(&registry, "GET", &owner.guid, "").await.1["Value"], renewed);
    let (status, said) = http(&registry, "PUT", &owner.guid, &first).await;
    assert_eq!(
        (status, &said["Explanation"]),
        (400, &json!("there is a record with a later lastUpdate")),
        "an old one is not put back"
    );
    assert_eq!(http(&registry, "DELETE", &owner.guid, "").await.0, 405);
}

#[tokio::test]
async fn what_is_revoked_stays_so() {
    let (registry, owner) = (registry().await, Owner::new());
    let at = |day: u8| with(owner.dataset(), "lastUpdate", json!(format!("2026-11-{day:02}T00:00:00Z")));
    registry.put(&owner.guid, &owner.sign(&with(at(1), "active", json!(0))), NOW_MS).await.unwrap();
    let revoked = owner.sign(&with(at(2), "revoked", json!(1)));
    registry.put(&owner.guid, &revoked, NOW_MS).await.unwrap();
    let back = registry.put(&owner.guid, &owner.sign(&at(3)), NOW_MS).await;
    assert!(matches!(back, Err(Refused::Revoked)), "{back:?}");
    let in_ten_years = NOW_MS + 10 * 365 * 86_400_000;
    assert_eq!(registry.purge(in_ten_years).await.unwrap(), 0);
    assert_eq!(registry.get(&owner.guid, in_ten_years).await.unwrap(), revoked, "whoever asks is told");
}

#[tokio::test]
async fn a_record_that_is_not_renewed_ends() {
    let (registry, owner) = (registry().await, Owner::new());
    registry.put(&owner.guid, &owner.sign(&owner.dataset()), NOW_MS).await.unwrap();
    let later = NOW_MS + 365 * 86_400_000;
    assert!(matches!(registry.get(&owner.guid, later).await, Err(Refused::NotFound)));
    let late = registry.put(&owner.guid, &owner.sign(&owner.dataset()), later).await;
    assert!(matches!(late, Err(Refused::TimedOut)), "{late:?}");
    assert_eq!(registry.purge(later).await.unwrap(), 0, "it may be renewed for a while");
    assert_eq!(registry.purge(later + 91 * 86_400_000).await.unwrap(), 1);
}

#[tokio::test]
async fn all_that_originals_sign_with_is_taken() {
    let registry = registry().await;
    for algorithm in
        [&ECDSA_P256K1_SHA256_FIXED_SIGNING, &ECDSA_P256K1_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_FIXED_SIGNING]
    {
        let owner = Owner::with(algorithm);
        registry.put(&owner.guid, &owner.sign(&owner.dataset()), NOW_MS).await.unwrap();
        // In the other alphabet of base 64, with its padding, as the original runtime writes signatures.
        let token = owner.sign(&owner.dataset());
        let (text, signature) = token.rsplit_once('.').unwrap();
        let signature = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
        registry.put(&owner.guid, &format!("{text}.{signature}\n"), NOW_MS).await.unwrap();
    }
    let owner = Owner::new();
    let second =
        with(with(owner.dataset(), "schemaVersion", json!(2)), "userIDs", json!([{"uid": "alice", "domain": "d"}]));
    registry.put(&owner.guid, &owner.sign(&second), NOW_MS).await.unwrap();
}

#[tokio::test]
async fn only_the_owner_of_a_key_puts_its_record() {
    let (registry, alice, eve) = (registry().await, Owner::new(), Owner::new());
    let put = async |guid: &str, token: &str| registry.put(guid, token, NOW_MS).await.unwrap_err();
    let error = put(&alice.guid, &eve.sign(&alice.dataset())).await;
    assert!(matches!(error, Refused::Token(BadToken::Signature)), "{error}");
    let error = put(&alice.guid, &eve.sign(&eve.dataset())).await;
    assert!(matches!(error, Refused::OtherGuid), "{error}");
    let stolen = with(eve.dataset(), "guid", json!(alice.guid));
    let error = put(&alice.guid, &eve.sign(&stolen)).await;
    assert!(matches!(error, Refused::NotOfKey), "{error}");
    let salted = with(alice.dataset(), "salt", json!("another"));
    let error = put(&alice.guid, &alice.sign(&salted)).await;
    assert!(matches!(error, Refused::NotOfKey), "{error}");
    let token = alice.sign(&alice.dataset());
    let (head, rest) = token.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    for forged in [
        format!("{head}.{payload}."),
        format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#)),
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#)),
        format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
    ] {
        let error = put(&alice.guid, &forged).await;
        assert!(matches!(error, Refused::Token(_)), "{error}");
    }
}

#[test]
fn what_is_no_record_is_told_why() {
    let owner = Owner::new();
    let dataset = owner.dataset();
    let mut bad: Vec<(String, &str)> = Vec::new();
    for member in ["guid", "userIDs", "lastUpdate", "timeout", "publicKey", "salt", "active", "revoked", "defaults"] {
        let mut lacking = dataset.clone();
        lacking.as_object_mut().unwrap().remove(member);
        bad.push((owner.sign(&lacking), "not as its schema has it"));
    }
    for (name, value, cause) in [
        ("schemaVersion", json!(3), "schemaVersion is 1 or 2"),
        ("active", json!(2), "0 or 1"),
        ("revoked", json!("0"), "not as its schema"),
        ("userIDs", json!(["user://d/a"]), "not as its schema"),
        ("userIDs", json!(vec![json!({"uid": "a", "domain": "d"}); 257]), "at most 256"),
        ("salt", json!(""), "not empty"),
        ("salt", json!("x".repeat(1_025)), "longer than 1,024"),
        ("timeout", json!("tomorrow"), "timeout is no date"),
        ("lastUpdate", json!("2026-02-30T00:00:00Z"), "lastUpdate is no date"),
        ("publicKey", json!("x"), "publicKey is not a key"),
        ("publicKey", json!("-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----"), "publicKey is not a key"),
    ] {
        bad.push((owner.sign(&with(dataset.clone(), name, value)), cause));
    }
    bad.extend([
        (String::new(), "three parts"),
        (".".repeat(5_000), "three parts"),
        ("..".to_owned(), "header is not an object"),
        ("x".repeat(MAX_TOKEN + 1), "longer than 64 KiB"),
        (owner.sign_as("{}", "{}"), "header is not an object with alg"),
        (owner.sign_as(r#"{"alg":"ES256"}"#, r#"{"data":7}"#), "payload is not an object with data"),
        (owner.sign_as(r#"{"alg":"ES256"}"#, r#"{"data":"W10"}"#), "it is no object"),
        (owner.sign_as(r#"{"alg":"ES384"}"#, "{}"), "something else than ES256"),
    ]);
    for (token, cause) in bad {
        let error = Signed::parse(&token).unwrap_err().to_string();
        assert!(error.contains(cause), "{error}, and not {cause}");
    }
}

#[tokio::test]
async fn messages_of_both_eras_are_answered_with_capitals() {
    let (registry, owner) = (registry().await, Owner::new());
    let token = owner.sign(&owner.dataset());
    let ask = async |verb: &str, to: &str, body: Value| {
        let text =
            json!({"id": 1, "type": verb, "from": "runtime://d/r/graph-connector", "to": to, "body": body}).to_string();
        let answer: Value =
            serde_json::from_str(&registry.answer(&Envelope::parse(&text).unwrap(), NOW_MS).await).unwrap();
        assert_eq!(answer["from"], to);
        answer["body"].clone()
    };
    assert_eq!(ask("READ", "global://registry/", json!({"guid": owner.guid})).await["Code"], 404);
    assert_eq!(ask("CREATE", "global://registry/", json!({"guid": owner.guid, "jwt": token})).await["Code"], 200);
    let read = ask("read", "global://registry", json!({"resource": format!("user-guid://{}", owner.guid)})).await;
    assert_eq!((&read["Code"], &read["code"], &read["Value"]), (&json!(200), &json!(200), &json!(token)));
    assert_eq!(ask("update", "global://registry", json!({"resource": owner.guid, "value": token})).await["Code"], 200);
    for body in [json!({}), json!({"resource": 7}), json!({"resource": owner.guid})] {
        assert_eq!(ask("create", "global://registry", body).await["Code"], 400);
    }
}

#[tokio::test]
async fn a_full_registry_takes_what_is_there_already() {
    let database = Database::open(Place::Memory).await.unwrap();
    let registry = GlobalRegistry::new(Arc::new(database), Settings { max_records: 1, ..Settings::default() });
    let (one, two) = (Owner::new(), Owner::new());
    registry.put(&one.guid, &one.sign(&one.dataset()), NOW_MS).await.unwrap();
    assert!(matches!(registry.put(&two.guid, &two.sign(&two.dataset()), NOW_MS).await, Err(Refused::Full)));
    registry.put(&one.guid, &one.sign(&one.dataset()), NOW_MS).await.unwrap();
}

#[tokio::test]
async fn more_than_can_be_checked_is_refused_at_once() {
    let (registry, owner) = (registry().await, Owner::new());
    let token = owner.sign(&owner.dataset());
    let puts = (0..200).map(|_| {
        let (registry, guid, token) = (registry.clone(), owner.guid.clone(), token.clone());
        tokio::spawn(async move { registry.put(&guid, &token, NOW_MS).await })
    });
    let (mut done, mut refused) = (0, 0);
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(()) => done += 1,
            Err(why) => {
                assert!(matches!(why, Refused::Overloaded), "{why}");
                refused += 1;
            }
        }
    }
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
}

proptest! {
    #[test]
    fn anything_at_all_is_survived(token in r"[A-Za-z0-9_+/=.-]{0,200}") {
        let _ = Signed::parse(&token);
    }

    #[test]
    fn a_token_that_was_touched_is_none(at in 0..1_000_usize, to in "[A-Za-z0-9_-]") {
        static OWNER: std::sync::LazyLock<(Owner, String)> = std::sync::LazyLock::new(|| {
            let owner = Owner::new();
            let token = owner.sign(&owner.dataset());
            (owner, token)
        });
        let token = &OWNER.1;
        let at = at % token.len();
        let mut touched = token.clone();
        touched.replace_range(at..=at, &to);
        let is_same = touched == *token;
        match Signed::parse(&touched) {
            Ok(_) => prop_assert!(is_same, "{} became {}", &token[at..=at], to),
            Err(_) => prop_assert!(!is_same),
        }
    }
}
