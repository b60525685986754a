//! When packets came, for the server's estimate of this client's path (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use colloquy_codecs::rtcp::write_transport_feedback;
use colloquy_codecs::seq::SequenceUnwrapper;
use std::time::{Duration, Instant};

/// Between two reports: what browsers do at a few Mb/s.
const INTERVAL: Duration = Duration::from_millis(50);
/// Arrivals held at most between two reports; what comes beyond is reported lost.
const MAX_ARRIVALS: usize = 4_096;

/// Arrivals since the last report.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    sequences: SequenceUnwrapper,
    arrivals: Vec<(u64, u64)>,
    reported: u64,
    count: u8,
    due: Option<Instant>,
    packet_ssrc: u32,
}

impl Arrivals {
    /// Notes an arrival.
    pub(super) fn note(&mut self, now: Instant, epoch: Instant, sequence: u16, ssrc: u32) {
        let sequence = self.sequences.unwrap(sequence).0;
        if sequence >= self.reported && self.arrivals.len() < MAX_ARRIVALS {
            self.arrivals.push((sequence, now.saturating_duration_since(epoch).as_micros() as u64));
            self.due.get_or_insert(now + INTERVAL);
            self.packet_ssrc = ssrc;
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Appends the reports that are due, one packet each, and gives them to `send`.
    pub(super) fn report(&mut self, now: Instant, own_ssrc: u32, mut send: impl FnMut(&[u8])) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        self.arrivals.sort_unstable();
        self.arrivals.dedup_by_key(|(sequence, _)| *sequence);
        let mut packet = Vec::new();
        while !self.arrivals.is_empty() {
            packet.clear();
            let written = write_transport_feedback(
                &mut packet,
                own_ssrc,
                self.packet_ssrc,
                self.count,
                self.reported,
                &self.arrivals,
            );
            self.count = self.count.wrapping_add(1);
            let written = written.clamp(1, self.arrivals.len());
            self.reported = self.arrivals[written - 1].0 + 1;
            self.arrivals.drain(..written);
            send(&packet);
        }
    }
}
