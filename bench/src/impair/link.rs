//! One direction of a client's access: what it does to datagrams, each by a seed.

use super::bottleneck::{Bottleneck, Queue};
use super::hold::{Hold, Holds};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

/// IPv4 and UDP headers: what a datagram takes of a link beside its payload.
pub const WIRE_OVERHEAD_BYTES: usize = 20 + 8;

/// One direction of a client's access.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Losses that come together, beside those of `loss`.
    pub burst: Option<Burst>,
    /// How long every datagram takes.
    pub delay: Duration,
    /// How much longer it may take, evenly spread. Datagrams keep their order.
    pub jitter: Duration,
    /// Hold-ups, after which what waited comes at once.
    pub hold: Option<Hold>,
    /// Probability that a datagram is overtaken by those of the next 30 ms.
    pub reorder: f64,
    /// Probability that a datagram comes twice.
    pub duplicate: f64,
    /// Bottleneck, in bits a second, IP and UDP headers included.
    pub rate_bps: Option<u64>,
    /// What waits before it at most.
    pub queue: Queue,
}

/// Losses that come together: the two states of Gilbert and Elliott. In the good one nothing is lost; per datagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Probability that the good state ends.
    pub begins: f64,
    /// Probability that the bad state ends.
    pub ends: f64,
    /// Probability that a datagram of the bad state is lost.
    pub loss: f64,
}

impl Burst {
    /// Bursts of `mean_len` datagrams, all lost, that make up `share` of all datagrams.
    #[must_use]
    pub fn of(share: f64, mean_len: f64) -> Self {
        let ends = 1.0 / mean_len.max(1.0);
        let share = share.clamp(0.0, 0.99);
        Self { begins: ends * share / (1.0 - share), ends, loss: 1.0 }
    }
}

impl Link {
    /// 1 ms, and nothing else.
    pub const GOOD: Self = Self {
        loss: 0.0,
        burst: None,
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        hold: None,
        reorder: 0.0,
        duplicate: 0.0,
        rate_bps: None,
        queue: Queue::Time(Duration::from_millis(200)),
    };

    /// Far away and shared with others.
    pub const BAD: Self = Self {
        loss: 0.05,
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(15),
        reorder: 0.02,
        duplicate: 0.02,
        ..Self::GOOD
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
        self.loss == 0.0
            && self.burst.is_none()
            && self.reorder == 0.0
            && self.duplicate == 0.0
            && self.rate_bps.is_none()
    }
}

/// How late an overtaken datagram is.
const OVERTAKEN: Duration = Duration::from_millis(30);
/// How late the second of two is.
const DOUBLED: Duration = Duration::from_millis(3);

/// When a datagram arrives: never, once or twice.
pub type Arrivals = std::iter::Flatten<std::array::IntoIter<Option<Instant>, 2>>;

/// What became of a lane's datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Datagrams that came in.
    pub datagrams: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost for want of room in a queue.
    pub dropped: u64,
}

/// The state of one direction.
#[derive(Debug)]
pub struct Lane {
    link: Link,
    own: Bottleneck,
    /// Its own, so that what happens on one lane does not change what happens on another.
    rng: StdRng,
    /// Drawn from only where losses come together, so that other lanes' fates stay what they were.
    burst_rng: StdRng,
    in_burst: bool,
    holds: Holds,
    last_due: Option<Instant>,
    mishaps: u64,
    counts: LaneCounts,
}

impl Lane {
    /// A lane with an empty queue.
    #[must_use]
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            own: Bottleneck::new(link.rate_bps, link.queue),
            rng: StdRng::seed_from_u64(seed),
            burst_rng: StdRng::seed_from_u64(seed ^ 0xb0_05_75),
            in_burst: false,
            holds: Holds::new(seed ^ 0x40_1d),
            last_due: None,
            mishaps: 0,
            counts: LaneCounts::default(),
        }
    }

    /// What it does.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link
    }

    /// Does another thing from the next datagram on. Until it may have been orderly; what was under way then still is.
    pub fn set_link(&mut self, link: Link) {
        if link.rate_bps != self.link.rate_bps {
            self.own.set_rate(link.rate_bps);
        }
        self.own.set_queue(link.queue);
        self.mishaps += u64::from(!link.is_orderly());
        self.link = link;
    }

    /// Its own bottleneck, to give it a schedule or read its queue.
    pub fn bottleneck(&mut self) -> &mut Bottleneck {
        &mut self.own
    }

    /// Datagrams that did not arrive as they were sent: lost, overtaken, doubled.
    #[must_use]
    pub fn mishaps(&self) -> u64 {
        self.mishaps
    }

    /// What became of its datagrams.
    #[must_use]
    pub fn counts(&self) -> LaneCounts {
        self.counts
    }

    /// When a datagram of `len_bytes` (without IP and UDP headers) arrives.
    pub fn arrivals(&mut self, now: Instant, len_bytes: usize) -> Arrivals {
        self.arrivals_through(now, len_bytes, None)
    }

    /// The same where it must also pass a bottleneck that many lanes share.
    pub fn arrivals_through(&mut self, now: Instant, len_bytes: usize, shared: Option<&mut Bottleneck>) -> Arrivals {
        self.counts.datagrams += 1;
        self.counts.bytes += len_bytes as u64;
        let wire_bytes = len_bytes + WIRE_OVERHEAD_BYTES;
        let sent = self.own.pass(now, wire_bytes);
        let sent = sent.and_then(|at| shared.map_or(Some(at), |neck| neck.pass(at, wire_bytes)));
        let due = match sent {
            Some(sent) => self.fate(sent),
            None => {
                self.counts.dropped += 1;
                self.mishaps += 1;
                [None; 2]
            }
        };
        due.into_iter().flatten()
    }

    fn fate(&mut self, sent: Instant) -> [Option<Instant>; 2] {
        let link = self.link;
        // Drawn whether needed or not, so that a change of one link does not change the fate of all that follows.
        let rng = &mut self.rng;
        let (lost, overtaken, doubled) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<f64>());
        let jitter = link.jitter.mul_f64(rng.random::<f64>());
        if self.is_lost_in_burst() || lost < link.loss {
            self.counts.lost += 1;
            self.mishaps += 1;
            return [None; 2];
        }
        let mut due = sent + link.delay + jitter;
        if let Some(hold) = link.hold {
            due = self.holds.release(hold, due);
        }
        if overtaken < link.reorder {
            self.mishaps += 1;
            due += OVERTAKEN;
        } else {
            due = due.max(self.last_due.unwrap_or(due));
            self.last_due = Some(due);
        }
        if doubled < link.duplicate {
            self.mishaps += 1;
            return [Some(due), Some(due + DOUBLED)];
        }
        [Some(due), None]
    }

    fn is_lost_in_burst(&mut self) -> bool {
        let Some(burst) = self.link.burst else { return false };
        let (turns, lost) = (self.burst_rng.random::<f64>(), self.burst_rng.random::<f64>());
        self.in_burst = if self.in_burst { turns >= burst.ends } else { turns < burst.begins };
        self.in_burst && lost < burst.loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn losses_come_at_their_rate_and_together_where_they_should() {
        for (link, runs) in
            [(Link::GOOD.with_loss(0.2), 1.25), (Link { burst: Some(Burst::of(0.2, 5.0)), ..Link::GOOD }, 5.0)]
        {
            let mut lane = Lane::new(link, 7);
            let now = Instant::now();
            let lost: Vec<bool> = (0..50_000).map(|i| lane.arrivals(now + MS * i, 100).next().is_none()).collect();
            let share = lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64;
            let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
            let mean = share * lost.len() as f64 / bursts;
            assert!((share - 0.2).abs() < 0.02, "{link:?}: {share} are lost");
            assert!((mean / runs - 1.0).abs() < 0.1, "{link:?}: {mean} in a row");
        }
    }

    #[test]
    fn two_lanes_through_one_bottleneck_get_half_each_and_their_own_delay() {
        let now = Instant::now();
        let mut shared = Bottleneck::new(Some(1_000_000), Queue::Time(50 * MS));
        let far = Link { delay: 100 * MS, ..Link::GOOD };
        let mut lanes = [Lane::new(Link::GOOD, 1), Lane::new(far, 2)];
        let mut arrived = [0_u32; 2];
        for i in 0..4_000_u32 {
            let lane = (i % 2) as usize;
            let due = lanes[lane].arrivals_through(now + MS * (i / 2), 972, Some(&mut shared)).next();
            if let Some(due) = due {
                assert!(due >= now + MS * (i / 2) + lanes[lane].link().delay);
                arrived[lane] += 1;
            }
        }
        // 2 s of 1 Mb/s are 250 datagrams of 1,000 bytes on the wire.
        let total = arrived[0] + arrived[1];
        assert!((250..=260).contains(&total), "{arrived:?}");
        assert_eq!(lanes[0].counts().datagrams, 2_000);
        assert!(lanes[0].counts().dropped + lanes[1].counts().dropped > 3_700);
    }
}
