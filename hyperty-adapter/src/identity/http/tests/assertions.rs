//! Assertions over HTTP: what Firefox's identity proxy, a page in Chromium and a reTHINK runtime do.

use super::world::{Browser, Site, site};
use crate::identity::assertion::{AssertionFault, Fingerprint, IdentityAttribute, Idp, contents_of};
use serde_json::{Value, json};

const OWN: (&str, &str) = ("x-colloquy-identity", "1");

fn fingerprint(seed: u8) -> Fingerprint {
    Fingerprint::of_certificate(&[seed])
}

fn ask(browser: &mut Browser, more: &Value) -> super::world::Reply {
    let mut body = json!({"contents": contents_of(&[fingerprint(1)])});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    browser.json("/identity/assertion", &body, &[OWN])
}

fn verify(site: &Site, asserted: &Value, seed: u8) -> Result<String, AssertionFault> {
    let domain = asserted["idp"]["domain"].as_str().unwrap().to_owned();
    let assertion = asserted["assertion"].as_str().unwrap().to_owned();
    let attribute = IdentityAttribute { idp: Idp { domain, protocol: "colloquy".into() }, assertion }.emit();
    site.provider
        .with_verifier(|verifier| verifier.verify_assertion(&attribute, &[fingerprint(seed)], site.now_s()))
        .map(|verified| verified.claims.identity)
}

#[test]
fn whoever_is_signed_in_has_his_fingerprint_asserted() {
    let site = site(|config| config.assertion_origins = vec!["https://meet.example".into()]);
    let mut browser = site.member("anne@example.org");
    let asserted = ask(&mut browser, &json!({"origin": "https://meet.example", "nonce": "n"})).json();
    assert_eq!(asserted["identity"], "anne@127.0.0.1");
    assert_eq!(verify(&site, &asserted, 1).as_deref(), Ok("anne@127.0.0.1"));
    assert_eq!(verify(&site, &asserted, 2), Err(AssertionFault::WrongFingerprint), "a swapped fingerprint");
    let claim = asserted["assertion"].as_str().unwrap();
    let check = |nonce| {
        site.provider
            .with_verifier(|verifier| verifier.verify_claim(claim, &[fingerprint(1)], Some(nonce), site.now_s()))
            .map(drop)
    };
    assert_eq!((check("n"), check("m")), (Ok(()), Err(AssertionFault::Nonce)));

    // Not without the header that other sites cannot send, and not for a site that he was not asked about.
    let body = json!({"contents": "x"});
    assert_eq!(browser.json("/identity/assertion", &body, &[]).status, 401);
    assert_eq!(ask(&mut browser, &json!({"origin": "https://evil.example"})).status, 401);
    let known = browser.get_with("/identity/who", &[OWN]).json();
    assert_eq!((&known["identity"], &known["name"]), (&json!("anne@127.0.0.1"), &json!("Anne")));
    for nobody in [browser.get("/identity/who"), site.browser().get_with("/identity/who", &[OWN])] {
        assert_eq!((nobody.status, nobody.json()), (200, json!({"issuer": site.issuer})));
    }
    assert_eq!(ask(&mut site.browser(), &json!({})).status, 401);
    let preflight = browser.get("/identity/assertion").status;
    assert_eq!(preflight, 405);
    for bad in
        [json!({}), json!({"contents": ""}), json!({"contents": "x".repeat(5_000)}), json!({"contents": 7}), json!("x")]
    {
        assert_eq!(browser.json("/identity/assertion", &bad, &[OWN]).status, 400, "{bad:.40}");
    }
    site.wait(3_700);
    assert!(matches!(verify(&site, &asserted, 1), Err(AssertionFault::Token { .. })), "it has ended");
}

#[test]
fn a_proxy_sends_somebody_to_sign_in_and_gets_a_ticket() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let asked = browser.get("/identity/proxy/login?origin=https%3A%2F%2Fshop.example");
    assert!(asked.body.contains("https://shop.example"), "{}", asked.body);
    let no = browser.form("/identity/proxy/login", &[("origin", "https://shop.example"), ("agree", "no")]);
    assert_eq!(no.status, 200);
    let bad = browser.form("/identity/proxy/login", &[("origin", "https://shop.example/x"), ("agree", "yes")]);
    assert_eq!(bad.status, 400);
    let done = browser.form("/identity/proxy/login", &[("origin", "https://shop.example"), ("agree", "yes")]);
    assert!(done.location().starts_with("/identity/proxy/done?code="), "{done:?}");
    let page = browser.get(done.location());
    assert!(page.header("content-security-policy").contains("script-src 'sha256-") && page.body.contains("LOGINDONE"));
    let ticket = done.location().split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    // Whoever has the ticket needs no cookie: a proxy in a sandbox, a runtime of another origin.
    let contents = "[48,130,1,34,48,13]";
    let mut runtime = site.browser();
    let body = json!({"contents": contents, "ticket": ticket});
    let asserted = runtime.json("/identity/assertion", &body, &[]);
    assert_eq!((asserted.status, asserted.header("access-control-allow-origin")), (200, "*"), "{asserted:?}");
    let asserted = asserted.json();
    assert_eq!(asserted["userProfile"]["userURL"], "user://127.0.0.1/anne");
    assert_eq!(runtime.json("/identity/assertion", &body, &[]).status, 401, "once");
    let validated =
        runtime.json("/identity/assertion/validate", &json!({"assertion": asserted["assertion"]}), &[]).json();
    assert_eq!((&validated["identity"], &validated["contents"]), (&json!("anne@127.0.0.1"), &json!(contents)));
    assert_eq!(validated["trust"]["colour"], "green");
    // He has agreed: the next time the cookie is enough.
    assert_eq!(ask(&mut browser, &json!({"origin": "https://shop.example"})).status, 200);
    let account = browser.get("/identity/account");
    assert!(account.body.contains("site https://shop.example"));
    browser.form("/identity/account/consents", &[("client", "site https://shop.example")]);
    assert_eq!(ask(&mut browser, &json!({"origin": "https://shop.example"})).status, 401, "taken back");

    let done = browser.get("/identity/proxy/login");
    let ticket = done.location().split("code=").nth(1).unwrap().to_owned();
    site.wait(121);
    assert_eq!(
        runtime.json("/identity/assertion", &json!({"contents": "x", "ticket": ticket}), &[]).status,
        401,
        "too late"
    );
    let stranger = site.browser().get("/identity/proxy/login?origin=https%3A%2F%2Fa.example");
    assert!(
        stranger.location().starts_with("/identity/login?next=%2Fidentity%2Fproxy%2Flogin%3Forigin"),
        "{stranger:?}"
    );
}

#[test]
fn the_window_of_a_runtime_ends_at_its_own_page() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let ask = |query: &[(&str, &str)]| {
        format!(
            "/identity/proxy/login?{}",
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
        )
    };
    let (origin, back) = (("origin", "https://app.example"), ("redirect_uri", "https://app.example/call?room=1"));
    let stranger = site.browser().get(&ask(&[origin, back, ("login_hint", "anne@example.org")]));
    let next = url::Url::parse(&format!("http://x{}", stranger.location())).unwrap();
    let next: std::collections::BTreeMap<_, _> = next.query_pairs().into_owned().collect();
    assert_eq!((&*next["hint"], &*next["next"]), ("anne@example.org", &*ask(&[origin, back])), "{stranger:?}");

    // The origin is that of the address, said or not; he is asked about it, and the address goes along.
    for query in [vec![origin, back], vec![back]] {
        let asked = browser.get(&ask(&query));
        assert!(asked.body.contains("The site <strong>https://app.example</strong> wants"), "{}", asked.body);
        assert_eq!(super::world::hidden(&asked.body, "redirect_uri"), back.1);
    }
    let done = browser.form("/identity/proxy/login", &[origin, back, ("agree", "yes")]);
    assert!(done.location().starts_with("https://app.example/call?room=1&code="), "{done:?}");
    let done = browser.get(&ask(&[back]));
    let ticket = done.param("code");
    let body = json!({"contents": "[1]", "ticket": ticket});
    assert_eq!(site.browser().json("/identity/assertion", &body, &[]).status, 200);

    for bad in [
        "https://evil.example/",
        "https://app.example.evil.example/",
        "https://app.example@evil.example/",
        "https://app.example/#x",
        "//app.example/",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        assert_eq!(browser.get(&ask(&[origin, ("redirect_uri", bad)])).status, 400, "{bad}");
        let form = [origin, ("redirect_uri", bad), ("agree", "yes")];
        assert_eq!(browser.form("/identity/proxy/login", &form).status, 400, "{bad}");
    }
    let asked = browser.get(&ask(&[("redirect_uri", "https://evil.example/")]));
    assert!(asked.status == 200 && asked.body.contains("https://evil.example"), "asked, not sent");
}

#[test]
fn what_was_asserted_is_taken_back() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let mut other = site.member("bob@example.org");
    let (one, two) = (ask(&mut browser, &json!({})).json(), ask(&mut browser, &json!({})).json());
    let revoke = |browser: &mut Browser, asserted: &Value| {
        browser.json("/identity/assertion/revoke", &json!({"assertion": asserted["assertion"]}), &[OWN]).status
    };
    assert_eq!(revoke(&mut other, &one), 403);
    assert_eq!(revoke(&mut browser, &one), 204);
    assert_eq!((verify(&site, &one, 1), verify(&site, &two, 1).is_ok()), (Err(AssertionFault::Revoked), true));
    let shown = browser.json("/identity/assertion/validate", &json!({"assertion": one["assertion"]}), &[]);
    assert_eq!((shown.status, &shown.json()["trust"]["colour"]), (400, &json!("red")));
    browser.form("/identity/account/sessions", &[("id", "others")]);
    assert_eq!(verify(&site, &two, 1), Err(AssertionFault::Revoked), "with all that he had");
    site.wait(1);
    let three = ask(&mut browser, &json!({})).json();
    assert!(verify(&site, &three, 1).is_ok());
}

#[test]
fn personas_and_guests_are_shown_as_what_they_are() {
    let site = site(|_| ());
    let mut browser = site.member("pierre@example.org");
    assert_eq!(ask(&mut browser, &json!({"persona": "professional"})).status, 400, "he has none");
    let form = [("name", "Pierre"), ("organisation", "HyDev"), ("title", "CTO"), ("shows_email", "yes")];
    assert_eq!(browser.form("/identity/account/persona", &form).status, 303);
    let shown = |browser: &mut Browser, more: Value| {
        let asserted = ask(browser, &more).json();
        browser.json("/identity/assertion/validate", &json!({"assertion": asserted["assertion"]}), &[]).json()
    };
    let work = shown(&mut browser, json!({"persona": "professional"}));
    assert!(work["trust"]["reason"].as_str().unwrap().contains("acting as Pierre, CTO, HyDev"), "{work}");
    assert_eq!(work["userProfile"]["email"], "pierre@example.org");
    let home = shown(&mut browser, json!({"persona": "private"}));
    assert_eq!(home["userProfile"]["email"], "pierre@127.0.0.1", "his address is nobody's business");
    assert_eq!(ask(&mut browser, &json!({"persona": "professional", "organisation": "Other"})).status, 400);
    let bad = browser.form("/identity/account/persona", &[("name", "Pierre"), ("title", "CTO")]);
    assert_eq!(bad.status, 400, "a title without an organisation");

    let mut guest = site.browser();
    guest.get("/identity/login");
    assert_eq!(guest.form("/identity/guest", &[("name", "a\u{202e}b")]).status, 400);
    assert_eq!(guest.form("/identity/guest", &[("name", "Zoe")]).status, 303);
    let shown_guest = shown(&mut guest, json!({}));
    assert_eq!(
        (&shown_guest["trust"]["colour"], &shown_guest["userProfile"]["guest"]),
        (&json!("yellow"), &json!(true))
    );
    assert!(shown_guest["identity"].as_str().unwrap().starts_with("guest-"));
    assert_eq!(ask(&mut guest, &json!({"persona": "professional"})).status, 403);
    assert_eq!(guest.form("/identity/account/persona", &[("name", "Boss")]).status, 403);
    let authorize = guest.get(&super::world::authorize(&[]));
    assert!(authorize.location().starts_with("/identity/login"), "clients are told of nobody");
}

#[test]
fn hyperties_are_tied_to_who_they_are_of() {
    let site = site(|_| ());
    let mut anne = site.member("anne@example.org");
    let mut bob = site.member("bob@example.org");
    let tie = |browser: &mut Browser, url: &str| {
        browser.json("/identity/hyperties", &json!({"hyperty": url, "guid": "user-guid://5d90"}), &[OWN])
    };
    assert_eq!(tie(&mut anne, "hyperty://127.0.0.1/1").status, 200);
    assert_eq!(tie(&mut bob, "hyperty://127.0.0.1/1").status, 403, "hers");
    for bad in ["hyperty://other.example/1", "runtime://127.0.0.1/1", "x", "hyperty://"] {
        assert_eq!(tie(&mut bob, bad).status, 400, "{bad}");
    }
    let owner = site.runtime.block_on(site.provider.owner_of("hyperty://127.0.0.1/1", site.now_s())).unwrap().unwrap();
    assert_eq!((owner.persona.as_str(), owner.guid.as_deref()), ("private", Some("user-guid://5d90")));
    let listed = anne.get_with("/identity/hyperties", &[OWN]).json();
    assert_eq!(listed[0]["hyperty"], "hyperty://127.0.0.1/1");
    assert_eq!(anne.get("/identity/hyperties").status, 401, "a page of another site could read it");
    site.wait(3_601);
    assert_eq!(tie(&mut bob, "hyperty://127.0.0.1/1").status, 200, "its time has passed");
}

#[test]
fn a_client_with_the_scope_has_assertions_made() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let token = |browser: &mut Browser, scope: &str| {
        let code = site.code(browser, scope);
        site.redeem(&code).json()["access_token"].as_str().unwrap().to_owned()
    };
    let with = |token: &str| {
        let body = json!({"contents": contents_of(&[fingerprint(1)]), "nonce": "n"});
        site.browser().json("/identity/assertion", &body, &[("authorization", &format!("Bearer {token}"))])
    };
    let narrow = token(&mut browser, "openid");
    assert_eq!(with(&narrow).status, 403);
    let wide = token(&mut browser, "openid webrtc");
    assert_eq!(verify(&site, &with(&wide).json(), 1).as_deref(), Ok("anne@127.0.0.1"));
    assert_eq!(with("x").status, 401);
}

#[test]
fn proxies_are_published_for_the_protocols_that_are_there() {
    let site = site(|_| ());
    for protocol in ["colloquy", "default", "rethink-oidc", "rethink-oidc-ns"] {
        let reply = site.browser().get(&format!("/.well-known/idp-proxy/{protocol}"));
        assert_eq!((reply.status, reply.header("content-type")), (200, "application/javascript"));
        assert!(
            reply.body.contains(&format!("const issuer = \"{}\"", site.issuer)) && !reply.body.contains('@'),
            "{}",
            reply.body
        );
        assert!(reply.body.contains(&format!("const protocol = \"{protocol}\"")));
    }
    for protocol in ["nothing", "..%2F..%2Fetc%2Fpasswd", "%3Cscript%3E"] {
        assert_eq!(site.browser().get(&format!("/.well-known/idp-proxy/{protocol}")).status, 404, "{protocol}");
    }
}
