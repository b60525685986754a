//! The message node, without a socket.

mod addresses;
mod bounds;
mod errors;
mod sessions;
mod several;
mod subscriptions;
pub(crate) mod world;
