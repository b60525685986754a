//! A server with a fake engine, and clients for it.

use crate::testing::FakeEngine;
use crate::{Claims, EventIntake, Grants, KeyConfig, Signalling, SignallingConfig, mint};
use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::serve::Listener;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tower::ServiceExt as _;

/// Bytes on their way between a client and the server.
const WIRE_BYTES: usize = 16 * 1024;
/// Virtual time after which what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(super) struct World {
    pub(super) engine: Arc<FakeEngine>,
    pub(super) signalling: Arc<Signalling>,
    connect: mpsc::Sender<DuplexStream>,
}

struct Wire(mpsc::Receiver<DuplexStream>);

impl Listener for Wire {
    type Io = DuplexStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DuplexStream, SocketAddr) {
        match self.0.recv().await {
            Some(stream) => (stream, here()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(here())
    }
}

fn here() -> SocketAddr {
    ([127, 0, 0, 1], 4711).into()
}

impl World {
    /// A server without keys: open to this machine.
    pub(super) fn new() -> Self {
        Self::with(SignallingConfig::default())
    }

    /// A server that wants tokens, signed with [`key`].
    pub(super) fn guarded() -> Self {
        Self::with(SignallingConfig { keys: vec![key()], ..SignallingConfig::default() })
    }

    pub(super) fn with(config: SignallingConfig) -> Self {
        let engine = Arc::new(FakeEngine::default());
        let intake = EventIntake::new();
        engine.attach(intake.sink());
        let signalling = Signalling::with_events(config, engine.clone(), intake).unwrap();
        let (connect, wire) = mpsc::channel(64);
        let app: Router = signalling.router().layer(MockConnectInfo(here()));
        tokio::spawn(async move { axum::serve(Wire(wire), app).await });
        Self { engine, signalling, connect }
    }

    pub(super) async fn socket(&self) -> Client {
        self.socket_with(&[]).await.unwrap()
    }

    pub(super) async fn socket_with(&self, headers: &[(&'static str, &str)]) -> Result<Client, StatusCode> {
        let (ours, theirs) = tokio::io::duplex(WIRE_BYTES);
        self.connect.send(theirs).await.unwrap();
        let mut request = "ws://localhost/api/v1/ws".into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, ours).await {
            Ok((socket, _)) => Ok(Client { socket, events: VecDeque::new(), last_id: 0 }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status()),
            Err(other) => panic!("{other}"),
        }
    }

    /// A client that has said hello.
    pub(super) async fn greeted(&self) -> Client {
        let mut client = self.socket().await;
        client.ask(json!({"type":"hello","version":1})).await;
        client
    }

    /// The same, with a token.
    pub(super) async fn greeted_by(&self, token: &str) -> Client {
        let mut client = self.socket().await;
        client.ask(json!({"type":"hello","version":1,"token":token})).await;
        client
    }

    /// A client in a room, with what he was told.
    pub(super) async fn joined(&self, room: &str, name: &str) -> (Client, Value) {
        let mut client = self.greeted().await;
        let joined = client.ask(json!({"type":"join","room":room,"name":name})).await;
        assert_eq!(joined["type"], "joined", "{joined}");
        (client, joined)
    }

    /// The same with a token.
    pub(super) async fn joined_by(&self, token: &str, room: &str) -> (Client, Value) {
        let mut client = self.socket().await;
        client.ask(json!({"type":"hello","version":1,"token":token})).await;
        let joined = client.ask(json!({"type":"join","room":room,"name":"n"})).await;
        (client, joined)
    }

    /// An HTTP request from this machine.
    pub(super) async fn http(&self, request: Request<Body>) -> Reply {
        self.http_from(here(), request).await
    }

    pub(super) async fn http_from(&self, from: SocketAddr, request: Request<Body>) -> Reply {
        let app = self.signalling.router().layer(MockConnectInfo(from));
        let response = app.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000_000).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.http(request("GET", path, &[], "")).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Reply {
        self.http(request("POST", path, &[("content-type", "application/json")], &body.to_string())).await
    }

    pub(super) async fn delete(&self, path: &str) -> Reply {
        self.http(request("DELETE", path, &[], "")).await
    }
}

pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(body.to_owned())).unwrap()
}

/// The answer to an HTTP request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// Checks that this is a whole problem (RFC 9457) and gives its status and code.
    #[track_caller]
    pub(super) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        for field in ["title", "detail", "remedy", "code"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {problem}");
        }
        assert_eq!(problem["status"], self.status.as_u16());
        (self.status.as_u16(), problem["code"].as_str().unwrap().to_owned())
    }
}

/// A WebSocket client.
pub(super) struct Client {
    pub(super) socket: WebSocketStream<DuplexStream>,
    events: VecDeque<Value>,
    last_id: u32,
}

impl Client {
    pub(super) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a request and waits for its result; events that come before are kept for [`Client::event`].
    pub(super) async fn ask(&mut self, mut request: Value) -> Value {
        self.last_id += 1;
        request["id"] = json!(self.last_id);
        self.send(&request.to_string()).await;
        self.result(self.last_id).await
    }

    /// Asks, and expects a refusal with this code.
    #[track_caller]
    pub(super) fn refused(&mut self, request: Value) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            let result = self.ask(request).await;
            assert_eq!(result["type"], "error", "{caller}: {result}");
            assert!(!result["remedy"].as_str().unwrap().is_empty() && !result["message"].as_str().unwrap().is_empty());
            result["code"].as_str().unwrap().to_owned()
        }
    }

    pub(super) async fn result(&mut self, id: u32) -> Value {
        loop {
            match self.frame().await {
                Ok(frame) if frame["id"] == id => return frame,
                Ok(event) => self.events.push_back(event),
                Err(code) => panic!("closed with {code} instead of an answer"),
            }
        }
    }

    /// The next event of any type.
    pub(super) async fn next_event(&mut self) -> Value {
        match self.events.pop_front() {
            Some(event) => event,
            None => self.frame().await.expect("an event comes"),
        }
    }

    /// The next event of a type; others before it are dropped.
    pub(super) async fn event(&mut self, kind: &str) -> Value {
        while let Some(event) = self.events.pop_front() {
            if event["type"] == kind {
                return event;
            }
        }
        loop {
            let frame = self.frame().await.unwrap_or_else(|code| panic!("closed with {code} instead of {kind}"));
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Does nothing but read for a while, as a client does.
    pub(super) async fn idle(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while let Ok(frame) = tokio::time::timeout_at(until, self.frame()).await {
            self.events.push_back(frame.unwrap());
        }
    }

    /// Every event that has come, when nothing more is under way.
    pub(super) async fn events(&mut self) -> Vec<Value> {
        // The answer to this comes after all that was queued before.
        let last = self.refused(json!({"type":"hello","version":1})).await;
        assert_eq!(last, "protocol.unexpected");
        self.events.drain(..).collect()
    }

    /// Waits for the close code; 0 when the connection just ended.
    pub(super) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    async fn frame(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("nothing came");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// Publishes a microphone and a camera, and gives their tracks' ids.
    pub(super) async fn publish(&mut self) -> (String, String) {
        let offer = json!({"type":"offer","sdp":"v=0","sources":{"0":"microphone","1":"camera"}});
        let answer = self.ask(offer).await;
        assert_eq!(answer["type"], "answer", "{answer}");
        let track = |mid: &str| answer["tracks"][mid].as_str().unwrap().to_owned();
        (track("0"), track("1"))
    }
}

pub(super) fn key() -> KeyConfig {
    serde_json::from_value(json!({"kid":"k1","algorithm":"HS256","secret":SECRET})).unwrap()
}

pub(super) fn token(room: &str, grants: Grants) -> String {
    let claims = Claims {
        sub: "anne".into(),
        room: Some(room.into()),
        grants,
        exp: crate::api::unix_now_s() + 600,
        ..Claims::default()
    };
    mint(&key(), &claims).unwrap()
}

pub(super) fn participant() -> Grants {
    Grants { join: true, publish: true, subscribe: true, ..Grants::default() }
}

pub(super) fn moderator() -> Grants {
    Grants { moderate: true, ..participant() }
}

pub(super) fn admin() -> Grants {
    Grants { admin: true, ..Grants::default() }
}
