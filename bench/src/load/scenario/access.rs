//! Bad networks of some of the viewers.

use super::file::number;
use crate::impair::{Burst, Hold, Link, Queue};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The networks of a share of the viewers.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Of all viewers, 0 to 1; the first of each room have the first access, and so on.
    pub share: f64,
    /// From the viewer to the server.
    #[serde(default)]
    pub up: LinkFigures,
    /// From the server to the viewer.
    #[serde(default)]
    pub down: LinkFigures,
}

/// One direction of a bad network. Nothing is impaired by default.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkFigures {
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Of all datagrams, those that are lost in bursts.
    pub burst_share: f64,
    /// Datagrams of a burst, on average.
    pub burst_len: f64,
    /// How long every datagram takes.
    pub delay_ms: f64,
    /// How much longer it may take.
    pub jitter_ms: f64,
    /// Now and then nothing comes out for so long at most, and then all of it at once; 0 for never.
    pub hold_ms: f64,
    /// From one such time to the next, on average.
    pub hold_every_ms: f64,
    /// Probability that a datagram is overtaken.
    pub reorder: f64,
    /// Probability that a datagram comes twice.
    pub duplicate: f64,
    /// Bottleneck; 0 for none.
    pub kbps: u64,
    /// What waits before it at most.
    pub queue_ms: u64,
}

impl Default for LinkFigures {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst_share: 0.0,
            burst_len: 5.0,
            delay_ms: 0.0,
            jitter_ms: 0.0,
            hold_ms: 0.0,
            hold_every_ms: 100.0,
            reorder: 0.0,
            duplicate: 0.0,
            kbps: 0,
            queue_ms: 200,
        }
    }
}

impl LinkFigures {
    /// As the impairing network takes it. `None` where nothing is impaired.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        (*self != Self::default()).then(|| Link {
            loss: self.loss,
            burst: (self.burst_share > 0.0).then(|| Burst::of(self.burst_share, self.burst_len)),
            delay: Duration::from_secs_f64(self.delay_ms / 1e3),
            jitter: Duration::from_secs_f64(self.jitter_ms / 1e3),
            hold: (self.hold_ms > 0.0).then(|| Hold {
                up_to: Duration::from_secs_f64(self.hold_ms / 1e3),
                every: Duration::from_secs_f64(self.hold_every_ms / 1e3),
            }),
            reorder: self.reorder,
            duplicate: self.duplicate,
            rate_bps: Some(self.kbps * 1_000).filter(|rate| *rate > 0),
            queue: Queue::Time(Duration::from_millis(self.queue_ms)),
        })
    }
}

/// Looks for what cannot work.
pub(super) fn check_all(accesses: &[Access]) -> Result<()> {
    let mut shares = 0.0;
    for (index, access) in accesses.iter().enumerate() {
        number(&format!("access[{index}].share"), access.share, 0.0, 1.0)?;
        shares += access.share;
        for (way, link) in [("up", &access.up), ("down", &access.down)] {
            let at = |name: &str| format!("access[{index}].{way}.{name}");
            for (name, value) in [
                ("loss", link.loss),
                ("burst_share", link.burst_share),
                ("reorder", link.reorder),
                ("duplicate", link.duplicate),
            ] {
                number(&at(name), value, 0.0, 1.0)?;
            }
            number(&at("burst_len"), link.burst_len, 1.0, 1_000.0)?;
            number(&at("delay_ms"), link.delay_ms, 0.0, 60_000.0)?;
            number(&at("jitter_ms"), link.jitter_ms, 0.0, 60_000.0)?;
            number(&at("hold_ms"), link.hold_ms, 0.0, 60_000.0)?;
            number(&at("hold_every_ms"), link.hold_every_ms, 0.0, 60_000.0)?;
            ensure!(link.kbps <= 100_000_000, "{}: at most 100 Gb/s", at("kbps"));
            ensure!(link.queue_ms <= 60_000, "{}: at most a minute", at("queue_ms"));
        }
    }
    ensure!(shares <= 1.0 + 1e-9, "access: the shares are more than 1 together");
    Ok(())
}
