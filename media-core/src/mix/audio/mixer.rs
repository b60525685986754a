//! The one door.

use super::{Ear, Full, GroupId, ListenerId, MixSettings, MixStats, Output, Packet, SourceId};
use std::time::Instant;

/// The audio mixer of one room. Everything is told with its time; nothing here reads a clock.
///
/// Tell it what comes ([`push`](Self::push)), call [`tick`](Self::tick) at [`next_tick`](Self::next_tick), and then drain
/// [`poll`](Self::poll).
#[derive(Debug)]
pub struct AudioMixer {
    stats: MixStats,
}

impl AudioMixer {
    /// An empty one. Its turns are whole multiples of 20 ms after `now`.
    #[must_use]
    pub fn new(_settings: MixSettings, _now: Instant) -> Self {
        Self { stats: MixStats::default() }
    }

    /// Takes a source in. One that is there already only changes its group, as by [`regroup`](Self::regroup).
    pub fn add_source(&mut self, _id: SourceId, _group: GroupId, _now: Instant) -> Result<(), Full> {
        Ok(())
    }

    /// Moves a source to another group, from the next turn on. What it said before, and has not been heard yet, nobody will hear.
    pub fn regroup(&mut self, _id: SourceId, _group: GroupId) {}

    /// Forgets a source. Nothing more of it is heard.
    pub fn remove_source(&mut self, _id: SourceId) {}

    /// Takes a packet.
    pub fn push(&mut self, _id: SourceId, _packet: Packet, _now: Instant) {}

    /// What a listener hears from the next turn on; a listener whom it does not know yet is new.
    pub fn hear(&mut self, _listener: ListenerId, _ear: Ear) {}

    /// Forgets a listener.
    pub fn forget(&mut self, _listener: ListenerId) {}

    /// When [`tick`](Self::tick) is to be called; `None` if there is nothing to do until something is told.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        None
    }

    /// One turn: 20 ms of sound for every mix. Called later than a turn, it makes up for up to 100 ms by being called again.
    pub fn tick(&mut self, _now: Instant) {}

    /// What came of it.
    pub fn poll(&mut self) -> Option<Output> {
        None
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> MixStats {
        self.stats
    }
}
