//! The doors of the identity provider: OpenID Connect, pages for people, assertions. The only module of it that knows axum, and the only one with a
//! clock. Nothing is decided here.

// Handlers of axum are async, also those that wait for nothing.
#![allow(clippy::unused_async)]

mod account;
mod answer;
mod assertion;
mod oidc;
mod pages;
mod sign_in;
mod visit;

#[cfg(test)]
mod tests;

pub use visit::ClientAddress;

use super::oidc::{MAX_QUERY_BYTES, Paths};
use super::provider::Provider;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tower_http::set_header::SetResponseHeaderLayer;

/// Tells the time, in seconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What every handler gets.
#[derive(Clone)]
pub(crate) struct App {
    provider: Arc<Provider>,
    clock: Clock,
}

impl App {
    fn now_s(&self) -> u64 {
        (self.clock)()
    }
}

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// All of it. The server that runs it must provide `ConnectInfo<SocketAddr>`; where a proxy stands before it, also [`ClientAddress`] as an extension
/// of each request.
pub fn router(provider: Arc<Provider>, clock: Clock) -> Router {
    let app = App { provider, clock };
    let header =
        |name, value: &'static str| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    Router::new()
        .route(Paths::DISCOVERY, get(oidc::discovery))
        .route(Paths::METADATA, get(oidc::discovery))
        .route(Paths::JWKS, get(oidc::jwks))
        .route(Paths::AUTHORIZE, get(oidc::authorize).post(oidc::authorize_form))
        .route(Paths::CONSENT, post(oidc::consent))
        .route(Paths::TOKEN, post(oidc::token).options(answer::preflight))
        .route(Paths::USERINFO, get(oidc::userinfo).post(oidc::userinfo).options(answer::preflight))
        .route(Paths::REVOKE, post(oidc::revoke).options(answer::preflight))
        .route(Paths::END_SESSION, get(oidc::end_session).post(oidc::end_session_form))
        .route(Paths::LOGIN, get(sign_in::login_page).post(sign_in::login))
        .route(Paths::LOGOUT, get(sign_in::logout_page).post(sign_in::logout))
        .route(Paths::GUEST, post(sign_in::guest))
        .route(Paths::REGISTER, get(sign_in::register_page).post(sign_in::register))
        .route(Paths::FORGOT, get(sign_in::forgot_page).post(sign_in::forgot))
        .route(Paths::VERIFY, get(sign_in::verify_page).post(sign_in::verify))
        .route("/identity/external/{id}", post(sign_in::external))
        .route("/identity/external/{id}/callback", get(sign_in::external_callback))
        .route(Paths::ACCOUNT, get(account::page))
        .route("/identity/account/sessions", post(account::end_session))
        .route("/identity/account/password", post(account::password))
        .route("/identity/account/persona", post(account::persona))
        .route("/identity/account/consents", post(account::take_back))
        .route(Paths::PROXY, get(assertion::proxy).options(answer::preflight))
        .route(Paths::PROXY_LOGIN, get(assertion::proxy_login).post(assertion::proxy_agree))
        .route(Paths::PROXY_DONE, get(assertion::proxy_done))
        .route(Paths::ASSERTION, post(assertion::assert).options(answer::preflight))
        .route(Paths::VALIDATE, post(assertion::validate).options(answer::preflight))
        .route("/identity/assertion/revoke", post(assertion::revoke))
        .route(Paths::WHO, get(account::who))
        .route(Paths::HYPERTIES, get(assertion::hyperties).post(assertion::associate).delete(assertion::dissociate))
        .route(Paths::STYLE, get(pages::style))
        .layer(DefaultBodyLimit::max(MAX_QUERY_BYTES))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
        .layer(header(header::REFERRER_POLICY, "same-origin"))
        .with_state(app)
}
