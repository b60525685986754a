//! What the engine can be asked.

use super::{
    Announcement, AnnouncementId, Arrangement, AudioMode, AudioPath, Downlink, LayoutId, Mute, PeerId, Permissions,
    PlainAnswer, PlainAsk, PlainError, PlainPlace, Preference, RoomId, RoomStats, SnapshotAsk, SnapshotError, Source,
    Still, TrackId, TrackInfo,
};
use crate::audience::Stance;
use std::fmt;
use std::time::Duration;

/// How a command is answered: called once, on the worker's thread, so it must not block.
pub struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Reply<T> {
    /// An answer that is handed to `f`.
    pub fn new(f: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(f))
    }

    /// Nobody waits for the answer.
    #[must_use]
    pub fn ignore() -> Self {
        Self::new(|_| {})
    }

    /// Gives the answer.
    pub fn send(self, value: T) {
        (self.0)(value);
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// One thing asked of the engine. All commands for one room are carried out in the order they are sent.
#[derive(Debug)]
pub enum Command {
    /// Admits a participant to a room, which is opened if it is not. He has no transport until his first [`Offer`].
    /// Answered with the tracks that are in the room already.
    Join {
        /// The room.
        room: RoomId,
        /// The participant; must be new.
        peer: PeerId,
        /// What he may do.
        permissions: Permissions,
        /// Where he stands: what he gets of others and they of him, from the first packet on.
        stance: Stance,
        /// The tracks published in the room that he may know of.
        reply: Reply<Result<Vec<TrackInfo>, JoinError>>,
    },
    /// Removes a participant: his tracks end, his transport closes. Unknown participants are ignored.
    Leave {
        /// The participant.
        peer: PeerId,
    },
    /// Ends a room and everyone's transport in it.
    CloseRoom {
        /// The room.
        room: RoomId,
    },
    /// An SDP offer of a participant: first, again to add or remove media, or for an ICE restart.
    Offer {
        /// The participant.
        peer: PeerId,
        /// What he offers.
        offer: Offer,
        /// The answer to give him.
        reply: Reply<Result<Answer, NegotiateError>>,
    },
    /// Connects a participant by plain RTP (RFC 3550), without a session of WebRTC: first and last, as nothing of it can be changed.
    Plain {
        /// The participant.
        peer: PeerId,
        /// What he sends and receives.
        ask: PlainAsk,
        /// Our ends. They are his until [`Event::Closed`](super::Event::Closed) or [`Command::Leave`], also where the answer is an error: then
        /// they are given back at once.
        place: PlainPlace,
        /// What he is to be told.
        reply: Reply<Result<PlainAnswer, PlainError>>,
    },
    /// A trickled candidate (RFC 8838), the value of `a=candidate` with or without its name; empty for end of candidates.
    /// Those that cannot be used (`.local` names, other transports) are passed over: the client's own checks find us.
    AddCandidate {
        /// The participant.
        peer: PeerId,
        /// The candidate.
        candidate: String,
    },
    /// An `application/trickle-ice-sdpfrag` body (RFC 8840, as WHIP and WHEP use it): candidates, or new credentials for an ICE restart.
    Fragment {
        /// The participant.
        peer: PeerId,
        /// The body.
        sdpfrag: String,
        /// What changed on our side.
        reply: Reply<Result<Fragment, NegotiateError>>,
    },
    /// Points a receiving place at a track, or at none. No renegotiation; video starts at its next key frame.
    Subscribe {
        /// The participant who receives.
        peer: PeerId,
        /// The `a=mid` of his receiving place.
        mid: String,
        /// What he wants there.
        track: Option<TrackId>,
        /// Whether it could be.
        reply: Reply<Result<(), SubscribeError>>,
    },
    /// Says how a receiving place is looked at. Takes effect at once; no renegotiation.
    Prefer {
        /// The participant who receives.
        peer: PeerId,
        /// The `a=mid` of his receiving place.
        mid: String,
        /// How he looks at it.
        preference: Preference,
        /// Whether there is such a place: `Err` with [`SubscribeError::NoSuchPeer`] or [`SubscribeError::NoSuchMid`].
        reply: Reply<Result<(), SubscribeError>>,
    },
    /// Says what a participant wants to receive in all. Takes effect at once.
    SetDownlink {
        /// The participant who receives.
        peer: PeerId,
        /// What he wants.
        downlink: Downlink,
        /// `Err` with [`SubscribeError::NoSuchPeer`].
        reply: Reply<Result<(), SubscribeError>>,
    },
    /// Says what a participant is called where his picture is drawn with those of others. Whom nobody named has no name there.
    Name {
        /// The participant.
        peer: PeerId,
        /// At most 256 bytes of it are used.
        name: String,
    },
    /// Has one come first on every canvas of a participant's on which there is a first ([`CanvasLayout::Grid`] has none), whoever speaks, while
    /// he may see him. The same again changes nothing.
    ///
    /// [`CanvasLayout::Grid`]: super::CanvasLayout::Grid
    Pin {
        /// The participant who receives.
        peer: PeerId,
        /// Who comes first; `None` for whoever speaks.
        first: Option<PeerId>,
    },
    /// Says how a participant wants to hear others. Takes effect without a gap, and without a renegotiation; [`Event::Audio`] tells when.
    ///
    /// [`Event::Audio`]: super::Event::Audio
    SetAudio {
        /// The participant who receives.
        peer: PeerId,
        /// How.
        mode: AudioMode,
        /// How it is now. `Err` with [`SubscribeError::NoSuchPeer`] or [`SubscribeError::NoMixer`].
        reply: Reply<Result<AudioPath, SubscribeError>>,
    },
    /// Silences a track or lets it be heard again, in the server.
    SetMute {
        /// The track's publisher.
        peer: PeerId,
        /// The track.
        track: TrackId,
        /// Who silences it from now on.
        mute: Mute,
        /// The track as it is now.
        reply: Reply<Result<TrackInfo, TrackError>>,
    },
    /// Has participants stand otherwise, all at once: what they hear, see and know of others and others of them. Whom it does not
    /// name stays as he is; who is not in the room is noted, and his own [`Command::Join`] does not undo it.
    Stand {
        /// The room.
        room: RoomId,
        /// Higher with each change of the room's audience: of two, the higher counts, in whatever order they come. At least 1.
        epoch: u64,
        /// Who, and where.
        stances: Vec<(PeerId, Stance)>,
    },
    /// Plays something into a room. Told again of one that is played already, the engine goes on as before: so whoever shares the room
    /// among several engines tells all of them whenever somebody comes in.
    Announce {
        /// The room. One that there is not is passed over.
        room: RoomId,
        /// What, and to whom.
        announcement: Announcement,
    },
    /// Stops something that is played into a room, at once. One that is not played is passed over.
    Hush {
        /// The room.
        room: RoomId,
        /// Which.
        id: AnnouncementId,
    },
    /// Arranges a layout of a room's canvases, or has there be none of this number any more: those who look at it see it change, or a grid. Told
    /// again of one that is as it was, the engine changes nothing: so whoever shares the room among several engines tells all of them
    /// whenever somebody comes in.
    Arrange {
        /// The room. One that there is not is passed over.
        room: RoomId,
        /// Which layout.
        id: LayoutId,
        /// How it is from now on; `None` where it is no more.
        arrangement: Option<Arrangement>,
    },
    /// The last key frame of a video that those may see who see its publisher on the floor: while he is turned away, none from that time.
    /// Where it is older than it should be the publisher is asked for another; this one is answered with all the same.
    Still {
        /// Which.
        ask: SnapshotAsk,
        /// How old it should be at most.
        max_age: Duration,
        /// The key frame.
        reply: Reply<Result<Still, SnapshotError>>,
    },
    /// Figures of a room, as they stand. `None` when there is no such room.
    Stats {
        /// The room.
        room: RoomId,
        /// The figures.
        reply: Reply<Option<RoomStats>>,
    },
}

impl Command {
    /// Whether it takes something away: such a one must not be lost.
    pub(crate) fn must_arrive(&self) -> bool {
        matches!(
            self,
            Self::Leave { .. }
                | Self::CloseRoom { .. }
                | Self::Stand { .. }
                | Self::Hush { .. }
                | Self::Arrange { arrangement: None, .. }
        )
    }

    /// The participant whom it is about, if it is about one.
    #[must_use]
    pub fn peer(&self) -> Option<PeerId> {
        match self {
            Self::Join { peer, .. }
            | Self::Leave { peer }
            | Self::Offer { peer, .. }
            | Self::Plain { peer, .. }
            | Self::AddCandidate { peer, .. }
            | Self::Fragment { peer, .. }
            | Self::Subscribe { peer, .. }
            | Self::Prefer { peer, .. }
            | Self::SetDownlink { peer, .. }
            | Self::Name { peer, .. }
            | Self::Pin { peer, .. }
            | Self::SetAudio { peer, .. }
            | Self::SetMute { peer, .. } => Some(*peer),
            Self::Still { ask, .. } => Some(ask.peer),
            Self::CloseRoom { .. }
            | Self::Stand { .. }
            | Self::Announce { .. }
            | Self::Hush { .. }
            | Self::Arrange { .. }
            | Self::Stats { .. } => None,
        }
    }
}

/// What a participant offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The SDP, at most [`Limits::sdp_bytes`](super::Limits::sdp_bytes) long.
    pub sdp: String,
    /// Where the tracks that he publishes come from, by `a=mid`; unnamed ones are [`Source::default_for`] their kind.
    pub sources: Vec<(String, Source)>,
    /// What he wants in his receiving places.
    pub subscriptions: Subscriptions,
}

/// Which tracks go to which receiving places of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscriptions {
    /// By `a=mid`. Places not named keep what they have.
    ByMid(Vec<(String, TrackId)>),
    /// Each receiving place takes the next track of its kind (WHEP).
    InOrder(Vec<TrackId>),
}

/// The answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The SDP, with every candidate of ours.
    pub sdp: String,
    /// The tracks that the participant publishes now.
    pub published: Vec<TrackInfo>,
    /// Our ICE username fragment: names the ICE session (the ETag of WHIP, RFC 9725 section 4.3.1).
    pub ice_ufrag: String,
}

/// The answer to an SDP fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment {
    /// The candidates were taken.
    Taken,
    /// ICE restarted: what the client must be told, and the new ICE session's name.
    Restarted {
        /// An `application/trickle-ice-sdpfrag` body with our new credentials and candidates.
        sdpfrag: String,
        /// Our new ICE username fragment.
        ice_ufrag: String,
    },
}

/// Why a participant could not be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The room has [`Limits::peers_per_room`](super::Limits::peers_per_room).
    #[error("the room is full")]
    RoomFull,
    /// The participant is in already.
    #[error("the participant is in a room already")]
    AlreadyJoined,
    /// The worker's queue of commands is full, or the engine is stopping.
    #[error("the media engine takes no more work now")]
    Busy,
}

/// Why an offer could not be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NegotiateError {
    /// No such participant.
    #[error("no such participant")]
    NoSuchPeer,
    /// The offer cannot be used; the text names the line and the remedy.
    #[error("{0}")]
    BadOffer(String),
    /// The participant may not publish, and the offer sends media.
    #[error("this participant may not publish")]
    MayNotPublish,
    /// The participant may not receive, and the offer asks for media.
    #[error("this participant may not receive")]
    MayNotSubscribe,
    /// More than a limit allows; the text names it.
    #[error("{0}")]
    TooMany(String),
    /// A fragment came before any offer.
    #[error("there is no session yet: send an offer first")]
    NoSession,
    /// The worker's queue of commands is full, or the engine is stopping.
    #[error("the media engine takes no more work now")]
    Busy,
}

/// Why a place could not be pointed at a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// No such participant.
    #[error("no such participant")]
    NoSuchPeer,
    /// The participant has no receiving place of this mid.
    #[error("no receiving place with this mid: offer one first")]
    NoSuchMid,
    /// No such track in the participant's room.
    #[error("no such track in this room")]
    NoSuchTrack,
    /// Audio asked for in a place for video, or the other way round.
    #[error("the track is of the other kind")]
    WrongKind,
    /// The participant may not receive, or asked for his own track.
    #[error("this participant may not receive this track")]
    Refused,
    /// The server mixes no sound.
    #[error("this server mixes no sound: take what is forwarded")]
    NoMixer,
    /// The worker's queue of commands is full, or the engine is stopping.
    #[error("the media engine takes no more work now")]
    Busy,
}

/// Why a track could not be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// No such participant.
    #[error("no such participant")]
    NoSuchPeer,
    /// He does not publish this track.
    #[error("no such track")]
    NoSuchTrack,
    /// The worker's queue of commands is full, or the engine is stopping.
    #[error("the media engine takes no more work now")]
    Busy,
}
