//! The only door of the media core: what it can be asked ([`Command`]), what it tells ([`Event`]),
//! and the words that both are made of.
//!
//! The server is always the answerer (RFC 8829 JSEP): a client that wants to publish, or to have one
//! more place to receive into, sends an offer of its own, so there is no glare and nobody else is
//! renegotiated. A place that exists is pointed at another track by [`Command::Subscribe`] alone.

mod announcement;
mod canvas;
mod command;
mod config;
mod data;
mod event;
mod ids;
mod mix;
mod plain;
mod quality;
mod snapshot;
mod stats;
mod track;

pub use announcement::{Announcement, MAX_ANNOUNCEMENTS};
pub use canvas::{Area, Arrangement, ArrangementError, CanvasLayout, CanvasLimits, LayoutId, LayoutPlace, PlaceFor};
pub use command::{
    Answer, Command, Fragment, JoinError, NegotiateError, Offer, Reply, SubscribeError, Subscriptions, TrackError,
};
pub use config::{AdvertisedAddress, DtlsVersions, EngineConfig, IceMode, Limits};
pub use data::{DataDrop, DataLimits};
pub use event::{CloseCause, Event, Speaker, TransportState};
pub use ids::{AnnouncementId, BadId, PeerId, RoomId, TrackId};
pub use mix::{AudioMode, AudioPath, MixLimits};
pub use plain::{
    PlainAddress, PlainAnswer, PlainAsk, PlainEnd, PlainEnds, PlainError, PlainKeys, PlainLeg, PlainLegAnswer,
    PlainLegStats, PlainPlace,
};
pub use quality::{Device, Downlink, EARPIECE_BPS, EncodingUse, Layer, PauseCause, PixelSize, Preference, Shown};
pub use snapshot::{Snapshot, SnapshotAsk, SnapshotError, SnapshotSize, Still, StillPacket};
pub use stats::{
    DownlinkStats, DropCause, EncodingStats, PeerStats, ReceiveStats, RoomStats, SendStats, TRANSIT_BUCKETS_US,
    WorkerStats, WorkerTotals,
};
pub use track::{Codec, MediaKind, Mute, Permissions, Source, TrackInfo};
