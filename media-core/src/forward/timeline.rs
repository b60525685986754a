//! Timestamps that go on evenly from one source to the next.

use super::producer::SenderClock;
use std::time::{Duration, Instant};

/// What the next source's timestamps continue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeline {
    /// The newest timestamp that was sent, and when.
    newest: u32,
    at: Option<Instant>,
    /// A capture time of the publisher's and our timestamp for it, by his sender reports.
    anchor: Option<(u64, u32)>,
    /// Which of a publisher's encodings was sent last, and what its timestamps became.
    last: Option<(u8, u32)>,
}

/// Receivers take an equal timestamp for the same picture: there is a step of this many units at least.
const MIN_STEP: u32 = 1;
/// A publisher's reports are believed as far as they agree with the time that passed.
const TOLERANCE: Duration = Duration::from_millis(500);

impl Timeline {
    /// Nothing was sent; the first timestamp will be `first`.
    pub(crate) fn new(first: u32) -> Self {
        Self { newest: first, at: None, anchor: None, last: None }
    }

    /// What to add to timestamps from the packet on that begins another source, or goes on with the same. That goes on as it was, however often it
    /// paused, so that sound and picture stay together. Another goes on by the two sources' clocks if both are of one publisher and known
    /// (simulcast encodings were captured together), else by the time that passed.
    pub(crate) fn splice(
        &mut self,
        now: Instant,
        (encoding, timestamp): (u8, u32),
        clock: Option<&SenderClock>,
        rate_hz: u32,
    ) -> u32 {
        let offset = self.offset(now, (encoding, timestamp), clock, rate_hz);
        self.last = Some((encoding, offset));
        offset
    }

    fn offset(&self, now: Instant, (encoding, timestamp): (u8, u32), clock: Option<&SenderClock>, rate_hz: u32) -> u32 {
        let Some(at) = self.at else { return self.newest.wrapping_sub(timestamp) };
        let units = |time: Duration| (time.as_micros() as u64 * u64::from(rate_hz) / 1_000_000) as u32;
        let elapsed = units(now.saturating_duration_since(at));
        let captured = self.anchor.zip(clock).map(|((ntp, ours), clock)| {
            let since = clock.capture_ntp(timestamp, rate_hz).wrapping_sub(ntp) as i64;
            ours.wrapping_add(((i128::from(since) * i128::from(rate_hz)) >> 32) as u32).wrapping_sub(self.newest)
        });
        let can_be = |step: &u32| (*step as i32) > 0 && step.abs_diff(elapsed) <= units(TOLERANCE);
        let same = self.last.filter(|(last, _)| *last == encoding);
        let as_it_was = same.map(|(_, offset)| timestamp.wrapping_add(offset).wrapping_sub(self.newest));
        let step = as_it_was.filter(can_be).or_else(|| captured.filter(can_be)).unwrap_or(elapsed).max(MIN_STEP);
        self.newest.wrapping_add(step).wrapping_sub(timestamp)
    }

    /// The newest timestamp that was sent.
    pub(crate) fn newest(&self) -> u32 {
        self.newest
    }

    /// Notes the newest packet as it was sent.
    #[inline]
    pub(crate) fn sent(&mut self, now: Instant, timestamp: u32) {
        self.newest = timestamp;
        self.at = Some(now);
    }

    /// Notes what a capture time of the publisher's became.
    pub(crate) fn anchor(&mut self, ntp: u64, timestamp: u32) {
        self.anchor = Some((ntp, timestamp));
    }

    /// Whether a capture time is known.
    #[inline]
    pub(crate) fn is_anchored(&self) -> bool {
        self.anchor.is_some()
    }

    /// Another publisher's times have nothing to do with those before.
    pub(crate) fn forget_publisher(&mut self) {
        (self.anchor, self.last) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_one_publisher_keep_their_distance() {
        let start = Instant::now();
        let second = 1u64 << 32;
        // At NTP 100 s one encoding is at 1,000, another at 5,000,000.
        let first = SenderClock { ntp: 100 * second, rtp: 1_000, at: start };
        let other = SenderClock { ntp: 100 * second, rtp: 5_000_000, at: start };
        let mut timeline = Timeline::new(0);
        let offset = timeline.splice(start, (0, 1_000), Some(&first), 90_000);
        timeline.sent(start, 1_000u32.wrapping_add(offset));
        timeline.anchor(first.capture_ntp(1_000, 90_000), 0);
        // Captured a second later, and 70 ms longer under way.
        let later = start + Duration::from_millis(1_070);
        let offset = timeline.splice(later, (1, 5_090_000), Some(&other), 90_000);
        assert_eq!(5_090_000u32.wrapping_add(offset), 90_000);
        let blind = timeline.splice(later, (2, 5_090_000), None, 90_000);
        assert_eq!(5_090_000u32.wrapping_add(blind), 96_300);
        let absurd = SenderClock { ntp: 900 * second, rtp: 0, at: start };
        let offset = timeline.splice(later, (3, 5_090_000), Some(&absurd), 90_000);
        assert_eq!(5_090_000u32.wrapping_add(offset), 96_300, "a report that cannot be is not believed");
    }

    #[test]
    fn what_pauses_goes_on_as_it_was_however_late_its_packets_come() {
        let start = Instant::now();
        let mut timeline = Timeline::new(77);
        let first = timeline.splice(start, (0, 1_000), None, 90_000);
        timeline.sent(start, 1_000u32.wrapping_add(first));
        for pause in 1..=50_u32 {
            // Each under way for longer than the one before, and by a clock that is told otherwise each time.
            let now = start + Duration::from_millis(u64::from(pause) * 1_003);
            let clock = SenderClock { ntp: u64::from(pause) << 24, rtp: pause * 90_000, at: now };
            let timestamp = 1_000 + pause * 90_000;
            let offset = timeline.splice(now, (0, timestamp), Some(&clock), 90_000);
            assert_eq!(offset, first, "pause {pause}");
            timeline.sent(now, timestamp.wrapping_add(offset));
        }
        // One that began anew has other timestamps: it goes on by the time that passed.
        let later = start + Duration::from_secs(51);
        let offset = timeline.splice(later, (0, 3_000_000_000), None, 90_000);
        let step = 3_000_000_000u32.wrapping_add(offset).wrapping_sub(timeline.newest());
        assert_eq!(step, 76_500);
    }
}
