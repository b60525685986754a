//! When a DTLS flight that nobody answers leaves again.
//!
//! `dimpl` doubles the wait each time without an end, and takes the first wait from its configuration, where the round trip is not
//! known yet. So it is shown a clock of its own: one that stands still, and is put forward to the moment that `dimpl` waits for when
//! we find that it has waited long enough.

use dimpl::{ConfigBuilder, ProtocolVersion};
use std::time::{Duration, Instant};

/// The first wait of a flight on the clock that is shown: so short that 48 times its double is a time that can be configured.
const NOMINAL: Duration = Duration::from_nanos(100);
/// Resends of one flight, at most. With [`LONGEST`] between them they last half a minute, after which who is not connected is closed
/// in any case.
const RETRIES: usize = 48;
/// What takes so long on the clock that is shown is no flight but the end of the association's patience, which is ours to end. The
/// last wait of a flight, of 2^48 times [`NOMINAL`], is of 325 days and a quarter of that more.
const NEVER: Duration = Duration::from_hours(24 * 1_000);
/// The longest time that may be configured.
const PATIENCE: Duration = Duration::from_hours(24 * 3_650);

/// Shortest and longest first wait: what browsers begin with, and what RFC 9147 section 5.8.2 does where nothing is known. Between
/// them it is half as long again as the round trip, as there.
const SHORTEST_FIRST: Duration = Duration::from_millis(50);
const LONGEST_FIRST: Duration = Duration::from_secs(1);
/// The first wait where the round trip is not known, as with ICE lite: a flight sent again too early costs a kilobyte.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait, unless the first one is longer. RFC 9147 would have it grow to a minute, for long transfers on full paths; a
/// handshake is some kilobytes at most, and somebody waits for the picture. Where 30 % are lost each way every second flight is in
/// vain: after five of them a wait that doubles would be of seconds.
const LONGEST: Duration = Duration::from_millis(600);

/// The clock of one association.
#[derive(Debug, Clone, Copy)]
pub struct FlightClock {
    now: Instant,
    shown: Instant,
    first: Duration,
    longest: Duration,
    /// What is waited for, on the clock that is shown and in truth.
    awaited: Option<(Instant, Instant)>,
}

impl FlightClock {
    /// A clock that nobody waits for.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { now, shown: now, first: FIRST, longest: LONGEST, awaited: None }
    }

    /// A configuration whose timers this clock drives.
    #[must_use]
    pub fn configure(builder: ConfigBuilder) -> ConfigBuilder {
        builder.flight_start_rto(NOMINAL).flight_retries(RETRIES).handshake_timeout(PATIENCE)
    }

    /// ICE measured the round trip. It counts from the next wait on.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.first = (round_trip * 3 / 2).clamp(SHORTEST_FIRST, LONGEST_FIRST);
    }

    /// The handshake is done, in this version. With DTLS 1.2 all that is waited for from now on is that the last flight may leave again,
    /// if its receiver repeats his own: he does so every [`LONGEST`] at last, so that as long a rest could miss every other time. With
    /// DTLS 1.3 it is the answer to new keys, which has time.
    pub fn set_done(&mut self, version: Option<ProtocolVersion>) {
        if version == Some(ProtocolVersion::DTLS1_2) {
            self.longest = self.first;
        }
    }

    /// What the association is to take for the time, whatever it does now.
    pub fn show(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.shown
    }

    /// The same, where the time was told already.
    #[must_use]
    pub fn shown(&self) -> Instant {
        self.shown
    }

    /// The association wants to be called at `shown`, on its clock.
    pub fn wait_for(&mut self, shown: Instant) {
        if self.awaited.is_some_and(|(awaited, _)| awaited == shown) {
            return;
        }
        let wait = shown.saturating_duration_since(self.shown);
        let is_flight = wait < NEVER;
        let scale = self.first.as_secs_f64() / NOMINAL.as_secs_f64();
        let seconds = (wait.as_secs_f64() * scale).min(self.longest.max(self.first).as_secs_f64());
        self.awaited = is_flight.then(|| (shown, self.now + Duration::from_secs_f64(seconds)));
    }

    /// The association wants to be called at once.
    pub fn hasten(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.awaited = Some((self.shown, now));
    }

    /// When the association is to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.awaited.map(|(_, at)| at)
    }

    /// Whether it is to be called now. If so its clock is put forward.
    pub fn is_due(&mut self, now: Instant) -> bool {
        self.now = self.now.max(now);
        let due = self.awaited.filter(|(_, at)| *at <= now);
        if let Some((shown, _)) = due {
            self.shown = self.shown.max(shown);
            self.awaited = None;
        }
        due.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits, in milliseconds, of a flight that is never answered, jitter left out.
    fn waits(clock: &mut FlightClock, start: Instant) -> Vec<u128> {
        let (mut now, mut nominal) = (start, NOMINAL);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let wanted = clock.show(now) + nominal;
            clock.wait_for(wanted);
            // A packet that comes meanwhile puts nothing off.
            clock.show(now + Duration::from_millis(10));
            clock.wait_for(wanted);
            let at = clock.next_deadline().unwrap();
            waits.push((at - now).as_millis());
            assert!(!clock.is_due(at - Duration::from_nanos(1)));
            assert!(clock.is_due(at));
            assert_eq!(clock.show(at), wanted);
            (now, nominal) = (at, nominal * 2);
        }
        waits
    }

    #[test]
    fn waits_double_from_the_round_trip_and_a_half_and_stay_bounded() {
        let start = Instant::now();
        let of = |round_trip_ms: Option<u64>| {
            let mut clock = FlightClock::new(start);
            round_trip_ms.into_iter().for_each(|ms| clock.set_round_trip(Duration::from_millis(ms)));
            waits(&mut clock, start)
        };
        assert_eq!(of(None), [100, 200, 400, 600, 600, 600, 600]);
        assert_eq!(of(Some(2)), [50, 100, 200, 400, 600, 600, 600]);
        assert_eq!(of(Some(200)), [300, 600, 600, 600, 600, 600, 600]);
        assert_eq!(of(Some(500)), [750; 7]);
        assert_eq!(of(Some(5_000)), [1_000; 7]);
    }

    #[test]
    fn who_is_done_does_not_rest_for_long() {
        let start = Instant::now();
        let after = |version| {
            let mut clock = FlightClock::new(start);
            clock.set_done(Some(version));
            waits(&mut clock, start)
        };
        assert_eq!(after(ProtocolVersion::DTLS1_2), [100; 7]);
        assert_eq!(after(ProtocolVersion::DTLS1_3), [100, 200, 400, 600, 600, 600, 600], "a change of keys has time");
    }

    #[test]
    fn the_end_of_patience_is_not_waited_for() {
        let start = Instant::now();
        let mut clock = FlightClock::new(start);
        clock.wait_for(start + PATIENCE);
        assert_eq!(clock.next_deadline(), None);
        assert!(!clock.is_due(start + PATIENCE));
    }
}
