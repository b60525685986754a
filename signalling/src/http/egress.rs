//! Streams of rooms.

use super::origin::{caller, origin};
use super::rooms::json_problem;
use super::{AppState, Problem};
use crate::names::RoomName;
use crate::wire::{EgressView, EgressWish};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use std::net::SocketAddr;

type Client = ConnectInfo<SocketAddr>;

/// Has a room leave as HLS, SRT or RTMP: the mix of all voices and, unless `video` is false, a canvas. Those in the room are told that it is
/// streamed. The room must be there. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/egress", tag = "egress", security(("bearer" = [])),
    params(("room" = String, Path)), request_body = EgressWish, responses(
    (status = 201, description = "It begins; `state` tells whether it leaves", body = EgressView),
    (status = 403, description = "auth.forbidden, egress.denied", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "egress.disabled, room.unknown", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "egress.rejected", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "rate.exceeded", body = Problem, content_type = "application/problem+json"),
    (status = 501, description = "egress.unavailable: no GStreamer, a plugin of it is missing, the mix or canvases are off", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "egress.too_many, server.busy, server.draining", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn begin(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
    body: Result<Json<EgressWish>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let caller = caller(&state, &headers, from)?;
    let Json(wish) = body.map_err(json_problem)?;
    let room = RoomName::parse(&room)?;
    state.may_join(Some(&caller), origin(from, &headers).address)?;
    let view = state.begin_egress(&caller, &room, wish).await?;
    let location = format!("/api/v1/rooms/{room}/egress/{}", view.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(view)))
}

/// Streams of a room, in the order they were asked for, with those that failed of late. Needs `moderate` or `agent` for the room, or
/// `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/egress", tag = "egress", security(("bearer" = [])),
    params(("room" = String, Path)), responses((status = 200, body = Vec<EgressView>),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<Vec<EgressView>>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.egress_list(&caller, &RoomName::parse(&room)?)?))
}

/// One of them. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/egress/{egress}", tag = "egress", security(("bearer" = [])),
    params(("room" = String, Path), ("egress" = String, Path)), responses((status = 200, body = EgressView),
    (status = 404, description = "room.unknown, egress.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, egress)): Path<(String, String)>,
) -> Result<Json<EgressView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.egress_one(&caller, &RoomName::parse(&room)?, &egress)?))
}

/// Ends one of them: its program is asked to finish what it wrote, and its files are removed. Needs `moderate` or `agent` for the room, or
/// `admin`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/egress/{egress}", tag = "egress", security(("bearer" = [])),
    params(("room" = String, Path), ("egress" = String, Path)), responses((status = 204),
    (status = 404, description = "room.unknown, egress.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn end(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, egress)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&state, &headers, from)?;
    state.end_egress(&caller, &RoomName::parse(&room)?, &egress)?;
    Ok(StatusCode::NO_CONTENT)
}
