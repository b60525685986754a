//! Buckets: of bytes for an allocation, of answers for strangers.

use rustc_hash::FxSeededState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Buckets for sources. Two that fall into one share it: a flood from everywhere costs newcomers their answers, and us no memory.
const SOURCES: usize = 4_096;

/// Answers to strangers for all sources together, for each one that a single source gets: what a flood with forged sources can have us
/// send is this times [`TurnLimits::refusals_per_s`](super::TurnLimits::refusals_per_s).
const SOURCES_AT_ONCE: u64 = 100;

/// A bucket that fills by time and holds what comes in `DEPTH`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    level: u64,
    at: Instant,
}

/// How much a full bucket holds: what a second brings. Key frames come in bursts, and so do the people after a break.
const DEPTH: Duration = Duration::from_secs(1);

impl Bucket {
    /// A full one.
    pub(super) fn new(per_s: u64, now: Instant) -> Self {
        Self { level: per_s, at: now }
    }

    /// Takes something out, if there is as much.
    pub(super) fn take(&mut self, amount: u64, per_s: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).min(DEPTH);
        let gained = u64::try_from(passed.as_micros()).unwrap_or(0).saturating_mul(per_s) / 1_000_000;
        // Time that brought nothing yet goes on counting.
        if gained > 0 {
            self.level = self.level.saturating_add(gained).min(per_s);
            self.at = now;
        }
        let enough = self.level >= amount;
        if enough {
            self.level -= amount;
        }
        enough
    }
}

/// Rations what is sent to sources that have shown no credentials: it is all that a forged source can have sent to others.
pub(super) struct Strangers {
    hash: FxSeededState,
    buckets: Box<[Bucket]>,
    all: Bucket,
    per_s: u64,
}

impl Strangers {
    pub(super) fn new(per_s: u32, seed: u64, now: Instant) -> Self {
        let per_s = u64::from(per_s);
        Self {
            hash: FxSeededState::with_seed(seed as usize),
            buckets: vec![Bucket::new(per_s, now); SOURCES].into_boxed_slice(),
            all: Bucket::new(per_s * SOURCES_AT_ONCE, now),
            per_s,
        }
    }

    /// Whether this source may be answered now.
    pub(super) fn may_answer(&mut self, source: IpAddr, now: Instant) -> bool {
        // Whoever has an IPv6 address has 2^64 of them.
        let key: u64 = match source {
            IpAddr::V4(ip) => u32::from(ip).into(),
            IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64,
        };
        let slot = self.hash.hash_one(key) as usize % SOURCES;
        let own = self.buckets[slot].take(1, self.per_s, now);
        own && self.all.take(1, self.per_s * SOURCES_AT_ONCE, now)
    }
}

impl std::fmt::Debug for Strangers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Strangers").field("per_s", &self.per_s).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_rate_however_often_it_is_asked() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000, start);
        let asked = (0..=5_000_000).step_by(100);
        let got = asked.filter(|us| bucket.take(1, 1_000, start + Duration::from_micros(*us))).count();
        assert!((5_900..=6_001).contains(&got), "{got} in five seconds, after the thousand that were there");
    }

    #[test]
    fn one_stranger_does_not_use_up_the_answers_of_others() {
        let start = Instant::now();
        let mut strangers = Strangers::new(10, 7, start);
        let loud = IpAddr::from([192, 0, 2, 1]);
        assert_eq!((0..1_000).filter(|_| strangers.may_answer(loud, start)).count(), 10);
        assert!(strangers.may_answer(IpAddr::from([192, 0, 2, 2]), start));
        assert!(strangers.may_answer(loud, start + Duration::from_millis(100)));
    }

    #[test]
    fn forged_sources_share_what_there_is() {
        let start = Instant::now();
        let mut strangers = Strangers::new(10, 7, start);
        let answered = (0..100_000_u32).filter(|ip| strangers.may_answer(IpAddr::V4((*ip).into()), start)).count();
        assert_eq!(answered, 1_000);
        let mut same_net = (0..1_000_u128).map(|low| IpAddr::V6((0x2001_0DB8 << 96 | low).into()));
        let later = start + Duration::from_secs(1);
        assert_eq!(same_net.by_ref().filter(|ip| strangers.may_answer(*ip, later)).count(), 10);
    }
}
