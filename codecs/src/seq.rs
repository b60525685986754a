//! Serial numbers that wrap, and the longer ones that do not.

/// A sequence number with its cycles: the low 16 bits are on the wire, the next 32 are SRTP's rollover counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtSeq(pub u64);

impl ExtSeq {
    /// The 16 bits that go on the wire.
    pub fn low(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }
}

/// Extends 16-bit sequence numbers by nearness to the highest one seen (RFC 3550 A.1, RFC 3711 3.3.1).
///
/// The first number `n` becomes `n + 65536`, so that those just before it have somewhere to go. A number exactly half
/// a cycle away stays in the cycle of the highest, as RFC 3711 3.3.1 has it.
#[derive(Debug, Clone, Default)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
}

impl SequenceUnwrapper {
    /// One that has seen nothing.
    pub fn new() -> SequenceUnwrapper {
        SequenceUnwrapper::default()
    }

    /// Extends `seq` and remembers it if it is the highest so far.
    pub fn unwrap(&mut self, seq: u16) -> ExtSeq {
        let extended = self.peek(seq);
        self.highest = self.highest.max(Some(extended.0));
        extended
    }

    /// Extends `seq` and remembers nothing: for packets that are not authenticated yet.
    pub fn peek(&self, seq: u16) -> ExtSeq {
        ExtSeq(nearest::<16>(self.highest, u64::from(seq)))
    }

    /// The highest number that was unwrapped.
    pub fn highest(&self) -> Option<ExtSeq> {
        self.highest.map(ExtSeq)
    }
}

/// The same for 32-bit RTP timestamps, in units of the stream's clock. The first one `n` becomes `n + 2^32`.
#[derive(Debug, Clone, Default)]
pub struct TimestampUnwrapper {
    highest: Option<u64>,
}

impl TimestampUnwrapper {
    /// One that has seen nothing.
    pub fn new() -> TimestampUnwrapper {
        TimestampUnwrapper::default()
    }

    /// Extends `timestamp` and remembers it if it is the highest so far.
    pub fn unwrap(&mut self, timestamp: u32) -> u64 {
        let extended = self.peek(timestamp);
        self.highest = self.highest.max(Some(extended));
        extended
    }

    /// Extends `timestamp` and remembers nothing.
    pub fn peek(&self, timestamp: u32) -> u64 {
        nearest::<32>(self.highest, u64::from(timestamp))
    }
}

/// Whether `a` comes before `b` in RFC 1982 serial arithmetic. Numbers half a cycle apart are in no order: then false
/// both ways.
pub fn seq_less(a: u16, b: u16) -> bool {
    a != b && b.wrapping_sub(a) < 0x8000
}

/// The number nearest to `highest` whose low `BITS` bits are `low`.
///
/// The highest starts at one cycle or more and never falls, so going back half a cycle cannot underflow; going forward
/// half a cycle a packet does not reach 2^64 in the life of a planet.
fn nearest<const BITS: u32>(highest: Option<u64>, low: u64) -> u64 {
    let cycle = 1_u64 << BITS;
    let half = cycle / 2;
    let Some(highest) = highest else { return low.saturating_add(cycle) };

    let same_cycle = (highest & !(cycle - 1)) | low;
    if same_cycle.saturating_add(half) < highest {
        same_cycle.saturating_add(cycle)
    } else if highest.saturating_add(half) < same_cycle {
        same_cycle.saturating_sub(cycle)
    } else {
        same_cycle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_over_the_wrap_and_back() {
        let mut unwrapper = SequenceUnwrapper::new();
        assert_eq!(unwrapper.unwrap(65_534), ExtSeq(65_536 + 65_534));
        assert_eq!(unwrapper.unwrap(1), ExtSeq(2 * 65_536 + 1));
        assert_eq!(unwrapper.unwrap(65_535), ExtSeq(65_536 + 65_535), "a late one belongs to the old cycle");
        assert_eq!(unwrapper.highest(), Some(ExtSeq(2 * 65_536 + 1)));
        assert_eq!(unwrapper.peek(2).low(), 2);
    }

    #[test]
    fn numbers_before_the_first_do_not_underflow() {
        let mut unwrapper = SequenceUnwrapper::new();
        assert_eq!(unwrapper.unwrap(0), ExtSeq(65_536));
        assert_eq!(unwrapper.unwrap(65_535), ExtSeq(65_535));
        assert_eq!(unwrapper.unwrap(32_769), ExtSeq(32_769));
    }

    #[test]
    fn half_a_cycle_away_stays_in_the_cycle() {
        let mut low = SequenceUnwrapper::new();
        low.unwrap(100);
        assert_eq!(low.peek(100 + 32_768), ExtSeq(65_536 + 100 + 32_768));
        let mut high = SequenceUnwrapper::new();
        high.unwrap(40_000);
        assert_eq!(high.peek(40_000 - 32_768), ExtSeq(65_536 + 40_000 - 32_768));
    }

    #[test]
    fn timestamps_wrap_too() {
        let mut unwrapper = TimestampUnwrapper::new();
        assert_eq!(unwrapper.unwrap(u32::MAX), (1 << 32) + u64::from(u32::MAX));
        assert_eq!(unwrapper.unwrap(959), (2 << 32) + 959);
    }

    #[test]
    fn serial_order() {
        assert!(seq_less(65_535, 0) && !seq_less(0, 65_535));
        assert!(!seq_less(7, 7));
        assert!(!seq_less(0, 32_768) && !seq_less(32_768, 0));
    }

    proptest::proptest! {
        #[test]
        fn a_walk_of_near_steps_is_followed(start in 0_u16.., steps in proptest::collection::vec(-1_000_i64..30_000, 1..200)) {
            let mut unwrapper = SequenceUnwrapper::new();
            let mut truth = unwrapper.unwrap(start).0;
            let mut highest = truth;
            for step in steps {
                // Steps are from the highest one, as a sender's are; nearness promises nothing else.
                truth = highest.checked_add_signed(step).expect("starts at 65536 and goes back 1000 at most");
                proptest::prop_assert_eq!(unwrapper.unwrap((truth & 0xFFFF) as u16), ExtSeq(truth));
                highest = highest.max(truth);
            }
        }
    }
}
