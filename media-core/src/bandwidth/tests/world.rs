//! Flows over one bottleneck, and what is seen of them.

use super::link::{Link, OnLink};
use super::tcp::{Rule, Tcp};
use super::viewer::{Source, Viewer, at};
use std::time::Instant;

const STEP_US: u64 = 1_000;
const SAMPLE_US: u64 = 20_000;

/// How things were at a time.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) s: f64,
    pub(super) capacity_bps: f64,
    pub(super) queue_ms: f64,
    /// Of each viewer: target, acknowledged, sent so far (bytes), rung, the queue as the sender sees it.
    pub(super) viewers: Vec<(u64, u64, u64, usize, f64)>,
}

pub(super) struct World {
    epoch: Instant,
    pub(super) now_us: u64,
    pub(super) link: Link,
    pub(super) viewers: Vec<Viewer>,
    starts_us: Vec<u64>,
    pub(super) tcp: Vec<Tcp>,
    on_way: Vec<(u64, OnLink)>,
    out: Vec<OnLink>,
    pub(super) samples: Vec<Sample>,
}

/// TCP flows are numbered from here.
const FIRST_TCP: usize = 1_000;

impl World {
    pub(super) fn new(link: Link) -> Self {
        Self {
            epoch: Instant::now(),
            now_us: 0,
            link,
            viewers: Vec::new(),
            starts_us: Vec::new(),
            tcp: Vec::new(),
            on_way: Vec::new(),
            out: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// One layered viewer.
    pub(super) fn layered(link: Link) -> Self {
        Self::new(link).with(Source::Layered, 0.0)
    }

    pub(super) fn with(mut self, source: Source, start_s: f64) -> Self {
        let start_us = (start_s * 1e6) as u64;
        let flow = self.viewers.len();
        self.viewers.push(Viewer::new(flow, source, at(self.epoch, start_us), start_us));
        self.starts_us.push(start_us);
        self
    }

    pub(super) fn with_tcp(mut self, rule: Rule, start_s: f64) -> Self {
        let flow = FIRST_TCP + self.tcp.len();
        self.tcp.push(Tcp::new(flow, rule, (start_s * 1e6) as u64));
        self
    }

    pub(super) fn run_until(&mut self, s: f64) -> &mut Self {
        while (self.now_us as f64) < s * 1e6 {
            self.step();
        }
        self
    }

    fn step(&mut self) {
        let (now_us, now) = (self.now_us, at(self.epoch, self.now_us));
        for (viewer, start_us) in self.viewers.iter_mut().zip(&self.starts_us) {
            if now_us >= *start_us {
                viewer.step(now, now_us, &mut self.out);
            }
        }
        for tcp in &mut self.tcp {
            tcp.step(now_us, &mut self.out);
        }
        for packet in self.out.drain(..) {
            self.link.push(packet);
        }
        let on_way = &mut self.on_way;
        self.link.step(now_us, STEP_US, |packet, arrives_us| on_way.push((arrives_us, packet)));
        self.now_us += STEP_US;
        let now_us = self.now_us;
        for (arrived_us, packet) in on_way.extract_if(.., |(arrives_us, _)| *arrives_us <= now_us) {
            if let Some(viewer) = self.viewers.get_mut(packet.flow) {
                viewer.receive(packet, arrived_us);
            } else if let Some(tcp) = self.tcp.get_mut(packet.flow - FIRST_TCP) {
                tcp.receive(packet, arrived_us);
            }
        }
        for viewer in &mut self.viewers {
            viewer.tell(now_us);
        }
        if now_us.is_multiple_of(SAMPLE_US) {
            self.sample();
        }
    }

    fn sample(&mut self) {
        let viewers = self.viewers.iter().map(|viewer| {
            let stats = viewer.bandwidth.stats();
            let queue_ms = stats.queue.as_secs_f64() * 1e3;
            (stats.target_bps, stats.acknowledged_bps, viewer.sent_bytes, viewer.rung, queue_ms)
        });
        self.samples.push(Sample {
            s: self.now_us as f64 / 1e6,
            capacity_bps: self.link.rate_bps,
            queue_ms: self.link.wait_ms(),
            viewers: viewers.collect(),
        });
    }

    /// The first time, s after `from_s`, from which on `holds` holds until the end.
    pub(super) fn settled_s(&self, from_s: f64, holds: impl Fn(&Sample) -> bool) -> f64 {
        let last_bad = self.samples.iter().rev().find(|sample| sample.s < from_s || !holds(sample));
        last_bad.map_or(0.0, |sample| (sample.s - from_s).max(0.0))
    }

    /// The queueing delay that 95 % of the time since `from_s` stayed under, ms.
    pub(super) fn queue_p95_ms(&self, from_s: f64) -> f64 {
        let mut queues: Vec<_> = self.samples.iter().filter(|s| s.s >= from_s).map(|s| s.queue_ms).collect();
        queues.sort_by(f64::total_cmp);
        queues.get(queues.len() * 95 / 100).copied().unwrap_or(0.0)
    }

    /// A viewer's mean target since `from_s`, bits/s.
    pub(super) fn mean_target(&self, viewer: usize, from_s: f64) -> f64 {
        let targets: Vec<_> =
            self.samples.iter().filter(|s| s.s >= from_s).map(|s| s.viewers[viewer].0 as f64).collect();
        targets.iter().sum::<f64>() / targets.len() as f64
    }
}

/// Jain's index of rates: 1 when all are equal.
pub(super) fn jain(rates: &[f64]) -> f64 {
    let (sum, squares) = rates.iter().fold((0.0, 0.0), |(sum, squares), rate| (sum + rate, squares + rate * rate));
    sum * sum / (rates.len() as f64 * squares)
}
