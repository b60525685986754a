//! A browser's visit: where it comes from, its cookies, and who is in front of it.

use super::App;
use super::answer::Failure;
use crate::identity::oidc::Params;
use crate::identity::provider::{ProviderFault, Visitor, Who};
use crate::identity::secret::{Secret, same};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::net::{IpAddr, SocketAddr};

/// `__Host-`: of this host alone, of all its paths, over TLS only. No other host of the domain can set it.
pub(super) const SESSION: &str = "__Host-colloquy-session";
const FORM: &str = "__Host-colloquy-form";
pub(super) const EXTERNAL: &str = "__Host-colloquy-external";
/// Cookies that are looked at.
const MAX_COOKIES: usize = 64;

/// The address of a client, where whoever runs the router knows better than the socket: behind a proxy.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// A visit.
pub(super) struct Visit {
    pub(super) visitor: Visitor,
    pub(super) session: Option<Secret>,
    pub(super) external: Option<Secret>,
    /// Who is signed in.
    pub(super) who: Option<Who>,
    /// What forms of this browser must have in them.
    pub(super) form: Secret,
    /// It has no such cookie yet.
    new_form: bool,
    origin: Option<HeaderValue>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let of_socket = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
        let told = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
        let address = told.or(of_socket).unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let session = cookie(&parts.headers, SESSION);
        let who = match &session {
            Some(secret) => app.provider.who(secret, app.now_s()).await?,
            None => None,
        };
        let current = who.as_ref().map(|who| who.session.clone());
        let visitor = Visitor { address, agent: agent.to_owned(), current };
        let form = cookie(&parts.headers, FORM);
        Ok(Self {
            visitor,
            external: cookie(&parts.headers, EXTERNAL),
            who,
            session,
            new_form: form.is_none(),
            form: form.unwrap_or_else(Secret::random),
            origin: parts.headers.get(header::ORIGIN).cloned(),
        })
    }
}

impl Visit {
    /// Whoever is signed in.
    pub(super) fn who(&self) -> Result<&Who, ProviderFault> {
        self.who.as_ref().ok_or(ProviderFault::SignIn)
    }

    /// Reads a form that must be one of ours, sent by this very browser: from this origin, and with the secret of its cookie in it.
    pub(super) fn form(&self, app: &App, body: &str) -> Result<Params, ProviderFault> {
        let params = Params::parse(body)?;
        let is_from_here = self.origin.as_ref().is_none_or(|origin| origin == app.provider.issuer());
        if !is_from_here || self.new_form || !same(params.text("form"), self.form.expose()) {
            return Err(ProviderFault::Forbidden(
                "This form is not from this browser, or too old. Go back, load the page again, and send it once more.",
            ));
        }
        Ok(params)
    }

    /// The cookie of its forms, where it is new.
    pub(super) fn form_cookie(&self) -> Option<HeaderValue> {
        self.new_form.then(|| set(FORM, self.form.expose(), None))
    }
}

/// The value of a cookie that is a secret of ours. The last one, if it is there twice.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|value| value.split(';')).take(MAX_COOKIES).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).and_then(|(_, value)| Secret::parse(value))
}

/// `Set-Cookie`. `Lax`: it comes along when somebody follows a link from another site, which is how sign-ins begin, and with nothing else.
pub(super) fn set(name: &str, value: &str, max_age_s: Option<u64>) -> HeaderValue {
    let age = max_age_s.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    // Our own names, and base64url.
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}

/// The same, to forget it.
pub(super) fn forget(name: &str) -> HeaderValue {
    set(name, "", Some(0))
}

/// Where a form says to go on: within these pages and nowhere else (CWE-601).
pub(super) fn safe_next(next: Option<&str>) -> String {
    let is_ours = |next: &&str| {
        next.starts_with("/identity/")
            && next.len() <= 2 * crate::identity::oidc::MAX_QUERY_BYTES
            && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
            // Dots would lead elsewhere on this host.
            && !next.split('?').next().unwrap_or_default().contains("..")
    };
    next.filter(is_ours).unwrap_or(crate::identity::oidc::Paths::ACCOUNT).to_owned()
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
