//! What is played into rooms, as clients ask for it and see it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something to be played into a room: a file or a text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnnouncementWish {
    /// A file in the server's directory of announcements, as `welcome.wav` or `en/welcome.ogg`.
    #[serde(default)]
    pub(crate) file: Option<String>,
    /// A text that is said, where the server has a program that speaks.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// Who hears it: `floor` (left out: this; everybody who hears the room's floor), `held` (those on hold), or a participant's id.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// How much louder or softer, in dB: -60 to 12.
    #[serde(default)]
    pub(crate) gain_db: i8,
    /// Again and again until it is stopped, rather than once.
    #[serde(default)]
    pub(crate) repeat: bool,
}

/// Something that is played into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AnnouncementView {
    /// Its name: `a` and hexadecimal digits.
    pub(crate) id: String,
    /// The file, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// The text, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// Who hears it: `floor`, `held`, or a participant's id.
    pub(crate) to: String,
    /// How much louder or softer, in dB.
    pub(crate) gain_db: i8,
    /// Again and again until it is stopped.
    pub(crate) repeat: bool,
    /// How long it is, in ms; of one that is repeated, each time.
    pub(crate) length_ms: u64,
    /// How long ago it began, in ms.
    pub(crate) age_ms: u64,
}

/// What those on hold hear in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct HoldMusicView {
    /// The file; missing where they hear nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// It is the room's own choice, and not the server's.
    pub(crate) own: bool,
    /// Somebody is on hold, and hears it.
    pub(crate) playing: bool,
}
