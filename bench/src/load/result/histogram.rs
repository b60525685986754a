//! Distributions: every value that was measured, to two digits and a half, in a form that needs no library to be read.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A distribution of times in ns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// How many.
    pub count: u64,
    /// The smallest.
    pub min_ns: u64,
    /// The average.
    pub mean_ns: f64,
    /// Half are at most this.
    pub p50_ns: u64,
    /// 95 in 100 are at most this.
    pub p95_ns: u64,
    /// 99 in 100 are at most this.
    pub p99_ns: u64,
    /// 999 in 1,000 are at most this.
    pub p999_ns: u64,
    /// The largest.
    pub max_ns: u64,
    /// Largest value of a bucket in ns and how many are in it, smallest first; empty buckets are left out. Buckets are HDR
    /// histogram's of two significant digits, so that each is within 1 % of what it holds.
    #[serde(serialize_with = "super::compact::line")]
    pub buckets: Vec<(u64, u64)>,
}

impl Latencies {
    /// Of no values.
    pub const NONE: Self = Self {
        count: 0,
        min_ns: 0,
        mean_ns: 0.0,
        p50_ns: 0,
        p95_ns: 0,
        p99_ns: 0,
        p999_ns: 0,
        max_ns: 0,
        buckets: Vec::new(),
    };

    /// A histogram that its values can be recorded in: from 1 ns to a minute, to three digits.
    ///
    /// # Panics
    /// Never: the bounds are in order.
    #[must_use]
    pub fn recorder() -> Histogram<u64> {
        Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
    }

    /// Writes a histogram down.
    ///
    /// # Panics
    /// Never: the bounds are in order.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let mut coarse = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 2).expect("the bounds are in order");
        for value in histogram.iter_recorded() {
            coarse.saturating_record_n(value.value_iterated_to(), value.count_since_last_iteration());
        }
        Self {
            count: histogram.len(),
            min_ns: histogram.min(),
            mean_ns: histogram.mean(),
            p50_ns: histogram.value_at_quantile(0.5),
            p95_ns: histogram.value_at_quantile(0.95),
            p99_ns: histogram.value_at_quantile(0.99),
            p999_ns: histogram.value_at_quantile(0.999),
            max_ns: histogram.max(),
            buckets: coarse.iter_recorded().map(|v| (v.value_iterated_to(), v.count_since_last_iteration())).collect(),
        }
    }

    /// The histogram again, as far as the buckets tell it: for adding up, and for plots.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Self::recorder();
        for (value, count) in &self.buckets {
            histogram.saturating_record_n(*value, *count);
        }
        histogram
    }
}

/// A figure over repeats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of the repeats are at most this.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of some values. `None` when there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), min, max })
    }
}
