//! One of our viewers: the sender under test with a source behind it, and a receiver that tells what arrived.

use super::link::{OnLink, Random};
use crate::bandwidth::{Admission, Bandwidth, BandwidthLimits, Pacer, ProbeId, Urgency};
use colloquy_codecs::rtcp::{self, RtcpPacket};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The video of one receiver, bits/s on the wire.
pub(super) const RUNGS: [u64; 3] = [150_000, 500_000, 2_500_000];
const AUDIO_BPS: u64 = 32_000;
const AUDIO_US: u64 = 20_000;
const FRAME_US: u64 = 33_333;
const PACKET: usize = 1_200;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// The highest rung that fits, and audio.
    Layered,
    /// As much as may be sent, up to so many bits/s.
    Elastic(u64),
}

pub(super) struct Viewer {
    flow: usize,
    pub(super) bandwidth: Bandwidth,
    pub(super) pacer: Pacer<()>,
    source: Source,
    pub(super) rung: usize,
    wants_key: bool,
    /// When the rung changed, microseconds.
    pub(super) changes: Vec<u64>,
    next_audio_us: u64,
    next_frame_us: u64,
    audio_bytes: usize,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    receiver: Receiver,
    pub(super) feedback_loss: f64,
    feedback: VecDeque<(u64, Vec<u8>)>,
    random: Random,
}

struct Receiver {
    arrivals: Vec<(u64, u64)>,
    /// Told before: told again with late ones, as Chromium does for 500 ms.
    told: Vec<(u64, u64)>,
    next_us: u64,
    interval_us: u64,
    count: u8,
    /// The receiver's clock started before ours.
    offset_us: u64,
}

impl Viewer {
    pub(super) fn new(flow: usize, source: Source, now: Instant, start_us: u64) -> Self {
        let bandwidth = Bandwidth::new(BandwidthLimits::default(), now);
        let pacer = Pacer::new(bandwidth.pacing_bps(), now);
        Self {
            flow,
            bandwidth,
            pacer,
            source,
            rung: 0,
            wants_key: true,
            changes: Vec::new(),
            next_audio_us: start_us,
            next_frame_us: start_us + flow as u64 * 7_000,
            audio_bytes: (AUDIO_BPS * AUDIO_US / 8_000_000) as usize,
            sent_bytes: 0,
            received_bytes: 0,
            receiver: Receiver {
                arrivals: Vec::new(),
                told: Vec::new(),
                next_us: 0,
                interval_us: 50_000,
                count: 0,
                offset_us: 977_000_123,
            },
            feedback_loss: 0.0,
            feedback: VecDeque::new(),
            random: Random::new(flow as u64 + 1),
        }
    }

    pub(super) fn set_feedback_ms(&mut self, interval_ms: u64) {
        self.receiver.interval_us = interval_ms * 1_000;
    }

    fn rate_of(rung: usize) -> u64 {
        RUNGS.get(rung).map_or(u64::MAX, |bps| bps + AUDIO_BPS)
    }

    /// As an allocator does it, with a margin upward.
    fn allocate(&mut self, now: Instant, now_us: u64) {
        let target = self.bandwidth.target_bps();
        match self.source {
            // It fills what it is given, so that the estimate grows by use.
            Source::Elastic(_) => {}
            Source::Layered => {
                let before = self.rung;
                while self.rung > 0 && target < Self::rate_of(self.rung) {
                    self.rung -= 1;
                }
                if self.rung == before && target >= Self::rate_of(self.rung + 1).saturating_mul(21) / 20 {
                    self.rung += 1;
                    self.wants_key = true;
                }
                if self.rung != before {
                    self.changes.push(now_us);
                }
                let above = Self::rate_of(self.rung + 1);
                let needed = if above == u64::MAX { 0 } else { above * 21 / 20 };
                self.bandwidth.set_demand(Self::rate_of(self.rung), needed, needed);
            }
        }
        self.pacer.set_allowance(self.bandwidth.burst_bytes());
        self.pacer.set_rate(now, self.bandwidth.pacing_bps());
    }

    /// Bits/s of video now.
    fn video_bps(&self) -> u64 {
        match self.source {
            Source::Layered => RUNGS[self.rung],
            Source::Elastic(max_bps) => self.bandwidth.target_bps().min(max_bps).saturating_sub(AUDIO_BPS),
        }
    }

    /// Frames differ by 30 % each way, and the first one of a higher rung is a key frame of four times the size.
    fn frame_bytes(&mut self) -> usize {
        let mean = (self.video_bps() * FRAME_US / 8_000_000) as f64;
        let times = if std::mem::take(&mut self.wants_key) { 4.0 } else { 0.7 + 0.6 * self.random.unit() };
        (mean * times) as usize
    }

    pub(super) fn step(&mut self, now: Instant, now_us: u64, out: &mut Vec<OnLink>) {
        self.take_feedback(now, now_us);
        if self.bandwidth.next_deadline().is_some_and(|at| at <= now) {
            self.bandwidth.handle_timeout(now);
            self.allocate(now, now_us);
        }
        if let Some(probe) = self.bandwidth.poll_probe(now) {
            self.pacer.start_probe(now, probe);
        }
        if now_us >= self.next_audio_us {
            self.next_audio_us += AUDIO_US;
            self.send(now, Urgency::Immediate, self.audio_bytes, out);
        }
        if now_us >= self.next_frame_us {
            self.next_frame_us += FRAME_US;
            let mut left = self.frame_bytes();
            while left > 0 {
                let bytes = left.clamp(100, PACKET);
                self.send(now, Urgency::InTurn, bytes, out);
                left = left.saturating_sub(bytes);
            }
        }
        self.drain(now, out);
        loop {
            let padding = self.pacer.padding_due(now);
            if padding == 0 {
                break;
            }
            let probe = self.pacer.on_padding(now, padding);
            let sequence = self.bandwidth.next_sequence();
            self.leave(now, sequence, padding, probe, out);
        }
    }

    fn send(&mut self, now: Instant, urgency: Urgency, wire_bytes: usize, out: &mut Vec<OnLink>) {
        match self.pacer.admit(now, urgency, wire_bytes) {
            Admission::Now(probe) => {
                let sequence = self.bandwidth.next_sequence();
                self.leave(now, sequence, wire_bytes, probe, out);
            }
            Admission::Wait => {
                self.pacer.hold(urgency, wire_bytes, |buffer| {
                    buffer.push(0);
                    Some(())
                });
            }
            Admission::Full => {}
        }
    }

    fn drain(&mut self, now: Instant, out: &mut Vec<OnLink>) {
        if self.pacer.next_deadline().is_none_or(|at| at > now) {
            return;
        }
        while let Some(queued) = self.pacer.poll(now) {
            let (wire_bytes, probe) = (queued.wire_bytes, queued.probe);
            let sequence = self.bandwidth.next_sequence();
            self.leave(now, sequence, wire_bytes, probe, out);
        }
    }

    fn leave(&mut self, now: Instant, number: u64, wire_bytes: usize, probe: Option<ProbeId>, out: &mut Vec<OnLink>) {
        self.bandwidth.on_sent(now, number, wire_bytes, probe);
        self.sent_bytes += wire_bytes as u64;
        out.push(OnLink { flow: self.flow, number, wire_bytes });
    }

    pub(super) fn receive(&mut self, packet: OnLink, arrived_us: u64) {
        self.received_bytes += packet.wire_bytes as u64;
        self.receiver.arrivals.push((packet.number, arrived_us + self.receiver.offset_us));
    }

    /// Writes feedback when it is time; it takes 20 ms back.
    pub(super) fn tell(&mut self, now_us: u64) {
        if now_us < self.receiver.next_us || self.receiver.arrivals.is_empty() {
            return;
        }
        self.receiver.next_us = now_us + self.receiver.interval_us;
        let now_there = now_us + self.receiver.offset_us;
        let mut arrived: Vec<_> = self.receiver.arrivals.extract_if(.., |(_, at)| *at <= now_there).collect();
        let Some(first) = arrived.iter().map(|(number, _)| *number).min() else { return };
        let receiver = &mut self.receiver;
        receiver.told.retain(|(_, at)| at + 500_000 > now_there);
        let fresh = arrived.len();
        arrived.extend(receiver.told.iter().filter(|(number, _)| *number > first));
        receiver.told.extend_from_slice(&arrived[..fresh]);
        arrived.sort_unstable();
        let mut rest = arrived.as_slice();
        while !rest.is_empty() {
            let mut packet = Vec::new();
            let taken = rtcp::write_transport_feedback(&mut packet, 1, 2, self.receiver.count, u64::MAX, rest);
            self.receiver.count = self.receiver.count.wrapping_add(1);
            rest = &rest[taken..];
            if self.random.unit() >= self.feedback_loss {
                self.feedback.push_back((now_us + 20_000, packet));
            }
        }
    }

    fn take_feedback(&mut self, now: Instant, now_us: u64) {
        while let Some((_, packet)) = self.feedback.pop_front_if(|(at, _)| *at <= now_us) {
            for item in rtcp::packets(&packet) {
                if let Ok(RtcpPacket::TransportFeedback(feedback)) = item {
                    self.bandwidth.on_feedback(now, &feedback);
                }
            }
            self.allocate(now, now_us);
        }
    }

    /// Rung changes in a span of time.
    pub(super) fn changes_between(&self, from_s: f64, to_s: f64) -> usize {
        let in_span = |at: &&u64| **at as f64 >= from_s * 1e6 && (**at as f64) < to_s * 1e6;
        self.changes.iter().filter(in_span).count()
    }
}

/// A time after the start.
pub(super) fn at(epoch: Instant, us: u64) -> Instant {
    epoch + Duration::from_micros(us)
}
