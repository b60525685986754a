//! What waits, in the order of its timestamps.

use crate::mix::audio::limits::{MAX_IDLE_WAITING, MAX_WAITING};
use bytes::Bytes;
use std::collections::VecDeque;

/// An Opus packet that waits.
#[derive(Debug, Clone)]
pub(in crate::mix::audio) struct Waiting {
    /// Extended, in samples.
    pub(in crate::mix::audio) timestamp: u64,
    /// Extended.
    pub(in crate::mix::audio) sequence: u64,
    /// How long it is, in samples of a channel.
    pub(in crate::mix::audio) samples: u16,
    /// Opus.
    pub(in crate::mix::audio) payload: Bytes,
    /// It came as a copy within a later one.
    pub(in crate::mix::audio) is_copy: bool,
}

impl Waiting {
    /// The timestamp of the sample after its last.
    pub(in crate::mix::audio) fn end(&self) -> u64 {
        self.timestamp.saturating_add(u64::from(self.samples))
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mix::audio) enum Insertion {
    /// It waits.
    New,
    /// It waits, and the oldest one was dropped for it.
    Overflowed,
    /// One with its timestamp waits already.
    Duplicate,
}

/// Packets by timestamp. Never more than [`MAX_WAITING`].
#[derive(Debug, Clone, Default)]
pub(in crate::mix::audio) struct Buffer {
    waiting: VecDeque<Waiting>,
}

impl Buffer {
    /// Sorts a packet in.
    pub(in crate::mix::audio) fn insert(&mut self, packet: Waiting) -> Insertion {
        let before = self.waiting.iter().rposition(|other| other.timestamp <= packet.timestamp);
        if let Some(same) = before.and_then(|at| self.waiting.get_mut(at))
            && same.timestamp == packet.timestamp
        {
            // The packet itself knows its number; a copy's is reckoned.
            if same.is_copy && !packet.is_copy {
                *same = packet;
                return Insertion::New;
            }
            return Insertion::Duplicate;
        }
        self.waiting.insert(before.map_or(0, |at| at + 1), packet);
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop_front();
            return Insertion::Overflowed;
        }
        Insertion::New
    }

    /// Keeps only the newest, of a source that nobody hears now.
    pub(in crate::mix::audio) fn keep_newest(&mut self) {
        while self.waiting.len() > MAX_IDLE_WAITING {
            self.waiting.pop_front();
        }
    }

    pub(in crate::mix::audio) fn front(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    pub(in crate::mix::audio) fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    pub(in crate::mix::audio) fn iter(&self) -> impl DoubleEndedIterator<Item = &Waiting> {
        self.waiting.iter()
    }

    pub(in crate::mix::audio) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(in crate::mix::audio) fn clear(&mut self) {
        self.waiting.clear();
    }
}
