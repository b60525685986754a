//! The load harness, and the client that it shares with the simulator.

pub mod call;
pub mod client;
pub mod floor;
pub mod host;
pub mod impair;
pub mod load;
pub mod node;
mod os;
pub mod quality;
pub mod registry;
pub mod steps;
mod sys;
pub mod tap;
