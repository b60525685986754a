//! `[isolation]` in the words of the media core.

use super::{Config, Isolation, Log, LogFormat};
use crate::commands::mixer;
use anyhow::{Result, bail};
use colloquy_media_core::driver;

/// Megabytes of a process: what one canvas takes at least, and more than any could need.
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=65_536;

impl Isolation {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if !MEMORY_MB.contains(&self.memory_mb) {
            let (least, most) = MEMORY_MB.into_inner();
            bail!("isolation.memory_mb must be from {least} to {most}, not {}", self.memory_mb);
        }
        Ok(())
    }
}

impl Config {
    /// How mixers have processes of their own, if they are to.
    pub(crate) fn isolation(&self) -> Option<driver::Isolation> {
        let memory_bytes = u64::from(self.isolation.memory_mb) << 20;
        let Log { level, format } = &self.log;
        let format = match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        // The very file that runs, even after it was replaced by another version.
        let (program, args) = ("/proc/self/exe".into(), mixer::arguments(level, format));
        self.isolation.enabled.then_some(driver::Isolation { program, args, memory_bytes })
    }
}
