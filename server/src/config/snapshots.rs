//! `[snapshots]` in the words of the media core.

use super::Snapshots;
use anyhow::{Result, bail};
use std::time::Duration;

/// Seconds between two pictures of one video: more often is a video, and an hour is as good as never.
const INTERVAL_S: std::ops::RangeInclusive<u32> = 1..=3_600;

impl Snapshots {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if !INTERVAL_S.contains(&self.interval_s) {
            let (least, most) = INTERVAL_S.into_inner();
            bail!(
                "snapshots.interval_s must be from {least} to {most}, not {}; `enabled = false` makes none",
                self.interval_s
            );
        }
        Ok(())
    }

    /// The time between two pictures, if any are made.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.enabled.then(|| Duration::from_secs(u64::from(self.interval_s)))
    }
}
