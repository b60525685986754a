//! Sounds that the server plays into a room.

use crate::audience::Addressees;
use crate::sound::{Player, Repeat, Sound};
use std::sync::Arc;
use std::time::Instant;

/// Announcements of a room at once. One more is not played.
pub const MAX_ANNOUNCEMENTS: usize = 16;

/// Something that is played into a room: it comes in the place where its listeners have the mix, or would have it
/// ([`TrackId::MIX`](super::TrackId::MIX)), beside whatever else they hear. Who has no such place does not hear it.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// Its name.
    pub id: super::AnnouncementId,
    /// What is played.
    pub sound: Arc<Sound>,
    /// Who hears it. Nobody else does.
    pub to: Addressees,
    /// How much louder or softer, in dB: -60 to 12.
    pub gain_db: i8,
    /// Once, or until it is stopped.
    pub repeat: Repeat,
    /// When it began, by the clock that the engine is told. Told of it later, the engine plays it from where it is by then.
    pub began: Instant,
}

impl Announcement {
    /// When it is over; `None` of one that is repeated.
    #[must_use]
    pub fn ends(&self) -> Option<Instant> {
        self.player().ends()
    }

    /// What plays it.
    #[must_use]
    pub fn player(&self) -> Player {
        Player::new(Arc::clone(&self.sound), self.began, self.repeat)
    }
}
