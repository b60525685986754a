//! A place where datagrams wait for their turn: a rate, which may change with time, and a drop-tail queue.
//!
//! Nothing is stored: a queue of a known rate is known by when it will be empty.

use std::time::{Duration, Instant};

/// How much waits at most before what comes is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// As long as it would take to send it.
    Time(Duration),
    /// As many bytes, IP and UDP headers included.
    Bytes(usize),
}

/// The rate from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStep {
    /// From when on.
    pub at: Instant,
    /// Bits a second; `None` holds nothing back.
    pub rate_bps: Option<u64>,
}

/// Steps of a schedule at most: nobody needs more, and they are walked for every datagram.
const MAX_STEPS: usize = 1_024;

/// A rate and its queue. Many lanes may pass one.
#[derive(Debug, Clone)]
pub struct Bottleneck {
    rate_bps: Option<u64>,
    queue: Queue,
    /// What comes later, in the order of time.
    steps: Vec<RateStep>,
    /// When the last datagram taken has left.
    busy_until: Option<Instant>,
    dropped: u64,
}

impl Bottleneck {
    /// A bottleneck that keeps its rate. `None` holds nothing back.
    #[must_use]
    pub fn new(rate_bps: Option<u64>, queue: Queue) -> Self {
        Self { rate_bps, queue, steps: Vec::new(), busy_until: None, dropped: 0 }
    }

    /// Has the rate change with time. What waits when it changes leaves at the new rate. Steps past the first 1,024 are
    /// left out.
    pub fn set_schedule(&mut self, mut steps: Vec<RateStep>) {
        steps.sort_by_key(|step| step.at);
        steps.truncate(MAX_STEPS);
        self.steps = steps;
    }

    /// Another rate from the next datagram on, instead of everything that was planned. What waits now leaves as it would
    /// have: it was told its time already.
    pub fn set_rate(&mut self, rate_bps: Option<u64>) {
        self.rate_bps = rate_bps;
        self.steps.clear();
    }

    /// Another limit of the queue, from the next datagram on.
    pub fn set_queue(&mut self, queue: Queue) {
        self.queue = queue;
    }

    /// The rate at a moment, in bits a second.
    #[must_use]
    pub fn rate_bps(&self, now: Instant) -> Option<u64> {
        self.steps.iter().take_while(|step| step.at <= now).last().map_or(self.rate_bps, |step| step.rate_bps)
    }

    /// How long a datagram that comes now would wait before its first bit leaves.
    #[must_use]
    pub fn queue_delay(&self, now: Instant) -> Duration {
        self.busy_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Datagrams that found the queue full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A datagram of `wire_bytes` comes. When its last bit has left; `None` when the queue is full.
    pub fn pass(&mut self, now: Instant, wire_bytes: usize) -> Option<Instant> {
        self.forget_past_steps(now);
        if self.is_full(now) {
            self.dropped += 1;
            return None;
        }
        let start = self.busy_until.unwrap_or(now).max(now);
        let left = self.leaves(start, wire_bytes as f64 * 8.0);
        self.busy_until = Some(left);
        Some(left)
    }

    fn forget_past_steps(&mut self, now: Instant) {
        let past = self.steps.iter().take_while(|step| step.at <= now).count();
        if let Some(last) = self.steps.drain(..past).next_back() {
            self.rate_bps = last.rate_bps;
        }
    }

    fn is_full(&self, now: Instant) -> bool {
        let waits = self.queue_delay(now);
        match (self.queue, self.rate_bps(now)) {
            (_, None) => false,
            (Queue::Time(limit), _) => waits > limit,
            (Queue::Bytes(limit), Some(rate)) => waits.as_secs_f64() * rate as f64 / 8.0 > limit as f64,
        }
    }

    /// When `bits` have left that begin to leave at `start`, through all changes of the rate on the way.
    fn leaves(&self, start: Instant, mut bits: f64) -> Instant {
        let mut at = start;
        let mut rate = self.rate_bps(start);
        for step in self.steps.iter().filter(|step| step.at > start) {
            let Some(bps) = rate else { return at };
            let room = bps as f64 * (step.at - at).as_secs_f64();
            if bits <= room {
                break;
            }
            bits -= room;
            (at, rate) = (step.at, step.rate_bps);
        }
        match rate {
            None => at,
            // A rate of nothing: a bit a second keeps times finite.
            Some(bps) => at + Duration::from_secs_f64(bits / bps.max(1) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn datagrams_leave_one_after_the_other_and_the_queue_is_read() {
        let now = Instant::now();
        let mut neck = Bottleneck::new(Some(1_000_000), Queue::Time(100 * MS));
        assert_eq!(neck.pass(now, 1250), Some(now + 10 * MS));
        assert_eq!(neck.pass(now, 1250), Some(now + 20 * MS));
        assert_eq!(neck.queue_delay(now + 5 * MS), 15 * MS);
        assert_eq!(neck.pass(now + 50 * MS, 125), Some(now + 51 * MS));
    }

    #[test]
    fn a_full_queue_drops_by_time_or_by_bytes() {
        let now = Instant::now();
        let mut by_time = Bottleneck::new(Some(1_000_000), Queue::Time(100 * MS));
        let mut by_bytes = Bottleneck::new(Some(1_000_000), Queue::Bytes(6_250));
        let taken = |neck: &mut Bottleneck| (0..50).filter(|_| neck.pass(now, 1250).is_some()).count();
        assert_eq!((taken(&mut by_time), taken(&mut by_bytes)), (11, 6));
        assert_eq!((by_time.dropped(), by_bytes.dropped()), (39, 44));
    }

    #[test]
    fn what_waits_when_the_rate_changes_leaves_at_the_new_one() {
        let now = Instant::now();
        let mut neck = Bottleneck::new(Some(1_000_000), Queue::Time(1000 * MS));
        neck.set_schedule(vec![
            RateStep { at: now + 5 * MS, rate_bps: Some(100_000) },
            RateStep { at: now + 55 * MS, rate_bps: None },
        ]);
        // Half of it in 5 ms, then 50 ms for the other half.
        assert_eq!(neck.pass(now, 1250), Some(now + 55 * MS));
        // The next waits until nothing holds it back any more.
        assert_eq!(neck.pass(now, 1250), Some(now + 55 * MS));
        assert_eq!(neck.rate_bps(now + 6 * MS), Some(100_000));
        assert_eq!(neck.rate_bps(now + 60 * MS), None);
    }

    #[test]
    fn many_lanes_share_what_there_is() {
        let now = Instant::now();
        let mut neck = Bottleneck::new(Some(1_000_000), Queue::Time(1000 * MS));
        let mut left = [now; 2];
        for i in 0..100 {
            left[i % 2] = neck.pass(now + MS * (i as u32), 1250).expect("the queue is long");
        }
        assert_eq!(left[1] - now, 1000 * MS);
    }
}
