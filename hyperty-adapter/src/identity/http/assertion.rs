//! Assertions, the proxies that ask for them, and whose hyperty is whose.

use super::App;
use super::answer::{Failure, ScriptFailure, and_cookie, cors, is_own_script, json, see};
use super::pages;
use super::visit::{Visit, bearer};
use crate::identity::oidc::{Params, Paths};
use crate::identity::persona::PersonaKind;
use crate::identity::provider::{Asker, AssertRequest, ProviderFault, Who};
use crate::identity::proxy;
use crate::identity::trust::trust;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(body: &str) -> Result<T, ProviderFault> {
    serde_json::from_str(body)
        .map_err(|_| ProviderFault::Malformed("The body is not the JSON that this address takes."))
}

pub(super) async fn proxy(State(app): State<App>, Path(protocol): Path<String>) -> Response {
    let script = proxy::script(app.provider.issuer(), app.provider.domain(), &protocol);
    let Some(script) = script else {
        return (StatusCode::NOT_FOUND, "There is no identity proxy of this protocol here.").into_response();
    };
    let headers = [(header::CONTENT_TYPE, "application/javascript"), (header::CACHE_CONTROL, "max-age=300")];
    cors((headers, script).into_response())
}

/// Who asks: by ticket, by a client's token, or by cookie. A cookie counts only with a header that other sites' pages cannot send.
async fn asker(app: &App, visit: Visit, headers: &HeaderMap, request: &AssertRequest) -> Result<Asker, ProviderFault> {
    if let Some(ticket) = &request.ticket {
        return Ok(Asker::Ticket(app.provider.use_ticket(ticket, app.now_s()).await?));
    }
    if let Some(token) = bearer(headers) {
        return app.provider.asker_of_token(token, app.now_s()).await;
    }
    visit.who.filter(|_| is_own_script(headers)).map(Asker::Cookie).ok_or(ProviderFault::SignIn)
}

pub(super) async fn assert(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    body: String,
) -> Result<Response, ScriptFailure> {
    let request: AssertRequest = read(&body)?;
    let asker = asker(&app, visit, &headers, &request).await?;
    let made = app.provider.assert(&asker, &request, app.now_s()).await?;
    Ok(cors(json(&json!({
        "assertion": made.assertion,
        "idp": {"domain": app.provider.domain(), "protocol": "colloquy"},
        "identity": made.claims.identity,
        "expires": made.claims.exp,
        "userProfile": made.profile,
    }))))
}

#[derive(Deserialize)]
struct Shown {
    assertion: String,
}

pub(super) async fn validate(State(app): State<App>, body: String) -> Result<Response, ScriptFailure> {
    let Shown { assertion } = read(&body)?;
    let verified = app.provider.validate(&assertion, app.now_s());
    let trust = trust(Some(&verified));
    let (status, value) = match &verified {
        Ok(one) => (
            StatusCode::OK,
            json!({
                "identity": one.claims.identity, "contents": one.claims.contents, "expires": one.claims.exp,
                "userProfile": app.provider.profile_of(one), "trust": trust,
            }),
        ),
        Err(fault) => {
            let value = json!({"error": "invalid_assertion", "error_description": fault.to_string(), "trust": trust});
            (StatusCode::BAD_REQUEST, value)
        }
    };
    let mut response = cors(json(&value));
    *response.status_mut() = status;
    Ok(response)
}

/// Who asks by cookie, from a script of ours.
fn own(visit: &Visit, headers: &HeaderMap) -> Result<Who, ProviderFault> {
    visit.who.clone().filter(|_| is_own_script(headers)).ok_or(ProviderFault::SignIn)
}

pub(super) async fn revoke(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    body: String,
) -> Result<Response, ScriptFailure> {
    let who = own(&visit, &headers)?;
    let Shown { assertion } = read(&body)?;
    app.provider.revoke_assertion(&who, &assertion, app.now_s()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A proxy has sent somebody here to sign in. `origin` is the page that it works for; he is asked whether it may.
pub(super) async fn proxy_login(
    State(app): State<App>,
    visit: Visit,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(raw.as_deref().unwrap_or_default())?;
    let origin = params.get("origin");
    let Some(who) = &visit.who else {
        let own = Params::default().with("origin", origin);
        let next = format!("{}?{}", Paths::PROXY_LOGIN, own.to_query());
        let params = Params::default().with("next", Some(&next));
        return Ok(see(&format!("{}?{}", Paths::LOGIN, params.to_query())));
    };
    match origin {
        Some(origin) if !app.provider.lets_site(who, origin).await? => {
            Ok(and_cookie(pages::let_site(&visit, who, origin), visit.form_cookie()))
        }
        _ => done(&app, who, origin),
    }
}

pub(super) async fn proxy_agree(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let (who, origin) = (visit.who()?, form.text("origin"));
    if form.get("agree") != Some("yes") {
        return Ok(pages::message("You did not agree", "The site cannot prove that it is you.", StatusCode::OK));
    }
    app.provider.let_site(who, origin, app.now_s()).await?;
    done(&app, who, Some(origin))
}

/// reTHINK runtimes look at the address of the window until there is a `code` in it; pages are told by a message.
fn done(app: &App, who: &Who, origin: Option<&str>) -> Result<Response, Failure> {
    let ticket = app.provider.ticket(who, app.now_s())?;
    let params = Params::default().with("code", Some(ticket.expose())).with("origin", origin);
    Ok(see(&format!("{}?{}", Paths::PROXY_DONE, params.to_query())))
}

pub(super) async fn proxy_done(RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let params = Params::parse(raw.as_deref().unwrap_or_default())?;
    Ok(pages::proxy_done(params.text("code"), params.text("origin")))
}

#[derive(Deserialize)]
struct Association {
    hyperty: String,
    #[serde(default)]
    persona: Option<PersonaKind>,
    #[serde(default)]
    guid: Option<String>,
    #[serde(default = "an_hour")]
    expires_in_s: u64,
}

fn an_hour() -> u64 {
    3_600
}

fn hyperty(one: &colloquy_storage::identity::Hyperty) -> Value {
    json!({"hyperty": one.url, "persona": one.persona, "guid": one.guid, "expires": one.expires_s})
}

pub(super) async fn hyperties(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, ScriptFailure> {
    let who = own(&visit, &headers)?;
    let all = app.provider.hyperties(&who, app.now_s()).await?;
    Ok(json(&Value::from(all.iter().map(hyperty).collect::<Vec<_>>())))
}

pub(super) async fn associate(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    body: String,
) -> Result<Response, ScriptFailure> {
    let who = own(&visit, &headers)?;
    let asked: Association = read(&body)?;
    let as_whom = (asked.persona.unwrap_or(PersonaKind::Private), asked.guid.as_deref());
    let tied = app.provider.associate(&who, &asked.hyperty, as_whom, asked.expires_in_s, app.now_s()).await?;
    Ok(json(&hyperty(&tied)))
}

pub(super) async fn dissociate(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    body: String,
) -> Result<Response, ScriptFailure> {
    let who = own(&visit, &headers)?;
    let asked: Association = read(&body)?;
    let was = app.provider.dissociate(&who, &asked.hyperty).await?;
    Ok(if was { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response())
}
