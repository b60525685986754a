//! Who speaks, and who holds the floor, from the audio levels that clients send (RFC 6464): nothing is decoded.

use crate::api::{PeerId, Speaker};
use std::time::{Duration, Instant};

/// How often levels are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// A person speaks whose smoothed level is at least this, in -dBov. Room noise is mostly under 60, speech over 40.
const SPEAKING_DBOV: f32 = 50.0;
/// He goes on speaking for this long after his last loud tick: pauses between words are no silence.
const HANGOVER: Duration = Duration::from_millis(600);
/// A challenger takes the floor who was the loudest, and loud, in so many ticks. A burst under 200 ms (a cough, a door) is in three at most.
const TAKEOVER_TICKS: u8 = 4;
/// And by this much louder than the holder, in dB, while the holder speaks too.
const MARGIN_DB: f32 = 6.0;
/// Changes of level smaller than this are not told.
const TOLD_STEP_DB: i16 = 6;
/// No packets for this long is silence (DTX sends one each 400 ms).
const STALE: Duration = Duration::from_millis(500);

/// Somebody who speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Voice {
    pub(crate) peer: PeerId,
    /// Smoothed, in -dBov.
    pub(crate) level_dbov: f32,
    /// In this tick; else he paused.
    pub(crate) is_loud: bool,
}

/// One person's level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    loudest_dbov: u8,
    smoothed_dbov: f32,
    heard: Option<Instant>,
    loud: Option<Instant>,
}

impl Default for Meter {
    fn default() -> Self {
        Self { loudest_dbov: 127, smoothed_dbov: 127.0, heard: None, loud: None }
    }
}

impl Meter {
    /// Notes the level of a packet.
    #[inline]
    pub(crate) fn note(&mut self, now: Instant, level_dbov: u8) {
        self.loudest_dbov = self.loudest_dbov.min(level_dbov);
        self.heard = Some(now);
    }

    /// Whether packets still come.
    pub(crate) fn is_alive(&self, now: Instant) -> bool {
        self.heard.is_some_and(|at| now.saturating_duration_since(at) < STALE)
    }

    /// When he was last loud enough to speak.
    pub(crate) fn last_loud(&self) -> Option<Instant> {
        self.loud
    }

    /// Closes a tick; gives the voice of a person who speaks.
    pub(crate) fn tick(&mut self, now: Instant, peer: PeerId) -> Option<Voice> {
        let level = if self.is_alive(now) { f32::from(self.loudest_dbov) } else { 127.0 };
        self.loudest_dbov = 127;
        // Up fast, down slowly: a syllable counts at once, a breath does not.
        let weight = if level < self.smoothed_dbov { 0.6 } else { 0.2 };
        self.smoothed_dbov += weight * (level - self.smoothed_dbov);
        if self.smoothed_dbov <= SPEAKING_DBOV {
            self.loud = Some(now);
        }
        let speaks = self.loud.is_some_and(|at| now.saturating_duration_since(at) <= HANGOVER);
        speaks.then_some(Voice { peer, level_dbov: self.smoothed_dbov, is_loud: level <= SPEAKING_DBOV })
    }
}

/// Who speaks in a room.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    dominant: Option<PeerId>,
    /// Who was the loudest of late, and in how many ticks he was loud.
    challenger: Option<(PeerId, u8)>,
    told: (Vec<Speaker>, Option<PeerId>),
}

impl Speakers {
    /// Takes everyone who speaks; gives what to tell, if it changed.
    pub(crate) fn tick(&mut self, mut speaking: Vec<Voice>) -> Option<(Vec<Speaker>, Option<PeerId>)> {
        speaking.sort_by(|a, b| a.level_dbov.total_cmp(&b.level_dbov).then(a.peer.cmp(&b.peer)));
        self.elect(&speaking);
        let speakers: Vec<_> = speaking
            .into_iter()
            .map(|Voice { peer, level_dbov, .. }| Speaker { peer, level_dbov: level_dbov.clamp(0.0, 127.0) as u8 })
            .collect();
        let changed = self.dominant != self.told.1 || !alike(&speakers, &self.told.0);
        changed.then(|| {
            self.told = (speakers, self.dominant);
            self.told.clone()
        })
    }

    /// Who holds the floor.
    pub(crate) fn dominant(&self) -> Option<PeerId> {
        self.dominant
    }

    /// Forgets a person who left.
    pub(crate) fn remove(&mut self, peer: PeerId) {
        self.dominant = self.dominant.filter(|p| *p != peer);
        self.challenger = self.challenger.filter(|(p, _)| *p != peer);
    }

    fn elect(&mut self, speaking: &[Voice]) {
        let Some(&Voice { peer: loudest, level_dbov, is_loud }) = speaking.first() else {
            self.challenger = None;
            return;
        };
        let holder = self.dominant.and_then(|d| speaking.iter().find(|voice| voice.peer == d));
        let contested = holder.is_none_or(|held| level_dbov + MARGIN_DB <= held.level_dbov);
        if Some(loudest) == self.dominant || !contested {
            self.challenger = None;
            return;
        }
        let before = self.challenger.filter(|(peer, _)| *peer == loudest).map_or(0, |(_, ticks)| ticks);
        let ticks = before + u8::from(is_loud);
        if ticks >= TAKEOVER_TICKS {
            (self.dominant, self.challenger) = (Some(loudest), None);
        } else {
            self.challenger = Some((loudest, ticks));
        }
    }
}

/// Whether two lists name the same people at about the same levels.
fn alike(a: &[Speaker], b: &[Speaker]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.peer == b.peer && (i16::from(a.level_dbov) - i16::from(b.level_dbov)).abs() < TOLD_STEP_DB)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs ticks of 100 ms; `levels` gives each person's level at a tick.
    fn run(ticks: u32, levels: impl Fn(u32) -> Vec<(u64, u8)>) -> (Option<PeerId>, Vec<PeerId>) {
        let start = Instant::now();
        let mut speakers = Speakers::default();
        let mut meters = std::collections::BTreeMap::<u64, Meter>::new();
        for tick in 0..ticks {
            let now = start + TICK * tick;
            for (peer, level) in levels(tick) {
                meters.entry(peer).or_default().note(now, level);
            }
            let speaking = meters.iter_mut().filter_map(|(peer, meter)| meter.tick(now, PeerId(*peer)));
            speakers.tick(speaking.collect());
        }
        (speakers.dominant, speakers.told.0.iter().map(|s| s.peer).collect())
    }

    #[test]
    fn the_loudest_for_long_enough_holds_the_floor() {
        assert_eq!(run(10, |_| vec![(1, 70), (2, 30)]), (Some(PeerId(2)), vec![PeerId(2)]));
    }

    #[test]
    fn a_burst_does_not_take_the_floor() {
        let levels = |t| vec![(1, 35), (2, if (20..22).contains(&t) { 10 } else { 90 })];
        assert_eq!(run(30, levels).0, Some(PeerId(1)));
    }

    #[test]
    fn nor_does_one_in_silence() {
        for loud in [0, 15, 40] {
            for noise in [60, 90, 127] {
                let burst = |t: u32| if (20..23).contains(&t) { loud } else { noise };
                assert_eq!(run(40, |t| vec![(1, if t < 10 { 35 } else { 100 }), (2, burst(t))]).0, Some(PeerId(1)));
                assert_eq!(run(40, |t| vec![(2, burst(t))]).0, None, "{loud} over {noise}");
            }
        }
    }

    #[test]
    fn words_with_pauses_between_them_take_the_floor() {
        let levels = |t| vec![(1, if t < 20 { 35 } else { 100 }), (2, if t >= 20 && t % 4 < 2 { 30 } else { 100 })];
        assert_eq!(run(30, levels).0, Some(PeerId(2)));
    }

    #[test]
    fn the_floor_passes_when_another_speaks_and_stays_in_silence() {
        let levels = |t| vec![(1, if t < 20 { 35 } else { 100 }), (2, if (25..40).contains(&t) { 35 } else { 100 })];
        assert_eq!(run(40, levels).0, Some(PeerId(2)));
        assert_eq!(run(80, levels), (Some(PeerId(2)), vec![]));
    }

    #[test]
    fn equals_do_not_alternate() {
        let levels = |t| vec![(1, if t % 2 == 0 { 30 } else { 34 }), (2, if t % 2 == 0 { 34 } else { 30 })];
        let winner = run(20, levels).0;
        assert_eq!(run(60, levels).0, winner);
    }
}
