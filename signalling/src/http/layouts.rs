//! Layouts that are arranged for the canvases of a room.

use super::origin::caller;
use super::rooms::json_problem;
use super::{AppState, Problem};
use crate::names::RoomName;
use crate::wire::{LayoutView, LayoutWish};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use std::net::SocketAddr;

type Client = ConnectInfo<SocketAddr>;

/// The layouts that were arranged for a room, in the order in which they were first. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/layouts", tag = "layouts", security(("bearer" = [])),
    params(("room" = String, Path)), responses((status = 200, body = Vec<LayoutView>),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<Vec<LayoutView>>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.layouts(&caller, &RoomName::parse(&room)?)?))
}

/// One of them. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/layouts/{layout}", tag = "layouts", security(("bearer" = [])),
    params(("room" = String, Path), ("layout" = String, Path)), responses((status = 200, body = LayoutView),
    (status = 404, description = "room.unknown, layout.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, layout)): Path<(String, String)>,
) -> Result<Json<LayoutView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.layout(&caller, &RoomName::parse(&room)?, &layout)?))
}

/// Arranges a layout for the canvases of a room, by a name of 1 to 32 of `A-Z a-z 0-9 _ -`; at most 8 a room. Those who look at it see their
/// tiles glide to their new places. It shows nobody to those who may not see him. Holds until the room ends. Needs `moderate` or `agent`
/// for the room, or `admin`.
#[utoipa::path(put, path = "/api/v1/rooms/{room}/layouts/{layout}", tag = "layouts", security(("bearer" = [])),
    params(("room" = String, Path), ("layout" = String, Path)), request_body = LayoutWish, responses(
    (status = 200, description = "It is otherwise than before", body = LayoutView),
    (status = 201, description = "It is new", body = LayoutView),
    (status = 400, description = "protocol.malformed: a place leaves the canvas, a name that every room has", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "room.unknown, participant.unknown", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "limit.exceeded", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn arrange(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, layout)): Path<(String, String)>,
    body: Result<Json<LayoutWish>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let caller = caller(&state, &headers, from)?;
    let Json(wish) = body.map_err(json_problem)?;
    let (view, is_new) = state.arrange_layout(&caller, &RoomName::parse(&room)?, &layout, &wish)?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(view)))
}

/// Has there be no such layout any more: those who look at it see a grid. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/layouts/{layout}", tag = "layouts", security(("bearer" = [])),
    params(("room" = String, Path), ("layout" = String, Path)), responses((status = 204),
    (status = 404, description = "room.unknown, layout.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, layout)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&state, &headers, from)?;
    state.drop_layout(&caller, &RoomName::parse(&room)?, &layout)?;
    Ok(StatusCode::NO_CONTENT)
}
