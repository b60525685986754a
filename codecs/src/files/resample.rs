//! Other sample rates into 48 kHz: a windowed sinc, evaluated where each new sample falls between the old ones.

use crate::opus::SAMPLE_RATE;
use std::f64::consts::PI;

/// Sample rates that are taken: from an old telephone's to a studio's.
pub(super) const RATES_HZ: std::ops::RangeInclusive<u32> = 6_000..=192_000;
/// Zero crossings of the sinc on each side: what is folded back is 70 dB softer than what it comes from.
const CROSSINGS: f64 = 16.0;
/// The filter is looked up at so many points between two crossings, and in a straight line between those.
const STEPS: usize = 256;
/// How much of the narrower band goes through: the rest is where the filter falls.
const PASS: f64 = 0.94;
/// Between samples of full scale music goes up to 3 dB beyond it, which is for a limiter to deal with; what goes further is noise.
const PEAK: f64 = 1.5;

/// Brings samples to 48 kHz.
pub(super) fn to_48k(samples: Vec<f32>, rate_hz: u32) -> Vec<f32> {
    if rate_hz == SAMPLE_RATE {
        return samples;
    }
    let kernel = kernel();
    let (from, to) = (f64::from(rate_hz), f64::from(SAMPLE_RATE));
    // In periods of what comes: where it is finer than what goes out, the filter is as wide as that needs.
    let cutoff = PASS * (to / from).min(1.0);
    let reach = CROSSINGS / cutoff;
    let count = (samples.len() as f64 * to / from).ceil() as usize;
    let at = |i: usize| {
        let centre = i as f64 * from / to;
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize).min(samples.len().saturating_sub(1));
        let window = samples.get(first..=last).unwrap_or_default();
        let weigh = |(j, sample): (usize, &f32)| {
            f64::from(*sample) * look_up(&kernel, ((first + j) as f64 - centre).abs() * cutoff)
        };
        (window.iter().enumerate().map(weigh).sum::<f64>() * cutoff).clamp(-PEAK, PEAK) as f32
    };
    (0..count).map(at).collect()
}

/// One side of the filter, from its middle on.
fn kernel() -> Vec<f64> {
    let points = CROSSINGS as usize * STEPS;
    let at = |i: usize| {
        let x = i as f64 / STEPS as f64;
        let sinc = if i == 0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        // Blackman's window.
        let turn = PI * x / CROSSINGS;
        sinc * (0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos())
    };
    (0..points).map(at).chain([0.0, 0.0]).collect()
}

fn look_up(kernel: &[f64], x: f64) -> f64 {
    let place = x * STEPS as f64;
    let (index, rest) = (place as usize, place.fract());
    match kernel.get(index..index + 2) {
        Some([a, b]) => a + (b - a) * rest,
        _ => 0.0,
    }
}
