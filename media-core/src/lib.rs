//! What happens to media: transports, forwarding, quality. The only room of the house that knows sockets and packets.
//!
//! Everything but [`driver`] is sans-IO: it is told the time and the bytes, and answers with bytes, events and the next deadline.

pub mod api;
#[cfg_attr(not(test), expect(dead_code, reason = "the engine does not use it yet"))]
#[expect(unused_imports, reason = "the engine does not use it yet")]
mod bandwidth;
#[cfg(feature = "driver")]
pub mod driver;
pub mod engine;
mod forward;
mod keys;
mod negotiate;
mod room;
pub mod transport;
pub mod wire;
