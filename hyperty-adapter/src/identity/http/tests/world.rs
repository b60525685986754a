//! A provider on a loopback port with a clock that the test turns, mails that it can read, and browsers that keep cookies.

use crate::identity::config::{ClientConfig, Config};
use crate::identity::external::HttpFetch;
use crate::identity::http::router;
use crate::identity::jose::Algorithm;
use crate::identity::mail::{Letter, MailFault, Mailer};
use crate::identity::provider::{Parts, Provider};
use colloquy_storage::{Database, Place};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use ureq::Agent;

pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const CALLBACK: &str = "https://app.example/callback";
/// The pair of RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[derive(Default)]
pub(super) struct Outbox(Mutex<Vec<Letter>>);

impl Mailer for Outbox {
    fn send(&self, letter: &Letter) -> Result<(), MailFault> {
        self.0.lock().unwrap().push(letter.clone());
        Ok(())
    }
}

pub(super) struct Site {
    pub(super) issuer: String,
    pub(super) provider: Arc<Provider>,
    outbox: Arc<Outbox>,
    clock: Arc<AtomicU64>,
    pub(super) runtime: Runtime,
}

pub(super) fn client(id: &str) -> ClientConfig {
    ClientConfig {
        id: id.into(),
        name: "The App".into(),
        redirect_uris: vec![CALLBACK.into(), "https://app.example/other?x=1".into()],
        post_logout_redirect_uris: vec!["https://app.example/bye".into()],
        secret: None,
        first_party: false,
        scopes: ["profile", "email", "offline_access", "webrtc"].map(str::to_owned).to_vec(),
        id_token_algorithm: Algorithm::Rs256,
    }
}

pub(super) fn site(change: impl FnOnce(&mut Config)) -> Site {
    site_at(0, change)
}

pub(super) fn site_at(port: u16, change: impl FnOnce(&mut Config)) -> Site {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let mut config = Config { issuer: issuer.clone(), clients: vec![client("app")], ..Config::default() };
    change(&mut config);
    let outbox = Arc::new(Outbox::default());
    let clock = Arc::new(AtomicU64::new(1_800_000_000));
    let provider = runtime.block_on(async {
        let database = Database::open(Place::Memory).await.unwrap();
        let parts = Parts { database, mailer: outbox.clone(), fetch: Arc::new(HttpFetch::default()) };
        Arc::new(Provider::start(config, parts, 1_800_000_000).await.unwrap())
    });
    let told = clock.clone();
    let router = router(provider.clone(), Arc::new(move || told.load(Ordering::SeqCst)));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { axum::serve(listener, service).await });
    Site { issuer, provider, outbox, clock, runtime }
}

impl Site {
    pub(super) fn now_s(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn browser(&self) -> Browser {
        browser(&self.issuer)
    }

    /// The latest mail to somebody, once there are so many.
    pub(super) fn mail(&self, to: &str, count: usize) -> Letter {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let letters: Vec<Letter> =
                self.outbox.0.lock().unwrap().iter().filter(|one| one.to == to).cloned().collect();
            if letters.len() >= count {
                return letters.last().unwrap().clone();
            }
            assert!(Instant::now() < deadline, "no mail {count} for {to}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Somebody with an account, signed in.
    pub(super) fn member(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        browser.get("/identity/register");
        assert_eq!(browser.form("/identity/register", &[("email", email)]).status, 200);
        let token = token_of(&self.mail(email, 1));
        let page = browser.get(&format!("/identity/verify?token={token}"));
        assert!(page.body.contains(email), "{}", page.body);
        let done = browser.form("/identity/verify", &[("token", &token), ("name", "Anne"), ("password", PASSWORD)]);
        assert_eq!((done.status, done.location()), (303, "/identity/account"), "{}", done.body);
        browser
    }

    /// Somebody who has agreed to the client, and the code that came of it.
    pub(super) fn code(&self, browser: &mut Browser, scope: &str) -> String {
        let query = authorize(&[("scope", scope)]);
        let asked = browser.get(&query);
        let done = if asked.status == 200 { browser.agree(&asked) } else { asked };
        done.param("code")
    }

    pub(super) fn token(&self, form: &[(&str, &str)]) -> Reply {
        let mut client = self.browser();
        client.post("/identity/token", form, &[])
    }

    pub(super) fn redeem(&self, code: &str) -> Reply {
        self.token(&redeeming(code))
    }
}

pub(super) fn redeeming(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// A good authorisation request, with some parameters changed; an empty one is left out.
pub(super) fn authorize(changes: &[(&str, &str)]) -> String {
    let mut params: BTreeMap<&str, &str> = BTreeMap::from([
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email"),
        ("state", "s&t"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    params.extend(changes.iter().copied());
    params.retain(|_, value| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    format!("/identity/authorize?{query}")
}

pub(super) fn token_of(letter: &Letter) -> String {
    let (_, rest) = letter.text.split_once("token=").unwrap_or_else(|| panic!("no link: {}", letter.text));
    rest.split_whitespace().next().unwrap().to_owned()
}

/// The value of a hidden field.
pub(super) fn hidden(body: &str, name: &str) -> String {
    let (_, rest) =
        body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name}: {body}"));
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(super) fn location(&self) -> &str {
        self.header("location")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }

    /// A parameter of where it leads to.
    pub(super) fn param(&self, name: &str) -> String {
        let url = url::Url::parse(self.location()).unwrap_or_else(|_| panic!("no address: {self:?}"));
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    pub(super) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// A browser of one site: it keeps its cookies, and follows nothing by itself.
#[derive(Clone)]
pub(super) struct Browser {
    agent: Agent,
    base: String,
    pub(super) jar: BTreeMap<String, String>,
}

pub(super) fn browser(base: &str) -> Browser {
    let config = Agent::config_builder().max_redirects(0).max_redirects_will_error(false).http_status_as_error(false);
    Browser { agent: config.proxy(None).build().into(), base: base.to_owned(), jar: BTreeMap::new() }
}

impl Browser {
    pub(super) fn get(&mut self, path: &str) -> Reply {
        self.get_with(path, &[])
    }

    pub(super) fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.agent.get(self.url(path)).header("cookie", self.cookies());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().unwrap();
        self.read(response)
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() }
    }

    fn cookies(&self) -> String {
        self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// A form of a page that was loaded: with its secret, from its origin.
    pub(super) fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let secret = self.jar.get("__Host-colloquy-form").cloned().unwrap_or_default();
        let mut all = vec![("form", secret.as_str())];
        all.extend_from_slice(fields);
        let origin = self.base.clone();
        self.post(path, &all, &[("origin", &origin)])
    }

    pub(super) fn post(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send(path, &body, &all)
    }

    pub(super) fn json(&mut self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(path, &body.to_string(), &all)
    }

    fn send(&mut self, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.agent.post(self.url(path)).header("cookie", self.cookies());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send(body).unwrap();
        self.read(response)
    }

    fn read(&mut self, mut response: ureq::http::Response<ureq::Body>) -> Reply {
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        for (_, cookie) in headers.iter().filter(|(name, _)| name == "set-cookie") {
            for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{cookie}");
            if cookie.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Reply { status: response.status().as_u16(), headers, body: response.body_mut().read_to_string().unwrap() }
    }

    pub(super) fn sign_in(&mut self, email: &str, password: &str) -> Reply {
        self.get("/identity/login");
        self.form("/identity/login", &[("email", email), ("password", password)])
    }

    /// Agrees on the page that asks.
    pub(super) fn agree(&mut self, page: &Reply) -> Reply {
        assert!(page.body.contains("Do you agree?"), "{page:?}");
        let query = hidden(&page.body, "query");
        self.form("/identity/consent", &[("query", &query), ("agree", "yes")])
    }
}
