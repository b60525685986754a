//! Rooms that leave as a stream: what the signalling says to whoever runs the programs, and what it is told back. Nothing here starts anything.

use colloquy_media_core::api::Reply;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use utoipa::ToSchema;

/// The payload type of a stream's sound: Opus (RFC 7587).
pub const EGRESS_OPUS: u8 = 111;
/// The payload type of a stream's pictures: H.264 (RFC 6184).
pub const EGRESS_H264: u8 = 96;

/// 192 random bits in base64url.
const ID_CHARS: usize = 32;

/// The name of a stream: not to be guessed, as whoever knows that of an HLS stream may watch it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EgressId(String);

impl EgressId {
    /// One of so many random characters, which the caller has drawn.
    pub(crate) fn of(random: &str) -> Self {
        Self(random.to_owned())
    }

    /// Reads one: 32 of `A-Z a-z 0-9 _ -`. It can be part of a path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        (text.len() == ID_CHARS && text.bytes().all(is_good)).then(|| Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EgressId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a room leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EgressKind {
    /// Segments and a playlist (RFC 8216), which this server gives to players.
    Hls,
    /// SRT: called, or waited for.
    Srt,
    /// RTMP to a platform.
    Rtmp,
}

/// How a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EgressState {
    /// Its program was started, and nothing has come out yet.
    Starting,
    /// It leaves.
    Running,
    /// Its program ended, and is started again.
    Retrying,
    /// It was given up.
    Failed,
    /// It is over, and nothing was wrong with it.
    Ended,
}

impl EgressState {
    /// Whether the room is, or is about to be, seen outside.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Retrying)
    }
}

/// A stream that is to be prepared.
#[derive(Clone)]
pub struct EgressAsk {
    /// The room's name.
    pub room: String,
    /// How it leaves.
    pub kind: EgressKind,
    /// Where to; a secret, as there are keys in it.
    pub url: Option<String>,
    /// With pictures.
    pub video: bool,
}

impl fmt::Debug for EgressAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressAsk").field("room", &self.room).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A stream that can be begun.
#[derive(Debug, Clone)]
pub struct EgressPlace {
    /// Where it goes, without its keys.
    pub target: Option<String>,
    /// Where its playlist will be on this server.
    pub playlist: Option<String>,
    /// Where its sound is to be sent.
    pub audio: SocketAddr,
    /// Where its pictures are to be sent.
    pub video: Option<SocketAddr>,
    /// Where reports are to be sent.
    pub reports: SocketAddr,
}

/// Where the packets of a stream come from; from elsewhere none are taken.
#[derive(Debug, Clone, Copy)]
pub struct EgressFeed {
    /// Sound.
    pub audio: SocketAddr,
    /// Pictures.
    pub video: Option<SocketAddr>,
}

/// What went wrong with a stream, for people. There are no keys in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EgressFault {
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// How a stream is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressReport {
    /// Whether it leaves.
    pub state: EgressState,
    /// How often its program was started again.
    pub restarts: u32,
    /// What went wrong last.
    pub fault: Option<EgressFault>,
    /// Seconds that left, of all runs of its program.
    pub seconds: Option<u64>,
    /// Segments that were written, of HLS.
    pub segments: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
}

/// Where reports go. It never blocks for long.
pub type EgressSink = Arc<dyn Fn(EgressReport) + Send + Sync>;

/// What whoever runs the programs is told.
pub enum EgressOrder {
    /// Looks whether a stream can be, and keeps a place for it until [`EgressOrder::Stop`].
    Prepare {
        /// Its name.
        id: EgressId,
        /// What it is to be.
        ask: EgressAsk,
        /// Hears what came of it.
        reply: Reply<Result<EgressPlace, EgressError>>,
    },
    /// Begins a stream that was prepared.
    Start {
        /// Its name.
        id: EgressId,
        /// Where its packets come from.
        feed: EgressFeed,
        /// Hears how it is.
        sink: EgressSink,
    },
    /// Ends a stream, or gives the place for it back. Its files are gone soon after.
    Stop {
        /// Its name.
        id: EgressId,
    },
}

impl EgressOrder {
    /// Says that there are no streams here.
    pub fn refuse(self) {
        if let Self::Prepare { reply, .. } = self {
            reply.send(Err(EgressError::Disabled));
        }
    }
}

/// Why a stream cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The operator wants none.
    #[error("this server streams no rooms")]
    Disabled,
    /// The address, or something else that was asked for, cannot be: what is wrong, and what to do.
    #[error("{0}")]
    Rejected(String, String),
    /// It may not go there: where, and what to do.
    #[error("{0}")]
    Denied(String, String),
    /// Something that it takes is missing on this server: what, and what to do.
    #[error("{0}")]
    Unavailable(String, String),
    /// As many as may be are running.
    #[error("{0} streams are running, as many as may be")]
    TooMany(usize),
}
