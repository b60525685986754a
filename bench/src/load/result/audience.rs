//! Who heard and saw whom while that changed.

use super::Latencies;
use serde::{Deserialize, Serialize};

/// Changes of who hears and sees whom in the time under load, and what came of them. Times are from the moment that a change was to
/// be asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AudienceFigures {
    /// Changes that were made.
    pub changes: u64,
    /// Changes that the server would not make.
    pub refused: u64,
    /// Changes that it did not answer.
    pub unanswered: u64,
    /// To the answer.
    pub answers: Latencies,
    /// To the first packet of sound at somebody who is to hear somebody from then on.
    pub sound_begins: Latencies,
    /// To the first packet of pictures at somebody who is to see somebody from then on: a key frame's.
    pub pictures_begin: Latencies,
    /// To the last packet at somebody who is to hear or see somebody no more; a microsecond where none came after it.
    pub ends: Latencies,
    /// Times that no sound of somebody came within a second, though it was to.
    pub sound_never_began: u64,
    /// The same of pictures: where the server takes a path for narrow it holds some back, and says so.
    pub pictures_never_began: u64,
    /// Packets that were held against what was allowed.
    pub judged: u64,
    /// Packets that came too many to be, and were not.
    pub not_judged: u64,
    /// Packets that came to somebody who was not to get them.
    pub leaked_packets: u64,
    /// How long after the answer to a change a packet that was under way is not one of them.
    pub grace_ms: f64,
    /// The first of them, in words.
    pub leaks: Vec<String>,
}

impl AudienceFigures {
    /// How soon a change showed in what is heard, and in what must come no more, of 99 in 100: the slower of the two. Pictures begin with
    /// a key frame, which is its publisher's to make.
    #[must_use]
    pub fn effect_p99_ns(&self) -> u64 {
        self.sound_begins.p99_ns.max(self.ends.p99_ns)
    }
}
