//! What happens to media: transports, forwarding, quality. The only room of the house that knows sockets and packets.
//!
//! Everything but [`driver`] is sans-IO: it is told the time and the bytes, and answers with bytes, events and the next deadline.

mod allocate;
pub mod api;
pub mod audience;
mod bandwidth;
pub mod composer;
#[cfg(feature = "driver")]
pub mod driver;
pub mod engine;
mod forward;
mod keys;
pub mod mix;
pub mod mixer;
mod negotiate;
mod room;
#[cfg(feature = "compose")]
pub mod snapshot;
pub mod sound;
pub mod transport;
pub mod turn;
pub mod wire;
