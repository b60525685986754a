//! The estimate of one viewer's path: sends and feedback in, a target out.

use super::bursts::Bursts;
use super::crowding::Crowding;
use super::delay_control::{DelayControl, Signals};
use super::feedback::{Arrivals, Continuity, ReceiverClock};
use super::limits::{BandwidthLimits, BandwidthStats, PathState};
use super::loss::LossLimit;
use super::probe::{Probe, ProbeControl, ProbeId};
use super::queue_delay::QueueDelay;
use super::queue_trace::{QueueTrace, Swell};
use super::rate_window::RateWindow;
use super::report_loss::ReportLoss;
use super::sent::{Arrival, SentHistory, SentPacket};
use super::trendline::Trendline;
use colloquy_codecs::rtcp::TransportFeedback;
use std::ops::Range;
use std::time::{Duration, Instant};

/// What arrived and what was sent is looked at over this time, microseconds; a few frames and feedback packets.
const RATE_US: u64 = 500_000;
/// While a queue stands, what arrives is the link's rate, and a short look suffices, microseconds.
const SHORT_RATE_US: u64 = 120_000;
/// A source that sends less than this part of the target does not fill the link.
const APP_LIMITED: f64 = 0.85;
/// Without feedback for this long and a round trip, though packets were sent, the rate falls, microseconds.
const SILENCE_US: u64 = 1_000_000;
/// And to this part of it each time.
const SILENCE_CUT: f64 = 0.7;
/// No cluster is sent into a queue longer than this, microseconds.
const PROBE_QUEUE_US: u64 = 40_000;
/// Packets that left this long before the last ones told of are not told of for the first time, microseconds.
const REORDER_US: u64 = 100_000;
/// Packets leave at this many times the target, so that a frame is on the wire in a fraction of its interval; libwebrtc's.
const PACING: f64 = 2.5;
/// While a queue drains they leave no faster than needed.
const DRAIN_PACING: f64 = 1.1;
/// Beside a flow that keeps the queue full bursts are what gets lost, and key frames that repair it make the next ones. The target
/// there has a little room above what is used.
const RIVAL_PACING: f64 = 1.0;
/// While a queue longer than this stands, packets that leave faster than the link carries them only make it longer, microseconds: a key
/// frame takes its time.
const FILLED_US: u64 = 30_000;
const FILLED_PACING: f64 = 1.2;
/// After a cut what waited in the pacer meanwhile leaves little faster than the rate for so long, microseconds: all at once it would be the
/// next queue.
const BACKLOG_US: u64 = 1_000_000;
const BACKLOG_PACING: f64 = 1.2;
/// While it is long, packets wait here rather than there: the pacer can still drop them.
const FLOOD_PACING: f64 = 0.5;
/// One of several copies that takes this much longer than the packet before it is not the first of them, which was lost, microseconds: half of
/// what they are apart.
const COPY_US: i64 = 10_000;
/// After this everyone's feedback has told of packets that left, microseconds; well within what the trace of queues remembers.
const TOLD_US: u64 = 800_000;
/// Before a round trip is measured, microseconds.
const ASSUMED_RTT_US: u64 = 100_000;
/// Round trips above this are not believed, microseconds.
const MAX_RTT_US: u64 = 10_000_000;

/// How much a viewer's path carries. Pure: it is told the time.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    epoch: Instant,
    limits: BandwidthLimits,
    history: SentHistory,
    clock: ReceiverClock,
    sent: RateWindow,
    acked: RateWindow,
    queue: QueueDelay,
    trace: QueueTrace,
    trend: Trendline,
    bursts: Bursts,
    delay: DelayControl,
    loss: LossLimit,
    crowding: Crowding,
    reports: ReportLoss,
    probes: ProbeControl,
    newest_sent_us: u64,
    /// From when the last packet told of left to when it arrived, by two clocks.
    last_way_us: Option<i64>,
    rtt_us: Option<u64>,
    has_feedback: bool,
    /// The first packet sent since the last feedback.
    waiting_since_us: Option<u64>,
    silences: u64,
    handled_us: u64,
    target_bps: f64,
}

impl Bandwidth {
    /// An estimate that knows nothing yet.
    pub(crate) fn new(limits: BandwidthLimits, now: Instant) -> Self {
        let limits = limits.ordered();
        Self {
            epoch: now,
            limits,
            history: SentHistory::new(),
            clock: ReceiverClock::default(),
            sent: RateWindow::new(),
            acked: RateWindow::new(),
            queue: QueueDelay::new(),
            trace: QueueTrace::new(),
            trend: Trendline::new(),
            bursts: Bursts::new(),
            delay: DelayControl::new(limits.start_bps),
            loss: LossLimit::default(),
            crowding: Crowding::default(),
            reports: ReportLoss::new(limits.start_bps),
            probes: ProbeControl::new(limits.start_bps),
            newest_sent_us: 0,
            last_way_us: None,
            rtt_us: None,
            has_feedback: false,
            waiting_since_us: None,
            silences: 0,
            handled_us: 0,
            target_bps: limits.start_bps as f64,
        }
    }

    fn us(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_micros()).unwrap_or(u64::MAX)
    }

    /// The next transport-wide number. Its low 16 bits go on the wire.
    #[inline]
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.history.next_sequence()
    }

    /// The datagram with this number leaves now. `wire_bytes` counts IP and UDP; `probe` is the cluster it belongs to.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: Instant, sequence: u64, wire_bytes: usize, probe: Option<ProbeId>) {
        let now_us = self.us(now);
        let bytes = u16::try_from(wire_bytes).unwrap_or(u16::MAX);
        self.history.on_sent(sequence, now_us, bytes, probe);
        self.sent.add(now_us, bytes.into());
        self.waiting_since_us.get_or_insert(now_us);
        if let Some(id) = probe {
            self.probes.on_sent(id, now_us, bytes.into());
        }
    }

    /// The same datagram leaves once more, with the number that it had if any.
    pub(crate) fn on_sent_again(&mut self, now: Instant, sequence: Option<u64>, wire_bytes: usize) {
        self.sent.add(self.us(now), u16::try_from(wire_bytes).unwrap_or(u16::MAX).into());
        sequence.into_iter().for_each(|sequence| self.history.on_sent_again(sequence));
    }

    /// Takes in transport-wide feedback. Whatever a peer may write in it, the work is bounded by its length in statuses, and
    /// what was never sent, or told before, counts for nothing.
    pub(crate) fn on_feedback(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        let now_us = self.us(now);
        let reference = self.clock.advance(now_us, feedback);
        if reference.continuity == Continuity::New {
            self.forget_delays();
        }
        let mut arrivals = Arrivals::from(reference);
        let (mut newest_us, mut oldest_us) = (None, u64::MAX);
        for (low, delta) in feedback.packets() {
            let Some(arrived_us) = delta.map(|delta| arrivals.next(delta)) else { continue };
            if let Some(arrival) = self.history.on_arrived(now_us, low) {
                newest_us = newest_us.max(Some(arrival.packet.sent_us));
                oldest_us = oldest_us.min(arrival.packet.sent_us);
                self.on_arrived(now_us, arrival, arrived_us);
            }
        }
        let Some(newest_us) = newest_us else { return };
        // A late packet makes receivers tell of packets again that they may have forgotten meanwhile.
        let since_us = if self.clock.follows() { self.newest_sent_us } else { oldest_us };
        let left_us = since_us.saturating_sub(REORDER_US)..newest_us;
        let missing = feedback.packets().filter(|(_, delta)| delta.is_none()).map(|(low, _)| low);
        for low in self.clock.untold(feedback).chain(missing) {
            if let Some(packet) = self.history.on_missed(now_us, low, left_us.clone()) {
                self.on_missed(now_us, packet);
            }
        }
        self.has_feedback = true;
        self.waiting_since_us = None;
        self.on_rtt(now_us.saturating_sub(newest_us));
        self.newest_sent_us = self.newest_sent_us.max(newest_us);
        self.sent.pass(now_us);
        self.control(now_us);
    }

    fn on_arrived(&mut self, now_us: u64, arrival: Arrival, arrived_us: Option<u64>) {
        let packet = arrival.packet;
        match arrival.was_missed {
            true => self.loss.on_late(packet.sent_us),
            false => self.loss.on_arrived(packet.sent_us),
        }
        // Of several copies all must be lost for one to be missing.
        match (packet.sendings, arrival.was_missed) {
            (2.., _) => {}
            (_, true) => self.crowding.on_late(now_us),
            (_, false) => self.crowding.on_arrived(now_us),
        }
        let Some(arrived_us) = arrived_us else { return };
        let way_us = i64::try_from(arrived_us).unwrap_or(i64::MAX).saturating_sub_unsigned(packet.sent_us);
        let before_us = self.last_way_us.replace(way_us).unwrap_or(way_us);
        if packet.sendings > 1 {
            // Feedback knows of one; the path carried the others as well, or most of them.
            self.acked.add(arrived_us, packet.wire_bytes * u32::from(packet.sendings - 1));
            if way_us.saturating_sub(before_us) > COPY_US {
                // The first of them was lost, and how long the second was on its way nobody knows.
                self.acked.add(arrived_us, packet.wire_bytes);
                return packet.probe.into_iter().for_each(|id| self.probes.on_missed(id));
            }
        }
        let Some(queue_us) = self.queue.on_packet(packet.sent_us, arrived_us) else { return };
        self.trace.add(packet.sent_us, queue_us);
        self.acked.add(arrived_us, packet.wire_bytes);
        self.trend.on_packet(packet.sent_us, arrived_us);
        self.bursts.on_arrived(packet.sent_us, arrived_us, packet.wire_bytes);
        self.delay.on_arrived(packet.sent_us, packet.wire_bytes);
        if let Some(id) = packet.probe {
            let waited_us = queue_us.saturating_sub(self.queue.lasting_us());
            self.probes.on_arrived(id, arrived_us, waited_us, packet.wire_bytes);
        }
    }

    fn on_missed(&mut self, now_us: u64, packet: SentPacket) {
        self.loss.on_missed(packet.sent_us);
        if packet.sendings <= 1 {
            self.crowding.on_missed(now_us, self.trace.standing_us(packet.sent_us));
        }
        self.queue.on_missed();
        self.bursts.on_missed(packet.sent_us);
        self.delay.on_missed(packet.sent_us);
        if let Some(id) = packet.probe {
            self.probes.on_missed(id);
        }
    }

    /// The receiver's clock is another one.
    fn forget_delays(&mut self) {
        self.acked = RateWindow::new();
        self.queue = QueueDelay::new();
        self.last_way_us = None;
        self.trace = QueueTrace::new();
        self.trend = Trendline::new();
        self.bursts = Bursts::new();
        self.delay.forget_delays();
    }

    fn on_rtt(&mut self, sample_us: u64) {
        let sample_us = sample_us.clamp(1_000, MAX_RTT_US);
        self.rtt_us = Some(self.rtt_us.map_or(sample_us, |rtt| (7 * rtt + sample_us) / 8));
    }

    fn rtt_or_assumed_us(&self) -> u64 {
        self.rtt_us.unwrap_or(ASSUMED_RTT_US)
    }

    fn is_app_limited(&self) -> bool {
        self.sent.bps(RATE_US).is_none_or(|sent_bps| sent_bps < APP_LIMITED * self.target_bps)
    }

    fn control(&mut self, now_us: u64) {
        let standing_us = self.queue.standing_us();
        let cut_before = self.delay.last_cut_us();
        self.delay.update(&Signals {
            now_us,
            newest_sent_us: self.newest_sent_us,
            acked_bps: self.acked.bps(RATE_US),
            acked_short_bps: self.acked.bps(SHORT_RATE_US),
            standing_us,
            recent_us: self.queue.recent_us(),
            noise_us: self.queue.noise_us(),
            trend: self.trend.state(),
            is_probed: self.probes.fills_queue(self.newest_sent_us),
            is_app_limited: self.is_app_limited(),
            needed_bps: self.probes.needed_bps(),
            rtt_us: self.rtt_or_assumed_us(),
        });
        self.delay.clamp(&self.limits);
        self.queue.is_held = self.delay.is_pressed(now_us);
        self.loss.update(now_us, self.sent.bps(RATE_US).unwrap_or(self.target_bps), standing_us);
        if self.delay.last_cut_us() != cut_before {
            self.probes.on_cut(now_us, self.delay.bps());
            self.bursts.be_wary(now_us);
        }
        self.conclude_probe(now_us);
        self.retarget();
    }

    fn conclude_probe(&mut self, now_us: u64) {
        let found_bps = self.probes.conclude(now_us, self.rtt_or_assumed_us(), self.target_bps);
        if let Some(found_bps) = found_bps {
            self.delay.on_found(self.limits.clamp(found_bps));
        }
    }

    fn retarget(&mut self) {
        let bps = if self.has_feedback {
            self.loss.bps().map_or(self.delay.bps(), |limit| limit.min(self.delay.bps()))
        } else {
            self.reports.bps()
        };
        self.target_bps = self.limits.clamp(bps);
    }

    /// The receiver's own estimate (draft-alvestrand-rmcat-remb-03). Of no account once there is transport-wide feedback.
    pub(crate) fn on_remb(&mut self, now: Instant, bitrate_bps: u64) {
        let now_us = self.us(now);
        self.reports.on_remb(now_us, self.limits.clamp(bitrate_bps as f64));
        self.retarget();
    }

    /// A receiver report: the losses count where there is no transport-wide feedback, the round trip always.
    /// `fraction_lost` is 0.0..=1.0.
    pub(crate) fn on_receiver_report(&mut self, now: Instant, fraction_lost: f32, rtt: Option<Duration>) {
        let now_us = self.us(now);
        if let Some(rtt) = rtt.filter(|_| !self.has_feedback || self.rtt_us.is_none()) {
            self.on_rtt(u64::try_from(rtt.as_micros()).unwrap_or(MAX_RTT_US));
        }
        if !fraction_lost.is_finite() || self.has_feedback {
            return;
        }
        self.sent.pass(now_us);
        let loss = f64::from(fraction_lost.clamp(0.0, 1.0));
        let is_app_limited = self.is_app_limited();
        self.reports.on_report(now_us, loss, self.rtt_or_assumed_us(), self.target_bps, is_app_limited);
        self.reports.clamp(&self.limits);
        self.retarget();
    }

    /// The loss that repeating packets is worth, 0.0..=1.0: what the path loses by itself, and little of what is lost in a full queue.
    /// `None` where no feedback tells, or little was sent of late.
    pub(crate) fn loss_to_repair(&self, now: Instant) -> Option<f32> {
        self.crowding.to_repair(self.us(now))
    }

    /// There and back, smoothed; `None` before it is known.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.rtt_us.map(Duration::from_micros)
    }

    /// What may be sent in all, bits/s, headers included.
    pub(crate) fn target_bps(&self) -> u64 {
        self.target_bps as u64
    }

    /// What may be sent once a queue has drained, bits/s: no less than [`target_bps`](Self::target_bps).
    pub(crate) fn drained_bps(&self) -> u64 {
        let limit_bps = self.loss.bps().unwrap_or(f64::MAX);
        (self.limits.clamp(self.delay.drained_bps().min(limit_bps)) as u64).max(self.target_bps())
    }

    /// The pace for a [`Pacer`](super::Pacer), bits/s.
    pub(crate) fn pacing_bps(&self) -> u64 {
        let pace_bps = self.target_bps * self.careful_pacing().unwrap_or(PACING);
        // Faster than the link is known to carry, packets would only wait there.
        let known_bps = [self.delay.capacity_bps(), self.probes.full_bps].into_iter().flatten().reduce(f64::max);
        known_bps.map_or(pace_bps, |known| pace_bps.min(known.max(DRAIN_PACING * self.target_bps))) as u64
    }

    /// What may leave in one go though the pace has it spread, bytes with headers; 0: nothing.
    pub(crate) fn burst_bytes(&self) -> usize {
        if self.careful_pacing().is_none() { self.bursts.may_bytes() as usize } else { 0 }
    }

    /// The same where it was seen that the path takes it in.
    pub(crate) fn proven_burst_bytes(&self) -> usize {
        if self.careful_pacing().is_none() { self.bursts.proven_bytes() as usize } else { 0 }
    }

    /// How fast packets leave, of the target, while there is reason to hold them back.
    fn careful_pacing(&self) -> Option<f64> {
        match (self.delay.is_flooded(), self.delay.is_draining()) {
            (true, _) => Some(FLOOD_PACING),
            (false, true) => Some(DRAIN_PACING),
            (false, false) if self.delay.state() == PathState::Rival => Some(RIVAL_PACING),
            (false, false) if self.queue.standing_us() > FILLED_US => Some(FILLED_PACING),
            (false, false) if self.has_backlog() => Some(BACKLOG_PACING),
            (false, false) => None,
        }
    }

    fn has_backlog(&self) -> bool {
        self.delay.last_cut_us().is_some_and(|at| self.newest_sent_us < at + BACKLOG_US)
    }

    /// What the allocator uses now, the rate at which the next better layer fits, and the rate at which all fits (0: there is nothing
    /// better). Says whether to probe, and how far.
    pub(crate) fn set_demand(&mut self, allocated_bps: u64, needed_bps: u64, wanted_bps: u64) {
        self.delay.set_allocated(allocated_bps, wanted_bps);
        let max_bps = self.limits.max_bps;
        self.probes.set_demand(needed_bps.min(max_bps), wanted_bps.min(max_bps));
    }

    /// What others who share the bottleneck are known to get of it, bits/s: what a cluster finds is told from what it takes of theirs.
    pub(crate) fn set_beside(&mut self, bps: u64) {
        self.probes.beside_bps = bps as f64;
    }

    /// A probe to start now, if one is due. Ask after feedback and when [`next_deadline`](Self::next_deadline) has come.
    pub(crate) fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        let now_us = self.us(now);
        // Without feedback, nothing would tell what a cluster found.
        let is_blocked = !self.has_feedback
            || self.loss.bps().is_some_and(|limit| limit < self.delay.bps())
            || self.delay.is_draining()
            || matches!(self.delay.state(), PathState::Overuse | PathState::Rival)
            || self.queue.standing_us() > PROBE_QUEUE_US;
        if is_blocked {
            return None;
        }
        self.probes.poll(now_us, self.target_bps, self.limits.max_bps as f64, self.queue.noise_us())
    }

    /// When the packets of a cluster left, once it was long enough ago that everyone's feedback has told of that time. Each is
    /// given once.
    pub(crate) fn take_probed(&mut self, now: Instant) -> Option<Range<Instant>> {
        let (first_us, last_us) = self.probes.take_left(self.us(now).saturating_sub(TOLD_US))?;
        let at = |us| self.epoch.checked_add(Duration::from_micros(us));
        Some(at(first_us)?..at(last_us)?)
    }

    /// The queue that packets met that left in a span, within the last second.
    pub(crate) fn swell(&self, span: &Range<Instant>) -> Option<Swell> {
        self.trace.swell(&(self.us(span.start)..self.us(span.end)))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_probe`](Self::poll_probe) though nothing came.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if !self.has_feedback {
            return None;
        }
        let silence_us = self.waiting_since_us.map(|since| since + SILENCE_US + self.rtt_or_assumed_us());
        let probe_us = self.probes.deadline_us(self.rtt_or_assumed_us(), self.target_bps);
        // A probe that was due and did not start waits for feedback.
        let due_us = [silence_us, probe_us.filter(|at| *at > self.handled_us)].into_iter().flatten().min()?;
        self.epoch.checked_add(Duration::from_micros(due_us))
    }

    /// What is due by itself: the rate falls while feedback does not come, and a probe that was lost is given up.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let now_us = self.us(now);
        self.handled_us = self.handled_us.max(now_us);
        if !self.has_feedback {
            return;
        }
        let patience_us = SILENCE_US + self.rtt_or_assumed_us();
        if self.waiting_since_us.is_some_and(|since| now_us >= since + patience_us) {
            self.waiting_since_us = Some(now_us);
            self.silences += 1;
            self.delay.on_silence(SILENCE_CUT);
            self.delay.clamp(&self.limits);
        }
        self.conclude_probe(now_us);
        self.retarget();
    }

    /// What the estimate tells of itself.
    pub(crate) fn stats(&self) -> BandwidthStats {
        BandwidthStats {
            target_bps: self.target_bps as u64,
            acknowledged_bps: self.acked.bps(RATE_US).unwrap_or(0.0) as u64,
            delay_based_bps: self.delay.bps() as u64,
            loss_based_bps: self.loss.bps().unwrap_or(self.limits.max_bps as f64) as u64,
            queue: Duration::from_micros(self.queue.standing_us()),
            rtt: self.rtt_us.map(Duration::from_micros),
            loss: self.loss.loss() as f32,
            state: self.delay.state(),
            probes: self.probes.started,
            probes_raised: self.probes.raised,
            lost_feedback: self.clock.lost_feedback,
            silences: self.silences,
        }
    }

    /// Bytes on the heap, for the bounds that tests check.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.history.heap_bytes()
    }
}
