//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): a session by one HTTP request each to start, to change and to end it.

use super::origin::{caller, origin, text};
use super::{AppState, Problem};
use crate::api::{IfMatch, Patched, Pictures, PublishTarget, Started, WatchTarget};
use crate::config::IceServer;
use crate::error::{ErrorCode, Refusal};
use crate::identity::CLAIM_BYTES;
use crate::names::RoomName;
use crate::wire::{AudioModeName, PicturesName};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use colloquy_media_core::api::AudioMode;
use serde::Deserialize;
use std::net::SocketAddr;
use utoipa::IntoParams;

const SDP: &str = "application/sdp";
const SDPFRAG: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const CLAIM: HeaderName = HeaderName::from_static("colloquy-identity");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// How long a browser may remember a preflight's answer.
const PREFLIGHT_S: &str = "600";
/// Entity tags in one `If-Match` that are looked at.
const ENTITY_TAGS: usize = 8;
/// What to do about a pin that pins nobody.
const PIN_REMEDY: &str =
    "Name layout=speaker, presentation, picture_in_picture or one arranged for the room, or leave pin out.";

type Client = ConnectInfo<SocketAddr>;
type Body = Result<Bytes, BytesRejection>;
type Whom = (String, Option<String>, Option<String>);
type Asked = Result<Query<WatchQuery>, QueryRejection>;

/// How a viewer wants what he watches.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct WatchQuery {
    /// `forward`: each voice in a place of its own, in the order of the places. `mix`: all in the first place for sound. `auto`: as the
    /// server finds best. Left out, it is `mix` for a room, and `forward` for a participant or a track.
    #[param(inline)]
    audio: Option<AudioModeName>,
    /// `forward`: each camera and screen in a place of its own. `composite`: all in the first place for video, drawn together, also of those
    /// who come later. Left out, it is `composite` where the offer has one place for video and there is more than one picture, and
    /// `forward` otherwise. Of a room only.
    #[param(inline)]
    video: Option<PicturesName>,
    /// How they are drawn together: `grid`, all alike; `speaker`, who speaks large, or what is shared; `presentation`, what is shared whole and
    /// large, or who speaks; `picture_in_picture`, others upon the large one; or the name of a layout that was arranged for the room.
    /// Whoever says it gets `composite`.
    layout: Option<String>,
    /// The participant who comes first in that layout, whoever speaks, while he is to be seen. Not for `grid`, where nobody does.
    pin: Option<String>,
}

impl WatchQuery {
    /// How pictures are to come.
    fn pictures(&self) -> Result<Pictures, Refusal> {
        if self.pin.is_some() && matches!(self.layout.as_deref(), None | Some("grid")) {
            let message = "pin is for a layout in which somebody comes first.";
            return Err(Refusal::malformed(message).remedy(PIN_REMEDY));
        }
        match (self.video, &self.layout) {
            (None, None) => Ok(Pictures::Usual),
            (Some(PicturesName::Forward), None) => Ok(Pictures::Forward),
            (Some(PicturesName::Forward), Some(_)) => Err(Refusal::malformed("layout goes with video=composite.")),
            (_, layout) => Ok(Pictures::Canvas { layout: layout.clone(), pin: self.pin.clone() }),
        }
    }
}

/// How a publisher wants to be shown.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct PublishQuery {
    /// `false`: nobody may have still pictures of it.
    snapshots: Option<bool>,
}

/// Publishes into a room. Needs `publish`.
#[utoipa::path(post, path = "/api/v1/whip/{room}", tag = "whip", security(("bearer" = [])), params(("room" = String, Path), PublishQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, description = "The answer. Location is the session, ETag its ICE session", body = String, content_type = "application/sdp"),
    (status = 400, description = "No SDP", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "More tracks than are taken, or Accept without application/sdp", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Not application/sdp", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "sdp.rejected", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn publish(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    Path(room): Path<String>,
    asked: Result<Query<PublishQuery>, QueryRejection>,
    body: Body,
) -> Response {
    let started = async {
        let caller = caller(&state, &headers, from)?;
        let sdp = offer(&headers, body)?;
        let Query(PublishQuery { snapshots }) = asked.map_err(|_| Refusal::malformed("snapshots is true or false."))?;
        let target = PublishTarget {
            room: RoomName::parse(&room)?,
            snapshots: snapshots.unwrap_or(true),
            claim: claim(&headers)?,
        };
        state.may_join(Some(&caller), origin(from, &headers).address)?;
        state.publish(&caller, &target, sdp).await.map_err(negotiation)
    };
    let response = started.await.map_or_else(Problem::into_response, |s| created("whip-sessions", &s));
    with_cors(&state, &headers, response)
}

/// Watches everyone in a room. Needs `subscribe`.
#[utoipa::path(post, path = "/api/v1/whep/{room}", tag = "whep", security(("bearer" = [])), params(("room" = String, Path), WatchQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, description = "The answer", body = String, content_type = "application/sdp"),
    (status = 404, description = "room.unknown", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "room.silent: nobody publishes yet", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn watch_room(
    state: State<AppState>,
    from: Client,
    headers: HeaderMap,
    Path(room): Path<String>,
    asked: Asked,
    body: Body,
) -> Response {
    watch(state, from, headers, ((room, None, None), asked), body).await
}

/// Watches one participant. Needs `subscribe`.
#[utoipa::path(post, path = "/api/v1/whep/{room}/{participant}", tag = "whep", security(("bearer" = [])),
    params(("room" = String, Path), ("participant" = String, Path), WatchQuery), request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, description = "The answer", body = String, content_type = "application/sdp"),
    (status = 404, description = "room.unknown, participant.unknown", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "room.silent", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn watch_participant(
    state: State<AppState>,
    from: Client,
    headers: HeaderMap,
    Path((room, participant)): Path<(String, String)>,
    asked: Asked,
    body: Body,
) -> Response {
    watch(state, from, headers, ((room, Some(participant), None), asked), body).await
}

/// Watches one track. Needs `subscribe`.
#[utoipa::path(post, path = "/api/v1/whep/{room}/{participant}/{track}", tag = "whep", security(("bearer" = [])),
    params(("room" = String, Path), ("participant" = String, Path), ("track" = String, Path), WatchQuery),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, description = "The answer", body = String, content_type = "application/sdp"),
    (status = 404, description = "track.unknown", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn watch_track(
    state: State<AppState>,
    from: Client,
    headers: HeaderMap,
    Path((room, participant, track)): Path<(String, String, String)>,
    asked: Asked,
    body: Body,
) -> Response {
    watch(state, from, headers, ((room, Some(participant), Some(track)), asked), body).await
}

async fn watch(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    ((room, participant, track), asked): (Whom, Asked),
    body: Body,
) -> Response {
    let started = async {
        let caller = caller(&state, &headers, from)?;
        let sdp = offer(&headers, body)?;
        let why = "audio is forward, mix or auto; video is forward or composite; layout and pin are said once at most.";
        let Query(asked) = asked.map_err(|_| Refusal::malformed(why))?;
        let (audio, pictures) = (asked.audio.map(AudioMode::from), asked.pictures()?);
        if matches!(pictures, Pictures::Canvas { .. }) && participant.is_some() {
            return Err(Refusal::malformed("video=composite and layout are for a whole room.").into());
        }
        let claim = claim(&headers)?;
        let target = WatchTarget { room: RoomName::parse(&room)?, participant, track, audio, pictures, claim };
        state.may_join(Some(&caller), origin(from, &headers).address)?;
        state.watch(&caller, &target, sdp).await.map_err(negotiation)
    };
    let response = started.await.map_or_else(Problem::into_response, |s| created("whep-sessions", &s));
    with_cors(&state, &headers, response)
}

macro_rules! session {
    ($tag:literal, $path:literal, $patch:ident, $end:ident, $options:ident) => {
        /// Trickles ICE candidates (`If-Match` with the ETag: 204), or restarts ICE (`If-Match: *`: 200 with the new ETag).
        #[utoipa::path(patch, path = $path, tag = $tag, security(("bearer" = [])), params(("session" = String, Path)),
            request_body(content = String, content_type = "application/trickle-ice-sdpfrag"), responses(
            (status = 200, description = "ICE restarted", body = String, content_type = "application/trickle-ice-sdpfrag"),
            (status = 204, description = "The candidates were taken"),
            (status = 412, description = "The ETag is old", body = Problem, content_type = "application/problem+json"),
            (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        ))]
        pub(super) async fn $patch(
            state: State<AppState>,
            from: Client,
            headers: HeaderMap,
            Path(session): Path<String>,
            body: Body,
        ) -> Response {
            patch(state, from, headers, session, body).await
        }

        /// Ends the session.
        #[utoipa::path(delete, path = $path, tag = $tag, security(("bearer" = [])), params(("session" = String, Path)), responses(
            (status = 200, description = "It has ended"),
            (status = 404, body = Problem, content_type = "application/problem+json"),
        ))]
        pub(super) async fn $end(
            State(state): State<AppState>,
            ConnectInfo(from): Client,
            headers: HeaderMap,
            Path(session): Path<String>,
        ) -> Response {
            let ended = caller(&state, &headers, from).and_then(|caller| Ok(state.end(&caller, &session)?));
            let response = ended.map_or_else(Problem::into_response, |()| StatusCode::OK.into_response());
            with_cors(&state, &headers, response)
        }

        /// Says what may be asked of a session.
        #[utoipa::path(options, path = $path, tag = $tag, params(("session" = String, Path)), responses((status = 204)))]
        pub(super) async fn $options(State(state): State<AppState>, headers: HeaderMap) -> Response {
            let accepts = [(ACCEPT_PATCH, HeaderValue::from_static(SDPFRAG))];
            let response = (StatusCode::NO_CONTENT, accepts).into_response();
            with_cors(&state, &headers, response)
        }
    };
}

session!("whip", "/api/v1/whip-sessions/{session}", patch_whip, end_whip, whip_session_options);
session!("whep", "/api/v1/whep-sessions/{session}", patch_whep, end_whep, whep_session_options);

macro_rules! endpoint_options {
    ($($name:ident, $tag:literal, $path:literal;)*) => {$(
        /// Says what may be posted.
        #[utoipa::path(options, path = $path, tag = $tag, responses((status = 204)))]
        pub(super) async fn $name(State(state): State<AppState>, headers: HeaderMap) -> Response {
            let response = (StatusCode::NO_CONTENT, [(ACCEPT_POST, HeaderValue::from_static(SDP))]).into_response();
            with_cors(&state, &headers, response)
        }
    )*};
}

endpoint_options! {
    publish_options, "whip", "/api/v1/whip/{room}";
    watch_room_options, "whep", "/api/v1/whep/{room}";
    watch_participant_options, "whep", "/api/v1/whep/{room}/{participant}";
    watch_track_options, "whep", "/api/v1/whep/{room}/{participant}/{track}";
}

async fn patch(
    State(state): State<AppState>,
    ConnectInfo(from): Client,
    headers: HeaderMap,
    session: String,
    body: Body,
) -> Response {
    let patched = async {
        let caller = caller(&state, &headers, from)?;
        require_type(&headers, SDPFRAG)?;
        let fragment = utf8(body)?;
        let on = if_match(&headers)?;
        state.patch(&caller, &session, on, fragment).await.map_err(negotiation)
    };
    let response = match patched.await {
        Err(problem) => problem.into_response(),
        Ok(Patched::Taken) => StatusCode::NO_CONTENT.into_response(),
        Ok(Patched::Restarted { sdpfrag, ice_ufrag }) => {
            ([(header::CONTENT_TYPE, SDPFRAG.to_owned()), (header::ETAG, entity_tag(&ice_ufrag))], sdpfrag)
                .into_response()
        }
    };
    with_cors(&state, &headers, response)
}

/// The offer in a request's body.
fn offer(headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    require_type(headers, SDP)?;
    if let Some(accept) = text(headers, header::ACCEPT)
        && !accept.split(',').any(|range| matches!(essence(range), "*/*" | "application/*" | SDP))
    {
        return Err(Problem::new(ErrorCode::RequestNotAcceptable, "The answer is application/sdp."));
    }
    let sdp = utf8(body)?;
    if !sdp.starts_with("v=0") {
        let problem = Problem::new(ErrorCode::SdpRejected, "The body is no SDP: it does not begin with v=0.");
        return Err(problem.with_status(StatusCode::BAD_REQUEST));
    }
    Ok(sdp)
}

/// A signed claim of who makes the offer, for browsers that put none into their SDP.
fn claim(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(claim) = headers.get(CLAIM) else { return Ok(None) };
    let claim = claim.to_str().ok().filter(|claim| claim.len() <= CLAIM_BYTES);
    let refused = || Refusal::malformed(format!("Colloquy-Identity is a signed claim of {CLAIM_BYTES} bytes at most."));
    Ok(Some(claim.ok_or_else(refused)?.trim().to_owned()))
}

fn utf8(body: Body) -> Result<String, Problem> {
    let bytes = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::new(ErrorCode::RequestMalformed, "The body is not UTF-8."))
}

fn require_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    if text(headers, header::CONTENT_TYPE).is_some_and(|given| essence(given).eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::RequestMediaType, format!("This address takes {wanted}.")))
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// RFC 9725 section 4.3.1: a fragment without a condition is refused.
fn if_match(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    let Some(value) = text(headers, header::IF_MATCH) else {
        return Err(Problem::new(ErrorCode::RequestUnconditional, "If-Match is missing."));
    };
    if value.trim() == "*" {
        return Ok(IfMatch::Any);
    }
    // Strong comparison (RFC 9110 section 13.1.1): a weak tag never matches.
    let tags = value.split(',').take(ENTITY_TAGS).filter_map(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"'));
    Ok(IfMatch::Tags(tags.map(str::to_owned).collect()))
}

/// The statuses that RFC 9725 has for what the engine refuses.
fn negotiation(refusal: crate::error::Refusal) -> Problem {
    let too_many = refusal.code == ErrorCode::LimitExceeded;
    let problem = Problem::from(refusal);
    if too_many { problem.with_status(StatusCode::NOT_ACCEPTABLE) } else { problem }
}

fn created(sessions: &str, started: &Started) -> Response {
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, format!("/api/v1/{sessions}/{}", started.secret.as_str())),
        (header::ETAG, entity_tag(&started.ice_ufrag)),
        (ACCEPT_PATCH, SDPFRAG.to_owned()),
    ];
    let mut response = (StatusCode::CREATED, headers, started.sdp.clone()).into_response();
    for link in started.ice_servers.iter().flat_map(links) {
        response.headers_mut().append(header::LINK, link);
    }
    response
}

fn entity_tag(ice_ufrag: &str) -> String {
    format!("\"{ice_ufrag}\"")
}

/// An ICE server as links (RFC 9725 section 4.6).
fn links(server: &IceServer) -> Vec<HeaderValue> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut credentials = String::new();
    if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
        credentials =
            format!("; username={}; credential={}; credential-type=\"password\"", quoted(username), quoted(credential));
    }
    let link = |url: &String| HeaderValue::from_str(&format!("<{url}>; rel=\"ice-server\"{credentials}")).ok();
    server.urls.iter().filter_map(link).collect()
}

/// Lets pages of the configured origins ask, and read what they need (Fetch standard, CORS protocol).
fn with_cors(state: &AppState, request: &HeaderMap, mut response: Response) -> Response {
    let allowed = &state.config.whip_origins;
    let Some(origin) = request.get(header::ORIGIN) else { return response };
    let named = origin.to_str().is_ok_and(|origin| allowed.iter().any(|one| one.eq_ignore_ascii_case(origin)));
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let allow = if allowed.iter().any(|one| one == "*") {
        HeaderValue::from_static("*")
    } else if named {
        origin.clone()
    } else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allow);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After"),
    );
    if request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, PATCH, DELETE, OPTIONS"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Authorization, Content-Type, If-Match, Colloquy-Identity"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_S));
    }
    response
}
