//! The latest packets of a stream, by sequence number.

use crate::seq::seq_less;

/// How many sequence numbers back packets are kept: more than twice what a repair packet spans, so that reordering and
/// late repairs find theirs. At 1500 bytes each, a stream takes at most 384 kB.
pub const WINDOW: u16 = 256;

#[derive(Debug)]
pub(super) struct Window {
    /// Of the sequence number modulo the length; empty where there is none.
    slots: Vec<Vec<u8>>,
    highest: Option<u16>,
}

impl Window {
    pub(super) fn new() -> Window {
        Window { slots: vec![Vec::new(); usize::from(WINDOW)], highest: None }
    }

    pub(super) fn get(&self, sequence: u16) -> Option<&[u8]> {
        let back = self.highest?.wrapping_sub(sequence);
        let slot = self.slots.get(usize::from(sequence % WINDOW)).filter(|slot| back < WINDOW && !slot.is_empty());
        slot.map(Vec::as_slice)
    }

    /// Takes a packet, which is not empty; false if it was there or is too old.
    pub(super) fn insert(&mut self, sequence: u16, packet: &[u8]) -> bool {
        let highest = *self.highest.get_or_insert(sequence);
        if seq_less(highest, sequence) {
            self.forget(highest, sequence);
            self.highest = Some(sequence);
        } else if highest.wrapping_sub(sequence) >= WINDOW {
            return false;
        }
        match self.slots.get_mut(usize::from(sequence % WINDOW)) {
            Some(slot) if slot.is_empty() => slot.extend_from_slice(packet),
            _ => return false,
        }
        true
    }

    /// Empties the slots of the numbers after `highest` up to `sequence`, which still have those of a round before.
    fn forget(&mut self, highest: u16, sequence: u16) {
        for step in 1..=sequence.wrapping_sub(highest).min(WINDOW) {
            let place = self.slots.get_mut(usize::from(highest.wrapping_add(step) % WINDOW));
            place.expect("a slot for each remainder").clear();
        }
    }
}
