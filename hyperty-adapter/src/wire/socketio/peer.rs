//! Who speaks socket.io, by polling or WebSocket.

use super::super::hub::{Hub, Place};
use super::super::outbox::{End, Outbox};
use super::conversation::{Conversation, Phase, Step};
use super::packet::{self, NotTheProtocol, Packet};
use super::{PING_INTERVAL_MS, PING_TIMEOUT_MS};
use crate::node::{CloseReason, ConnectionId};
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt;
use std::str;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long a client that polls may be silent.
const SILENT_FOR: Duration = Duration::from_millis((PING_INTERVAL_MS + PING_TIMEOUT_MS) as u64);
/// How long what is the last for a client that polls waits for its poll.
const LAST_POLL_WITHIN: Duration = Duration::from_secs(5);

/// One of them.
#[derive(Debug)]
pub(crate) struct Peer {
    sid: Box<str>,
    pub(super) connection: ConnectionId,
    pub(super) outbox: Arc<Outbox>,
    conversation: Mutex<Conversation>,
    seen_at: Mutex<Instant>,
    /// Ends the poll that waits.
    pub(super) nudge: Notify,
    /// Whether a poll waits.
    pub(super) is_polling: AtomicBool,
}

/// All of them, by the names that they were given. There are not more than the node has connections.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_sid: Mutex<HashMap<Box<str>, Arc<Peer>>>,
}

impl Peer {
    pub(super) fn talk(&self) -> MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        self.talk().phase()
    }

    pub(super) fn seen(&self) {
        *self.seen_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The next packet to be sent.
    pub(super) fn next(&self) -> Option<Bytes> {
        if let Some(answer) = self.talk().next_answer() {
            return Some(answer);
        }
        let text = self.outbox.pop()?;
        Some(packet::message(str::from_utf8(&text).unwrap_or("null")).into())
    }
}

impl Peers {
    pub(super) fn begin(&self, (connection, outbox): Place, phase: Phase) -> Arc<Peer> {
        let sid: Box<str> = format!("{:032x}", rand::random::<u128>()).into();
        let upgrades = if phase == Phase::Polling { r#"["websocket"]"# } else { "[]" };
        let open = format!(
            r#"0{{"sid":"{sid}","upgrades":{upgrades},"pingInterval":{PING_INTERVAL_MS},"pingTimeout":{PING_TIMEOUT_MS}}}"#
        );
        let peer = Arc::new(Peer {
            sid: sid.clone(),
            connection,
            outbox,
            conversation: Mutex::new(Conversation::new(phase, [open, "40".to_owned()])),
            seen_at: Mutex::new(Instant::now()),
            nudge: Notify::new(),
            is_polling: AtomicBool::new(false),
        });
        self.lock().insert(sid, peer.clone());
        peer
    }

    pub(super) fn find(&self, sid: &str) -> Option<Arc<Peer>> {
        self.lock().get(sid).cloned()
    }

    /// One is gone.
    pub(super) fn end(&self, hub: &Hub, peer: &Peer) {
        self.forget(peer);
        hub.disconnected(peer.connection, &peer.outbox);
    }

    fn forget(&self, peer: &Peer) {
        self.lock().remove(&peer.sid);
    }

    /// Ends those who poll no more.
    pub(crate) fn sweep(&self, hub: &Hub, now: Instant) {
        let is_gone = |peer: &&Arc<Peer>| {
            let seen_at = *peer.seen_at.lock().unwrap_or_else(PoisonError::into_inner);
            let may_be_silent_for = if peer.outbox.ended().is_some() { LAST_POLL_WITHIN } else { SILENT_FOR };
            now.saturating_duration_since(seen_at) > may_be_silent_for && peer.phase() == Phase::Polling
        };
        let gone: Vec<_> = self.lock().values().filter(is_gone).cloned().collect();
        for peer in gone {
            peer.outbox.end(End::Silent);
            self.end(hub, &peer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Peer>>> {
        self.by_sid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A WebSocket of one of them, which has the connection or is about to take it over.
pub(crate) struct Upgraded {
    hub: Arc<Hub>,
    peer: Arc<Peer>,
    /// Whether it has the connection.
    is_open: bool,
    probe_answer: Option<&'static str>,
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

impl Upgraded {
    pub(super) fn new(hub: Arc<Hub>, peer: Arc<Peer>) -> Self {
        let is_open = peer.phase() == Phase::Websocket;
        Self { hub, peer, is_open, probe_answer: None }
    }

    /// A frame came.
    pub(crate) fn take(&mut self, text: &[u8], messages: &mut Vec<Bytes>) -> Option<End> {
        let step = str::from_utf8(text).map_err(|_| NotTheProtocol).and_then(Packet::parse);
        let step = match step {
            Ok(packet) if self.is_open => self.peer.talk().take(&packet, messages),
            Ok(packet) => self.peer.talk().probe(&packet).map(|(step, answer)| {
                self.probe_answer = answer.or(self.probe_answer);
                step
            }),
            Err(error) => Err(error),
        };
        match step {
            Ok(Step::Go) if messages.iter().any(|text| text.len() > self.hub.settings.message_bytes) => {
                return Some(End::TooLarge);
            }
            Ok(Step::Go) => {}
            Ok(Step::Probed) => self.peer.nudge.notify_one(),
            Ok(Step::Opened) => {
                self.is_open = true;
                self.peer.nudge.notify_one();
            }
            Ok(Step::End) => return Some(End::Gone),
            Err(NotTheProtocol) => return Some(End::NotTheProtocol),
        }
        None
    }

    /// The next frame to be sent.
    pub(crate) fn next(&mut self, _: &Outbox) -> Option<Bytes> {
        if let Some(answer) = self.probe_answer.take() {
            return Some(Bytes::from_static(answer.as_bytes()));
        }
        if self.is_open { self.peer.next() } else { None }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// The connection ends.
    pub(crate) fn leave(&self) {
        self.hub.peers.forget(&self.peer);
    }
}

/// What a client is told before its connection is closed: one that is not told that the server wants it so comes back.
pub(crate) fn last_words(end: End) -> Option<&'static str> {
    matches!(end, End::Node(CloseReason::Asked | CloseReason::NotOpened)).then_some("41")
}
