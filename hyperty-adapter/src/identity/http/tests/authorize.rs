//! Authorisation requests: RFC 6749 section 4.1, RFC 7636, OpenID Connect core section 3.1.2.

use super::world::{CALLBACK, PASSWORD, authorize, client, hidden, site};

#[test]
fn somebody_signs_in_agrees_and_is_not_asked_again() {
    let site = site(|_| ());
    site.member("anne@example.org");
    let mut browser = site.browser();
    let asked = browser.get(&authorize(&[("login_hint", "anne@example.org")]));
    assert_eq!(asked.status, 303);
    let login = browser.get(asked.location());
    assert_eq!(hidden(&login.body, "email\" autocomplete=\"username\" required maxlength=\"254"), "anne@example.org");
    let next = hidden(&login.body, "next");
    let form = [("email", "anne@example.org"), ("password", PASSWORD), ("next", next.as_str())];
    let signed_in = browser.form("/identity/login", &form);
    assert!(signed_in.location().starts_with("/identity/authorize?"), "{signed_in:?}");
    let consent = browser.get(signed_in.location());
    assert!(consent.body.contains("The App") && consent.body.contains("see your e-mail address"));
    assert!(consent.header("content-security-policy").contains("frame-ancestors 'none'"));
    let done = browser.agree(&consent);
    assert!(done.location().starts_with(&format!("{CALLBACK}?code=")), "{done:?}");
    assert_eq!((done.param("state").as_str(), done.param("iss")), ("s&t", site.issuer));
    let again = browser.get(&authorize(&[]));
    assert!(!again.param("code").is_empty() && again.param("code") != done.param("code"));
    let more = browser.get(&authorize(&[("scope", "openid offline_access")]));
    assert!(more.body.contains("while you are not there"), "more than he has agreed to");
    let query = hidden(&more.body, "query");
    let no = browser.form("/identity/consent", &[("query", &query), ("agree", "no")]);
    assert_eq!(no.param("error"), "access_denied");
}

#[test]
fn what_is_wrong_with_a_request_is_told_to_the_right_one() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    // To the person: never to an address that is not the client's.
    for changes in [
        [("client_id", "nobody")],
        [("client_id", "")],
        [("redirect_uri", "")],
        [("redirect_uri", "https://evil.example/callback")],
        [("redirect_uri", "https://app.example/callback/")],
        [("redirect_uri", "https://app.example/callback?x=1")],
        [("redirect_uri", "https://app.example/callback#x")],
        [("redirect_uri", "https://app.example/../callback")],
        [("redirect_uri", "https://APP.example/callback")],
        [("redirect_uri", "https://app.example.evil.example/callback")],
        [("redirect_uri", "https://app.example@evil.example/callback")],
        [("redirect_uri", "javascript:alert(1)")],
    ] {
        let reply = browser.get(&authorize(&changes));
        assert_eq!((reply.status, reply.location()), (400, ""), "{changes:?}");
    }
    assert_eq!(browser.get(&format!("{}&client_id=app", authorize(&[]))).status, 400, "a parameter twice");
    let long = "x".repeat(5_000);
    for (changes, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("scope", "profile")], "invalid_scope"),
        (vec![("scope", "")], "invalid_scope"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("prompt", "dance")], "invalid_request"),
        (vec![("max_age", "-1")], "invalid_request"),
        (vec![("nonce", long.as_str())], "invalid_request"),
        (vec![("state", long.as_str())], "invalid_request"),
        (vec![("request", "x.y.z")], "request_not_supported"),
        (vec![("request_uri", "https://evil.example")], "request_uri_not_supported"),
        (vec![("prompt", "none")], "consent_required"),
    ] {
        let reply = browser.get(&authorize(&changes));
        assert!(reply.location().starts_with(CALLBACK), "{changes:?}: {reply:?}");
        assert_eq!((reply.param("error").as_str(), reply.param("code").as_str()), (error, ""), "{changes:?}");
    }
    let stranger = site.browser().get(&authorize(&[("prompt", "none")]));
    assert_eq!(stranger.param("error"), "login_required");
    let other =
        site.browser().get(&authorize(&[("redirect_uri", "https://app.example/other?x=1"), ("prompt", "none")]));
    assert!(other.location().starts_with("https://app.example/other?x=1&error="), "{other:?}");
}

#[test]
fn prompt_and_max_age_ask_again_and_then_let_pass() {
    let site = site(|config| config.clients = vec![super::world::client("app"), ours()]);
    let mut browser = site.member("anne@example.org");
    let first_party = |more: &[(&'static str, &'static str)]| {
        let mut changes = vec![("client_id", "ours")];
        changes.extend_from_slice(more);
        authorize(&changes)
    };
    assert!(!browser.get(&first_party(&[])).param("code").is_empty(), "nobody is asked for what is ours");
    let consent = browser.get(&first_party(&[("prompt", "consent")]));
    assert!(!browser.agree(&consent).param("code").is_empty(), "asked once");
    for prompt in ["login", "select_account"] {
        let asked = browser.get(&first_party(&[("prompt", prompt)]));
        assert!(asked.location().starts_with("/identity/login?"), "{asked:?}");
        let next = hidden(&browser.get(asked.location()).body, "next");
        let form = [("email", "anne@example.org"), ("password", PASSWORD), ("next", next.as_str())];
        let signed_in = browser.form("/identity/login", &form);
        assert!(!browser.get(signed_in.location()).param("code").is_empty(), "{prompt}");
    }
    site.wait(100);
    assert!(!browser.get(&first_party(&[("max_age", "100")])).param("code").is_empty());
    assert!(browser.get(&first_party(&[("max_age", "99")])).location().starts_with("/identity/login?"));
    assert_eq!(browser.get(&first_party(&[("max_age", "99"), ("prompt", "none")])).param("error"), "login_required");

    let now = browser.get(&first_party(&[("max_age", "0")]));
    let next = hidden(&browser.get(now.location()).body, "next");
    let form = [("email", "anne@example.org"), ("password", PASSWORD), ("next", next.as_str())];
    let signed_in = browser.form("/identity/login", &form);
    site.wait(2);
    assert!(!browser.get(signed_in.location()).param("code").is_empty(), "not asked for ever");
    assert_eq!(browser.get(&first_party(&[("max_age", "0"), ("prompt", "none")])).param("error"), "login_required");

    // Posted, as clients may.
    let query = authorize(&[]);
    let (path, form) = query.split_once('?').unwrap();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let posted = browser.post(path, &pairs, &[("origin", "https://app.example")]);
    assert!(posted.status == 303 && posted.location().starts_with("/identity/authorize?"), "{posted:?}");
}

fn ours() -> crate::identity::config::ClientConfig {
    crate::identity::config::ClientConfig { first_party: true, ..client("ours") }
}

#[test]
fn clients_of_the_configuration_are_held_to_the_rules() {
    use crate::identity::oidc::{BadClient, Clients};
    let with = |uri: &str| {
        let mut one = client("app");
        one.redirect_uris = vec![uri.into()];
        Clients::new(&[one]).map(drop)
    };
    for good in
        ["https://a.example/x", "http://localhost:1/", "http://127.0.0.1/", "http://[::1]:9/", "org.example.app:/back"]
    {
        assert_eq!(with(good), Ok(()), "{good}");
    }
    for bad in [
        "http://a.example/",
        "https://a.example/#x",
        "https://u:p@a.example/",
        "javascript:alert(1)",
        "data:x",
        "/x",
        "",
    ] {
        assert!(matches!(with(bad), Err(BadClient::Uri { .. })), "{bad}");
    }
    let weak = crate::identity::config::ClientConfig { secret: Some("short".into()), ..client("a") };
    assert!(matches!(Clients::new(&[weak]), Err(BadClient::Secret(_))));
    assert!(matches!(Clients::new(&[client("a"), client("a")]), Err(BadClient::Id(_))));
}
