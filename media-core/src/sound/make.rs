//! A file made into a sound.

use super::Sound;
use crate::mix::audio::FRAME_SAMPLES;
use bytes::{Bytes, BytesMut};
use colloquy_codecs::files::{FileError, finish_streamed, read};
use colloquy_codecs::opus::{Application, Encoder, EncoderSettings, OpusError};
use std::time::Duration;

/// Bits a second: it is decoded and encoded once more on its way to its listeners, and should lose nothing here. 12 kB a second of sound.
const BITRATE_BPS: u32 = 96_000;
/// 20 ms take no more.
const MAX_PACKET_BYTES: usize = 1_275;

/// Why a file did not become a sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It cannot be encoded.
    #[error(transparent)]
    Opus(#[from] OpusError),
}

impl Sound {
    /// Makes a sound of a file, which may be so long at most. Takes some ms for each second of it: not for a thread of media.
    ///
    /// # Errors
    /// When the file cannot be read, or is longer.
    pub fn make(file: Vec<u8>, most: Duration) -> Result<Self, MakeError> {
        Self::encode(&read(file, most)?)
    }

    /// Makes a sound of what a program wrote to a pipe, which may be a WAV file that could not be told how long it would be.
    ///
    /// # Errors
    /// As [`make`](Self::make).
    pub fn make_streamed(mut file: Vec<u8>, most: Duration) -> Result<Self, MakeError> {
        finish_streamed(&mut file);
        Self::make(file, most)
    }

    fn encode(samples: &[f32]) -> Result<Self, MakeError> {
        let settings =
            EncoderSettings { application: Application::Audio, bitrate_bps: BITRATE_BPS, ..Default::default() };
        let mut encoder = Encoder::new(&settings)?;
        let (mut frame, mut packet) = ([0.0; FRAME_SAMPLES], [0; MAX_PACKET_BYTES]);
        let mut bytes = BytesMut::with_capacity(samples.len() / FRAME_SAMPLES * (BITRATE_BPS as usize / 8 / 50));
        let mut ends = Vec::with_capacity(samples.len() / FRAME_SAMPLES + 1);
        for piece in samples.chunks(FRAME_SAMPLES) {
            frame.fill(0.0);
            frame.iter_mut().zip(piece).for_each(|(into, sample)| *into = *sample);
            let len = encoder.encode(&frame, &mut packet)?;
            bytes.extend_from_slice(packet.get(..len).unwrap_or_default());
            ends.push(bytes.len());
        }
        let bytes: Bytes = bytes.freeze();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let packets: Vec<Bytes> = starts.zip(&ends).map(|(start, end)| bytes.slice(start..*end)).collect();
        Self::of(packets).ok_or(MakeError::File(FileError::Empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAV file of one channel of 8 kHz, with so many samples of nothing.
    fn wav(samples: u32) -> Vec<u8> {
        let bytes = samples * 2;
        let mut file = Vec::new();
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(36 + bytes).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        file.extend_from_slice(&8_000_u32.to_le_bytes());
        file.extend_from_slice(&16_000_u32.to_le_bytes());
        file.extend_from_slice(b"\x02\0\x10\0data");
        file.extend_from_slice(&bytes.to_le_bytes());
        file.resize(file.len() + bytes as usize, 0);
        file
    }

    #[test]
    fn a_file_becomes_packets_of_20_ms() {
        let most = Duration::from_secs(1);
        let sound = Sound::make(wav(8_000), most).unwrap();
        assert_eq!(sound.length(), most);
        assert!(sound.size_bytes() < 20_000, "{}", sound.size_bytes());
        // What is left over is filled up.
        assert_eq!(Sound::make(wav(8), most).unwrap().length(), super::super::PACKET);
        assert_eq!(Sound::make(wav(8_001), most), Err(FileError::TooLong(most).into()));
        assert_eq!(Sound::make(wav(0), most), Err(FileError::Empty.into()));
    }
}
