//! A recording's frames, replayed for as long as a client is there: when each is due, how large it is, and which are key frames.
//! What is in pictures is not kept; packets of sound are, so that a server that decodes them has something to decode.

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// When, since the recording began.
    pub at: Duration,
    /// Bytes of it, without packets' headers.
    pub bytes: usize,
    /// A receiver may begin with it.
    pub key: bool,
    /// The packet itself: of Opus, or a whole picture in one packet of VP8; empty for pictures that are none.
    pub packet: Bytes,
}

/// The frames of one track of a recording, shared by all who replay it.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    shots: Vec<Shot>,
    /// Of one round: as long as the frames, and one ordinary distance from the last to the first.
    length: Duration,
    /// Of a usual key frame.
    key_bytes: usize,
}

impl Script {
    /// Frames in the order of time. `None` when there are fewer than two, or no time passes.
    #[must_use]
    pub fn new(mut shots: Vec<Shot>) -> Option<Self> {
        let began = shots.first()?.at;
        for shot in &mut shots {
            shot.at = shot.at.saturating_sub(began);
        }
        shots.sort_by_key(|shot| shot.at);
        let mut gaps: Vec<Duration> = shots.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        gaps.sort();
        let length = shots.last()?.at + *gaps.get(gaps.len() / 2)?;
        let mut keys: Vec<usize> = shots.iter().filter(|shot| shot.key).map(|shot| shot.bytes).collect();
        keys.sort_unstable();
        let largest = shots.iter().map(|shot| shot.bytes).max()?;
        let key_bytes = keys.get(keys.len() / 2).copied().unwrap_or(largest);
        (!length.is_zero()).then_some(Self { shots, length, key_bytes })
    }

    /// How long it takes until it begins anew.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Its frames.
    #[must_use]
    pub fn shots(&self) -> &[Shot] {
        &self.shots
    }

    /// Frames a second, on average.
    #[must_use]
    pub fn frames_per_s(&self) -> f64 {
        self.shots.len() as f64 / self.length.as_secs_f64()
    }

    /// Bits a second, on average, without packets' headers.
    #[must_use]
    pub fn bits_per_s(&self) -> f64 {
        self.shots.iter().map(|shot| shot.bytes as f64 * 8.0).sum::<f64>() / self.length.as_secs_f64()
    }
}

/// Somebody's place in a script.
#[derive(Debug)]
pub(super) struct Replay {
    script: Arc<Script>,
    next: usize,
}

impl Replay {
    /// Begins so far into it, 0 to 1.
    pub(super) fn new(script: Arc<Script>, from: f64) -> Self {
        let next = (script.shots.len() as f64 * from.clamp(0.0, 1.0)) as usize % script.shots.len().max(1);
        Self { script, next }
    }

    /// The next frame, and how long after it the one behind it comes.
    pub(super) fn next(&mut self) -> Option<(&Shot, Duration)> {
        let this = self.script.shots.get(self.next)?;
        let after = self.script.shots.get(self.next + 1);
        self.next = if after.is_some() { self.next + 1 } else { 0 };
        Some((this, after.map_or(self.script.length, |after| after.at).saturating_sub(this.at)))
    }

    /// Bytes of a key frame that somebody asks for where the recording has none: of a usual one of it.
    pub(super) fn key_bytes(&self) -> usize {
        self.script.key_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(at_ms: u64, bytes: usize, key: bool) -> Shot {
        Shot { at: Duration::from_millis(at_ms), bytes, key, packet: Bytes::new() }
    }

    #[test]
    fn it_goes_round_in_its_own_time() {
        let script =
            Script::new(vec![shot(100, 9, true), shot(133, 2, false), shot(166, 3, false)]).expect("time passes");
        assert_eq!(script.length(), Duration::from_millis(99));
        let mut replay = Replay::new(Arc::new(script), 0.4);
        let mut seen = Vec::new();
        for _ in 0..5 {
            let (shot, gap) = replay.next().expect("it goes on");
            seen.push((shot.bytes, gap.as_millis()));
        }
        assert_eq!(seen, [(2, 33), (3, 33), (9, 33), (2, 33), (3, 33)]);
        assert_eq!(replay.key_bytes(), 9);
    }

    #[test]
    fn what_takes_no_time_is_none() {
        assert!(Script::new(vec![]).is_none() && Script::new(vec![shot(1, 1, true)]).is_none());
        assert!(Script::new(vec![shot(1, 1, true), shot(1, 1, true)]).is_none());
    }
}
