//! Rooms, participants, figures: the administrator's door.

use super::origin::caller;
use super::{AppState, Problem};
use crate::api::{RoomStatsView, RoomView, ServerStatsView};
use crate::error::ErrorCode;
use crate::names::RoomName;
use crate::wire::{ParticipantView, TrackView};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use std::net::SocketAddr;
use utoipa::ToSchema;

type Client = ConnectInfo<SocketAddr>;

/// A room to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateRoom {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
    name: String,
    /// How many it takes; the server's own limit holds besides.
    #[serde(default)]
    max_participants: Option<u32>,
}

/// A mute to be set or lifted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetMute {
    /// Whether a moderator's mute holds from now on.
    muted: bool,
}

/// Every room, by name. Needs `admin`.
#[utoipa::path(get, path = "/api/v1/rooms", tag = "rooms", security(("bearer" = [])), responses(
    (status = 200, body = Vec<RoomView>),
    (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
) -> Result<Json<Vec<RoomView>>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.rooms(&caller)?))
}

/// Creates a room that stays until it is deleted. Needs `admin`. (A room that somebody joins opens by itself, and ends with him.)
#[utoipa::path(post, path = "/api/v1/rooms", tag = "rooms", security(("bearer" = [])), request_body = CreateRoom, responses(
    (status = 201, body = RoomView),
    (status = 409, description = "room.exists", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    body: Result<Json<CreateRoom>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let caller = caller(&state, &headers, from)?;
    let Json(wish) = body.map_err(json_problem)?;
    let max = wish.max_participants.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
    let room = state.create_room(&caller, &wish.name, max)?;
    let location = format!("/api/v1/rooms/{}", room.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(room)))
}

/// One room. Needs `moderate` for it, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}", tag = "rooms", security(("bearer" = [])), params(("room" = String, Path)), responses(
    (status = 200, body = RoomView),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<RoomView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.room(&caller, &RoomName::parse(&room)?)?))
}

/// Ends a room: everyone in it is removed. Needs `moderate` for it, or `admin`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}", tag = "rooms", security(("bearer" = [])), params(("room" = String, Path)), responses(
    (status = 204),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn close(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&state, &headers, from)?;
    state.close_room(&caller, &RoomName::parse(&room)?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everyone in a room, in the order they came. Needs `moderate` for it, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/participants", tag = "rooms", security(("bearer" = [])), params(("room" = String, Path)),
    responses((status = 200, body = Vec<ParticipantView>)))]
pub(super) async fn participants(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<Vec<ParticipantView>>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.participants(&caller, &RoomName::parse(&room)?)?))
}

/// One participant. Needs `moderate` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/participants/{participant}", tag = "rooms", security(("bearer" = [])),
    params(("room" = String, Path), ("participant" = String, Path)), responses((status = 200, body = ParticipantView),
    (status = 404, description = "participant.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn participant(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, id)): Path<(String, String)>,
) -> Result<Json<ParticipantView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.participant(&caller, &RoomName::parse(&room)?, &id)?))
}

/// Removes a participant. Needs `moderate` for the room, or `admin`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/participants/{participant}", tag = "rooms", security(("bearer" = [])),
    params(("room" = String, Path), ("participant" = String, Path)), responses((status = 204),
    (status = 404, description = "participant.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn kick(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&state, &headers, from)?;
    state.kick_from_outside(&caller, &RoomName::parse(&room)?, &id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Silences a participant's track, or lifts a moderator's mute. Needs `moderate` for the room, or `admin`.
#[utoipa::path(put, path = "/api/v1/rooms/{room}/participants/{participant}/tracks/{track}/mute", tag = "rooms",
    security(("bearer" = [])), params(("room" = String, Path), ("participant" = String, Path), ("track" = String, Path)),
    request_body = SetMute, responses((status = 200, body = TrackView),
    (status = 404, description = "track.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn mute(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, id, track)): Path<(String, String, String)>,
    body: Result<Json<SetMute>, JsonRejection>,
) -> Result<Json<TrackView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    let Json(wish) = body.map_err(json_problem)?;
    Ok(Json(state.mute_from_outside(&caller, &RoomName::parse(&room)?, &id, &track, wish.muted).await?))
}

/// Figures of a room. Needs `moderate` for it, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/stats", tag = "rooms", security(("bearer" = [])), params(("room" = String, Path)),
    responses((status = 200, body = RoomStatsView)))]
pub(super) async fn stats(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<RoomStatsView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.room_stats(&caller, &RoomName::parse(&room)?).await?))
}

/// Figures of the server. Needs `admin`.
#[utoipa::path(get, path = "/api/v1/stats", tag = "server", security(("bearer" = [])), responses((status = 200, body = ServerStatsView)))]
pub(super) async fn server_stats(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
) -> Result<Json<ServerStatsView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.server_stats(&caller)?))
}

// `map_err` hands it over.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn json_problem(rejection: JsonRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(ErrorCode::RequestMediaType, "This address takes application/json.")
        }
        status => Problem::new(ErrorCode::RequestMalformed, rejection.body_text()).with_status(status),
    }
}
