//! The global registry as HTTP knows it: the paths and answers of the original. Records are signed by those whom they are of, so that anybody may put one.

use super::service::{GlobalRegistry, Refused};
use super::signed::MAX_TOKEN;
use crate::clock::Clock;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;

type Here = State<(Arc<GlobalRegistry>, Clock)>;

/// `/guid/<GUID>`. The original deletes as well, without a signature, for its own tests: here nobody does.
pub fn router(registry: Arc<GlobalRegistry>, clock: Clock) -> Router {
    let paths = Router::new().route("/guid/{guid}", get(read).put(write));
    paths.layer(DefaultBodyLimit::max(MAX_TOKEN + 1_024)).with_state((registry, clock))
}

/// The same with `/`, for a listener of its own.
pub fn standalone(registry: Arc<GlobalRegistry>, clock: Clock) -> Router {
    let index = || async {
        let version = json!({"version": env!("CARGO_PKG_VERSION")});
        let body = json!({"Code": 200, "Description": "OK", "Value": "", "version": version, "connectedNodes": []});
        text(StatusCode::OK, &body)
    };
    router(registry, clock).route("/", get(index))
}

async fn read(State((registry, clock)): Here, Path(guid): Path<String>) -> Response {
    match registry.get(&guid, clock.now_ms()).await {
        Ok(jwt) => text(StatusCode::OK, &json!({"Code": 200, "Description": "OK", "Value": jwt})),
        Err(why) => refused(&why),
    }
}

async fn write(State((registry, clock)): Here, Path(guid): Path<String>, jwt: String) -> Response {
    match registry.put(&guid, &jwt, clock.now_ms()).await {
        Ok(()) => {
            let explanation = format!("Dataset for GUID {guid} written");
            text(StatusCode::OK, &json!({"Code": 200, "Description": "OK", "Explanation": explanation, "Value": ""}))
        }
        Err(why) => refused(&why),
    }
}

/// The code of an answer, and what the original calls it.
pub(super) fn code(why: &Refused) -> (u16, &'static str) {
    match why {
        Refused::NotFound => (404, "Not found"),
        Refused::Storage(cause) => {
            tracing::warn!(%cause, "the global registry cannot reach its store");
            (500, "Internal Server Error")
        }
        Refused::Overloaded => (503, "Service Unavailable"),
        Refused::Full => (507, "Insufficient Storage"),
        Refused::Token(_)
        | Refused::OtherGuid
        | Refused::NotOfKey
        | Refused::TimedOut
        | Refused::Older
        | Refused::Revoked => (400, "Bad Request"),
    }
}

/// Why, for the client: what is wrong with the store is the operator's alone.
pub(super) fn explanation(why: &Refused) -> String {
    match why {
        Refused::Storage(_) => "the registry cannot reach its store: try again".to_owned(),
        other => other.to_string(),
    }
}

fn refused(why: &Refused) -> Response {
    let (code, description) = code(why);
    let body = json!({"Code": code, "Description": description, "Explanation": explanation(why), "Value": ""});
    text(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &body)
}

fn text(status: StatusCode, json: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json.to_string()).into_response()
}
