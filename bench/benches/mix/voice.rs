//! Made-up speech: pulses and hiss through three resonances that glide from vowel to vowel, four syllables a second. Nobody would take
//! it for a person; an encoder takes it for speech.

use bytes::Bytes;
use colloquy_codecs::opus::{Application, Encoder, EncoderSettings};
use colloquy_codecs::pcm::level_dbov;

const RATE: f32 = 48_000.0;
pub(crate) const FRAME: usize = 960;
/// The first three resonances of a, e, i, o, u, in Hz.
const VOWELS: [[f32; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
];
/// A syllable, in samples.
const SYLLABLE: usize = 12_000;

/// An encoded frame, and how loud it is in -dBov.
pub(crate) type Spoken = (Bytes, u8);

/// So many voices, each encoded as browsers do it.
pub(crate) fn packets(voices: usize, seconds: usize) -> Vec<Vec<Spoken>> {
    let settings =
        EncoderSettings { application: Application::Speech, bitrate_bps: 32_000, ..EncoderSettings::default() };
    let encode = |number| {
        let mut encoder = Encoder::new(&settings).expect("the settings are right");
        let mut packet = [0; 1275];
        let frame = |samples: &[f32]| {
            let len = encoder.encode(samples, &mut packet).expect("a frame of 20 ms");
            (Bytes::copy_from_slice(&packet[..len]), level_dbov(samples))
        };
        speak(number, seconds).chunks_exact(FRAME).map(frame).collect()
    };
    (0..voices).map(encode).collect()
}

/// So many voices at once.
pub(crate) fn sum(voices: usize, seconds: usize) -> Vec<f32> {
    let mut sum = vec![0.0; seconds * RATE as usize];
    for number in 0..voices {
        for (sum, sample) in sum.iter_mut().zip(speak(number, seconds)) {
            *sum += sample;
        }
    }
    sum
}

/// One voice, by its number.
fn speak(number: usize, seconds: usize) -> Vec<f32> {
    let mut noise = 0x2545_F491_u32.wrapping_mul(number as u32 + 1) | 1;
    let mut random = move || {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        (noise >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let pitch = 95.0 + 23.0 * (number % 8) as f32;
    let (mut phase, mut state) = (0.0_f32, [[0.0_f32; 2]; 3]);
    let mut samples = Vec::with_capacity(seconds * RATE as usize);
    for n in 0..seconds * RATE as usize {
        let (syllable, within) =
            ((n + number * 3_571) / SYLLABLE, ((n + number * 3_571) % SYLLABLE) as f32 / SYLLABLE as f32);
        let vowel = |at: usize| VOWELS[(at * 7 + number * 3 + at / 3) % VOWELS.len()];
        // The voice swells and falls, and its pitch with it; it begins with a hiss.
        let loudness = (std::f32::consts::PI * within).sin().powf(0.6);
        phase += pitch * (1.0 + 0.15 * (within - 0.3) + 0.02 * random()) / RATE;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase = phase.fract();
        let hiss = random() * if within < 0.25 && syllable % 2 == 0 { 0.08 } else { 0.004 };
        let mut sample = 0.0;
        for (at, memory) in state.iter_mut().enumerate() {
            let (from, to) = (vowel(syllable)[at], vowel(syllable + 1)[at]);
            let hz = from + (to - from) * (2.0 * within - 1.0).max(0.0);
            let radius = (-std::f32::consts::PI * (60.0 + 40.0 * at as f32) / RATE).exp();
            let turn = 2.0 * radius * (std::f32::consts::TAU * hz / RATE).cos();
            let next = pulse + hiss + turn * memory[0] - radius * radius * memory[1];
            *memory = [next, memory[0]];
            sample += (next - memory[1]) / (1 + at) as f32;
        }
        samples.push(sample * loudness);
    }
    // -22 dBov, as browsers bring voices to.
    let scale = 0.08 / colloquy_codecs::pcm::rms(&samples).max(1e-6);
    samples.iter().map(|sample| (sample * scale).clamp(-1.0, 1.0)).collect()
}
