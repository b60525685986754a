//! Who is heard: the loudest of each group, by the levels that senders tell (RFC 6464) or by what was decoded.
//!
//! A packet's level is known when it comes, and it waits some 20 ms before it is heard: so a voice is let in at once and yet loses
//! nothing of its beginning, as long as there is room. Where there is none, somebody must be louder than the softest of those who
//! speak, and for a while.

use super::mixdown::SourceKey;
use super::{GroupId, SourceId};
use std::time::{Duration, Instant};

/// Softer than this is not speech, in -dBov; room noise is mostly under 60.
const SPEECH_DBOV: u8 = 58;
/// Softer than this does not count as speech if the sender says that it is none, in -dBov.
const NOISE_DBOV: u8 = 40;
/// Who is heard already goes on with this much less, in dB: the ends of words are soft.
const KEEPS_DB: u8 = 8;
/// A voice stays in for so long after it was last loud: pauses within a sentence are shorter.
const HOLD: Duration = Duration::from_millis(1000);
/// One that was loud so lately speaks; the others in the mix have paused, and give way at once.
const SPEAKS: Duration = Duration::from_millis(200);
/// Who was not heard must have been loud within this time to come in.
const FRESH: Duration = Duration::from_millis(60);
/// To take the place of one who speaks, one must be so much louder, in dB,
const MARGIN_DB: f32 = 6.0;
/// for so long: two packets.
const ATTACK: Duration = Duration::from_millis(35);
/// How fast the level follows a packet, upward and downward.
const RISE: f32 = 0.5;
const FALL: f32 = 0.1;

/// How loud a source is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loudness {
    /// In -dBov; 0 before anything was noted is never looked at.
    smooth_dbov: f32,
    /// When it was last loud, and since when without a pause.
    loud: Option<(Instant, Instant)>,
}

impl Loudness {
    /// Takes the level of a packet, in -dBov; says whether it is loud.
    pub(super) fn note(&mut self, level: u8, voice: Option<bool>, is_heard: bool, now: Instant) -> bool {
        let level = level.min(127);
        let soft = if voice == Some(false) { NOISE_DBOV } else { SPEECH_DBOV };
        let is_loud = level <= soft + if is_heard { KEEPS_DB } else { 0 };
        let Some((last, since)) = self.loud else {
            if is_loud {
                (self.smooth_dbov, self.loud) = (f32::from(level), Some((now, now)));
            }
            return is_loud;
        };
        let weight = if f32::from(level) < self.smooth_dbov { RISE } else { FALL };
        self.smooth_dbov += weight * (f32::from(level) - self.smooth_dbov);
        if is_loud {
            let goes_on = now.saturating_duration_since(last) < SPEAKS;
            self.loud = Some((now, if goes_on { since } else { now }));
        }
        is_loud
    }

    /// As if it had never been loud.
    pub(super) fn forget(&mut self) {
        self.loud = None;
    }

    fn loud_within(&self, time: Duration, now: Instant) -> bool {
        self.loud.is_some_and(|(last, _)| now.saturating_duration_since(last) < time)
    }

    /// Whether it may go on being heard.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.loud_within(HOLD, now)
    }

    /// Whether it may come in.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.loud_within(FRESH, now)
    }

    /// In -dBov; 127 in a pause.
    fn now_dbov(&self, now: Instant) -> f32 {
        if self.loud_within(SPEAKS, now) { self.smooth_dbov } else { 127.0 }
    }

    fn was_loud_for(&self, time: Duration) -> bool {
        self.loud.is_some_and(|(last, since)| last.saturating_duration_since(since) >= time)
    }
}

/// Somebody who was loud of late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) group: GroupId,
    pub(super) id: SourceId,
    pub(super) key: SourceKey,
    pub(super) loudness: Loudness,
    /// He is heard now.
    pub(super) is_heard: bool,
}

/// Of candidates of one group: sorts those who shall be heard to the front and gives how many they are, at most `most`.
pub(super) fn choose(candidates: &mut [Candidate], most: usize, now: Instant) -> usize {
    let by_level = |a: &Candidate, b: &Candidate| {
        (a.loudness.now_dbov(now).total_cmp(&b.loudness.now_dbov(now))).then(a.id.cmp(&b.id))
    };
    let held = |c: &Candidate| c.is_heard && c.loudness.holds(now);
    // Those who are heard, the loudest first; then those who want to be.
    candidates.sort_unstable_by(|a, b| {
        let rank = |c| if held(c) { 0 } else { u8::from(!c.loudness.is_fresh(now)) + 1 };
        rank(a).cmp(&rank(b)).then(by_level(a, b))
    });
    let heard = candidates.iter().take_while(|c| held(c)).count();
    let fresh = candidates.get(heard..).unwrap_or_default().iter();
    let wanting = fresh.take_while(|c| !c.is_heard && c.loudness.is_fresh(now)).count();
    let mut chosen = heard.min(most);
    for challenger in heard..heard + wanting {
        if chosen < most {
            candidates.swap(chosen, challenger);
            chosen += 1;
            continue;
        }
        let softest = (0..chosen).max_by(|a, b| match (candidates.get(*a), candidates.get(*b)) {
            (Some(a), Some(b)) => by_level(a, b),
            _ => std::cmp::Ordering::Equal,
        });
        let Some((softest, (weak, strong))) =
            softest.and_then(|at| Some((at, (candidates.get(at)?, candidates.get(challenger)?))))
        else {
            break;
        };
        let weak_dbov = weak.loudness.now_dbov(now);
        let is_louder = strong.loudness.now_dbov(now) + MARGIN_DB <= weak_dbov;
        let wins = weak.is_heard && is_louder && (weak_dbov >= 127.0 || strong.loudness.was_loud_for(ATTACK));
        if wins {
            candidates.swap(softest, challenger);
        }
    }
    chosen
}
