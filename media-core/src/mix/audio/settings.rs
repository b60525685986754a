//! What an operator may choose.

/// How a mixer works. The defaults are for speech.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct MixSettings {
    /// Voices of a group that are heard at once, the loudest; 1 to 64.
    pub speakers: usize,
    /// Voices are brought to the same loudness, slowly.
    pub agc: bool,
    /// A soft noise is sent when people fall silent, so that the line does not sound dead.
    pub comfort_noise: bool,
    /// Bits a second of a mix with one channel, if the listener takes as much.
    pub mono_bps: u32,
    /// Of a mix with two.
    pub stereo_bps: u32,
    /// Of a mix toward a listener who loses packets, for each channel.
    pub lossy_bps: u32,
    /// Effort of the encoder, 0 to 10.
    pub complexity: u8,
    /// Packets that a lossy listener is expected to lose, in percent.
    pub expected_loss_pct: u8,
    /// How long the jitter buffer of a source may wait at least and at most, in ms.
    pub jitter_ms: (u16, u16),
}

impl Default for MixSettings {
    fn default() -> Self {
        Self {
            speakers: 3,
            agc: true,
            comfort_noise: true,
            mono_bps: 64_000,
            stereo_bps: 96_000,
            lossy_bps: 32_000,
            complexity: 5,
            expected_loss_pct: 10,
            jitter_ms: (20, 120),
        }
    }
}
