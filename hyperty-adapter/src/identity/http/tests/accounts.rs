//! Accounts, sessions, forms.

use super::world::{PASSWORD, hidden, site, token_of};
use crate::identity::config::Registration;

#[test]
fn nobody_learns_who_has_an_account() {
    let site = site(|_| ());
    site.member("anne@example.org");
    let mut browser = site.browser();
    browser.get("/identity/register");
    for path in ["/identity/register", "/identity/forgot"] {
        let known = browser.form(path, &[("email", "anne@example.org")]);
        let unknown = browser.form(path, &[("email", &format!("x{}@example.org", path.len()))]);
        assert_eq!((known.status, &known.body), (unknown.status, &unknown.body), "{path}");
    }
    assert!(site.mail("anne@example.org", 3).text.contains("verify?token="), "a new password");
    let known = browser.sign_in("anne@example.org", "wrong password");
    let unknown = browser.sign_in("nobody@example.org", "wrong password");
    assert_eq!((known.status, unknown.status), (401, 401));
    assert_eq!(known.body.replace("anne@", "nobody@"), unknown.body);
    assert!(known.body.contains("The e-mail address or the password is wrong."));
}

#[test]
fn links_work_once_and_for_a_while() {
    let site = site(|_| ());
    let mut browser = site.browser();
    browser.get("/identity/register");
    browser.form("/identity/register", &[("email", "anne@example.org")]);
    let token = token_of(&site.mail("anne@example.org", 1));
    let choose = |browser: &mut super::world::Browser, token: &str, password: &str| {
        browser.form("/identity/verify", &[("token", token), ("name", "Anne"), ("password", password)])
    };
    for weak in ["short", "aaaaaaaaaaaa", "password123", "anneanneanne"] {
        let reply = choose(&mut browser, &token, weak);
        assert_eq!(reply.status, 400, "{weak}");
        assert!(reply.body.contains("role=\"alert\""), "{weak}");
    }
    let bad_name =
        browser.form("/identity/verify", &[("token", &token), ("name", "a\u{202e}b"), ("password", PASSWORD)]);
    assert_eq!(bad_name.status, 400);
    assert_eq!(choose(&mut browser, &token, PASSWORD).status, 303);
    assert_eq!(choose(&mut browser, &token, PASSWORD).status, 400, "used");
    assert_eq!(browser.get(&format!("/identity/verify?token={token}")).status, 400);
    assert_eq!(browser.get("/identity/verify?token=x").status, 400);

    browser.form("/identity/forgot", &[("email", "anne@example.org")]);
    let token = token_of(&site.mail("anne@example.org", 2));
    site.wait(3_601);
    assert_eq!(browser.get(&format!("/identity/verify?token={token}")).status, 400, "too old");
    browser.form("/identity/forgot", &[("email", "anne@example.org")]);
    let token = token_of(&site.mail("anne@example.org", 3));
    let mut thief = site.browser();
    assert_eq!(thief.sign_in("anne@example.org", PASSWORD).status, 303);
    assert_eq!(choose(&mut browser, &token, "another good sentence").status, 303);
    assert_eq!(thief.get("/identity/account").status, 303, "a new password signs everybody out");
    assert_eq!(thief.sign_in("anne@example.org", PASSWORD).status, 401);
    assert_eq!(thief.sign_in("anne@example.org", "another good sentence").status, 303);
}

#[test]
fn guessing_is_slowed_down() {
    let site = site(|_| ());
    site.member("anne@example.org");
    let mut browser = site.browser();
    for _ in 0..10 {
        assert_eq!(browser.sign_in("anne@example.org", "wrong password").status, 401);
    }
    let refused = browser.sign_in("anne@example.org", PASSWORD);
    assert_eq!((refused.status, refused.header("retry-after")), (429, "30"));
    assert_eq!(browser.sign_in("bob@example.org", "wrong password").status, 401, "others are not concerned");
    site.wait(30);
    assert_eq!(browser.sign_in("anne@example.org", PASSWORD).status, 303);
    for n in 0..60 {
        let _ = browser.sign_in(&format!("b{n}@example.org"), "x");
    }
    assert_eq!(browser.sign_in("carl@example.org", "x").status, 429, "one password on many accounts");
    // Mails too, without saying so.
    browser.get("/identity/forgot");
    site.wait(600);
    for _ in 0..5 {
        assert_eq!(browser.form("/identity/forgot", &[("email", "anne@example.org")]).status, 200);
    }
    assert!(site.mail("anne@example.org", 3).subject.contains("new password"));
}

#[test]
fn forms_of_other_sites_do_nothing() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let form = browser.jar["__Host-colloquy-form"].clone();
    let fields = [("form", form.as_str()), ("id", "others")];
    for (fields, origin) in [
        (&fields[..], "https://evil.example"),
        (&fields[..], "null"),
        (&fields[1..], site.issuer.as_str()),
        (&[("form", "x"), ("id", "others")][..], site.issuer.as_str()),
        (&[("form", ""), ("id", "others")][..], site.issuer.as_str()),
    ] {
        let reply = browser.post("/identity/account/sessions", fields, &[("origin", origin)]);
        assert_eq!(reply.status, 403, "{fields:?} {origin}");
    }
    assert_eq!(browser.post("/identity/account/sessions", &fields, &[("origin", &site.issuer)]).status, 303);
    // A form without its cookie: sent from a page that a stranger has prepared.
    let mut stranger = site.browser();
    let sent = stranger.post("/identity/login", &[("email", "anne@example.org"), ("password", PASSWORD)], &[]);
    assert_eq!(sent.status, 403);
}

#[test]
fn a_form_leads_nowhere_else() {
    let site = site(|_| ());
    site.member("anne@example.org");
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/identity/../../evil",
        "/identity/\r\nX: y",
        "/identity",
        "javascript:alert(1)",
        "",
    ] {
        let mut browser = site.browser();
        let query = url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
        let page = browser.get(&format!("/identity/login?next={query}&hint=%22%3E%3Cscript%3E"));
        assert_eq!(hidden(&page.body, "next"), "/identity/account", "{next:?}");
        assert!(!page.body.contains("<script>"), "it is escaped");
        let form = [("email", "anne@example.org"), ("password", PASSWORD), ("next", next)];
        assert_eq!(browser.form("/identity/login", &form).location(), "/identity/account", "{next:?}");
    }
}

#[test]
fn sessions_are_listed_and_ended() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    let mut other = site.browser();
    other.sign_in("anne@example.org", PASSWORD);
    let page = browser.get("/identity/account");
    assert_eq!(page.body.matches("127.0.0.1").count(), 2, "{}", page.body);
    let id = hidden(&page.body, "id");
    assert_eq!(browser.form("/identity/account/sessions", &[("id", &id)]).status, 303);
    assert_eq!(other.get("/identity/account").location(), "/identity/login?next=%2Fidentity%2Faccount");

    other.sign_in("anne@example.org", PASSWORD);
    let change = |browser: &mut super::world::Browser, old: &str, new: &str| {
        browser.form("/identity/account/password", &[("old", old), ("password", new)]).status
    };
    assert_eq!(change(&mut browser, "wrong password", "another good sentence"), 401);
    assert_eq!(change(&mut browser, PASSWORD, "short"), 400);
    assert_eq!(change(&mut browser, PASSWORD, "another good sentence"), 200);
    assert_eq!((browser.get("/identity/account").status, other.get("/identity/account").status), (200, 303));
    site.wait(7 * 86_400);
    assert_eq!(browser.get("/identity/account").status, 303, "it was not used for too long");

    browser.sign_in("anne@example.org", "another good sentence");
    let stolen = browser.clone();
    assert_eq!(browser.form("/identity/logout", &[]).location(), "/identity/login");
    let mut stolen = stolen;
    assert_eq!(stolen.get("/identity/account").status, 303, "signed out is signed out at the server");
}

#[test]
fn signing_in_again_goes_on_with_a_session_and_ends_anothers() {
    let site = site(|_| ());
    let mut browser = site.member("anne@example.org");
    site.member("bob@example.org");
    let before = browser.clone();
    let code = site.code(&mut browser, "openid email offline_access");
    let access = site.redeem(&code).json()["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {access}");
    let opens = || site.browser().get_with("/identity/userinfo", &[("authorization", &bearer)]).status;
    browser.sign_in("anne@example.org", PASSWORD);
    assert_eq!(browser.get("/identity/account").body.matches("127.0.0.1").count(), 1, "the same session");
    let mut before = before;
    assert_eq!(before.get("/identity/account").status, 303, "with another secret");
    assert_eq!(opens(), 200, "what was granted in it goes on");
    browser.sign_in("bob@example.org", PASSWORD);
    assert!(browser.get("/identity/account").body.contains("bob@example.org"));
    assert_eq!(opens(), 401, "hers ended when he signed in");
}

#[test]
fn who_may_register_is_the_operators_choice() {
    let closed = site(|config| config.registration = Registration::Closed);
    let mut browser = closed.browser();
    browser.get("/identity/register");
    assert_eq!(browser.form("/identity/register", &[("email", "a@example.org")]).status, 403);
    let of_domain = site(|config| config.email_domains = vec!["Example.org".into()]);
    let mut browser = of_domain.browser();
    browser.get("/identity/register");
    assert_eq!(browser.form("/identity/register", &[("email", "a@evil.example")]).status, 403);
    assert_eq!(browser.form("/identity/register", &[("email", "a@example.org\r\nBcc: b@c.d")]).status, 400);
    assert_eq!(browser.form("/identity/register", &[("email", "a@example.org")]).status, 200);
}

#[test]
fn closed_accounts_are_closed_at_once() {
    let site = site(|config| config.administrators = vec!["boss@example.org".into()]);
    let mut anne = site.member("anne@example.org");
    let boss = site.member("boss@example.org");
    let who = |browser: &super::world::Browser| {
        let secret = crate::identity::secret::Secret::parse(&browser.jar["__Host-colloquy-session"]).unwrap();
        site.runtime.block_on(site.provider.who(&secret, site.now_s())).unwrap().unwrap()
    };
    let (anne_is, boss_is) = (who(&anne), who(&boss));
    let close = |by: &crate::identity::provider::Who| {
        site.runtime.block_on(site.provider.close_account(by, &anne_is.subject(), true, site.now_s()))
    };
    assert_eq!(close(&anne_is).unwrap_err().status(), 403);
    assert!(close(&boss_is).unwrap());
    assert_eq!(anne.get("/identity/account").status, 303);
    assert_eq!(anne.sign_in("anne@example.org", PASSWORD).status, 401);
    assert_eq!(site.runtime.block_on(site.provider.accounts(&boss_is, "")).unwrap().len(), 2);
}
