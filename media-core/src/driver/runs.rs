//! Gathers the datagrams of a batch into runs that the kernel cuts apart again (UDP_SEGMENT).

use crate::wire::{Batch, MAX_HELD, Outgoing};

/// Datagrams of one run at most: UDP_MAX_SEGMENTS of Linux before 6.9.
const MAX_SEGMENTS: u16 = 64;

/// Bytes of one run at most: what is left of an IP packet's 65,535 after the longest headers, rounded down.
const MAX_RUN_BYTES: u32 = 65_000;

/// Places of the table of flows: twice as many as a batch can have flows, so that probes stay short.
const TABLE: usize = 2 * MAX_HELD;

/// Ends a list of datagrams.
const END: u16 = u16::MAX;

/// Datagrams of one flow that go as one message: all of `segment` bytes but the last, which may be shorter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// The first datagram's place in the batch.
    pub(super) head: u16,
    tail: u16,
    /// How many datagrams.
    pub(super) count: u16,
    /// Bytes of each but the last.
    pub(super) segment: u16,
    bytes: u32,
    /// Takes no more: its last datagram was shorter, or it is as long as it may be.
    closed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The batch that wrote it; one of another batch is free. Saves clearing the table.
    epoch: u32,
    flow: u32,
    run: u16,
}

/// The runs of a batch, in the order of their first datagrams; so a flow's datagrams keep their order. Allocated once.
#[derive(Debug)]
pub(super) struct Runs {
    runs: Vec<Run>,
    next: Box<[u16]>,
    table: Box<[Place]>,
    epoch: u32,
}

impl Runs {
    pub(super) fn new() -> Self {
        Self {
            runs: Vec::with_capacity(MAX_HELD),
            next: vec![END; MAX_HELD].into_boxed_slice(),
            table: vec![Place::default(); TABLE].into_boxed_slice(),
            epoch: 0,
        }
    }

    /// Gathers those of up to [`MAX_HELD`] datagrams of a batch that are `ours`. Without `join`, each is a run of its own.
    pub(super) fn gather(
        &mut self,
        batch: &Batch<'_>,
        entries: &[Outgoing],
        join: bool,
        ours: impl Fn(&Outgoing) -> bool,
    ) {
        debug_assert!(entries.len() <= MAX_HELD);
        self.runs.clear();
        self.next_epoch();
        for (i, entry) in entries.iter().enumerate().filter(|(_, entry)| ours(entry)) {
            // At most MAX_DATAGRAM.
            let len = batch.bytes(entry).len() as u16;
            self.next[i] = END;
            if !join || !self.joined(entries, i, len) {
                self.runs.push(Run::new(i, len));
            }
        }
    }

    /// How many runs there are.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// A run, by its number.
    pub(super) fn get(&self, run: usize) -> Run {
        self.runs[run]
    }

    /// The places of a run's datagrams in the batch, in order.
    pub(super) fn members(&self, run: &Run) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(run.head), |at| Some(self.next[usize::from(*at)]).filter(|next| *next != END))
            .map(usize::from)
    }

    fn next_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.table.fill(Place::default());
            self.epoch = 1;
        }
    }

    /// Appends a datagram to its flow's last run, or notes that the flow's next run is about to begin.
    fn joined(&mut self, entries: &[Outgoing], i: usize, len: u16) -> bool {
        let entry = &entries[i];
        let at = self.place_of(entry.flow);
        if self.table[at].epoch == self.epoch {
            let run = &mut self.runs[usize::from(self.table[at].run)];
            // A flow whose path changed amid a batch goes on in a new run.
            if run.takes(len) && entries[usize::from(run.head)].path == entry.path {
                self.next[usize::from(run.tail)] = i as u16;
                run.append(i, len);
                return true;
            }
        }
        self.table[at] = Place { epoch: self.epoch, flow: entry.flow, run: self.runs.len() as u16 };
        false
    }

    /// The flow's place in the table, or the free one that it may have: open addressing, at most half full.
    fn place_of(&self, flow: u32) -> usize {
        // Fibonacci hashing: flows are small consecutive numbers, which this spreads evenly.
        let mut at = (flow.wrapping_mul(0x9E37_79B1) >> 16) as usize % TABLE;
        while self.table[at].epoch == self.epoch && self.table[at].flow != flow {
            at = (at + 1) % TABLE;
        }
        at
    }
}

impl Run {
    fn new(i: usize, len: u16) -> Self {
        Self { head: i as u16, tail: i as u16, count: 1, segment: len, bytes: u32::from(len), closed: false }
    }

    fn takes(&self, len: u16) -> bool {
        !self.closed && len <= self.segment && self.count < MAX_SEGMENTS && self.bytes + u32::from(len) <= MAX_RUN_BYTES
    }

    fn append(&mut self, i: usize, len: u16) {
        self.tail = i as u16;
        self.count += 1;
        self.bytes += u32::from(len);
        self.closed = len < self.segment;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::testing::{batch_of, path};

    /// The runs of datagrams given as (flow, length), as lists of their places.
    fn runs_of(datagrams: &[(u32, usize)]) -> Vec<Vec<usize>> {
        let sent = datagrams.iter().map(|(flow, len)| (*flow, path(*flow as u16), vec![0; *len]));
        batch_of(sent, |batch| {
            let mut runs = Runs::new();
            runs.gather(batch, batch.entries(), true, |_| true);
            (0..runs.len()).map(|i| runs.members(&runs.get(i)).collect()).collect()
        })
    }

    #[test]
    fn datagrams_of_a_flow_run_together_until_one_is_shorter_or_longer() {
        assert_eq!(runs_of(&[(1, 10), (2, 10), (1, 10), (2, 10)]), [[0, 2], [1, 3]]);
        assert_eq!(runs_of(&[(1, 10), (1, 9), (1, 9)]), [vec![0, 1], vec![2]]);
        assert_eq!(runs_of(&[(1, 10), (1, 11), (1, 10)]), [vec![0], vec![1, 2]]);
        assert_eq!(runs_of(&[(1, 10)]), [[0]]);
        // Far apart, whatever the hash says.
        assert_eq!(runs_of(&[(0, 10), (1024, 10), (0, 10), (1024, 10)]), [[0, 2], [1, 3]]);
    }

    #[test]
    fn a_run_is_bounded_in_datagrams_and_bytes() {
        let short = runs_of(&[(7, 100); 130]);
        assert_eq!(short.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 2]);
        let long = runs_of(&[(7, 1_500); 50]);
        assert_eq!(long.iter().map(Vec::len).collect::<Vec<_>>(), [43, 7]);
    }

    #[test]
    fn a_new_path_begins_a_new_run() {
        let sent = [(1, path(1), vec![0; 10]), (1, path(2), vec![0; 10])];
        batch_of(sent, |batch| {
            let mut runs = Runs::new();
            runs.gather(batch, batch.entries(), true, |_| true);
            assert_eq!(runs.len(), 2);
        });
    }

    #[test]
    fn a_full_batch_of_as_many_flows_finds_a_place_for_each() {
        let many: Vec<_> = (0..MAX_HELD as u32).map(|i| (i.wrapping_mul(1_000_003), 5)).collect();
        assert_eq!(runs_of(&many).len(), MAX_HELD);
    }
}
