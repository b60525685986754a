//! Still pictures of those who publish video: what is asked for, and what comes of it.

use super::{Codec, PeerId, Source, TrackId};
use crate::forward::{Kept, KeptPicture};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How large a still picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum SnapshotSize {
    /// As it came, in the largest encoding that comes, though no larger than 1,920 pixels a side.
    Full,
    /// 160x90, cut or with bars.
    Thumbnail,
}

/// Which picture somebody wants. Whether he may have it is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SnapshotAsk {
    /// Of whom.
    pub peer: PeerId,
    /// Of which of his videos.
    pub source: Source,
    /// How large.
    pub size: SnapshotSize,
}

/// A still picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// JFIF.
    pub jpeg: Arc<[u8]>,
    /// The same for the same bytes, and for no others.
    pub tag: u64,
    /// How long ago its first packet came.
    pub age: Duration,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Why there is no still picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// No such participant.
    #[error("no such participant")]
    NoSuchPeer,
    /// He does not publish this, or has silenced it.
    #[error("it is off")]
    Off,
    /// No whole picture came yet that others might see.
    #[error("there is no picture of it yet")]
    NoPicture,
    /// The picture cannot be decoded: encrypted end to end, broken, or larger than is decoded.
    #[error("its pictures cannot be decoded")]
    Unreadable,
    /// This server makes none.
    #[error("no pictures are made here")]
    Disabled,
    /// As many are waiting to be made as may.
    #[error("too many pictures are waiting to be made")]
    Busy,
}

/// The last whole key frame of a video that those may see who see its publisher on the floor; as it came, not decoded. Costs nothing to
/// copy.
#[derive(Debug, Clone)]
pub struct Still {
    pub(crate) track: TrackId,
    pub(crate) audience: u32,
    pub(crate) picture: Arc<KeptPicture>,
}

impl Still {
    /// Of which track.
    #[must_use]
    pub fn track(&self) -> TrackId {
        self.track
    }

    /// Another number is for others to see: the publisher was moved to another conversation in between.
    #[must_use]
    pub fn audience(&self) -> u32 {
        self.audience
    }

    /// When its first packet came.
    #[must_use]
    pub fn came(&self) -> Instant {
        self.picture.came
    }

    /// How it is coded; `None` if it has no packet.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        self.picture.packets.first().map(Kept::codec)
    }

    /// Its packets in order.
    pub fn packets(&self) -> impl Iterator<Item = StillPacket<'_>> {
        self.picture.packets.iter().map(Kept::of_still)
    }
}

/// One packet of a still picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StillPacket<'a> {
    /// Its sequence number with its cycles.
    pub index: u64,
    /// RTP's, at 90 kHz.
    pub timestamp: u32,
    /// The last of the picture.
    pub marker: bool,
    /// What RTP carries, from the payload descriptor on.
    pub payload: &'a [u8],
}
