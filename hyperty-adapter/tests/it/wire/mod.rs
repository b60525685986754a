//! The wires, over real sockets.

pub(crate) mod client;
mod conversations;
mod faults;
mod nomatrix;
mod slow;
mod socketio;
mod vertx;
