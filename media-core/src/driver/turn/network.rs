//! Everything that the relay's thread reads from and writes to.

use super::config::TurnConfig;
use super::sockets::{self, Listening};
use super::stream::Stream;
use crate::driver::addresses::Offered;
use crate::turn::{Flow, FlowKind, NoRelay, Outside, Refused, RelayId, TurnServer};
use crate::wire::household;
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Interest, Registry, Token};
use rustc_hash::FxHashMap;
use rustls::ServerConfig;
use slotmap::SecondaryMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Addresses listened at in all: those that a machine had in its life add up.
const MAX_BOUND: usize = 64;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// A socket that clients send to, by its number.
    Client(usize),
    /// A listener, by its number.
    Listener(usize),
    /// A client's connection.
    Stream(Flow),
    /// A relayed address.
    Relay(RelayId),
}

pub(super) struct Relayed {
    pub(super) socket: UdpSocket,
    token: Token,
}

pub(super) struct Network {
    registry: Registry,
    config: TurnConfig,
    offered: Vec<Offered>,
    /// The address that each was bound to is in `bound`.
    pub(super) clients: Vec<(SocketAddr, UdpSocket)>,
    pub(super) listeners: Vec<(FlowKind, TcpListener)>,
    bound: Vec<IpAddr>,
    /// Addresses of ours that could not be bound the last time.
    unbound: Vec<IpAddr>,
    port: u16,
    tls_port: Option<u16>,
    pub(super) relays: SecondaryMap<RelayId, Relayed>,
    /// Bounded by [`TurnConfig::connections`].
    pub(super) streams: FxHashMap<Flow, Stream>,
    pub(super) places: FxHashMap<Token, Place>,
    next_token: usize,
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
    /// Packets that went no further here.
    pub(super) unsent: u64,
}

impl Network {
    /// Tokens from `first_token` on are given out, each once.
    pub(super) fn new(
        registry: Registry,
        config: TurnConfig,
        offered: Vec<Offered>,
        listening: Listening,
        tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
        first_token: usize,
    ) -> io::Result<Self> {
        let mut network = Self {
            registry,
            config,
            bound: sockets::locals(&offered),
            unbound: Vec::new(),
            offered,
            clients: Vec::new(),
            listeners: Vec::new(),
            port: listening.port,
            tls_port: listening.tls_port,
            relays: SecondaryMap::new(),
            streams: FxHashMap::default(),
            places: FxHashMap::default(),
            next_token: first_token,
            tls,
            unsent: 0,
        };
        network.take_in(listening)?;
        Ok(network)
    }

    /// Our addresses are others. What is new is listened at as well; what is there stays, as an address that went may come back. Gives
    /// whether all that is new is listened at: if not, say it again later.
    pub(super) fn set_offered(&mut self, offered: Vec<Offered>) -> bool {
        let missing: Vec<IpAddr> =
            sockets::locals(&offered).into_iter().filter(|ip| !self.bound.contains(ip)).collect();
        self.unbound.retain(|ip| missing.contains(ip));
        for local in missing {
            if self.bound.len() >= MAX_BOUND {
                break;
            }
            let was_tried = self.unbound.contains(&local);
            match self.bind(local) {
                Ok(()) => {
                    self.bound.push(local);
                    self.unbound.retain(|ip| *ip != local);
                }
                // Once for each: it is tried every few seconds.
                Err(_) if was_tried => {}
                Err(error) => {
                    tracing::warn!(error, "clients are offered no TURN at an address that is new: it is tried again");
                    self.unbound.push(local);
                }
            }
        }
        self.offered = offered;
        self.unbound.is_empty()
    }

    fn bind(&mut self, local: IpAddr) -> Result<(), String> {
        let tls = self.tls.lock().unwrap_or_else(|e| e.into_inner()).is_some();
        let mut listening = Listening { port: self.port, tls_port: self.tls_port, ..Listening::default() };
        sockets::listen_at(&mut listening, &self.config, local, tls).map_err(|e| e.to_string())?;
        self.take_in(listening).map_err(|e| e.to_string())
    }

    fn take_in(&mut self, listening: Listening) -> io::Result<()> {
        for (address, mut socket) in listening.udp {
            let token = self.token(Place::Client(self.clients.len()));
            self.registry.register(&mut socket, token, Interest::READABLE)?;
            self.clients.push((address, socket));
        }
        for (kind, mut listener) in listening.streams {
            let token = self.token(Place::Listener(self.listeners.len()));
            self.registry.register(&mut listener, token, Interest::READABLE)?;
            self.listeners.push((kind, listener));
        }
        Ok(())
    }

    /// Whether there is anything that wants to be looked after as time goes by.
    pub(super) fn is_idle(&self) -> bool {
        self.relays.is_empty() && self.streams.is_empty()
    }

    /// Takes in a connection, unless there are too many.
    pub(super) fn adopt(
        &mut self,
        kind: FlowKind,
        mut socket: TcpStream,
        remote: SocketAddr,
        now: Instant,
    ) -> Option<Flow> {
        let host = household(remote.ip());
        let of_address = self.streams.keys().filter(|flow| household(flow.remote.ip()) == host).count();
        if self.streams.len() >= self.config.connections || of_address >= self.config.connections_per_address {
            return None;
        }
        let flow = Flow { kind, local: socket.local_addr().ok()?, remote };
        let tls = match kind {
            FlowKind::Tls => Some(self.tls.lock().unwrap_or_else(|e| e.into_inner()).clone()?),
            FlowKind::Udp | FlowKind::Tcp => None,
        };
        let _ = socket.set_nodelay(true);
        let token = self.token(Place::Stream(flow));
        let registered = self.registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE);
        let stream = registered.ok().and_then(|()| Stream::new(socket, tls, token, now).ok());
        let Some(stream) = stream else {
            self.places.remove(&token);
            return None;
        };
        self.streams.insert(flow, stream);
        Some(flow)
    }

    /// Whether it is a connection of which TLS is still being set up.
    pub(super) fn is_handshaking(&self, place: Place) -> bool {
        let Place::Stream(flow) = place else { return false };
        self.streams.get(&flow).is_some_and(Stream::is_handshaking)
    }

    pub(super) fn close_stream(&mut self, flow: &Flow) {
        let Some(mut stream) = self.streams.remove(flow) else { return };
        self.places.remove(&stream.token);
        let _ = self.registry.deregister(stream.socket());
        let _ = stream.socket().shutdown(std::net::Shutdown::Both);
    }

    /// Connections that are of no use.
    pub(super) fn unused_streams(&mut self, server: &TurnServer, now: Instant) -> Vec<Flow> {
        let mut unused = Vec::new();
        for (flow, stream) in &mut self.streams {
            if server.is_in_use(flow) {
                stream.useful = now;
            } else if now.duration_since(stream.useful) > self.config.unused_stream {
                unused.push(*flow);
            }
        }
        unused
    }

    /// Closes everything that belongs to clients.
    pub(super) fn clear(&mut self) {
        let flows: Vec<Flow> = self.streams.keys().copied().collect();
        for flow in flows {
            self.close_stream(&flow);
        }
        let relays: Vec<RelayId> = self.relays.keys().collect();
        for relay in relays {
            self.close_relay(relay);
        }
    }

    /// Counts what was not sent since the last time.
    pub(super) fn settle(&mut self, server: &mut TurnServer) {
        for _ in 0..std::mem::take(&mut self.unsent) {
            server.refuse(Refused::Send);
        }
    }

    fn token(&mut self, place: Place) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.places.insert(token, place);
        token
    }
}

impl Outside for Network {
    fn to_client(&mut self, flow: Flow, bytes: &[u8]) {
        let sent = match flow.kind {
            FlowKind::Udp => {
                let socket = self.clients.iter().find(|(local, _)| *local == flow.local);
                socket.is_some_and(|(_, socket)| socket.send_to(bytes, flow.remote).is_ok())
            }
            FlowKind::Tcp | FlowKind::Tls => self.streams.get_mut(&flow).is_some_and(|stream| stream.send(bytes)),
        };
        self.unsent += u64::from(!sent);
    }

    fn to_peer(&mut self, relay: RelayId, peer: SocketAddr, bytes: &[u8]) {
        let sent = self.relays.get(relay).is_some_and(|relayed| relayed.socket.send_to(bytes, peer).is_ok());
        self.unsent += u64::from(!sent);
    }

    fn open_relay(&mut self, relay: RelayId, client: Flow, is_ipv4: bool) -> Result<SocketAddr, NoRelay> {
        let (mut socket, address) = sockets::relay(&self.offered, client.local, is_ipv4, &self.config)?;
        let token = self.token(Place::Relay(relay));
        if self.registry.register(&mut socket, token, Interest::READABLE).is_err() {
            self.places.remove(&token);
            return Err(NoRelay::Capacity);
        }
        self.relays.insert(relay, Relayed { socket, token });
        Ok(address)
    }

    fn close_relay(&mut self, relay: RelayId) {
        let Some(mut relayed) = self.relays.remove(relay) else { return };
        self.places.remove(&relayed.token);
        let _ = self.registry.deregister(&mut relayed.socket);
    }
}
