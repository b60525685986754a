//! What waits to be sent on one connection. Bounded in bytes, by itself and together with all others.

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Room that an empty queue keeps.
const KEPT_ROOM: usize = 32;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The node closed it: the client asked, or has newer connections, or opened no session.
    Node(crate::node::CloseReason),
    /// The client does not read.
    Slow,
    /// The server stops.
    Stopping,
    /// A defect of ours.
    Defect,
    /// The client is gone.
    Gone,
    /// It is silent.
    Silent,
    /// It does not speak as it should.
    NotTheProtocol,
    /// It sent more than a message may have.
    TooLarge,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits.
    Waits,
    /// It waits, and is one too many.
    Overflows,
}

/// What waits for one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    waker: AtomicWaker,
    most: usize,
    all: Arc<All>,
}

/// What waits for all connections.
#[derive(Debug)]
pub(crate) struct All {
    bytes: AtomicUsize,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    bytes: usize,
    end: Option<End>,
}

impl All {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), most })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Outbox {
    pub(crate) fn new(most: usize, all: Arc<All>) -> Self {
        Self { state: Mutex::default(), waker: AtomicWaker::new(), most, all }
    }

    /// Adds a message. One that is too many is in it nevertheless: whoever closes the connection finds all in order.
    pub(crate) fn push(&self, text: Bytes) -> Pushed {
        let len = text.len();
        let mut state = self.lock();
        let all = self.all.bytes.fetch_add(len, Ordering::Relaxed) + len;
        // One message is taken however long it is, so that limits that do not fit together make nobody mute.
        let is_too_much = !state.messages.is_empty() && (state.bytes + len > self.most || all > self.all.most);
        state.bytes += len;
        state.messages.push_back(text);
        drop(state);
        self.waker.wake();
        if is_too_much { Pushed::Overflows } else { Pushed::Waits }
    }

    /// Takes back the message that was pushed last.
    pub(crate) fn unpush(&self) {
        let mut state = self.lock();
        if let Some(text) = state.messages.pop_back() {
            self.forget(&mut state, text.len());
        }
    }

    /// The next to be sent.
    pub(crate) fn pop(&self) -> Option<Bytes> {
        let mut state = self.lock();
        let text = state.messages.pop_front()?;
        self.forget(&mut state, text.len());
        if state.messages.is_empty() && state.messages.capacity() > KEPT_ROOM {
            state.messages = VecDeque::new();
        }
        Some(text)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Everything that waits.
    pub(crate) fn take(&self) -> Vec<Bytes> {
        let mut state = self.lock();
        let bytes = state.bytes;
        self.forget(&mut state, bytes);
        std::mem::take(&mut state.messages).into()
    }

    /// Ends the connection: at once, or after what waits was sent. The first cause stands.
    pub(crate) fn end(&self, why: End) {
        self.lock().end.get_or_insert(why);
        self.waker.wake();
    }

    /// Whether and why it is to end.
    pub(crate) fn ended(&self) -> Option<End> {
        self.lock().end
    }

    /// Whom to wake when there is something to do. One task at a time.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    fn forget(&self, state: &mut State, bytes: usize) {
        state.bytes -= bytes;
        self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let bytes = self.lock().bytes;
        self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_alone_and_together() {
        let all = All::new(15);
        let [one, other] = [(); 2].map(|()| Outbox::new(10, all.clone()));
        let text = |len: usize| Bytes::from(vec![b'x'; len]);
        assert_eq!(
            (one.push(text(4)), one.push(text(6)), one.push(text(1))),
            (Pushed::Waits, Pushed::Waits, Pushed::Overflows)
        );
        one.unpush();
        assert_eq!((other.push(text(5)), other.push(text(1))), (Pushed::Waits, Pushed::Overflows));
        assert_eq!((one.pop().map(|text| text.len()), one.take().len(), one.is_empty()), (Some(4), 1, true));
        assert_eq!(all.bytes(), 6);
        drop(other);
        assert_eq!(all.bytes(), 0);
        assert_eq!(one.push(text(100)), Pushed::Waits, "one alone");
    }

    #[test]
    fn the_first_cause_of_an_end_stands() {
        let outbox = Outbox::new(1, All::new(1));
        outbox.end(End::Slow);
        outbox.end(End::Stopping);
        assert_eq!(outbox.ended(), Some(End::Slow));
    }
}
