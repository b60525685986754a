//! `/hls`: playlists and segments of rooms that are streamed, for any player that knows a stream's id.

use crate::egress::{Egress, PLAYLIST};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use std::sync::Arc;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

/// RFC 8216 section 10.
const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const SEGMENT_TYPE: &str = "video/mp2t";

/// Any page may play it: who knows the id may watch.
const CORS: [(HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Range"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The routes.
pub(super) fn routes(egress: Arc<Egress>) -> Router {
    Router::new().route("/hls/{stream}/{file}", any(answer)).with_state(egress)
}

async fn answer(
    State(egress): State<Arc<Egress>>,
    Path((stream, file)): Path<(String, String)>,
    request: Request,
) -> Response {
    let mut answer = match *request.method() {
        Method::GET | Method::HEAD => give(&egress, &stream, &file, request).await,
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD, OPTIONS")]).into_response(),
    };
    for (name, value) in CORS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

async fn give(egress: &Egress, stream: &str, file: &str, request: Request) -> Response {
    let nothing =
        || (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-cache")], "There is no such file.\n").into_response();
    let Some(window) = egress.window(stream) else { return nothing() };
    if file == PLAYLIST {
        let Some(text) = window.playlist() else { return nothing() };
        return ([(header::CONTENT_TYPE, PLAYLIST_TYPE), (header::CACHE_CONTROL, "no-cache")], text).into_response();
    }
    // Its path is made of what is known to be there, never of what was asked for.
    let Some(path) = window.segment(file) else { return nothing() };
    let Ok(answer) = ServeFile::new(path).oneshot(request).await;
    let mut answer = answer.map(Body::new);
    if answer.status().is_success() {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SEGMENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600, immutable"));
    }
    answer
}
