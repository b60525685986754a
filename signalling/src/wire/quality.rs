//! Layers and bandwidth as clients see them.

use super::ServerEvent;
use colloquy_media_core::api::{
    DownlinkStats, EncodingStats, EncodingUse, Layer, PauseCause, PixelSize, Shown, TrackId,
};
use serde::Serialize;
use utoipa::ToSchema;

/// One quality of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct LayerView {
    /// Which simulcast encoding, 0 is the first that the publisher's description names.
    pub encoding: u8,
    /// The highest spatial layer of it, 0 is the smallest picture.
    pub spatial: u8,
    /// The highest temporal layer of it, 0 is the lowest frame rate.
    pub temporal: u8,
}

/// Size of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SizeView {
    /// From left to right.
    pub width: u16,
    /// From top to bottom.
    pub height: u16,
}

/// Why a place shows nothing though it is pointed at a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseName {
    /// The path to the receiver does not carry it.
    Bandwidth,
    /// It is not among the last N speakers.
    LastN,
    /// The receiver shows it nowhere.
    Hidden,
    /// Its publisher turned away from the receiver: the last picture stands for him.
    Frozen,
    /// The receiver may not see it now: one of the two is on hold.
    Withheld,
}

/// A simulcast encoding, and whether it is of use to anyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EncodingUseView {
    /// Its restriction identifier.
    pub rid: String,
    /// Somebody is shown it, or may be at once.
    pub wanted: bool,
}

/// What the server receives of one simulcast encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EncodingView {
    /// Its restriction identifier; empty without simulcast.
    pub rid: String,
    /// Packets received.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What comes now, in bits a second.
    pub bps: u64,
    /// Somebody is shown it, or may be at once.
    pub wanted: bool,
}

/// How much is sent to a participant, and how much his path carries, in bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DownlinkView {
    /// What may be sent.
    pub target_bps: u64,
    /// What is being sent, retransmissions and probes included.
    pub sent_bps: u64,
    /// What was reported to arrive.
    pub acknowledged_bps: u64,
    /// What the layers that he gets cost.
    pub allocated_bps: u64,
    /// At which target he would get more; 0 when he has all that he wants.
    pub needed_bps: u64,
    /// Bytes that wait for their turn to leave.
    pub queued_bytes: u64,
}

/// The event that tells a receiver what a place of his shows.
pub(crate) fn shown(mid: &str, track: String, shown: Shown) -> ServerEvent {
    let (layer, size, paused) = match shown {
        Shown::Layer(layer, size) => (Some(layer.into()), size.map(SizeView::from), None),
        Shown::Paused(cause) => (None, None, Some(cause.into())),
    };
    ServerEvent::Shown { mid: mid.to_owned(), track, layer, size, paused }
}

/// The event that tells a publisher which encodings of his track are of use.
pub(crate) fn encodings(track: TrackId, encodings: &[EncodingUse]) -> ServerEvent {
    let encodings = encodings.iter().map(|e| EncodingUseView { rid: e.rid.clone(), wanted: e.wanted }).collect();
    ServerEvent::Encodings { track: track.to_string(), encodings }
}

impl From<Layer> for LayerView {
    fn from(layer: Layer) -> Self {
        Self { encoding: layer.encoding, spatial: layer.spatial, temporal: layer.temporal }
    }
}

impl From<PixelSize> for SizeView {
    fn from(size: PixelSize) -> Self {
        Self { width: size.width, height: size.height }
    }
}

impl From<PauseCause> for PauseName {
    fn from(cause: PauseCause) -> Self {
        match cause {
            PauseCause::Bandwidth => Self::Bandwidth,
            PauseCause::LastN => Self::LastN,
            PauseCause::Hidden => Self::Hidden,
            PauseCause::Frozen => Self::Frozen,
            PauseCause::Withheld => Self::Withheld,
        }
    }
}

impl From<&EncodingStats> for EncodingView {
    fn from(stats: &EncodingStats) -> Self {
        Self {
            rid: stats.rid.clone(),
            packets: stats.packets,
            bytes: stats.bytes,
            bps: stats.bps,
            wanted: stats.wanted,
        }
    }
}

impl From<DownlinkStats> for DownlinkView {
    fn from(stats: DownlinkStats) -> Self {
        Self {
            target_bps: stats.target_bps,
            sent_bps: stats.sent_bps,
            acknowledged_bps: stats.acknowledged_bps,
            allocated_bps: stats.allocated_bps,
            needed_bps: stats.needed_bps,
            queued_bytes: stats.queued_bytes,
        }
    }
}
