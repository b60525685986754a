//! What is played: a scenario's file, what it means, and the ready ones.

mod file;
mod media;
mod ready;
#[cfg(test)]
mod tests;

pub use file::{Access, Churn, Grows, JoinBy, Joining, Keep, LinkFigures, Scenario, SearchRange, Storm, Times};
pub(in crate::load) use media::Loaded;
pub use media::{Audio, Camera, Constant, Layers, Media, Recorded, VideoSource};
pub use ready::{READY, Ready};
