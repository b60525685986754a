//! Whether somebody who leaves it to the server gets the mix.

use crate::api::{AudioPath, MixLimits};
use std::time::{Duration, Instant};

/// What was chosen holds for so long at least: each change costs a listener's jitter buffer a new start.
const DWELL: Duration = Duration::from_secs(10);
/// Of the limit that led to the mix, in percent, what a path must carry before it is left.
const WIDE_PCT: u64 = 200;
/// Fewer speakers by so many, of those that led to the mix, before it is left.
const FEWER: usize = 2;

/// What is known of a listener and his room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// He receives no pictures: a phone, a watch, an earpiece.
    pub(crate) audio_only: bool,
    /// What his path carries, in bits a second.
    pub(crate) path_bps: u64,
    /// Others in the room who spoke of late.
    pub(crate) talkers: usize,
}

/// What was chosen for one listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    path: AudioPath,
    since: Option<Instant>,
}

impl Choice {
    /// Chooses anew.
    pub(crate) fn choose(&mut self, now: Instant, facts: Facts, limits: &MixLimits) -> AudioPath {
        let Facts { audio_only, path_bps, talkers } = facts;
        let (narrow_bps, crowd) = match self.path {
            AudioPath::Forward => (limits.narrow_bps, limits.talkers),
            AudioPath::Mix => (limits.narrow_bps.saturating_mul(WIDE_PCT) / 100, limits.talkers.saturating_sub(FEWER)),
        };
        let is_better = limits.enabled && (audio_only || path_bps < narrow_bps || talkers > crowd);
        let path = if is_better { AudioPath::Mix } else { AudioPath::Forward };
        let rests = self.since.is_some_and(|since| now.saturating_duration_since(since) < DWELL);
        if path != self.path && !rests {
            *self = Self { path, since: Some(now) };
        }
        self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_for_ears_alone_narrow_paths_and_crowds() {
        let limits = MixLimits { enabled: true, narrow_bps: 100, talkers: 5, ..MixLimits::default() };
        let (forward, mix) = (AudioPath::Forward, AudioPath::Mix);
        // At this second: audio only, path, talkers; and what is chosen.
        let table = [
            (0, (false, 1_000, 2), forward),
            (1, (false, 1_000, 6), mix),
            (2, (false, 1_000, 1), mix),
            (12, (false, 1_000, 4), mix),
            (13, (false, 1_000, 3), forward),
            (14, (false, 50, 1), forward),
            (24, (false, 50, 1), mix),
            (40, (false, 150, 1), mix),
            (41, (false, 250, 1), forward),
            (52, (true, 1_000, 0), mix),
            (70, (true, 1_000, 0), mix),
        ];
        let (start, mut choice) = (Instant::now(), Choice::default());
        for (second, (audio_only, path_bps, talkers), chosen) in table {
            let facts = Facts { audio_only, path_bps, talkers };
            assert_eq!(choice.choose(start + Duration::from_secs(second), facts, &limits), chosen, "at {second} s");
        }
        let mut without = Choice::default();
        let facts = Facts { audio_only: true, path_bps: 1, talkers: 99 };
        assert_eq!(without.choose(start, facts, &MixLimits::default()), forward, "there is no mixer");
    }
}
