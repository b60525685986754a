//! Files of every kind, whole, cut off, and with bytes that were never meant.

use super::resample::to_48k;
use super::{FileError, finish_streamed, read};
use proptest::prelude::*;
use std::time::Duration;

/// A tone of 1,000 Hz at half of the full height, 44,100 Hz, two channels: 50 ms as WAV, else 200 ms.
const FILES: [(&str, &[u8], f32); 5] = [
    ("WAV", include_bytes!("fixtures/tone.wav"), 0.05),
    ("FLAC", include_bytes!("fixtures/tone.flac"), 0.2),
    ("MP3", include_bytes!("fixtures/tone.mp3"), 0.2),
    ("Vorbis", include_bytes!("fixtures/tone.ogg"), 0.2),
    ("Opus", include_bytes!("fixtures/tone.opus"), 0.2),
];
const MOST: Duration = Duration::from_secs(2);

/// The amplitude of a tone in samples of 48 kHz (Goertzel).
fn amplitude(samples: &[f32], hz: f32) -> f32 {
    let turn = 2.0 * (std::f32::consts::TAU * hz / 48_000.0).cos();
    let (before, last) = samples.iter().fold((0.0_f32, 0.0_f32), |(before, last), x| (last, x + turn * last - before));
    2.0 * (last * last + before * before - turn * last * before).max(0.0).sqrt() / samples.len() as f32
}

#[test]
fn every_kind_of_file_is_the_tone_that_it_was_made_of() {
    for (kind, file, seconds) in FILES {
        let samples = read(file.to_vec(), MOST).unwrap_or_else(|error| panic!("{kind}: {error}"));
        // A block of MP3 and what Opus looks ahead may be left over.
        let expected = seconds * 48_000.0;
        assert!((expected - 50.0..expected + 3_500.0).contains(&(samples.len() as f32)), "{kind}: {}", samples.len());
        let middle = &samples[samples.len() / 4..][..1_056];
        let level = amplitude(middle, 1_000.0);
        assert!((0.45..0.55).contains(&level), "{kind}: {level}");
    }
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read_to_its_end() {
    for (kind, file, _) in FILES {
        let most = Duration::from_millis(40);
        assert_eq!(read(file.to_vec(), most), Err(FileError::TooLong(most)), "{kind}");
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error_or_what_came_before() {
    for (kind, file, seconds) in FILES {
        for end in 0..file.len() {
            match read(file[..end].to_vec(), MOST) {
                Ok(samples) => {
                    // Of MP3 and Ogg nothing tells how long it was to be. After a WAV's sound there may be remarks.
                    let is_whole = samples.len() as f32 >= seconds * 48_000.0;
                    assert!(is_whole || !matches!(kind, "WAV" | "FLAC"), "{kind} of {end} bytes is no whole one");
                    assert!(samples.len() as f32 <= seconds * 48_000.0 + 3_500.0, "{kind} {end}");
                }
                Err(error) => assert_ne!(error, FileError::Failed, "{kind} of {end} bytes: the decoder panicked"),
            }
        }
    }
}

#[test]
fn what_is_no_sound_is_named() {
    assert_eq!(read(Vec::new(), MOST), Err(FileError::Unknown));
    assert_eq!(read(b"<html>there is nothing here</html>".repeat(20), MOST), Err(FileError::Unknown));
    // A sample rate that nobody has, and more channels than there are ears for.
    let wav = |rate: u32, channels: u16| {
        let mut file = FILES[0].1.to_vec();
        file[22..24].copy_from_slice(&channels.to_le_bytes());
        file[24..28].copy_from_slice(&rate.to_le_bytes());
        read(file, MOST)
    };
    assert!(matches!(wav(1, 2), Err(FileError::Unsupported(_))), "{:?}", wav(1, 2));
    assert!(wav(4_000_000_000, 2).is_err() && wav(0, 2).is_err() && wav(44_100, 0).is_err());
    assert!(wav(44_100, 60_000).is_err());
}

#[test]
fn a_wav_that_was_written_to_a_pipe_is_as_long_as_it_is() {
    let whole = read(FILES[0].1.to_vec(), MOST).unwrap();
    for unknown in [0, 0x7fff_f000, u32::MAX] {
        let mut file = FILES[0].1.to_vec();
        let at = file.windows(4).position(|four| four == b"data").unwrap() + 4;
        // Without the remarks that come after the sound.
        let length = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        file.truncate(at + 4 + length as usize);
        file[at..at + 4].copy_from_slice(&u32::to_le_bytes(unknown));
        finish_streamed(&mut file);
        assert_eq!(read(file, MOST).as_ref(), Ok(&whole), "{unknown:#x}");
    }
    for (_, file, _) in FILES {
        for end in 0..file.len().min(100) {
            finish_streamed(&mut file[..end].to_vec());
        }
    }
}

#[test]
fn other_rates_become_48_khz_without_a_second_tone() {
    for rate in [8_000_u32, 16_000, 22_050, 32_000, 44_100, 96_000, 192_000] {
        let tone = |i: u32| 0.5 * (std::f32::consts::TAU * 1_000.0 * i as f32 / rate as f32).sin();
        let samples = to_48k((0..rate / 5).map(tone).collect(), rate);
        assert!((samples.len() as i64 - 9_600).abs() <= 1, "{rate}: {}", samples.len());
        let middle = &samples[2_400..7_200];
        assert!((amplitude(middle, 1_000.0) - 0.5).abs() < 0.005, "{rate}");
        // What would be folded back, and what is between.
        for hz in [rate as f32 - 1_000.0, 3_000.0, 7_000.0].into_iter().filter(|hz| *hz < 24_000.0) {
            assert!(amplitude(middle, hz) < 0.001, "{rate}: {hz} Hz at {}", amplitude(middle, hz));
        }
    }
    // A tone that 48 kHz cannot hold is gone.
    let high = |i: u32| 0.5 * (std::f32::consts::TAU * 30_000.0 * i as f32 / 96_000.0).sin();
    let samples = to_48k((0..19_200).map(high).collect(), 96_000);
    assert!(samples[2_400..7_200].iter().all(|sample| sample.abs() < 0.001));
}

#[test]
fn noise_of_full_scale_stays_near_it() {
    let mut state = 1_u32;
    let mut sign = move |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 1.0 } else { -1.0 }
    };
    let samples = to_48k((0..44_100).map(&mut sign).collect(), 44_100);
    let loudest = samples.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
    assert!((1.4..=1.5).contains(&loudest), "{loudest}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn bytes_that_were_changed_end_in_samples_or_an_error(
        which in 0..FILES.len(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut file = FILES[which].1.to_vec();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(samples) = read(file, MOST) {
            prop_assert!(samples.len() <= 96_000 && samples.iter().all(|sample| sample.is_finite() && sample.abs() <= 1.6));
        }
    }
}
