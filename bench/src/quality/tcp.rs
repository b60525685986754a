//! A neighbour: one TCP flow with CUBIC's window (RFC 9438) that always has something to send.

use crate::impair::Bottleneck;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Bytes of a segment on the wire.
const SEGMENT_BYTES: usize = 1_500;
/// RFC 9438 section 4.1: C and beta.
const C: f64 = 0.4;
const BETA: f64 = 0.7;
/// RFC 6928.
const INITIAL_WINDOW: f64 = 10.0;

/// The sender of one flow; its receiver acknowledges everything.
#[derive(Debug)]
pub(super) struct Tcp {
    base_rtt: Duration,
    window: f64,
    slow_start_until: f64,
    before_loss: f64,
    epoch: Instant,
    last_cut: Option<Instant>,
    in_flight: u32,
    /// When which segment is known to have arrived, or not.
    news: BinaryHeap<Reverse<(Instant, bool)>>,
    delivered_bytes: u64,
}

impl Tcp {
    pub(super) fn new(now: Instant, base_rtt: Duration) -> Self {
        Self {
            base_rtt,
            window: INITIAL_WINDOW,
            slow_start_until: f64::MAX,
            before_loss: 0.0,
            epoch: now,
            last_cut: None,
            in_flight: 0,
            news: BinaryHeap::new(),
            delivered_bytes: 0,
        }
    }

    pub(super) fn delivered_bytes(&self) -> u64 {
        self.delivered_bytes
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.news.peek().map(|news| news.0.0)
    }

    /// Takes what is known by now, and sends what the window allows.
    pub(super) fn handle(&mut self, now: Instant, neck: &mut Bottleneck) {
        while let Some(Reverse((_, arrived))) = self.news.peek().copied().filter(|news| news.0.0 <= now) {
            self.news.pop();
            self.in_flight = self.in_flight.saturating_sub(1);
            if arrived {
                self.delivered_bytes += SEGMENT_BYTES as u64;
                self.grow(now);
            } else {
                self.cut(now, neck);
            }
        }
        while f64::from(self.in_flight) < self.window {
            self.in_flight += 1;
            let sent = neck.pass(now, SEGMENT_BYTES);
            // A loss is told by those behind it: about when it would have been acknowledged.
            let known = sent.unwrap_or(now + neck.queue_delay(now)) + self.base_rtt;
            self.news.push(Reverse((known, sent.is_some())));
        }
    }

    fn grow(&mut self, now: Instant) {
        if self.window < self.slow_start_until {
            self.window += 1.0;
            return;
        }
        let since = (now - self.epoch).as_secs_f64();
        let k = (self.before_loss * (1.0 - BETA) / C).cbrt();
        let target = C * (since - k).powi(3) + self.before_loss;
        // Section 4.3: not slower than Reno.
        let reno = self.before_loss * BETA
            + 3.0 * (1.0 - BETA) / (1.0 + BETA) * since / self.base_rtt.as_secs_f64().max(0.001) / 4.0;
        let target = target.max(reno).min(self.window * 1.5);
        self.window += ((target - self.window) / self.window).max(0.01 / self.window);
    }

    fn cut(&mut self, now: Instant, neck: &Bottleneck) {
        let rtt = self.base_rtt + neck.queue_delay(now);
        if self.last_cut.is_some_and(|at| now < at + rtt) {
            return;
        }
        self.last_cut = Some(now);
        // Section 4.7: who shrinks twice leaves room for others.
        self.before_loss = if self.window < self.before_loss { self.window * (1.0 + BETA) / 2.0 } else { self.window };
        self.window = (self.window * BETA).max(2.0);
        self.slow_start_until = self.window;
        self.epoch = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impair::Queue;

    #[test]
    fn it_fills_the_link_that_it_has() {
        let start = Instant::now();
        let mut neck = Bottleneck::new(Some(3_000_000), Queue::Time(Duration::from_millis(200)));
        let mut tcp = Tcp::new(start, Duration::from_millis(40));
        let mut now = start;
        tcp.handle(now, &mut neck);
        while now < start + Duration::from_secs(60) {
            now = tcp.next_deadline().expect("something is under way");
            tcp.handle(now, &mut neck);
        }
        let bps = tcp.delivered_bytes() as f64 * 8.0 / 60.0;
        assert!((2_700_000.0..3_050_000.0).contains(&bps), "{bps}");
    }
}
