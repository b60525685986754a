//! The wires: how clients of the original nodes reach the one node, on the paths that the originals use. The only module that knows axum.
//!
//! - `/ws`: a message is a text frame, sessions are opened by a message (the vertx node).
//! - `/stub/connect?runtimeURL=`: the same, and the runtime is named in the URL (the NoMatrix node).
//! - `/socket.io/`: socket.io over engine.io 3, by polling and WebSocket (the nodejs node).
//! - `/live`: whether the node is there.

// Handlers of axum are async, also those that wait for nothing.
#![allow(clippy::unused_async)]

mod hub;
mod link;
mod metrics;
mod nomatrix;
mod outbox;
mod settings;
pub mod socketio;
mod vertx;

pub use hub::{Component, Figures, Hub, Reply};
pub use metrics::NodeMetrics;
pub use settings::WireSettings;

use crate::node::NotConnected;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;

/// The wires of a node. The server that runs it must provide `ConnectInfo<SocketAddr>`.
///
/// Pages of any origin may connect: a client of another domain opens its session here, and no cookie proves anything here.
pub fn router(hub: &Arc<Hub>) -> Router {
    Router::new()
        .route("/ws", get(vertx::open))
        .route("/stub/connect", get(nomatrix::open))
        .route("/stub", get(nomatrix::forbidden))
        .route("/stub/", get(nomatrix::forbidden))
        .route("/stub/{*path}", get(nomatrix::forbidden))
        .merge(socketio::routes(hub.settings.message_bytes))
        .route("/live", get(live))
        .with_state(hub.clone())
}

#[derive(Serialize)]
struct Live {
    status: &'static str,
    domain: String,
    connected: usize,
}

async fn live(State(hub): State<Arc<Hub>>) -> Json<Live> {
    let connected = hub.figures().size.connections;
    Json(Live { status: "up", domain: hub.domain().to_owned(), connected })
}

fn sized(upgrade: WebSocketUpgrade, message_bytes: usize) -> WebSocketUpgrade {
    upgrade
        .max_message_size(message_bytes)
        .max_frame_size(message_bytes)
        .read_buffer_size(link::READ_BUFFER)
        .write_buffer_size(link::WRITE_BUFFER)
}

impl IntoResponse for NotConnected {
    fn into_response(self) -> Response {
        let status = if self == Self::Full { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
        (status, self.to_string()).into_response()
    }
}
