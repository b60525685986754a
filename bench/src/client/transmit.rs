//! What a client wants sent.

use std::net::SocketAddr;

/// A datagram on its way out of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The client's address that it leaves from.
    pub local: SocketAddr,
    /// Where it goes.
    pub remote: SocketAddr,
    /// What it says.
    pub bytes: Vec<u8>,
}
