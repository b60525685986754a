//! A receiving place: what came into it, what is missing, and what is asked for again.

use super::fec::Repair;
use super::listen::Listen;
use super::payload::Stamp;
use super::sdp::AnsweredSection;
use super::watch::Watch;
use colloquy_codecs::payload::PayloadFormat;
use colloquy_codecs::rtcp::{ReportBlock, write_nack};
use colloquy_codecs::seq::{ExtSeq, SequenceUnwrapper};
use colloquy_media_core::api::MediaKind;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A packet that came into a place, decrypted and in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Which place, in the order of the client's sections.
    pub place: usize,
    /// Its SSRC (of the original stream, when it was repeated).
    pub ssrc: u32,
    /// Its payload type (of the original stream).
    pub payload_type: u8,
    /// Its sequence number with rollovers.
    pub sequence: ExtSeq,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Its marker.
    pub marker: bool,
    /// Bytes of payload.
    pub payload_len: usize,
    /// What its sender wrote into it.
    pub stamp: Option<Stamp>,
    /// Of what it repeats (RFC 2198), the earliest.
    pub told_again: Option<Stamp>,
    /// It is a retransmission (RFC 4588).
    pub repeated: bool,
    /// When it came.
    pub at: Instant,
}

/// What came into a place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlaceStats {
    /// Packets, retransmitted ones included.
    pub packets: u64,
    /// Their payloads.
    pub bytes: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came after one with a higher number.
    pub reordered: u64,
    /// Packets that came again after they were lost.
    pub repaired: u64,
    /// Repair packets that came (FlexFEC).
    pub repairs: u64,
    /// Packets that were made again with them.
    pub recovered: u64,
    /// Those of them that were not as they had been sent, and repair packets that made no sense: a fault.
    pub wrong: u64,
    /// NACKed packets.
    pub nacked: u64,
    /// First packets of key frames.
    pub key_frames: u64,
    /// Packets missing now, as RFC 3550 appendix A.3 counts.
    pub lost: u64,
    /// Interarrival jitter in ms (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
}

/// Missing packets that are followed; more are given up.
const MAX_MISSING: usize = 512;
/// Before a packet is asked for: it may only be late.
const NACK_AFTER: Duration = Duration::from_millis(10);
/// Between two requests.
const NACK_AGAIN: Duration = Duration::from_millis(60);
/// Requests at most.
const NACKS: u8 = 10;

#[derive(Debug, Clone, Copy)]
struct Missing {
    asked: u8,
    next: Instant,
}

/// One receiving place.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) mid: String,
    kind: MediaKind,
    pub(super) ssrc: Option<u32>,
    pub(super) rtx_ssrc: Option<u32>,
    /// Payload types of retransmissions and what they repeat.
    pub(super) rtx: Vec<(u8, u8)>,
    /// Payload types and what they carry.
    pub(super) payloads: Vec<(u8, PayloadFormat)>,
    /// The payload type of redundant audio.
    pub(super) red: Option<u8>,
    /// What makes lost packets again.
    pub(super) repair: Repair,
    /// What would be seen and heard, where that is asked for.
    pub(super) watch: Option<Watch>,
    pub(super) listen: Option<Listen>,
    /// Payload types and their clocks.
    clocks: Vec<(u8, u32)>,
    stats: PlaceStats,
    sequences: SequenceUnwrapper,
    first: Option<u64>,
    received: u64,
    /// Of them, those that were not sent again or made again: what a report is of (RFC 3550 section 6.4.1).
    arrived: u64,
    missing: BTreeMap<u64, Missing>,
    recovers: bool,
    transit: Option<i64>,
    jitter: f64,
    clock_rate_hz: u32,
    expected_before: u64,
    arrived_before: u64,
    last_sr: Option<(u32, Instant)>,
}

impl Place {
    pub(super) fn new(mid: String, kind: MediaKind, recovers: bool) -> Self {
        Self {
            mid,
            kind,
            ssrc: None,
            rtx_ssrc: None,
            rtx: Vec::new(),
            payloads: Vec::new(),
            red: None,
            repair: Repair::default(),
            watch: None,
            listen: None,
            clocks: Vec::new(),
            stats: PlaceStats::default(),
            sequences: SequenceUnwrapper::new(),
            first: None,
            received: 0,
            arrived: 0,
            missing: BTreeMap::new(),
            recovers: recovers && kind == MediaKind::Video,
            transit: None,
            jitter: 0.0,
            clock_rate_hz: 90_000,
            expected_before: 0,
            arrived_before: 0,
            last_sr: None,
        }
    }

    /// Whether it is one for sound.
    pub(super) fn is_for_sound(&self) -> bool {
        self.kind == MediaKind::Audio
    }

    /// Reckons what would be seen or heard.
    pub(super) fn play(&mut self, plays: bool) {
        self.watch = (plays && self.kind == MediaKind::Video).then(Watch::default);
        self.listen = (plays && self.kind == MediaKind::Audio).then(Listen::default);
    }

    pub(super) fn negotiate(&mut self, section: &AnsweredSection) {
        self.rtx.clone_from(&section.rtx);
        let clock = |name: &str| {
            if ["opus", "red"].iter().any(|audio| name.eq_ignore_ascii_case(audio)) { 48_000 } else { 90_000 }
        };
        self.clocks = section.formats.iter().map(|(number, name)| (*number, clock(name))).collect();
        let named =
            |name: &str| section.formats.iter().find(|(_, of)| of.eq_ignore_ascii_case(name)).map(|(pt, _)| *pt);
        self.red = named("red");
        let known = [
            ("opus", PayloadFormat::Opus),
            ("vp8", PayloadFormat::Vp8),
            ("vp9", PayloadFormat::Vp9),
            ("h264", PayloadFormat::H264),
            ("av1", PayloadFormat::Av1),
        ];
        self.payloads = known.iter().filter_map(|(name, format)| Some((named(name)?, *format))).collect();
        let announced = section.fid.map(|(primary, _)| primary).or(section.ssrcs.first().copied());
        if let Some(ssrc) = announced {
            self.ssrc = Some(ssrc);
            self.rtx_ssrc = section.fid.map(|(_, rtx)| rtx);
        }
        self.repair.payload_type = section.fec;
        self.repair.ssrc = section.fec_fr.map(|(_, fec)| fec);
    }

    /// What came so far.
    pub(super) fn stats(&self) -> PlaceStats {
        PlaceStats {
            lost: self.expected().saturating_sub(self.received),
            repairs: self.repair.repairs,
            recovered: self.repair.recovered,
            wrong: self.repair.wrong,
            jitter_ms: self.jitter * 1000.0 / f64::from(self.clock_rate_hz),
            ..self.stats
        }
    }

    fn expected(&self) -> u64 {
        match (self.first, self.sequences.highest()) {
            (Some(first), Some(highest)) => highest.0.saturating_sub(first) + 1,
            _ => 0,
        }
    }

    /// Takes a packet and tells its number. `None` when it came before.
    pub(super) fn take(&mut self, packet: Incoming, now: Instant) -> Option<ExtSeq> {
        let highest = self.sequences.highest();
        let sequence = self.sequences.unwrap(packet.sequence);
        let first = *self.first.get_or_insert(sequence.0);
        let known = highest.is_some_and(|highest| sequence <= highest && sequence.0 >= first);
        let was_missing = self.missing.remove(&sequence.0).is_some();
        if known && !was_missing && (packet.repeated || self.recovers) {
            self.stats.duplicates += 1;
            return None;
        }
        self.stats.reordered += u64::from(known && !packet.repeated);
        self.stats.repaired += u64::from(was_missing && packet.repeated);
        self.stats.packets += 1;
        self.stats.bytes += packet.payload_len as u64;
        self.stats.key_frames += u64::from(packet.stamp.is_some_and(|stamp| stamp.key && stamp.first));
        if sequence.0 >= first {
            self.received += 1;
            self.arrived += u64::from(!packet.repeated);
        }
        if let Some(highest) = highest {
            self.note_gap(highest.0 + 1, sequence.0, now);
        }
        if !packet.repeated {
            self.note_jitter(packet, now);
        }
        Some(sequence)
    }

    fn note_gap(&mut self, from: u64, to: u64, now: Instant) {
        if !self.recovers {
            return;
        }
        for sequence in from..to.min(from + MAX_MISSING as u64) {
            self.missing.insert(sequence, Missing { asked: 0, next: now + NACK_AFTER });
        }
        while self.missing.len() > MAX_MISSING {
            self.missing.pop_first();
        }
    }

    /// RFC 3550 section 6.4.1.
    fn note_jitter(&mut self, packet: Incoming, now: Instant) {
        if let Some((_, clock)) = self.clocks.iter().find(|(number, _)| *number == packet.payload_type) {
            self.clock_rate_hz = *clock;
        }
        let since = now.saturating_duration_since(packet.epoch).as_nanos() * u128::from(self.clock_rate_hz);
        let arrival = (since / 1_000_000_000) as u32;
        let transit = i64::from(arrival.wrapping_sub(packet.timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit - before).unsigned_abs() as f64;
            // A change of the source, not jitter.
            if difference < f64::from(self.clock_rate_hz) {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let missing = self.missing.values().map(|missing| missing.next).min();
        let watch = self.watch.as_ref().and_then(Watch::next_deadline);
        [missing, watch].into_iter().flatten().min()
    }

    /// Appends the NACKs that are due. `true` when packets were given up: only a key frame helps then.
    pub(super) fn write_nacks(&mut self, now: Instant, own_ssrc: u32, out: &mut Vec<u8>) -> bool {
        let before = self.missing.len();
        self.missing.retain(|_, missing| missing.asked < NACKS || missing.next > now);
        let gave_up = self.missing.len() < before;
        let gave_up = self.watch.as_mut().map_or(gave_up, |watch| watch.asks(now));
        let Some(ssrc) = self.ssrc else { return gave_up };
        let mut due = Vec::new();
        for (sequence, missing) in self.missing.iter_mut().filter(|(_, missing)| missing.next <= now) {
            missing.asked += 1;
            missing.next = now + NACK_AGAIN;
            due.push(ExtSeq(*sequence).low());
        }
        self.stats.nacked += due.len() as u64;
        if !due.is_empty() {
            write_nack(out, own_ssrc, ssrc, &due);
        }
        gave_up
    }

    /// A sender report came (RFC 3550 section 6.4.1): its middle 32 bits go back with the next receiver report.
    pub(super) fn note_sender_report(&mut self, ntp: u64, now: Instant) {
        self.last_sr = Some(((ntp >> 16) as u32, now));
    }

    /// The server said goodbye, or the place shows another stream from now on.
    pub(super) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let (ssrc, highest) = (self.ssrc?, self.sequences.highest()?);
        let expected = self.expected();
        let expected_now = expected.saturating_sub(self.expected_before);
        let arrived_now = self.arrived.saturating_sub(self.arrived_before);
        (self.expected_before, self.arrived_before) = (expected, self.arrived);
        let lost_now = expected_now.saturating_sub(arrived_now);
        let (last_sr, delay) = self.last_sr.map_or((0, 0), |(middle, at)| {
            let delay = now.saturating_duration_since(at).as_nanos() * 65_536 / 1_000_000_000;
            (middle, delay as u32)
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8,
            cumulative_lost: i32::try_from(expected.saturating_sub(self.arrived)).unwrap_or(i32::MAX),
            highest_sequence: highest.0.saturating_sub(1 << 16) as u32,
            jitter: self.jitter as u32,
            last_sr,
            delay_since_last_sr: delay,
        })
    }
}

/// A packet as a place takes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) payload_type: u8,
    pub(super) payload_len: usize,
    pub(super) stamp: Option<Stamp>,
    pub(super) repeated: bool,
    pub(super) epoch: Instant,
}
