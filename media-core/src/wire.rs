//! Datagrams on their way in and out of the engine, without a socket in sight.

use std::net::{IpAddr, SocketAddr};

/// The two ends of a path, and what carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Our end, as it is bound on this machine.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// A TCP connection framed by RFC 4571, rather than UDP.
    pub tcp: bool,
}

/// Whom a limit by address is for: an IPv4 address, or the /64 of an IPv6 one, of which one host may have all (RFC 6177).
pub(crate) fn household(host: IpAddr) -> IpAddr {
    match host.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A datagram that arrived. Its bytes are decrypted in place.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Where it came from and where it arrived.
    pub path: Path,
    /// What it says.
    pub bytes: &'a mut [u8],
}

/// One datagram of a [`Batch`].
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// Datagrams of one flow go to one path, and keep their order. Two flows may share neither.
    pub flow: u32,
    /// Where it goes.
    pub path: Path,
    start: u32,
    len: u16,
}

/// Datagrams that are due together.
#[derive(Debug)]
pub struct Batch<'a> {
    arena: &'a [u8],
    entries: &'a [Outgoing],
}

impl<'a> Batch<'a> {
    /// The datagrams, in the order they were queued.
    #[must_use]
    pub fn entries(&self) -> &'a [Outgoing] {
        self.entries
    }

    /// The bytes of one of them.
    #[must_use]
    pub fn bytes(&self, entry: &Outgoing) -> &'a [u8] {
        let start = entry.start as usize;
        self.arena.get(start..start + usize::from(entry.len)).unwrap_or_default()
    }
}

/// Takes batches from an [`Outbox`]: sockets in the server, a list in a simulation.
pub trait Wire {
    /// Sends every datagram of the batch, or drops and counts it. Never blocks.
    fn send(&mut self, batch: &Batch<'_>);
}

/// Datagrams queued for one flush. One arena, reused: nothing is allocated a packet.
pub struct Outbox {
    arena: Vec<u8>,
    entries: Vec<Outgoing>,
    hold: usize,
    wire: Box<dyn Wire>,
}

/// Largest datagram that is sent, in bytes: an Ethernet frame's worth.
pub const MAX_DATAGRAM: usize = 1500;

/// Datagrams held at most before a flush: a picture of five packets for 400 receivers, so that all of one receiver's run together. Bounds the arena
/// to 3 MB, of which only what is used is touched.
pub const MAX_HELD: usize = 2_048;

impl Outbox {
    /// An empty outbox whose flushes go to `wire`.
    #[must_use]
    pub fn new(wire: Box<dyn Wire>) -> Self {
        Self {
            arena: Vec::with_capacity(MAX_HELD * MAX_DATAGRAM),
            entries: Vec::with_capacity(MAX_HELD),
            hold: MAX_HELD,
            wire,
        }
    }

    /// Flushes by itself once `datagrams` are held, 1 to [`MAX_HELD`]: few for latency, many so that a receiver's packets run together.
    pub fn hold(&mut self, datagrams: usize) {
        self.hold = datagrams.clamp(1, MAX_HELD);
    }

    /// Queues a datagram of up to [`MAX_DATAGRAM`] bytes that `write` appends to the buffer it is given, and leaves everything
    /// before it alone. Nothing is queued when it appends nothing or returns `None`.
    #[inline]
    pub fn push<T>(&mut self, flow: u32, path: Path, write: impl FnOnce(&mut Vec<u8>) -> Option<T>) -> Option<T> {
        let start = self.arena.len();
        let written = write(&mut self.arena);
        let len = self.arena.len().saturating_sub(start);
        if written.is_none() || len == 0 || len > MAX_DATAGRAM {
            self.arena.truncate(start);
            return None;
        }
        self.entries.push(Outgoing { flow, path, start: start as u32, len: len as u16 });
        if self.entries.len() >= self.hold {
            self.flush();
        }
        written
    }

    /// Hands everything that is queued to the wire.
    pub fn flush(&mut self) {
        if !self.entries.is_empty() {
            self.wire.send(&Batch { arena: &self.arena, entries: &self.entries });
            self.entries.clear();
            self.arena.clear();
        }
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("held", &self.entries.len()).finish_non_exhaustive()
    }
}
