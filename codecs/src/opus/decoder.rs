//! Packets into sound.

use super::{Channels, OpusError, SAMPLE_RATE};
use crate::payload::{Descriptor, MAX_OPUS_SAMPLES, Opus};

/// What Opus counts lost sound in: 2.5 ms.
const STEP_SAMPLES: usize = 120;

/// A decoder of one stream. Gives as many channels as it was made for, whatever the packets have.
#[derive(Debug)]
pub struct Decoder {
    raw: ::opus::Decoder,
    channels: Channels,
}

impl Decoder {
    /// A new one.
    pub fn new(channels: Channels) -> Result<Self, OpusError> {
        let raw =
            ::opus::Decoder::new(SAMPLE_RATE, channels.raw()).map_err(|error| OpusError::Library(error.to_string()))?;
        Ok(Self { raw, channels })
    }

    /// How many channels it gives.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Decodes a packet into the beginning of `samples`, which should have room for [`MAX_OPUS_SAMPLES`] of each channel; gives how many
    /// samples of a channel it was. A packet of a byte is concealed, as one that was not sent.
    pub fn decode(&mut self, packet: &[u8], samples: &mut [f32]) -> Result<usize, OpusError> {
        // An empty one would mean a lost packet to the library, and be as long as the buffer.
        let shape = Opus::parse(packet).map_err(|_| OpusError::Malformed)?;
        let wanted = usize::from(shape.duration_samples()) * self.channels.count();
        let len = samples.len();
        let into = samples.get_mut(..wanted).ok_or(OpusError::Length { len })?;
        self.raw.decode_float(packet, into, false).map_err(|error| OpusError::of(&error, len))
    }

    /// Decodes what stands in a packet of its predecessor (in-band FEC), which must not have been decoded and was as long as `samples`;
    /// where nothing of it stands there it is concealed.
    pub fn recover(&mut self, next: &[u8], samples: &mut [f32]) -> Result<usize, OpusError> {
        if next.is_empty() {
            return Err(OpusError::Malformed);
        }
        self.lost(next, samples, true)
    }

    /// Makes up what was lost: as many samples as there is room for, up to 120 ms.
    pub fn conceal(&mut self, samples: &mut [f32]) -> Result<usize, OpusError> {
        self.lost(&[], samples, false)
    }

    /// Forgets everything that was decoded.
    pub fn reset(&mut self) -> Result<(), OpusError> {
        self.raw.reset_state().map_err(|error| OpusError::Library(error.to_string()))
    }

    fn lost(&mut self, packet: &[u8], samples: &mut [f32], fec: bool) -> Result<usize, OpusError> {
        let len = samples.len();
        let frame = len / self.channels.count();
        let fits = len.is_multiple_of(self.channels.count())
            && frame.is_multiple_of(STEP_SAMPLES)
            && (STEP_SAMPLES..=usize::from(MAX_OPUS_SAMPLES)).contains(&frame);
        if !fits {
            return Err(OpusError::Length { len });
        }
        self.raw.decode_float(packet, samples, fec).map_err(|error| OpusError::of(&error, len))
    }
}
