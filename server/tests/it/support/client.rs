//! Somebody in a room, over the WebSocket, without media.

use std::net::TcpStream;
use std::time::Duration;
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, connect};

pub(crate) struct Client(WebSocket<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Joins a room of the server on this port.
    pub(crate) fn join(port: u16) -> Self {
        let (mut client, _) = Self::greet(port);
        client.say(r#"{"type":"join","id":2,"room":"daily","name":"Anne"}"#);
        client.next("joined");
        client
    }

    /// Says hello, and returns the welcome.
    pub(crate) fn greet(port: u16) -> (Self, String) {
        let (socket, _) = connect(format!("ws://127.0.0.1:{port}/api/v1/ws")).expect("it takes WebSockets");
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time is set");
        }
        let mut client = Self(socket);
        client.say(r#"{"type":"hello","id":1,"version":1}"#);
        let welcome = client.next("welcome");
        (client, welcome)
    }

    pub(crate) fn say(&mut self, frame: &str) {
        self.0.send(Message::text(frame)).expect("it is connected");
    }

    /// The next frame of this type.
    pub(crate) fn next(&mut self, kind: &str) -> String {
        loop {
            let message = self.0.read().expect("it is connected");
            let text = message.to_text().unwrap_or_default();
            if text.contains(&format!("\"type\":\"{kind}\"")) {
                return text.to_owned();
            }
        }
    }
}
