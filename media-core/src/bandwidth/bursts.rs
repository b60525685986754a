//! How much may leave in one go: as much as the path was seen to take in without making a queue of it.
//!
//! A picture that is spread over ticks costs a wake-up and a system call for each of them, and comes late though nothing is in its way.
//! Whether something is, the packets that left together tell: where they arrive together as well, time after time, no bottleneck parts
//! them, and some times as much may leave together. Once they are parted, or one is lost, the pace alone counts again.

/// Packets that left within this are one burst, microseconds.
const TOGETHER_US: u64 = 2_000;
/// A burst that arrives within this met no queue worth the name, microseconds.
const TAKEN_US: u64 = 2_000;
/// One that takes longer than this met one, microseconds: a tick of the pacer.
const PARTED_US: u64 = 5_000;
/// So many bursts in a row that were not parted: jitter may push a few together.
const CLEAN: u32 = 8;
/// So many times as much as arrived together may leave together: within 8 ms, if the path were no wider than was seen.
const TIMES: u32 = 4;
/// Never more than this, bytes: what the kernel cuts apart in one go, and libwebrtc's bound.
const MAX_BYTES: u32 = 63_000;
/// What may leave together before anything is known, bytes: ten packets, as TCP begins (RFC 6928). The first picture is in sight sooner.
const START_BYTES: u32 = 12_000;
/// After a loss nothing is concluded for so long, microseconds: some paths cut bursts off rather than queue them.
const WARY_US: u64 = 5_000_000;

/// Packets that left together.
#[derive(Debug, Clone, Copy)]
struct Burst {
    sent_us: u64,
    first_arrived_us: u64,
    last_arrived_us: u64,
    bytes: u32,
    packets: u32,
}

/// What the bursts of one path told.
#[derive(Debug)]
pub(super) struct Bursts {
    current: Option<Burst>,
    /// Bursts in a row that were not parted.
    clean: u32,
    may_bytes: u32,
    /// Nothing is concluded from bursts that left before.
    wary_until_us: u64,
}

impl Bursts {
    /// Nothing is known.
    pub(super) fn new() -> Self {
        Self { current: None, clean: 0, may_bytes: START_BYTES, wary_until_us: 0 }
    }

    /// What may leave in one go, bytes with headers; 0: no more than the pace says.
    pub(super) fn may_bytes(&self) -> u32 {
        self.may_bytes
    }

    /// The same without what may leave before anything is known.
    pub(super) fn proven_bytes(&self) -> u32 {
        if self.clean >= CLEAN { self.may_bytes } else { 0 }
    }

    /// Takes in a packet that arrived.
    pub(super) fn on_arrived(&mut self, sent_us: u64, arrived_us: u64, wire_bytes: u32) {
        let Some(current) = &mut self.current else { return self.begin(sent_us, arrived_us, wire_bytes) };
        // Out of order: its burst was judged.
        let Some(after_us) = sent_us.checked_sub(current.sent_us) else { return };
        if after_us <= TOGETHER_US {
            current.first_arrived_us = current.first_arrived_us.min(arrived_us);
            current.last_arrived_us = current.last_arrived_us.max(arrived_us);
            current.bytes = current.bytes.saturating_add(wire_bytes);
            current.packets += 1;
            return;
        }
        let complete = *current;
        self.begin(sent_us, arrived_us, wire_bytes);
        self.judge(complete);
    }

    fn begin(&mut self, sent_us: u64, arrived_us: u64, wire_bytes: u32) {
        self.current = Some(Burst {
            sent_us,
            first_arrived_us: arrived_us,
            last_arrived_us: arrived_us,
            bytes: wire_bytes,
            packets: 1,
        });
    }

    fn judge(&mut self, burst: Burst) {
        if burst.packets < 2 || burst.sent_us < self.wary_until_us {
            return;
        }
        match burst.last_arrived_us - burst.first_arrived_us {
            0..=TAKEN_US => {
                self.clean = self.clean.saturating_add(1);
                if self.clean >= CLEAN {
                    self.may_bytes = self.may_bytes.max(TIMES.saturating_mul(burst.bytes)).min(MAX_BYTES);
                }
            }
            PARTED_US.. => (self.clean, self.may_bytes) = (0, 0),
            _ => {}
        }
    }

    /// A packet that left at this time is missing.
    pub(super) fn on_missed(&mut self, sent_us: u64) {
        self.be_wary(sent_us);
    }

    /// What was known of the path does not hold: it is another one, or was found full. `now_us`: by the clock of what is sent.
    pub(super) fn be_wary(&mut self, now_us: u64) {
        let wary_until_us = self.wary_until_us.max(now_us.saturating_add(WARY_US));
        *self = Self { current: None, clean: 0, may_bytes: 0, wary_until_us };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bursts of packets of 1,000 bytes, 33 ms apart, over a link of this rate.
    fn over(bursts: &mut Bursts, bps: u64, packets: u64, count: u64) {
        let from_us = bursts.current.map_or(WARY_US, |burst| burst.sent_us + 33_000);
        for burst in 0..count {
            let sent_us = from_us + burst * 33_000;
            for packet in 1..=packets {
                bursts.on_arrived(sent_us, sent_us + 20_000 + packet * 8_000_000_000 / bps, 1_000);
            }
        }
    }

    #[test]
    fn some_times_what_arrives_together_time_after_time_may_leave_together() {
        let mut bursts = Bursts::new();
        over(&mut bursts, 100_000_000, 4, 8);
        assert_eq!(bursts.may_bytes(), START_BYTES, "the last is not complete");
        over(&mut bursts, 100_000_000, 4, 1);
        assert_eq!(bursts.may_bytes(), 16_000);
        over(&mut bursts, 100_000_000, 12, 3);
        assert_eq!(bursts.may_bytes(), 48_000);
        over(&mut bursts, 1_000_000_000, 60, 2);
        assert_eq!(bursts.may_bytes(), MAX_BYTES);
    }

    #[test]
    fn a_bottleneck_takes_it_back() {
        let mut bursts = Bursts::new();
        over(&mut bursts, 100_000_000, 5, 10);
        assert_eq!(bursts.may_bytes(), 20_000);
        // Five take 6.4 ms after the first.
        over(&mut bursts, 5_000_000, 5, 2);
        assert_eq!(bursts.may_bytes(), 0);
        // Three take 3.2 ms: neither free nor in the way.
        over(&mut bursts, 5_000_000, 3, 100);
        assert_eq!(bursts.may_bytes(), 0);
    }

    #[test]
    fn a_loss_takes_it_back_for_a_while() {
        let mut bursts = Bursts::new();
        over(&mut bursts, 100_000_000, 5, 10);
        let last_us = bursts.current.map_or(0, |burst| burst.sent_us);
        bursts.on_missed(last_us);
        assert_eq!(bursts.may_bytes(), 0);
        bursts.begin(last_us, last_us, 1_000);
        over(&mut bursts, 100_000_000, 5, WARY_US / 33_000);
        assert_eq!(bursts.may_bytes(), 0);
        over(&mut bursts, 100_000_000, 5, 10);
        assert_eq!(bursts.may_bytes(), 20_000);
    }

    #[test]
    fn packets_that_come_late_or_alone_tell_nothing() {
        let mut bursts = Bursts::new();
        for alone in 1..100 {
            bursts.on_arrived(alone * 20_000, alone * 20_000 + 5_000, 500);
            bursts.on_arrived(0, 1_000_000, 1_000);
        }
        assert_eq!((bursts.may_bytes(), bursts.clean), (START_BYTES, 0));
    }
}
