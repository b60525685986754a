//! A WebSocket that says what it is told, and tells what came of it.

use super::live::PATIENCE;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::net::{SocketAddr, TcpStream};
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, connect};

/// What a frame brought.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// A result that is no error.
    Ok,
    /// An error: its code, message and remedy.
    Refused { code: String, message: String, remedy: String },
    /// The socket is closed, with this code; 1006 when there was none.
    Closed(u16),
}

/// One WebSocket of the real server.
pub(crate) struct Socket(WebSocket<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) fn open(server: SocketAddr) -> Result<Self> {
        let (socket, _) = connect(format!("ws://{server}/api/v1/ws"))?;
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
        }
        Ok(Self(socket))
    }

    /// Sends a request and gives its result; events on the way are passed over.
    pub(crate) fn ask(&mut self, request: Value) -> Result<Value> {
        let id = request["id"].clone();
        self.0.send(Message::text(request.to_string()))?;
        loop {
            match self.0.read()? {
                Message::Text(text) => {
                    let value: Value = serde_json::from_str(&text)?;
                    if value["id"] == id {
                        return Ok(value);
                    }
                }
                Message::Close(frame) => bail!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Sends a frame, and waits for its result, whatever its id.
    pub(crate) fn try_frame(&mut self, frame: &str) -> Result<Outcome> {
        // A server that closes while a large frame is under way has said why: that is read all the same.
        let _ = self.0.send(Message::text(frame));
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    let value: Value = serde_json::from_str(&text)?;
                    if value["id"].is_null() {
                        continue;
                    }
                    if value["type"] != "error" {
                        return Ok(Outcome::Ok);
                    }
                    let text = |name: &str| value[name].as_str().map(str::to_owned).context(value.to_string());
                    return Ok(Outcome::Refused {
                        code: text("code")?,
                        message: text("message")?,
                        remedy: text("remedy")?,
                    });
                }
                Ok(Message::Close(frame)) => return Ok(Outcome::Closed(frame.map_or(1006, |frame| frame.code.into()))),
                Ok(_) => {}
                Err(_) => return Ok(Outcome::Closed(1006)),
            }
        }
    }
}
