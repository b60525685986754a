//! How many messages a session may send. One that sends faster is read from later, so that nothing of it is lost and nobody else waits.

use std::time::{Duration, Instant};

/// Lets so many a second through, and a burst.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// When it will be full again: how far that lies ahead is how much was taken.
    full_at: Option<Instant>,
}

impl Bucket {
    pub(super) fn new() -> Self {
        Self { full_at: None }
    }

    /// Takes one, and says how long to wait before the next.
    pub(super) fn take(&mut self, now: Instant, per_s: u32, burst_s: u32) -> Option<Duration> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + Duration::from_secs(1) / per_s.max(1);
        self.full_at = Some(full_at);
        let ahead = full_at.saturating_duration_since(now);
        ahead.checked_sub(Duration::from_secs(u64::from(burst_s.max(1)))).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_what_follows_waits_its_turn() {
        let start = Instant::now();
        let mut bucket = Bucket::new();
        assert!((0..300).all(|_| bucket.take(start, 100, 3).is_none()));
        assert_eq!(bucket.take(start, 100, 3), Some(Duration::from_millis(10)));
        assert_eq!(bucket.take(start, 100, 3), Some(Duration::from_millis(20)));
        assert!(bucket.take(start + Duration::from_secs(1), 100, 3).is_none());
    }
}
