//! Tests of the registry through its two faces, messages and HTTP, on a database in memory and with a clock of their own.

mod limits;
mod messages;
mod model;
mod records;
mod rest;

use super::rest::{Writers, standalone};
use super::{Registry, Settings};
use crate::clock::Clock;
use crate::envelope::Envelope;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use colloquy_storage::{Database, Place};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tower::ServiceExt;

/// 2026-11-21T01:19:47.250Z.
pub(super) const START_MS: i64 = 1_795_223_987_250;

pub(super) struct World {
    pub(super) registry: Arc<Registry>,
    now_ms: Arc<AtomicI64>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let database = Database::open(Place::Memory).await.unwrap();
        let registry = Arc::new(Registry::open(Arc::new(database), settings).await.unwrap());
        Self { registry, now_ms: Arc::new(START_MS.into()) }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    /// The status and the body, `null` if it is empty.
    pub(super) async fn http(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.http_as(Writers::Anyone, method, path, body).await
    }

    pub(super) async fn http_as(&self, writers: Writers, method: &str, path: &str, body: &str) -> (u16, Value) {
        let now_ms = self.now_ms.clone();
        let clock = Clock::from_fn(move || now_ms.load(Ordering::Relaxed));
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let answer = standalone(self.registry.clone(), clock, writers).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
    }

    /// The body of the answer to a message of a runtime.
    pub(super) async fn ask(&self, verb: &str, body: Value) -> Value {
        self.ask_from("runtime://d.test/r1/registry/", verb, body).await
    }

    pub(super) async fn ask_from(&self, from: &str, verb: &str, body: Value) -> Value {
        let text =
            json!({"id": 7, "type": verb, "from": from, "to": "domain://registry.d.test", "body": body}).to_string();
        let answer = self.registry.answer(&Envelope::parse(&text).unwrap(), self.now_ms()).await;
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        let body = answer["body"].take();
        let envelope =
            json!({"id": 7, "type": "response", "from": "domain://registry.d.test", "to": from, "body": null});
        assert_eq!(answer, envelope, "answers go back to whom they are for");
        body
    }
}

/// A hyperty's record as runtimes send it.
pub(super) fn hyperty(resources: &[&str], expires: u32) -> Value {
    json!({
        "descriptor": "hyperty-catalogue://catalogue.d.test/.well-known/hyperty/Connector", "expires": expires, "resources": resources,
        "dataSchemes": ["connection"], "status": "live", "runtime": "runtime://d.test/r1"
    })
}

/// A data object's.
pub(super) fn object(name: &str, expires: u32) -> Value {
    json!({
        "name": name, "schema": "hyperty-catalogue://catalogue.d.test/.well-known/dataschema/Connection", "reporter": "hyperty://d.test/h1",
        "resources": ["audio"], "dataSchemes": ["connection"], "status": "live", "expires": expires, "runtime": "runtime://d.test/r1"
    })
}

/// An address as part of a path.
pub(super) fn escaped(address: &str) -> String {
    percent_encoding::utf8_percent_encode(address, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The same record with more in it.
pub(super) fn with(mut record: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}
