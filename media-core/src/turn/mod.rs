//! TURN (RFC 8656): a relay inside the server, for clients whose network lets them reach nothing but one port of it.
//!
//! Pure: [`TurnServer`] is told the time and what arrived, and says through [`Outside`] what goes out. It has allocations for UDP only,
//! reached over UDP, TCP and TLS; not TCP allocations (RFC 6062), reservations or mobility, which no browser asks for.
//!
//! Whoever has no valid credential costs nothing that stays: nonces are computed, not stored, and refusals are rationed by source.

mod allocation;
mod counters;
mod credentials;
mod frames;
mod message;
mod nonce;
mod peers;
mod policy;
mod rate;
mod server;
mod write;

pub use counters::{Refused, TurnCounters};
pub use credentials::{BadCredentials, Credential, Secret, TurnCredentials};
pub use frames::{Frames, MAX_MESSAGE_BYTES, NotTurn};
pub use peers::{BadNetwork, Network, OwnAddress, PeerPolicy};
pub use policy::{Now, TurnLimits, TurnPolicy};
pub use server::{Flow, FlowKind, NoRelay, Outside, RelayId, TurnServer};
