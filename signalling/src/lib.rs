//! Thin signalling: who may ask for what.
//!
//! A request comes through a door ([`http`]: WebSocket, HTTP, WHIP, WHEP), is read into types (`wire`), is allowed or not
//! ([`authn`], [`authz`]), and ends in one use case (`api`), whichever door it was. A use case lets the pure `House` decide, and
//! carries out what follows: commands to the media engine ([`EnginePort`]), frames to sockets. What the engine tells comes back
//! through [`EventIntake`]. `session` keeps what outlives a socket.
//!
//! Nothing here touches media, SQL or files; axum is known to [`http`] only.

mod api;
mod audit;
pub mod authn;
pub mod authz;
mod config;
pub mod egress;
mod engine_port;
mod error;
pub mod events;
pub mod http;
mod identity;
mod metrics;
pub mod names;
mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod wire;

pub use api::{RoomStatsView, RoomView, ServerStatsView, Signalling, ThumbnailView, ThumbnailsView, WorkerView};
pub use audit::{AuditRecord, AuditSink};
pub use authn::{Claims, Grants, MintError, mint};
pub use config::{
    AnnouncementConfig, ConfigError, IceServer, KeyAlgorithm, KeyConfig, Seconds, SignallingConfig, SignallingLimits,
};
pub use engine_port::{ENGINE_TIMEOUT, EnginePort};
pub use error::{ErrorCode, Refusal};
pub use events::{EventIntake, EventSink};
pub use identity::{CLAIM_BYTES, Finding, IdentityDemand, IdentityPort, Proof};
pub use wire::{
    DownlinkView, EncodingUseView, EncodingView, FRAME_BYTES, IdentityView, KindName, LayerView, MuteView,
    ParticipantState, ParticipantStats, ParticipantView, PauseName, PermissionsView, ReceiveView, SDP_BYTES, SendView,
    SizeView, SourceName, TrackView, TransportName, TrustColour, VERSION,
};
