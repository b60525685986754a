//! One's own account.

use super::App;
use super::answer::{Failure, and_cookie, is_own_script, json, see, status, with_retry};
use super::pages::{self, Notice};
use super::visit::Visit;
use crate::identity::oidc::{Params, Paths};
use crate::identity::persona::{Persona, PersonaKind};
use crate::identity::provider::{ProviderFault, Who};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

pub(super) async fn page(State(app): State<App>, visit: Visit) -> Result<Response, Failure> {
    if visit.who.is_none() {
        let params = Params::default().with("next", Some(Paths::ACCOUNT));
        return Ok(see(&format!("{}?{}", Paths::LOGIN, params.to_query())));
    }
    shown(&app, &visit, (StatusCode::OK, Notice::None)).await
}

async fn shown(app: &App, visit: &Visit, above: (StatusCode, Notice<'_>)) -> Result<Response, Failure> {
    let who = visit.who()?;
    let sessions = app.provider.sessions(who, app.now_s()).await?;
    let consents = app.provider.consents(who).await?;
    Ok(and_cookie(pages::account(visit, who, (&sessions, &consents), above), visit.form_cookie()))
}

/// Who is signed in, for pages of ours: nobody is no error.
pub(super) async fn who(State(app): State<App>, visit: Visit, headers: HeaderMap) -> Response {
    let issuer = app.provider.issuer();
    let who = visit.who.as_ref().filter(|_| is_own_script(&headers)).map(Who::person);
    json(&match who {
        Some(person) => {
            let identity = format!("{}@{}", person.handle, app.provider.host());
            serde_json::json!({"issuer": issuer, "name": person.name, "identity": identity})
        }
        None => serde_json::json!({"issuer": issuer}),
    })
}

/// The page again, with what came of a form above it.
async fn after(app: &App, visit: &Visit, done: Result<&str, ProviderFault>) -> Result<Response, Failure> {
    match done {
        // By GET, so that loading the page again does not send the form again.
        Ok(_) => Ok(see(Paths::ACCOUNT)),
        Err(fault) => {
            let page = shown(app, visit, (status(&fault), Notice::Bad(&fault.to_string()))).await?;
            Ok(with_retry(&fault, page))
        }
    }
}

pub(super) async fn end_session(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let (who, now_s) = (visit.who()?, app.now_s());
    let done = match form.text("id") {
        "others" => app.provider.end_other_sessions(who, now_s).await,
        id => app.provider.end_session(who, id, now_s).await.map(drop),
    };
    after(&app, &visit, done.map(|()| "")).await
}

pub(super) async fn password(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let words = (form.text("old"), form.text("password"));
    let done = app.provider.change_password(visit.who()?, words, &visit.visitor, app.now_s()).await;
    match done {
        Ok(()) => {
            shown(
                &app,
                &visit,
                (StatusCode::OK, Notice::Good("The password is changed; all other sessions have ended.")),
            )
            .await
        }
        Err(fault) => after(&app, &visit, Err(fault)).await,
    }
}

pub(super) async fn persona(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let name = form.text("name");
    let text = |field: &str| form.get(field).map(str::to_owned);
    let work = Persona {
        kind: PersonaKind::Professional,
        name: name.to_owned(),
        title: text("title"),
        organisation: text("organisation"),
        shows_email: form.get("shows_email").is_some(),
    };
    let is_there = work.organisation.is_some() || work.title.is_some();
    let personas = if is_there { vec![work] } else { Vec::new() };
    let done = app.provider.set_personas(visit.who()?, name, personas).await;
    after(&app, &visit, done.map(|()| "")).await
}

pub(super) async fn take_back(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let done = app.provider.take_back(visit.who()?, form.text("client"), app.now_s()).await;
    after(&app, &visit, done.map(|()| "")).await
}
