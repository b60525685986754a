//! The registry as HTTP knows it: the paths, codes and texts of the original (`dev-registry-domain`), on which its black-box suite and its clients
//! rely. Addresses in paths are percent-encoded as a whole; a path is cut at its slashes before anything is decoded.

use super::record::{BadRecord, Record};
use super::service::{Answer, Refused, Registry, Search};
use crate::clock::Clock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use colloquy_storage::registry::{By, Kind};
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;

/// Longest body of a request, in bytes: twice that of a record, which is not measured with its spaces.
const MAX_BODY: usize = 2 * super::record::MAX_RECORD;

/// Who may write over HTTP. Whom a message is from, a node knows; of a request nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// Anybody who reaches it, as with the original: for a listener that only a load balancer or a connector reaches.
    Anyone,
    /// Nobody: what changes something is answered 401.
    Nobody,
}

struct Shared {
    registry: Arc<Registry>,
    clock: Clock,
    writers: Writers,
}

type Here = State<Arc<Shared>>;

/// The paths of the original, but for `/` and `/live`: what else the server is asks for those too.
pub fn router(registry: Arc<Registry>, clock: Clock, writers: Writers) -> Router {
    let here = Arc::new(Shared { registry, clock, writers });
    Router::new()
        .route("/registry/updated", get(updated))
        .route("/hyperty/user/{*rest}", get(by_user).put(register_hyperty).delete(unregister_hyperty))
        .route("/hyperty/guid/{*rest}", get(by_guid))
        .route("/hyperty/email/{*rest}", get(by_email))
        .route("/hyperty/url/{*rest}", get(hyperty).put(update_hyperty))
        .route("/hyperty/dataobject/url/{*rest}", get(object))
        .route("/hyperty/dataobject/reporter/{*rest}", get(by_reporter))
        .route("/hyperty/dataobject/name/{*rest}", get(by_name))
        .route("/hyperty/dataobject/{url}", put(register_object))
        .route("/dataobject/url/{*rest}", put(update_object))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(here)
}

/// All paths of the original, for a listener of its own.
pub fn standalone(registry: Arc<Registry>, clock: Clock, writers: Writers) -> Router {
    let here = Arc::new(Shared { registry: registry.clone(), clock: clock.clone(), writers });
    let root = Router::new().route("/", get(live)).route("/live", get(live)).with_state(here);
    root.merge(router(registry, clock, writers)).fallback(|| async { not_found() })
}

async fn live(State(here): Here) -> Response {
    // A text, as the original has it.
    let stored = here.registry.counts().hyperties.to_string();
    text(StatusCode::OK, json!({"Storage_type": "Sqlite", "status": "up", "Hyperties_stored": stored}).to_string())
}

async fn updated(State(here): Here) -> Response {
    if let Some(refusal) = here.refuse_writer() {
        return refusal;
    }
    match here.registry.take_gone(here.clock.now_ms()).await {
        Ok(json) => text(StatusCode::OK, json),
        Err(error) => refused(&Refused::Storage(error)),
    }
}

async fn by_user(State(here): Here, uri: Uri, RawQuery(query): RawQuery) -> Response {
    here.search(segments(&uri, "/hyperty/user/"), query.as_deref(), |user| By::Owner(Kind::Hyperty, user)).await
}

async fn by_guid(State(here): Here, uri: Uri) -> Response {
    match segments(&uri, "/hyperty/guid/").as_deref() {
        Some([guid]) => here.answer(&Search { by: By::Guid(guid), resources: vec![], data_schemes: vec![] }).await,
        _ => not_found(),
    }
}

async fn by_email(State(here): Here, uri: Uri, RawQuery(query): RawQuery) -> Response {
    here.search(segments(&uri, "/hyperty/email/"), query.as_deref(), |email| By::Label(Kind::Hyperty, email)).await
}

async fn by_reporter(State(here): Here, uri: Uri, RawQuery(query): RawQuery) -> Response {
    here.search(segments(&uri, "/hyperty/dataobject/reporter/"), query.as_deref(), |reporter| {
        By::Owner(Kind::DataObject, reporter)
    })
    .await
}

async fn by_name(State(here): Here, uri: Uri, RawQuery(query): RawQuery) -> Response {
    here.search(segments(&uri, "/hyperty/dataobject/name/"), query.as_deref(), |name| By::Label(Kind::DataObject, name))
        .await
}

async fn hyperty(State(here): Here, uri: Uri) -> Response {
    let Some([url]) = segments(&uri, "/hyperty/url/").and_then(one) else { return not_found() };
    match here.registry.entry(Kind::Hyperty, &url, here.clock.now_ms()).await {
        Ok(answer) => found(answer, Kind::Hyperty),
        Err(why) => refused(&why),
    }
}

async fn object(State(here): Here, uri: Uri) -> Response {
    let Some([url]) = segments(&uri, "/hyperty/dataobject/url/").and_then(one) else { return not_found() };
    match here.registry.entry(Kind::DataObject, &url, here.clock.now_ms()).await {
        Ok(answer) => found(answer, Kind::DataObject),
        Err(why) => refused(&why),
    }
}

async fn register_hyperty(State(here): Here, uri: Uri, body: Bytes) -> Response {
    if let Some(refusal) = here.refuse_writer() {
        return refusal;
    }
    let Some([user, url]) =
        segments(&uri, "/hyperty/user/").as_deref().and_then(|all| <&[String; 2]>::try_from(all).ok()).cloned()
    else {
        return not_found();
    };
    let done = match record(Kind::Hyperty, &body) {
        Ok(record) => here.registry.register_hyperty(&user, &url, record, here.clock.now_ms()).await,
        Err(why) => Err(why.into()),
    };
    match done {
        Ok(()) => message(StatusCode::OK, "Hyperty created"),
        Err(why) => refused(&why),
    }
}

async fn register_object(State(here): Here, uri: Uri, body: Bytes) -> Response {
    if let Some(refusal) = here.refuse_writer() {
        return refusal;
    }
    let Some([url]) = segments(&uri, "/hyperty/dataobject/").and_then(one) else { return not_found() };
    let done = match record(Kind::DataObject, &body) {
        Ok(record) => here.registry.register_object(&url, record, here.clock.now_ms()).await,
        Err(why) => Err(why.into()),
    };
    match done {
        Ok(()) => message(StatusCode::OK, "Data object created"),
        Err(why) => refused(&why),
    }
}

async fn unregister_hyperty(State(here): Here, uri: Uri) -> Response {
    if let Some(refusal) = here.refuse_writer() {
        return refusal;
    }
    let Some([user, url]) =
        segments(&uri, "/hyperty/user/").as_deref().and_then(|all| <&[String; 2]>::try_from(all).ok()).cloned()
    else {
        return not_found();
    };
    match here.registry.disconnect(Kind::Hyperty, &url, Some(&user), here.clock.now_ms()).await {
        Ok(()) => message(StatusCode::OK, "Hyperty deleted"),
        Err(why) => refused(&why),
    }
}

async fn update_hyperty(State(here): Here, uri: Uri, body: Bytes) -> Response {
    match here.update(Kind::Hyperty, segments(&uri, "/hyperty/url/"), &body).await {
        Ok((is_changed, is_keep_alive)) => {
            let what = if is_keep_alive { "Keep alive" } else { "Hyperty updated" };
            text(StatusCode::OK, json!({"statusChanged": is_changed.to_string(), "message": what}).to_string())
        }
        Err(refusal) => refusal,
    }
}

async fn update_object(State(here): Here, uri: Uri, body: Bytes) -> Response {
    match here.update(Kind::DataObject, segments(&uri, "/dataobject/url/"), &body).await {
        Ok((_, is_keep_alive)) => {
            message(StatusCode::OK, if is_keep_alive { "Keep alive" } else { "data object updated" })
        }
        Err(refusal) => refusal,
    }
}

impl Shared {
    fn refuse_writer(&self) -> Option<Response> {
        (self.writers == Writers::Nobody).then(|| message(StatusCode::UNAUTHORIZED, "Unauthorized."))
    }

    /// Gives whether the status changed, and whether nothing else did.
    async fn update(&self, kind: Kind, rest: Option<Vec<String>>, body: &[u8]) -> Result<(bool, bool), Response> {
        if let Some(refusal) = self.refuse_writer() {
            return Err(refusal);
        }
        let Some([url]) = rest.and_then(one) else { return Err(not_found()) };
        // Some clients send nothing at all instead of nothing in braces.
        let body = if body.is_empty() { b"{}" } else { body };
        let change = record(kind, body).map_err(|why| refused(&why.into()))?;
        let is_keep_alive = change.is_empty();
        let done = self.registry.update(kind, &url, change, self.clock.now_ms()).await;
        done.map(|is_changed| (is_changed, is_keep_alive)).map_err(|why| refused(&why))
    }

    /// `<id>`, or `<id>/<anything>?resources=a,b&dataSchemes=c`: then one of the two must be there, and nothing else.
    async fn search(
        &self,
        rest: Option<Vec<String>>,
        query: Option<&str>,
        by: impl FnOnce(&str) -> By<'_>,
    ) -> Response {
        match rest.as_deref() {
            Some([id]) => self.answer(&Search { by: by(id), resources: vec![], data_schemes: vec![] }).await,
            Some([id, _]) => match criteria(query.unwrap_or_default()) {
                Some((resources, data_schemes)) => self.answer(&Search { by: by(id), resources, data_schemes }).await,
                None => not_found(),
            },
            _ => not_found(),
        }
    }

    async fn answer(&self, search: &Search<'_>) -> Response {
        let kind = match search.by {
            By::Owner(kind, _) | By::Label(kind, _) => kind,
            By::Guid(_) => Kind::Hyperty,
        };
        match self.registry.search(search, self.clock.now_ms()).await {
            Ok(answer) => found(answer, kind),
            Err(why) => refused(&why),
        }
    }
}

/// What a path says after its fixed part, cut at the slashes and decoded; nothing if it is no text. It is read from the request itself: whatever has
/// decoded a path no longer knows which slashes are part of an address.
fn segments(uri: &Uri, fixed: &str) -> Option<Vec<String>> {
    let rest = uri.path().strip_prefix(fixed)?.trim_end_matches('/');
    rest.split('/').map(|segment| percent_decode_str(segment).decode_utf8().ok().map(Cow::into_owned)).collect()
}

fn one(all: Vec<String>) -> Option<[String; 1]> {
    all.try_into().ok()
}

/// Resources and data schemes that are asked for; nothing where neither is, or where anything else is.
fn criteria(query: &str) -> Option<(Vec<String>, Vec<String>)> {
    let (mut resources, mut schemes) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let into = match name {
            "resources" => &mut resources,
            "dataSchemes" => &mut schemes,
            _ => return None,
        };
        let value = percent_decode_str(value).decode_utf8().ok()?;
        let list: Vec<String> = value.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect();
        // The first of several counts, as in the original.
        into.get_or_insert(list);
    }
    if resources.is_none() && schemes.is_none() {
        return None;
    }
    Some((resources.unwrap_or_default(), schemes.unwrap_or_default()))
}

fn record(kind: Kind, body: &[u8]) -> Result<Record, BadRecord> {
    let body = std::str::from_utf8(body).map_err(|_| BadRecord::Malformed("it is no UTF-8".to_owned()))?;
    Record::parse(kind, body)
}

fn found(answer: Answer, kind: Kind) -> Response {
    // Data objects are answered alike whether or not anybody reports them any more.
    let is_gone = answer.all_gone && kind == Kind::Hyperty;
    text(if is_gone { StatusCode::REQUEST_TIMEOUT } else { StatusCode::OK }, answer.json)
}

fn refused(why: &Refused) -> Response {
    match why {
        // Without a word, as the original does it: its reason is in its log.
        Refused::Record(cause) => {
            tracing::debug!(%cause, "a record was refused");
            StatusCode::BAD_REQUEST.into_response()
        }
        Refused::NotFound => not_found(),
        Refused::TooMany(_) => message(StatusCode::TOO_MANY_REQUESTS, &why.to_string()),
        Refused::Full => message(StatusCode::INSUFFICIENT_STORAGE, &why.to_string()),
        Refused::Storage(cause) => {
            tracing::warn!(%cause, "the registry cannot reach its store");
            message(StatusCode::SERVICE_UNAVAILABLE, "the registry cannot reach its store: try again")
        }
    }
}

fn not_found() -> Response {
    message(StatusCode::NOT_FOUND, "Not Found")
}

fn message(status: StatusCode, message: &str) -> Response {
    text(status, json!({ "message": message }).to_string())
}

fn text(status: StatusCode, json: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}
