//! Signing in by another provider: a second one over loopback, and one that lies.

use super::world::{CHALLENGE, Site, client, site};
use crate::identity::config::{ClientConfig, ExternalConfig, TrustedConfig};
use crate::identity::external::{Externals, Fetch, FetchFault, SignInFault};
use crate::identity::jose::{Algorithm, KeySet, SigningKey, TokenFault};
use crate::identity::oidc::{Params, half_hash};
use crate::identity::secret::Secret;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const NOW_S: u64 = 1_800_000_000;

fn external(issuer: &str) -> ExternalConfig {
    ExternalConfig {
        id: "other".into(),
        name: "Other".into(),
        issuer: issuer.into(),
        client_id: "here".into(),
        client_secret: Some("0123456789abcdef0123456789abcdef".into()),
        private_network: true,
        trust_email: false,
    }
}

/// A provider, and one at which its people may sign in.
fn two() -> (Site, Site) {
    // Each must know the other's address before it starts: a port is taken and given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let other = site(|config| {
        config.clients = vec![ClientConfig {
            secret: Some("0123456789abcdef0123456789abcdef".into()),
            redirect_uris: vec![format!("http://127.0.0.1:{port}/identity/external/other/callback")],
            ..client("here")
        }];
    });
    let here = super::world::site_at(port, |config| {
        config.providers = vec![external(&other.issuer)];
        config.trusted = vec![TrustedConfig { issuer: other.issuer.clone(), private_network: true }];
    });
    (here, other)
}

#[test]
fn somebody_of_another_provider_signs_in() {
    let (here, other) = two();
    let mut there = other.member("anne@example.org");
    let mut browser = here.browser();
    assert!(browser.get("/identity/login").body.contains("Sign in with Other"));
    let sign_in = |browser: &mut super::world::Browser, there: &mut super::world::Browser| {
        browser.get("/identity/login");
        let sent = browser.form("/identity/external/other", &[("next", "/identity/account?x=1")]);
        assert!(sent.location().starts_with(&format!("{}/identity/authorize?", other.issuer)), "{sent:?}");
        assert!(sent.param("code_challenge").len() == CHALLENGE.len() && sent.param("nonce").len() == 43);
        let asked = there.get(sent.location());
        if asked.status == 200 { there.agree(&asked) } else { asked }
    };
    let back = sign_in(&mut browser, &mut there);
    let mut stranger = here.browser();
    assert_eq!(stranger.get(back.location()).status, 400, "another browser");
    assert_eq!(browser.get(back.location()).status, 400, "an answer is looked at once, also when it was stolen");
    let back = sign_in(&mut browser, &mut there);
    let done = browser.get(back.location());
    assert_eq!((done.status, done.location()), (303, "/identity/account?x=1"), "{}", done.body);
    let account = browser.get("/identity/account");
    assert!(account.body.contains("anne@example.org") && account.body.contains("Anne"), "{}", account.body);
    assert_eq!(browser.get(back.location()).status, 400, "replayed");

    // The same person again is the same account; somebody else with the same address here is not.
    let mut second = here.browser();
    let back = sign_in(&mut second, &mut there);
    assert_eq!(second.get(back.location()).status, 303);
    here.member("bob@example.org");
    let mut bob = other.member("bob@example.org");
    let mut third = here.browser();
    let back = sign_in(&mut third, &mut bob);
    let refused = third.get(back.location());
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("sign in to it by its password"), "{}", refused.body);
    for query in ["", "?state=x&code=y", "?error=access_denied"] {
        let reply = here.browser().get(&format!("/identity/external/other/callback{query}"));
        assert_eq!(reply.status, 400, "{query}");
    }
    let mut nobody = here.browser();
    nobody.get("/identity/login");
    assert_eq!(nobody.form("/identity/external/nothing", &[]).status, 400);
}

#[test]
fn the_word_of_a_trusted_provider_is_taken_and_a_strangers_is_not() {
    let (here, other) = two();
    let mut anne = other.member("anne@example.org");
    let body = json!({"contents": "x"});
    let assertion =
        anne.json("/identity/assertion", &body, &[("x-colloquy-identity", "1")]).json()["assertion"].clone();
    let validate = || here.browser().json("/identity/assertion/validate", &json!({"assertion": assertion}), &[]).json();
    assert_eq!(validate()["trust"]["colour"], "yellow", "its keys are not here yet");
    here.runtime.block_on(here.provider.tick(here.now_s())).unwrap();
    let validated = validate();
    assert_eq!((&validated["trust"]["colour"], &validated["identity"]), (&json!("green"), &json!("anne@127.0.0.1")));
}

/// A provider that answers what the test wants.
struct Liar {
    key: SigningKey,
    published: Mutex<KeySet>,
    answer: Mutex<Value>,
    asked: AtomicUsize,
}

impl Fetch for Liar {
    fn get(&self, url: &str, _private: bool) -> Result<String, FetchFault> {
        if url.ends_with("/keys") {
            self.asked.fetch_add(1, Ordering::SeqCst);
            return Ok(self.published.lock().unwrap().document().to_string());
        }
        let issuer = "https://idp.example";
        let at = |path: &str| format!("{issuer}{path}");
        Ok(json!({"issuer": issuer, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"), "jwks_uri": at("/keys")})
            .to_string())
    }

    fn post(&self, _: &str, form: &str, basic: Option<&str>, _: bool) -> Result<String, FetchFault> {
        assert!(form.contains("code_verifier=") && basic.is_some());
        Ok(self.answer.lock().unwrap().to_string())
    }
}

#[tokio::test]
async fn what_a_lying_provider_says_is_not_believed() {
    let make =
        || SigningKey::from_pkcs8(Algorithm::Rs256, &SigningKey::generate(Algorithm::Rs256).unwrap(), 0).unwrap();
    let (key, later) = (make(), make());
    let published = Mutex::new(KeySet::new(vec![key.public.clone()]));
    let liar = Arc::new(Liar { key, published, answer: Mutex::default(), asked: AtomicUsize::new(0) });
    let fetch: Arc<dyn Fetch> = liar.clone();
    let config = ExternalConfig { private_network: false, ..external("https://idp.example") };
    let externals = Externals::new(&[config]).unwrap();
    let uri = "https://here.example/callback";
    let sign_in = async |change: &dyn Fn(&mut Value, &mut Value), now_s: u64, signer: &SigningKey| {
        let (location, browser) = externals.begin(&fetch, "other", uri, "/", now_s).await?;
        let params: std::collections::HashMap<String, String> =
            url::Url::parse(&location).unwrap().query_pairs().into_owned().collect();
        let mut claims = json!({
            "iss": "https://idp.example", "aud": "here", "sub": "s", "exp": now_s + 60, "iat": now_s, "nonce": params["nonce"],
            "at_hash": half_hash("access"),
        });
        let mut answer = json!({"access_token": "access"});
        change(&mut claims, &mut answer);
        if answer.get("id_token").is_none() {
            answer["id_token"] = json!(signer.sign("JWT", &claims).unwrap());
        }
        *liar.answer.lock().unwrap() = answer;
        let query = Params::default().with("code", Some("c")).with("state", Some(&params["state"]));
        externals.finish(&fetch, "other", uri, (&query, Some(&browser)), now_s).await.map(|checked| checked.claims.sub)
    };
    assert_eq!(sign_in(&|_, _| (), NOW_S, &liar.key).await.as_deref(), Ok("s"));
    type Change = Box<dyn Fn(&mut Value, &mut Value)>;
    let set = |name: &'static str, value: Value| -> Change { Box::new(move |claims, _| claims[name] = value.clone()) };
    let none: Change = Box::new(|claims, answer| {
        use base64::Engine as _;
        let part = |json: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
        answer["id_token"] = json!(format!("{}.{}.", part(&json!({"alg": "none"})), part(claims)));
    });
    for (change, fault) in [
        (set("nonce", json!("replayed")), SignInFault::Nonce),
        (set("nonce", Value::Null), SignInFault::Nonce),
        (set("iss", json!("https://evil.example")), SignInFault::Token(TokenFault::Issuer)),
        (set("aud", json!("another client")), SignInFault::Token(TokenFault::Audience)),
        (set("aud", json!(["here", "another"])), SignInFault::Binding),
        (set("azp", json!("another")), SignInFault::Binding),
        (set("at_hash", json!("x")), SignInFault::Binding),
        (set("exp", json!(NOW_S - 100)), SignInFault::Token(TokenFault::Expired)),
        (set("iat", json!(NOW_S + 100)), SignInFault::Token(TokenFault::NotYet)),
        (set("sub", Value::Null), SignInFault::Token(TokenFault::Claims)),
        (none, SignInFault::Token(TokenFault::Algorithm)),
    ] {
        assert_eq!(sign_in(&*change, NOW_S, &liar.key).await, Err(fault));
    }
    assert_eq!(liar.asked.load(Ordering::SeqCst), 1, "its keys were asked for once");
    // Its keys take turns: asked again once, and then not for each token of a stranger.
    *liar.published.lock().unwrap() = KeySet::new(vec![later.public.clone()]);
    assert_eq!(sign_in(&|_, _| (), NOW_S, &later).await.as_deref(), Ok("s"));
    for _ in 0..5 {
        let unknown = sign_in(&|_, _| (), NOW_S + 1, &liar.key).await;
        assert!(matches!(unknown, Err(SignInFault::Token(TokenFault::UnknownKey(_)))), "{unknown:?}");
    }
    assert_eq!(liar.asked.load(Ordering::SeqCst), 2);

    let (location, browser) = externals.begin(&fetch, "other", uri, "/", NOW_S).await.unwrap();
    let state =
        url::Url::parse(&location).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let query = Params::default().with("code", Some("c")).with("state", Some(&state));
    let mixed = query.clone().with("iss", Some("https://evil.example"));
    let finish = async |query: &Params, browser: Option<&Secret>, now_s| {
        externals.finish(&fetch, "other", uri, (query, browser), now_s).await.map(drop)
    };
    assert_eq!(finish(&mixed, Some(&browser), NOW_S).await, Err(SignInFault::State), "another provider's answer");
    let (_, browser) = externals.begin(&fetch, "other", uri, "/", NOW_S).await.unwrap();
    assert_eq!(finish(&query, Some(&browser), NOW_S).await, Err(SignInFault::State), "used up");
}
