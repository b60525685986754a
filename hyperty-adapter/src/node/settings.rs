//! What a node is told when it begins: its name and its limits.

use std::time::Duration;

/// Who may go on with a session that has a living connection, on a new one, without its token. `re-open` with the token always may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Takeover {
    /// Whoever comes from the same network address. Behind one proxy that is everybody.
    #[default]
    SameAddress,
    /// Anybody who knows the runtime's URL, as with the original nodes.
    Always,
    /// Nobody: a client whose connection broke unnoticed waits until it is found out.
    Never,
}

/// What becomes of a client that does not read what is sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlowReader {
    /// Its connection is closed; what did not fit waits for its return, within the limits of those who are away.
    #[default]
    Close,
    /// What does not fit is dropped and counted.
    Drop,
}

/// What peers can grow. Whatever goes beyond is counted; see each for what happens then.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sessions, those that wait for their client included. More are refused with 503.
    pub sessions: usize,
    /// Connections that have not opened a session yet. The oldest goes.
    pub unopened: usize,
    /// How long a connection may take to open a session; then it is closed.
    pub open_within: Duration,
    /// Connections of one session; the newest gets what is sent to it. The oldest goes.
    pub connections_per_session: usize,
    /// How long a session whose connection was lost keeps its addresses, its subscriptions and what was sent to it.
    pub keep: Duration,
    /// Messages that wait for the client of such a session. What comes after them is dropped.
    pub waiting_messages: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// Bytes of all messages that wait for clients that are away. What comes after them is dropped.
    pub waiting_bytes_total: usize,
    /// Bytes of one message. The connection that sends a longer one is closed. The originals take 6,553,600.
    pub message_bytes: usize,
    /// Messages a second that are taken of one session, over time. Who sends faster is read from later.
    pub messages_per_s: u32,
    /// For how many seconds' worth of messages a session may be ahead.
    pub burst_s: u32,
    /// Addresses that one session may own: allocated, subscribed to first, or sent from. More are refused with 403.
    pub addresses_per_session: usize,
    /// Addresses that one session may be subscribed to. More are refused with 403.
    pub subscriptions_per_session: usize,
    /// Sessions that may be subscribed to one address. More are refused with 403.
    pub subscribers_per_address: usize,
    /// Addresses in all. More are refused with 503.
    pub addresses: usize,
    /// Addresses that one message may ask for, give back, subscribe to or unsubscribe from. More are refused with 400.
    pub addresses_per_message: usize,
    /// Keys of allocation that one session may have. What comes after them is allocated without.
    pub allocation_keys_per_session: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 50_000,
            unopened: 1_000,
            open_within: Duration::from_secs(10),
            connections_per_session: 4,
            keep: Duration::from_secs(60),
            waiting_messages: 1_000,
            waiting_bytes: 2 * 1024 * 1024,
            waiting_bytes_total: 256 * 1024 * 1024,
            message_bytes: 6_553_600,
            messages_per_s: 2_000,
            burst_s: 5,
            // The originals' performance tests allocate 30,000, under 10,000 keys; each takes some 250 bytes.
            addresses_per_session: 40_000,
            subscriptions_per_session: 4_000,
            subscribers_per_address: 10_000,
            addresses: 2_000_000,
            addresses_per_message: 500,
            allocation_keys_per_session: 20_000,
        }
    }
}

/// A node's name and ways.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The domain that it serves: `example.com` for `domain://msg-node.example.com/sm`.
    pub domain: String,
    /// What peers can grow.
    pub limits: Limits,
    /// Who may go on with a living session.
    pub takeover: Takeover,
}

impl Settings {
    /// A node for `domain`, with everything else as it is by default.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), limits: Limits::default(), takeover: Takeover::default() }
    }
}
