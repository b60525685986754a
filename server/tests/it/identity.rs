//! The identity provider in the server: people register and sign in, programs sign people in by it, and one server by another.

use crate::support::person::{Person, Reply};
use crate::support::server::Server;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio_tungstenite::tungstenite;

const PASSWORD: &str = "correct horse battery";
const CALLBACK: &str = "https://app.example/callback";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CLIENTS: &str = r#"[{id="app",name="The App",redirect_uris=["https://app.example/callback"]}]"#;

/// A server, whose mails are in its log.
fn start(port: u16, variables: &[(&str, &str)]) -> (Server, String) {
    let log = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("identity-{port}.log"));
    let file = std::fs::File::create(&log).unwrap();
    (Server::start_logged(port, variables, file.into()), log.to_str().unwrap().to_owned())
}

/// The token of the newest mail in a log.
fn mailed(log: &str, count: usize) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(log).unwrap();
        let tokens: Vec<&str> = text.split("/identity/verify?token=").skip(1).collect();
        if let Some(token) = tokens.get(count - 1) {
            return token.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        }
        assert!(std::time::Instant::now() < deadline, "no mail {count} in:\n{text}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Makes an account, and is signed in.
fn register(person: &mut Person, log: &str, count: usize, email: &str) {
    person.get("/identity/register");
    assert_eq!(person.form("/identity/register", &[("email", email)]).status, 200);
    let token = mailed(log, count);
    assert!(person.get(&format!("/identity/verify?token={token}")).body.contains(email));
    let chosen = [("token", &*token), ("name", "Anne"), ("password", PASSWORD)];
    assert_eq!(person.form("/identity/verify", &chosen).location(), "/identity/account");
}

fn authorize(more: &[(&str, &str)]) -> String {
    let mut params = BTreeMap::from([
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email offline_access"),
        ("state", "s&t"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    params.extend(more.iter().copied());
    format!(
        "/identity/authorize?{}",
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
    )
}

fn token(server: &Server, form: &[(&str, &str)]) -> Reply {
    let mut all = vec![("client_id", "app")];
    all.extend_from_slice(form);
    Person::at(&server.named()).post("/identity/token", &all, &[])
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[test]
fn people_register_and_programs_sign_them_in() {
    let (server, log) = start(25_000, &[("COLLOQUY__IDENTITY__CLIENTS", CLIENTS)]);
    let issuer = server.named();
    let mut anne = Person::at(&issuer);
    register(&mut anne, &log, 1, "anne@example.org");

    // What a program finds.
    let found = anne.get("/.well-known/openid-configuration").json();
    assert_eq!(found["issuer"], *issuer);
    let place = |name: &str| found[name].as_str().unwrap().strip_prefix(&issuer).unwrap().to_owned();
    let keys = Person::at(&issuer).get(&place("jwks_uri")).json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "{keys}");

    // The code flow with PKCE: whoever is not signed in signs in first, and is asked once.
    let mut browser = Person::at(&issuer);
    let login = browser.get(&authorize(&[]));
    assert!(login.location().starts_with("/identity/login?next="), "{login:?}");
    let page = browser.get(login.location());
    let wrong = [("email", "anne@example.org"), ("password", "wrong horse battery"), ("next", "/identity/account")];
    assert_eq!(browser.form("/identity/login", &wrong).status, 401);
    let next = page.hidden("next");
    let right = [("email", "anne@example.org"), ("password", PASSWORD), ("next", &*next)];
    let signed_in = browser.form("/identity/login", &right);
    let asked = browser.get(signed_in.location());
    assert!(asked.body.contains("The App"), "{}", asked.body);
    let query = asked.hidden("query");
    let agreed = browser.form("/identity/consent", &[("query", &query), ("agree", "yes")]);
    assert_eq!((agreed.param("state").as_str(), agreed.param("iss")), ("s&t", issuer.clone()));
    let code = agreed.param("code");
    let redeeming = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
    let without = token(&server, &redeeming);
    assert_eq!(without.json()["error"], "invalid_request", "PKCE is not left out");
    let code = browser.get(&authorize(&[])).param("code");
    let redeeming = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = token(&server, &redeeming).json();
    let id = claims(&tokens["id_token"]);
    assert_eq!((&id["iss"], &id["nonce"], &id["email"]), (&found["issuer"], &"n-1".into(), &"anne@example.org".into()));
    let access = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let who = Person::at(&issuer).get_with(&place("userinfo_endpoint"), &[("authorization", &access)]).json();
    assert_eq!((&who["sub"], &who["name"]), (&id["sub"], &"Anne".into()));

    // Refresh with rotation: the old one, used again, ends all.
    let refresh = |token_: &str| token(&server, &[("grant_type", "refresh_token"), ("refresh_token", token_)]);
    let first = tokens["refresh_token"].as_str().unwrap();
    let second = refresh(first).json();
    let second = second["refresh_token"].as_str().unwrap();
    assert_ne!(first, second);
    assert_eq!(refresh(first).json()["error"], "invalid_grant");
    assert_eq!(refresh(second).json()["error"], "invalid_grant", "a token that came twice takes back all");

    // Sessions: the one of the registration is listed beside this one, and is ended from here.
    let account = browser.get("/identity/account");
    assert!(account.body.contains("Here."), "{}", account.body);
    let other = account.hidden_all("id").into_iter().find(|id| id != "others").unwrap();
    assert_eq!(anne.get("/identity/account").status, 200);
    browser.form("/identity/account/sessions", &[("id", &other)]);
    assert!(anne.get("/identity/account").location().starts_with("/identity/login"), "it has ended");
    assert_eq!(browser.get("/identity/account").status, 200);
}

#[test]
fn accounts_outlive_the_server_beside_the_registrations() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("identity-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let database = folder.join("colloquy.sqlite");
    let file = database.to_str().unwrap();
    let settings = [("COLLOQUY__RETHINK__DATABASE", file), ("COLLOQUY__IDENTITY__DATABASE", file)];
    let (mut server, log) = start(25_010, &settings);
    let mut anne = Person::at(&server.named());
    register(&mut anne, &log, 1, "anne@example.org");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let (_server, _) = start(25_010, &settings);
    assert!(anne.get("/identity/account").body.contains("anne@example.org"), "she is still signed in");
    drop(_server);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn people_of_one_server_sign_in_at_another() {
    let providers = r#"[{id="home",name="Home",issuer="http://localhost:25020",client_id="away",client_secret="0123456789abcdef0123456789abcdef",private_network=true}]"#;
    let clients = r#"[{id="away",name="Away",secret="0123456789abcdef0123456789abcdef",redirect_uris=["http://localhost:25030/identity/external/home/callback"]}]"#;
    let (home, log) = start(25_020, &[("COLLOQUY__IDENTITY__CLIENTS", clients)]);
    let (away, _) = start(25_030, &[("COLLOQUY__IDENTITY__PROVIDERS", providers)]);
    let mut at_home = Person::at(&home.named());
    register(&mut at_home, &log, 1, "anne@example.org");
    let mut at_away = Person::at(&away.named());
    assert!(at_away.get("/identity/login").body.contains("Home"));
    let sent = at_away.form("/identity/external/home", &[("next", "/identity/account")]);
    assert!(sent.location().starts_with("http://localhost:25020/identity/authorize?"), "{sent:?}");
    let asked = at_home.get(sent.location());
    let query = asked.hidden("query");
    let back = at_home.form("/identity/consent", &[("query", &query), ("agree", "yes")]);
    assert!(back.location().starts_with("http://localhost:25030/identity/external/home/callback?"), "{back:?}");
    let done = at_away.get(back.location());
    assert_eq!(done.location(), "/identity/account", "{done:?}");
    assert!(at_away.get("/identity/account").body.contains("anne@example.org"));
    assert_eq!(at_away.clone_without_cookies().get(back.location()).status, 400, "another browser, or once more");
}

#[test]
fn the_catalogue_and_the_identity_provider_share_a_folder() {
    let (server, _) = start(25_040, &[("COLLOQUY__RETHINK__DOMAIN", "d.test")]);
    let get = |path: &str| server.get(path, "");
    let script = get("/.well-known/idp-proxy/colloquy");
    assert!(String::from_utf8(script.body).unwrap().contains("rtcIdentityProvider"));
    let listed: Value = serde_json::from_slice(&get("/.well-known/").body).unwrap();
    assert!(listed.as_array().unwrap().iter().any(|one| one == "idp-proxy"), "{listed}");
    assert_ne!(get("/.well-known/idp-proxy/nobody").status, 200);
    assert_eq!(get("/.well-known/openid-configuration").status, 200);
    // By the catalogue's own name all of the folder is the catalogue's.
    for host in ["catalogue.d.test", "catalogue.d.test:8443", "CATALOGUE.d.test"] {
        let found = server.get_at(host, "/.well-known/openid-configuration");
        assert_ne!(found.status, 200, "{host}");
        let script = server.get_at(host, "/.well-known/idp-proxy/colloquy");
        assert!(!String::from_utf8(script.body).unwrap().contains("rtcIdentityProvider"), "{host}");
        assert_eq!(server.get_at(host, "/readyz").status, 200, "{host}");
    }
    assert_eq!(server.get_at("catalogue.d.test.evil:1", "/.well-known/openid-configuration").status, 200);
}

#[test]
fn where_it_is_not_wanted_it_is_not() {
    let (server, _) = start(25_050, &[("COLLOQUY__IDENTITY__ENABLED", "never")]);
    for path in
        ["/.well-known/openid-configuration", "/identity/login", "/identity/jwks", "/.well-known/idp-proxy/colloquy"]
    {
        let body = String::from_utf8(server.get(path, "").body).unwrap();
        assert!(!body.contains("issuer") && !body.contains("password") && !body.contains("\"keys\""), "{path}");
    }
    // A wrong one is said before anything runs.
    for (name, value, words) in [
        ("COLLOQUY__IDENTITY__ISSUER", "https://meet.example.org/", "identity.issuer"),
        (
            "COLLOQUY__IDENTITY__CLIENTS",
            r#"[{id="a",name="A",redirect_uris=["http://a.example/"]}]"#,
            "identity.clients",
        ),
    ] {
        let run = crate::support::run(&["serve"], &[("COLLOQUY__HTTP__LISTEN", "127.0.0.1:25060"), (name, value)]);
        assert!(run.code != 0 && run.err.contains(words), "{} {}", run.code, run.err);
    }
}

/// An offer as browsers make it, with this certificate, and what is said of who made it.
fn offer(digest: &str, identity: &str) -> String {
    let identity = if identity.is_empty() { String::new() } else { format!("a=identity:{identity}\r\n") };
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{identity}a=group:BUNDLE 0\r\na=fingerprint:sha-256 {digest}\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=ice-ufrag:abcd\r\n\
         a=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
    )
}

/// An assertion of whoever is signed in.
fn assert_of(person: &mut Person, digest: &str) -> String {
    let contents = serde_json::json!({"fingerprint": [{"algorithm": "sha-256", "digest": digest}]}).to_string();
    let asked = serde_json::json!({ "contents": contents }).to_string();
    let own = ("x-colloquy-identity", "1");
    person.send("/identity/assertion", &asked, "application/json", &[own]).json()["assertion"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn an_offer_whose_fingerprint_was_swapped_is_refused() {
    let (server, log) = start(25_070, &[("COLLOQUY__IDENTITY__CALLS", "required")]);
    let mut anne = Person::at(&server.named());
    register(&mut anne, &log, 1, "anne@example.org");
    let (hers, other) = (["AB"; 32].join(":"), ["CD"; 32].join(":"));
    let assertion = assert_of(&mut anne, &hers);
    let by = |domain: &str, assertion: &str| {
        let idp = serde_json::json!({"domain": domain, "protocol": "colloquy"});
        base64::prelude::BASE64_STANDARD.encode(serde_json::json!({"idp": idp, "assertion": assertion}).to_string())
    };
    let attribute = |assertion: &str| by("localhost:25070", assertion);
    let publish = |sdp: &str, claim: &str| {
        let claim = [("colloquy-identity", claim)];
        let headers = if claim[0].1.is_empty() { &claim[..0] } else { &claim[..] };
        let reply = Person::at(&server.named()).send("/api/v1/whip/daily", sdp, "application/sdp", headers);
        let code = if reply.status == 201 { Value::Null } else { reply.json()["code"].clone() };
        (reply.status, code.as_str().unwrap_or_default().to_owned())
    };
    let refused = |code: &str| (403, code.to_owned());
    let taken = (201, String::new());
    // As Firefox has it, and as the others.
    assert_eq!(publish(&offer(&hers, &attribute(&assertion)), ""), taken);
    assert_eq!(publish(&offer(&hers, ""), &assertion), taken);
    assert_eq!(publish(&offer(&other, &attribute(&assertion)), ""), refused("identity.refused"));
    assert_eq!(publish(&offer(&other, ""), &assertion), refused("identity.refused"));
    let both =
        offer(&hers, &attribute(&assertion)).replace("a=mid:0", &format!("a=mid:0\r\na=fingerprint:sha-256 {other}"));
    assert_eq!(publish(&both, ""), refused("identity.refused"), "a second one beside hers");
    // Who is nobody's, or of a stranger, or a bad copy.
    assert_eq!(publish(&offer(&hers, ""), ""), refused("identity.required"));
    let forged = format!("{}x", &assertion[..assertion.len() - 1]);
    assert_eq!(publish(&offer(&hers, ""), &forged), refused("identity.required"));
    assert_eq!(publish(&offer(&hers, &by("stranger.example", &assertion)), ""), refused("identity.required"));
    // And who was taken back.
    let taken_back = serde_json::json!({ "assertion": assertion }).to_string();
    let own = ("x-colloquy-identity", "1");
    assert_eq!(anne.send("/identity/assertion/revoke", &taken_back, "application/json", &[own]).status, 204);
    assert_eq!(publish(&offer(&hers, ""), &assertion), refused("identity.required"));
    assert_eq!(publish(&offer(&hers, ""), &assert_of(&mut anne, &hers)), taken);
}

/// A session of a runtime at the message node.
struct Session(tungstenite::WebSocket<tungstenite::stream::MaybeTlsStream<std::net::TcpStream>>, String);

impl Session {
    fn open(port: u16, runtime: &str) -> Self {
        let (socket, _) = tungstenite::connect(format!("ws://127.0.0.1:{port}/ws")).unwrap();
        if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        }
        let mut session = Self(socket, runtime.to_owned());
        let opened = session.ask(&json!({"id": 1, "type": "open", "from": runtime, "to": "mn:/session"}));
        assert_eq!(opened["body"]["code"], 200, "{opened}");
        session
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.0.send(message.to_string().into()).unwrap();
        serde_json::from_str(self.0.read().unwrap().to_text().unwrap()).unwrap()
    }

    /// Registers a hyperty under a user, saying who we are.
    fn register(&mut self, user: &str, identity: &Value) -> Value {
        let value = json!({
            "user": user, "url": format!("hyperty://localhost/of-{}", self.1.rsplit('/').next().unwrap()), "expires": 3_600, "resources": ["audio"],
            "descriptor": "hyperty-catalogue://catalogue.localhost/.well-known/hyperty/Connector", "dataSchemes": ["connection"], "status": "live",
            "runtime": self.1,
        });
        let from = format!("{}/registry/", self.1);
        let body = json!({"value": value, "identity": identity});
        self.ask(&json!({"id": 2, "type": "create", "from": from, "to": "domain://registry.localhost", "body": body}))
    }
}

#[test]
fn policies_hold_senders_to_who_they_are() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("policies-25080");
    std::fs::create_dir_all(&folder).unwrap();
    let ready = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/policies/own-registration.cedar");
    std::fs::copy(ready, folder.join("own-registration.cedar")).unwrap();
    let (server, log) = start(25_080, &[("COLLOQUY__RETHINK__POLICIES__FOLDER", folder.to_str().unwrap())]);
    let mut anne = Person::at(&server.named());
    register(&mut anne, &log, 1, "anne@example.org");
    let asked = json!({"contents": "[48,130,1,34,48,13]"}).to_string();
    let identity = anne.send("/identity/assertion", &asked, "application/json", &[("x-colloquy-identity", "1")]).json();
    let email = identity["userProfile"]["email"].as_str().unwrap().to_owned();

    let refused = |answer: &Value| {
        assert_eq!((&answer["from"], &answer["body"]["code"]), (&json!("mn:/policies"), &json!(403)), "{answer}");
        assert!(answer["body"]["desc"].as_str().unwrap().contains("own-email"), "{answer}");
    };
    let mut eve = Session::open(25_080, "runtime://localhost/eve");
    refused(&eve.register(&email, &Value::Null));
    let mut hers = Session::open(25_080, "runtime://localhost/anne");
    let registered = hers.register(&email, &identity);
    assert_eq!(registered["body"]["code"], 200, "{registered}");
    refused(&hers.register("ben@example.org", &identity));
    // She has sent it to others; none of them is she.
    refused(&eve.register(&email, &identity));
}
