//! Slow automatic gain: voices at different microphones become about as loud.

/// What speech is brought to, in -dBov of a frame's mean.
const TARGET_DBOV: f32 = 24.0;
/// Frames softer than this are pauses and noise: they change nothing.
const SPEECH_DBOV: f32 = 50.0;
/// It never does more than this in either direction, in dB.
const MOST_DB: f32 = 9.0;
/// How fast it goes, in dB for each second of speech.
const RISE_DB_S: f32 = 1.5;
const FALL_DB_S: f32 = 6.0;
/// What is nearer to the target than this is left alone, in dB.
const DEAD_DB: f32 = 2.0;
/// How fast the mean level of speech follows, for a frame of 20 ms: about half a second.
const FOLLOW: f32 = 0.04;

/// The gain of one voice.
#[derive(Debug, Clone)]
pub struct Agc {
    mean_dbov: Option<f32>,
    gain_db: f32,
}

impl Agc {
    /// Of a voice that was not heard yet: it changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { mean_dbov: None, gain_db: 0.0 }
    }

    /// The gain now, in dB.
    #[must_use]
    pub fn gain_db(&self) -> f32 {
        self.gain_db
    }

    /// Takes a frame of `seconds` and makes it louder or softer, evenly from the last frame's gain.
    pub fn apply(&mut self, samples: &mut [f32], channels: usize, seconds: f32) {
        let before = self.gain_db;
        let level = -20.0 * super::rms(samples).max(1e-7).log10();
        if level < SPEECH_DBOV {
            self.follow(level, seconds);
        }
        if before != 0.0 || self.gain_db != 0.0 {
            super::fade(samples, channels, factor(before), factor(self.gain_db));
        }
    }

    fn follow(&mut self, level: f32, seconds: f32) {
        let mean = self.mean_dbov.map_or(level, |mean| mean + FOLLOW * (level - mean));
        self.mean_dbov = Some(mean);
        let missing = (mean - TARGET_DBOV).clamp(-MOST_DB, MOST_DB) - self.gain_db;
        if missing.abs() > DEAD_DB {
            self.gain_db += missing.clamp(-FALL_DB_S * seconds, RISE_DB_S * seconds);
        }
    }
}

impl Default for Agc {
    fn default() -> Self {
        Self::new()
    }
}

fn factor(db: f32) -> f32 {
    10_f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(level: f32, seconds: f32) -> f32 {
        let mut agc = Agc::new();
        for _ in 0..(seconds * 50.0) as usize {
            agc.apply(&mut [level; 960], 1, 0.02);
        }
        agc.gain_db()
    }

    #[test]
    fn soft_voices_rise_slowly_and_not_without_bound() {
        assert!((1.0..=1.6).contains(&after(0.01, 1.0)));
        assert!((6.9..=9.0).contains(&after(0.004, 30.0)));
        assert!((-9.0..=-6.9).contains(&after(1.0, 30.0)));
        assert_eq!(after(0.063, 30.0), 0.0, "the target's level");
        assert_eq!(after(0.001, 30.0), 0.0, "noise is left as it is");
    }
}
