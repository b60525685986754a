//! What happens to media.

pub mod api;
#[cfg(feature = "driver")]
pub mod driver;
pub mod engine;
pub mod transport;
pub mod wire;
