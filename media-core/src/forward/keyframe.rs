//! When a key frame is asked of a publisher: once for however many want one, and not too often.

use std::time::{Duration, Instant};

/// Time after which a request that brought no key frame is made again: it, or the key frame, was lost.
const RETRY: Duration = Duration::from_secs(1);

/// The requests to one publisher's track.
#[derive(Debug)]
pub(crate) struct KeyframeRequests {
    interval: Duration,
    sent: Option<Instant>,
    answered: bool,
    wanted: bool,
    pub(crate) count: u64,
}

impl KeyframeRequests {
    /// Requests at least `interval` apart.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, sent: None, answered: false, wanted: false, count: 0 }
    }

    /// Somebody wants one.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// One came.
    pub(crate) fn arrived(&mut self) {
        self.answered = true;
        self.wanted = false;
    }

    /// When [`take_due`](Self::take_due) gives `true` next; `None` when nobody waits.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let pause = if self.answered { self.interval } else { self.interval.max(RETRY) };
        self.wanted.then(|| self.sent.map_or(now, |sent| sent + pause))
    }

    /// Whether to send a request now.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        let due = self.deadline(now).is_some_and(|at| at <= now);
        if due {
            self.sent = Some(now);
            self.answered = false;
            self.count += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wishes_are_one_request() {
        let start = Instant::now();
        let ms = |n| start + Duration::from_millis(n);
        let mut requests = KeyframeRequests::new(Duration::from_millis(500));
        assert!(!requests.take_due(ms(0)), "nobody wants one");
        for _ in 0..50 {
            requests.want();
        }
        assert!(requests.take_due(ms(0)));
        requests.want();
        assert!(!requests.take_due(ms(600)), "one is on its way");
        requests.arrived();
        assert_eq!(requests.deadline(ms(600)), None);
        requests.want();
        assert!(requests.take_due(ms(650)));
        requests.arrived();
        requests.want();
        assert!(!requests.take_due(ms(1_000)), "500 ms apart");
        assert!(requests.take_due(ms(1_150)));
        assert!(!requests.take_due(ms(2_100)));
        assert!(requests.take_due(ms(2_150)), "it was lost");
        assert_eq!(requests.count, 4);
    }
}
