//! The engine's end of the wire: what it sends is listed, for the world to carry.

use colloquy_media_core::wire::{Batch, Path, Wire};
use std::cell::RefCell;
use std::rc::Rc;

/// One datagram that the engine sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its two ends.
    pub path: Path,
    /// What it says, sealed.
    pub bytes: Vec<u8>,
}

/// A list that the engine's outbox flushes into.
#[derive(Debug, Clone, Default)]
pub struct Tap(Rc<RefCell<Vec<Sent>>>);

impl Tap {
    /// What was sent since this was asked last.
    #[must_use]
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

impl Wire for Tap {
    fn send(&mut self, batch: &Batch<'_>) {
        let mut list = self.0.borrow_mut();
        for entry in batch.entries() {
            list.push(Sent { path: entry.path, bytes: batch.bytes(entry).to_vec() });
        }
    }
}
