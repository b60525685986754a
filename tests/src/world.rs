//! The world: the server's engines, their clients, and the air between them.

use crate::checks::Checks;
use crate::gateway::Gateways;
use crate::inside::inside;
use crate::net::{Air, Lane, Link};
use crate::talk::Book;
use crate::workers::Workers;
use colloquy_bench::client::{Client, ClientCertificate, ClientConfig};
use colloquy_bench::tap::Tap;
use colloquy_media_core::api::{
    Command, DtlsVersions, Event, IceMode, Limits, PeerId, Reply, RoomId, Source, TrackId, TrackInfo, WorkerTotals,
};
use colloquy_media_core::transport::Certificate;
use colloquy_media_core::wire::{Datagram, Outbox, Path};
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where the engine is at first (RFC 5737: a documentation address).
pub const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 7000);

/// How a world is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of everything random in it.
    pub seed: u64,
    /// Of the engine.
    pub ice: IceMode,
    /// Of the engine.
    pub dtls: DtlsVersions,
    /// Of the engine.
    pub limits: Limits,
    /// From every client, until it is changed.
    pub up: Link,
    /// To every client, until it is changed.
    pub down: Link,
    /// Engines that share the rooms; everyone lives on the one that his number falls on.
    pub workers: usize,
    /// What mixes.
    pub mixer: Mixer,
}

/// What mixes the sound of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mixer {
    /// Nothing is mixed: what each says goes to those who hear him as he said it, so that it can be told whose it is.
    #[default]
    Stamps,
    /// The server's own. What is said must be Opus.
    Sound,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            ice: IceMode::default(),
            dtls: DtlsVersions::default(),
            limits: Limits::default(),
            up: Link::GOOD,
            down: Link::GOOD,
            workers: workers(),
            mixer: Mixer::default(),
        }
    }
}

/// What somebody received of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Packets.
    pub packets: u64,
    /// The last of them.
    pub last: Instant,
    /// Its RTP timestamp, and when it was sent by whoever published it, since the world began.
    pub stamped: (u32, Duration),
}

/// One participant and his client.
#[derive(Debug)]
pub struct Person {
    /// His room.
    pub room: RoomId,
    /// His client.
    pub client: Client,
    /// Still a participant, as the engine knows it.
    pub present: bool,
    /// He uses data channels.
    pub(crate) talks: bool,
    /// His address as the engine sees it.
    pub(crate) external: SocketAddr,
    pub(crate) up: Lane,
    /// What he sent was under way for so long at most, on any of the links that he had.
    pub(crate) under_way: Duration,
    pub(crate) down: Lane,
    /// What he publishes, by the number that is its mid.
    pub published: BTreeMap<u8, TrackInfo>,
    /// Those of them that are something else than is taken for granted, by mid.
    pub sources: Vec<(String, Source)>,
    /// What he wants in his receiving places, by mid.
    pub wanted: BTreeMap<String, TrackId>,
    /// What he received since [`World::forget`]: by publisher and the number of the publisher's track.
    pub heard: BTreeMap<(PeerId, u8), Heard>,
}

/// One simulated world. See the methods in [`crate::world`]'s siblings for what can happen in it.
pub struct World {
    pub(crate) engines: Workers,
    pub(crate) outbox: Outbox,
    pub(crate) tap: Tap,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    /// Where the engine is now.
    pub(crate) server: SocketAddr,
    pub(crate) air: Air,
    /// Everyone who ever was here.
    pub people: BTreeMap<PeerId, Person>,
    pub(crate) addresses: HashMap<SocketAddr, PeerId>,
    /// What must hold.
    pub checks: Checks,
    pub(crate) book: Book,
    pub(crate) gateways: Gateways,
    pub(crate) options: Options,
    next_id: u64,
    next_address: u16,
    /// Times that the engines' clock woke them.
    pub wakes: u64,
    /// What the engine told, in order, with the time since the beginning.
    pub events: Vec<(Duration, Event)>,
    /// Every datagram that clients sent is kept here when it is `Some`, with the address that the engine saw.
    pub recorded: Option<Vec<(SocketAddr, Vec<u8>)>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.elapsed())
            .field("people", &self.people.len())
            .finish_non_exhaustive()
    }
}

/// Workers that rooms are shared among where a test does not say: `COLLOQUY_WORKERS`, or 1.
///
/// # Panics
/// When it is no number from 1 to 9.
#[must_use]
pub fn workers() -> usize {
    let told = std::env::var("COLLOQUY_WORKERS").unwrap_or_else(|_| "1".to_owned());
    told.parse().ok().filter(|told| (1..10).contains(told)).expect("COLLOQUY_WORKERS is a number from 1 to 9")
}

/// Datagrams under way at most: more means that somebody sends without end.
const MAX_IN_AIR: usize = 20_000;

pub(crate) fn server_certificate() -> Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| Certificate::generate().expect("a certificate")).clone()
}

pub(crate) fn client_certificate() -> ClientCertificate {
    static CERTIFICATE: OnceLock<ClientCertificate> = OnceLock::new();
    CERTIFICATE.get_or_init(ClientCertificate::generate).clone()
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let start = Instant::now();
        let tap = Tap::default();
        Self {
            engines: Workers::new(&options, start),
            outbox: Outbox::new(Box::new(tap.clone())),
            tap,
            start,
            now: start,
            server: SERVER,
            air: Air::default(),
            people: BTreeMap::new(),
            addresses: HashMap::new(),
            checks: Checks::new(start, options.ice),
            book: Book::default(),
            gateways: Gateways::default(),
            options,
            next_id: 1,
            next_address: 1,
            wakes: 0,
            events: Vec::new(),
            recorded: None,
        }
    }

    /// A world with good links and this seed.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self::new(Options { seed, ..Options::default() })
    }

    /// Time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// A person. Everyone who ever joined can be asked about.
    ///
    /// # Panics
    /// When he never joined.
    #[must_use]
    pub fn person(&self, peer: PeerId) -> &Person {
        &self.people[&peer]
    }

    /// A person's address as the engine sees it.
    ///
    /// # Panics
    /// When he never joined.
    #[must_use]
    pub fn address(&self, peer: PeerId) -> SocketAddr {
        self.people[&peer].external
    }

    /// An address that nobody had before.
    pub fn stranger(&mut self) -> SocketAddr {
        self.next_address()
    }

    /// A person's client, to change what it sends.
    ///
    /// # Panics
    /// When he never joined.
    pub fn client(&mut self, peer: PeerId) -> &mut Client {
        &mut self.people.get_mut(&peer).expect("he joined").client
    }

    /// How many engines share the rooms.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.options.workers
    }

    /// The engine's counts.
    pub fn totals(&mut self) -> WorkerTotals {
        self.engines.totals()
    }

    /// When the engine wants to be called next, since the beginning.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.engines.next_deadline()
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn next_address(&mut self) -> SocketAddr {
        self.next_address += 1;
        let [high, low] = self.next_address.to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(198, 51, 100 + high, low), 40_000 + self.next_address))
    }

    /// A client that was not added yet, for tests that change its configuration.
    pub(crate) fn client_config(&mut self, peer: PeerId) -> ClientConfig {
        let local = self.next_address();
        let mut config = ClientConfig::new(peer.0, local, client_certificate(), self.start);
        config.seed = self.options.seed.wrapping_mul(1000).wrapping_add(peer.0);
        config
    }

    pub(crate) fn add_person(&mut self, peer: PeerId, room: RoomId, config: ClientConfig) {
        let external = config.local;
        self.addresses.insert(external, peer);
        let seed = self.options.seed.wrapping_mul(2_000).wrapping_add(2 * peer.0);
        let person = Person {
            room,
            client: Client::new(config),
            present: true,
            talks: false,
            external,
            up: Lane::new(self.options.up, seed),
            under_way: self.options.up.delay + self.options.up.jitter,
            down: Lane::new(self.options.down, seed + 1),
            published: BTreeMap::new(),
            sources: Vec::new(),
            wanted: BTreeMap::new(),
            heard: BTreeMap::new(),
        };
        self.people.insert(peer, person);
    }

    /// The engine sees the person at another address from now on; what is sent to the old one is lost.
    pub(crate) fn set_external(&mut self, peer: PeerId, external: SocketAddr) {
        if let Some(person) = self.people.get_mut(&peer) {
            self.addresses.remove(&person.external);
            person.external = external;
            self.addresses.insert(external, peer);
        }
    }

    /// Asks the engine, and gives its answer.
    ///
    /// # Panics
    /// When the engine does not answer at once.
    pub fn ask<T: Send + 'static>(&mut self, command: impl FnOnce(Reply<T>) -> Command) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        let reply = Reply::new(move |value| {
            let _ = sender.send(value);
        });
        self.tell(command(reply));
        receiver.try_recv().expect("the engine answers a command before it returns")
    }

    /// Tells the engine.
    pub fn tell(&mut self, command: Command) {
        inside(|| self.engines.handle_command(self.now, command, &mut self.outbox));
        self.after_engine();
    }

    /// Hands the engine a datagram of nobody's, or somebody's that was changed.
    pub fn inject(&mut self, from: SocketAddr, bytes: &[u8]) {
        let local = self.addresses.get(&from).map_or(self.server, |peer| self.engines.address_of(*peer));
        self.inject_on(Path { local, remote: from, tcp: false }, bytes);
    }

    /// The same, on a path that may be none of ours.
    pub fn inject_on(&mut self, path: Path, bytes: &[u8]) {
        self.checks.note_arrived(path.remote, bytes);
        let mut bytes = bytes.to_vec();
        let datagram = Datagram { path, bytes: &mut bytes };
        inside(|| self.engines.handle_datagram(self.now, datagram, &mut self.outbox));
        self.after_engine();
    }

    /// Runs for `time`.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// Runs until `condition` holds, for at most `time`. Tells whether it held.
    #[must_use]
    pub fn run_until(&mut self, time: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + time;
        while !condition(self) {
            if !self.step(until) {
                self.now = until;
                return condition(self);
            }
        }
        true
    }

    /// Goes to the next moment at which something happens. `false` when nothing does until `until`.
    fn step(&mut self, until: Instant) -> bool {
        let present = self.people.values_mut().filter(|person| person.present);
        let clients = present.filter_map(|person| person.client.next_deadline()).min();
        let Some(next) = [self.air.next_due(), self.engines.next_deadline(), clients].into_iter().flatten().min()
        else {
            return false;
        };
        if next > until {
            return false;
        }
        self.now = self.now.max(next);
        while let Some(flying) = self.air.take_due(self.now) {
            self.deliver(flying);
        }
        self.engine_timeout();
        let due: Vec<PeerId> = self.people.keys().copied().collect();
        for peer in due {
            self.client_timeout(peer);
        }
        assert!(self.air.len() <= MAX_IN_AIR, "somebody sends without end");
        true
    }
}
