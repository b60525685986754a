//! A little longer or shorter without another pitch: whole periods of a voice are put in or left out where they join best (WSOLA).

/// Periods that are looked for: 2.5 ms (400 Hz) to 12.5 ms (80 Hz).
const MIN_PERIOD_SAMPLES: usize = 120;
/// The longest period that is put in or left out, in samples of a channel.
pub const MAX_PERIOD_SAMPLES: usize = 600;
/// How long one passes over into the other.
const OVERLAP: usize = 240;
/// Samples of a channel that must be there.
pub const MIN_STRETCHED_SAMPLES: usize = MAX_PERIOD_SAMPLES + OVERLAP;
/// Every fourth sample and period is compared: speech has hardly anything above 6 kHz by which to join.
const STRIDE: usize = 4;
/// How alike what is joined must be, as a correlation; what is softer than [`QUIET`] joins anyhow.
const ALIKE: f32 = 0.6;
/// 54 dB under full scale, as a mean square.
const QUIET: f32 = 4e-6;

/// Leaves out a period at the beginning; gives how many samples of a channel that was, 0 if nothing fits well.
pub fn remove_period(samples: &mut Vec<f32>, channels: usize) -> usize {
    let Some(period) = period(samples, channels) else { return 0 };
    for n in 0..OVERLAP * channels {
        let before = samples.get(n).copied().unwrap_or(0.0);
        let Some(after) = samples.get_mut(n + period * channels) else { return 0 };
        let weight = (n / channels) as f32 / OVERLAP as f32;
        *after = before * (1.0 - weight) + *after * weight;
    }
    samples.drain(..period * channels);
    period
}

/// Puts in a period at the beginning, the first one again; gives how many samples of a channel that was, 0 if nothing fits well.
pub fn insert_period(samples: &mut Vec<f32>, channels: usize) -> usize {
    let Some(period) = period(samples, channels) else { return 0 };
    let len = period * channels;
    let mut inserted = samples.get(..len).unwrap_or_default().to_vec();
    // After a period comes what follows it, going over into the beginning.
    let join = (0..OVERLAP * channels).filter_map(|n| {
        let weight = (n / channels) as f32 / OVERLAP as f32;
        Some(samples.get(n + len)? * (1.0 - weight) + samples.get(n)? * weight)
    });
    inserted.extend(join);
    samples.splice(..OVERLAP * channels, inserted);
    period
}

/// The distance at which the sound is most like its beginning.
fn period(samples: &[f32], channels: usize) -> Option<usize> {
    if channels == 0 || samples.len() < MIN_STRETCHED_SAMPLES * channels {
        return None;
    }
    let mono = |n: usize| samples.get(n * channels).copied().unwrap_or(0.0);
    let energy_at = |from: usize| (0..OVERLAP).step_by(STRIDE).map(|n| mono(from + n).powi(2)).sum::<f32>();
    let first = energy_at(0);
    let count = (OVERLAP / STRIDE) as f32;
    let mut best = (f32::MIN, MIN_PERIOD_SAMPLES, 0.0);
    for lag in (MIN_PERIOD_SAMPLES..=MAX_PERIOD_SAMPLES).step_by(STRIDE) {
        let product = (0..OVERLAP).step_by(STRIDE).map(|n| mono(n) * mono(lag + n)).sum::<f32>();
        let energy = energy_at(lag);
        let correlation = product / (first * energy).sqrt().max(1e-9);
        if correlation > best.0 {
            best = (correlation, lag, energy);
        }
    }
    let (correlation, lag, energy) = best;
    let is_quiet = first.max(energy) / count < QUIET;
    (is_quiet || correlation > ALIKE).then_some(lag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, len: usize) -> Vec<f32> {
        (0..len).map(|n| (n as f32 / 48_000.0 * hz * std::f32::consts::TAU).sin() * 0.5).collect()
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_gets_shorter_and_longer_without_a_step() {
        for hz in [110.0, 220.0, 440.0, 1000.0] {
            let before = tone(hz, 1920);
            let (mut shorter, mut longer) = (before.clone(), before.clone());
            let (left_out, put_in) = (remove_period(&mut shorter, 1), insert_period(&mut longer, 1));
            assert!(left_out >= 120 && put_in >= 120, "{hz}");
            assert_eq!((shorter.len(), longer.len()), (1920 - left_out, 1920 + put_in));
            assert!(steepest(&shorter) < 1.1 * steepest(&before) + 0.001, "{hz}");
            assert!(steepest(&longer) < 1.1 * steepest(&before) + 0.001, "{hz}");
        }
    }

    #[test]
    fn too_little_and_what_does_not_fit_stay_as_they_are() {
        assert_eq!(remove_period(&mut vec![0.0; 100], 1), 0);
        assert_eq!(insert_period(&mut vec![0.0; 100], 0), 0);
        let mut noise = vec![0.0; 1920];
        crate::pcm::Noise::new(3).add(&mut noise, 1, 20);
        assert_eq!((remove_period(&mut noise, 1), noise.len()), (0, 1920));
    }

    #[test]
    fn two_channels_stay_together() {
        let mut both: Vec<f32> = tone(220.0, 1920).into_iter().flat_map(|sample| [sample, -sample]).collect();
        assert!(insert_period(&mut both, 2) > 0);
        assert!(remove_period(&mut both, 2) > 0);
        assert!(both.as_chunks::<2>().0.iter().all(|[l, r]| *l == -*r));
    }
}
