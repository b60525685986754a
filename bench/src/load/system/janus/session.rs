//! A session with Janus over a WebSocket, and its one handle of a plugin.

use super::message;
use crate::load::system::Stay;
use crate::load::system::socket::{Message, Socket, Sockets};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Janus gives up sessions that say nothing for 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// Answers that were not fetched yet: one request is under way at a time.
const ANSWERS: usize = 4;

/// A session.
pub(super) struct Session {
    socket: Socket,
    answers: Receiver<Value>,
    id: u64,
    handle: u64,
    transactions: u32,
}

impl Session {
    /// Talks to Janus, without a session yet.
    pub(super) fn connect(sockets: &Sockets, url: &str) -> Result<Self> {
        let (sender, answers) = sync_channel(ANSWERS);
        let take = move |message: Message| {
            let value = message.to_text().ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(value) = value.filter(|value| message::answers(value).is_some()) {
                // One who has given up waiting fetches none.
                let _ = sender.try_send(value);
            }
            Vec::new()
        };
        let socket = sockets.open(url, Some("janus-protocol"), Box::new(take))?;
        Ok(Self { socket, answers, id: 0, handle: 0, transactions: 0 })
    }

    /// A session with a handle of a plugin.
    pub(super) fn open(sockets: &Sockets, url: &str, plugin: &str) -> Result<Self> {
        let mut session = Self::connect(sockets, url)?;
        session.id = message::made(&session.ask(json!({ "janus": "create" }))?)?;
        let id = session.id;
        session.handle =
            message::made(&session.ask(json!({ "janus": "attach", "session_id": id, "plugin": plugin }))?)?;
        let alive = json!({ "janus": "keepalive", "session_id": id, "transaction": "alive" });
        session.socket.repeat(KEEP_ALIVE, Message::text(alive.to_string()))?;
        Ok(session)
    }

    /// Asks Janus.
    pub(super) fn ask(&mut self, mut request: Value) -> Result<Value> {
        self.transactions += 1;
        let transaction = self.transactions.to_string();
        if let Some(fields) = request.as_object_mut() {
            fields.insert("transaction".to_owned(), transaction.clone().into());
        }
        self.socket.send(Message::text(request.to_string()))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answer = self.answers.recv_timeout(left).context("Janus does not answer")?;
            if message::answers(&answer) == Some(&transaction) {
                message::check(&answer)?;
                return Ok(answer);
            }
        }
    }

    /// Asks the plugin.
    pub(super) fn tell(&mut self, body: &Value, jsep: Option<Value>) -> Result<Value> {
        let mut request = json!({ "janus": "message", "session_id": self.id, "handle_id": self.handle, "body": body });
        if let (Some(jsep), Some(fields)) = (jsep, request.as_object_mut()) {
            fields.insert("jsep".to_owned(), jsep);
        }
        self.ask(request)
    }
}

impl Stay for Session {
    fn leave(mut self: Box<Self>) -> Result<()> {
        let id = self.id;
        self.ask(json!({ "janus": "destroy", "session_id": id }))?;
        self.socket.close()
    }
}
