//! What is under way, by when it arrives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// A datagram under way.
#[derive(Debug, Clone)]
pub struct Flying<T> {
    /// When it arrives.
    pub due: Instant,
    order: u64,
    /// Where it goes.
    pub to: T,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl<T> PartialEq for Flying<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl<T> Eq for Flying<T> {}

impl<T> PartialOrd for Flying<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Flying<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

/// Every datagram under way. Those that are due at the same moment keep the order in which they were sent.
#[derive(Debug)]
pub struct Air<T> {
    queue: BinaryHeap<Reverse<Flying<T>>>,
    order: u64,
}

impl<T> Default for Air<T> {
    fn default() -> Self {
        Self { queue: BinaryHeap::new(), order: 0 }
    }
}

impl<T> Air<T> {
    /// Puts a datagram in.
    pub fn send(&mut self, due: Instant, to: T, bytes: Vec<u8>) {
        self.order += 1;
        self.queue.push(Reverse(Flying { due, order: self.order, to, bytes }));
    }

    /// When the next one arrives.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.queue.peek().map(|flying| flying.0.due)
    }

    /// The next one that has arrived.
    pub fn take_due(&mut self, now: Instant) -> Option<Flying<T>> {
        if self.next_due()? > now {
            return None;
        }
        self.queue.pop().map(|flying| flying.0)
    }

    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
