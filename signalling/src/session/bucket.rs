//! A token bucket: how many frames a client may send.

use std::time::{Duration, Instant};

/// For how many seconds' worth of frames a client may be ahead: a page that subscribes to a full grid at once is no flood.
const BURST_S: u32 = 3;

/// Lets `rate` a second through, and a burst of [`BURST_S`] seconds' worth.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    per_token: Duration,
    burst: Duration,
    /// When the bucket will be full again: how far that lies ahead is how much was taken.
    full_at: Option<Instant>,
}

impl TokenBucket {
    pub(crate) fn new(rate_per_s: u32) -> Self {
        Self::every(Duration::from_secs(1) / rate_per_s.max(1), Duration::from_secs(u64::from(BURST_S)))
    }

    /// One each `per_token`, and a burst of `burst`'s worth.
    pub(crate) fn every(per_token: Duration, burst: Duration) -> Self {
        Self { per_token, burst, full_at: None }
    }

    /// Whether nothing is taken: it is then as good as new.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|at| at <= now)
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.per_token;
        if full_at.saturating_duration_since(now) > self.burst {
            return false;
        }
        self.full_at = Some(full_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100);
        assert_eq!((0..1_000).filter(|_| bucket.take(start)).count(), 300);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..1_000).filter(|_| bucket.take(later)).count(), 100);
    }
}
