//! What the wires are told.

use crate::node::SlowReader;
use std::time::Duration;

/// The limits of connections, whichever wire they come by.
#[derive(Debug, Clone)]
pub struct WireSettings {
    /// Bytes that may wait to be sent on one connection. What happens to more, `slow_reader` says.
    pub outbox_bytes: usize,
    /// Bytes that may wait on all of them.
    pub outbox_bytes_total: usize,
    /// What becomes of a client that does not read.
    pub slow_reader: SlowReader,
    /// Bytes of one message. A connection that sends a longer one is closed.
    pub message_bytes: usize,
    /// How often a client that is silent is asked whether it is there.
    pub ping_every: Duration,
    /// How long it may stay silent.
    pub silent_for: Duration,
    /// How long the last messages and the close frame may take.
    pub close_within: Duration,
}

impl Default for WireSettings {
    fn default() -> Self {
        Self {
            outbox_bytes: 8 * 1024 * 1024,
            outbox_bytes_total: 512 * 1024 * 1024,
            slow_reader: SlowReader::Close,
            message_bytes: 6_553_600,
            ping_every: Duration::from_secs(20),
            silent_for: Duration::from_secs(60),
            close_within: Duration::from_secs(2),
        }
    }
}
