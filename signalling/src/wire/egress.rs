//! Streams of rooms, as clients ask for them and see them.

use crate::egress::{EgressFault, EgressKind, EgressState};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A room that is to leave as a stream.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EgressWish {
    /// How it leaves.
    pub(crate) kind: EgressKind,
    /// Where to: `rtmp://host/app/key` or `rtmps://…`; `srt://host:port` with `mode`, `streamid`, `passphrase`, `pbkeylen` and `latency` as its query.
    /// HLS has none: this server serves it.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// How pictures are laid out. Left out, it is `grid`.
    #[serde(default)]
    #[schema(inline)]
    pub(crate) layout: Option<String>,
    /// With pictures. Left out, it is true; false is sound alone.
    #[serde(default)]
    pub(crate) video: Option<bool>,
    /// What it is called in lists: 1 to 64 characters. Left out, it is its kind.
    #[serde(default)]
    pub(crate) name: Option<String>,
}

impl fmt::Debug for EgressWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressWish").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A stream of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct EgressView {
    /// Its id.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// How the room leaves.
    pub(crate) kind: EgressKind,
    /// How pictures are laid out; missing where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layout: Option<String>,
    /// Whether there are pictures.
    pub(crate) video: bool,
    /// Where it goes, without what is secret of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// The path of its playlist on this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) playlist: Option<String>,
    /// How it is.
    pub(crate) state: EgressState,
    /// Since when it is so, in seconds since 1970.
    pub(crate) since_unix_s: u64,
    /// When it was asked for, in seconds since 1970.
    pub(crate) created_unix_s: u64,
    /// How often its program was started again.
    pub(crate) restarts: u32,
    /// What went wrong last, if anything did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<EgressFault>,
    /// Seconds that left, of all runs of its program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<u64>,
    /// Segments that were written, of HLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) segments: Option<u64>,
    /// Their bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
}
