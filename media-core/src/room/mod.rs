//! Who is in a room, who speaks in it, and what channels are open.

mod channel;
mod speakers;

pub(crate) use channel::{Channel, Mirror};
pub(crate) use speakers::{Meter, Speakers, TICK as SPEAKERS_TICK};

use crate::api::RoomId;
use crate::engine::OtherShare;
use crate::keys::PeerKey;
use std::time::Instant;

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) peers: Vec<PeerKey>,
    /// Publishers who live on other workers.
    pub(crate) guests: Vec<PeerKey>,
    /// The other workers that have a share of the room.
    pub(crate) others: Vec<OtherShare>,
    pub(crate) speakers: Speakers,
    /// When levels are looked at next; `None` while nobody sends audio.
    pub(crate) tick_at: Option<Instant>,
}

impl Room {
    pub(crate) fn new(id: RoomId) -> Self {
        let (peers, guests, others) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, peers, guests, others, speakers: Speakers::default(), tick_at: None }
    }

    /// Everyone who may publish here, wherever he lives.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.peers.iter().chain(&self.guests).copied()
    }
}
