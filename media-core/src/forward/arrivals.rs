//! When a publisher's packets arrived, for his bandwidth estimate
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use colloquy_codecs::rtcp::write_transport_feedback;
use colloquy_codecs::seq::SequenceUnwrapper;
use std::time::Instant;

/// Arrivals held at most between two reports: 100 ms of 10,000 packets a second.
const MAX_ARRIVALS: usize = 1_024;

/// The arrivals since the last report.
#[derive(Debug)]
pub(crate) struct Arrivals {
    epoch: Instant,
    unwrapper: SequenceUnwrapper,
    arrivals: Vec<(u64, u64)>,
    sorted: bool,
    /// Everything before this was reported: what comes later than its report is not.
    reported: u64,
    feedback_count: u8,
}

impl Arrivals {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            unwrapper: SequenceUnwrapper::new(),
            arrivals: Vec::new(),
            sorted: true,
            reported: 0,
            feedback_count: 0,
        }
    }

    /// Notes an arrival.
    #[inline]
    pub(crate) fn record(&mut self, now: Instant, transport_sequence: u16) {
        let sequence = self.unwrapper.unwrap(transport_sequence).0;
        if sequence < self.reported || self.arrivals.len() >= MAX_ARRIVALS {
            return;
        }
        self.sorted &= self.arrivals.last().is_none_or(|(last, _)| *last < sequence);
        self.arrivals.push((sequence, now.saturating_duration_since(self.epoch).as_micros() as u64));
    }

    /// Whether a report is due at the next occasion.
    pub(crate) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Writes one feedback packet about as many arrivals as fit; call until it gives `false`.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) -> bool {
        if !std::mem::replace(&mut self.sorted, true) {
            self.arrivals.sort_unstable();
            self.arrivals.dedup_by_key(|(sequence, _)| *sequence);
        }
        if self.arrivals.is_empty() {
            return false;
        }
        let written =
            write_transport_feedback(out, sender_ssrc, media_ssrc, self.feedback_count, self.reported, &self.arrivals);
        self.feedback_count = self.feedback_count.wrapping_add(1);
        // Always forward: an arrival that cannot be written must not stop those after it.
        let written = written.clamp(1, self.arrivals.len());
        self.reported = self.arrivals[written - 1].0 + 1;
        self.arrivals.drain(..written);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colloquy_codecs::rtcp::{RtcpPacket, packets};
    use std::time::Duration;

    #[test]
    fn each_arrival_is_reported_once_in_order() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        for (i, sequence) in [65_534u16, 65_535, 1, 0, 3, 3].into_iter().enumerate() {
            arrivals.record(start + Duration::from_millis(i as u64), sequence);
        }
        let mut out = Vec::new();
        assert!(arrivals.write(&mut out, 1, 2));
        let Some(Ok(RtcpPacket::TransportFeedback(feedback))) = packets(&out).next() else { panic!("no feedback") };
        let got: Vec<_> = feedback.packets().map(|(sequence, delta)| (sequence, delta.is_some())).collect();
        assert_eq!(got, [(65_534, true), (65_535, true), (0, true), (1, true), (2, false), (3, true)]);
        assert!(arrivals.is_empty());
        arrivals.record(start, 2);
        assert!(arrivals.is_empty(), "it was reported lost");
        assert!(!arrivals.write(&mut out, 1, 2));
    }
}
