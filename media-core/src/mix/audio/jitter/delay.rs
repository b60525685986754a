//! How long packets must wait, so that nearly all of them are there when their turn comes.
//!
//! A packet's *transit* is when it came less when it was spoken by its timestamp: only differences mean anything. The least one of
//! the last seconds is the path without a queue; what a packet has beyond it is its lateness. The wait that is wanted covers the
//! lateness of 97 packets in 100, the newer ones counting more.

use std::time::{Duration, Instant};

/// The least transit is that of the last one to two of these: long enough to see the path free once, short enough to follow clocks
/// that differ by 100 parts in a million (0.4 ms) and paths that change.
const WINDOW: Duration = Duration::from_secs(2);
/// Lateness is counted in steps of 5 ms up to 160 ms.
const STEP_US: i64 = 5_000;
const STEPS: usize = 32;
/// What a packet counts, less by so much for each one after it: about the last two seconds matter.
const FORGET: f32 = 0.99;
/// Part of the packets that must be in time.
const IN_TIME: f32 = 0.97;
/// A transit that differs by more than this is another clock, not another path.
const JUMP_US: i64 = 3_000_000;
/// After so long without packets a jump is taken as it is; before, the second one in a row is.
const PAUSE: Duration = Duration::from_millis(500);

/// What a packet's time says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mix::audio) enum Noted {
    /// It goes on.
    Fits,
    /// One that does not fit: perhaps a stray.
    Stray,
    /// The timestamps have begun anew: what waits has nothing to do with this packet.
    Anew,
}

/// The lateness of one source's packets.
#[derive(Debug, Clone)]
pub(in crate::mix::audio) struct Delay {
    /// What times and timestamps are counted from.
    origin: Option<(Instant, u64)>,
    /// The least transit of the window before, and of this one, in µs.
    least_us: (Option<i64>, i64),
    window_began: Instant,
    lateness: [f32; STEPS],
    noted: Instant,
    strays: u8,
}

impl Delay {
    pub(in crate::mix::audio) fn new(now: Instant) -> Self {
        Self { origin: None, least_us: (None, 0), window_began: now, lateness: [0.0; STEPS], noted: now, strays: 0 }
    }

    /// Takes a packet's timestamp (extended) and when it came.
    pub(in crate::mix::audio) fn note(&mut self, timestamp: u64, arrived: Instant) -> Noted {
        if self.origin.is_none() {
            self.begin(timestamp, arrived);
            return Noted::Fits;
        }
        let transit = self.transit_us(timestamp, arrived);
        if (transit - self.base_us()).abs() > JUMP_US {
            self.strays += 1;
            if self.strays < 2 && arrived.saturating_duration_since(self.noted) < PAUSE {
                return Noted::Stray;
            }
            self.begin(timestamp, arrived);
            return Noted::Anew;
        }
        self.strays = 0;
        self.noted = arrived;
        self.roll(arrived, transit);
        let late = (transit - self.base_us()).max(0) / STEP_US;
        for weight in &mut self.lateness {
            *weight *= FORGET;
        }
        let step = usize::try_from(late).unwrap_or(STEPS).min(STEPS - 1);
        if let Some(weight) = self.lateness.get_mut(step) {
            *weight += 1.0 - FORGET;
        }
        Noted::Fits
    }

    /// Forgets the path: the next packet is the first. How late packets were before says how late they may be now.
    pub(in crate::mix::audio) fn forget(&mut self) {
        self.origin = None;
    }

    /// How long a sample with this timestamp would have waited, played now, in µs; negative if it cannot be there yet.
    pub(in crate::mix::audio) fn waited_us(&self, timestamp: u64, now: Instant) -> i64 {
        if self.origin.is_none() { 0 } else { self.transit_us(timestamp, now) - self.base_us() }
    }

    /// How long packets should wait, in µs, within these bounds in ms.
    pub(in crate::mix::audio) fn wanted_us(&self, (least_ms, most_ms): (u16, u16)) -> i64 {
        let total: f32 = self.lateness.iter().sum();
        let mut left = total * (1.0 - IN_TIME);
        let mut step = STEPS;
        while step > 0 {
            left -= self.lateness.get(step - 1).copied().unwrap_or(0.0);
            if left < 0.0 {
                break;
            }
            step -= 1;
        }
        let (least_us, most_us) = (i64::from(least_ms) * 1000, i64::from(most_ms.max(least_ms)) * 1000);
        (step as i64 * STEP_US).clamp(least_us, most_us)
    }

    fn begin(&mut self, timestamp: u64, arrived: Instant) {
        *self = Self { origin: Some((arrived, timestamp)), lateness: self.lateness, ..Self::new(arrived) };
    }

    fn base_us(&self) -> i64 {
        let (before, now) = self.least_us;
        before.map_or(now, |before| before.min(now))
    }

    fn roll(&mut self, now: Instant, transit: i64) {
        let age = now.saturating_duration_since(self.window_began);
        if age >= 2 * WINDOW {
            self.least_us = (None, transit);
            self.window_began = now;
        } else if age >= WINDOW {
            self.least_us = (Some(self.least_us.1), transit);
            self.window_began = now;
        } else {
            self.least_us.1 = self.least_us.1.min(transit);
        }
    }

    fn transit_us(&self, timestamp: u64, at: Instant) -> i64 {
        let Some((origin, first)) = self.origin else { return 0 };
        let wall = match at.checked_duration_since(origin) {
            Some(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 4),
            None => -i64::try_from(origin.duration_since(at).as_micros()).unwrap_or(i64::MAX / 4),
        };
        // Extended timestamps stay below 2^62: their difference in µs fits by far.
        let samples = (timestamp as i64).wrapping_sub(first as i64);
        wall.saturating_sub(samples.saturating_mul(1000) / 48)
    }
}
