//! What is the same for every request: an id, a span, a count, and problems in one form.

use super::origin::origin;
use super::{AppState, Problem};
use crate::error::ErrorCode;
use crate::session::Secret;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::net::SocketAddr;
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a request's id: 72 bits.
const REQUEST_ID_CHARS: usize = 12;

pub(super) async fn edge(
    State(state): State<AppState>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let random = Secret::random();
    let id = random.as_str().get(..REQUEST_ID_CHARS).unwrap_or_default();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = method_name(request.method());
    let span = tracing::info_span!("http", request = id, method, route);
    let mut response = match state.may_request(origin(from, request.headers()).address) {
        Ok(()) => as_problem(next.run(request).instrument(span.clone()).await),
        Err(refusal) => Problem::from(refusal).into_response(),
    };
    let status = response.status();
    state.metrics.request(&route, method, status.as_u16());
    span.in_scope(|| tracing::debug!(status = status.as_u16(), "answered"));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// An error that a layer below gave in its own form, in ours.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == super::problem::PROBLEM_JSON);
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut problem = Problem::of_status(status).into_response();
    // What the layer said about how to do better: Allow, Accept-Post, Upgrade.
    for name in [header::ALLOW, header::UPGRADE, header::CONNECTION, header::SEC_WEBSOCKET_VERSION] {
        if let Some(value) = response.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// One of few: a client may send any word as a method, and must not fill the metrics with them.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

pub(super) async fn not_found() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// A handler panicked: the request fails, nothing else does.
// The signature is tower-http's.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::new(ErrorCode::ServerDefect, "A defect of the server ended this request.").into_response()
}
