//! Sessions and connections: what the node knows of each.

use super::bucket::Bucket;
use bytes::Bytes;
use slotmap::new_key_type;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

new_key_type! {
    /// A session: a runtime that has opened one, as long as it is there or expected back.
    pub struct SessionId;
    /// A connection of a client, whichever wire it came by.
    pub struct ConnectionId;
}

/// In whose manner a client is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// As the vertx node (`/ws`).
    Vertx,
    /// As the NoMatrix node (`/stub/connect`).
    NoMatrix,
    /// As the nodejs node (`/socket.io/`).
    Nodejs,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) dialect: Dialect,
    /// Where it comes from, if that is known.
    pub(super) origin: Option<IpAddr>,
    pub(super) session: Option<SessionId>,
    /// Messages that it sent without a session.
    pub(super) early: u8,
}

/// What was allocated under each key.
pub(super) type Keys = HashMap<Box<str>, Vec<Arc<str>>>;

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    /// `runtime://<domain>/<guid>`.
    pub(super) runtime: Arc<str>,
    /// What proves, after a loss, that a client is the one who opened it.
    pub(super) token: u128,
    /// The newest last: it gets what is sent to the session.
    pub(super) connections: Vec<ConnectionId>,
    pub(super) origin: Option<IpAddr>,
    pub(super) bucket: Bucket,
    /// What was allocated under a key; few clients use any.
    pub(super) keys: Option<Box<Keys>>,
    /// What waits for the client while it is away.
    pub(super) waiting: Option<Box<Waiting>>,
}

/// What waits for a client that is away.
#[derive(Debug)]
pub(super) struct Waiting {
    /// When it is waited for no longer.
    pub(super) until: Instant,
    pub(super) messages: VecDeque<Bytes>,
    pub(super) bytes: usize,
}

impl Session {
    pub(super) fn new(runtime: Arc<str>, token: u128, origin: Option<IpAddr>) -> Self {
        let (connections, bucket) = (Vec::new(), Bucket::new());
        Self { runtime, token, connections, origin, bucket, keys: None, waiting: None }
    }
}

/// A random number as RFC 9562 writes one (version 4).
pub(super) fn uuid(random: u128) -> String {
    let version = (random & !(0xf << 76)) | (0x4 << 76);
    let number = (version & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_looks_like_one() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), "01234567-89ab-4def-8123-456789abcdef");
    }
}
