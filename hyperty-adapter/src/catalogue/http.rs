//! The catalogue's HTTP: `/.well-known/<type>/<name>/<field>`, on the paths and with the codes of the originals.
//!
//! # Who answers what below `/.well-known/`
//! [`router`] takes the paths of the six types and nothing else. On the catalogue's own host name all of `/.well-known/` is the catalogue's:
//! [`host_router`]. On a host where there is also an identity provider, both want paths below `/.well-known/idp-proxy/`: browsers with W3C WebRTC
//! identity get `/.well-known/idp-proxy/<protocol>`, runtimes ask for `/.well-known/idp-proxy/<domain>` and what is in it. [`beside`] puts the
//! catalogue before a router that has such paths: a GET of a protocol's name is the other's, everything else the catalogue's, also what is posted to
//! `default`, which is a protocol to browsers and an object to runtimes. An object that the operator calls as a protocol wins, except `default`.

use super::kind::Kind;
use super::object::{Files, Origin};
use super::query::{Answer, PACKAGES, Question, answer};
use super::store::{Catalogue, NoChange};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::sync::Arc;
use tower::ServiceExt as _;
use tower_http::cors::{Any, CorsLayer};

/// Longest constraints. What runtimes post of what they can do has some hundred bytes.
const MAX_CONSTRAINTS: usize = 16 * 1024;
/// Longest object that is put: code as JSON has more bytes than code.
const MAX_PUT: usize = 32 * 1024 * 1024;
/// Longest host name, with its port.
const MAX_HOST: usize = 300;

/// What clients know the catalogue as, where a proxy stands before it.
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// A change that somebody wants to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// Puts an object.
    Put(Kind, &'a str),
    /// Deletes one.
    Delete(Kind, &'a str),
}

/// Whether somebody may make a change; the text says what he has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// He may.
    Allowed,
    /// Nobody knows who he is.
    Unauthorised(String),
    /// He may not.
    Forbidden(String),
}

/// Decides who may change the catalogue, by the head of a request.
pub type Gate = Arc<dyn Fn(&Parts, Change<'_>) -> Verdict + Send + Sync>;

/// A catalogue with its doors.
#[derive(Clone)]
pub struct Doors {
    catalogue: Arc<Catalogue>,
    gate: Gate,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").field("catalogue", &self.catalogue).finish_non_exhaustive()
    }
}

impl Doors {
    /// Those of a catalogue that nobody may change.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        let nobody = "Nobody may change this catalogue over HTTP: change its folder, or configure who may.";
        Self { catalogue, gate: Arc::new(move |_, _| Verdict::Forbidden(nobody.to_owned())) }
    }

    /// Lets this decide who may change it.
    #[must_use]
    pub fn gate(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }
}

/// The catalogue alone, on the paths of its types.
pub fn router(doors: Doors) -> Router {
    let mut router = Router::new().route("/.well-known", any(root)).route("/.well-known/", any(root));
    for name in Kind::ALL.map(Kind::as_str).into_iter().chain([PACKAGES]) {
        for path in
            [format!("/.well-known/{name}"), format!("/.well-known/{name}/"), format!("/.well-known/{name}/{{*rest}}")]
        {
            router = router.route(&path, any(serve));
        }
    }
    router.layer(cors()).with_state(doors)
}

/// The catalogue on its own host: also what is no type is answered as the originals do.
pub fn host_router(doors: Doors) -> Router {
    let all = Router::new().route("/.well-known", any(root)).route("/.well-known/", any(root));
    all.route("/.well-known/{*rest}", any(serve)).layer(cors()).with_state(doors)
}

/// The catalogue before `others` on one host, of which an identity provider has proxies of these protocols.
pub fn beside(doors: Doors, others: Router, protocols: &[&str]) -> Router {
    let protocols = protocols.iter().map(|&protocol| protocol.to_owned()).collect();
    let catalogue = Arc::clone(&doors.catalogue);
    let own = router(doors);
    others.layer(axum::middleware::from_fn_with_state(Beside { own, catalogue, protocols }, choose))
}

#[derive(Clone)]
struct Beside {
    own: Router,
    catalogue: Arc<Catalogue>,
    protocols: Arc<[String]>,
}

async fn choose(State(beside): State<Beside>, request: Request, next: Next) -> Response {
    if beside.takes(&request) {
        let Ok(response) = beside.own.oneshot(request).await;
        response
    } else {
        next.run(request).await
    }
}

impl Beside {
    fn takes(&self, request: &Request) -> bool {
        // What types there are.
        if matches!(request.uri().path(), "/.well-known" | "/.well-known/") {
            return true;
        }
        let Some(path) = decoded(request.uri().path()) else { return false };
        let (of_type, rest) = path.split_once('/').unwrap_or((&path, ""));
        if of_type != Kind::IdpProxy.as_str() {
            return Kind::parse(of_type).is_some() || of_type == PACKAGES;
        }
        let is_got = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_protocol = self.protocols.iter().any(|protocol| protocol == rest);
        let is_own = || {
            let all = self.catalogue.snapshot();
            rest != "default" && all.lookup(Kind::IdpProxy, rest, None).is_ok_and(|one| one.origin() == Origin::Folder)
        };
        !is_got || !is_protocol || is_own()
    }
}

/// Runtimes of any page load from here. What they may not do from another page is to change anything.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::IF_NONE_MATCH, header::CACHE_CONTROL, header::ACCEPT])
        .expose_headers([header::ETAG])
        .max_age(std::time::Duration::from_secs(24 * 60 * 60))
}

async fn root(State(doors): State<Doors>, request: Request) -> Response {
    serve_path(&doors, String::new(), request).await
}

async fn serve(State(doors): State<Doors>, request: Request) -> Response {
    match decoded(request.uri().path()) {
        Some(path) => serve_path(&doors, path, request).await,
        None => refuse(StatusCode::BAD_REQUEST, "This path is not UTF-8, percent-encoded.".to_owned()),
    }
}

/// What stands after `/.well-known/`, decoded. Nothing of it is ever looked for in a file system.
fn decoded(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/.well-known/")?;
    Some(percent_encoding::percent_decode_str(rest).decode_utf8().ok()?.into_owned())
}

async fn serve_path(doors: &Doors, path: String, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match parts.method {
        Method::GET | Method::HEAD => reply(doors, &path, None, &parts.headers, &parts),
        Method::POST => match constraints(body).await {
            Ok(constraints) => reply(doors, &path, constraints.as_ref(), &parts.headers, &parts),
            Err(response) => response,
        },
        Method::PUT | Method::DELETE => change(doors, &path, parts, body).await,
        _ => {
            let mut response =
                refuse(StatusCode::METHOD_NOT_ALLOWED, "A catalogue is asked by GET or POST.".to_owned());
            let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS");
            response.headers_mut().insert(header::ALLOW, allow);
            response
        }
    }
}

/// What was posted. Nothing is as good as no question at all; what is no JSON object is refused, with the code of the originals.
async fn constraints(body: Body) -> Result<Option<Map<String, Value>>, Response> {
    let too_long =
        || refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("Constraints are at most {MAX_CONSTRAINTS} bytes."));
    if body.size_hint().lower() > u64::try_from(MAX_CONSTRAINTS).unwrap_or(u64::MAX) {
        return Err(too_long());
    }
    let bytes = axum::body::to_bytes(body, MAX_CONSTRAINTS).await.map_err(|_| too_long())?;
    if bytes.trim_ascii().is_empty() || bytes.trim_ascii() == b"null" {
        return Ok(None);
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|why| {
        refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("Unable to handle request: constraints are a JSON object: {why}"),
        )
    })
}

fn reply(
    doors: &Doors,
    path: &str,
    constraints: Option<&Map<String, Value>>,
    headers: &HeaderMap,
    parts: &Parts,
) -> Response {
    let Some(host) = host(headers, parts) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The Host or X-Forwarded-Host of this request is no host name.".to_owned(),
        );
    };
    let all = doors.catalogue.snapshot();
    match answer(&all, Question { path, constraints, host }) {
        Answer::Found { body, tag } => found(body, &tag, headers),
        Answer::Refused { status, text } => {
            refuse(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text)
        }
    }
}

/// Everything may be kept, and has to be asked for again before it is used: what is behind a name changes with its file, and clients that
/// ask for `/version` and `/cguid` want to know what is so now. That costs a 304.
fn found(body: Bytes, tag: &str, headers: &HeaderMap) -> Response {
    let is_same = matches(headers, tag);
    let mut response = if is_same { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(body)) };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    out.insert(header::VARY, HeaderValue::from_static("x-forwarded-host"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        out.insert(header::ETAG, tag);
    }
    response
}

fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let wanted = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    wanted
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|other| other == "*" || other.trim_start_matches("W/") == tag)
}

fn refuse(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The name under which the client knows the catalogue: that before the first proxy.
fn host<'a>(headers: &'a HeaderMap, parts: &'a Parts) -> Option<&'a str> {
    let host = match headers.get(X_FORWARDED_HOST).or_else(|| headers.get(header::HOST)) {
        Some(host) => host.to_str().ok()?.split(',').next()?.trim(),
        None => parts.uri.authority()?.as_str(),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    ((1..=MAX_HOST).contains(&host.len()) && host.bytes().all(is_plain)).then_some(host)
}

/// An object as it is put.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Put {
    description: Box<RawValue>,
    #[serde(default)]
    source_package: Option<Box<RawValue>>,
    #[serde(default)]
    source_code: Option<String>,
}

async fn change(doors: &Doors, path: &str, parts: Parts, body: Body) -> Response {
    let parts_of_path: Vec<&str> = path.split('/').collect();
    let [of_type, name] = *parts_of_path.as_slice() else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "What is put or deleted is a whole object: /.well-known/<type>/<name>.".to_owned(),
        );
    };
    let Some(kind) = Kind::parse(of_type) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Objects of this type are not put: put what they belong to.".to_owned(),
        );
    };
    let is_put = parts.method == Method::PUT;
    match (doors.gate)(&parts, if is_put { Change::Put(kind, name) } else { Change::Delete(kind, name) }) {
        Verdict::Allowed => {}
        Verdict::Forbidden(text) => return refuse(StatusCode::FORBIDDEN, text),
        Verdict::Unauthorised(text) => {
            let mut response = refuse(StatusCode::UNAUTHORIZED, text);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        }
    }
    let (catalogue, name) = (Arc::clone(&doors.catalogue), name.to_owned());
    let changed = if is_put {
        let Ok(body) = axum::body::to_bytes(body, MAX_PUT).await else {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("An object is at most {MAX_PUT} bytes."));
        };
        let put: Put = match serde_json::from_slice(&body) {
            Ok(put) => put,
            Err(why) => {
                let text = format!("An object is put as JSON of description, sourcePackage and sourceCode: {why}");
                return refuse(StatusCode::BAD_REQUEST, text);
            }
        };
        let package = put.source_package.map(|package| package.get().to_owned());
        let files = Files::new(put.description.get().to_owned(), package, put.source_code);
        tokio::task::spawn_blocking(move || catalogue.put(kind, &name, &files)).await
    } else {
        tokio::task::spawn_blocking(move || catalogue.delete(kind, &name)).await
    };
    match changed {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(why)) => refuse(status_of(&why), why.to_string()),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "The change failed; the server's log says why.".to_owned()),
    }
}

fn status_of(why: &NoChange) -> StatusCode {
    match why {
        NoChange::NoFolder => StatusCode::CONFLICT,
        NoChange::Name | NoChange::OtherName(_) => StatusCode::BAD_REQUEST,
        NoChange::Object(_) => StatusCode::UNPROCESSABLE_ENTITY,
        NoChange::Missing => StatusCode::NOT_FOUND,
        NoChange::Full => StatusCode::INSUFFICIENT_STORAGE,
        NoChange::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
