//! `[mix]` in the words of the media core.

use super::{Mix, MixVideo};
use anyhow::{Result, bail};
use colloquy_media_core::api::{CanvasLimits, MixLimits};
use colloquy_media_core::mix::audio::MixSettings;

/// Threads at most: as many as there may be workers.
const MAX_THREADS: u8 = 26;
/// Voices at once at most: nobody understands more.
const MAX_SPEAKERS: u8 = 16;
/// Bits a second for a channel: what Opus can do with speech, and what it is transparent with for anything.
const BITRATE_BPS: std::ops::RangeInclusive<u32> = 8_000..=256_000;
/// Sides of a canvas in pixels: what the compositor takes.
const SIDES: std::ops::RangeInclusive<u32> = 32..=1_920;
/// Pictures a second of one.
const RATES: std::ops::RangeInclusive<u32> = 1..=60;
/// Bits a second of one.
const VIDEO_BPS: std::ops::RangeInclusive<u32> = 30_000..=20_000_000;
/// Canvases of a worker at most: each has a thread of its own where it is another room's, and takes a third of a core and more.
const MAX_COMPOSITES: u16 = 8;

impl Mix {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=MAX_THREADS).contains(&self.threads) {
            bail!("mix.threads must be from 1 to {MAX_THREADS}, not {}; `enabled = false` mixes nothing", self.threads);
        }
        if !(1..=MAX_SPEAKERS).contains(&self.speakers) {
            bail!("mix.speakers must be from 1 to {MAX_SPEAKERS}, not {}", self.speakers);
        }
        if !BITRATE_BPS.contains(&self.bitrate_bps) {
            let (least, most) = BITRATE_BPS.into_inner();
            bail!("mix.bitrate_bps must be from {least} to {most}, not {}", self.bitrate_bps);
        }
        self.video.check()
    }

    /// Threads that mix.
    pub(crate) fn threads(&self) -> usize {
        if self.enabled { usize::from(self.threads) } else { 0 }
    }

    /// How they mix.
    pub(crate) fn settings(&self) -> MixSettings {
        let defaults = MixSettings::default();
        MixSettings {
            speakers: usize::from(self.speakers),
            mono_bps: self.bitrate_bps,
            // Two channels have much in common.
            stereo_bps: self.bitrate_bps.saturating_mul(3) / 2,
            lossy_bps: defaults.lossy_bps.min(self.bitrate_bps),
            ..defaults
        }
    }

    /// What the engine is told.
    pub(crate) fn limits(&self) -> MixLimits {
        MixLimits {
            bitrate_bps: self.bitrate_bps,
            narrow_bps: self.auto_below_bps,
            talkers: usize::from(self.auto_above_talkers),
            canvas: self.canvas(),
            // The driver says whether there is a mixer.
            ..MixLimits::default()
        }
    }

    /// How pictures are drawn together.
    fn canvas(&self) -> CanvasLimits {
        let MixVideo { enabled, width, height, fps, bitrate_bps, composites } = self.video;
        let (enabled, canvases) = (self.enabled && enabled, usize::from(composites));
        CanvasLimits { enabled, width, height, fps, bitrate_bps, canvases }
    }
}

impl MixVideo {
    fn check(&self) -> Result<()> {
        for (key, side) in [("width", self.width), ("height", self.height)] {
            if !SIDES.contains(&side) || side % 2 == 1 {
                let (least, most) = SIDES.into_inner();
                bail!("mix.video.{key} must be even, and from {least} to {most}, not {side}");
            }
        }
        for (key, range, value) in [("fps", RATES, self.fps), ("bitrate_bps", VIDEO_BPS, self.bitrate_bps)] {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                bail!("mix.video.{key} must be from {least} to {most}, not {value}");
            }
        }
        if !(1..=MAX_COMPOSITES).contains(&self.composites) {
            let asked = self.composites;
            bail!("mix.video.composites must be from 1 to {MAX_COMPOSITES}, not {asked}; `enabled = false` draws none");
        }
        Ok(())
    }
}
