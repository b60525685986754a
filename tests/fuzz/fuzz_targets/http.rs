#![no_main]

//! Requests to the HTTP API, WHIP and WHEP, one after the other at one server: path, headers (tokens, addresses of proxies, entity
//! tags, media types) and bodies (JSON, SDP, SDP fragments).

use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::Request;
use colloquy_signalling::testing::FakeEngine;
use colloquy_signalling::{EventIntake, Signalling, SignallingConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

/// Between two requests of one input.
const NEXT: &str = "\n\n\n";
const REQUESTS: usize = 8;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
}

/// A line `METHOD PATH`, lines of headers, an empty one, the body. `None` for what no HTTP library would let through.
fn request(text: &str) -> Option<Request<Body>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path.parse::<axum::http::Uri>().ok()?);
    for line in lines.take(32) {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(Body::from(body.to_owned())).ok()
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let engine = Arc::new(FakeEngine::default());
            let intake = EventIntake::new();
            engine.attach(intake.sink());
            let config = SignallingConfig::default();
            let signalling = Signalling::with_events(config, engine, intake).expect("the defaults are good");
            let from = SocketAddr::from(([127, 0, 0, 1], 4_711));
            let app = signalling.router().layer(MockConnectInfo(from));
            for request in text.split(NEXT).take(REQUESTS).filter_map(request) {
                let what = format!("{} {}", request.method(), request.uri());
                let reply = app.clone().oneshot(request).await.expect("it never fails");
                assert_ne!(reply.status().as_u16(), 500, "{what}");
            }
            signalling.stop();
        });
    });
});
