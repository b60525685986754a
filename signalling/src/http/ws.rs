//! The WebSocket: frames in, frames out, pings, deadlines and close codes. What the frames mean is `session::connection`'s business.

use super::origin::{may_open_socket, origin};
use super::{AppState, Problem};
use crate::error::ErrorCode;
use crate::metrics::Way;
use crate::session::outbox::Next;
use crate::session::{CloseCode, Connection, Flow, Outbox};
use crate::wire::FRAME_BYTES;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How often the client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long it may stay silent.
const PONG_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to say `hello`.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// A socket in no room goes after this long: places are for those who talk.
const SEAT_WITHIN: Duration = Duration::from_secs(60);
/// How long the last frames and the close frame may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// The code for a frame that is too large (RFC 6455 section 7.4.1).
const TOO_LARGE: u16 = 1009;

/// Opens a WebSocket; see the WebSocket API.
#[utoipa::path(get, path = "/api/v1/ws", tag = "websocket", responses((status = 101, description = "A WebSocket"),
    (status = 403, description = "auth.forbidden: a page of another origin", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "rate.exceeded: too many from this address", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "server.busy", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn open(
    State(state): State<AppState>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    if !may_open_socket(&headers, &state.config.allowed_origins) {
        let problem =
            crate::error::Refusal::new(ErrorCode::AuthForbidden, "Pages of this origin may not open a WebSocket here.")
                .remedy("Add the origin to allowed_origins in the server's configuration.");
        return Err(problem.into());
    }
    let origin = origin(from, &headers);
    let (socket, outbox) = state.open_socket(origin)?;
    // From here on the connection gives the socket's place back when it is dropped, also when the upgrade fails.
    let connection = Connection::new(state.clone(), socket, outbox, origin);
    Ok(upgrade
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .on_upgrade(move |socket| serve(socket, connection, state)))
}

/// Why reading ended.
enum Ended {
    /// The client closed, or its network did.
    Gone,
    /// We close.
    Close(CloseCode),
    TooLarge,
    /// Writing ended first.
    Written(Written),
}

/// Why writing ended.
enum Written {
    /// The close frame was sent.
    Closed,
    /// The connection is broken.
    Broken,
}

async fn serve(socket: WebSocket, mut connection: Connection, state: AppState) {
    let outbox = connection.outbox();
    let (mut sink, mut stream) = socket.split();
    let ended = {
        let writing = write(&mut sink, &outbox, &state);
        tokio::pin!(writing);
        let ended = tokio::select! {
            written = &mut writing => Ended::Written(written),
            ended = read(&mut stream, &mut connection, &state) => ended,
        };
        if let Ended::Close(code) = ended {
            outbox.close(code);
            // A client that does not read its last frames is not waited for.
            drop(timeout(CLOSE_WITHIN, writing).await);
        }
        ended
    };
    // From now on the session waits for its client, or is another socket's.
    drop(connection);
    if matches!(ended, Ended::TooLarge) {
        state.metrics.closed(TOO_LARGE);
        close(&mut sink, TOO_LARGE, "a frame was too large").await;
    }
    if !matches!(ended, Ended::Gone | Ended::Written(Written::Broken)) {
        // Until the client has answered the close: a connection that is cut while it still sends may take the close code with it
        // (RFC 6455 section 7.1.1).
        let drained = async { while let Some(Ok(_)) = stream.next().await {} };
        drop(timeout(CLOSE_WITHIN, drained).await);
    }
}

/// Sends what waits, and pings, until the socket is closed or broken.
async fn write(sink: &mut SplitSink<WebSocket, Message>, outbox: &Outbox, state: &AppState) -> Written {
    let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    loop {
        let next = tokio::select! {
            next = outbox.next() => Some(next),
            _ = ping.tick() => None,
        };
        let sent = match next {
            Some(Next::Close(code)) => {
                state.metrics.closed(code.number());
                close(sink, code.number(), code.reason()).await;
                return Written::Closed;
            }
            Some(Next::Frame(frame)) => {
                state.metrics.frame(Way::Out, frame.len());
                let sent = tokio::select! {
                    sent = sink.send(Message::Text(frame.as_ref().into())) => sent.is_ok(),
                    () = outbox.overflowed() => continue,
                };
                outbox.sent(&frame);
                sent
            }
            None => tokio::select! {
                sent = sink.send(Message::Ping(Default::default())) => sent.is_ok(),
                () = outbox.overflowed() => continue,
            },
        };
        if !sent {
            return Written::Broken;
        }
    }
}

async fn close(sink: &mut SplitSink<WebSocket, Message>, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // Whether the client takes it or not, we are done.
    drop(timeout(CLOSE_WITHIN, sink.send(Message::Close(Some(frame)))).await);
}

/// Reads until the client is gone or must go.
async fn read(stream: &mut SplitStream<WebSocket>, connection: &mut Connection, state: &AppState) -> Ended {
    let hello_by = Instant::now() + HELLO_WITHIN;
    let mut pong_by = Instant::now() + PONG_WITHIN;
    let mut seat_by = Instant::now() + SEAT_WITHIN;
    loop {
        if connection.seated() {
            seat_by = Instant::now() + SEAT_WITHIN;
        }
        let deadline = if connection.greeted() { seat_by } else { hello_by }.min(pong_by);
        let message = match timeout_at(deadline, stream.next()).await {
            Err(_) => return Ended::Close(CloseCode::Silent),
            Ok(None) => return Ended::Gone,
            Ok(Some(Err(error))) => return broken(&error),
            Ok(Some(Ok(message))) => message,
        };
        if !connection.may_send() {
            return Ended::Close(CloseCode::TooManyFrames);
        }
        match message {
            Message::Text(text) => {
                state.metrics.frame(Way::In, text.len());
                // A defect in one conversation ends that one.
                match AssertUnwindSafe(connection.received(&text)).catch_unwind().await {
                    Ok(Flow::Continue) => {}
                    Ok(Flow::Close(code)) => return Ended::Close(code),
                    Err(_) => {
                        state.metrics.defects.inc();
                        tracing::error!("a defect in a WebSocket's conversation");
                        return Ended::Close(CloseCode::Defect);
                    }
                }
            }
            Message::Pong(_) => pong_by = Instant::now() + PONG_WITHIN,
            Message::Ping(_) => {}
            Message::Binary(_) => return Ended::Close(CloseCode::NotTheProtocol),
            Message::Close(_) => return Ended::Gone,
        }
    }
}

/// What an error of the WebSocket means. Axum hides its kind; the wording of one of them is looked for, and a test holds it.
fn broken(error: &axum::Error) -> Ended {
    let text = error.to_string();
    if text.contains("Space limit exceeded") {
        Ended::TooLarge
    } else if text.contains("protocol error") || text.contains("UTF-8") {
        Ended::Close(CloseCode::NotTheProtocol)
    } else {
        Ended::Gone
    }
}
