//! When packets leave: a budget that fills at the pace, and a queue for what it does not cover.
//!
//! A frame is 10 packets or more at once; sent at once, they queue in front of the bottleneck, delay what comes behind them, and
//! look like congestion. The pace is a multiple of the target (2.5, libwebrtc's): a frame is out in well under half
//! its interval, so that pacing costs little delay, and the bursts stay short.
//!
//! For each packet: [`Pacer::admit`]; if it may leave now, seal it to the wire, and nothing was copied; if it must wait, write it
//! into [`Pacer::hold`]. Then [`Pacer::poll`] at [`Pacer::next_deadline`], and seal it. Transport-wide numbers are given when a packet
//! leaves: they go in the order of departure, or receivers take what waited for lost.

use super::packet_queue::{MAX_BYTES, PacketQueue, Queued, Urgency};
use super::probe::{Probe, ProbeId};
use super::spread::Spread;
use std::time::{Duration, Instant};

/// What may leave in one go, as time at the pace: one tick, so that timers fire at most this often, and packets run together.
const TICK: Duration = Duration::from_millis(5);
/// A deadline is never nearer than this: a timer for less costs more than it gives.
const MIN_WAIT: Duration = Duration::from_millis(1);
/// Longer than this nothing waits, at the pace: a key frame of a shared screen takes most of it where the link carries its layer just
/// about, and less than a whole one is of no use. At the limit the newest is dropped: what waits already belongs to frames that came
/// first.
const MAX_QUEUE: Duration = Duration::from_millis(1_000);
/// The same for who is shown a screen, at the rate of what is spread: a page of text is 60 to 120 kB, and less than a whole one is of no use.
const MAX_QUEUE_SPREAD: Duration = Duration::from_secs(3);
/// What was held at a faster pace may wait this many times as long: each packet that is let go leaves a gap in numbers already given.
const SLOWED: usize = 2;
/// Held at least, however slow the pace: a frame of a small video, of which each packet's turn comes.
const MIN_QUEUE_BYTES: usize = 16 * 1024;
/// Filler smaller than this is not worth a packet.
const MIN_PADDING: usize = 100;
/// Filler in one go at most, bytes: one packet.
const MAX_PADDING: usize = 1_200;
/// A cluster that could not be sent in this many times its length is given up.
const MAX_OVERRUN: u32 = 4;

/// Whether a packet may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Now, as part of the cluster if there is one. It is paid for.
    Now(Option<ProbeId>),
    /// [`Pacer::hold`] it.
    Wait,
    /// The queue is full: drop it, and ask for a key frame. It is counted.
    Full,
}

/// What a pacer tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PacerStats {
    /// Packets that wait now.
    pub(crate) held_packets: usize,
    /// Bytes that wait now.
    pub(crate) held_bytes: usize,
    /// Packets that had to wait.
    pub(crate) waited: u64,
    /// Packets that were dropped.
    pub(crate) dropped: u64,
}

/// A cluster while it is sent.
#[derive(Debug, Clone, Copy)]
struct Running {
    probe: Probe,
    began: Instant,
    sent_bytes: usize,
    sent_packets: usize,
}

/// Spreads one viewer's packets.
#[derive(Debug)]
pub(crate) struct Pacer<N> {
    rate_bps: u64,
    /// What may leave in one go, where it is more than a tick's worth.
    allowance_bytes: f64,
    /// Bytes sent ahead of the budget.
    debt_bytes: f64,
    paid_at: Instant,
    /// For who is shown a screen.
    spread: Option<Spread>,
    queue: PacketQueue<N>,
    running: Option<Running>,
    has_overflowed: bool,
    waited: u64,
    dropped: u64,
}

impl<N> Pacer<N> {
    /// A pacer at this pace ([`Bandwidth::pacing_bps`](super::Bandwidth::pacing_bps)).
    pub(crate) fn new(rate_bps: u64, now: Instant) -> Self {
        Self {
            rate_bps: rate_bps.max(1_000),
            allowance_bytes: 0.0,
            debt_bytes: 0.0,
            paid_at: now,
            spread: None,
            queue: PacketQueue::default(),
            running: None,
            has_overflowed: false,
            waited: 0,
            dropped: 0,
        }
    }

    /// Changes the pace. What would now wait too long is dropped.
    pub(crate) fn set_rate(&mut self, now: Instant, rate_bps: u64) {
        self.pay(now);
        self.rate_bps = rate_bps.max(1_000);
        let dropped = self.queue.shorten(SLOWED * self.max_bytes());
        self.count_dropped(dropped);
    }

    /// Lets nothing but clusters leave faster than `rate_bps`, beyond what the path takes in at once (`taken_bytes` were seen to be): large
    /// pictures take their time here, and not before the bottleneck.
    pub(crate) fn spread(&mut self, now: Instant, rate_bps: u64, taken_bytes: usize) {
        self.spread.get_or_insert_with(|| Spread::new(now)).set(now, rate_bps, taken_bytes);
    }

    /// From now on the pace alone counts.
    pub(crate) fn spread_no_more(&mut self) {
        self.spread = None;
    }

    /// Lets so much leave in one go, where it is more than a tick's worth: a whole picture, where the path takes it in. It is paid for
    /// afterwards, so that no more leaves on average.
    pub(crate) fn set_allowance(&mut self, bytes: usize) {
        self.allowance_bytes = bytes as f64;
    }

    /// Drops whatever waits, and gives up the running cluster: there is no way to the receiver.
    pub(crate) fn clear(&mut self) {
        let dropped = self.queue.shorten(0);
        self.count_dropped(dropped);
        self.running = None;
    }

    /// Drops what waits and is not to leave any more: nobody misses it, and no key frame need follow. What stays keeps its order.
    /// Gives how many were dropped.
    pub(crate) fn purge(&mut self, is_void: impl Fn(&N) -> bool) -> u64 {
        self.queue.purge(is_void)
    }

    /// Whether packets were dropped since this was asked last: ask for a key frame.
    pub(crate) fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.has_overflowed)
    }

    fn count_dropped(&mut self, packets: u64) {
        self.dropped += packets;
        self.has_overflowed |= packets > 0;
    }

    fn max_bytes(&self) -> usize {
        let by_time = match &self.spread {
            Some(spread) => spread.bytes_in(MAX_QUEUE_SPREAD),
            None => self.rate_bps as f64 / 8.0 * MAX_QUEUE.as_secs_f64(),
        };
        (by_time as usize).clamp(MIN_QUEUE_BYTES, MAX_BYTES)
    }

    /// Bytes/s at which the budget fills.
    fn fill_rate(&self) -> f64 {
        let probe_bps = self.running.map_or(0, |running| running.probe.rate_bps);
        self.rate_bps.max(probe_bps) as f64 / 8.0
    }

    fn pay(&mut self, now: Instant) {
        if now <= self.paid_at {
            // The next packet of a picture.
            return;
        }
        let passed = now.saturating_duration_since(self.paid_at);
        self.paid_at = now;
        self.debt_bytes = (self.debt_bytes - passed.as_secs_f64() * self.fill_rate()).max(0.0);
    }

    fn tick_bytes(&self) -> f64 {
        self.fill_rate() * TICK.as_secs_f64()
    }

    fn burst_bytes(&self) -> f64 {
        // A cluster is worth what its pace is worth.
        let allowance = if self.running.is_some() { 0.0 } else { self.allowance_bytes };
        self.tick_bytes().max(allowance)
    }

    fn has_budget(&mut self, now: Instant) -> bool {
        let is_cluster = self.running.is_some();
        let is_spread = |spread: &mut Spread| is_cluster || spread.has_budget(now);
        self.debt_bytes < self.burst_bytes().max(1.0) && self.spread.as_mut().is_none_or(is_spread)
    }

    fn add_debt(&mut self, now: Instant, wire_bytes: usize) {
        self.debt_bytes += wire_bytes as f64;
        if let Some(spread) = &mut self.spread {
            spread.charge(now, wire_bytes);
        }
    }

    /// Charges a packet, and says which cluster it belongs to.
    fn charge(&mut self, now: Instant, wire_bytes: usize) -> Option<ProbeId> {
        self.add_debt(now, wire_bytes);
        let running = self.running.as_mut()?;
        running.sent_bytes += wire_bytes;
        running.sent_packets += 1;
        let id = running.probe.id;
        if running.is_over(now) {
            self.running = None;
        }
        Some(id)
    }

    /// Whether a packet may leave now. The hot path: nothing waits and the budget covers it.
    #[inline]
    pub(crate) fn admit(&mut self, now: Instant, urgency: Urgency, wire_bytes: usize) -> Admission {
        self.pay(now);
        if urgency == Urgency::Immediate || (self.queue.is_first(urgency) && self.has_budget(now)) {
            return Admission::Now(self.charge(now, wire_bytes));
        }
        if self.queue.bytes() + wire_bytes > self.max_bytes() {
            self.count_dropped(1);
            return Admission::Full;
        }
        Admission::Wait
    }

    /// Keeps a packet that must wait: `write` puts it into an empty buffer, and gives what to note of it. `false`, and nothing is kept,
    /// where that fails.
    pub(crate) fn hold(
        &mut self,
        urgency: Urgency,
        wire_bytes: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Option<N>,
    ) -> bool {
        self.waited += 1;
        self.queue.push(urgency, wire_bytes, write)
    }

    /// A packet whose turn has come; ask until there is none.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Queued<'_, N>> {
        if self.queue.is_empty() {
            return None;
        }
        self.pay(now);
        if !self.has_budget(now) {
            return None;
        }
        let wire_bytes = self.queue.next_wire_bytes()?;
        let probe = self.charge(now, wire_bytes);
        self.queue.pop(probe)
    }

    /// Sends a cluster from now on: what leaves is part of it until it is complete.
    pub(crate) fn start_probe(&mut self, now: Instant, probe: Probe) {
        self.pay(now);
        self.debt_bytes = 0.0;
        self.running = Some(Running { probe, began: now, sent_bytes: 0, sent_packets: 0 });
    }

    /// How much filler to send now to keep the running cluster's pace, bytes with headers; 0 for none. Send one packet of up
    /// to that size, tell [`on_padding`](Self::on_padding), and ask again.
    pub(crate) fn padding_due(&mut self, now: Instant) -> usize {
        self.pay(now);
        // Where there is nothing to make filler of, the cluster ends by its time.
        self.running = self.running.filter(|running| !running.is_over(now));
        let Some(running) = self.running.filter(|_| self.queue.is_empty()) else { return 0 };
        let behind = running.behind_bytes(now);
        if behind < MIN_PADDING { 0 } else { behind.min(MAX_PADDING) }
    }

    /// Filler of this size leaves now, as part of the cluster told.
    pub(crate) fn on_padding(&mut self, now: Instant, wire_bytes: usize) -> Option<ProbeId> {
        self.pay(now);
        self.charge(now, wire_bytes)
    }

    /// Something leaves now that waits for nobody and is part of no cluster: it is paid for.
    pub(crate) fn charge_aside(&mut self, now: Instant, wire_bytes: usize) {
        self.pay(now);
        self.add_debt(now, wire_bytes);
    }

    /// When to [`poll`](Self::poll) and to look for [`padding_due`](Self::padding_due); `None` while nothing waits.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if !self.queue.is_empty() {
            // When a whole tick is there, so that one wake-up sends it in one go.
            let over = self.debt_bytes - (self.burst_bytes() - self.tick_bytes());
            let wait = Duration::from_secs_f64(over.max(0.0) / self.fill_rate());
            let spread = self.spread.filter(|_| self.running.is_none());
            let wait = spread.map_or(wait, |spread| wait.max(spread.wait(TICK)));
            return Some(self.paid_at + wait.max(MIN_WAIT));
        }
        self.running.map(|running| running.next_padding(self.paid_at))
    }

    /// How long what is to leave [`Urgency::Soon`] waits.
    pub(crate) fn wait_of_soon(&self) -> Duration {
        self.time_for(self.queue.soon_bytes())
    }

    /// How long all that waits does.
    pub(crate) fn wait_of_all(&self) -> Duration {
        self.time_for(self.queue.bytes())
    }

    fn time_for(&self, bytes: usize) -> Duration {
        let by_pace = Duration::from_secs_f64(bytes as f64 / self.fill_rate());
        self.spread.map_or(by_pace, |spread| spread.time_for(bytes).max(by_pace))
    }

    /// What waits and what was dropped.
    pub(crate) fn stats(&self) -> PacerStats {
        PacerStats {
            held_packets: self.queue.packets(),
            held_bytes: self.queue.bytes(),
            waited: self.waited,
            dropped: self.dropped,
        }
    }
}

impl Running {
    /// All of it left, or its time is over.
    fn is_over(&self, now: Instant) -> bool {
        let probe = &self.probe;
        let length = Duration::from_secs_f64(probe.bytes as f64 * 8.0 / probe.rate_bps.max(1) as f64).max(4 * TICK);
        let is_complete = self.sent_bytes >= probe.bytes && self.sent_packets >= probe.packets;
        is_complete || now.saturating_duration_since(self.began) > length * MAX_OVERRUN
    }

    /// Bytes that should have left by now and did not. The first packet leaves at once.
    fn behind_bytes(&self, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.began) + TICK;
        let due = passed.as_secs_f64() * self.probe.rate_bps as f64 / 8.0;
        (due as usize).saturating_sub(self.sent_bytes)
    }

    fn next_padding(&self, after: Instant) -> Instant {
        let packet = Duration::from_secs_f64(MAX_PADDING as f64 * 8.0 / self.probe.rate_bps.max(1) as f64);
        after + packet.clamp(MIN_WAIT, TICK)
    }
}
