//! Comfort noise.

/// A soft hiss without a pattern: the same seed gives the same noise.
#[derive(Debug, Clone)]
pub struct Noise {
    state: u32,
    last: f32,
}

impl Noise {
    /// By a seed.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { state: seed | 1, last: 0.0 }
    }

    /// Adds noise of so many -dBov to samples, the same to each channel.
    pub fn add(&mut self, samples: &mut [f32], channels: usize, level_dbov: u8) {
        let rms = 10_f32.powf(f32::from(level_dbov) / -20.0);
        // Even noise from -1 to 1 has 1/sqrt(3); the mean with its predecessor, which takes the edge off, 1/sqrt(2) of that.
        let scale = rms * 6_f32.sqrt();
        for frame in samples.chunks_mut(channels.max(1)) {
            let next = self.next();
            let noise = (next + self.last) / 2.0 * scale;
            self.last = next;
            for sample in frame {
                *sample += noise;
            }
        }
    }

    /// From -1 to 1 (Marsaglia's xorshift).
    fn next(&mut self) -> f32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        (self.state >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_loud_as_asked() {
        let mut samples = [0.0; 9600];
        Noise::new(7).add(&mut samples, 2, 60);
        assert!((59..=61).contains(&super::super::level_dbov(&samples)));
    }
}
