//! What waits on its way to a client: bounded, and counted by what it costs us rather than by what it carries, so that messages
//! of one byte are not free.

use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// What a message costs beside its bytes: the library's records of it.
const MESSAGE_OVERHEAD: usize = 256;

/// How much may wait, in bytes, [`MESSAGE_OVERHEAD`] for each message included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BacklogLimits {
    /// On one stream.
    pub(crate) stream_bytes: usize,
    /// On all of an association together.
    pub(crate) total_bytes: usize,
}

/// A message that was written.
#[derive(Debug)]
struct Written {
    len_bytes: u32,
    /// Ordered and reliable: it goes behind everything that was written before it.
    in_line: bool,
    epoch: u32,
}

#[derive(Debug)]
struct Queue {
    /// The library's number of the stream's present life: its id may be used again before we hear of its end.
    generation: u64,
    waiting: VecDeque<Written>,
    waiting_bytes: usize,
    cost: usize,
}

/// The backlog of an association.
#[derive(Debug)]
pub(super) struct Backlog {
    limits: BacklogLimits,
    streams: FxHashMap<u16, Queue>,
    total: usize,
    /// What waited on streams that the client reset: the library sends it yet, and tells nothing of it.
    orphaned: usize,
    /// Rises with each reset that left something behind.
    epoch: u32,
}

impl Backlog {
    pub(super) fn new(limits: BacklogLimits) -> Self {
        Self { limits, streams: FxHashMap::default(), total: 0, orphaned: 0, epoch: 0 }
    }

    /// Counts a stream from now on, if it is not counted yet.
    pub(super) fn add(&mut self, stream: u16, generation: u64) {
        let fresh = || Queue { generation, waiting: VecDeque::new(), waiting_bytes: 0, cost: 0 };
        self.streams.entry(stream).or_insert_with(fresh);
    }

    pub(super) fn has(&self, stream: u16) -> bool {
        self.streams.contains_key(&stream)
    }

    /// The streams on which something waits, and which life of each it is.
    pub(super) fn waiting(&self) -> Vec<(u16, u64)> {
        let waiting = self.streams.iter().filter(|(_, queue)| queue.cost > 0);
        waiting.map(|(stream, queue)| (*stream, queue.generation)).collect()
    }

    /// Whether nothing more should be written now.
    pub(super) fn is_full(&self, stream: u16) -> bool {
        self.cost(stream) >= self.limits.stream_bytes || self.total + self.orphaned >= self.limits.total_bytes
    }

    /// Whether so much of a full backlog has gone that writing is worth while again.
    pub(super) fn is_drained(&self, stream: u16) -> bool {
        self.cost(stream) <= self.limits.stream_bytes / 2 && self.total + self.orphaned <= self.limits.total_bytes / 2
    }

    fn cost(&self, stream: u16) -> usize {
        self.streams.get(&stream).map_or(0, |queue| queue.cost)
    }

    /// A message was written; `in_line` when it is ordered and reliable.
    pub(super) fn wrote(&mut self, stream: u16, len_bytes: usize, in_line: bool) {
        let Some(queue) = self.streams.get_mut(&stream) else { return };
        let len = u32::try_from(len_bytes).unwrap_or(u32::MAX);
        queue.waiting.push_back(Written { len_bytes: len, in_line, epoch: self.epoch });
        queue.waiting_bytes += len_bytes;
        queue.cost += len_bytes + MESSAGE_OVERHEAD;
        self.total += len_bytes + MESSAGE_OVERHEAD;
    }

    /// The library says that so many bytes wait on a stream.
    pub(super) fn refresh(&mut self, stream: u16, buffered_bytes: usize) {
        let Some(queue) = self.streams.get_mut(&stream) else { return };
        while let Some(first) = queue.waiting.front() {
            let without = queue.waiting_bytes.saturating_sub(first.len_bytes as usize);
            if without < buffered_bytes {
                break;
            }
            if first.in_line && first.epoch == self.epoch {
                // It went behind everything that was orphaned: that is on its way too.
                self.orphaned = 0;
            }
            queue.waiting_bytes = without;
            queue.waiting.pop_front();
        }
        let cost = buffered_bytes.min(queue.waiting_bytes) + queue.waiting.len() * MESSAGE_OVERHEAD;
        self.total = self.total.saturating_sub(queue.cost) + cost;
        queue.cost = cost;
    }

    /// A stream is gone, with all that waited on it.
    pub(super) fn remove(&mut self, stream: u16) {
        if let Some(queue) = self.streams.remove(&stream)
            && queue.cost > 0
        {
            self.total = self.total.saturating_sub(queue.cost);
            self.orphaned += queue.cost;
            self.epoch = self.epoch.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BacklogLimits = BacklogLimits { stream_bytes: 10_000, total_bytes: 15_000 };

    fn backlog() -> Backlog {
        let mut backlog = Backlog::new(LIMITS);
        [1, 3, 5].into_iter().for_each(|stream| backlog.add(stream, 0));
        backlog
    }

    #[test]
    fn a_stream_is_full_and_drains() {
        let mut backlog = backlog();
        for _ in 0..2 {
            assert!(!backlog.is_full(1));
            backlog.wrote(1, 5_000, true);
        }
        assert!(backlog.is_full(1) && !backlog.is_full(3));
        backlog.refresh(1, 6_000);
        assert!(!backlog.is_full(1) && !backlog.is_drained(1));
        backlog.refresh(1, 4_000);
        assert!(backlog.is_drained(1));
        assert_eq!(backlog.waiting(), [(1, 0)]);
        backlog.refresh(1, 0);
        assert!(backlog.waiting().is_empty() && backlog.total == 0);
    }

    #[test]
    fn small_messages_cost_what_they_cost() {
        let mut backlog = backlog();
        let mut messages = 0;
        while !backlog.is_full(1) {
            backlog.wrote(1, 1, true);
            messages += 1;
        }
        assert_eq!(messages, 39);
        backlog.refresh(1, 2);
        assert_eq!(backlog.total, 2 * (MESSAGE_OVERHEAD + 1));
    }

    #[test]
    fn what_a_reset_leaves_behind_counts_until_it_is_sent() {
        let mut backlog = backlog();
        for stream in [1, 3] {
            backlog.wrote(stream, 7_500, true);
            backlog.remove(stream);
        }
        assert!(backlog.is_full(5), "resetting streams frees nothing");
        backlog.wrote(5, 10, false);
        backlog.refresh(5, 0);
        assert!(backlog.is_full(5), "an unordered message overtakes");
        backlog.wrote(5, 10, true);
        backlog.refresh(5, 0);
        assert!(!backlog.is_full(5));
    }
}
