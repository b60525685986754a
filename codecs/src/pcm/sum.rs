//! Adding up.

/// How much of each channel of what is added goes into each channel of the sum: one that is mono uses `left` alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// Into the left or only channel.
    pub left: f32,
    /// Into the right channel.
    pub right: f32,
}

/// Adds `voice`, weighted, to `sum`. Each has one channel or two, as `voice_channels` and `sum_channels` say; where the sum has one, it
/// gets the mean of both weighted channels.
pub fn add(sum: &mut [f32], sum_channels: usize, voice: &[f32], voice_channels: usize, weight: Weight) {
    let Weight { left, right } = weight;
    match (sum_channels, voice_channels) {
        (1, 1) => {
            let gain = (left + right) / 2.0;
            for (sum, sample) in sum.iter_mut().zip(voice) {
                *sum += gain * sample;
            }
        }
        (1, _) => {
            for (sum, [l, r]) in sum.iter_mut().zip(voice.as_chunks::<2>().0) {
                *sum += (left * l + right * r) / 2.0;
            }
        }
        (_, 1) => {
            for ([l, r], sample) in sum.as_chunks_mut::<2>().0.iter_mut().zip(voice) {
                *l += left * sample;
                *r += right * sample;
            }
        }
        _ => {
            for ([l, r], [from_l, from_r]) in sum.as_chunks_mut::<2>().0.iter_mut().zip(voice.as_chunks::<2>().0) {
                *l += left * from_l;
                *r += right * from_r;
            }
        }
    }
}

/// The mean of the channels, into `mono`.
pub fn downmix(samples: &[f32], channels: usize, mono: &mut Vec<f32>) {
    mono.clear();
    match channels {
        1 => mono.extend_from_slice(samples),
        _ => mono.extend(samples.as_chunks::<2>().0.iter().map(|[l, r]| (l + r) / 2.0)),
    }
}

/// Multiplies by a factor that goes evenly from one value to another over `samples`: a change of loudness without a click.
pub fn fade(samples: &mut [f32], channels: usize, from: f32, to: f32) {
    if from == 1.0 && to == 1.0 {
        return;
    }
    let frames = samples.len() / channels.max(1);
    let step = (to - from) / frames.max(1) as f32;
    for (n, frame) in samples.chunks_mut(channels.max(1)).enumerate() {
        let gain = from + step * (n + 1) as f32;
        for sample in frame {
            *sample *= gain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Weight = Weight { left: 0.5, right: 1.0 };

    #[test]
    fn every_pair_of_channels_adds_up() {
        let mut mono = [1.0_f32; 2];
        add(&mut mono, 1, &[0.4, 0.8], 1, HALF);
        assert_eq!(mono, [1.3, 1.6]);
        let mut mono = [0.0_f32];
        add(&mut mono, 1, &[0.4, 0.8], 2, HALF);
        assert_eq!(mono, [0.5]);
        let mut stereo = [0.0_f32; 4];
        add(&mut stereo, 2, &[0.4, 0.8], 1, HALF);
        assert_eq!(stereo, [0.2, 0.4, 0.4, 0.8]);
        let mut stereo = [0.0_f32; 2];
        add(&mut stereo, 2, &[0.4, 0.8], 2, HALF);
        assert_eq!(stereo, [0.2, 0.8]);
    }

    #[test]
    fn a_fade_ends_where_it_should_and_never_jumps() {
        let mut samples = [1.0_f32; 240];
        fade(&mut samples, 1, 0.0, 1.0);
        assert_eq!(samples[239], 1.0);
        assert!(samples.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.01));
        let mut stereo = [1.0_f32; 8];
        fade(&mut stereo, 2, 1.0, 0.0);
        assert_eq!(stereo, [0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0.0, 0.0]);
    }
}
