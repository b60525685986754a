//! Plain RTP.

use super::origin::{caller, origin};
use super::rooms::json_problem;
use super::{AppState, Problem};
use crate::names::RoomName;
use crate::wire::{RtpCreated, RtpStatsView, RtpView, RtpWish};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use std::net::SocketAddr;

type Client = ConnectInfo<SocketAddr>;

/// Connects a media gateway, an encoder or a player to a room by plain RTP: a participant as any other, at ports of his own. He hears the
/// mix, and sees a canvas or one participant. The room is opened if it is not. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/rtp", tag = "rtp", security(("bearer" = [])),
    params(("room" = String, Path)), request_body = RtpWish, responses(
    (status = 201, description = "Connected. Keys and descriptions are told this once", body = RtpCreated),
    (status = 403, description = "auth.forbidden, rtp.denied", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "rtp.disabled, participant.unknown, track.unknown", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "room.full, room.silent", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "rtp.rejected", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "rate.exceeded", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "rtp.no_port, server.busy", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn connect(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
    body: Result<Json<RtpWish>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let caller = caller(&state, &headers, from)?;
    let Json(wish) = body.map_err(json_problem)?;
    let room = RoomName::parse(&room)?;
    state.may_join(Some(&caller), origin(from, &headers).address)?;
    let created: RtpCreated = state.connect_rtp(&caller, &room, wish).await?;
    let location = format!("/api/v1/rooms/{room}/rtp/{}", created.view.participant);
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(created)))
}

/// Those in a room who are connected by plain RTP, in the order they came. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/rtp", tag = "rtp", security(("bearer" = [])),
    params(("room" = String, Path)), responses((status = 200, body = Vec<RtpView>),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<Vec<RtpView>>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.rtp_list(&caller, &RoomName::parse(&room)?)?))
}

/// One of them, with his figures. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/rtp/{participant}", tag = "rtp", security(("bearer" = [])),
    params(("room" = String, Path), ("participant" = String, Path)), responses((status = 200, body = RtpStatsView),
    (status = 404, description = "room.unknown, participant.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, participant)): Path<(String, String)>,
) -> Result<Json<RtpStatsView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.rtp_one(&caller, &RoomName::parse(&room)?, &participant).await?))
}

/// Lets one of them go: RTCP tells him so, and his ports are free again. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/rtp/{participant}", tag = "rtp", security(("bearer" = [])),
    params(("room" = String, Path), ("participant" = String, Path)), responses((status = 204),
    (status = 404, description = "room.unknown, participant.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn disconnect(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, participant)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&state, &headers, from)?;
    state.disconnect_rtp(&caller, &RoomName::parse(&room)?, &participant)?;
    Ok(StatusCode::NO_CONTENT)
}
