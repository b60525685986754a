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
use url::Url;

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

/// A proxy has sent somebody here to sign in. `origin` is the page that it works for; he is asked whether it may. `redirect_uri` is an address of
/// that page to come back to, for runtimes that look at the window's address: their own origin's is the only one that they can read.
pub(super) async fn proxy_login(
    State(app): State<App>,
    visit: Visit,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(raw.as_deref().unwrap_or_default())?;
    let wish = Way::read(&params)?;
    let Some(who) = &visit.who else {
        let own =
            Params::default().with("origin", wish.origin.as_deref()).with("redirect_uri", params.get("redirect_uri"));
        let next = format!("{}?{}", Paths::PROXY_LOGIN, own.to_query());
        let params = Params::default().with("next", Some(&next)).with("hint", params.get("login_hint"));
        return Ok(see(&format!("{}?{}", Paths::LOGIN, params.to_query())));
    };
    match &wish.origin {
        Some(origin) if !app.provider.lets_site(who, origin).await? => {
            let page = pages::let_site(&visit, who, origin, params.get("redirect_uri"));
            Ok(and_cookie(page, visit.form_cookie()))
        }
        _ => done(&app, who, &wish),
    }
}

pub(super) async fn proxy_agree(State(app): State<App>, visit: Visit, body: String) -> Result<Response, Failure> {
    let form = visit.form(&app, &body)?;
    let (who, wish) = (visit.who()?, Way::read(&form)?);
    if form.get("agree") != Some("yes") {
        return Ok(pages::message("You did not agree", "The site cannot prove that it is you.", StatusCode::OK));
    }
    app.provider.let_site(who, wish.origin.as_deref().unwrap_or_default(), app.now_s()).await?;
    done(&app, who, &wish)
}

/// For which page somebody signs in, and where the window is to end.
struct Way {
    origin: Option<String>,
    redirect_uri: Option<Url>,
}

impl Way {
    /// Longest address to come back to, in bytes.
    const MAX_ADDRESS: usize = 2_048;

    /// What was asked. The ticket goes to `redirect_uri`, so it is an address of the origin that is asked about, or there is no other.
    fn read(params: &Params) -> Result<Self, ProviderFault> {
        let origin = params.get("origin").map(str::to_owned);
        let Some(address) = params.get("redirect_uri") else { return Ok(Self { origin, redirect_uri: None }) };
        let no_address = "redirect_uri is no address of a page, http:// or https://, without a fragment.";
        let is_page = |url: &Url| {
            matches!(url.scheme(), "https" | "http")
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        let url = Url::parse(address).ok().filter(|url| address.len() <= Self::MAX_ADDRESS && is_page(url));
        let url = url.ok_or(ProviderFault::Malformed(no_address))?;
        let of = url.origin().ascii_serialization();
        if origin.as_ref().is_some_and(|origin| *origin != of) {
            return Err(ProviderFault::Malformed("redirect_uri is of another origin than the site that asks."));
        }
        Ok(Self { origin: Some(of), redirect_uri: Some(url) })
    }
}

/// reTHINK runtimes look at the address of the window until there is a `code` in it; pages are told by a message.
fn done(app: &App, who: &Who, way: &Way) -> Result<Response, Failure> {
    let ticket = app.provider.ticket(who, app.now_s())?;
    if let Some(mut url) = way.redirect_uri.clone() {
        url.query_pairs_mut().append_pair("code", ticket.expose());
        return Ok(see(url.as_str()));
    }
    let params = Params::default().with("code", Some(ticket.expose())).with("origin", way.origin.as_deref());
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
