//! What is written down of who changed what others hear, see and know: a line each, for whoever has to account for it later.

use crate::names::RoomName;
use colloquy_media_core::api::PeerId;
use colloquy_media_core::audience::{Stance, Verb};

/// One thing that was done.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    room: RoomName,
    by: PeerId,
    /// Whom his token names.
    subject: Option<String>,
    deed: Deed,
    epoch: u64,
}

/// What.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// Came into the room, elsewhere than onto its floor.
    Entered(Stance),
    /// Changed the audience.
    Did(Verb),
}

impl Entry {
    pub(crate) fn new(room: RoomName, (by, subject): (PeerId, Option<String>), deed: Deed, epoch: u64) -> Self {
        Self { room, by, subject, deed, epoch }
    }

    /// Writes it down: a log event of the target `audit`, as a warning, so that every level but `error` and `off` has it.
    pub(crate) fn write(&self) {
        let subject = self.subject.as_deref().unwrap_or_default();
        let deed = match self.deed {
            Deed::Entered(stance) => format!("{stance:?}"),
            Deed::Did(verb) => format!("{verb:?}"),
        };
        tracing::warn!(target: "audit", room = %self.room, participant = %self.by, subject, epoch = self.epoch, %deed, "audience");
    }
}
