//! What is played into rooms.

use super::origin::caller;
use super::rooms::json_problem;
use super::{AppState, Problem};
use crate::names::RoomName;
use crate::wire::{AnnouncementView, AnnouncementWish, HoldMusicView};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use std::net::SocketAddr;
use utoipa::ToSchema;

type Client = ConnectInfo<SocketAddr>;

/// What those on hold are to hear.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetHoldMusic {
    /// A file in the server's directory of announcements; `null` for nothing.
    #[serde(deserialize_with = "present")]
    #[schema(required)]
    file: Option<String>,
}

/// A field that may be null, but must be there.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// Plays a file or a text into a room: to everybody on its floor, to those on hold, or to one. It is heard in the place for the mix,
/// beside whatever else is heard. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/announcements", tag = "announcements", security(("bearer" = [])),
    params(("room" = String, Path)), request_body = AnnouncementWish, responses(
    (status = 201, body = AnnouncementView),
    (status = 403, description = "auth.forbidden", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "room.unknown, participant.unknown, sound.unknown, sound.disabled", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "sound.unusable, limit.exceeded", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "rate.exceeded", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "sound.speech_failed", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "server.busy", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn announce(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
    body: Result<Json<AnnouncementWish>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let caller = caller(&state, &headers, from)?;
    let Json(wish) = body.map_err(json_problem)?;
    let room = RoomName::parse(&room)?;
    let announcement = state.announce_from_outside(&caller, &room, wish).await?;
    let location = format!("/api/v1/rooms/{room}/announcements/{}", announcement.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(announcement)))
}

/// What is played in a room, the oldest first; hold music not included. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/announcements", tag = "announcements", security(("bearer" = [])),
    params(("room" = String, Path)), responses((status = 200, body = Vec<AnnouncementView>),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<Vec<AnnouncementView>>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.announcements_from_outside(&caller, &RoomName::parse(&room)?)?))
}

/// Stops an announcement, at once. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/announcements/{announcement}", tag = "announcements", security(("bearer" = [])),
    params(("room" = String, Path), ("announcement" = String, Path)), responses((status = 204),
    (status = 404, description = "announcement.unknown, room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn hush(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, announcement)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&state, &headers, from)?;
    state.hush_from_outside(&caller, &RoomName::parse(&room)?, &announcement)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What those on hold in a room hear. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/hold-music", tag = "announcements", security(("bearer" = [])),
    params(("room" = String, Path)), responses((status = 200, body = HoldMusicView),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn music(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<HoldMusicView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    Ok(Json(state.hold_music(&caller, &RoomName::parse(&room)?)?))
}

/// Has those on hold in a room hear a file, from its beginning when the first is put on hold and then again and again; or nothing.
/// Holds until the room ends. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(put, path = "/api/v1/rooms/{room}/hold-music", tag = "announcements", security(("bearer" = [])),
    params(("room" = String, Path)), request_body = SetHoldMusic, responses((status = 200, body = HoldMusicView),
    (status = 404, description = "room.unknown, sound.unknown, sound.disabled", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "sound.unusable", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "rate.exceeded", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_music(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
    body: Result<Json<SetHoldMusic>, JsonRejection>,
) -> Result<Json<HoldMusicView>, Problem> {
    let caller = caller(&state, &headers, from)?;
    let Json(SetHoldMusic { file }) = body.map_err(json_problem)?;
    Ok(Json(state.set_hold_music(&caller, &RoomName::parse(&room)?, file).await?))
}

/// Has those on hold in a room hear what the server has for all rooms. Needs `moderate` or `agent` for the room, or `admin`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/hold-music", tag = "announcements", security(("bearer" = [])),
    params(("room" = String, Path)), responses((status = 204),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn reset_music(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&state, &headers, from)?;
    state.reset_hold_music(&caller, &RoomName::parse(&room)?)?;
    Ok(StatusCode::NO_CONTENT)
}
