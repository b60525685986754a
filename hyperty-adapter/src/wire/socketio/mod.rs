//! `/socket.io/`: the wire of the nodejs node: socket.io over engine.io 3, by polling and by WebSocket. Clients send a message as a string,
//! and get it as an object.
//!
//! Framing and conversation are ours, and pure ([`packet`], [`Conversation`]): what is needed of the protocol is small, what waits for a client
//! must wait in the same bounded outbox whichever wire it came by, and clients of 2016 write polled text in a way of their own.

mod conversation;
pub mod packet;
mod peer;
mod polling;

pub use conversation::{Conversation, Phase, Step};
pub(super) use peer::{Peers, Upgraded, last_words};

use super::hub::Hub;
use super::link::{Framing, Link};
use super::sized;
use crate::node::Dialect;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use peer::Peer;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;

/// How often a client asks whether the server is there.
const PING_INTERVAL_MS: u32 = 25_000;
/// How long it waits for the answer; and how long beyond the interval it may be silent.
const PING_TIMEOUT_MS: u32 = 60_000;

/// What is between the bytes of a message and those of a body: it is JSON in a JSON string, and there may be several.
const BODY_OVERHEAD: usize = 2;

pub(super) fn routes(message_bytes: usize) -> Router<Arc<Hub>> {
    let limit = DefaultBodyLimit::max(message_bytes.saturating_mul(BODY_OVERHEAD));
    Router::new().route("/socket.io/", any(handle)).route("/socket.io", any(handle)).layer(limit)
}

/// What engine.io has in its URLs.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(rename = "EIO", default)]
    revision: String,
    #[serde(default)]
    transport: String,
    sid: Option<String>,
    /// Polling by script elements, which nobody needs any more.
    j: Option<String>,
}

/// Why a request is refused, in engine.io's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Transport,
    Unknown,
    Handshake,
    Bad,
    Version,
    Busy,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Transport => (StatusCode::BAD_REQUEST, r#"{"code":0,"message":"Transport unknown"}"#),
            Self::Unknown => (StatusCode::BAD_REQUEST, r#"{"code":1,"message":"Session ID unknown"}"#),
            Self::Handshake => (StatusCode::BAD_REQUEST, r#"{"code":2,"message":"Bad handshake method"}"#),
            Self::Bad => (StatusCode::BAD_REQUEST, r#"{"code":3,"message":"Bad request"}"#),
            Self::Version => (StatusCode::BAD_REQUEST, r#"{"code":5,"message":"Unsupported protocol version"}"#),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":4,"message":"Forbidden"}"#),
        };
        (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
    }
}

async fn handle(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    if request.method() == Method::OPTIONS {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
            (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        ];
        return readable((StatusCode::NO_CONTENT, allowed).into_response(), origin);
    }
    let answer = answer(hub, from, asked, request).await.unwrap_or_else(Refused::into_response);
    readable(answer, origin)
}

/// Lets pages of other origins read an answer, as the original does: clients of any domain open sessions here.
fn readable(mut response: Response, origin: Option<HeaderValue>) -> Response {
    if let Some(origin) = origin {
        let headers: &mut HeaderMap = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

async fn answer(hub: Arc<Hub>, from: SocketAddr, asked: Asked, request: Request) -> Result<Response, Refused> {
    if asked.revision != "3" {
        return Err(Refused::Version);
    }
    if asked.j.is_some() {
        return Err(Refused::Bad);
    }
    match (asked.transport.as_str(), asked.sid) {
        ("websocket", sid) => {
            let (mut parts, _) = request.into_parts();
            let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &hub).await.map_err(|_| Refused::Bad)?;
            let peer = match &sid {
                Some(sid) => {
                    hub.peers.find(sid).filter(|peer| peer.phase() == Phase::Polling).ok_or(Refused::Unknown)?
                }
                None => begin(&hub, from, Phase::Websocket)?,
            };
            Ok(by_websocket(hub, &peer, upgrade))
        }
        ("polling", None) if request.method() == Method::GET => {
            let peer = begin(&hub, from, Phase::Polling)?;
            Ok(polling::poll(&hub, &peer).await)
        }
        ("polling", None) => Err(Refused::Handshake),
        ("polling", Some(sid)) => {
            let peer = hub.peers.find(&sid).ok_or(Refused::Unknown)?;
            match *request.method() {
                Method::GET if peer.phase() == Phase::Polling => Ok(polling::poll(&hub, &peer).await),
                Method::POST => polling::post(&hub, &peer, request).await,
                _ => Err(Refused::Bad),
            }
        }
        _ => Err(Refused::Transport),
    }
}

/// A client that has not been here.
fn begin(hub: &Arc<Hub>, from: SocketAddr, phase: Phase) -> Result<Arc<Peer>, Refused> {
    let place = hub.connect(Dialect::Nodejs, from.ip()).map_err(|_| Refused::Busy)?;
    Ok(hub.peers.begin(place, phase))
}

fn by_websocket(hub: Arc<Hub>, peer: &Arc<Peer>, upgrade: WebSocketUpgrade) -> Response {
    let upgraded = Upgraded::new(hub.clone(), peer.clone());
    let place = (peer.connection, peer.outbox.clone());
    let (lost, lost_peer) = (hub.clone(), peer.clone());
    // A message is JSON in a JSON string.
    sized(upgrade, hub.settings.message_bytes.saturating_mul(BODY_OVERHEAD))
        .on_failed_upgrade(move |_| {
            if lost_peer.phase() == Phase::Websocket {
                lost.peers.end(&lost, &lost_peer);
            }
        })
        .on_upgrade(move |socket| Link::new(hub, place, socket, Framing::SocketIo(Box::new(upgraded))).run())
}
