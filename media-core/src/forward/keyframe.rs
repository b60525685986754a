//! When a key frame is asked of a publisher: once for however many want one, and not too often.

use std::time::{Duration, Instant};

/// Time after which a request that brought no key frame is made again: it, or the key frame, was lost.
const RETRY: Duration = Duration::from_secs(1);

/// While nothing at all comes that time doubles so many times: nobody is there who could make one, or he sends nothing.
const PATIENT: u32 = 4;

/// The requests to one publisher's track.
#[derive(Debug)]
pub(crate) struct KeyframeRequests {
    interval: Duration,
    sent: Option<Instant>,
    answered: bool,
    wanted: bool,
    /// Something came since the last request.
    heard: bool,
    /// Requests, one after the other, after which nothing came.
    unheard: u32,
    pub(crate) count: u64,
}

impl KeyframeRequests {
    /// Requests at least `interval` apart.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, sent: None, answered: false, wanted: false, heard: true, unheard: 0, count: 0 }
    }

    /// Somebody wants one.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// A packet came, of whatever picture.
    #[inline]
    pub(crate) fn heard(&mut self) {
        self.heard = true;
    }

    /// One came.
    pub(crate) fn arrived(&mut self) {
        self.answered = true;
        self.wanted = false;
    }

    /// When [`take_due`](Self::take_due) gives `true` next; `None` when nobody waits.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let pause = match self.answered {
            true => self.interval,
            false if self.heard => self.interval.max(RETRY),
            false => self.interval.max(RETRY) * (1 << self.unheard.min(PATIENT)),
        };
        self.wanted.then(|| self.sent.map_or(now, |sent| sent + pause))
    }

    /// Whether to send a request now.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        let due = self.deadline(now).is_some_and(|at| at <= now);
        if due {
            self.sent = Some(now);
            self.answered = false;
            self.unheard = if self.heard { 0 } else { self.unheard + 1 };
            self.heard = false;
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
        requests.heard();
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
        requests.heard();
        assert!(!requests.take_due(ms(2_100)));
        assert!(requests.take_due(ms(2_150)), "it was lost");
        assert_eq!(requests.count, 4);
    }

    #[test]
    fn who_sends_nothing_is_asked_ever_less_often() {
        let start = Instant::now();
        let s = |n| start + Duration::from_secs(n);
        let mut requests = KeyframeRequests::new(Duration::from_millis(500));
        requests.want();
        let asked: Vec<u64> = (0..60).filter(|n| requests.take_due(s(*n))).collect();
        assert_eq!(asked, [0, 1, 3, 7, 15, 31, 47]);
        requests.heard();
        assert!(requests.take_due(s(60)), "now he does");
    }
}
