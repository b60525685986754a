//! What the relay did, in numbers.

/// Why something went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Refused {
    /// Neither a STUN request of ours nor ChannelData, or too long.
    Malformed,
    /// A stream with a message that is none, or that was too slow: closed.
    Stream,
    /// A connection beyond the limit: closed.
    Connection,
    /// A stranger who asks too often: not answered.
    Rationed,
    /// Without credentials (401), as every client begins.
    Unauthenticated,
    /// An old nonce, or another client's (438).
    StaleNonce,
    /// An unknown or expired user, a wrong password, or another user's allocation (401, 441).
    Credentials,
    /// A request that does not make sense, or asks for what we do not have (400, 420, 440, 442, 443).
    BadRequest,
    /// A second allocation for a client, or a request without one (437).
    Mismatch,
    /// Too many allocations of one user or of one address (486).
    UserQuota,
    /// Too many allocations, permissions or channels, or no port (508).
    Capacity,
    /// A peer that the relay may not send to (403).
    Peer,
    /// A packet without an allocation, a permission or a channel for it.
    Permission,
    /// A packet beyond the allocation's bandwidth.
    Bandwidth,
    /// A packet that the kernel, or a slow stream, did not take.
    Send,
}

impl Refused {
    /// All causes, in the order of [`TurnCounters::refused`].
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Stream,
        Self::Connection,
        Self::Rationed,
        Self::Unauthenticated,
        Self::StaleNonce,
        Self::Credentials,
        Self::BadRequest,
        Self::Mismatch,
        Self::UserQuota,
        Self::Capacity,
        Self::Peer,
        Self::Permission,
        Self::Bandwidth,
        Self::Send,
    ];

    /// Its name among the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Stream => "stream",
            Self::Connection => "connection",
            Self::Rationed => "rationed",
            Self::Unauthenticated => "unauthenticated",
            Self::StaleNonce => "stale_nonce",
            Self::Credentials => "credentials",
            Self::BadRequest => "bad_request",
            Self::Mismatch => "mismatch",
            Self::UserQuota => "user_quota",
            Self::Capacity => "capacity",
            Self::Peer => "peer",
            Self::Permission => "permission",
            Self::Bandwidth => "bandwidth",
            Self::Send => "send",
        }
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnCounters {
    /// Allocations that there are now.
    pub allocations: u64,
    /// Allocations that there were.
    pub allocated: u64,
    /// Packets from clients to peers.
    pub packets_to_peers: u64,
    /// Their payload.
    pub bytes_to_peers: u64,
    /// Packets from peers to clients.
    pub packets_to_clients: u64,
    /// Their payload.
    pub bytes_to_clients: u64,
    /// What went no further, by [`Refused::ALL`].
    pub refused: [u64; Refused::ALL.len()],
    /// The relay began anew after a defect of ours.
    pub panics: u64,
}

impl TurnCounters {
    /// Counts something that went no further.
    pub fn refuse(&mut self, why: Refused) {
        self.refused[why as usize] += 1;
    }

    /// How often that happened.
    #[must_use]
    pub const fn refusals(&self, why: Refused) -> u64 {
        self.refused[why as usize]
    }
}
