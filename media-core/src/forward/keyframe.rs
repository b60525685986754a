//! When a key frame is asked of a publisher: once for however many want one, and not too often.

use std::time::{Duration, Instant};

/// Time after which a request that brought no key frame is made again: it, or the key frame, was lost.
const RETRY: Duration = Duration::from_secs(1);

/// While nothing at all comes that time doubles so many times: nobody is there who could make one, or he sends nothing.
const PATIENT: u32 = 4;

/// The longest that a key frame is taken to be under way to a receiver, his round trip left out: a page of text at 200 kb/s.
const LONGEST_WAY: Duration = Duration::from_secs(4);
/// A browser asks when it was shown nothing new for 3 s, though it has all that was sent: a screen may have a picture in so long. In this
/// time after the last key frame one who lost nothing needs none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where what waits for a receiver takes longer than this, what he asks for would come behind it.
const LONG_WAIT: Duration = Duration::from_millis(100);

/// The newest key frame of an encoding, as far as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewestKey {
    /// When its first packet came.
    pub(crate) at: Instant,
    pub(crate) timestamp: u32,
    pub(crate) bytes: u32,
}

/// How packets get to a receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// What is sent to him, in bits a second.
    pub(crate) bps: u64,
    /// How long what waits now does.
    pub(crate) waits: Duration,
    pub(crate) round_trip: Duration,
    /// It is a screen, and nothing of it was lost on the way.
    pub(crate) is_whole: bool,
}

impl NewestKey {
    /// Whether it cannot have reached a receiver yet, whole. He may ask for another all the same, which would come behind this one and make
    /// both late; and if he asks often, none would ever be whole.
    pub(crate) fn is_under_way(&self, now: Instant, way: Way) -> bool {
        let takes = Duration::from_millis(u64::from(self.bytes) * 8_000 / way.bps.max(1)).min(LONGEST_WAY);
        let takes = match () {
            () if way.is_whole => PATIENCE,
            () if way.waits > LONG_WAIT => LONGEST_WAY,
            () => takes,
        };
        now < self.at + takes + way.round_trip
    }
}

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
    fn a_key_frame_is_under_way_for_as_long_as_it_takes() {
        let at = Instant::now();
        let key = NewestKey { at, timestamp: 0, bytes: 50_000 };
        let is_under_way = |ms, bps, waits_ms| {
            let round_trip = Duration::from_millis(100);
            let way = Way { bps, waits: Duration::from_millis(waits_ms), round_trip, is_whole: false };
            key.is_under_way(at + Duration::from_millis(ms), way)
        };
        assert!(is_under_way(1_099, 400_000, 0) && !is_under_way(1_100, 400_000, 0));
        assert!(is_under_way(139, 10_000_000, 0) && !is_under_way(140, 10_000_000, 0));
        assert!(is_under_way(1_100, 400_000, 200), "there was more before it");
        let (waits, round_trip) = (Duration::ZERO, Duration::ZERO);
        let whole = Way { bps: 400_000, waits, round_trip, is_whole: true };
        let is_under_way_whole = |s| key.is_under_way(at + Duration::from_secs(s), whole);
        assert!(is_under_way_whole(9) && !is_under_way_whole(10));
        assert!(is_under_way(4_099, 0, 200) && !is_under_way(4_100, 0, 200), "nobody waits for ever");
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
