//! How well a stream is received (RFC 3550 sections 6.4.1, A.3, A.8).

use colloquy_codecs::rtcp::ReportBlock;
use std::time::{Duration, Instant};

/// What is kept of a loss from report to report: half after 3.
const KEPT_OF_LOSS: f32 = 0.8;

/// Reception of one SSRC.
#[derive(Debug)]
pub(crate) struct Reception {
    clock_rate_hz: u32,
    first: u64,
    highest: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Of them, those that came in their own right: what a report is of, or loss that is repaired would never be told.
    arrived: u64,
    /// Packets that arrived and expected packets at the last report.
    reported: (u64, u64),
    /// Relative transit time of the last packet, in clock units.
    transit: Option<i64>,
    epoch: Instant,
    /// Jitter in sixteenths of a clock unit.
    jitter_x16: u64,
    fraction_lost: u8,
    lost_of_late: f32,
    last_sr: Option<(u32, Instant)>,
}

impl Reception {
    pub(crate) fn new(clock_rate_hz: u32, index: u64, now: Instant) -> Self {
        Self {
            clock_rate_hz,
            first: index,
            highest: index,
            packets: 0,
            bytes: 0,
            arrived: 0,
            reported: (0, 0),
            transit: None,
            epoch: now,
            jitter_x16: 0,
            fraction_lost: 0,
            lost_of_late: 0.0,
            last_sr: None,
        }
    }

    /// Counts a packet that came in its own right (not a retransmission).
    #[inline]
    pub(crate) fn count(&mut self, now: Instant, index: u64, timestamp: u32, len_bytes: usize) {
        self.packets += 1;
        self.arrived += 1;
        self.bytes += len_bytes as u64;
        self.first = self.first.min(index);
        self.highest = self.highest.max(index);
        let elapsed = now.saturating_duration_since(self.epoch).as_micros() as u64;
        let arrival = elapsed * u64::from(self.clock_rate_hz) / 1_000_000;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(last) = self.transit.replace(transit) {
            // A jump of over a second is a new timeline (a publisher's restart), not jitter.
            let difference = (transit - last).unsigned_abs();
            if difference < u64::from(self.clock_rate_hz) {
                self.jitter_x16 = self.jitter_x16 + difference - ((self.jitter_x16 + 8) >> 4);
            }
        }
    }

    /// Counts a packet that was sent again.
    pub(crate) fn count_repaired(&mut self, len_bytes: usize) {
        self.packets += 1;
        self.bytes += len_bytes as u64;
    }

    pub(crate) fn on_sender_report(&mut self, now: Instant, ntp: u64) {
        self.last_sr = Some(((ntp >> 16) as u32, now));
    }

    /// The highest number that came.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.packets)
    }

    pub(crate) fn jitter_ms(&self) -> f32 {
        (self.jitter_x16 >> 4) as f32 * 1_000.0 / self.clock_rate_hz as f32
    }

    /// Loss of the last reported interval, 0 to 1.
    pub(crate) fn fraction_lost(&self) -> f32 {
        f32::from(self.fraction_lost) / 256.0
    }

    /// The most that an interval lost, 0 to 1: slowly forgotten, as a few packets that come say little of a path.
    pub(crate) fn lost_of_late(&self) -> f32 {
        self.lost_of_late
    }

    /// The report block of the interval since the last one.
    pub(crate) fn report(&mut self, now: Instant, ssrc: u32) -> ReportBlock {
        let (arrived, expected) = (self.arrived, self.expected());
        let (new_arrived, new_expected) = (arrived - self.reported.0, expected - self.reported.1.min(expected));
        self.reported = (arrived, expected);
        let new_lost = new_expected.saturating_sub(new_arrived);
        self.fraction_lost = (new_lost * 256).checked_div(new_expected).unwrap_or(0).min(255) as u8;
        self.lost_of_late = self.fraction_lost().max(KEPT_OF_LOSS * self.lost_of_late);
        let (last_sr, delay_since_last_sr) = self.last_sr.map_or((0, 0), |(sr, at)| (sr, ntp_short(now - at)));
        ReportBlock {
            ssrc,
            fraction_lost: self.fraction_lost,
            cumulative_lost: expected.saturating_sub(arrived).min(0x7f_ffff) as i32,
            highest_sequence: self.highest as u32,
            jitter: (self.jitter_x16 >> 4) as u32,
            last_sr,
            delay_since_last_sr,
        }
    }
}

/// A duration in units of 1/65536 s.
fn ntp_short(duration: Duration) -> u32 {
    ((duration.as_micros() << 16) / 1_000_000).min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_jitter_are_those_of_rfc_3550() {
        let start = Instant::now();
        let mut reception = Reception::new(90_000, 100, start);
        for i in 0..100u64 {
            if i % 10 != 3 {
                let late = if i % 2 == 0 { 0 } else { 2 };
                reception.count(start + Duration::from_millis(i * 10 + late), 100 + i, (i * 900) as u32, 50);
            }
        }
        let report = reception.report(start + Duration::from_secs(1), 7);
        assert_eq!(report.cumulative_lost, 10);
        assert_eq!(report.fraction_lost, 25);
        assert_eq!(report.highest_sequence, 199);
        assert!((1.2..2.1).contains(&reception.jitter_ms()), "{}", reception.jitter_ms());
        let second = reception.report(start + Duration::from_secs(2), 7);
        assert_eq!(second.fraction_lost, 0, "nothing was expected since");
    }

    #[test]
    fn what_was_repaired_was_lost_all_the_same() {
        let start = Instant::now();
        let mut reception = Reception::new(90_000, 100, start);
        for i in (0..100u64).filter(|i| i % 10 != 3) {
            reception.count(start, 100 + i, 0, 50);
        }
        (0..10).for_each(|_| reception.count_repaired(50));
        let report = reception.report(start, 7);
        assert_eq!((report.cumulative_lost, report.fraction_lost, reception.lost()), (10, 25, 0));
    }

    #[test]
    fn a_report_echoes_the_last_sender_report() {
        let start = Instant::now();
        let mut reception = Reception::new(48_000, 1, start);
        reception.on_sender_report(start, 0x0001_0002_0003_0004);
        let report = reception.report(start + Duration::from_millis(500), 1);
        assert_eq!((report.last_sr, report.delay_since_last_sr), (0x0002_0003, 32_768));
    }
}
