//! A relay between clients and a server that do not know of it: one thread that owns every socket and every datagram under
//! way. Each source address has its own socket toward the server, so that the server tells clients apart.

use super::air::Air;
use super::bottleneck::Bottleneck;
use super::link::{Lane, LaneCounts, Link};
use super::wish::{LinkWish, Wish};
use crate::sys::Alarm;
use mio::net::UdpSocket;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use serde::Serialize;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a relay is set up.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// Where clients send to; port 0 takes what is free. Clients of one may share a bottleneck, those of two never do.
    pub listen: Vec<SocketAddr>,
    /// The server.
    pub to: SocketAddr,
    /// From each client to the server.
    pub up: Link,
    /// From the server to each client.
    pub down: Link,
    /// The rates are of all clients of a listening port together, rather than of each.
    pub shared: bool,
    /// Of everything random.
    pub seed: u64,
}

impl RelayOptions {
    /// One port that does nothing yet.
    #[must_use]
    pub fn new(to: SocketAddr) -> Self {
        let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        Self { listen, to, up: INSTANT, down: INSTANT, shared: false, seed: 1 }
    }
}

/// A link that does nothing.
const INSTANT: Link = Link { delay: Duration::ZERO, ..Link::GOOD };

/// What became of one client's datagrams.
#[derive(Debug, Clone, Serialize)]
pub struct ClientCounts {
    /// Which listening port, from 0.
    pub listen: usize,
    /// His address.
    pub client: SocketAddr,
    /// The address that the server sees.
    pub seen_as: SocketAddr,
    /// From him to the server.
    pub up: DirectionCounts,
    /// From the server to him.
    pub down: DirectionCounts,
}

/// What became of the datagrams of one direction.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct DirectionCounts {
    /// Datagrams that came in.
    pub datagrams: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost for want of room in a queue.
    pub dropped: u64,
    /// How long what comes now waits before the bottleneck, in ms.
    pub queue_ms: f64,
    /// The bottleneck's rate now, in bits a second.
    pub rate_bps: Option<u64>,
}

/// Clients at most. When it is hit, the one that was silent longest makes room if he was for [`SILENT`]; else the newcomer's
/// datagrams are dropped.
const MAX_CLIENTS: usize = 256;
/// Since when a client must have been silent to be forgotten.
const SILENT: Duration = Duration::from_secs(30);
/// Datagrams under way at most, some 75 MB; more are dropped, as by a queue that is full.
const MAX_IN_AIR: usize = 50_000;
/// Datagrams read of one socket before the others have their turn.
const MAX_RUN: usize = 64;
/// Asked of the kernel for each socket: what comes while this thread waits for its core.
const SOCKET_BUFFER: usize = 1 << 20;
/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(2);

const WAKER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX - 2);
/// Tokens from here on are clients; below are listening ports.
const FIRST_CLIENT: usize = 1 << 16;

enum Order {
    Change(Box<Wish>),
    Count(Sender<Vec<ClientCounts>>),
    Stop,
}

/// A running relay. Dropping it ends it.
#[derive(Debug)]
pub struct Relay {
    addresses: Vec<SocketAddr>,
    orders: Sender<Order>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Binds the ports and begins.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub fn start(options: &RelayOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new()?;
        poll.registry().register(&mut SourceFd(&alarm.fd()), ALARM, Interest::READABLE)?;
        let mut ports = Vec::new();
        for (index, address) in options.listen.iter().enumerate() {
            let socket = bind(&poll, *address, Token(index))?;
            let neck = |link: Link| Bottleneck::new(link.rate_bps, link.queue);
            let (up_neck, down_neck) = (neck(options.up), neck(options.down));
            ports.push(Port { socket, up: options.up, down: options.down, up_neck, down_neck });
        }
        let addresses = ports.iter().map(|port| port.socket.local_addr()).collect::<io::Result<_>>()?;
        let (orders, inbox) = channel();
        let work = Work {
            poll,
            alarm,
            inbox,
            to: options.to,
            shared: options.shared,
            seed: options.seed,
            ports,
            clients: Vec::new(),
            air: Air::default(),
            buffer: vec![0; 65_536],
            pool: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("relay".to_owned()).spawn(move || work.run())?;
        Ok(Self { addresses, orders, waker, thread: Some(thread) })
    }

    /// Where it listens, in the order asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Changes links.
    pub fn change(&self, wish: Wish) {
        self.order(Order::Change(Box::new(wish)));
    }

    /// What became of everyone's datagrams. Empty when the relay has ended.
    #[must_use]
    pub fn counts(&self) -> Vec<ClientCounts> {
        let (sender, receiver) = channel();
        self.order(Order::Count(sender));
        receiver.recv_timeout(PATIENCE).unwrap_or_default()
    }

    fn order(&self, order: Order) {
        // When it has ended there is nothing to change.
        let _ = self.orders.send(order);
        let _ = self.waker.wake();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bind(poll: &Poll, address: SocketAddr, token: Token) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    let options = socket2::SockRef::from(&socket);
    // It gives what it may.
    let _ = options.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = options.set_send_buffer_size(SOCKET_BUFFER);
    let mut socket = UdpSocket::from_std(socket);
    poll.registry().register(&mut socket, token, Interest::READABLE)?;
    Ok(socket)
}

/// A listening port, and what its newcomers get.
struct Port {
    socket: UdpSocket,
    up: Link,
    down: Link,
    /// Used where rates are shared.
    up_neck: Bottleneck,
    down_neck: Bottleneck,
}

struct Relayed {
    port: usize,
    address: SocketAddr,
    upstream: UdpSocket,
    up: Lane,
    down: Lane,
    last_seen: Instant,
}

/// A datagram's goal. The address tells a client from one who had his place before.
#[derive(Debug, Clone, Copy)]
enum Goal {
    Server { client: usize, of: SocketAddr },
    Client { client: usize, of: SocketAddr },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// The thread's own.
struct Work {
    poll: Poll,
    alarm: Alarm,
    inbox: Receiver<Order>,
    to: SocketAddr,
    shared: bool,
    seed: u64,
    ports: Vec<Port>,
    clients: Vec<Relayed>,
    air: Air<Goal>,
    buffer: Vec<u8>,
    pool: Vec<Vec<u8>>,
}

impl Work {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            self.deliver();
            let wait =
                self.air.next_due().map_or(Duration::from_secs(1), |due| due.saturating_duration_since(Instant::now()));
            let polled = self.alarm.set(wait).and_then(|()| self.poll.poll(&mut events, Some(Duration::from_secs(1))));
            if polled.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
                return;
            }
            for event in &events {
                match event.token() {
                    ALARM => {}
                    WAKER => {
                        if !self.obey() {
                            return;
                        }
                    }
                    Token(index) if index >= FIRST_CLIENT => self.read_server(index - FIRST_CLIENT),
                    Token(port) => self.read_clients(port),
                }
            }
        }
    }

    /// Reads a listening port until it is empty (the poll tells of a socket only once), letting what is due go in between.
    fn read_clients(&mut self, port: usize) {
        for run in 1_usize.. {
            let Some(Ok((len, from))) = self.ports.get(port).map(|port| port.socket.recv_from(&mut self.buffer)) else {
                return;
            };
            if let Some(client) = self.client(port, from) {
                self.launch(client, Way::Up, len);
            }
            if run.is_multiple_of(MAX_RUN) {
                self.deliver();
            }
        }
    }

    fn read_server(&mut self, client: usize) {
        for run in 1_usize.. {
            let Some(Ok(len)) = self.clients.get(client).map(|client| client.upstream.recv(&mut self.buffer)) else {
                return;
            };
            self.launch(client, Way::Down, len);
            if run.is_multiple_of(MAX_RUN) {
                self.deliver();
            }
        }
    }

    /// The client of an address; a new one when there is room for him.
    fn client(&mut self, port: usize, address: SocketAddr) -> Option<usize> {
        let known = self.clients.iter().position(|client| client.address == address && client.port == port);
        if known.is_some() {
            return known;
        }
        let index = if self.clients.len() < MAX_CLIENTS {
            self.clients.len()
        } else {
            let silent = |client: &&Relayed| client.last_seen.elapsed() > SILENT;
            let oldest = self.clients.iter().filter(silent).min_by_key(|client| client.last_seen)?;
            self.clients.iter().position(|client| std::ptr::eq(client, oldest))?
        };
        let any: IpAddr = match self.to {
            to if to.ip().is_loopback() && to.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let upstream = bind(&self.poll, SocketAddr::new(any, 0), Token(FIRST_CLIENT + index)).ok()?;
        upstream.connect(self.to).ok()?;
        self.seed = self.seed.wrapping_add(2);
        let own = |link: Link| Link { rate_bps: link.rate_bps.filter(|_| !self.shared), ..link };
        let (up, down) = self.ports.get(port).map(|port| (own(port.up), own(port.down)))?;
        let client = Relayed {
            port,
            address,
            upstream,
            up: Lane::new(up, self.seed),
            down: Lane::new(down, self.seed.wrapping_add(1)),
            last_seen: Instant::now(),
        };
        match self.clients.get_mut(index) {
            Some(place) => *place = client,
            None => self.clients.push(client),
        }
        Some(index)
    }

    /// The datagram in the buffer sets out.
    fn launch(&mut self, index: usize, way: Way, len: usize) {
        let now = Instant::now();
        let Some(client) = self.clients.get_mut(index) else { return };
        let Some(port) = self.ports.get_mut(client.port) else { return };
        client.last_seen = now;
        let of = client.address;
        let (lane, neck, goal) = match way {
            Way::Up => (&mut client.up, &mut port.up_neck, Goal::Server { client: index, of }),
            Way::Down => (&mut client.down, &mut port.down_neck, Goal::Client { client: index, of }),
        };
        for due in lane.arrivals_through(now, len, self.shared.then_some(neck)) {
            if self.air.len() < MAX_IN_AIR {
                let mut bytes = self.pool.pop().unwrap_or_default();
                bytes.clear();
                bytes.extend_from_slice(self.buffer.get(..len).unwrap_or_default());
                self.air.send(due, goal, bytes);
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(flying) = self.air.take_due(Instant::now()) {
            // What a kernel does not take is lost, as on any network.
            match flying.to {
                Goal::Server { client, of } => {
                    if let Some(client) = self.clients.get(client).filter(|client| client.address == of) {
                        let _ = client.upstream.send(&flying.bytes);
                    }
                }
                Goal::Client { client, of } => {
                    if let Some(client) = self.clients.get(client).filter(|client| client.address == of)
                        && let Some(port) = self.ports.get(client.port)
                    {
                        let _ = port.socket.send_to(&flying.bytes, of);
                    }
                }
            }
            if self.pool.len() < MAX_RUN {
                self.pool.push(flying.bytes);
            }
        }
    }

    /// Does what was asked. `false` when that is to end.
    fn obey(&mut self) -> bool {
        while let Ok(order) = self.inbox.try_recv() {
            match order {
                Order::Change(wish) => self.change(&wish),
                Order::Count(reply) => {
                    // Who does not wait any more does not need it.
                    let _ = reply.send(self.counts());
                }
                Order::Stop => return false,
            }
        }
        true
    }

    fn change(&mut self, wish: &Wish) {
        let now = Instant::now();
        let all = LinkWish::default();
        let (up, down) = (wish.up.as_ref().unwrap_or(&all), wish.down.as_ref().unwrap_or(&all));
        let of_port = |port: usize| wish.listen.is_none_or(|wanted| wanted == port);
        for (_, port) in self.ports.iter_mut().enumerate().filter(|(index, _)| of_port(*index)) {
            if wish.client.is_none() {
                (port.up, port.down) = (up.apply(port.up), down.apply(port.down));
                renew(&mut port.up_neck, port.up, up, now);
                renew(&mut port.down_neck, port.down, down, now);
            }
        }
        for client in &mut self.clients {
            if of_port(client.port) && wish.client.is_none_or(|address| address == client.address) {
                for (lane, wish) in [(&mut client.up, up), (&mut client.down, down)] {
                    let link = wish.apply(lane.link());
                    lane.set_link(Link { rate_bps: link.rate_bps.filter(|_| !self.shared), ..link });
                    if let Some(steps) = wish.steps(now).filter(|_| !self.shared) {
                        lane.bottleneck().set_schedule(steps);
                    }
                }
            }
        }
    }

    fn counts(&mut self) -> Vec<ClientCounts> {
        let now = Instant::now();
        let (ports, shared) = (&self.ports, self.shared);
        let clients = self.clients.iter_mut().filter_map(|client| {
            let port = ports.get(client.port)?;
            let up = DirectionCounts::new(client.up.counts(), neck(shared, client.up.bottleneck(), &port.up_neck), now);
            let down = DirectionCounts::new(
                client.down.counts(),
                neck(shared, client.down.bottleneck(), &port.down_neck),
                now,
            );
            let seen_as = client.upstream.local_addr().ok()?;
            Some(ClientCounts { listen: client.port, client: client.address, seen_as, up, down })
        });
        clients.collect()
    }
}

fn neck<'a>(shared: bool, own: &'a Bottleneck, common: &'a Bottleneck) -> &'a Bottleneck {
    if shared { common } else { own }
}

fn renew(neck: &mut Bottleneck, link: Link, wish: &LinkWish, now: Instant) {
    if wish.rate_bps.is_some() {
        neck.set_rate(link.rate_bps);
    }
    neck.set_queue(link.queue);
    if let Some(steps) = wish.steps(now) {
        neck.set_schedule(steps);
    }
}

impl DirectionCounts {
    fn new(counts: LaneCounts, neck: &Bottleneck, now: Instant) -> Self {
        Self {
            datagrams: counts.datagrams,
            bytes: counts.bytes,
            lost: counts.lost,
            dropped: counts.dropped,
            queue_ms: neck.queue_delay(now).as_secs_f64() * 1000.0,
            rate_bps: neck.rate_bps(now),
        }
    }
}
