//! `/stub/connect?runtimeURL=`: the wire of the NoMatrix node. As [`super::vertx`], but the client says in the URL who it is, and leaves by
//! `{"cmd":"disconnect"}`.

use super::hub::Hub;
use super::vertx::upgraded;
use crate::node::Dialect;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(rename = "runtimeURL")]
    runtime_url: Option<String>,
}

pub(super) async fn open(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(Named { runtime_url }): Query<Named>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(runtime) = runtime_url else {
        return (StatusCode::FORBIDDEN, "runtimeURL Parameter is missing!").into_response();
    };
    match hub.connect_as(Dialect::NoMatrix, from.ip(), &runtime) {
        Ok(place) => upgraded(hub, place, upgrade),
        Err(refused) => refused.into_response(),
    }
}

/// What the original says to any other path.
pub(super) async fn forbidden() -> (StatusCode, &'static str) {
    (StatusCode::FORBIDDEN, "Invalid request path!")
}
