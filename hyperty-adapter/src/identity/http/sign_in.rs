//! Signing in and out, registering, forgotten passwords, other providers.

use super::App;
use super::answer::{Failure, and_cookie, see, status, with_retry};
use super::pages::{self, Notice};
use super::visit::{EXTERNAL, SESSION, Visit, forget, safe_next, set};
use crate::identity::oidc::{Params, Paths};
use crate::identity::secret::Secret;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// How long a browser keeps a session's cookie, in seconds: the session itself ends when it is said to.
const COOKIE_S: u64 = 30 * 86_400;
/// How long it keeps the cookie of a sign-in elsewhere.
const EXTERNAL_S: u64 = 600;

const SENT: &str =
    "If that address can be written to, there is a mail on its way. The link in it works for a while, and once.";

fn query(query: Option<&str>) -> Result<Params, Failure> {
    Ok(Params::parse(query.unwrap_or_default())?)
}

fn signed_in(secret: &Secret, next: &str) -> Response {
    and_cookie(see(next), Some(set(SESSION, secret.expose(), Some(COOKIE_S))))
}

pub(super) async fn login_page(
    State(app): State<App>,
    visit: Visit,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let params = query(raw.as_deref())?;
    let next = safe_next(params.get("next"));
    let page = pages::sign_in(&app.provider, &visit, &next, params.text("hint"), (StatusCode::OK, Notice::None));
    Ok(and_cookie(page, visit.form_cookie()))
}

pub(super) async fn login(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let (next, email) = (safe_next(form.get("next")), form.text("email"));
    match app.provider.sign_in(email, form.text("password"), &visit.visitor, app.now_s()).await {
        Ok(secret) => Ok(signed_in(&secret, &next)),
        Err(fault) => {
            let above = (status(&fault), Notice::Bad(&fault.to_string()));
            Ok(with_retry(&fault, pages::sign_in(&app.provider, &visit, &next, email, above)))
        }
    }
}

pub(super) async fn guest(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let secret = app.provider.be_guest(form.text("name"), &visit.visitor, app.now_s()).await?;
    Ok(signed_in(&secret, &safe_next(form.get("next"))))
}

pub(super) async fn logout_page(visit: Visit, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let next = safe_next(query(raw.as_deref())?.get("next"));
    Ok(and_cookie(pages::sign_out(&visit, &next), visit.form_cookie()))
}

pub(super) async fn logout(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    visit.form(&app, &body)?;
    if let Some(secret) = &visit.session {
        app.provider.sign_out(secret, app.now_s()).await?;
    }
    Ok(and_cookie(see(Paths::LOGIN), Some(forget(SESSION))))
}

pub(super) async fn register_page(visit: Visit) -> Response {
    let page = pages::ask_email(&visit, "Make an account", Paths::REGISTER, Notice::None, StatusCode::OK);
    and_cookie(page, visit.form_cookie())
}

pub(super) async fn register(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let begun = app.provider.begin_registration(form.text("email"), &visit.visitor, app.now_s()).await;
    Ok(sent(&visit, "Make an account", Paths::REGISTER, begun))
}

pub(super) async fn forgot_page(visit: Visit) -> Response {
    let page = pages::ask_email(&visit, "Forgotten your password?", Paths::FORGOT, Notice::None, StatusCode::OK);
    and_cookie(page, visit.form_cookie())
}

pub(super) async fn forgot(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let begun = app.provider.begin_reset(form.text("email"), &visit.visitor, app.now_s()).await;
    Ok(sent(&visit, "Forgotten your password?", Paths::FORGOT, begun))
}

fn sent(
    visit: &Visit,
    title: &str,
    action: &str,
    begun: Result<(), crate::identity::provider::ProviderFault>,
) -> Response {
    match begun {
        Ok(()) => pages::message("Look into your mail", SENT, StatusCode::OK),
        Err(fault) => {
            let page = pages::ask_email(visit, title, action, Notice::Bad(&fault.to_string()), status(&fault));
            with_retry(&fault, page)
        }
    }
}

pub(super) async fn verify_page(
    State(app): State<App>,
    visit: Visit,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let params = query(raw.as_deref())?;
    let token = params.text("token");
    let (email, is_new) = app.provider.link(token, app.now_s()).await?;
    let page = pages::choose_password(&visit, (token, &email, is_new), "", (StatusCode::OK, Notice::None));
    Ok(and_cookie(page, visit.form_cookie()))
}

pub(super) async fn verify(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let (token, name, now_s) = (form.text("token"), form.text("name"), app.now_s());
    let (email, is_new) = app.provider.link(token, now_s).await?;
    match app.provider.follow_link(token, name, form.text("password"), &visit.visitor, now_s).await {
        Ok(secret) => Ok(signed_in(&secret, Paths::ACCOUNT)),
        Err(fault) => {
            let above = (status(&fault), Notice::Bad(&fault.to_string()));
            Ok(with_retry(&fault, pages::choose_password(&visit, (token, &email, is_new), name, above)))
        }
    }
}

pub(super) async fn external(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let start = app.provider.begin_external(&id, &safe_next(form.get("next")), app.now_s()).await?;
    Ok(and_cookie(see(&start.location), Some(set(EXTERNAL, start.browser.expose(), Some(EXTERNAL_S)))))
}

pub(super) async fn external_callback(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let params = query(raw.as_deref())?;
    let finished =
        app.provider.finish_external(&id, &params, visit.external.as_ref(), &visit.visitor, app.now_s()).await;
    let response = match finished {
        Ok((secret, next)) => signed_in(&secret, &next),
        Err(fault) => Failure(fault).into_response(),
    };
    Ok(and_cookie(response, Some(forget(EXTERNAL))))
}
