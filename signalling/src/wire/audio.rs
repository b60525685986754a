//! How somebody hears others, as clients say and see it.

use super::ServerEvent;
use colloquy_media_core::api::{AudioMode, AudioPath, Device};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a participant wants to hear others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AudioModeName {
    /// Each in a place of his own.
    Forward,
    /// All in one place, mixed by the server.
    Mix,
    /// As the server finds best.
    Auto,
}

/// What a participant has it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeviceName {
    /// Something with a screen.
    #[default]
    Screen,
    /// It would rather decode one voice than many.
    Phone,
    /// It sees nothing, and takes little.
    Earpiece,
    /// The same.
    Watch,
}

impl From<DeviceName> for Device {
    fn from(name: DeviceName) -> Self {
        match name {
            DeviceName::Screen => Self::Screen,
            DeviceName::Phone => Self::Phone,
            DeviceName::Earpiece | DeviceName::Watch => Self::Earpiece,
        }
    }
}

/// How a participant hears others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AudioPathName {
    /// Each in a place of his own.
    Forward,
    /// All in one place.
    Mix,
}

impl From<AudioModeName> for AudioMode {
    fn from(name: AudioModeName) -> Self {
        match name {
            AudioModeName::Forward => Self::Forward,
            AudioModeName::Mix => Self::Mix,
            AudioModeName::Auto => Self::Auto,
        }
    }
}

impl From<AudioPath> for AudioPathName {
    fn from(path: AudioPath) -> Self {
        match path {
            AudioPath::Forward => Self::Forward,
            AudioPath::Mix => Self::Mix,
        }
    }
}

/// The event that tells somebody how he hears others from now on.
pub(crate) fn audio(path: AudioPath) -> ServerEvent {
    ServerEvent::Audio { path: path.into() }
}
