//! What the policies count, in the form that Prometheus takes.

use super::policies::{Figures, Policies};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// The policies' figures, asked for when Prometheus asks.
#[derive(Debug)]
pub struct PolicyMetrics(pub Policies);

type Count = (&'static str, &'static str, fn(&Figures) -> u64);
type Level = (&'static str, &'static str, fn(&Figures) -> usize);

const COUNTERS: [Count; 4] = [
    ("rethink_policies_loaded", "Times that the folder of policies was read and taken", |f| f.loaded),
    ("rethink_policies_asked", "Messages that a policy was about, one for each receiver", |f| f.asked),
    ("rethink_policies_remembered", "Decisions that had been made before", |f| f.remembered),
    (
        "rethink_policies_failed",
        "Messages refused because a policy could not be evaluated or the body not be read",
        |f| f.failed,
    ),
];

const GAUGES: [Level; 2] = [
    ("rethink_policies", "Policies in force", |f| f.policies),
    ("rethink_policies_broken", "1 while the folder has what is no good, and what was before stays in force", |f| {
        f.broken
    }),
];

impl Collector for PolicyMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let figures = self.0.figures();
        for (name, help, field) in COUNTERS {
            let count = ConstCounter::new(field(&figures));
            count.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        for (name, help, field) in GAUGES {
            let level = ConstGauge::new(i64::try_from(field(&figures)).unwrap_or(i64::MAX));
            level.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}
