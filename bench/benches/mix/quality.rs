//! How much of speech is left after an encoder.

use super::voice::FRAME;
use colloquy_codecs::opus::{Channels, Decoder, Encoder, EncoderSettings};

/// Bounds of a frame's SNR, as is usual: beyond them nobody hears a difference.
const SNR_DB: (f64, f64) = (-10.0, 35.0);
/// Frames softer than this are pauses, as a mean square: -50 dB.
const PAUSE: f64 = 1e-5;
/// Middles of bands, in Hz, that the ear tells apart (Zwicker), up to 8 kHz.
const BANDS_HZ: [f64; 20] = [
    150.0, 250.0, 350.0, 450.0, 570.0, 700.0, 840.0, 1000.0, 1170.0, 1370.0, 1600.0, 1850.0, 2150.0, 2500.0, 2900.0,
    3400.0, 4000.0, 4800.0, 5800.0, 7000.0,
];

/// How near the decoded sound is to what was encoded.
pub(crate) struct Quality {
    /// The mean of frames' signal to noise ratios; more is better. Favours coders that keep the waveform.
    pub(crate) snr_db: f64,
    /// The mean distance of bands' levels; less is better. Does not care for the waveform.
    pub(crate) distance_db: f64,
}

pub(crate) fn measure(clean: &[f32], settings: &EncoderSettings) -> Quality {
    let mut encoder = Encoder::new(settings).expect("the settings are right");
    let delay = encoder.delay_samples();
    let mut decoder = Decoder::new(Channels::Mono).expect("there is memory");
    let (mut packet, mut samples, mut decoded) = ([0; 1275], [0.0; 5760], Vec::new());
    for frame in clean.chunks_exact(FRAME) {
        let len = encoder.encode(frame, &mut packet).expect("a frame of 20 ms");
        let count = decoder.decode(&packet[..len], &mut samples).expect("a packet of ours");
        decoded.extend_from_slice(&samples[..count]);
    }
    let pairs = clean.chunks_exact(FRAME).zip(decoded[delay..].chunks_exact(FRAME)).skip(25);
    let (mut snr, mut distance, mut count) = (0.0, 0.0, 0.0);
    for (clean, decoded) in pairs {
        let energy: f64 = clean.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        if energy / (FRAME as f64) < PAUSE {
            continue;
        }
        let noise: f64 = clean.iter().zip(decoded).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        snr += (10.0 * (energy / noise.max(1e-12)).log10()).clamp(SNR_DB.0, SNR_DB.1);
        distance += apart_db(clean, decoded);
        count += 1.0;
    }
    Quality { snr_db: snr / count, distance_db: distance / count }
}

/// The root of the mean square of the bands' differences, of those that have something to hear.
fn apart_db(clean: &[f32], decoded: &[f32]) -> f64 {
    let levels = |samples: &[f32]| BANDS_HZ.map(|hz| band(samples, hz));
    let (clean, decoded) = (levels(clean), levels(decoded));
    let floor = clean.iter().copied().fold(0.0, f64::max) * 1e-5;
    let squares = clean.iter().zip(decoded).filter(|(clean, _)| **clean > floor);
    let (sum, count) = squares.fold((0.0, 0.0), |(sum, count), (clean, decoded)| {
        (sum + (10.0 * ((decoded + floor) / (clean + floor)).log10()).powi(2), count + 1.0)
    });
    (sum / f64::max(count, 1.0)).sqrt()
}

/// The energy of three neighbouring lines about the middle of a band.
fn band(samples: &[f32], middle_hz: f64) -> f64 {
    let line = |hz: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let window = 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 0.5) / FRAME as f64).cos();
            let angle = std::f64::consts::TAU * hz * n as f64 / 48_000.0;
            re += f64::from(*sample) * window * angle.cos();
            im += f64::from(*sample) * window * angle.sin();
        }
        re * re + im * im
    };
    line(middle_hz - 50.0) + line(middle_hz) + line(middle_hz + 50.0)
}
