//! The loop of the relay's thread. It shares nothing with the threads of media but the machine.

use super::network::{Network, Place};
use super::stream::{End, READ_BYTES};
use crate::driver::addresses::Offered;
use crate::turn::{Flow, FlowKind, MAX_MESSAGE_BYTES, Now, PeerPolicy, Refused, TurnCounters, TurnServer};
use mio::net::UdpSocket;
use mio::{Events, Poll, Token};
use rustc_hash::FxHashSet;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

pub(super) const WAKER: Token = Token(0);
pub(super) const FIRST_TOKEN: usize = 1;

/// What the poll reports in one call at most; more waits for the next.
const EVENTS: usize = 256;

/// Datagrams of a socket, or reads of a connection, before others have their turn.
const READS_PER_TURN: usize = 32;

/// Connections accepted before others have their turn.
const ACCEPTS_PER_TURN: usize = 4;

/// TLS connections that are not set up yet and are read from before others have their turn: each handshake costs up to a millisecond,
/// for which relayed packets would wait. Further ones wait for the next.
const HANDSHAKES_PER_TURN: usize = 4;

/// How often expired allocations and useless connections are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// How often the counts are published while they change.
const PUBLISH: Duration = Duration::from_millis(100);

/// Rest after a panic, lest one that comes back at once fills the log and the core.
const AFTER_PANIC: Duration = Duration::from_millis(100);

/// Where we are, and where that lets clients send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) offered: Vec<Offered>,
    pub(super) peers: PeerPolicy,
}

/// What the thread shares with those who hold the service.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counters: Mutex<TurnCounters>,
    /// Set once, followed by a wake.
    pub(super) stopping: AtomicBool,
    /// Our addresses are others; followed by a wake.
    pub(super) moved: Mutex<Option<Moved>>,
    /// Of the last of them, one could not be listened at.
    pub(super) lacks_address: AtomicBool,
    /// Makes the next turn panic.
    #[cfg(test)]
    pub(super) panic: AtomicBool,
}

pub(super) struct Relay {
    pub(super) server: TurnServer,
    pub(super) network: Network,
    poll: Poll,
    polled: Events,
    /// What has something to read.
    ready: VecDeque<Place>,
    /// The same, so that each is there once.
    queued: FxHashSet<Place>,
    space: Box<[u8]>,
    message: Vec<u8>,
    sweep_at: Instant,
    publish_at: Instant,
    panics: u64,
}

impl Relay {
    pub(super) fn new(server: TurnServer, network: Network, poll: Poll) -> Self {
        let now = Instant::now();
        Self {
            server,
            network,
            poll,
            polled: Events::with_capacity(EVENTS),
            ready: VecDeque::new(),
            queued: FxHashSet::default(),
            space: vec![0; READ_BYTES].into_boxed_slice(),
            message: Vec::with_capacity(MAX_MESSAGE_BYTES),
            sweep_at: now + SWEEP,
            publish_at: now,
            panics: 0,
        }
    }

    /// The body of the thread: turns until it is told to stop. A panic ends the allocations, and the relay begins anew; calls
    /// that went through it find their way back by an ICE restart, and those that did not never hear of it.
    pub(super) fn run(mut self, shared: &Shared) {
        loop {
            let ended = catch_unwind(AssertUnwindSafe(|| self.turns(shared)));
            match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::error!(%error, "the relay cannot wait for packets"),
                Err(_) => {
                    self.panics += 1;
                    tracing::error!("the relay panicked: its allocations are gone, and it begins anew");
                    self.server.clear();
                    self.network.clear();
                    self.ready = self.network.places.values().copied().collect();
                    self.queued = self.ready.iter().copied().collect();
                }
            }
            std::thread::sleep(AFTER_PANIC);
        }
    }

    fn turns(&mut self, shared: &Shared) -> io::Result<()> {
        let mut unpublished = true;
        while !shared.stopping.load(Ordering::Acquire) {
            self.wait(unpublished)?;
            #[cfg(test)]
            assert!(!shared.panic.swap(false, Ordering::AcqRel), "a test asked for it");
            let moved = shared.moved.lock().unwrap_or_else(|e| e.into_inner()).take();
            if let Some(Moved { offered, peers }) = moved {
                let is_bound = self.network.set_offered(offered);
                shared.lacks_address.store(!is_bound, Ordering::Release);
                self.server.set_peers(peers);
            }
            let time = now();
            unpublished |= !self.ready.is_empty();
            self.serve_ready(time);
            if time.instant >= self.sweep_at {
                self.sweep(time.instant);
                unpublished = true;
            }
            if unpublished && time.instant >= self.publish_at {
                self.network.settle(&mut self.server);
                let counters = TurnCounters { panics: self.panics, ..self.server.counters() };
                *shared.counters.lock().unwrap_or_else(|e| e.into_inner()) = counters;
                self.publish_at = time.instant + PUBLISH;
                unpublished = false;
            }
        }
        Ok(())
    }

    /// Waits for something to read, or for what time brings.
    fn wait(&mut self, unpublished: bool) -> io::Result<()> {
        let now = Instant::now();
        let timeout = if !self.ready.is_empty() {
            Some(Duration::ZERO)
        } else if unpublished {
            Some(self.publish_at.saturating_duration_since(now))
        } else {
            (!self.network.is_idle()).then(|| self.sweep_at.saturating_duration_since(now))
        };
        match self.poll.poll(&mut self.polled, timeout) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.polled {
            let Some(place) = self.network.places.get(&event.token()) else { continue };
            if let Place::Stream(flow) = place
                && event.is_writable()
                && let Some(stream) = self.network.streams.get_mut(flow)
            {
                stream.flush();
            }
            if self.queued.insert(*place) {
                self.ready.push_back(*place);
            }
        }
        Ok(())
    }

    /// Gives everything that is ready a turn.
    fn serve_ready(&mut self, time: Now) {
        let mut handshakes = 0;
        for _ in 0..self.ready.len() {
            let Some(place) = self.ready.pop_front() else { break };
            self.queued.remove(&place);
            let is_handshaking = self.network.is_handshaking(place);
            let must_wait = is_handshaking && handshakes == HANDSHAKES_PER_TURN;
            handshakes += usize::from(is_handshaking && !must_wait);
            if must_wait || self.serve(place, time) {
                self.enqueue(place);
            }
        }
    }

    fn enqueue(&mut self, place: Place) {
        if self.queued.insert(place) {
            self.ready.push_back(place);
        }
    }

    /// Reads for a while. True when there may be more.
    fn serve(&mut self, place: Place, time: Now) -> bool {
        match place {
            Place::Client(number) => self.serve_client(number, time),
            Place::Listener(number) => self.accept(number, time.instant),
            Place::Stream(flow) => self.serve_stream(flow, time),
            Place::Relay(relay) => {
                for _ in 0..READS_PER_TURN {
                    let Some(relayed) = self.network.relays.get(relay) else { return false };
                    match receive(&relayed.socket, &mut self.space) {
                        Received::Datagram(from, len) => {
                            let payload = self.space.get(..len).unwrap_or_default();
                            self.server.peer_sent(relay, from, payload, time.instant, &mut self.network);
                        }
                        Received::Nothing => return false,
                        Received::Failure => {}
                    }
                }
                true
            }
        }
    }

    fn serve_client(&mut self, number: usize, time: Now) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some((local, socket)) = self.network.clients.get(number) else { return false };
            let local = *local;
            match receive(socket, &mut self.space) {
                Received::Datagram(remote, len) => {
                    let flow = Flow { kind: FlowKind::Udp, local, remote };
                    let bytes = self.space.get(..len).unwrap_or_default();
                    self.server.client_sent(flow, bytes, time, &mut self.network);
                }
                Received::Nothing => return false,
                Received::Failure => {}
            }
        }
        true
    }

    fn accept(&mut self, number: usize, now: Instant) -> bool {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some((kind, listener)) = self.network.listeners.get(number) else { return false };
            let kind = *kind;
            match listener.accept() {
                Ok((socket, remote)) => match self.network.adopt(kind, socket, remote, now) {
                    Some(flow) => self.enqueue(Place::Stream(flow)),
                    None => self.server.refuse(Refused::Connection),
                },
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
                Err(error) => {
                    // Out of descriptors: the next sweep tries again.
                    tracing::warn!(%error, "the relay cannot accept connections");
                    return false;
                }
            }
        }
        true
    }

    fn serve_stream(&mut self, flow: Flow, time: Now) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some(stream) = self.network.streams.get_mut(&flow) else { return false };
            let read = stream.read(&mut self.space);
            let taken = self.take_messages(flow, time);
            match taken.and(read) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(end) => {
                    if end == End::Rubbish {
                        self.server.refuse(Refused::Stream);
                    }
                    self.close(&flow);
                    return false;
                }
            }
        }
        true
    }

    fn take_messages(&mut self, flow: Flow, time: Now) -> Result<(), End> {
        loop {
            let Some(stream) = self.network.streams.get_mut(&flow) else { return Ok(()) };
            let Some(message) = stream.take().map_err(|_| End::Rubbish)? else { return Ok(()) };
            self.message.clear();
            self.message.extend_from_slice(message);
            self.server.client_sent(flow, &self.message, time, &mut self.network);
        }
    }

    fn close(&mut self, flow: &Flow) {
        self.server.stream_closed(flow, &mut self.network);
        self.network.close_stream(flow);
    }

    fn sweep(&mut self, now: Instant) {
        self.sweep_at = now + SWEEP;
        self.server.sweep(now, &mut self.network);
        for flow in self.network.unused_streams(&self.server, now) {
            self.server.refuse(Refused::Stream);
            self.close(&flow);
        }
        for number in 0..self.network.listeners.len() {
            self.enqueue(Place::Listener(number));
        }
    }
}

enum Received {
    Datagram(SocketAddr, usize),
    Nothing,
    /// An error that an earlier packet earned (a port unreachable): the next may be well.
    Failure,
}

fn receive(socket: &UdpSocket, space: &mut [u8]) -> Received {
    match socket.recv_from(space) {
        Ok((len, from)) => Received::Datagram(from, len),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
        Err(_) => Received::Failure,
    }
}

/// The time, read once a turn.
pub(super) fn now() -> Now {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Now { instant: Instant::now(), unix_s: unix.as_secs() }
}
