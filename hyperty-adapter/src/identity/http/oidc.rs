//! OpenID Connect.

use super::App;
use super::answer::{Failure, OAuthFailure, and_cookie, cors, json, see};
use super::pages;
use super::visit::{SESSION, Visit, bearer, forget, text};
use crate::identity::oidc::{ErrorCode, OAuthError, Params, Paths, document};
use crate::identity::provider::AuthorizeStep;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// How long others may keep what is published, in seconds: much shorter than keys are published before they sign.
const PUBLISHED: HeaderValue = HeaderValue::from_static("max-age=900");

fn published(value: &serde_json::Value) -> Response {
    let mut response = cors(json(value));
    response.headers_mut().insert(header::CACHE_CONTROL, PUBLISHED);
    response
}

pub(super) async fn discovery(State(app): State<App>) -> Response {
    published(&document(app.provider.issuer()))
}

pub(super) async fn jwks(State(app): State<App>) -> Response {
    published(&app.provider.ring().public().document())
}

pub(super) async fn authorize(
    State(app): State<App>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    step(&app, &visit, query.as_deref().unwrap_or_default()).await
}

/// Clients may also post it (OpenID Connect core, section 3.1.2.1). From another site no cookie comes with it, so the browser comes again by GET.
pub(super) async fn authorize_form(body: String) -> Result<Response, Failure> {
    let params = Params::parse(&body)?;
    Ok(see(&format!("{}?{}", Paths::AUTHORIZE, params.to_query())))
}

async fn step(app: &App, visit: &Visit, query: &str) -> Result<Response, Failure> {
    let step = app.provider.authorize(query, visit.who.as_ref(), app.now_s()).await?;
    Ok(and_cookie(show(visit, step), visit.form_cookie()))
}

fn show(visit: &Visit, step: AuthorizeStep) -> Response {
    match step {
        AuthorizeStep::Page(why) => pages::message("This request cannot be answered", why, StatusCode::BAD_REQUEST),
        AuthorizeStep::Redirect(location) => see(&location),
        AuthorizeStep::Login { next, hint } => {
            let next = format!("{}?{next}", Paths::AUTHORIZE);
            let params = Params::default().with("next", Some(&next)).with("hint", hint.as_deref());
            see(&format!("{}?{}", Paths::LOGIN, params.to_query()))
        }
        AuthorizeStep::Consent { client, scope, next } => match visit.who() {
            Ok(who) => pages::consent(visit, who, &client, &scope, &next),
            Err(fault) => Failure(fault).into_response(),
        },
    }
}

pub(super) async fn consent(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let agrees = form.get("agree") == Some("yes");
    let step = app.provider.agree(form.text("query"), visit.who()?, agrees, app.now_s()).await?;
    Ok(show(&visit, step))
}

pub(super) async fn token(State(app): State<App>, headers: HeaderMap, body: String) -> Result<Response, OAuthFailure> {
    let answer = app.provider.token(text(&headers, &header::AUTHORIZATION), &body, app.now_s()).await?;
    Ok(cors(json(&answer)))
}

pub(super) async fn userinfo(State(app): State<App>, headers: HeaderMap) -> Result<Response, OAuthFailure> {
    let missing = OAuthError::new(ErrorCode::InvalidToken, "There is no access token in Authorization: Bearer.");
    let claims = app.provider.userinfo(bearer(&headers).ok_or(missing)?, app.now_s()).await?;
    Ok(cors(json(&claims)))
}

pub(super) async fn revoke(State(app): State<App>, headers: HeaderMap, body: String) -> Result<Response, OAuthFailure> {
    app.provider.revoke(text(&headers, &header::AUTHORIZATION), &body, app.now_s()).await?;
    Ok(cors(StatusCode::OK.into_response()))
}

pub(super) async fn end_session(
    State(app): State<App>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref().unwrap_or_default())?;
    ended(&app, &visit, &params).await
}

pub(super) async fn end_session_form(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    ended(&app, &visit, &Params::parse(&body)?).await
}

/// Ends the session where the client knows whose it is; else he is asked, as anybody may have sent him here.
async fn ended(app: &App, visit: &Visit, params: &Params) -> Result<Response, Failure> {
    let account = visit.who.as_ref().and_then(|who| who.account.as_ref()).map(|account| account.id.as_str());
    let (location, knows) = app.provider.after_sign_out(params, account);
    match (&visit.session, visit.who.is_some(), knows) {
        (Some(secret), true, true) => app.provider.sign_out(secret, app.now_s()).await?,
        (_, true, _) => return Ok(and_cookie(pages::sign_out(visit, ""), visit.form_cookie())),
        (_, false, _) => {}
    }
    let response = match location {
        Some(location) => see(&location),
        None => pages::message("Signed out", "You are signed out here.", StatusCode::OK),
    };
    Ok(and_cookie(response, Some(forget(SESSION))))
}
