//! The edge: sockets, threads, clocks. One thread a worker, each with its own engine and its own sockets.
//!
//! [`MediaEngine`] is what the server starts. [`UdpSocket`] alone serves the load generator as well.

#[cfg(not(target_os = "linux"))]
compile_error!("the driver speaks Linux's batched UDP: build media-core with --no-default-features elsewhere");

mod addresses;
mod bind;
mod composers;
mod config;
mod crossing;
mod directory;
mod ebb;
mod finding;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod isolation;
mod links;
mod media_engine;
mod message;
mod mixers;
mod plain;
mod runs;
mod self_test;
#[cfg(feature = "compose")]
mod snapshots;
mod socket;
mod station;
mod stun;
mod sys;
mod tcp;
#[cfg(test)]
mod testing;
mod turn;
mod worker;

pub use config::{DriverConfig, MAX_WORKERS, StartError};
pub use finding::{Finding, Severity};
pub use isolation::{Isolation, run_mixer};
pub use media_engine::MediaEngine;
pub use plain::PlainConfig;
pub use self_test::self_test;
pub use socket::{Arrivals, SendOutcome, SocketOptions, UdpReceiver, UdpSender, UdpSocket};
pub use turn::{TurnConfig, TurnService, TurnTls, turn_self_test};
