//! The relay's HTTP: who drives a browser drives its network by it.

use super::relay::Relay;
use super::wish::Wish;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;

const HELP: &str = "\
GET /stats    what became of every client's datagrams
POST /link    changes links, from the next datagram on; what is not named stays:
  {\"down\": {\"rate_bps\": 500000}}                         everyone, and those who are yet to come
  {\"client\": \"127.0.0.1:50000\", \"down\": {\"loss\": 0.1}}   one client, by his address in /stats
  {\"listen\": 0, \"up\": {\"delay_ms\": 50}}                  the clients of one listening port
Of up and down: rate_bps (0: unlimited), queue_ms or queue_bytes, loss, burst {share, mean_len}, delay_ms, jitter_ms,
hold {up_to_ms, every_ms}, reorder, duplicate (0..1), schedule [{after_ms, rate_bps}].
";

/// The routes.
pub(super) fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/", get(|| async { HELP }))
        .route("/stats", get(|State(relay): State<Arc<Relay>>| async move { Json(relay.counts()) }))
        .route("/link", post(change))
        .with_state(relay)
}

async fn change(State(relay): State<Arc<Relay>>, body: String) -> (StatusCode, String) {
    match serde_json::from_str::<Wish>(&body) {
        Ok(wish) => {
            relay.change(wish);
            (StatusCode::NO_CONTENT, String::new())
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n\n{HELP}")),
    }
}
