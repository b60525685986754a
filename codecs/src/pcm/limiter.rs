//! A limiter that looks ahead: the sum of many voices never wraps and never clips, and a single voice passes untouched.

/// No sample is larger than this: -0.5 dB, which leaves the codec its ripple.
pub const CEILING: f32 = 0.944;
/// By how much the sound comes later: one block of 2 ms.
pub const LIMITER_DELAY_SAMPLES: usize = BLOCK;
/// Gains are settled by blocks and go evenly from one to the next.
const BLOCK: usize = 96;
/// How fast it lets go again: 1.5 dB in 20 ms.
const RELEASE: f32 = 1.0174;

/// A limiter of one stream.
#[derive(Debug, Clone)]
pub struct Limiter {
    channels: usize,
    /// The last block that came, which has not left yet.
    held: [f32; 2 * BLOCK],
    held_peak: f32,
    /// The gain at the border before the held block.
    gain: f32,
}

impl Limiter {
    /// Of a stream with one channel or two.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self { channels: channels.clamp(1, 2), held: [0.0; 2 * BLOCK], held_peak: 0.0, gain: 1.0 }
    }

    /// Limits in place; what comes out is [`LIMITER_DELAY_SAMPLES`] later than what went in. Takes whole blocks of 2 ms, and leaves what
    /// is beyond the last one as silence.
    pub fn apply(&mut self, samples: &mut [f32]) {
        let len = BLOCK * self.channels;
        let mut blocks = samples.chunks_exact_mut(len);
        for block in &mut blocks {
            // A sample that is no number would never go away again. All are looked at at once, as there hardly ever is one.
            if block.iter().fold(false, |found, sample| found | !sample.is_finite()) {
                block.iter_mut().filter(|sample| !sample.is_finite()).for_each(|sample| *sample = 0.0);
            }
            let peak = super::peak(block);
            // Both ends of the held block's gain are low enough for it: this border's was set with it in sight.
            let next = allowed(self.held_peak).min(allowed(peak)).min(self.gain * RELEASE);
            let held = self.held.get_mut(..len).unwrap_or_default();
            held.swap_with_slice(block);
            self.held_peak = peak;
            if self.gain < 1.0 || next < 1.0 {
                super::fade(block, self.channels, self.gain, next);
            }
            self.gain = next.min(1.0);
        }
        blocks.into_remainder().fill(0.0);
    }

    /// The gain now, 0 to 1.
    #[must_use]
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// Whether nothing is left in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held_peak == 0.0
    }
}

fn allowed(peak: f32) -> f32 {
    if peak > CEILING { CEILING / peak } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_soft_passes_untouched_and_later() {
        let mut limiter = Limiter::new(1);
        let voice: Vec<f32> = (0..960).map(|n| (n as f32 * 0.1).sin() * 0.9).collect();
        let mut samples = voice.clone();
        limiter.apply(&mut samples);
        assert_eq!(samples[..BLOCK], [0.0; BLOCK]);
        assert_eq!(samples[BLOCK..], voice[..960 - BLOCK]);
    }

    proptest! {
        #[test]
        fn nothing_is_louder_than_the_ceiling(
            blocks in prop::collection::vec((prop::num::f32::ANY, 0_usize..192), 1..40),
            channels in 1_usize..=2,
        ) {
            let mut limiter = Limiter::new(channels);
            for (value, at) in blocks {
                let mut samples = vec![0.1; BLOCK * 2 * channels];
                samples[at] = value;
                limiter.apply(&mut samples);
                prop_assert!(samples.iter().all(|sample| sample.abs() <= CEILING * 1.00001), "{samples:?}");
            }
        }
    }
}
