//! What the engine tells.

use super::{AudioPath, EncodingUse, PeerId, RoomId, Shown, TrackId, TrackInfo};
use crate::audience::Circle;

/// One thing that happened. All events of one room come in the order they happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A participant's transport changed.
    Transport {
        /// The room.
        room: RoomId,
        /// The participant.
        peer: PeerId,
        /// What it is now.
        state: TransportState,
    },
    /// A track can be subscribed to.
    Published {
        /// The room.
        room: RoomId,
        /// The track.
        track: TrackInfo,
    },
    /// A track is gone; places that showed it are empty.
    Unpublished {
        /// The room.
        room: RoomId,
        /// Who published it.
        peer: PeerId,
        /// The track.
        track: TrackId,
    },
    /// Who speaks, loudest first; sent when it changes, and at most every 200 ms while levels do. May be dropped under load.
    Speakers {
        /// The room.
        room: RoomId,
        /// The conversation in it.
        circle: Circle,
        /// Everyone who speaks on its floor.
        speakers: Vec<Speaker>,
        /// Who holds the floor: changes with hysteresis, and stays when everyone falls silent.
        dominant: Option<PeerId>,
    },
    /// A participant's network quality: when it is known first, and whenever it changes, at most once a second. May be
    /// dropped under load.
    Quality {
        /// The room.
        room: RoomId,
        /// The participant.
        peer: PeerId,
        /// From 0 (unusable) to 5 (excellent), of the worse direction.
        score: u8,
    },
    /// What a receiving place shows changed: a layer was stepped up or down, or the place was paused or resumed. Not told of
    /// audio, nor while a place is empty.
    Shown {
        /// The room.
        room: RoomId,
        /// Who receives.
        peer: PeerId,
        /// The `a=mid` of his receiving place.
        mid: String,
        /// The track that it is pointed at.
        track: TrackId,
        /// What it shows now.
        shown: Shown,
    },
    /// Which simulcast encodings of a track are of use to anyone changed: its publisher saves the others' work and uplink.
    /// Told once the set has been steady for a while, and at once when an encoding is wanted again.
    Encodings {
        /// The room.
        room: RoomId,
        /// Who publishes it.
        peer: PeerId,
        /// The track.
        track: TrackId,
        /// Every encoding, in the order of the publisher's description.
        encodings: Vec<EncodingUse>,
    },
    /// A participant hears others otherwise from now on. He is taken to hear each in a place of his own until he is told something else.
    Audio {
        /// The room.
        room: RoomId,
        /// Who hears.
        peer: PeerId,
        /// How.
        path: AudioPath,
    },
    /// The engine ended a participant's session by itself. He is out of the room; no other event of his follows.
    Closed {
        /// The room.
        room: RoomId,
        /// The participant.
        peer: PeerId,
        /// Why.
        cause: CloseCause,
    },
}

impl Event {
    /// The room that it happened in.
    #[must_use]
    pub fn room(&self) -> RoomId {
        match self {
            Self::Transport { room, .. }
            | Self::Published { room, .. }
            | Self::Unpublished { room, .. }
            | Self::Speakers { room, .. }
            | Self::Quality { room, .. }
            | Self::Shown { room, .. }
            | Self::Encodings { room, .. }
            | Self::Audio { room, .. }
            | Self::Closed { room, .. } => *room,
        }
    }

    /// Whether the next one of its kind makes up for its loss.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        matches!(self, Self::Speakers { .. } | Self::Quality { .. })
    }
}

/// A participant who speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speaker {
    /// Who.
    pub peer: PeerId,
    /// How loud, in -dBov: 0 is the loudest, 127 silence (RFC 6464).
    pub level_dbov: u8,
}

/// The state of a participant's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportState {
    /// ICE or DTLS is under way.
    Connecting,
    /// Media can flow.
    Connected,
    /// Nothing was heard from the client for some seconds; an ICE restart or the return of the network mends it.
    Disconnected,
}

/// Why the engine ended a session by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// The client closed its DTLS association.
    ClosedByClient,
    /// The certificate is not the one whose fingerprint the offer named (RFC 8122), or the handshake failed.
    DtlsFailed,
    /// No consent (RFC 7675) for longer than [`Limits::disconnected_ms`](super::Limits::disconnected_ms).
    TimedOut,
    /// A defect of ours: the session panicked. The room goes on.
    Panicked,
    /// The room was closed.
    RoomClosed,
}
