//! The HTTP client.

use crate::commands::token;
use crate::config::Config;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Request, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, SendBody};

/// How long an answer is waited for. The server's own limit is 15 s.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Longest answer taken: a server full of rooms lists them in some hundred kB.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// Which server is asked, and as whom.
pub(super) struct Target<'a> {
    pub(super) server: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) insecure: bool,
    pub(super) config: &'a Config,
}

/// Asks one server.
pub(super) struct Client {
    agent: Agent,
    server: String,
    token: Option<String>,
}

impl Client {
    pub(super) fn new(target: &Target<'_>) -> Result<Self> {
        let config = target.config;
        let is_ours = target.server.is_none();
        let server = target.server.map_or_else(|| own_url(config), |url| url.trim_end_matches('/').to_owned());
        let token = match target.token {
            Some(token) => Some(token.to_owned()),
            // A key must not be used to make a token for a stranger.
            None if is_ours => token::for_ourselves(config)?,
            None => None,
        };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .disable_verification(target.insecure || (is_ours && config.http.dev_tls))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls)
            .build()
            .into();
        Ok(Self { agent, server, token })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, None)
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("PUT", path, Some(body))
    }

    pub(super) fn delete(&self, path: &str) -> Result<()> {
        self.ask("DELETE", path, None).map(drop)
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.server));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = match body {
            None => self.agent.run(request.body(SendBody::none())?),
            Some(json) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(SendBody::from_owned_reader(std::io::Cursor::new(json.to_string())))?)
            }
        };
        let answer =
            answer.with_context(|| format!("cannot reach a server at {} (--server names another)", self.server))?;
        self.read(answer)
    }

    fn read(&self, mut answer: Response<Body>) -> Result<Value> {
        let status = answer.status();
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string()?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        if status.is_success() {
            return json
                .with_context(|| format!("what is at {} is no Colloquy server: it answers no JSON", self.server));
        }
        let Some(problem) = json else { bail!("{} answers {status}", self.server) };
        let words = |key: &str| problem[key].as_str().map(str::to_owned);
        let detail = words("detail").unwrap_or_else(|| status.to_string());
        let code = words("code").unwrap_or_default();
        match words("remedy") {
            Some(remedy) => bail!("{detail} {remedy} ({code})"),
            None => bail!("{detail} ({code})"),
        }
    }
}

/// Where a server of this configuration is reached from this machine.
fn own_url(config: &Config) -> String {
    let listen = config.http.listen.ip();
    let host = match (listen.is_unspecified(), listen.is_ipv4()) {
        (true, true) => "127.0.0.1".to_owned(),
        (true, false) => "::1".to_owned(),
        (false, _) => listen.to_string(),
    };
    config.url(&host)
}
