//! What was sent under which transport-wide number, until feedback tells of it.

use super::probe::ProbeId;

/// Slots at first: 1 s of 2.5 Mb/s. Doubles while packets younger than [`KEEP_US`] would be overwritten.
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
}

const EMPTY: Slot = Slot { key: 0, sent_us: 0, wire_bytes: 0, probe: None, fate: Fate::Unknown };

/// A packet that feedback told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentPacket {
    pub(super) sent_us: u64,
    pub(super) wire_bytes: u32,
    pub(super) probe: Option<ProbeId>,
}

/// What feedback means for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It arrived.
    Arrived(SentPacket),
    /// It arrived after it had been told missing.
    ArrivedLate(SentPacket),
    /// It is missing.
    Missed(SentPacket),
}

/// The ring.
#[derive(Debug)]
pub(super) struct SentHistory {
    slots: Vec<Slot>,
    next: u64,
}

impl SentHistory {
    pub(super) fn new() -> Self {
        Self { slots: vec![EMPTY; FIRST_SLOTS], next: 0 }
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        let sequence = self.next;
        self.next += 1;
        sequence
    }

    fn index(&self, sequence: u64) -> usize {
        sequence as usize & (self.slots.len() - 1)
    }

    /// Notes that a packet leaves. Packets may leave in another order than they were numbered in.
    #[inline]
    pub(super) fn on_sent(&mut self, sequence: u64, sent_us: u64, wire_bytes: u16, probe: Option<ProbeId>) {
        let mut index = self.index(sequence);
        let Some(slot) = self.slots.get(index) else { return };
        let is_live = slot.key != 0 && slot.fate == Fate::Unknown && sent_us.saturating_sub(slot.sent_us) < KEEP_US;
        if is_live && slot.key != sequence + 1 && self.slots.len() < MAX_SLOTS {
            self.grow();
            index = self.index(sequence);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot { key: sequence + 1, sent_us, wire_bytes, probe, fate: Fate::Unknown };
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

    /// Notes what feedback says of the packet that has these low 16 bits, if it was sent and feedback did not say so before.
    pub(super) fn on_told(&mut self, now_us: u64, low: u16, has_arrived: bool) -> Option<Told> {
        // The highest number given out that ends in these bits: none of those still awaited is a whole cycle older.
        let last = self.next.checked_sub(1)?;
        let back = u64::from((last as u16).wrapping_sub(low));
        let sequence = last.checked_sub(back)?;
        let index = self.index(sequence);
        let slot = self.slots.get_mut(index).filter(|slot| slot.key == sequence + 1)?;
        if now_us.saturating_sub(slot.sent_us) > FORGET_US {
            return None;
        }
        let packet = SentPacket { sent_us: slot.sent_us, wire_bytes: slot.wire_bytes.into(), probe: slot.probe };
        let (fate, told) = match (slot.fate, has_arrived) {
            (Fate::Unknown, true) => (Fate::Arrived, Told::Arrived(packet)),
            (Fate::Missed, true) => (Fate::Arrived, Told::ArrivedLate(packet)),
            (Fate::Unknown, false) => (Fate::Missed, Told::Missed(packet)),
            (Fate::Missed, false) | (Fate::Arrived, _) => return None,
        };
        slot.fate = fate;
        Some(told)
    }

    /// Bytes this history holds on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}
