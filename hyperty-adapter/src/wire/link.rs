//! One WebSocket: what comes goes to the node, what its outbox has is sent. One task, which reads and writes in turns, so that a client that
//! sends much is read while it is written to.

use super::hub::Hub;
use super::outbox::{End, Outbox};
use super::socketio::{self, Upgraded};
use crate::node::{ConnectionId, Flow};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::{Sink as _, SinkExt as _, Stream as _, StreamExt as _};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep, timeout};

/// Messages that go to the node at once, under one lock.
const BATCH: usize = 32;
/// Bytes that are read at once. Together with what a task takes, this is what an idle connection costs.
pub(super) const READ_BUFFER: usize = 4 * 1024;
/// Bytes that are gathered before they are written.
pub(super) const WRITE_BUFFER: usize = 32 * 1024;
/// Longest message that is copied as it comes: it would keep a whole read buffer alive otherwise.
const COPIED: usize = 32 * 1024;

/// How messages are framed on a WebSocket.
#[derive(Debug)]
pub(super) enum Framing {
    /// A message is a text frame.
    Plain,
    /// Messages are events of socket.io.
    SocketIo(Box<Upgraded>),
}

/// A WebSocket and its connection to the node.
pub(super) struct Link {
    hub: Arc<Hub>,
    connection: ConnectionId,
    outbox: Arc<Outbox>,
    socket: WebSocket,
    framing: Framing,
    batch: Vec<Bytes>,
    ping: Interval,
    heard_at: Instant,
    paused: Option<Pin<Box<Sleep>>>,
    is_dirty: bool,
}

impl Link {
    pub(super) fn new(
        hub: Arc<Hub>,
        (connection, outbox): (ConnectionId, Arc<Outbox>),
        socket: WebSocket,
        framing: Framing,
    ) -> Self {
        let mut ping = interval(hub.settings.ping_every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let heard_at = Instant::now();
        Self {
            hub,
            connection,
            outbox,
            socket,
            framing,
            batch: Vec::new(),
            ping,
            heard_at,
            paused: None,
            is_dirty: false,
        }
    }

    /// Until either side ends it.
    pub(super) async fn run(mut self) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        if end == End::Gone {
            self.leave();
            // The answer to the client's own close frame, if it sent one.
            drop(timeout(self.hub.settings.close_within, self.socket.flush()).await);
            return;
        }
        let (code, reason) = end.close_code();
        let frame = CloseFrame { code, reason: reason.into() };
        let farewell = async {
            if let Some(last) = self.framing.last_words(end) {
                drop(self.socket.feed(Message::Text(last.into())).await);
            }
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                // Until the client has answered: a connection that is cut while it still sends may take the close frame with it
                // (RFC 6455 section 7.1.1).
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        drop(timeout(self.hub.settings.close_within, farewell).await);
        // Only now, so that a server that stops waits for this. What came meanwhile is not lost: it waits for the client's return.
        self.leave();
    }

    fn leave(&self) {
        if self.framing.is_open() {
            self.framing.leave();
            self.hub.disconnected(self.connection, &self.outbox);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            if self.framing.is_open() {
                // First, so that nothing that comes from here on goes unnoticed.
                self.outbox.register(cx.waker());
            }
            if self.outbox.ended() == Some(End::Slow) {
                return Poll::Ready(End::Slow);
            }
            if let Poll::Ready(end) = self.write(cx) {
                return Poll::Ready(end);
            }
            match self.read(cx) {
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                // What was answered is written before more is read.
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Writes what waits, as far as the client takes it.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        while self.ping.poll_tick(cx).is_ready() {
            let silent_for = self.heard_at.elapsed();
            if silent_for >= self.hub.settings.silent_for {
                return Poll::Ready(End::Silent);
            }
            let may_ping = self.framing.pings() && silent_for >= self.hub.settings.ping_every / 2;
            if may_ping && Pin::new(&mut self.socket).poll_ready(cx).is_ready() {
                // An error shows when something is written or read next.
                drop(Pin::new(&mut self.socket).start_send(Message::Ping(Bytes::new())));
                self.is_dirty = true;
            }
        }
        loop {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(End::Gone),
                Poll::Pending => return Poll::Pending,
            }
            let Some(text) = self.framing.next(&self.outbox) else { break };
            // What the node gives is JSON that was read as such.
            let Ok(text) = Utf8Bytes::try_from(text) else { continue };
            if Pin::new(&mut self.socket).start_send(Message::Text(text)).is_err() {
                return Poll::Ready(End::Gone);
            }
            self.is_dirty = true;
        }
        if self.is_dirty {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.is_dirty = false,
                Poll::Ready(Err(_)) => return Poll::Ready(End::Gone),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.outbox.ended().map_or(Poll::Pending, Poll::Ready)
    }

    /// Reads what there is. Ready without an end when some was read and more may be there.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        if let Some(paused) = &mut self.paused {
            if paused.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.paused = None;
        }
        let mut ended = None;
        let mut has_read = false;
        while self.batch.len() < BATCH {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(message))) => {
                    has_read = true;
                    self.heard_at = Instant::now();
                    ended = self.take(message);
                }
                Poll::Ready(Some(Err(error))) => ended = Some(broken(&error)),
                Poll::Ready(None) => ended = Some(End::Gone),
            }
            if ended.is_some() {
                break;
            }
        }
        if self.batch.is_empty() {
            return if ended.is_some() || has_read { Poll::Ready(ended) } else { Poll::Pending };
        }
        match self.hub.receive(self.connection, &mut self.batch) {
            Flow::Continue => {}
            Flow::Pause(wait) => self.paused = Some(Box::pin(sleep(wait))),
            Flow::Stop => ended = ended.or(Some(self.outbox.ended().unwrap_or(End::Gone))),
        }
        if self.batch.capacity() > BATCH {
            self.batch = Vec::new();
        }
        Poll::Ready(ended)
    }

    fn take(&mut self, message: Message) -> Option<End> {
        match message {
            Message::Text(text) => {
                let text = Bytes::from(text);
                match &mut self.framing {
                    Framing::Plain if text.len() <= COPIED => self.batch.push(Bytes::copy_from_slice(&text)),
                    Framing::Plain => self.batch.push(text),
                    Framing::SocketIo(upgraded) => return upgraded.take(&text, &mut self.batch),
                }
                None
            }
            Message::Ping(_) => {
                self.is_dirty = true;
                None
            }
            Message::Pong(_) => None,
            Message::Binary(_) => Some(End::NotTheProtocol),
            Message::Close(_) => Some(End::Gone),
        }
    }
}

impl Framing {
    /// The next frame to be sent.
    fn next(&mut self, outbox: &Outbox) -> Option<Bytes> {
        match self {
            Self::Plain => outbox.pop(),
            Self::SocketIo(upgraded) => upgraded.next(outbox),
        }
    }

    /// Whether the connection is this WebSocket's: not as long as polling still has it.
    fn is_open(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::SocketIo(upgraded) => upgraded.is_open(),
        }
    }

    fn leave(&self) {
        if let Self::SocketIo(upgraded) = self {
            upgraded.leave();
        }
    }

    /// What is sent before the close frame.
    fn last_words(&self, end: End) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::SocketIo(_) => socketio::last_words(end),
        }
    }

    /// Clients of engine.io 3 ping themselves.
    fn pings(&self) -> bool {
        matches!(self, Self::Plain)
    }
}

/// What an error of the WebSocket means. Axum hides its kind; the wording of one of them is looked for, and a test holds it.
fn broken(error: &axum::Error) -> End {
    let text = error.to_string();
    if text.contains("Space limit exceeded") {
        End::TooLarge
    } else if text.contains("protocol error") || text.contains("UTF-8") {
        End::NotTheProtocol
    } else {
        End::Gone
    }
}
