//! Who is in a room, who speaks in it, and what channels are open.

mod channel;
mod speakers;

pub(crate) use channel::{Channel, Mirror};
pub(crate) use speakers::{Meter, Speakers, TICK as SPEAKERS_TICK};

use crate::api::RoomId;
use crate::keys::PeerKey;
use std::time::Instant;

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) peers: Vec<PeerKey>,
    pub(crate) speakers: Speakers,
    /// When levels are looked at next; `None` while nobody sends audio.
    pub(crate) tick_at: Option<Instant>,
}

impl Room {
    pub(crate) fn new(id: RoomId) -> Self {
        Self { id, peers: Vec::new(), speakers: Speakers::default(), tick_at: None }
    }
}
