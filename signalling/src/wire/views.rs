//! Participants, tracks and figures as clients see them.

use super::canvas::track_name;
use super::{DownlinkView, EncodingView, IdentityView, LayerView, SourceName};
use colloquy_media_core::api::{
    MediaKind, Mute, PeerStats, Permissions, ReceiveStats, SendStats, TrackId, TrackInfo, TransportState,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A participant as everyone in the room sees him.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ParticipantView {
    /// His id, such as `p1f`.
    pub id: String,
    /// The name he goes by.
    pub name: String,
    /// Whether he can be heard and seen.
    pub state: ParticipantState,
    /// Whether he moderates.
    pub moderator: bool,
    /// His network quality from 0 to 5, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// Who vouches for him, if anybody does and his media is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityView>,
    /// What he publishes.
    pub tracks: Vec<TrackView>,
}

/// Whether a participant can be heard and seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantState {
    /// His media is being set up.
    Connecting,
    /// All is well.
    Connected,
    /// His connection is lost; he may come back.
    Reconnecting,
}

/// A published track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrackView {
    /// Its id, such as `t2`.
    pub id: String,
    /// Who publishes it.
    pub participant: String,
    /// Audio or video.
    pub kind: KindName,
    /// Where it comes from.
    pub source: SourceName,
    /// Whether nothing of it is forwarded.
    pub muted: bool,
    /// Who silenced it.
    pub mute: MuteView,
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// Who silenced a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct MuteView {
    /// Its publisher did.
    pub by_self: bool,
    /// A moderator did.
    pub by_moderator: bool,
}

/// What a participant may do with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PermissionsView {
    /// May publish tracks.
    pub publish: bool,
    /// May receive tracks.
    pub subscribe: bool,
}

/// The state of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransportName {
    /// ICE or DTLS is under way.
    Connecting,
    /// Media can flow.
    Connected,
    /// Nothing was heard from the client for some seconds.
    Disconnected,
}

/// Figures of one participant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ParticipantStats {
    /// Who.
    pub participant: String,
    /// His transport.
    pub transport: TransportName,
    /// Round-trip time in ms, when known.
    pub rtt_ms: Option<f32>,
    /// The SRTP protection profile, when known.
    pub srtp_profile: Option<&'static str>,
    /// How much is sent to him, and how much his path carries; null while nothing is known.
    pub downlink: Option<DownlinkView>,
    /// What the server receives of him.
    pub receive: Vec<ReceiveView>,
    /// What the server sends him.
    pub send: Vec<SendView>,
}

/// What the server receives of one track.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReceiveView {
    /// The track.
    pub track: String,
    /// Its codec, once a packet came.
    pub codec: Option<&'static str>,
    /// Packets received.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Interarrival jitter in ms.
    pub jitter_ms: f32,
    /// Packets asked for again.
    pub nacked: u64,
    /// Packets made again out of his repair packets (FlexFEC).
    pub recovered: u64,
    /// Key frames asked for.
    pub keyframe_requests: u64,
    /// Each simulcast encoding, in the order of the description; one for a track without simulcast.
    pub encodings: Vec<EncodingView>,
}

/// What the server sends into one receiving place.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SendView {
    /// The place.
    pub mid: String,
    /// What it shows.
    pub track: Option<String>,
    /// Packets sent.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Repair packets sent (FlexFEC).
    pub repairs: u64,
    /// Loss that the receiver reported last, 0 to 1.
    pub fraction_lost: f32,
    /// The quality that is sent; null for audio, and while nothing is.
    pub layer: Option<LayerView>,
    /// Times that the quality changed.
    pub switches: u64,
}

impl From<&TrackInfo> for TrackView {
    fn from(track: &TrackInfo) -> Self {
        Self {
            id: track.id.to_string(),
            participant: track.peer.to_string(),
            kind: match track.kind {
                MediaKind::Audio => KindName::Audio,
                MediaKind::Video => KindName::Video,
            },
            source: track.source.into(),
            muted: track.mute.is_muted(),
            mute: track.mute.into(),
        }
    }
}

impl From<Mute> for MuteView {
    fn from(mute: Mute) -> Self {
        Self { by_self: mute.by_self, by_moderator: mute.by_moderator }
    }
}

impl From<Permissions> for PermissionsView {
    fn from(permissions: Permissions) -> Self {
        Self { publish: permissions.publish, subscribe: permissions.subscribe }
    }
}

impl From<TransportState> for TransportName {
    fn from(state: TransportState) -> Self {
        match state {
            TransportState::Connecting => Self::Connecting,
            TransportState::Connected => Self::Connected,
            TransportState::Disconnected => Self::Disconnected,
        }
    }
}

impl ParticipantStats {
    /// `layout` has the names of layouts that were arranged for the room.
    pub(crate) fn new(stats: &PeerStats, layout: impl Fn(TrackId) -> Option<String>) -> Self {
        Self {
            participant: stats.peer.to_string(),
            transport: stats.state.into(),
            rtt_ms: stats.rtt_ms,
            srtp_profile: stats.srtp_profile,
            downlink: stats.downlink.map(DownlinkView::from),
            receive: stats.receive.iter().map(ReceiveView::from).collect(),
            send: stats.send.iter().map(|sent| SendView::new(sent, &layout)).collect(),
        }
    }
}

impl From<&ReceiveStats> for ReceiveView {
    fn from(stats: &ReceiveStats) -> Self {
        Self {
            track: stats.track.to_string(),
            codec: stats.codec.map(|codec| codec.name()),
            packets: stats.packets,
            bytes: stats.bytes,
            lost: stats.lost,
            jitter_ms: stats.jitter_ms,
            nacked: stats.nacked,
            recovered: stats.recovered,
            keyframe_requests: stats.keyframe_requests,
            encodings: stats.encodings.iter().map(EncodingView::from).collect(),
        }
    }
}

impl SendView {
    fn new(stats: &SendStats, layout: impl Fn(TrackId) -> Option<String>) -> Self {
        Self {
            mid: stats.mid.clone(),
            track: stats.track.map(|track| track_name(track, layout)),
            packets: stats.packets,
            bytes: stats.bytes,
            retransmitted: stats.retransmitted,
            repairs: stats.repairs,
            fraction_lost: stats.fraction_lost,
            layer: stats.layer.map(LayerView::from),
            switches: stats.switches,
        }
    }
}
