//! What was sent under which transport-wide number, until feedback tells of it.

use super::probe::ProbeId;
use std::ops::Range;

/// Slots for the first packet: 1 s of 2.5 Mb/s. Doubles while packets younger than [`KEEP_US`] would be overwritten.
const FIRST_SLOTS: usize = 512;
/// Slots at most: a second of 100 Mb/s, and a quarter of what 16 bits can tell apart. Older packets are forgotten: 200 kB.
const MAX_SLOTS: usize = 8_192;
/// Packets younger than this are worth a larger ring: no feedback is that late.
const KEEP_US: u64 = 2_000_000;
/// Packets older than this are no longer believed to arrive.
pub(super) const FORGET_US: u64 = 10_000_000;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unknown,
    Missed,
    Arrived,
}

/// A packet on its way.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Its number plus one; 0: the slot is empty.
    key: u64,
    sent_us: u64,
    wire_bytes: u16,
    probe: Option<ProbeId>,
    fate: Fate,
    /// Times that it left: feedback tells of the first of them to arrive.
    sendings: u8,
}

impl Slot {
    fn packet(&self) -> SentPacket {
        SentPacket {
            sent_us: self.sent_us,
            wire_bytes: self.wire_bytes.into(),
            probe: self.probe,
            sendings: self.sendings,
        }
    }
}

const EMPTY: Slot = Slot { key: 0, sent_us: 0, wire_bytes: 0, probe: None, fate: Fate::Unknown, sendings: 1 };

/// A packet that feedback told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentPacket {
    pub(super) sent_us: u64,
    pub(super) wire_bytes: u32,
    pub(super) probe: Option<ProbeId>,
    pub(super) sendings: u8,
}

/// A packet that feedback told to have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) packet: SentPacket,
    /// Feedback had told it missing before.
    pub(super) was_missed: bool,
}

/// The ring.
#[derive(Debug)]
pub(super) struct SentHistory {
    slots: Vec<Slot>,
    next: u64,
}

impl SentHistory {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), next: 0 }
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        let sequence = self.next;
        self.next += 1;
        sequence
    }

    fn index(&self, sequence: u64) -> usize {
        // Of none while there are no slots.
        sequence as usize & self.slots.len().wrapping_sub(1)
    }

    /// Notes that a packet leaves. Packets may leave in another order than they were numbered in.
    #[inline]
    pub(super) fn on_sent(&mut self, sequence: u64, sent_us: u64, wire_bytes: u16, probe: Option<ProbeId>) {
        if self.slots.is_empty() {
            self.slots = vec![EMPTY; FIRST_SLOTS];
        }
        let mut index = self.index(sequence);
        let Some(slot) = self.slots.get(index) else { return };
        let is_live = slot.key != 0 && slot.fate == Fate::Unknown && sent_us.saturating_sub(slot.sent_us) < KEEP_US;
        if is_live && slot.key != sequence + 1 && self.slots.len() < MAX_SLOTS {
            self.grow();
            index = self.index(sequence);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot { key: sequence + 1, sent_us, wire_bytes, probe, ..EMPTY };
        }
    }

    /// Notes that a packet leaves once more under the same number.
    pub(super) fn on_sent_again(&mut self, sequence: u64) {
        let index = self.index(sequence);
        if let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.key == sequence + 1) {
            slot.sendings = slot.sendings.saturating_add(1);
        }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![EMPTY; self.slots.len() * 2];
        let before = std::mem::replace(&mut self.slots, larger);
        for slot in before.into_iter().filter(|slot| slot.key != 0) {
            let index = self.index(slot.key - 1);
            if let Some(place) = self.slots.get_mut(index) {
                *place = slot;
            }
        }
    }

    /// The packet that has these low 16 bits, if it was sent, and not so long ago that nothing of it is believed.
    fn find(&mut self, now_us: u64, low: u16) -> Option<&mut Slot> {
        // The highest number given out that ends in these bits: none of those still awaited is a whole cycle older.
        let last = self.next.checked_sub(1)?;
        let back = u64::from((last as u16).wrapping_sub(low));
        let sequence = last.checked_sub(back)?;
        let index = self.index(sequence);
        let slot = self.slots.get_mut(index)?;
        let is_awaited = slot.key == sequence + 1 && now_us.saturating_sub(slot.sent_us) <= FORGET_US;
        is_awaited.then_some(slot)
    }

    /// Feedback tells that a packet arrived; `None` if it told so before.
    pub(super) fn on_arrived(&mut self, now_us: u64, low: u16) -> Option<Arrival> {
        let slot = self.find(now_us, low).filter(|slot| slot.fate != Fate::Arrived)?;
        let was_missed = slot.fate == Fate::Missed;
        slot.fate = Fate::Arrived;
        Some(Arrival { packet: slot.packet(), was_missed })
    }

    /// Feedback tells that a packet is missing; `None` if it told of it before, or if the packet did not leave at a time in
    /// `left_us`: after the newest one that arrived it is only on its way. (Audio overtakes video in the pacer.)
    pub(super) fn on_missed(&mut self, now_us: u64, low: u16, left_us: Range<u64>) -> Option<SentPacket> {
        let slot = self.find(now_us, low)?;
        if slot.fate != Fate::Unknown || !left_us.contains(&slot.sent_us) {
            return None;
        }
        slot.fate = Fate::Missed;
        Some(slot.packet())
    }

    /// Bytes this history holds on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}
