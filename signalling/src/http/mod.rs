//! The doors: HTTP, WebSocket, WHIP and WHEP. The only module that knows axum. Nothing is decided here.

// Handlers of axum are async, also those that wait for nothing.
#![allow(clippy::unused_async)]

mod announcements;
mod edge;
mod egress;
mod health;
mod layouts;
mod origin;
mod problem;
mod rooms;
mod rtp;
mod snapshots;
mod whip;
mod ws;

pub use origin::client_address;
pub use problem::Problem;

use crate::api::Signalling;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Router};
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest body: an SDP. Longer ones are refused with 413.
pub const BODY_BYTES: usize = crate::wire::SDP_BYTES;

/// How long a request may take, its body included; the engine's own time limit is shorter. WebSockets are not meant: theirs ends
/// with the upgrade.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// What every handler gets.
pub type AppState = Arc<Signalling>;

#[derive(OpenApi)]
#[openapi(
    info(title = "Colloquy", description = "Rooms, participants and figures of a Colloquy server; WHIP and WHEP."),
    tags(
        (name = "rooms", description = "Rooms and who is in them"),
        (name = "announcements", description = "What is played into rooms"),
        (name = "layouts", description = "How the canvases of a room are arranged"),
        (name = "rtp", description = "Media gateways, encoders and players by plain RTP"),
        (name = "egress", description = "Rooms that leave as HLS, SRT or RTMP"),
        (name = "whip", description = "Publish by WHIP (RFC 9725)"),
        (name = "whep", description = "Watch by WHEP"),
        (name = "server", description = "The server itself"),
        (name = "websocket", description = "The WebSocket API"),
    )
)]
struct Document;

impl Signalling {
    /// The whole HTTP API, with WebSocket, WHIP and WHEP. The server that runs it must provide
    /// `ConnectInfo<SocketAddr>`: `router.into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        router(self.clone())
    }
}

/// The whole API. Needs `ConnectInfo<SocketAddr>` from the server that runs it.
pub fn router(state: AppState) -> Router {
    let (api, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(rooms::read, rooms::close))
        .routes(routes!(rooms::participants))
        .routes(routes!(rooms::participant, rooms::kick))
        .routes(routes!(rooms::mute))
        .routes(routes!(rooms::stats))
        .routes(routes!(announcements::list, announcements::announce))
        .routes(routes!(announcements::hush))
        .routes(routes!(announcements::music, announcements::set_music, announcements::reset_music))
        .routes(routes!(layouts::list))
        .routes(routes!(layouts::read, layouts::arrange, layouts::remove))
        .routes(routes!(rtp::list, rtp::connect))
        .routes(routes!(rtp::read, rtp::disconnect))
        .routes(routes!(egress::list, egress::begin))
        .routes(routes!(egress::read, egress::end))
        .routes(routes!(snapshots::snapshot))
        .routes(routes!(snapshots::thumbnails))
        .routes(routes!(rooms::server_stats))
        .routes(routes!(ws::open))
        .routes(routes!(whip::publish, whip::publish_options))
        .routes(routes!(whip::patch_whip, whip::end_whip, whip::whip_session_options))
        .routes(routes!(whip::watch_room, whip::watch_room_options))
        .routes(routes!(whip::watch_participant, whip::watch_participant_options))
        .routes(routes!(whip::watch_track, whip::watch_track_options))
        .routes(routes!(whip::patch_whep, whip::end_whep, whip::whep_session_options))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi))
        .split_for_parts();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().security_schemes.insert("bearer".to_owned(), bearer.into());
    let text: Arc<str> = document.to_json().expect("the document is built from our own types").into();
    api.fallback(edge::not_found)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        // A body that says it is longer is refused before it is waited for.
        .layer(RequestBodyLimitLayer::new(BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(Extension(OpenApiText(text)))
        .layer(axum::middleware::from_fn_with_state(state.clone(), edge::edge))
        .with_state(state)
}

/// The OpenAPI document, made once.
#[derive(Clone)]
struct OpenApiText(Arc<str>);

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", responses((status = 200, description = "OpenAPI 3.1")))]
async fn openapi(Extension(OpenApiText(text)): Extension<OpenApiText>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string())
}
