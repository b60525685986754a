//! Where datagrams of the simulated world go. What happens to them on the way is the bench's.

use colloquy_bench::impair;
pub(crate) use colloquy_bench::impair::Lane;
pub use colloquy_bench::impair::Link;
use colloquy_media_core::api::PeerId;
use std::net::SocketAddr;

/// Where a datagram goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// To the engine, where somebody believes it to be, from an address as the engine sees it.
    Engine { from: SocketAddr, to: SocketAddr, peer: PeerId },
    /// To a client, from an address of the server, through one that was his when it was sent.
    Client { peer: PeerId, from: SocketAddr, through: SocketAddr },
}

/// A datagram under way.
pub(crate) type Flying = impair::Flying<Destination>;

/// Every datagram under way.
pub(crate) type Air = impair::Air<Destination>;
