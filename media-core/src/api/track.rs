//! What a track is, and what its owner may do.

use super::{PeerId, TrackId};

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// Where a track comes from, as its publisher says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The person's voice.
    Microphone,
    /// The person's face.
    Camera,
    /// A shared screen, window or tab.
    Screen,
    /// The sound of what is shared.
    ScreenAudio,
}

impl Source {
    /// What a track of this kind is taken for when its publisher says nothing (WHIP).
    #[must_use]
    pub fn default_for(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Microphone,
            MediaKind::Video => Self::Camera,
        }
    }

    /// The kind of media that this source gives.
    #[must_use]
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Microphone | Self::ScreenAudio => MediaKind::Audio,
            Self::Camera | Self::Screen => MediaKind::Video,
        }
    }
}

/// The codecs that are forwarded, by their names in SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// AOMedia's RTP payload format for AV1.
    Av1,
}

impl Codec {
    /// Audio or video.
    #[must_use]
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => MediaKind::Video,
        }
    }

    /// The encoding name of `a=rtpmap`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::Av1 => "AV1",
        }
    }

    /// RTP clock rate in Hz.
    #[must_use]
    pub fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => 90_000,
        }
    }
}

/// Who silenced a track. It is forwarded only when nobody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mute {
    /// Its publisher did.
    pub by_self: bool,
    /// A moderator did.
    pub by_moderator: bool,
}

impl Mute {
    /// Whether nothing of the track is forwarded.
    #[must_use]
    pub fn is_muted(self) -> bool {
        self.by_self || self.by_moderator
    }
}

/// A track as everyone in the room may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    /// Its id.
    pub id: TrackId,
    /// Who publishes it.
    pub peer: PeerId,
    /// Where it comes from.
    pub source: Source,
    /// Audio or video.
    pub kind: MediaKind,
    /// Who silenced it.
    pub mute: Mute,
    /// The `a=mid` of its publisher's description.
    pub mid: String,
}

/// What a participant may do with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// May publish tracks.
    pub publish: bool,
    /// May receive tracks.
    pub subscribe: bool,
}

impl Permissions {
    /// Publish and subscribe.
    pub const ALL: Self = Self { publish: true, subscribe: true };
}
