//! What the server makes of many, as clients call it: how somebody sees others, and the tracks that are nobody's.

use colloquy_media_core::api::{CanvasLayout, TrackId};
use serde::{Deserialize, Serialize};
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

/// The layouts that every room has.
const LAYOUTS: [(&str, CanvasLayout); 4] = [
    ("grid", CanvasLayout::Grid),
    ("speaker", CanvasLayout::Speaker),
    ("presentation", CanvasLayout::Presentation),
    ("picture_in_picture", CanvasLayout::PictureInPicture),
];

/// What the name of a track begins with that is a layout arranged for the room.
const ARRANGED: &str = "layout:";

/// A layout by its name alone: one that every room has.
pub(crate) fn layout_named(name: &str) -> Option<CanvasLayout> {
    LAYOUTS.iter().find(|(known, _)| *known == name).map(|(_, layout)| *layout)
}

/// Whether no arranged layout may be called so.
pub(crate) fn is_reserved(name: &str) -> bool {
    made_here(name).is_some()
}

/// The track that the server makes under this name in every room.
pub(crate) fn made_here(name: &str) -> Option<TrackId> {
    (name == "mix").then_some(TrackId::MIX).or_else(|| layout_named(name).map(CanvasLayout::track))
}

/// The arranged layout that a track is by its name.
pub(crate) fn arranged(name: &str) -> Option<&str> {
    name.strip_prefix(ARRANGED)
}

/// What clients call a track; `of` has the name of a layout that was arranged, if there is such.
pub(crate) fn track_name(track: TrackId, of: impl Fn(TrackId) -> Option<String>) -> String {
    let layout = || LAYOUTS.iter().find(|(_, layout)| layout.track() == track).map(|(name, _)| (*name).to_owned());
    let made = (track == TrackId::MIX).then(|| "mix".to_owned()).or_else(layout);
    made.or_else(|| Some(format!("{ARRANGED}{}", of(track)?))).unwrap_or_else(|| track.to_string())
}

/// How a canvas is arranged: places in their order, later ones upon earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayoutWish {
    /// 1 to 16.
    pub(crate) places: Vec<LayoutPlaceView>,
}

/// A rectangle in thousandths of the canvas's width and height, and whom it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayoutPlaceView {
    /// Its left edge, 0 to 950.
    pub(crate) x: u16,
    /// Its upper edge, 0 to 950.
    pub(crate) y: u16,
    /// 50 to 1,000.
    pub(crate) width: u16,
    /// 50 to 1,000.
    pub(crate) height: u16,
    /// `next` (left out: this; the next who has no place of his own), `speaker` (whom the viewer pinned, else who speaks), `screen` (what
    /// is shared), or a participant's id.
    #[serde(default = "next")]
    pub(crate) shows: String,
}

fn next() -> String {
    "next".to_owned()
}

/// A layout that somebody arranged for a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LayoutView {
    /// Its name.
    pub(crate) name: String,
    /// What a place is pointed at to get it: `layout:` and the name.
    pub(crate) track: String,
    /// In their order.
    pub(crate) places: Vec<LayoutPlaceView>,
}

impl LayoutView {
    pub(crate) fn new(name: &str, places: Vec<LayoutPlaceView>) -> Self {
        Self { name: name.to_owned(), track: format!("{ARRANGED}{name}"), places }
    }
}
