//! What waits to be sent on a socket. Bounded: a client that does not read is closed, and may resume.

use super::CloseCode;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Bytes that may wait for one client. More close its socket with 4004: it may resume, and gets the whole state then. The snapshot
/// of a room of 500 with three tracks each has about 300 kB.
pub(crate) const OUTBOX_BYTES: usize = 1024 * 1024;

/// Bytes that may wait before events that the next of their kind makes up for are dropped.
pub(crate) const LOSSY_BYTES: usize = 64 * 1024;

/// Whether a frame must arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It must, or the socket ends.
    Kept,
    /// The next of its kind makes up for it.
    Lossy,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits.
    Waits,
    /// It was lossy and the client is slow.
    Dropped,
    /// The socket is closed or closing.
    Closed,
}

/// What the socket does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send this, then say [`Outbox::sent`].
    Frame(Arc<str>),
    /// Close.
    Close(CloseCode),
}

/// The frames that wait for one socket.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Arc<str>>,
    /// Of those that wait, and of the one that is being sent.
    bytes: usize,
    close: Option<CloseCode>,
}

impl Outbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame.
    pub(crate) fn push(&self, frame: Arc<str>, weight: Weight) -> Pushed {
        let mut state = self.lock();
        if state.close.is_some() {
            return Pushed::Closed;
        }
        let bytes = state.bytes + frame.len();
        if weight == Weight::Lossy && bytes > LOSSY_BYTES {
            return Pushed::Dropped;
        }
        let pushed = if bytes > OUTBOX_BYTES {
            state.frames.clear();
            state.close = Some(CloseCode::NotReading);
            Pushed::Closed
        } else {
            state.bytes = bytes;
            state.frames.push_back(frame);
            Pushed::Waits
        };
        drop(state);
        self.wake.notify_one();
        pushed
    }

    /// Closes after what waits has been sent. The first reason stands.
    pub(crate) fn close(&self, code: CloseCode) {
        self.lock().close.get_or_insert(code);
        self.wake.notify_one();
    }

    /// Waits for what is to be done. Only one task may call it.
    pub(crate) async fn next(&self) -> Next {
        loop {
            let woken = self.wake.notified();
            {
                let mut state = self.lock();
                if let Some(frame) = state.frames.pop_front() {
                    return Next::Frame(frame);
                }
                if let Some(code) = state.close {
                    return Next::Close(code);
                }
            }
            woken.await;
        }
    }

    /// The frame given last has been sent.
    pub(crate) fn sent(&self, frame: &str) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(frame.len());
    }

    /// Waits until the client has proved not to read. For the task that sends, while it does.
    pub(crate) async fn overflowed(&self) {
        loop {
            let woken = self.wake.notified();
            if self.lock().close == Some(CloseCode::NotReading) {
                return;
            }
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_in_order_and_before_the_close() {
        let outbox = Outbox::default();
        outbox.push("a".into(), Weight::Kept);
        outbox.push("b".into(), Weight::Lossy);
        outbox.close(CloseCode::Stopping);
        outbox.close(CloseCode::Defect);
        assert_eq!(outbox.push("c".into(), Weight::Kept), Pushed::Closed);
        assert_eq!(outbox.next().await, Next::Frame("a".into()));
        assert_eq!(outbox.next().await, Next::Frame("b".into()));
        assert_eq!(outbox.next().await, Next::Close(CloseCode::Stopping));
    }

    #[tokio::test]
    async fn who_does_not_read_loses_first_the_lossy_then_the_socket() {
        let outbox = Outbox::default();
        let frame: Arc<str> = "x".repeat(LOSSY_BYTES).into();
        assert_eq!(outbox.push(frame.clone(), Weight::Lossy), Pushed::Waits);
        assert_eq!(outbox.push("more".into(), Weight::Lossy), Pushed::Dropped);
        while outbox.push(frame.clone(), Weight::Kept) == Pushed::Waits {}
        assert_eq!(outbox.next().await, Next::Close(CloseCode::NotReading));
    }
}
