//! RTCP about what one receiver is sent, and his figures.

use super::Consumer;
use crate::api::{MediaKind, SendStats};
use crate::forward::producer::SenderClock;
use crate::forward::protection::{PathTold, Protection};
use crate::forward::redundancy::Told;
use colloquy_codecs::rtcp::{ReportBlock, write_sdes_cname, write_sender_report};
use std::time::{Duration, Instant};

impl Consumer {
    /// Appends a sender report with our clocks, from the publisher's (RFC 3550 section 6.4.1). `ntp_shift` moves his NTP time to
    /// one that all publishers share, so that a receiver that pairs any two of our streams pairs them rightly.
    pub(crate) fn write_report(
        &mut self,
        now: Instant,
        clock: &SenderClock,
        ntp_shift: u64,
        cname: &str,
        out: &mut Vec<u8>,
    ) {
        let Some(sending) = self.sending.as_ref() else { return };
        let elapsed = now.saturating_duration_since(clock.at);
        let ntp = clock.ntp.wrapping_add(ntp_shift).wrapping_add(ntp_of(elapsed));
        let units = elapsed.as_micros() as u64 * u64::from(sending.format.codec.clock_rate_hz()) / 1_000_000;
        let timestamp = clock.rtp.wrapping_add(units as u32).wrapping_add(self.offsets.timestamp);
        write_sender_report(out, self.ssrc, ntp, timestamp, self.packets as u32, self.bytes as u32, &[]);
        write_sdes_cname(out, self.ssrc, cname);
        self.reports_sent.rotate_right(1);
        self.reports_sent[0] = Some(((ntp >> 16) as u32, now));
    }

    /// Takes the receiver's report about us, beside what is known of the whole path. Gives the round-trip time, if it can be told, and
    /// what it tells of the path.
    pub(crate) fn on_report(&mut self, now: Instant, block: &ReportBlock, path: PathTold) -> (Option<Duration>, Told) {
        self.announce = false;
        self.fraction_lost = f32::from(block.fraction_lost) / 256.0;
        let before = self
            .reported
            .replace(block.highest_sequence)
            .unwrap_or(block.highest_sequence.wrapping_sub(self.packets as u32));
        let packets = block.highest_sequence.wrapping_sub(before);
        let told = Told { fraction_lost: self.fraction_lost, packets, copies: self.copies() };
        if let Some(protection) = &mut self.protection {
            protection.on_report(now, self.fraction_lost, path);
        }
        let mut sent = self.reports_sent.iter().flatten();
        let rtt = sent.find(|(ntp, _)| *ntp == block.last_sr && block.last_sr != 0).map(|(_, at)| {
            let held = Duration::from_micros((u64::from(block.delay_since_last_sr) * 1_000_000) >> 16);
            now.saturating_duration_since(*at).saturating_sub(held)
        });
        (rtt, told)
    }

    /// Whether the receiver reported loss of what we sent, 0 to 1.
    pub(crate) fn fraction_lost(&self) -> f32 {
        self.fraction_lost
    }

    pub(crate) fn stats(&self) -> SendStats {
        SendStats {
            mid: self.mid.clone(),
            track: self.source.map(|(_, track)| track),
            packets: self.packets,
            bytes: self.bytes,
            retransmitted: self.retransmitted,
            repairs: self.protection.as_ref().map_or(0, Protection::made),
            fraction_lost: self.fraction_lost,
            layer: self.selector.current().filter(|_| self.kind == MediaKind::Video),
            switches: self.switches,
        }
    }
}

/// A duration in NTP units of 2^-32 s.
fn ntp_of(duration: Duration) -> u64 {
    (duration.as_secs() << 32) | ((u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000)
}
