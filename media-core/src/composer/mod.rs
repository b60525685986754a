//! The seam between forwarding and drawing: what an engine tells the composer of a room and what that answers, and which of several
//! canvases somebody shares with whom.
//!
//! The engine decides who sees whom and hands over each packet once; a composer obeys. [`Stage`] is one room's composer, pure, with the
//! time passed in; the driver gives each a thread of its own. Nothing that a composer does or fails to do holds up a packet that is
//! forwarded.

mod scene;
#[cfg(feature = "compose")]
mod stage;
mod words;

pub(crate) use scene::keep;
pub use scene::{CanvasCodec, CanvasId, Face, Scene, Tier, Tile};
#[cfg(feature = "compose")]
pub use stage::Stage;
pub use words::{Bill, CanvasFormat, ComposeAnswer, ComposeOrder, Drawn, FromComposer, Seen, Shot, ToComposer};
