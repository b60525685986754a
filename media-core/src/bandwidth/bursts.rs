//! How much may leave in one go: as much as the path was seen to take in without making a queue of it.
//!
//! A picture that is spread over ticks costs a wake-up and a system call for each of them, and comes late though nothing is in its way.
//! Whether something is, the packets that left together tell: where they arrive together as well, no bottleneck parted them. So twice as
//! much may leave together as arrived together, and half as much as soon as a bottleneck shows or something is lost.

/// Packets that left within this are one burst, microseconds.
const TOGETHER_US: u64 = 2_000;
/// A burst that arrives within this met no queue worth the name, microseconds: a tick of the pacer.
const TAKEN_US: u64 = 5_000;
/// One that takes longer did, microseconds: a tick of the pacer makes as much where the link carries just the target.
const PARTED_US: u64 = 12_000;
/// Never more than this, bytes: what the kernel cuts apart in one go, and libwebrtc's bound.
const MAX_BYTES: u32 = 63_000;
/// What would be halved below this is nothing, bytes: two packets.
const MIN_BYTES: u32 = 2_400;

/// Packets that left together.
#[derive(Debug, Clone, Copy)]
struct Burst {
    sent_us: u64,
    first_arrived_us: u64,
    last_arrived_us: u64,
    bytes: u32,
}

/// What the bursts of one path told.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    current: Option<Burst>,
    may_bytes: u32,
}

impl Bursts {
    /// What may leave in one go, bytes; 0: no more than the pace says.
    pub(super) fn may_bytes(&self) -> u32 {
        self.may_bytes
    }

    /// Takes in a packet that arrived.
    pub(super) fn on_arrived(&mut self, sent_us: u64, arrived_us: u64, wire_bytes: u32) {
        let fresh =
            Burst { sent_us, first_arrived_us: arrived_us, last_arrived_us: arrived_us, bytes: wire_bytes };
        let Some(current) = &mut self.current else {
            self.current = Some(fresh);
            return;
        };
        let Some(after_us) = sent_us.checked_sub(current.sent_us) else {
            // Out of order: its burst is judged.
            return;
        };
        if after_us <= TOGETHER_US {
            current.first_arrived_us = current.first_arrived_us.min(arrived_us);
            current.last_arrived_us = current.last_arrived_us.max(arrived_us);
            current.bytes = current.bytes.saturating_add(wire_bytes);
            return;
        }
        let complete = *current;
        self.current = Some(fresh);
        self.judge(complete);
    }

    fn judge(&mut self, burst: Burst) {
        match burst.last_arrived_us - burst.first_arrived_us {
            0..=TAKEN_US => self.may_bytes = self.may_bytes.max(2 * burst.bytes).min(MAX_BYTES),
            PARTED_US.. => self.lower(),
            _ => {}
        }
    }

    /// A packet is missing: where bursts are cut off rather than queued, this is how it shows.
    pub(super) fn on_missed(&mut self) {
        self.lower();
    }

    /// The path is another one, or was found full: what is known of it is not.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn lower(&mut self) {
        self.may_bytes = Some(self.may_bytes / 2).filter(|half| *half >= MIN_BYTES).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bursts of packets of 1,000 bytes, 33 ms apart, over a link of this rate.
    fn over(bursts: &mut Bursts, bps: u64, packets: u64, count: u64) {
        let from_us = bursts.current.map_or(0, |burst| burst.sent_us + 33_000);
        for burst in 0..count {
            let sent_us = from_us + burst * 33_000;
            for packet in 1..=packets {
                bursts.on_arrived(sent_us, sent_us + 20_000 + packet * 8_000_000_000 / bps, 1_000);
            }
        }
    }

    #[test]
    fn what_arrived_together_may_leave_together_twice_as_long() {
        let mut bursts = Bursts::default();
        assert_eq!(bursts.may_bytes(), 0, "nothing is known of the path");
        over(&mut bursts, 100_000_000, 3, 2);
        assert_eq!(bursts.may_bytes(), 6_000);
        over(&mut bursts, 100_000_000, 60, 5);
        assert_eq!(bursts.may_bytes(), MAX_BYTES);
    }

    #[test]
    fn a_bottleneck_or_a_loss_takes_it_back() {
        let mut bursts = Bursts::default();
        over(&mut bursts, 100_000_000, 10, 2);
        assert_eq!(bursts.may_bytes(), 20_000);
        // Ten packets take 16 ms.
        over(&mut bursts, 5_000_000, 10, 3);
        assert_eq!(bursts.may_bytes(), 5_000);
        bursts.on_missed();
        bursts.on_missed();
        assert_eq!(bursts.may_bytes(), 0);
        // Three take 9.6 ms: neither free nor in the way.
        over(&mut bursts, 2_500_000, 3, 5);
        assert_eq!(bursts.may_bytes(), 0);
    }

    #[test]
    fn packets_that_come_late_or_alone_tell_little() {
        let mut bursts = Bursts::default();
        for alone in 0..10 {
            bursts.on_arrived(alone * 20_000, alone * 20_000 + 5_000, 500);
        }
        assert_eq!(bursts.may_bytes(), 1_000, "no more than a packet");
        bursts.on_arrived(0, 1_000_000, 1_000);
        bursts.forget();
        assert_eq!(bursts.may_bytes(), 0);
    }
}
