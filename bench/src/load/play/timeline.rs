//! A measurement second by second, for the report and for whoever looks on.

use super::Watcher;
use super::gauge::{Gauge, Reading};
use super::party::Party;
use crate::load::result::{Latencies, Sample};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Between two samples.
const STEP: Duration = Duration::from_secs(1);
/// Samples at most; later ones are not kept.
const MAX_SAMPLES: usize = 3_600;

/// Samples as they come.
pub(super) struct Timeline {
    from: Instant,
    last: Instant,
    server: Reading,
    own: Reading,
    known: bool,
    samples: Vec<Sample>,
}

impl Timeline {
    /// Begins at `from`, when these were read. What the party counted before is forgotten: it is the warm-up's.
    pub(super) fn begin(from: Instant, server: Option<Reading>, own: Reading, party: &mut Party<'_>) -> Result<Self> {
        party.sample()?;
        let known = server.is_some();
        Ok(Self { from, last: from, server: server.unwrap_or_default(), own, known, samples: Vec::new() })
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Instant {
        self.last + STEP
    }

    /// Takes one.
    pub(super) fn note(
        &mut self,
        party: &mut Party<'_>,
        gauge: &Gauge,
        own: &Gauge,
        watcher: &mut dyn Watcher,
    ) -> Result<()> {
        let now = Instant::now();
        let (server_now, own_now) = (gauge.read(), own.read());
        let sampled = party.sample()?;
        let seconds = (now - self.last).as_secs_f64().max(1e-3);
        let cores = |before: Reading, now: Reading| now.cpu_ns.saturating_sub(before.cpu_ns) as f64 / 1e9 / seconds;
        let mut latency = Latencies::recorder();
        for one in &sampled.latencies {
            // All have the same bounds.
            let _ = latency.add(one);
        }
        let us = |share: f64| latency.value_at_quantile(share) as f64 / 1e3;
        let sample = Sample {
            at_s: (now - self.from).as_secs_f64(),
            packets_per_s: sampled.packets as f64 / seconds,
            p50_us: us(0.5),
            p99_us: us(0.99),
            server_cores: self.known.then(|| cores(self.server, server_now)),
            resident_kb: self.known.then(|| gauge.resident_kb()),
            generator_cores: cores(self.own, own_now),
            joins: sampled.joins,
        };
        (self.last, self.server, self.own) = (now, server_now, own_now);
        let line = format!(
            "{:>9.0} packets/s  p50 {:>6.0} us  p99 {:>7.0} us  server {:>4.0} %  clients {:>4.0} %  {} of {} connected",
            sample.packets_per_s,
            sample.p50_us,
            sample.p99_us,
            sample.server_cores.unwrap_or(0.0) * 100.0,
            sample.generator_cores * 100.0,
            sampled.connected,
            sampled.seats
        );
        watcher.done(sample.at_s as u64, &line);
        if self.samples.len() < MAX_SAMPLES {
            self.samples.push(sample);
        }
        Ok(())
    }

    pub(super) fn samples(self) -> Vec<Sample> {
        self.samples
    }
}
