//! Plain RTP's ports: a socket of its own for each session of each participant, out of a range that the operator names. So nobody's
//! packets can be taken for another's, and a firewall knows what to let through.

use super::socket::SendOutcome;
use super::turn::udp;
use crate::api::{PlainAsk, PlainEnd, PlainEnds, PlainError, PlainPlace};
use crate::turn::{Network, PeerPolicy};
use crate::wire::{Batch, Path};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use rand::seq::IndexedRandom as _;
use rustc_hash::FxHashMap;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How plain RTP is set up.
#[derive(Debug, Clone)]
pub struct PlainConfig {
    /// The address to bind.
    pub listen: IpAddr,
    /// What others are told: the same, or the outer side of a 1:1 NAT.
    pub advertise: IpAddr,
    /// The ports to take. They are taken by twos, from an even one on (RFC 3550 section 11): RTP, and RTCP where it has a port of its own.
    /// `None` takes what the system has free, for programs of this machine, which are told where.
    pub ports: Option<RangeInclusive<u16>>,
    /// Participants at the same time. One more is refused.
    pub participants: usize,
    /// Every address that is neither this machine's nor of a reserved range may be sent to, and listened to.
    pub public_peers: bool,
    /// Networks that may be all the same.
    pub allow: Vec<Network>,
    /// Networks that may not, whatever else is said.
    pub deny: Vec<Network>,
}

impl PlainConfig {
    /// Ports for so many participants that are programs of this very machine: on loopback, toward loopback, and open to nobody else.
    #[must_use]
    pub fn of_this_machine(participants: usize) -> Self {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            listen: here,
            advertise: here,
            ports: None,
            participants,
            public_peers: false,
            allow: vec![here.into()],
            deny: Vec::new(),
        }
    }
}

/// Kernel buffers of a port: a key frame.
const BUFFER_BYTES: usize = 256 * 1024;

/// Longest datagram that is taken, in bytes; longer ones are cut, and dropped by whoever reads them.
const LONGEST: usize = 2 * 1024;

/// Datagrams read of one port before others have their turn.
const READS_PER_TURN: usize = 32;

/// Tokens from here on are ports of plain RTP; those of connections, which are given once each, do not come so far.
const FIRST_TOKEN: usize = usize::MAX / 2;

/// The ports that are free.
#[derive(Debug)]
pub(super) struct Ports {
    config: PlainConfig,
    policy: Arc<PeerPolicy>,
    free: Arc<Mutex<Free>>,
}

#[derive(Debug)]
struct Free {
    /// The even ones of pairs.
    pairs: BTreeSet<u16>,
    participants: usize,
}

/// A participant's ports. Given back when the last socket of them is closed.
#[derive(Debug)]
struct Lease {
    pairs: Vec<u16>,
    free: Arc<Mutex<Free>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut free = lock(&self.free);
        free.pairs.extend(self.pairs.drain(..));
        free.participants += 1;
    }
}

/// A port, bound.
#[derive(Debug)]
pub(super) struct PlainSocket {
    socket: UdpSocket,
    local: SocketAddr,
    _lease: Arc<Lease>,
}

impl Ports {
    /// All of them. `hosts` are this machine's own addresses: what listens there is no gateway.
    pub(super) fn new(config: PlainConfig, hosts: Vec<IpAddr>) -> Self {
        let range = config.ports.clone().into_iter().map(RangeInclusive::into_inner);
        let pairs = range.flat_map(|(first, last)| first..last).filter(|port| port % 2 == 0).collect();
        let free = Arc::new(Mutex::new(Free { pairs, participants: config.participants }));
        let policy = PeerPolicy::new(config.deny.clone(), config.allow.clone()).of_hosts(hosts, config.public_peers);
        Self { policy: Arc::new(policy), config, free }
    }

    /// Binds what a participant needs.
    pub(super) fn open(&self, ask: &PlainAsk) -> Result<(Vec<PlainSocket>, PlainPlace), PlainError> {
        let mut lease = {
            let mut free = lock(&self.free);
            free.participants = free.participants.checked_sub(1).ok_or(PlainError::NoPort)?;
            Lease { pairs: Vec::new(), free: Arc::clone(&self.free) }
        };
        let (mut bound, mut ends) = (Vec::new(), Vec::new());
        // The engine refuses what has more.
        for leg in ask.legs.iter().take(2) {
            let (rtp, rtcp) = self.bind_pair(&mut lease, leg.rtcp_mux)?;
            ends.push(PlainEnds { rtp: self.end(rtp.1), rtcp: rtcp.as_ref().map(|(_, local)| self.end(*local)) });
            bound.push(rtp);
            bound.extend(rtcp);
        }
        let lease = Arc::new(lease);
        let socket = |(socket, local)| PlainSocket { socket, local, _lease: Arc::clone(&lease) };
        Ok((bound.into_iter().map(socket).collect(), PlainPlace { ends, policy: Arc::clone(&self.policy) }))
    }

    fn end(&self, local: SocketAddr) -> PlainEnd {
        PlainEnd { local, public: SocketAddr::new(self.config.advertise, local.port()) }
    }

    /// Binds a pair of the free ones, any: one that can be foretold can be spoken to before its owner does. Those that another program has are
    /// passed over.
    #[expect(clippy::type_complexity, reason = "a socket and where it is, twice")]
    fn bind_pair(
        &self,
        lease: &mut Lease,
        is_muxed: bool,
    ) -> Result<((UdpSocket, SocketAddr), Option<(UdpSocket, SocketAddr)>), PlainError> {
        if self.config.ports.is_none() {
            return self.bind_any(is_muxed);
        }
        let mut left: Vec<u16> = lock(&self.free).pairs.iter().copied().collect();
        while let Some(port) = left.choose(&mut rand::rng()).copied() {
            left.retain(|other| *other != port);
            if !lock(&self.free).pairs.remove(&port) {
                continue;
            }
            lease.pairs.push(port);
            let at = |port| {
                let local = SocketAddr::new(self.config.listen, port);
                udp(local, BUFFER_BYTES).map(|socket| (socket, local))
            };
            match (at(port), (!is_muxed).then(|| at(port + 1)).transpose()) {
                (Ok(rtp), Ok(rtcp)) => return Ok((rtp, rtcp)),
                (Err(error), _) | (_, Err(error)) => {
                    tracing::debug!(port, %error, "a port for plain RTP cannot be bound, and is passed over");
                }
            }
        }
        Err(PlainError::NoPort)
    }

    /// Binds what the system has free.
    #[expect(clippy::type_complexity, reason = "a socket and where it is, twice")]
    fn bind_any(
        &self,
        is_muxed: bool,
    ) -> Result<((UdpSocket, SocketAddr), Option<(UdpSocket, SocketAddr)>), PlainError> {
        let any = || {
            let socket = udp(SocketAddr::new(self.config.listen, 0), BUFFER_BYTES)?;
            let local = socket.local_addr()?;
            io::Result::Ok((socket, local))
        };
        let bound = any().and_then(|rtp| Ok((rtp, (!is_muxed).then(any).transpose()?)));
        bound.map_err(|error| {
            tracing::warn!(%error, "no port of this machine's own is to be had");
            PlainError::NoPort
        })
    }
}

/// The ports of one worker's participants.
#[derive(Debug, Default)]
pub(super) struct PlainPorts {
    by_local: FxHashMap<SocketAddr, Token>,
    by_token: FxHashMap<Token, Rc<PlainSocket>>,
    ready: VecDeque<Token>,
    made: usize,
}

impl PlainPorts {
    /// Listens at a port.
    pub(super) fn open(&mut self, mut socket: PlainSocket, registry: &Registry) -> io::Result<()> {
        let token = Token(FIRST_TOKEN + self.made);
        self.made += 1;
        registry.register(&mut socket.socket, token, Interest::READABLE)?;
        self.by_local.insert(socket.local, token);
        self.by_token.insert(token, Rc::new(socket));
        // What came before is told of by no event.
        self.ready.push_back(token);
        Ok(())
    }

    /// Ends it.
    pub(super) fn close(&mut self, local: &SocketAddr) {
        if let Some(token) = self.by_local.remove(local) {
            // Dropping the socket takes it from the poll.
            self.by_token.remove(&token);
            self.ready.retain(|ready| *ready != token);
        }
    }

    /// Whether the token is one of these.
    pub(super) fn is_one(token: Token) -> bool {
        token.0 >= FIRST_TOKEN
    }

    /// Something arrived.
    pub(super) fn readable(&mut self, token: Token) {
        if !self.ready.contains(&token) {
            self.ready.push_back(token);
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Ports that are to be read.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The next port to be read.
    pub(super) fn next_ready(&mut self) -> Option<(Token, Rc<PlainSocket>)> {
        let token = self.ready.pop_front()?;
        Some((token, Rc::clone(self.by_token.get(&token)?)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_local.is_empty()
    }

    /// Sends the datagrams of a batch that leave by these ports.
    pub(super) fn send_batch(&self, batch: &Batch<'_>) -> SendOutcome {
        let mut outcome = SendOutcome::default();
        for entry in batch.entries() {
            let token = self.by_local.get(&entry.path.local);
            let Some(port) = token.and_then(|token| self.by_token.get(token)).filter(|_| !entry.path.tcp) else {
                continue;
            };
            let bytes = batch.bytes(entry);
            outcome.calls += 1;
            match port.socket.send_to(bytes, entry.path.remote) {
                Ok(_) => {
                    outcome.packets += 1;
                    outcome.bytes += bytes.len() as u64;
                }
                Err(_) => outcome.dropped += 1,
            }
        }
        outcome
    }
}

impl PlainSocket {
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Hands over what waits, as much as may be in one turn. Gives whether there may be more.
    pub(super) fn receive(&self, mut each: impl FnMut(Path, &mut [u8])) -> bool {
        let mut buffer = [0; LONGEST];
        for _ in 0..READS_PER_TURN {
            match self.socket.recv_from(&mut buffer) {
                Ok((len, remote)) => {
                    let path = Path { local: self.local, remote, tcp: false };
                    each(path, buffer.get_mut(..len).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Of a datagram that was refused somewhere, too: the next is read at its event.
                Err(_) => return false,
            }
        }
        true
    }
}

fn lock(free: &Mutex<Free>) -> MutexGuard<'_, Free> {
    free.lock().unwrap_or_else(PoisonError::into_inner)
}
