//! Sound into packets.

use super::{Channels, OpusError, SAMPLE_RATE};

/// What an encoder is good at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Application {
    /// Speech over paths that lose packets, or narrow ones: linear prediction (SILK), in-band FEC. 6.5 ms of delay.
    Speech,
    /// Anything: the encoder chooses. 6.5 ms of delay.
    Audio,
    /// Transform only (CELT): 2.5 ms of delay, a third of the cost of speech; no in-band FEC.
    LowDelay,
}

/// Up to which pitch sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bandwidth {
    /// 8 kHz: speech.
    Wide,
    /// 12 kHz: speech of which hardly anybody misses anything.
    SuperWide,
    /// 20 kHz: all that people hear.
    Full,
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// What it is good at.
    pub application: Application,
    /// One channel or two.
    pub channels: Channels,
    /// Bits a second, 500 to 512 000; the bitrate of single packets varies about it.
    pub bitrate_bps: u32,
    /// No more than this is encoded: what is left out leaves its bits to the rest.
    pub bandwidth: Bandwidth,
    /// Effort, 0 to 10.
    pub complexity: u8,
    /// Packets repeat their predecessors' speech (LBRR), if [`loss_pct`](Self::loss_pct) is over 0. Speech only.
    pub fec: bool,
    /// Loss that is reckoned with, in percent.
    pub loss_pct: u8,
    /// Silence becomes packets of one or two bytes. Saves bits, hardly any work.
    pub dtx: bool,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            application: Application::LowDelay,
            channels: Channels::Mono,
            bitrate_bps: 64_000,
            bandwidth: Bandwidth::Full,
            complexity: 5,
            fec: false,
            loss_pct: 0,
            dtx: false,
        }
    }
}

/// An encoder of one stream.
#[derive(Debug)]
pub struct Encoder {
    raw: ::opus::Encoder,
    channels: Channels,
}

impl Encoder {
    /// A new one.
    pub fn new(settings: &EncoderSettings) -> Result<Self, OpusError> {
        let application = match settings.application {
            Application::Speech => ::opus::Application::Voip,
            Application::Audio => ::opus::Application::Audio,
            Application::LowDelay => ::opus::Application::LowDelay,
        };
        let library = |error: ::opus::Error| OpusError::Library(error.to_string());
        let mut raw = ::opus::Encoder::new(SAMPLE_RATE, settings.channels.raw(), application).map_err(library)?;
        let bitrate = i32::try_from(settings.bitrate_bps.clamp(500, 512_000)).unwrap_or(512_000);
        raw.set_bitrate(::opus::Bitrate::Bits(bitrate)).map_err(library)?;
        let bandwidth = match settings.bandwidth {
            Bandwidth::Wide => ::opus::Bandwidth::Wideband,
            Bandwidth::SuperWide => ::opus::Bandwidth::Superwideband,
            Bandwidth::Full => ::opus::Bandwidth::Fullband,
        };
        raw.set_max_bandwidth(bandwidth).map_err(library)?;
        raw.set_complexity(i32::from(settings.complexity.min(10))).map_err(library)?;
        raw.set_inband_fec(settings.fec).map_err(library)?;
        raw.set_packet_loss_perc(i32::from(settings.loss_pct.min(100))).map_err(library)?;
        raw.set_dtx(settings.dtx).map_err(library)?;
        Ok(Self { raw, channels: settings.channels })
    }

    /// Encodes a frame of 2.5, 5, 10, 20, 40 or 60 ms, samples from -1 to 1; gives the packet's length in `packet`, which holds as
    /// much as the encoder may take: 1275 bytes are always enough for 20 ms.
    pub fn encode(&mut self, samples: &[f32], packet: &mut [u8]) -> Result<usize, OpusError> {
        let len = samples.len();
        let frame = len / self.channels.count();
        if !matches!(frame, 120 | 240 | 480 | 960 | 1920 | 2880) || !len.is_multiple_of(self.channels.count()) {
            return Err(OpusError::Length { len });
        }
        self.raw.encode_float(samples, packet).map_err(|error| OpusError::of(&error, len))
    }

    /// Whether packets build upon those before them. Without it a packet is understood by a decoder that was fed by another
    /// encoder, and is somewhat larger or worse.
    pub fn set_prediction(&mut self, on: bool) -> Result<(), OpusError> {
        self.raw.set_prediction_disabled(!on).map_err(|error| OpusError::Library(error.to_string()))
    }

    /// Forgets everything that was encoded; the settings stay.
    pub fn reset(&mut self) -> Result<(), OpusError> {
        self.raw.reset_state().map_err(|error| OpusError::Library(error.to_string()))
    }

    /// By how much a decoder's samples come later than those that went in, in samples of a channel.
    pub fn delay_samples(&mut self) -> usize {
        self.raw.get_lookahead().ok().and_then(|samples| usize::try_from(samples).ok()).unwrap_or(0)
    }
}
