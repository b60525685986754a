//! The load harness, and the client that it shares with the simulator.

pub mod client;
