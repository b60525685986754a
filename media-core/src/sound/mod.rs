//! Sounds that the server plays to people: encoded once, beforehand, and kept for as often as they are asked for; and the player that
//! hands out their packets when their time comes. Pure: whoever reads files and runs programs is elsewhere.

mod ask;
#[cfg(feature = "sound")]
mod make;
mod player;
mod shelf;

pub use ask::{SoundAsk, SoundError, SoundReply};
#[cfg(feature = "sound")]
pub use make::MakeError;
pub use player::{Player, Repeat};
pub use shelf::Shelf;

use bytes::Bytes;
use std::time::Duration;

/// What a packet of a sound holds.
pub const PACKET: Duration = Duration::from_millis(20);

/// A sound: packets of Opus of 20 ms each.
#[derive(Clone, PartialEq, Eq)]
pub struct Sound {
    packets: Vec<Bytes>,
    bytes: usize,
}

impl Sound {
    /// One of these packets; `None` of none.
    #[must_use]
    pub fn of<B: Into<Bytes>>(packets: impl IntoIterator<Item = B>) -> Option<Self> {
        let packets: Vec<Bytes> = packets.into_iter().map(Into::into).collect();
        let bytes = packets.iter().map(Bytes::len).sum();
        (!packets.is_empty()).then_some(Self { packets, bytes })
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> Duration {
        PACKET * u32::try_from(self.packets.len()).unwrap_or(u32::MAX)
    }

    /// What it takes in memory, about.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes + self.packets.len() * size_of::<Bytes>()
    }

    /// The packet of this place, counted through as often as it is repeated.
    fn packet(&self, index: u64) -> Option<&Bytes> {
        self.packets.get((index % self.packets.len().max(1) as u64) as usize)
    }
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sound").field("length", &self.length()).finish_non_exhaustive()
    }
}
