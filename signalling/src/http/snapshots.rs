//! Still pictures: a JPEG of one, or the small ones of everybody for a wall.

use super::origin::{bearer, caller, text};
use super::{AppState, Problem};
use crate::api::{Onlooker, Page, ThumbnailsView, snapshot_tag};
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use crate::wire::SourceName;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use colloquy_media_core::api::{MediaKind, Snapshot, SnapshotSize, Source};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::SystemTime;
use utoipa::{IntoParams, ToSchema};

type Client = ConnectInfo<SocketAddr>;

/// For the browser that asked alone, and asked for again each time: who may see whom changes at any moment, and an unchanged picture
/// costs no more than a 304.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-cache");
/// Another token sees others.
const VARY: HeaderValue = HeaderValue::from_static("authorization");
/// Entity tags that are looked at.
const ENTITY_TAGS: usize = 8;
/// Tags in `have` that are looked at: two walls.
const HAVE: usize = 128;

/// How large a picture is.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SizeName {
    /// 160x90, cut or with bars.
    #[default]
    Thumbnail,
    /// The largest that comes, at most 1,920 pixels a side.
    Full,
}

/// Which picture.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotQuery {
    /// `camera` (left out: this) or `screen`.
    #[param(inline)]
    source: Option<SourceName>,
    /// `thumbnail` (left out: this) or `full`.
    #[param(inline)]
    #[serde(default)]
    size: SizeName,
}

/// Which wall.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct WallQuery {
    /// `camera` (left out: this) or `screen`.
    #[param(inline)]
    source: Option<SourceName>,
    /// `next` of the page before.
    after: Option<String>,
    /// Tags of pictures that you have, with commas between: those come without their bytes.
    have: Option<String>,
}

/// A still picture of a participant: the last that may be seen, with its age, made at most once in `snapshots.interval_s`. For those who
/// see him in the room, by the access token that they joined with or the `resume_token` of their session as bearer; and from outside
/// for `supervise` and `admin`.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/participants/{participant}/snapshot", tag = "rooms", security(("bearer" = [])),
    params(("room" = String, Path), ("participant" = String, Path), SnapshotQuery), responses(
    (status = 200, description = "The picture. Last-Modified says when it was taken, Age how many seconds ago", body = Vec<u8>, content_type = "image/jpeg"),
    (status = 304, description = "The same as before (If-None-Match)"),
    (status = 403, description = "snapshot.withheld, snapshot.opted_out, auth.forbidden", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "snapshot.off, snapshot.none, snapshot.disabled, participant.unknown, room.unknown", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "snapshot.unreadable: encrypted end to end, or broken", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "server.busy", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn snapshot(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path((room, participant)): Path<(String, String)>,
    asked: Result<Query<SnapshotQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(SnapshotQuery { source, size }) =
        asked.map_err(|_| malformed("source is camera or screen, and size is thumbnail or full."))?;
    let (room, source) = (RoomName::parse(&room)?, video(source)?);
    let by = onlooker(&state, &headers, from, &room)?;
    let size = match size {
        SizeName::Thumbnail => SnapshotSize::Thumbnail,
        SizeName::Full => SnapshotSize::Full,
    };
    let snapshot = state.snapshot(&by, &room, &participant, (source, size)).await?;
    Ok(answer(&headers, &snapshot))
}

/// The small pictures of everybody in a room, for a wall: one answer for 64 of them, each with its age or why there is none. For the
/// same people as a single one.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/thumbnails", tag = "rooms", security(("bearer" = [])),
    params(("room" = String, Path), WallQuery), responses((status = 200, body = ThumbnailsView),
    (status = 403, description = "auth.forbidden", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn thumbnails(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
    asked: Result<Query<WallQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(WallQuery { source, after, have }) =
        asked.map_err(|_| malformed("source is camera or screen; after is a participant, have a list of tags."))?;
    let (room, source) = (RoomName::parse(&room)?, video(source)?);
    let by = onlooker(&state, &headers, from, &room)?;
    let have = have.iter().flat_map(|have| have.split(',')).take(HAVE).map(str::to_owned).collect();
    let wall: ThumbnailsView = state.thumbnails(&by, &room, source, &Page { after, have }).await?;
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL), (header::VARY, VARY)], Json(wall)).into_response())
}

fn onlooker(state: &AppState, headers: &HeaderMap, from: SocketAddr, room: &RoomName) -> Result<Onlooker, Problem> {
    let token = bearer(headers);
    // Whoever holds a place in the room needs no access token; else who he is decides.
    if let Some(by) = token.and_then(|token| state.onlooker_by_session(token, room)) {
        return Ok(by?);
    }
    Ok(state.onlooker(&caller(state, headers, from)?, room)?)
}

fn video(source: Option<SourceName>) -> Result<Source, Problem> {
    let source = source.map_or(Source::Camera, Source::from);
    let is_video = source.kind() == MediaKind::Video;
    is_video.then_some(source).ok_or_else(|| malformed("A snapshot is of camera or screen."))
}

fn malformed(message: &str) -> Problem {
    Refusal::new(ErrorCode::RequestMalformed, message).into()
}

fn answer(asked: &HeaderMap, snapshot: &Snapshot) -> Response {
    let tag = format!("\"{}\"", snapshot_tag(snapshot));
    let taken = SystemTime::now().checked_sub(snapshot.age).unwrap_or(SystemTime::UNIX_EPOCH);
    let headers: [(HeaderName, String); 3] = [
        (header::ETAG, tag.clone()),
        (header::LAST_MODIFIED, httpdate::fmt_http_date(taken)),
        (header::AGE, snapshot.age.as_secs().to_string()),
    ];
    let fixed = [(header::CACHE_CONTROL, CACHE_CONTROL), (header::VARY, VARY)];
    if has(asked, &tag) {
        return (StatusCode::NOT_MODIFIED, headers, fixed).into_response();
    }
    let jpeg = [(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))];
    (headers, fixed, jpeg, snapshot.jpeg.to_vec()).into_response()
}

/// Whether the client has this picture (RFC 9110 section 13.1.2).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let tags = text(headers, header::IF_NONE_MATCH).unwrap_or_default().split(',').take(ENTITY_TAGS).map(str::trim);
    tags.map(|one| one.strip_prefix("W/").unwrap_or(one)).any(|one| one == tag || one == "*")
}
