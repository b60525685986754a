//! A UDP socket that sends and receives in batches.

use super::runs::{Run, Runs};
use super::sys::{self, Inbound, Outbound, Stage, Switch, Target};
use crate::wire::{Batch, MAX_HELD, Outgoing, Path};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Bytes of a slot when the kernel joins datagrams (UDP_GRO): a whole IP packet, and 2 KiB more, lest the beginnings of all
/// slots, the part that is touched most, compete for the same sets of the cache.
const GRO_SLOT_BYTES: usize = 66 * 1024;

/// Bytes of a slot otherwise: an Ethernet frame's datagram and to spare; what is longer is nothing of ours, and dropped.
const PLAIN_SLOT_BYTES: usize = 2 * 1024;

/// Refusals of runs, with no success between, after which no more are tried. One alone may be due to one path (its MTU).
const MAX_REFUSALS: u32 = 16;

/// How a socket is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    /// Let other sockets bind the same port (SO_REUSEPORT).
    pub reuse_port: bool,
    /// Let the kernel join datagrams that arrive in a run (UDP_GRO); they are parted again before they are handed over.
    pub gro: bool,
    /// Hand runs of datagrams to the kernel as one (UDP_SEGMENT).
    pub gso: bool,
    /// What is asked of the kernel for each of the receive and send buffers, in bytes; it may give less.
    pub buffer_bytes: usize,
    /// Datagrams, or joined runs of them, that one receive call takes. With GRO each costs 66 KiB of address space, of which
    /// only what is filled costs memory.
    pub slots: usize,
}

impl Default for SocketOptions {
    /// Everything on; 4 MiB of buffers (at 300,000 packets/s of 1,200 bytes, 6 ms of deafness); 32 slots, which leaves 5 ns of a
    /// system call to each.
    fn default() -> Self {
        Self { reuse_port: false, gro: true, gso: true, buffer_bytes: 4 << 20, slots: 32 }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendOutcome {
    /// System calls.
    pub calls: u64,
    /// Datagrams that the kernel took.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Datagrams that it did not take: its buffer was full, or there is no way to their destination.
    pub dropped: u64,
}

impl std::ops::AddAssign for SendOutcome {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.dropped += other.dropped;
    }
}

/// A non-blocking UDP socket with its buffers, which are allocated once.
pub struct UdpSocket {
    receiver: UdpReceiver,
    sender: UdpSender,
}

/// The half of a [`UdpSocket`] that receives.
pub struct UdpReceiver {
    socket: Arc<OwnedFd>,
    local: SocketAddr,
    inbound: Inbound,
}

/// The half of a [`UdpSocket`] that sends.
pub struct UdpSender {
    socket: Arc<OwnedFd>,
    local: SocketAddr,
    outbound: Outbound,
    runs: Runs,
    gso: bool,
    refusals: u32,
}

impl UdpSocket {
    /// Binds a socket; an IPv6 one takes IPv6 only. Port 0 takes any that is free.
    ///
    /// # Errors
    /// When the kernel gives no such socket or the address is not to be had. Options that it lacks (GRO, GSO, large buffers)
    /// are done without.
    pub fn bind(address: SocketAddr, options: &SocketOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        // What the kernel really gave is told by `buffers_bytes`.
        let _ = socket.set_recv_buffer_size(options.buffer_bytes);
        let _ = socket.set_send_buffer_size(options.buffer_bytes);
        if address.ip().is_unspecified() {
            sys::switch_on(socket.as_fd(), if address.is_ipv4() { Switch::PacketInfo4 } else { Switch::PacketInfo6 })?;
        }
        let gro = options.gro && sys::switch_on(socket.as_fd(), Switch::Gro).is_ok();
        let gso = options.gso && sys::knows_gso(socket.as_fd());
        socket.bind(&address.into())?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidData)?;
        let slot_bytes = if gro { GRO_SLOT_BYTES } else { PLAIN_SLOT_BYTES };
        let socket = Arc::new(OwnedFd::from(socket));
        let receiver =
            UdpReceiver { socket: Arc::clone(&socket), local, inbound: Inbound::new(options.slots, slot_bytes) };
        let sender = UdpSender { socket, local, outbound: Outbound::new(), runs: Runs::new(), gso, refusals: 0 };
        Ok(Self { receiver, sender })
    }

    /// Where it is bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.receiver.local
    }

    /// What the kernel gave for the receive and the send buffer, in bytes, as [`SocketOptions::buffer_bytes`] counts them.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn buffers_bytes(&self) -> io::Result<(usize, usize)> {
        let socket = socket2::SockRef::from(&self.receiver.socket);
        // Linux doubles what it is asked for, to pay for its own books, and tells the double.
        Ok((socket.recv_buffer_size()? / 2, socket.send_buffer_size()? / 2))
    }

    /// Takes what waits, one call's worth, without blocking, and hands each datagram to `each`. Tells how many there were: none
    /// when nothing waits.
    ///
    /// # Errors
    /// When the kernel reports one; that nothing waits is none.
    pub fn recv_batch(&mut self, each: impl FnMut(Path, &mut [u8])) -> io::Result<usize> {
        let arrived = self.receiver.receive()?;
        self.receiver.take(each);
        Ok(arrived.datagrams)
    }

    /// Sends those datagrams of a batch that are this socket's, in runs, in the order of each flow. Never blocks: what the kernel
    /// does not take is dropped and counted.
    pub fn send_batch(&mut self, batch: &Batch<'_>) -> SendOutcome {
        self.sender.send_batch(batch)
    }

    /// Its two halves, for one who sends while he receives.
    #[must_use]
    pub fn split(self) -> (UdpReceiver, UdpSender) {
        (self.receiver, self.sender)
    }
}

/// What one receive call brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Datagrams, those that the kernel had joined counted apart.
    pub datagrams: usize,
    /// Every slot was filled, so more may wait. Otherwise the socket is drained.
    pub more: bool,
    /// Some of one sender came one after the other, as the packets of a picture do.
    pub in_a_row: bool,
}

impl UdpReceiver {
    /// Takes what waits, one call's worth, without blocking. [`take`](Self::take) hands it over; between the two is the moment to
    /// read the clock.
    ///
    /// # Errors
    /// When the kernel reports one; that nothing waits is none.
    pub fn receive(&mut self) -> io::Result<Arrivals> {
        match self.inbound.receive(self.socket.as_fd()) {
            Ok(()) => {}
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(Arrivals { more: e.kind() == io::ErrorKind::Interrupted, ..Arrivals::default() });
            }
            Err(e) => return Err(e),
        }
        let mut arrivals = Arrivals { more: self.inbound.is_full(), ..Arrivals::default() };
        let mut before = None;
        for i in 0..self.inbound.filled() {
            if let Some(arrived) = self.inbound.slot(i) {
                let joined = arrived.bytes.len().div_ceil(arrived.segment);
                arrivals.datagrams += joined;
                arrivals.in_a_row |= joined > 1 || before.replace(arrived.remote) == Some(arrived.remote);
            }
        }
        Ok(arrivals)
    }

    /// Hands over each datagram that the last [`receive`](Self::receive) brought, in the order they came. Empty ones are passed over.
    pub fn take(&mut self, mut each: impl FnMut(Path, &mut [u8])) {
        for i in 0..self.inbound.filled() {
            let Some(arrived) = self.inbound.slot(i) else { continue };
            let local = SocketAddr::new(arrived.local.unwrap_or(self.local.ip()), self.local.port());
            let path = Path { local, remote: arrived.remote, tcp: false };
            for datagram in arrived.bytes.chunks_mut(arrived.segment) {
                each(path, datagram);
            }
        }
    }
}

impl UdpSender {
    /// As [`UdpSocket::send_batch`].
    pub fn send_batch(&mut self, batch: &Batch<'_>) -> SendOutcome {
        let mut outcome = SendOutcome::default();
        let local = self.local;
        for entries in batch.entries().chunks(MAX_HELD) {
            self.runs.gather(batch, entries, self.gso, |entry| is_ours(local, &entry.path));
            if self.runs.len() > 0 {
                self.send_runs(batch, entries, &mut outcome);
            }
        }
        outcome
    }

    /// Whether the socket is where this path begins.
    #[must_use]
    pub fn owns(&self, path: &Path) -> bool {
        is_ours(self.local, path)
    }

    fn send_runs(&mut self, batch: &Batch<'_>, entries: &[Outgoing], outcome: &mut SendOutcome) {
        let mut from = 0;
        let mut joined = true;
        let mut refusal: Option<io::Error> = None;
        while from < self.runs.len() {
            let dropped_before = outcome.dropped;
            let mut stage = self.outbound.stage();
            let until = fill(&mut stage, &self.runs, &Source { bound: self.local, batch, entries }, from, joined);
            let sent = dispatch(&mut stage, self.socket.as_fd(), outcome);
            let left: u32 = (sent.messages..stage.len()).map(|message| stage.load(message).datagrams).sum();
            if sent.any_joined {
                self.refusals = 0;
            }
            // A refusal counts when the same went well one by one: otherwise it was the destination's fault.
            if let Some(error) = refusal.take().filter(|_| outcome.dropped == dropped_before) {
                self.refused(&error);
            }
            match sent.stop {
                None => from = until,
                Some(Stop::Full) => {
                    let unstaged: u64 = (until..self.runs.len()).map(|run| u64::from(self.runs.get(run).count)).sum();
                    outcome.dropped += u64::from(left) + unstaged;
                    return;
                }
                // While runs are joined, each is one message. What follows goes one by one, so that the order stays.
                Some(Stop::RunRefused(error)) => {
                    refusal = Some(error);
                    from += sent.messages;
                    joined = false;
                }
            }
        }
    }

    fn refused(&mut self, error: &io::Error) {
        self.refusals += 1;
        // EIO says that the device has no checksum offload, which will not change.
        if error.raw_os_error() == Some(libc::EIO) || self.refusals >= MAX_REFUSALS {
            self.gso = false;
            tracing::info!(local = %self.local, %error, "segmentation offload refused: datagrams go one by one from now on");
        }
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

impl AsFd for UdpReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl std::fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpSocket").field("local", &self.local_addr()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UdpReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpReceiver").field("local", &self.local).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UdpSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpSender").field("local", &self.local).field("gso", &self.gso).finish_non_exhaustive()
    }
}

/// Whether a socket bound to `bound` is where a path begins.
fn is_ours(bound: SocketAddr, path: &Path) -> bool {
    !path.tcp
        && path.local.port() == bound.port()
        && path.remote.is_ipv4() == bound.is_ipv4()
        && (bound.ip().is_unspecified() || path.local.ip() == bound.ip())
}

/// What runs are runs of.
struct Source<'b> {
    bound: SocketAddr,
    batch: &'b Batch<'b>,
    entries: &'b [Outgoing],
}

/// Where a run goes, and from where: the source is named only on a wildcard socket, where the kernel would choose its own.
fn target(bound: SocketAddr, path: &Path, run: &Run, joined: bool) -> Target {
    let source = Some(path.local.ip()).filter(|ip| bound.ip().is_unspecified() && !ip.is_unspecified());
    Target { remote: path.remote, source, segment: (joined && run.count > 1).then_some(run.segment) }
}

/// Puts runs on a stage from the `from`th on, as many as fit, each as one message or as one for each datagram. Tells the first
/// that is not on it.
fn fill<'b>(stage: &mut Stage<'_, 'b>, runs: &Runs, source: &Source<'b>, from: usize, joined: bool) -> usize {
    for at in from..runs.len() {
        let run = runs.get(at);
        let count = usize::from(run.count);
        if !stage.fits(if joined { 1 } else { count }, count) {
            return at;
        }
        let target = target(source.bound, &source.entries[usize::from(run.head)].path, &run, joined);
        let parts = runs.members(&run).map(|i| source.batch.bytes(&source.entries[i]));
        if joined {
            stage.push(&target, parts);
        } else {
            parts.for_each(|part| stage.push(&target, std::iter::once(part)));
        }
    }
    runs.len()
}

/// How far a stage got.
struct Sent {
    messages: usize,
    /// A run of several datagrams was taken whole.
    any_joined: bool,
    stop: Option<Stop>,
}

/// Why it got no further.
enum Stop {
    /// The send buffer, or the device's queue, is full.
    Full,
    /// The kernel does not take this run as one message.
    RunRefused(io::Error),
}

/// Sends what is on a stage, and counts what went and what never can.
fn dispatch(stage: &mut Stage<'_, '_>, socket: BorrowedFd<'_>, outcome: &mut SendOutcome) -> Sent {
    let mut sent = Sent { messages: 0, any_joined: false, stop: None };
    while sent.messages < stage.len() && sent.stop.is_none() {
        outcome.calls += 1;
        match stage.send(socket, sent.messages) {
            Ok(0) => sent.stop = Some(Stop::Full),
            Ok(taken) => {
                for message in sent.messages..sent.messages + taken {
                    let load = stage.load(message);
                    outcome.packets += u64::from(load.datagrams);
                    outcome.bytes += u64::from(load.bytes);
                    sent.any_joined |= load.datagrams > 1;
                }
                sent.messages += taken;
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN | libc::ENOBUFS) => sent.stop = Some(Stop::Full),
                Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE) if stage.load(sent.messages).datagrams > 1 => {
                    sent.stop = Some(Stop::RunRefused(error));
                }
                // No route, a firewall's veto, an address that cannot be: this message only.
                _ => {
                    outcome.dropped += u64::from(stage.load(sent.messages).datagrams);
                    sent.messages += 1;
                }
            },
        }
    }
    sent
}

#[cfg(test)]
mod tests;
