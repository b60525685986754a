//! Whether the server lives, whether it takes clients, and its counters.

use super::origin::{bearer, is_local};
use super::{AppState, Problem};
use crate::authz::Action;
use crate::error::ErrorCode;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use std::net::SocketAddr;

/// The text format of Prometheus's OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "It does")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The server takes clients: it is not draining, and the media engine answers.
#[utoipa::path(get, path = "/readyz", tag = "server", responses((status = 200, description = "It does"),
    (status = 503, description = "server.draining or server.busy", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn readyz(State(state): State<AppState>) -> Result<&'static str, Problem> {
    state.ready().await?;
    Ok("ready\n")
}

/// Counters for Prometheus. Served to this machine, and to admin tokens, unless configured otherwise.
#[utoipa::path(get, path = "/metrics", tag = "server", security((), ("bearer" = [])), responses((status = 200, description = "OpenMetrics text")))]
pub(super) async fn metrics(
    State(state): State<AppState>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if !state.config.public_metrics && !is_local(from, &headers) {
        state.identify(bearer(&headers), false)?.authorise(Action::ReadServer, None)?;
    }
    let text = state
        .metrics
        .render(state.counts())
        .map_err(|_| Problem::new(ErrorCode::ServerDefect, "The counters could not be written."))?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text))
}
