//! What goes in and out of the mixer.

use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// One voice that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct SourceId(pub u64);

/// Somebody who is given a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct ListenerId(pub u64);

/// Sources that are heard by the same people: a floor, a side talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupId(pub u32);

/// One encoded mix. A number is never used twice by a mixer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct OutputId(pub u64);

/// How loud a source is in each ear, as a factor from 0 to [`Gain::MAX`]; what is outside counts as the nearer end, what is no number
/// as 0.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Gain {
    /// In the left ear.
    pub left: f32,
    /// In the right ear.
    pub right: f32,
}

impl Gain {
    /// The largest factor: +12 dB.
    pub const MAX: f32 = 4.0;
    /// As it came.
    pub const UNITY: Self = Self { left: 1.0, right: 1.0 };
    /// Nothing.
    pub const SILENT: Self = Self { left: 0.0, right: 0.0 };
    /// A coach in an agent's ear: -3 dB and from the left, so that nobody takes him for the customer.
    pub const WHISPER: Self = Self { left: 0.989, right: 0.157 };

    /// So many dB louder or softer, from -100 (the left ear alone) to 100 (the right one alone). The power is the same wherever it
    /// comes from, so that in the middle both factors are the gain itself.
    #[must_use]
    pub fn of(gain_db: f32, pan_pct: f32) -> Self {
        let gain = 10_f32.powf(gain_db / 20.0) * std::f32::consts::SQRT_2;
        let angle = (pan_pct.clamp(-100.0, 100.0) / 100.0 + 1.0) * std::f32::consts::FRAC_PI_4;
        Self { left: gain * angle.cos(), right: gain * angle.sin() }
    }
}

/// A packet of a source, decrypted.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The RTP sequence number with its cycles.
    pub sequence: u64,
    /// The RTP timestamp, in samples of 48 kHz (RFC 7587 4.1).
    pub timestamp: u32,
    /// Opus, or RED with Opus in it.
    pub payload: Bytes,
    /// The payload is RED (RFC 2198).
    pub red: bool,
    /// The level that the sender told (RFC 6464), in -dBov, 0 to 127.
    pub level: Option<u8>,
    /// Whether the sender takes it for speech (RFC 6464), if he says so.
    pub voice: Option<bool>,
    /// When it came.
    pub arrived: Instant,
}

/// Channels of a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum Channels {
    /// One. What comes from the left and from the right is heard alike.
    #[default]
    Mono,
    /// Two.
    Stereo,
}

/// How a listener's mix is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Coding {
    /// One channel or two.
    pub channels: Channels,
    /// Bits a second at most, without headers. Rounded down to a step, so that listeners with nearly the same share an encoder.
    pub max_bps: u32,
    /// He loses packets: speech coding with in-band FEC, which costs two to three times as much as transform coding. Who takes less than
    /// 48 kb/s has speech coding anyhow, without FEC.
    pub lossy: bool,
    /// Packets of 40 ms instead of 20: half as many headers, and 20 ms later. For who takes so little that of packets of 20 ms headers are the
    /// larger part.
    pub long: bool,
}

impl Default for Coding {
    fn default() -> Self {
        Self { channels: Channels::Mono, max_bps: 64_000, lossy: false, long: false }
    }
}

/// Whom a listener hears: sources by group, with exceptions. What no rule names is silent.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Ear {
    /// Groups that he hears, and how loud. A group named twice counts as named last.
    pub groups: Vec<(GroupId, Gain)>,
    /// Sources for which another rule holds than for their groups: his own voice (`None`), a whisper.
    pub except: Vec<(SourceId, Option<Gain>)>,
    /// How his mix is encoded.
    pub coding: Coding,
}

impl Ear {
    /// One that hears nothing.
    #[must_use]
    pub fn deaf(coding: Coding) -> Self {
        Self { groups: Vec::new(), except: Vec::new(), coding }
    }
}

/// A packet of a mix: Opus, 20 ms, or 40 where [`Coding::long`] asks for it.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Mixed {
    /// Which mix.
    pub output: OutputId,
    /// In samples of 48 kHz, the same clock for all outputs of a mixer: who is moved from one to another sees it go on. Where it jumps
    /// by more than 960, silence was not sent.
    pub timestamp: u32,
    /// Opus; a single byte where there is nothing to hear.
    pub payload: Bytes,
    /// Of what is in it, in -dBov (RFC 6464), 0 to 127.
    pub level: u8,
    /// The sources whose voices are in it, ascending.
    pub contributors: Arc<[SourceId]>,
}

/// What the mixer has to say.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum Output {
    /// A packet.
    Packet(Mixed),
    /// From here on the listener's mix is this one. Comes before the first packet that he shall have of it.
    Assigned {
        /// Who.
        listener: ListenerId,
        /// His mix.
        output: OutputId,
    },
    /// How loud a source was in this turn that does not tell it: told of each whose sound is decoded.
    Level {
        /// Which.
        source: SourceId,
        /// In -dBov, 0 to 127, as RFC 6464 counts.
        level: u8,
    },
    /// Nobody has this mix any more, and no packet of it will come.
    Gone {
        /// Which.
        output: OutputId,
    },
}

/// There are as many sources as a mixer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mixer has as many sources as it takes")]
pub struct Full;
