//! The simulator: the real engine, clients, a bad network and a virtual clock, in one thread and without a socket.
//!
//! A [`World`] is built in a few lines and told what happens; after every step its [`checks`] hold. [`scenario`] makes
//! up what happens from a seed.

pub mod actions;
mod audience;
mod carry;
pub mod chaos;
pub mod checks;
mod gateway;
pub mod inside;
mod mixer;
mod net;
pub mod scenario;
pub mod talk;
mod workers;
pub mod world;

pub use actions::{Muter, pace};
pub use gateway::Parcel;
pub use net::Link;
pub use world::{Mixer, Options, World, workers};
