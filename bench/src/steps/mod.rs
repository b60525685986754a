//! The steps that a packet goes through, one by one and all together, for micro-benchmarks and for counting instructions: one
//! publisher, some viewers, one engine, no socket, virtual time.

mod lab;

pub use lab::{Lab, Media, forward_media};
