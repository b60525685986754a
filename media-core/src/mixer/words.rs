//! What an engine tells a mixer, and what a mixer tells an engine.

use crate::api::RoomId;
use crate::mix::audio::{Ear, GroupId, ListenerId, Output, Packet, SourceId};
use crate::sound::Player;

/// Who is there and who hears whom, changed as a whole between two turns of the mixer.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub struct Cast {
    /// Sources that are no more, or begin anew: nothing that is kept of them is heard any more.
    pub ended: Vec<SourceId>,
    /// Sources that are new, or in another group than before.
    pub sources: Vec<(SourceId, GroupId)>,
    /// Who gets no mix any more.
    pub left: Vec<ListenerId>,
    /// Who gets a mix, and hears this from now on.
    pub ears: Vec<(ListenerId, Ear)>,
}

impl Cast {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.sources.is_empty() && self.left.is_empty() && self.ears.is_empty()
    }
}

/// A word to the mixer of a room. Words of one engine must arrive in order, and none may be lost but packets.
#[derive(Debug, Clone)]
pub struct ToMixer {
    /// The room.
    pub room: RoomId,
    /// Of a room's mixers, which: one that failed is another than the one after it.
    pub life: u64,
    /// What it is to do.
    pub order: MixOrder,
}

/// What a mixer is to do.
#[derive(Debug, Clone)]
pub enum MixOrder {
    /// A room's mixer begins.
    Open,
    /// Others are there or hear otherwise.
    Cast(Box<Cast>),
    /// Somebody said something.
    Packet(SourceId, Packet),
    /// A source of the cast says what is played, from here on until it ends.
    Play(SourceId, Player),
    /// Whether it is still there. Answered at once.
    Ping,
    /// Nobody listens any more.
    Close,
}

impl ToMixer {
    /// Whether it is a packet: the one thing that may be dropped where a queue is full.
    #[must_use]
    pub fn is_packet(&self) -> bool {
        matches!(self.order, MixOrder::Packet(..))
    }
}

/// A word from the mixer of a room.
#[derive(Debug, Clone)]
pub struct FromMixer {
    /// The room.
    pub room: RoomId,
    /// Which of its mixers.
    pub life: u64,
    /// What it tells.
    pub answer: MixAnswer,
}

/// What a mixer tells.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum MixAnswer {
    /// What comes of the mix.
    Mixed(Output),
    /// It is there.
    Here,
    /// It failed. Whoever wants another opens it.
    Lost,
}

impl FromMixer {
    /// Whether it may be dropped where a queue is full.
    #[must_use]
    pub fn is_packet(&self) -> bool {
        matches!(self.answer, MixAnswer::Mixed(Output::Packet(_) | Output::Level { .. }))
    }
}
