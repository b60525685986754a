//! Packets that wait for their turn, in buffers that are used again.

use super::probe::ProbeId;
use std::collections::VecDeque;

/// Bytes held at most, whatever the rate: 5 Mb/s for 400 ms is half of it. At the limit the newest is refused.
pub(super) const MAX_BYTES: usize = 512 * 1024;
/// Empty buffers kept for use again, some 40 kB a viewer: a picture and more. What a longer queue took besides is freed.
const MAX_SPARE: usize = 32;
/// Of what must leave soon so many packets go before one of the others: whoever asks for much again must not stop what is new.
const MAX_AHEAD: u32 = 3;

/// How soon a packet must leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// At once, whatever waits: audio. It is charged to the budget, and never waits.
    Immediate,
    /// Before all that waits: a retransmission, which the receiver's jitter buffer waits for.
    Soon,
    /// In its turn: video.
    InTurn,
}

/// A packet whose turn has come.
#[derive(Debug)]
pub(crate) struct Queued<'a, N> {
    /// As it was written.
    pub(crate) bytes: &'a [u8],
    /// What was noted of it.
    pub(crate) note: N,
    /// With IP and UDP headers.
    pub(crate) wire_bytes: usize,
    /// The cluster it belongs to now.
    pub(crate) probe: Option<ProbeId>,
}

#[derive(Debug)]
struct Held<N> {
    buffer: Vec<u8>,
    note: N,
    wire_bytes: usize,
}

/// Two lines, one before the other.
#[derive(Debug)]
pub(super) struct PacketQueue<N> {
    soon: VecDeque<Held<N>>,
    in_turn: VecDeque<Held<N>>,
    bytes: usize,
    soon_bytes: usize,
    /// Packets of the first line that left since one of the other.
    ahead: u32,
    spare: Vec<Vec<u8>>,
    leaving: Vec<u8>,
}

impl<N> Default for PacketQueue<N> {
    fn default() -> Self {
        let (soon, in_turn) = (VecDeque::new(), VecDeque::new());
        Self { soon, in_turn, bytes: 0, soon_bytes: 0, ahead: 0, spare: Vec::new(), leaving: Vec::new() }
    }
}

impl<N> PacketQueue<N> {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Of them, those of the first line.
    pub(super) fn soon_bytes(&self) -> usize {
        self.soon_bytes
    }

    pub(super) fn packets(&self) -> usize {
        self.soon.len() + self.in_turn.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.soon.is_empty() && self.in_turn.is_empty()
    }

    /// Whether a packet of this urgency would be the next to leave.
    pub(super) fn is_first(&self, urgency: Urgency) -> bool {
        match urgency {
            Urgency::Immediate => true,
            Urgency::Soon => self.soon.is_empty(),
            Urgency::InTurn => self.is_empty(),
        }
    }

    /// Has `write` append a packet to an empty buffer, and keeps it with its note; `false`, and nothing kept, where it gives up.
    pub(super) fn push(
        &mut self,
        urgency: Urgency,
        wire_bytes: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Option<N>,
    ) -> bool {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        let Some(note) = write(&mut buffer) else {
            self.put_back(buffer);
            return false;
        };
        self.bytes += wire_bytes;
        let held = Held { buffer, note, wire_bytes };
        match urgency {
            Urgency::Immediate | Urgency::Soon => {
                self.soon_bytes += wire_bytes;
                self.soon.push_back(held);
            }
            Urgency::InTurn => self.in_turn.push_back(held),
        }
        true
    }

    fn is_soon_next(&self) -> bool {
        !self.soon.is_empty() && (self.ahead < MAX_AHEAD || self.in_turn.is_empty())
    }

    /// The size of the next to leave.
    pub(super) fn next_wire_bytes(&self) -> Option<usize> {
        let line = if self.is_soon_next() { &self.soon } else { &self.in_turn };
        line.front().map(|held| held.wire_bytes)
    }

    /// The next to leave.
    pub(super) fn pop(&mut self, probe: Option<ProbeId>) -> Option<Queued<'_, N>> {
        let held = if self.is_soon_next() {
            let held = self.soon.pop_front()?;
            self.soon_bytes = self.soon_bytes.saturating_sub(held.wire_bytes);
            self.ahead = self.ahead.saturating_add(1);
            held
        } else {
            self.ahead = 0;
            self.in_turn.pop_front()?
        };
        self.bytes = self.bytes.saturating_sub(held.wire_bytes);
        let before = std::mem::replace(&mut self.leaving, held.buffer);
        self.put_back(before);
        Some(Queued { bytes: &self.leaving, note: held.note, wire_bytes: held.wire_bytes, probe })
    }

    /// Drops the newest of the last line until what is held fits; how many were dropped.
    pub(super) fn shorten(&mut self, max_bytes: usize) -> u64 {
        let mut dropped = 0;
        while self.bytes > max_bytes {
            let held = self.in_turn.pop_back().or_else(|| {
                let held = self.soon.pop_back()?;
                self.soon_bytes = self.soon_bytes.saturating_sub(held.wire_bytes);
                Some(held)
            });
            let Some(held) = held else { break };
            self.bytes = self.bytes.saturating_sub(held.wire_bytes);
            self.put_back(held.buffer);
            dropped += 1;
        }
        dropped
    }

    /// Drops what is not to leave any more; how many were dropped. What stays keeps its order.
    pub(super) fn purge(&mut self, is_void: impl Fn(&N) -> bool) -> u64 {
        let before = self.packets();
        for line in [&mut self.soon, &mut self.in_turn] {
            line.retain(|held| !is_void(&held.note));
        }
        let bytes = |line: &VecDeque<Held<N>>| line.iter().map(|held| held.wire_bytes).sum::<usize>();
        self.soon_bytes = bytes(&self.soon);
        self.bytes = self.soon_bytes + bytes(&self.in_turn);
        (before - self.packets()) as u64
    }

    fn put_back(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE && buffer.capacity() > 0 {
            self.spare.push(buffer);
        }
    }
}
