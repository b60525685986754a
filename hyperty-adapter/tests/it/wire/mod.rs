//! The wires, over real sockets.

pub(crate) mod client;
mod conversations;
mod nomatrix;
mod slow;
mod socketio;
mod vertx;
