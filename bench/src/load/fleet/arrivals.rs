//! Packets as they came, one by one: whether somebody was to get them is known only when all answers are.

use crate::client::{Received, Stamp};
use std::time::{Duration, Instant};

/// Packets that a thread writes down at most, 64 MB of them; more are counted, and make a measurement worthless.
const MAX_WRITTEN: usize = 2_000_000;

/// A packet that came to a participation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// To which one.
    pub(crate) part: u32,
    /// Whose it is.
    pub(crate) source: u32,
    /// Which of his tracks.
    pub(crate) track: u8,
    /// When it came, since the epoch of all clients.
    pub(crate) at: Duration,
    /// When it was to leave its publisher, since then.
    pub(crate) sent: Duration,
}

/// What came.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) written: Vec<Arrival>,
    /// Packets that came when there was no room any more.
    pub(crate) unwritten: u64,
}

impl Arrivals {
    /// Writes one down. Repeated ones too: they are no less heard.
    pub(super) fn write(&mut self, part: u32, epoch: Instant, packet: &Received, stamp: &Stamp) {
        if self.written.len() >= MAX_WRITTEN {
            self.unwritten += 1;
            return;
        }
        let at = packet.at.saturating_duration_since(epoch);
        // Sources are parts and one.
        let source = u32::try_from(stamp.source).unwrap_or(u32::MAX);
        self.written.push(Arrival { part, source, track: stamp.track, at, sent: stamp.sent });
    }
}
