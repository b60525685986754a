//! Access tokens: those that are good, and the ways in which others were let in elsewhere (`faults.md`, 4.7).

use super::world::{SECRET, World, admin, key, participant, token};
use crate::authn::{Caller, Door, KeySet};
use crate::names::RoomName;
use crate::{Claims, Grants, KeyConfig, mint};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

fn keys(configs: &[KeyConfig]) -> KeySet {
    KeySet::new(configs, None).unwrap()
}

fn claims() -> Claims {
    Claims { sub: "anne".into(), room: Some("a".into()), grants: participant(), exp: NOW + 60, ..Claims::default() }
}

/// A token of any header and claims, signed with HS256 and any secret.
fn forge(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let tag =
        aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn good_claims() -> Value {
    json!({"sub":"anne","room":"a","grants":{"join":true},"exp":NOW + 60})
}

fn code(keys: &KeySet, token: &str) -> &'static str {
    keys.verify(token, NOW).map_or_else(|refusal| refusal.code.as_str(), |_| "ok")
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

fn ed25519() -> KeyConfig {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = pair.public_key().as_der().unwrap();
    asymmetric("ed", "EdDSA", public.as_ref(), pair.to_pkcs8v1().unwrap().as_ref())
}

fn p256() -> KeyConfig {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let public = pair.public_key().as_der().unwrap();
    asymmetric("ec", "ES256", public.as_ref(), document.as_ref())
}

fn asymmetric(kid: &str, algorithm: &str, public: &[u8], private: &[u8]) -> KeyConfig {
    serde_json::from_value(json!({"kid":kid,"algorithm":algorithm,"public_key_pem":pem("PUBLIC KEY", public),
        "private_key_pem":pem("PRIVATE KEY", private)}))
    .unwrap()
}

#[test]
fn every_kind_of_key_signs_and_checks() {
    let configs = [key(), ed25519(), p256()];
    let set = keys(&configs);
    for config in &configs {
        let minted = mint(config, &claims()).unwrap();
        assert_eq!(set.verify(&minted, NOW).unwrap(), claims(), "{config:?}");
        // The same key under another name is another key.
        let others: Vec<_> = configs.iter().filter(|c| c.kid != config.kid).cloned().collect();
        assert_eq!(code(&keys(&others), &minted), "auth.invalid");
    }
}

#[test]
fn a_public_key_alone_checks_and_does_not_sign() {
    let both = ed25519();
    let public = KeyConfig { private_key_pem: None, ..both.clone() };
    let minted = mint(&both, &claims()).unwrap();
    assert_eq!(code(&keys(std::slice::from_ref(&public)), &minted), "ok");
    assert!(mint(&public, &claims()).unwrap_err().to_string().contains("private_key_pem"));
}

#[test]
fn times() {
    let set = keys(&[key()]);
    let at = |exp: u64, nbf: Option<u64>| code(&set, &mint(&key(), &Claims { exp, nbf, ..claims() }).unwrap());
    assert_eq!(at(NOW + 1, None), "ok");
    assert_eq!((at(NOW - 29, None), at(NOW - 30, None), at(0, None)), ("ok", "auth.expired", "auth.expired"));
    assert_eq!((at(u64::MAX, Some(NOW + 30)), at(NOW + 60, Some(NOW + 31))), ("ok", "auth.expired"));
    for exp in [json!(null), json!("soon"), json!((NOW + 60).to_string()), json!(1.8e9), json!(-1), json!([NOW + 60])] {
        let mut claims = good_claims();
        claims["exp"] = exp.clone();
        assert_eq!(
            code(&set, &forge(&json!({"alg":"HS256","kid":"k1"}), &claims, SECRET.as_bytes())),
            "auth.invalid",
            "{exp}"
        );
    }
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove("exp");
    assert_eq!(code(&set, &forge(&json!({"alg":"HS256","kid":"k1"}), &claims, SECRET.as_bytes())), "auth.invalid");
}

#[test]
fn the_key_says_which_algorithm() {
    let (hs, ed) = (key(), ed25519());
    let set = keys(&[hs, ed.clone()]);
    let good = |header: Value| code(&set, &forge(&header, &good_claims(), SECRET.as_bytes()));
    assert_eq!(good(json!({"alg":"HS256","kid":"k1"})), "ok");
    for alg in ["none", "None", "", "HS512", "RS256", "EdDSA", "hs256"] {
        assert_eq!(good(json!({"alg":alg,"kid":"k1"})), "auth.invalid", "{alg}");
    }
    // A public key used as a secret.
    let public = ed.public_key_pem.unwrap();
    for secret in [public.as_bytes(), public.trim().as_bytes()] {
        for alg in ["HS256", "EdDSA"] {
            assert_eq!(code(&set, &forge(&json!({"alg":alg,"kid":"ed"}), &good_claims(), secret)), "auth.invalid");
        }
    }
    // No signature at all.
    let token = forge(&json!({"alg":"none","kid":"k1"}), &good_claims(), b"x");
    assert_eq!(code(&set, &token[..=token.rfind('.').unwrap()]), "auth.invalid");
}

#[test]
fn the_token_does_not_bring_its_key() {
    let set = keys(&[key(), ed25519()]);
    let evil = b"evil evil evil evil evil evil evil evil";
    for header in [
        json!({"alg":"HS256","kid":"../../dev/null"}),
        json!({"alg":"HS256","kid":"k1' OR '1'='1"}),
        json!({"alg":"HS256","kid":"k1","jku":"http://169.254.169.254/keys"}),
        json!({"alg":"HS256","kid":"k1","x5u":"http://127.0.0.1/cert"}),
        json!({"alg":"HS256","kid":"k1","jwk":{"kty":"oct","k":URL_SAFE_NO_PAD.encode(evil)}}),
        json!({"alg":"HS256","kid":["k1"]}),
        json!({"alg":"HS256","kid":""}),
        json!({"alg":"HS256"}),
    ] {
        assert_eq!(code(&set, &forge(&header, &good_claims(), evil)), "auth.invalid", "{header}");
    }
    // Without a kid, and with one key only, there is no choice to be made.
    assert_eq!(code(&keys(&[key()]), &forge(&json!({"alg":"HS256"}), &good_claims(), SECRET.as_bytes())), "ok");
    let critical = json!({"alg":"HS256","kid":"k1","crit":["x"],"x":1});
    assert_eq!(code(&set, &forge(&critical, &good_claims(), SECRET.as_bytes())), "auth.invalid");
}

#[test]
fn forms_that_are_none() {
    let set = keys(&[key()]);
    let good = mint(&key(), &claims()).unwrap();
    let dots = ".".repeat(8_000);
    let long = format!("{good}{}", "A".repeat(9_000));
    let flipped = good.replacen('.', ".e", 1);
    for bad in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        &dots,
        &long,
        &flipped,
        "Bearer x",
        &good[1..],
        &format!("{good}="),
        "e30.e30.e30",
    ] {
        assert_eq!(code(&set, bad), "auth.invalid", "{}", &bad[..bad.len().min(40)]);
    }
    let twice = format!(r#"{{"sub":"a","exp":{},"exp":1,"grants":{{}}}}"#, NOW + 60);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k1"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(twice));
    let tag = aws_lc_rs::hmac::sign(
        &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes()),
        signed.as_bytes(),
    );
    assert_eq!(code(&set, &format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))), "auth.invalid");
    let mut misspelt = good_claims();
    misspelt["grants"] = json!({"moderator":true});
    assert_eq!(code(&set, &forge(&json!({"alg":"HS256","kid":"k1"}), &misspelt, SECRET.as_bytes())), "auth.invalid");
}

proptest::proptest! {
    /// Nothing but what was signed is taken, and nothing panics.
    #[test]
    fn a_token_that_was_changed_is_none(at in 0_usize..400, with in "[A-Za-z0-9_.=-]") {
        let good = mint(&key(), &claims()).unwrap();
        let at = at % good.len();
        let mut changed = good.clone();
        changed.replace_range(at..=at, &with);
        let same = changed == good || at == good.len() - 1;
        proptest::prop_assert!(same || code(&keys(&[key()]), &changed) == "auth.invalid", "{}", changed);
    }
}

#[test]
fn audiences() {
    let ours = KeySet::new(&[key()], Some("colloquy".into())).unwrap();
    let any = keys(&[key()]);
    let with = |set: &KeySet, aud: Option<Value>| {
        let mut claims = good_claims();
        if let Some(aud) = aud {
            claims["aud"] = aud;
        }
        code(set, &forge(&json!({"alg":"HS256","kid":"k1"}), &claims, SECRET.as_bytes()))
    };
    assert_eq!(with(&ours, Some(json!("colloquy"))), "ok");
    assert_eq!(with(&ours, Some(json!(["other", "colloquy"]))), "ok");
    for wrong in [json!("other"), json!([]), json!([""]), json!(["Colloquy"]), json!({"colloquy":1})] {
        assert_eq!(with(&ours, Some(wrong.clone())), "auth.invalid", "{wrong}");
    }
    assert_eq!(with(&ours, None), "auth.invalid");
    assert_eq!((with(&any, None), with(&any, Some(json!("other")))), ("ok", "auth.invalid"));
}

#[test]
fn what_grants_open() {
    let room = RoomName::parse("a").unwrap();
    let caller = |grants: Grants, scope: Option<&str>| {
        Caller::try_from(Claims { grants, room: scope.map(str::to_owned), ..claims() }).unwrap()
    };
    let doors = |caller: &Caller| [Door::Socket, Door::Whip, Door::Whep].map(|door| caller.enter(&room, door).is_ok());
    assert_eq!(doors(&caller(participant(), Some("a"))), [true, true, true]);
    assert_eq!(doors(&caller(participant(), Some("*"))), [true, true, true]);
    assert_eq!(doors(&caller(participant(), Some("b"))), [false; 3]);
    assert_eq!(doors(&caller(participant(), None)), [false; 3]);
    assert_eq!(doors(&caller(Grants { publish: true, ..Grants::default() }, Some("a"))), [false, true, false]);
    assert_eq!(doors(&caller(Grants { subscribe: true, ..Grants::default() }, Some("a"))), [false, false, true]);
    assert_eq!(doors(&caller(Grants { moderate: true, ..Grants::default() }, Some("a"))), [true, false, false]);
    assert_eq!(doors(&caller(admin(), None)), [true, false, false]);
    for (room, name) in [(Some("a/b"), None), (Some(""), None), (Some("a"), Some("x\u{202e}y"))] {
        let claims = Claims { room: room.map(str::to_owned), name: name.map(str::to_owned), ..claims() };
        assert_eq!(Caller::try_from(claims).unwrap_err().code.as_str(), "auth.invalid");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guarded_server_lets_in_by_token_only() {
    let world = World::guarded();
    let join = || json!({"type":"join","room":"a","name":"n"});
    let mut anne = world.greeted().await;
    assert_eq!(anne.refused(join()).await, "auth.required");

    let mut wrong = world.socket().await;
    assert_eq!(wrong.refused(json!({"type":"hello","version":1,"token":"a.b.c"})).await, "auth.invalid");
    assert_eq!(
        wrong.ask(json!({"type":"hello","version":1,"token":token("b", participant())})).await["type"],
        "welcome"
    );
    assert_eq!(wrong.refused(join()).await, "auth.forbidden");

    let old = mint(&key(), &Claims { exp: 1, ..claims() }).unwrap();
    let mut late = world.socket().await;
    assert_eq!(late.ask(json!({"type":"hello","version":1,"token":old})).await["type"], "welcome");
    assert_eq!(late.refused(join()).await, "auth.expired");

    // The resume token says enough, also when the access token has expired.
    let (anne, joined) = world.joined_by(&token("a", participant()), "a").await;
    drop(anne);
    assert_eq!(late.ask(json!({"type":"resume","resume_token":joined["resume_token"]})).await["participant"], "p1");
    assert_eq!(late.ask(json!({"type":"leave"})).await["type"], "ok");
    assert_eq!(late.refused(join()).await, "auth.expired");
}

#[tokio::test(start_paused = true)]
async fn the_token_names_him_and_limits_his_media() {
    let world = World::guarded();
    let grants = Grants { join: true, subscribe: true, ..Grants::default() };
    let claims = Claims { name: Some("Anne A.".into()), exp: crate::api::unix_now_s() + 60, grants, ..claims() };
    let (mut anne, joined) = world.joined_by(&mint(&key(), &claims).unwrap(), "a").await;
    assert_eq!(joined["participants"][0]["name"], "Anne A.");
    assert_eq!(joined["permissions"], json!({"publish":false,"subscribe":true}));
    assert_eq!(anne.refused(json!({"type":"offer","sdp":"v=0","sources":{"0":"camera"}})).await, "auth.forbidden");
}

#[tokio::test(start_paused = true)]
async fn keys_are_changed_while_people_talk() {
    let world = World::guarded();
    let (mut anne, _) = world.joined_by(&token("a", participant()), "a").await;
    let new = KeyConfig { kid: "k2".into(), secret: Some("x".repeat(32)), ..key() };
    world.signalling.reload_keys(&[key(), new.clone()]).unwrap();
    let by_new = mint(&new, &Claims { exp: crate::api::unix_now_s() + 60, ..claims() }).unwrap();
    for token in [token("a", participant()), by_new] {
        assert_eq!(world.joined_by(&token, "a").await.1["type"], "joined");
    }
    world.signalling.reload_keys(&[new]).unwrap();
    let mut old = world.socket().await;
    let hello = json!({"type":"hello","version":1,"token":token("a", participant())});
    assert_eq!(old.refused(hello).await, "auth.invalid");
    assert_eq!(anne.ask(json!({"type":"stats"})).await["type"], "stats");
    assert!(world.signalling.reload_keys(&[]).is_err());
}

#[tokio::test(start_paused = true)]
async fn sessions_end_with_their_tokens_where_that_is_wanted() {
    let config =
        crate::SignallingConfig { keys: vec![key()], end_sessions_at_token_expiry: true, ..Default::default() };
    let world = World::with(config);
    // Within the leeway of a join, and a moment later beyond it.
    let claims = Claims { exp: crate::api::unix_now_s() - 28, ..claims() };
    let (mut anne, joined) = world.joined_by(&mint(&key(), &claims).unwrap(), "a").await;
    assert_eq!(joined["type"], "joined");
    world.signalling.with(|house, fx| house.tick(crate::api::now(), Some(claims.exp + 1), fx));
    assert_eq!(anne.event("removed").await["reason"], "expired");
}
