//! What a run leaves behind: one JSON file that says what was measured, on what, how, and whether it may be believed.
//!
//! Everything that a report shows comes from here; nothing is computed anew from what is not in the file. Times are in the unit
//! that their name ends with. Absent values are `null`: not measured, or nothing to measure.

mod audience;
mod compact;
mod histogram;
mod machine;
mod measure;
mod search;
mod summary;

pub use audience::AudienceFigures;
pub use histogram::{Latencies, Spread};
pub use machine::Machine;
pub use measure::{
    Delivery, FloorCost, Generator, Hold, Joins, KeyFrames, LoadShape, Memory, Mixed, Repeat, Sample, ServerCost,
    Signalling, Validity,
};
pub use search::{Knee, Level, Search};
pub use summary::Summary;

use serde::{Deserialize, Serialize};

/// The version of this file's shape. A field more is no new version; a field less or of another meaning is.
pub const SCHEMA: u32 = 1;

/// A whole run: some scenarios, on some systems, some times over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of the harness.
    pub harness: String,
    /// The command line, exactly; with the same versions and the same machine it does the same again.
    pub command: String,
    /// When it began, in seconds since 1970, UTC.
    pub started_unix_s: u64,
    /// How long all of it took.
    pub took_s: f64,
    /// Of everything random.
    pub seed: u64,
    /// What it ran on.
    pub machine: Machine,
    /// Every system that was asked for, the absent ones too.
    pub systems: Vec<SystemInfo>,
    /// What was measured, in the order of the command line.
    pub scenarios: Vec<ScenarioRun>,
}

/// A system as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemInfo {
    /// As on the command line: `colloquy`, `janus`, ..
    pub name: String,
    /// As it tells itself, or as its package does. Empty when absent.
    pub version: String,
    /// How it is set up, in words and as its configuration says it, as far as it differs from its defaults.
    pub settings: String,
    /// It was not started by the harness: its CPU and memory are not known.
    pub external: bool,
    /// Why it could not be measured at all.
    pub absent: Option<String>,
}

/// A scenario on every system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRun {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    /// What the command line changed, as `name=value`: the sentence above tells of the file.
    #[serde(default)]
    pub changed: Vec<String>,
    /// Its file, with everything that the command line changed.
    pub text: String,
    /// The systems' results, in the order of the command line.
    pub outcomes: Vec<Outcome>,
}

/// What one system made of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name.
    pub system: String,
    /// Why there are no figures: the system is absent, cannot do what the scenario asks for, or failed.
    pub absent: Option<String>,
    /// Every measurement, in the order of time. Empty for a search.
    pub repeats: Vec<Repeat>,
    /// All repeats together. `None` when there are none.
    pub summary: Option<Summary>,
    /// What of the scenario's quality (`keep`) was not kept, of a run whose scenario is judged by it: where the audience changes.
    #[serde(default)]
    pub broken: Vec<String>,
    /// What a search found.
    pub search: Option<Search>,
}

impl Outcome {
    /// The system mixes: of what it sends there are few packets, each dear, and none has a stamp.
    #[must_use]
    pub fn mixes(&self) -> bool {
        self.repeats.iter().any(|repeat| repeat.hold.mixed.is_some())
    }
}
