//! What the relay is told once, and the time.

use super::peers::PeerPolicy;
use std::time::Instant;

/// What clients can grow, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnLimits {
    /// Allocations of one user. One more is refused (486). A browser takes one for each way to the server and network of its own.
    pub allocations_per_user: usize,
    /// Allocations of one address, or of one IPv6 /64. One more is refused (486). One visitor can come under ever new names.
    pub allocations_per_address: usize,
    /// Allocations in all: each has a socket. One more is refused (508).
    pub allocations: usize,
    /// Peers that an allocation may hear. One more is refused (508).
    pub permissions: usize,
    /// Channels of an allocation. One more is refused (508).
    pub channels: usize,
    /// The longest lifetime granted, in seconds. A client refreshes before it ends.
    pub max_lifetime_s: u32,
    /// Bytes a second of an allocation, in each direction. What is more is dropped and counted.
    pub bytes_per_s: u64,
    /// Answers a second to one address that has shown no credentials. Every client needs one or two as he comes, and an office
    /// comes from one address.
    pub refusals_per_s: u32,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            allocations_per_user: 12,
            // A visitor's twelve, for ten of an office behind one NAT: few of those need the relay.
            allocations_per_address: 128,
            allocations: 1_000,
            permissions: 32,
            channels: 32,
            max_lifetime_s: 3_600,
            bytes_per_s: 2_500_000,
            refusals_per_s: 50,
        }
    }
}

/// How the relay decides.
#[derive(Debug, Clone, Default)]
pub struct TurnPolicy {
    /// What clients can grow.
    pub limits: TurnLimits,
    /// Where it may send.
    pub peers: PeerPolicy,
}

/// The time, by both clocks: one for what lasts, one for what expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock.
    pub instant: Instant,
    /// Seconds since 1970.
    pub unix_s: u64,
}
