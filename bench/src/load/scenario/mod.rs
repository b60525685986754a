//! What is played: a scenario's file, what it means, and the ready ones.

mod access;
mod audience;
mod file;
mod media;
mod ready;
#[cfg(test)]
mod tests;

pub use access::{Access, LinkFigures};
pub use audience::{Changes, Duty};
pub use file::{Churn, Grows, JoinBy, Joining, Keep, Scenario, SearchRange, Storm, Times};
pub(in crate::load) use media::Loaded;
pub use media::{Audio, Camera, Constant, Layers, Media, Recorded, VideoSource};
pub use ready::{READY, Ready};
