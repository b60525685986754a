//! A file into samples.

use super::resample::{RATES_HZ, to_48k};
use crate::opus::{Channels, Decoder, SAMPLE_RATE};
use crate::payload::MAX_OPUS_SAMPLES;
use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

/// Channels of a file at most: what 7.1 has. They are heard as one.
const MAX_CHANNELS: usize = 8;
/// Packets of a file that cannot be decoded at most, of a hundred: the first of an MP3 that was cut out of another is one.
const MAX_BAD_PCT: u64 = 5;
/// And at least so many may be bad.
const MIN_BAD: u64 = 2;

/// In what the library says of a file of which it knows nothing: there is no kind of error for that alone.
const NO_READER: &str = "no suitable format reader";

/// Why a file is no sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing that is read here.
    #[error("it is no WAV, FLAC, MP3 or Ogg file, or one that ends in its header")]
    Unknown,
    /// A file of a kind that is read, with something in it that is not.
    #[error("it holds what is not read: {0}")]
    Unsupported(String),
    /// It is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It ends before it should.
    #[error("it is cut off")]
    CutOff,
    /// There is no sound in it.
    #[error("there is no sound in it")]
    Empty,
    /// It goes on for longer than is allowed.
    #[error("it is longer than {0:?}")]
    TooLong(Duration),
    /// A defect of a decoder.
    #[error("the decoder failed")]
    Failed,
}

/// Reads a whole file: samples of one channel of 48 kHz, from -1 to 1, not longer than `most`.
///
/// # Errors
/// When it cannot be read, is cut off, or is longer.
pub fn read(file: Vec<u8>, most: Duration) -> Result<Vec<f32>, FileError> {
    // What a decoder makes of hostile bytes is not for the caller to suffer.
    catch_unwind(AssertUnwindSafe(|| read_guarded(file, most))).unwrap_or(Err(FileError::Failed))
}

fn read_guarded(file: Vec<u8>, most: Duration) -> Result<Vec<f32>, FileError> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(file)), MediaSourceStreamOptions::default());
    let (format, meta) = (FormatOptions::default(), MetadataOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), source, format, meta)
        .map_err(|error| unreadable(&error))?;
    let track = format.default_track(TrackType::Audio).ok_or(FileError::Empty)?.clone();
    let Some(CodecParameters::Audio(codec)) = &track.codec_params else { return Err(FileError::Empty) };
    let mut sound = Sound { mono: Vec::new(), rate_hz: None, most, good: 0, bad: 0 };
    if codec.codec == CODEC_ID_OPUS {
        read_opus(format.as_mut(), &track, codec, &mut sound)?;
    } else {
        let options = AudioDecoderOptions::default();
        let mut decoder =
            symphonia::default::get_codecs().make_audio_decoder(codec, &options).map_err(|error| unreadable(&error))?;
        read_packets(format.as_mut(), &track, decoder.as_mut(), &mut sound)?;
        // What its header says there is.
        if track.num_frames.is_some_and(|frames| (sound.mono.len() as u64) < frames) {
            return Err(FileError::CutOff);
        }
    }
    sound.finish()
}

/// What has been read of a file.
struct Sound {
    mono: Vec<f32>,
    rate_hz: Option<u32>,
    most: Duration,
    good: u64,
    bad: u64,
}

impl Sound {
    /// Takes samples of several channels, one after the other of each moment.
    fn take(&mut self, interleaved: &[f32], channels: usize, rate_hz: u32) -> Result<(), FileError> {
        if !RATES_HZ.contains(&rate_hz) || *self.rate_hz.get_or_insert(rate_hz) != rate_hz {
            return Err(FileError::Unsupported(format!("a sample rate of {rate_hz} Hz")));
        }
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(FileError::Unsupported(format!("{channels} channels")));
        }
        let frames = self.mono.len() + interleaved.len() / channels;
        if frames as f64 > self.most.as_secs_f64() * f64::from(rate_hz) {
            return Err(FileError::TooLong(self.most));
        }
        let share = 1.0 / channels as f32;
        let mean = |frame: &[f32]| frame.iter().sum::<f32>() * share;
        // A float file may hold anything.
        let sane = |sample: f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        self.mono.extend(interleaved.chunks_exact(channels).map(mean).map(sane));
        self.good += 1;
        Ok(())
    }

    fn finish(self) -> Result<Vec<f32>, FileError> {
        if self.bad > MIN_BAD.max(self.good * MAX_BAD_PCT / 100) {
            return Err(FileError::Damaged(format!("{} of its packets cannot be decoded", self.bad)));
        }
        match self.rate_hz {
            Some(rate_hz) if !self.mono.is_empty() => Ok(to_48k(self.mono, rate_hz)),
            _ => Err(FileError::Empty),
        }
    }
}

fn read_packets(
    format: &mut dyn FormatReader,
    track: &Track,
    decoder: &mut dyn AudioDecoder,
    sound: &mut Sound,
) -> Result<(), FileError> {
    let mut samples: Vec<f32> = Vec::new();
    while let Some(packet) = next(format, track)? {
        match decoder.decode(&packet) {
            Ok(decoded) => {
                let spec = decoded.spec();
                let (channels, rate_hz) = (spec.channels().count(), spec.rate());
                decoded.copy_to_vec_interleaved(&mut samples);
                sound.take(&samples, channels, rate_hz)?;
            }
            Err(Error::DecodeError(_)) => sound.bad += 1,
            Err(error) => return Err(unreadable(&error)),
        }
    }
    Ok(())
}

/// Opus in Ogg (RFC 7845), by our own decoder.
fn read_opus(
    format: &mut dyn FormatReader,
    track: &Track,
    codec: &AudioCodecParameters,
    sound: &mut Sound,
) -> Result<(), FileError> {
    // More than two are several streams in one (section 5.1.1).
    let count = codec.channels.as_ref().map_or(1, |channels| channels.count());
    if count > 2 {
        return Err(FileError::Unsupported(format!("Opus with {count} channels")));
    }
    let mut decoder = Decoder::new(Channels::Mono).map_err(|_| FileError::Failed)?;
    let mut samples = vec![0.0; usize::from(MAX_OPUS_SAMPLES)];
    // What the encoder needed to begin with is not sound (section 4.2).
    let mut skip = track.delay.unwrap_or(0) as usize;
    while let Some(packet) = next(format, track)? {
        let Ok(count) = decoder.decode(&packet.data, &mut samples) else {
            sound.bad += 1;
            continue;
        };
        let left_out = skip.min(count);
        skip -= left_out;
        sound.take(samples.get(left_out..count).unwrap_or_default(), 1, SAMPLE_RATE)?;
    }
    Ok(())
}

/// The next packet of a track; `None` at its end.
fn next(format: &mut dyn FormatReader, track: &Track) -> Result<Option<Packet>, FileError> {
    loop {
        match format.next_packet() {
            Ok(Some(packet)) if packet.track_id != track.id => {}
            Ok(packet) => return Ok(packet),
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Err(FileError::CutOff),
            Err(error) => return Err(unreadable(&error)),
        }
    }
}

fn unreadable(error: &Error) -> FileError {
    match error {
        Error::IoError(_) => FileError::Unknown,
        Error::Unsupported(what) if what.contains(NO_READER) => FileError::Unknown,
        Error::Unsupported(what) => FileError::Unsupported((*what).to_owned()),
        Error::DecodeError(what) | Error::LimitError(what) => FileError::Damaged((*what).to_owned()),
        Error::SeekError(_) | Error::ResetRequired => FileError::Damaged("it begins anew within".to_owned()),
        _ => FileError::Unknown,
    }
}
