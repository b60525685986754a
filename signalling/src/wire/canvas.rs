//! What the server makes of many, as clients call it: how somebody sees others, and the tracks that are nobody's.

use colloquy_media_core::api::{CanvasLayout, TrackId};
use serde::Deserialize;
use utoipa::ToSchema;

/// How a viewer wants pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PicturesName {
    /// Each in a place of its own.
    Forward,
    /// All on one canvas, drawn by the server.
    Composite,
}

/// How pictures are laid out on a canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LayoutName {
    /// All alike.
    Grid,
    /// Who speaks large.
    Speaker,
}

impl From<LayoutName> for CanvasLayout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Grid => Self::Grid,
            LayoutName::Speaker => Self::Speaker,
        }
    }
}

/// What clients call what is made of all that they hear, or see.
const MADE_HERE: [(&str, TrackId); 3] = [("mix", TrackId::MIX), ("grid", TrackId::GRID), ("speaker", TrackId::SPEAKER)];

/// The track that the server makes under this name.
pub(crate) fn made_here(name: &str) -> Option<TrackId> {
    MADE_HERE.iter().find(|(known, _)| *known == name).map(|(_, track)| *track)
}

/// What clients call a track.
pub(crate) fn track_name(track: TrackId) -> String {
    let name = MADE_HERE.iter().find(|(_, known)| *known == track);
    name.map_or_else(|| track.to_string(), |(name, _)| (*name).to_owned())
}
