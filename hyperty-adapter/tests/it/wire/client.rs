//! A node that listens, and a client for each of its wires, none of which uses our own framing.

use bytes::Bytes;
use colloquy_hyperty_adapter::node::{Limits, Open, Settings};
use colloquy_hyperty_adapter::wire::{self, Component, Hub, Reply, WireSettings};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything takes.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Long enough that what should not come would have.
pub(crate) const NEVER: Duration = Duration::from_millis(100);

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) struct Server {
    pub(crate) hub: Arc<Hub>,
    pub(crate) address: SocketAddr,
}

/// A registry that knows nobody yet, and takes whoever registers.
struct Registry;

impl Component for Registry {
    fn take(&self, text: Bytes, reply: Reply) {
        let asked: Value = serde_json::from_slice(&text).unwrap();
        let body = match asked["type"].as_str().unwrap() {
            "create" | "delete" => json!({"code": 200}),
            "read" => json!({"code": 200, "value": {"hyperty://a.test/bob": {"status": "live"}}}),
            _ => json!({"code": 404}),
        };
        let answer =
            json!({"id": asked["id"], "type": "response", "from": asked["to"], "to": asked["from"], "body": body});
        // As one that has to look first.
        tokio::spawn(async move { reply.send(answer.to_string().into()) });
    }
}

impl Server {
    pub(crate) async fn start(domain: &str) -> Self {
        Self::with(domain, |_, _| {}).await
    }

    pub(crate) async fn with(domain: &str, change: impl FnOnce(&mut Limits, &mut WireSettings)) -> Self {
        let (mut settings, mut wires) = (Settings::new(domain), WireSettings::default());
        change(&mut settings.limits, &mut wires);
        let hub = Hub::new(settings, wires, Box::new(Open), [9; 32]);
        hub.mount(&format!("domain://registry.{domain}"), Arc::new(Registry));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = wire::router(&hub).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        tokio::spawn(hub.clone().look_after());
        Self { hub, address }
    }

    pub(crate) async fn socket(&self, path: &str) -> Socket {
        connect_async(format!("ws://{}{path}", self.address)).await.unwrap().0
    }

    /// Waits until a figure is as it should be.
    pub(crate) async fn until(&self, what: impl Fn(&wire::Figures) -> bool) {
        let wait = async {
            while !what(&self.hub.figures()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(SOON, wait).await.is_err() {
            panic!("{:#?}", self.hub.figures());
        }
    }

    /// A request in plain HTTP: status, headers and body.
    pub(crate) async fn http(
        &self,
        method: &'static str,
        path: &str,
        kind: &'static str,
        body: Vec<u8>,
    ) -> (u16, String, String) {
        let url = format!("http://{}{path}", self.address);
        let answer = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut answer = match method {
                "GET" => agent.get(&url).header("Origin", "http://page.test").call(),
                "OPTIONS" => agent.options(&url).header("Origin", "http://page.test").call(),
                _ => agent.post(&url).content_type(kind).header("Origin", "http://page.test").send(&body[..]),
            }
            .unwrap();
            let headers = format!("{:?}", answer.headers());
            (answer.status().as_u16(), headers, answer.body_mut().read_to_string().unwrap())
        });
        timeout(SOON, answer).await.unwrap().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.http("GET", path, "", Vec::new()).await;
        (status, body)
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let (status, _, body) = self.http("POST", path, "text/plain;charset=UTF-8", body.as_bytes().to_vec()).await;
        (status, body)
    }
}

/// Which wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Vertx,
    NoMatrix,
    SocketIo,
}

pub(crate) const WIRES: [Wire; 3] = [Wire::Vertx, Wire::NoMatrix, Wire::SocketIo];

/// A client with a session.
pub(crate) struct Client {
    wire: Wire,
    pub(crate) socket: Socket,
}

impl Client {
    pub(crate) async fn open(server: &Server, wire: Wire, runtime: &str) -> Self {
        let socket = match wire {
            Wire::Vertx => server.socket("/ws").await,
            Wire::NoMatrix => {
                let escaped = runtime.replace(':', "%3A").replace('/', "%2F");
                server.socket(&format!("/stub/connect?runtimeURL={escaped}")).await
            }
            Wire::SocketIo => upgraded(server).await.0,
        };
        let mut client = Self { wire, socket };
        if wire != Wire::NoMatrix {
            client.send(&json!({"id": 1, "type": "open", "from": runtime, "to": "mn:/session"})).await;
            let answer = client.get().await;
            assert_eq!(
                (&answer["from"], &answer["to"], &answer["body"]["code"]),
                (&json!("mn:/session"), &json!(runtime), &json!(200))
            );
            assert_eq!(answer["body"]["runtimeToken"].is_string(), wire == Wire::Vertx);
        }
        client
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let frame = match self.wire {
            Wire::SocketIo => format!("42{}", json!(["message", text])),
            _ => text,
        };
        self.socket.send(Message::text(frame)).await.unwrap();
    }

    pub(crate) async fn get(&mut self) -> Value {
        let text = text(&mut self.socket).await;
        if self.wire != Wire::SocketIo {
            return serde_json::from_str(&text).unwrap();
        }
        let event: Value = serde_json::from_str(text.strip_prefix("42").unwrap_or_else(|| panic!("{text}"))).unwrap();
        assert_eq!(event[0], "message");
        assert!(event[1].is_object(), "an object, where clients send a string");
        event[1].clone()
    }

    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.get().await
    }

    pub(crate) async fn gets_nothing(&mut self) {
        let got = timeout(NEVER, self.socket.next()).await;
        assert!(got.is_err(), "{got:?}");
    }
}

/// The next text frame.
pub(crate) async fn text(socket: &mut Socket) -> String {
    loop {
        match timeout(SOON, socket.next()).await.expect("a frame comes").expect("the socket is open").unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code of the close frame that comes after whatever else.
pub(crate) async fn close_code(socket: &mut Socket) -> Option<u16> {
    loop {
        match timeout(SOON, socket.next()).await.expect("it is closed") {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

/// Packets of a payload in ASCII.
pub(crate) fn packets(payload: &str) -> Vec<String> {
    let mut packets = Vec::new();
    let mut rest = payload;
    while let Some((len, after)) = rest.split_once(':') {
        let (packet, after) = after.split_at(len.parse().unwrap());
        packets.push(packet.to_owned());
        rest = after;
    }
    packets
}

/// A client that polls, and its name.
pub(crate) async fn polling(server: &Server) -> String {
    let (status, body) = server.get("/socket.io/?EIO=3&transport=polling&t=1").await;
    assert_eq!(status, 200);
    let packets = packets(&body);
    assert_eq!(packets[1..], ["40"]);
    let open: Value = serde_json::from_str(packets[0].strip_prefix('0').unwrap()).unwrap();
    assert_eq!(
        (&open["upgrades"], &open["pingInterval"], &open["pingTimeout"]),
        (&json!(["websocket"]), &json!(25_000), &json!(60_000))
    );
    let sid = open["sid"].as_str().unwrap();
    format!("/socket.io/?EIO=3&transport=polling&sid={sid}")
}

/// A client that has changed from polling to a WebSocket, in the order of engine.io-client: the poll that waits ends with nothing.
pub(crate) async fn upgraded(server: &Server) -> (Socket, String) {
    let path = polling(server).await;
    let mut socket = server.socket(&path.replace("polling", "websocket")).await;
    let poll = server.get(&path);
    let probe = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        socket.send(Message::text("2probe")).await.unwrap();
        assert_eq!(text(&mut socket).await, "3probe");
    };
    let ((status, body), ()) = tokio::join!(poll, probe);
    assert_eq!((status, body.as_str()), (200, "1:6"));
    socket.send(Message::text("5")).await.unwrap();
    (socket, path)
}
