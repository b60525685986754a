//! `/ws`: the wire of the vertx node. One JSON message a text frame; sessions are opened by a message.

use super::hub::Hub;
use super::link::{Framing, Link};
use super::sized;
use crate::node::{Dialect, NotConnected};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) async fn open(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, NotConnected> {
    let place = hub.connect(Dialect::Vertx, from.ip())?;
    Ok(upgraded(hub, place, upgrade))
}

/// Answers an upgrade. The connection ends when the upgrade fails.
pub(super) fn upgraded(hub: Arc<Hub>, (connection, outbox): super::hub::Place, upgrade: WebSocketUpgrade) -> Response {
    let (lost, lost_outbox) = (hub.clone(), outbox.clone());
    sized(upgrade, hub.settings.message_bytes)
        .on_failed_upgrade(move |_| lost.disconnected(connection, &lost_outbox))
        .on_upgrade(move |socket| Link::new(hub, (connection, outbox), socket, Framing::Plain).run())
}
