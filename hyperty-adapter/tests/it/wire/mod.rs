//! The wires, over real sockets.

mod client;
mod conversations;
mod nomatrix;
mod slow;
mod socketio;
mod vertx;
