//! When a key frame is asked of a publisher: once for however many want one, and not too often.

use std::time::{Duration, Instant};

/// Time after which a request that brought no key frame is made again, at most: it, or the key frame, was lost.
const RETRY: Duration = Duration::from_secs(1);
/// What an encoder takes beside the round trips. libwebrtc takes requests within 300 ms for one.
const ENCODING_TIME: Duration = Duration::from_millis(300);
/// The same where one request of fifty is lost and more: between two pictures of 10 a second. An encoder that takes every request at
/// its word makes two key frames now and then; to one that does not the second is nothing.
const LOSSY_ENCODING_TIME: Duration = Duration::from_millis(100);
const LOSSY: f32 = 0.02;

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
    /// How long the last request is waited on.
    retry: Duration,
    /// Something came since the last request.
    heard: bool,
    /// Requests, one after the other, after which nothing came.
    unheard: u32,
    pub(crate) count: u64,
}

impl KeyframeRequests {
    /// Requests at least `interval` apart.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, sent: None, answered: false, wanted: false, retry: RETRY, heard: true, unheard: 0, count: 0 }
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
            false if self.heard => self.retry,
            false => self.interval.max(RETRY) * (1 << self.unheard.min(PATIENT)),
        };
        self.wanted.then(|| self.sent.map_or(now, |sent| sent + pause))
    }

    /// Whether to send a request now, over a path of this round trip that loses so much, 0 to 1.
    pub(crate) fn take_due(&mut self, now: Instant, round_trip: Duration, fraction_lost: f32) -> bool {
        let due = self.deadline(now).is_some_and(|at| at <= now);
        if due {
            let is_again = !self.answered && self.sent.is_some();
            self.retry = if is_again { self.retry * 2 } else { first_retry(round_trip, fraction_lost) }.min(RETRY);
            self.sent = Some(now);
            self.answered = false;
            self.unheard = if self.heard { 0 } else { self.unheard + 1 };
            self.heard = false;
            self.count += 1;
        }
        due
    }
}

/// How long a first request is waited on.
fn first_retry(round_trip: Duration, fraction_lost: f32) -> Duration {
    if fraction_lost >= LOSSY { round_trip + LOSSY_ENCODING_TIME } else { 2 * round_trip + ENCODING_TIME }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    #[test]
    fn many_wishes_are_one_request() {
        let start = Instant::now();
        let ms = |n| start + Duration::from_millis(n);
        let mut requests = KeyframeRequests::new(Duration::from_millis(500));
        assert!(!requests.take_due(ms(0), RTT, 0.0), "nobody wants one");
        for _ in 0..50 {
            requests.want();
        }
        assert!(requests.take_due(ms(0), RTT, 0.0));
        requests.heard();
        requests.want();
        assert!(!requests.take_due(ms(300), RTT, 0.0), "one is on its way");
        requests.arrived();
        assert_eq!(requests.deadline(ms(300)), None);
        requests.want();
        assert!(!requests.take_due(ms(499), RTT, 0.0), "500 ms apart");
        assert!(requests.take_due(ms(500), RTT, 0.0));
        assert_eq!(requests.count, 2);
    }

    #[test]
    fn a_request_that_is_lost_is_made_again_soon_and_then_less_often() {
        let asked = |lost| {
            let start = Instant::now();
            let mut requests = KeyframeRequests::new(Duration::from_millis(500));
            requests.want();
            let mut asked = Vec::new();
            for ms in (0..4_000).step_by(20) {
                requests.heard();
                if requests.take_due(start + Duration::from_millis(ms), RTT, lost) {
                    asked.push(ms);
                }
            }
            asked
        };
        assert_eq!(asked(0.0), [0, 380, 1_140, 2_140, 3_140]);
        assert_eq!(asked(0.1), [0, 140, 420, 980, 1_980, 2_980, 3_980]);
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
        let asked: Vec<u64> = (0..60).filter(|n| requests.take_due(s(*n), RTT, 0.0)).collect();
        assert_eq!(asked, [0, 1, 3, 7, 15, 31, 47]);
        requests.heard();
        assert!(requests.take_due(s(60), RTT, 0.0), "now he does");
    }
}
