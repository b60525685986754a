//! The largest load that keeps a quality.

use super::{LoadShape, Repeat};
use serde::{Deserialize, Serialize};

/// A search's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// What grows: `viewers`, `publishers` or `rooms`.
    pub grows: String,
    /// Every load that was tried, smallest first: the curve.
    pub levels: Vec<Level>,
    /// Where it ended.
    pub knee: Knee,
}

/// One load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// How much of what grows.
    pub value: u32,
    /// The measurement.
    pub repeat: Repeat,
    /// It kept the quality.
    pub kept: bool,
    /// What of the quality it did not keep, as words with underscores.
    pub broken: Vec<String>,
}

/// Where a search ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    /// The largest load that kept the quality, if any did.
    pub largest: Option<u32>,
    /// And all of it.
    pub load: Option<LoadShape>,
    /// Packets a second that were forwarded there.
    pub packets_per_s: f64,
    /// The smallest load that did not.
    pub smallest_broken: Option<u32>,
    /// What stopped it: `server`, `generator` (the machine that plays the clients could do no more, so that the server may be
    /// able to), `machine` (others had the server's core), or `limit` of the scenario.
    pub stopped_by: String,
}
