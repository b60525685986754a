//! A network that loses, delays, reorders, doubles and throttles, each by a seed.

use colloquy_media_core::api::PeerId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One direction of a client's access.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// How long every datagram takes.
    pub delay: Duration,
    /// How much longer it may take, evenly spread. Datagrams keep their order.
    pub jitter: Duration,
    /// Probability that a datagram is overtaken by those of the next 30 ms.
    pub reorder: f64,
    /// Probability that a datagram comes twice.
    pub duplicate: f64,
    /// Bottleneck, in bits a second, with 200 ms of queue before it drops.
    pub rate_bps: Option<u64>,
}

impl Link {
    /// 1 ms, and nothing else.
    pub const GOOD: Self = Self {
        loss: 0.0,
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        reorder: 0.0,
        duplicate: 0.0,
        rate_bps: None,
    };

    /// Far away and shared with others.
    pub const BAD: Self = Self {
        loss: 0.05,
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(15),
        reorder: 0.02,
        duplicate: 0.02,
        rate_bps: None,
    };

    /// Nothing comes through.
    pub const CUT: Self = Self { loss: 1.0, ..Self::GOOD };

    /// The same with another loss.
    #[must_use]
    pub fn with_loss(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    /// Whether every datagram arrives, once and in order.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        self.loss == 0.0 && self.reorder == 0.0 && self.duplicate == 0.0 && self.rate_bps.is_none()
    }
}

/// Longest queue of a bottleneck.
const MAX_QUEUE: Duration = Duration::from_millis(200);
/// How late an overtaken datagram is.
const OVERTAKEN: Duration = Duration::from_millis(30);

/// The state of one direction.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) link: Link,
    /// Its own, so that what happens on one lane does not change what happens on another.
    rng: StdRng,
    busy_until: Option<Instant>,
    last_due: Option<Instant>,
    /// Datagrams that did not arrive as they were sent: lost, overtaken, doubled.
    pub(crate) mishaps: u64,
}

impl Lane {
    pub(crate) fn new(link: Link, seed: u64) -> Self {
        Self { link, rng: StdRng::seed_from_u64(seed), busy_until: None, last_due: None, mishaps: 0 }
    }

    /// When a datagram of `len_bytes` arrives: never, once or twice.
    pub(crate) fn arrivals(&mut self, now: Instant, len_bytes: usize) -> Vec<Instant> {
        let link = self.link;
        let mut sent = now;
        if let Some(rate_bps) = link.rate_bps {
            let start = self.busy_until.unwrap_or(now).max(now);
            if start - now > MAX_QUEUE {
                self.mishaps += 1;
                return Vec::new();
            }
            sent = start + Duration::from_nanos(len_bytes as u64 * 8 * 1_000_000_000 / rate_bps.max(1));
            self.busy_until = Some(sent);
        }
        // Drawn whether needed or not, so that a change of one link does not change the fate of all that follows.
        let rng = &mut self.rng;
        let (lost, overtaken, doubled) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<f64>());
        let jitter = link.jitter.mul_f64(rng.random::<f64>());
        if lost < link.loss {
            self.mishaps += 1;
            return Vec::new();
        }
        let mut due = sent + link.delay + jitter;
        if overtaken < link.reorder {
            self.mishaps += 1;
            due += OVERTAKEN;
        } else {
            due = due.max(self.last_due.unwrap_or(due));
            self.last_due = Some(due);
        }
        if doubled < link.duplicate {
            self.mishaps += 1;
            return vec![due, due + Duration::from_millis(3)];
        }
        vec![due]
    }
}

/// Where a datagram goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// To the engine, from an address as the engine sees it.
    Engine { from: SocketAddr, peer: PeerId },
    /// To a client, through an address that was his when it was sent.
    Client { peer: PeerId, through: SocketAddr },
}

/// A datagram under way.
#[derive(Debug, Clone)]
pub(crate) struct Flying {
    pub(crate) due: Instant,
    order: u64,
    pub(crate) to: Destination,
    pub(crate) bytes: Vec<u8>,
}

impl PartialEq for Flying {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl Eq for Flying {}

impl PartialOrd for Flying {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flying {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

/// Every datagram under way.
#[derive(Debug, Default)]
pub(crate) struct Air {
    queue: BinaryHeap<Reverse<Flying>>,
    order: u64,
}

impl Air {
    pub(crate) fn send(&mut self, due: Instant, to: Destination, bytes: Vec<u8>) {
        self.order += 1;
        self.queue.push(Reverse(Flying { due, order: self.order, to, bytes }));
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.queue.peek().map(|flying| flying.0.due)
    }

    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Flying> {
        if self.next_due()? > now {
            return None;
        }
        self.queue.pop().map(|flying| flying.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
