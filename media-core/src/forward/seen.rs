//! Which packets of a stream were passed on already, however they came.

/// Packets looked back on: a retransmission that is later than this is of no use to anyone.
const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// The last packets of one stream. SRTP's replay window knows copies of one packet; a packet and its retransmission come under two
/// SSRCs (RFC 4588), and to pass both on would seal one number twice.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    highest: Option<u64>,
    bits: [u64; WORDS],
}

impl Seen {
    /// Notes a packet; `false` when it was noted before, or is too old to tell.
    #[inline]
    pub(crate) fn insert(&mut self, index: u64) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(index);
            self.set(index);
            return true;
        };
        if index > highest {
            if index - highest >= WINDOW {
                self.bits = [0; WORDS];
            } else {
                (highest + 1..index).for_each(|skipped| self.clear(skipped));
            }
            self.highest = Some(index);
        } else if highest - index >= WINDOW || self.is_set(index) {
            return false;
        }
        self.set(index);
        true
    }

    /// Whether a packet was noted, or is too old to tell.
    pub(crate) fn contains(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return false };
        index <= highest && (highest - index >= WINDOW || self.is_set(index))
    }

    fn word(index: u64) -> (usize, u64) {
        ((index % WINDOW / 64) as usize, 1 << (index % 64))
    }

    fn set(&mut self, index: u64) {
        let (word, bit) = Self::word(index);
        self.bits[word] |= bit;
    }

    fn clear(&mut self, index: u64) {
        let (word, bit) = Self::word(index);
        self.bits[word] &= !bit;
    }

    fn is_set(&self, index: u64) -> bool {
        let (word, bit) = Self::word(index);
        self.bits[word] & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec(0u64..3_000, 1..400)) {
            let mut seen = Seen::default();
            let (mut known, mut highest) = (std::collections::HashSet::new(), 0);
            for index in steps {
                let fresh = index + WINDOW > highest && !known.contains(&index);
                prop_assert_eq!(seen.insert(index), fresh);
                if fresh {
                    known.insert(index);
                    highest = highest.max(index);
                }
            }
        }
    }
}
