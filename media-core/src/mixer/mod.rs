//! The seam between forwarding and mixing of sound: what an engine tells a mixer of a room and what that answers, who is in whose ear,
//! and where mixers run.
//!
//! The engine decides who hears whom and hands over each packet once; a mixer obeys. [`MixDesk`] keeps the mixers of rooms, pure, with
//! the time passed in; `MixThreads` runs it beside the media threads. Nothing that a mixer does or fails to do holds up a packet that
//! is forwarded.

#[cfg(feature = "mix")]
mod audio;
mod choice;
mod desk;
mod ears;
mod words;

pub(crate) use choice::{Choice, Facts};
pub use desk::{MixDesk, RoomMixer};
pub(crate) use ears::{Groups, Lately, has_sides};
pub use words::{Cast, FromMixer, MixAnswer, MixOrder, ToMixer};
