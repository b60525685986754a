//! Codes, tokens, refresh, revocation: RFC 6749 sections 4.1.3, 5 and 6, RFC 7009, RFC 7636, RFC 9700.

use super::world::{CALLBACK, Reply, Site, VERIFIER, client, redeeming, site};
use crate::identity::config::ClientConfig;
use crate::identity::jose::{Algorithm, Expect, KeySet, SigningKey, verify};
use crate::identity::oidc::{ACCESS_TYPE, AccessClaims, IdClaims, half_hash};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn userinfo(site: &Site, token: &str) -> Reply {
    site.browser().get_with("/identity/userinfo", &[("authorization", &format!("Bearer {token}"))])
}

fn keys(site: &Site) -> KeySet {
    KeySet::parse(&site.browser().get("/identity/jwks").json()).unwrap()
}

#[test]
fn a_code_becomes_tokens_that_say_what_was_agreed() {
    let site =
        site(|config| config.clients.push(ClientConfig { id_token_algorithm: Algorithm::Es256, ..client("ec") }));
    let mut browser = site.member("anne@example.org");
    let code = site.code(&mut browser, "openid profile email offline_access unknown");
    let reply = site.redeem(&code);
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{reply:?}");
    let tokens = reply.json();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    assert_eq!(
        (text("token_type").as_str(), text("scope").as_str()),
        ("Bearer", "email offline_access openid profile")
    );
    let expect = Expect { typ: Some("JWT"), issuer: &site.issuer, audience: "app", now_s: Some(site.now_s()) };
    let id: IdClaims = verify(&text("id_token"), &keys(&site), &expect).unwrap();
    assert_eq!(
        (id.nonce.as_deref(), id.email.as_deref(), id.email_verified),
        (Some("n-1"), Some("anne@example.org"), Some(true))
    );
    assert_eq!((id.at_hash, id.auth_time), (Some(half_hash(&text("access_token"))), Some(site.now_s())));
    assert_eq!((id.preferred_username.as_deref(), id.name.as_deref()), (Some("anne"), Some("Anne")));
    let info = userinfo(&site, &text("access_token")).json();
    assert_eq!(
        (&info["sub"], &info["email"], &info["userURL"]),
        (&json!(id.sub), &json!("anne@example.org"), &json!("user://127.0.0.1/anne"))
    );

    let discovery = site.browser().get("/.well-known/openid-configuration");
    assert_eq!(discovery.header("access-control-allow-origin"), "*");
    let discovery = discovery.json();
    assert_eq!(discovery["issuer"], json!(site.issuer));
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "end_session_endpoint",
    ] {
        let url = discovery[endpoint].as_str().unwrap();
        assert_ne!(site.browser().get(url).status, 404, "{endpoint}");
    }
    // Only what was agreed to.
    let narrow = site.code(&mut browser, "openid");
    let tokens = site.redeem(&narrow).json();
    assert!(tokens.get("refresh_token").is_none());
    let info = userinfo(&site, tokens["access_token"].as_str().unwrap()).json();
    assert_eq!(info.as_object().unwrap().len(), 1, "{info}");
}

#[test]
fn codes_are_good_once_for_whom_they_were_made_and_not_for_long() {
    let site = site(|config| config.clients.push(client("other")));
    let mut browser = site.member("anne@example.org");
    let refused = |form: &[(&str, &str)], error: &str| {
        let reply = site.token(form);
        assert_eq!((reply.status, reply.error().as_str()), (400, error), "{form:?}");
    };
    let with = |code: &str, name: &'static str, value: &'static str| {
        let mut form: Vec<(String, String)> =
            redeeming(code).iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push((name.to_owned(), value.to_owned()));
        }
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let reply = site.token(&form);
        (reply.status, reply.error())
    };
    // Each of them uses the code up.
    for (name, value) in [
        ("code_verifier", "a-verifier-that-is-long-enough-but-another-one-"),
        ("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_verifier", "short"),
        ("redirect_uri", "https://app.example/other?x=1"),
        ("client_id", "other"),
    ] {
        let code = site.code(&mut browser, "openid");
        assert_eq!(with(&code, name, value), (400, "invalid_grant".into()), "{name}");
        refused(&redeeming(&code), "invalid_grant");
    }
    let code = site.code(&mut browser, "openid");
    for (name, error) in [
        ("code_verifier", "invalid_request"),
        ("redirect_uri", "invalid_request"),
        ("grant_type", "invalid_request"),
        ("code", "invalid_request"),
    ] {
        assert_eq!(with(&code, name, ""), (400, error.into()), "{name}");
    }
    assert_eq!(with(&code, "grant_type", "password"), (400, "unsupported_grant_type".into()));
    assert_eq!(with(&code, "client_id", "nobody"), (401, "invalid_client".into()));
    refused(&redeeming("x"), "invalid_grant");
    site.wait(61);
    refused(&redeeming(&code), "invalid_grant");

    // Used twice: what came of it the first time is taken back.
    let code = site.code(&mut browser, "openid offline_access");
    let tokens = site.redeem(&code).json();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(userinfo(&site, access).status, 200);
    refused(&redeeming(&code), "invalid_grant");
    let reply = userinfo(&site, access);
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, r#"Bearer error="invalid_token""#));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    refused(&[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", refresh)], "invalid_grant");
}

#[test]
fn refresh_tokens_take_turns_and_a_stolen_one_ends_all() {
    let site = site(|config| config.clients.push(client("other")));
    let mut browser = site.member("anne@example.org");
    let code = site.code(&mut browser, "openid email offline_access");
    let first = site.redeem(&code).json()["refresh_token"].as_str().unwrap().to_owned();
    let refresh = |client: &str, token: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token), ("scope", scope)];
        site.token(&form)
    };
    assert_eq!(refresh("other", &first, "").error(), "invalid_grant");
    let reply = refresh("app", &first, "").json();
    let second = reply["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let expect = Expect { typ: Some("JWT"), issuer: &site.issuer, audience: "app", now_s: Some(site.now_s()) };
    let id: IdClaims = verify(reply["id_token"].as_str().unwrap(), &keys(&site), &expect).unwrap();
    assert_eq!(id.nonce, None, "it has been seen");
    let narrow = refresh("app", &second, "openid").json();
    assert_eq!(narrow["scope"], "openid");
    let third = narrow["refresh_token"].as_str().unwrap().to_owned();
    let access = narrow["access_token"].as_str().unwrap();
    assert_eq!(userinfo(&site, access).status, 200);
    assert_eq!(refresh("app", &first, "").error(), "invalid_grant", "the thief's, or the owner's");
    assert_eq!(refresh("app", &third, "").error(), "invalid_grant", "and so nobody's");
    assert_eq!(userinfo(&site, access).status, 401);

    let code = site.code(&mut browser, "openid offline_access");
    let token = site.redeem(&code).json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh("app", &token, "openid email").error(), "invalid_scope", "more than was granted");
    let code = site.code(&mut browser, "openid offline_access");
    let token = site.redeem(&code).json()["refresh_token"].as_str().unwrap().to_owned();
    site.wait(15 * 86_400);
    assert_eq!(refresh("app", &token, "").error(), "invalid_grant", "too old");
}

#[test]
fn tokens_are_taken_back() {
    let site = site(|config| config.clients.push(client("other")));
    let mut browser = site.member("anne@example.org");
    let tokens = |browser: &mut super::world::Browser| {
        let code = site.code(browser, "openid offline_access");
        let tokens = site.redeem(&code).json();
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"), text("id_token"))
    };
    let revoke = |client: &str, token: &str| {
        site.browser().post("/identity/revoke", &[("client_id", client), ("token", token)], &[]).status
    };
    let (access, refresh, _) = tokens(&mut browser);
    assert_eq!((revoke("app", "unknown"), revoke("other", &refresh), revoke("nobody", &refresh)), (200, 200, 401));
    assert_eq!(userinfo(&site, &access).status, 200, "another client's");
    assert_eq!(revoke("app", &refresh), 200);
    assert_eq!(userinfo(&site, &access).status, 401);
    let (access, ..) = tokens(&mut browser);
    assert_eq!((revoke("app", &access), userinfo(&site, &access).status), (200, 401));

    // Signing out ends what was granted in the session; a client that knows who it is does it without a question.
    let (access, _, id_token) = tokens(&mut browser);
    let end = |hint: &str, uri: &str| {
        format!("/identity/end-session?id_token_hint={hint}&post_logout_redirect_uri={uri}&state=z")
    };
    let asked = browser.get("/identity/end-session?client_id=app");
    assert!(asked.body.contains("Sign out?") && userinfo(&site, &access).status == 200);
    let elsewhere = site.browser().get(&end(&id_token, "https://evil.example"));
    assert_eq!((elsewhere.status, elsewhere.location()), (200, ""), "no open redirect");
    site.wait(86_400);
    let done = browser.get(&end(&id_token, "https://app.example/bye"));
    assert_eq!(done.location(), "https://app.example/bye?state=z", "an ID token that has ended is a good hint");
    assert!(!browser.jar.contains_key("__Host-colloquy-session"));
    assert_eq!(userinfo(&site, &access).status, 401);
}

#[test]
fn clients_with_a_secret_must_show_it() {
    let secret = |config: &mut crate::identity::config::Config| {
        config.clients = vec![ClientConfig { secret: Some(SECRET.into()), ..client("app") }];
    };
    let site = site(secret);
    let mut browser = site.member("anne@example.org");
    let code = site.code(&mut browser, "openid");
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("app:{secret}")));
    let form = redeeming(&code);
    let try_with = |header: Option<&str>, more: &[(&str, &str)]| {
        let mut fields = form.to_vec();
        fields.extend_from_slice(more);
        let headers: Vec<(&str, &str)> = header.iter().map(|value| ("authorization", *value)).collect();
        site.browser().post("/identity/token", &fields, &headers)
    };
    for reply in [
        try_with(None, &[]),
        try_with(None, &[("client_secret", "wrong")]),
        try_with(Some(&basic("wrong")), &[]),
        try_with(Some("Basic !"), &[]),
    ] {
        assert_eq!((reply.status, reply.error().as_str()), (401, "invalid_client"));
        assert!(reply.header("www-authenticate").starts_with("Basic"));
    }
    assert_eq!(try_with(Some(&basic(SECRET)), &[("client_secret", SECRET)]).error(), "invalid_request", "in two ways");
    assert_eq!(try_with(Some(&basic(SECRET)), &[]).status, 200, "none of that has used the code up");
    let code = site.code(&mut browser, "openid");
    let mut fields = redeeming(&code).to_vec();
    fields.push(("client_secret", SECRET));
    assert_eq!(site.token(&fields).status, 200);
}

#[test]
fn forged_access_tokens_open_nothing() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let code = site.code(&mut browser, "openid email");
    let tokens = site.redeem(&code).json();
    let access = tokens["access_token"].as_str().unwrap();
    let parts: Vec<&str> = access.split('.').collect();
    let header = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let kid = keys(&site).document()["keys"][0]["kid"].clone();
    let expect =
        Expect { typ: Some(ACCESS_TYPE), issuer: &site.issuer, audience: &site.issuer, now_s: Some(site.now_s()) };
    let claims: AccessClaims = verify(access, &keys(&site), &expect).unwrap();
    let stranger =
        SigningKey::from_pkcs8(Algorithm::Es256, &SigningKey::generate(Algorithm::Es256).unwrap(), 0).unwrap();
    for forged in [
        format!("{}.{}.", header(json!({"alg": "none", "typ": ACCESS_TYPE})), parts[1]),
        format!("{}.{}.{}", header(json!({"alg": "HS256", "typ": ACCESS_TYPE, "kid": kid})), parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(json!({"sub": "x"}).to_string()), parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        stranger.sign(ACCESS_TYPE, &claims).unwrap(),
        tokens["id_token"].as_str().unwrap().to_owned(),
        "x".to_owned(),
        ".".repeat(10_000),
    ] {
        assert_eq!(userinfo(&site, &forged).status, 401, "{forged:.60}");
    }
    assert_eq!(site.browser().get("/identity/userinfo").status, 401);
    assert_eq!(
        site.browser().get(&format!("/identity/userinfo?access_token={access}")).status,
        401,
        "not in an address"
    );
    assert_eq!(userinfo(&site, access).status, 200);
    site.wait(700);
    assert_eq!(userinfo(&site, access).status, 401, "it has ended");
}

#[test]
fn keys_take_turns_under_running_clients() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let tick = || site.runtime.block_on(site.provider.tick(site.now_s())).unwrap();
    let before = keys(&site);
    assert_eq!(before.len(), 2, "one for each algorithm");
    site.wait(29 * 86_400);
    tick();
    assert_eq!(keys(&site).len(), 4, "the next are known a day before");
    browser.sign_in("anne@example.org", super::world::PASSWORD);
    let code = site.code(&mut browser, "openid");
    let old = site.redeem(&code).json()["access_token"].as_str().unwrap().to_owned();
    let expect =
        Expect { typ: Some(ACCESS_TYPE), issuer: &site.issuer, audience: &site.issuer, now_s: Some(site.now_s()) };
    assert!(verify::<AccessClaims>(&old, &before, &expect).is_ok(), "still signed by the old");
    site.wait(86_400);
    tick();
    let code = site.code(&mut browser, "openid");
    let new = site.redeem(&code).json()["access_token"].as_str().unwrap().to_owned();
    let expect = Expect { now_s: Some(site.now_s()), ..expect };
    assert!(
        verify::<AccessClaims>(&new, &before, &expect).is_err()
            && verify::<AccessClaims>(&new, &keys(&site), &expect).is_ok()
    );
    site.wait(3 * 86_400);
    tick();
    assert_eq!(keys(&site).len(), 2, "the old are forgotten");
    assert_eq!((CALLBACK.is_empty(), VERIFIER.len()), (false, 43));
}
