//! The words of the WebSocket protocol (`docs/src/api/websocket.md`), shared with the HTTP API where both say the same.

mod announcements;
mod audience;
mod audio;
mod canvas;
mod egress;
mod identity;
mod quality;
mod request;
mod response;
mod rtp;
mod views;

pub(crate) use announcements::{AnnouncementView, AnnouncementWish, HoldMusicView};
pub(crate) use audience::{PairView, StanceView};
pub(crate) use audio::{AudioModeName, AudioPathName, DeviceName, audio};
pub(crate) use canvas::{
    LayoutPlaceView, LayoutView, LayoutWish, PicturesName, arranged, is_reserved, layout_named, made_here, track_name,
};
pub(crate) use egress::{EgressView, EgressWish};
pub(crate) use identity::IdentityOffer;
pub use identity::{IdentityView, TrustColour};
pub use quality::{DownlinkView, EncodingUseView, EncodingView, LayerView, PauseName, SizeView};
pub(crate) use quality::{encodings, shown};
pub use request::SourceName;
pub(crate) use request::{Hello, Join, OfferMedia, ReceivedFrame, Request};
pub(crate) use response::{
    Joined, LeaveReason, RemoveReason, ServerEvent, ServerResult, SpeakerView, encode, encode_result,
};
pub(crate) use rtp::{
    RtpCreated, RtpDirection, RtpKeyWish, RtpLegView, RtpLegWish, RtpPathView, RtpStatsView, RtpView, RtpWish,
};
pub use views::{
    KindName, MuteView, ParticipantState, ParticipantStats, ParticipantView, PermissionsView, ReceiveView, SendView,
    TrackView, TransportName,
};

/// Longest frame, in bytes: twice the longest SDP, for its escaping in JSON. A longer one closes the socket with 1009.
pub const FRAME_BYTES: usize = 128 * 1024;

/// Longest SDP, in bytes. Browsers' are 5 to 30 kB. A longer one is refused with `limit.exceeded`.
pub const SDP_BYTES: usize = 64 * 1024;

/// The version of the protocol.
pub const VERSION: u32 = 1;
