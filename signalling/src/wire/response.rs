//! What the server says.

use super::{
    AnnouncementView, AudioPathName, DownlinkView, EncodingUseView, FRAME_BYTES, IdentityOffer, IdentityView,
    LayerView, PairView, ParticipantState, ParticipantView, PauseName, PermissionsView, ReceiveView, SDP_BYTES,
    SendView, SizeView, StanceView, TrackView, TransportName, VERSION,
};
use crate::config::IceServer;
use crate::error::Refusal;
use crate::names::DISPLAY_NAME_CHARS;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happened. Frames without an `id`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerEvent {
    ParticipantJoined {
        participant: ParticipantView,
    },
    ParticipantLeft {
        participant: String,
        reason: LeaveReason,
    },
    ParticipantState {
        participant: String,
        state: ParticipantState,
    },
    TrackPublished {
        track: TrackView,
    },
    TrackUnpublished {
        track: String,
        participant: String,
    },
    TrackMuted {
        track: TrackView,
    },
    Speakers {
        speakers: Vec<SpeakerView>,
        dominant: Option<String>,
    },
    Transport {
        state: TransportName,
    },
    Quality {
        participant: String,
        score: u8,
    },
    /// Who vouches for somebody now; null when nobody does any more.
    Identity {
        participant: String,
        identity: Option<IdentityView>,
    },
    /// To the one who receives: what a place of his shows. Either `layer` or `paused` is there.
    Shown {
        mid: String,
        track: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        layer: Option<LayerView>,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<SizeView>,
        #[serde(skip_serializing_if = "Option::is_none")]
        paused: Option<PauseName>,
    },
    /// To the one who publishes: which encodings of his track are of use.
    Encodings {
        track: String,
        encodings: Vec<EncodingUseView>,
    },
    /// To the one who receives: how he hears others from now on.
    Audio {
        path: AudioPathName,
    },
    /// To the one whom it concerns: where he stands, if that changed, and what he gets of those of whom he gets something else now.
    Audience {
        #[serde(skip_serializing_if = "Option::is_none")]
        you: Option<StanceView>,
        others: Vec<PairView>,
    },
    Removed {
        reason: RemoveReason,
        message: String,
    },
    /// Whether the room leaves as a stream now, so that others than its participants may hear and see it.
    Streamed {
        streamed: bool,
    },
    Draining {
        seconds: u64,
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SpeakerView {
    pub(crate) participant: String,
    pub(crate) level: f32,
}

/// Why a participant is gone, as others are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeaveReason {
    Left,
    Kicked,
    Lost,
    Failed,
}

/// Why a participant is gone, as he is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RemoveReason {
    Kicked,
    RoomClosed,
    Failed,
    Expired,
}

/// What a request gets back.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerResult {
    Welcome {
        version: u32,
        server: &'static str,
        resume_window_s: u32,
        ice_servers: Vec<IceServer>,
        /// Things are played into rooms, in the place for the mix.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        announcements: bool,
        /// How to prove who one is, where that is asked for or taken.
        #[serde(skip_serializing_if = "Option::is_none")]
        identity: Option<IdentityOffer>,
        limits: WireLimits,
    },
    Joined(Joined),
    Answer {
        sdp: String,
        tracks: BTreeMap<String, String>,
    },
    Ok,
    Announced {
        announcement: AnnouncementView,
    },
    Announcements {
        announcements: Vec<AnnouncementView>,
    },
    Stats {
        rtt_ms: Option<f32>,
        downlink: Option<DownlinkView>,
        receive: Vec<ReceiveView>,
        send: Vec<SendView>,
    },
    Error {
        code: &'static str,
        message: String,
        remedy: String,
    },
}

/// The room as it is when one comes into it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Joined {
    pub(crate) room: String,
    pub(crate) participant: String,
    pub(crate) resume_token: String,
    pub(crate) moderator: bool,
    pub(crate) permissions: PermissionsView,
    /// The room leaves as a stream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) streamed: bool,
    pub(crate) participants: Vec<ParticipantView>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct WireLimits {
    frame_bytes: usize,
    sdp_bytes: usize,
    name_chars: usize,
}

impl ServerResult {
    pub(crate) fn welcome(
        resume_window_s: u32,
        ice_servers: Vec<IceServer>,
        announcements: bool,
        identity: Option<IdentityOffer>,
    ) -> Self {
        Self::Welcome {
            version: VERSION,
            server: concat!("colloquy/", env!("CARGO_PKG_VERSION")),
            resume_window_s,
            ice_servers,
            announcements,
            identity,
            limits: WireLimits { frame_bytes: FRAME_BYTES, sdp_bytes: SDP_BYTES, name_chars: DISPLAY_NAME_CHARS },
        }
    }
}

impl From<Refusal> for ServerResult {
    fn from(refusal: Refusal) -> Self {
        Self::Error { code: refusal.code.as_str(), message: refusal.message, remedy: refusal.remedy.into_owned() }
    }
}

/// The frame of an event.
pub(crate) fn encode(event: &ServerEvent) -> Arc<str> {
    serde_json::to_string(event).expect("our own types have string keys and finite numbers").into()
}

/// The frame of a result.
pub(crate) fn encode_result(id: u32, result: &ServerResult) -> Arc<str> {
    #[derive(Serialize)]
    struct Framed<'a> {
        id: u32,
        #[serde(flatten)]
        result: &'a ServerResult,
    }
    serde_json::to_string(&Framed { id, result }).expect("our own types have string keys and finite numbers").into()
}
