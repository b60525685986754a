//! The message node: sessions, one table of who owns and who hears an address, and the routes between them.
//!
//! Sans-IO: a [`Node`] is told what came (and when) and gives [`Effect`]s, which are drained after each call. It reads no clock and no
//! source of random numbers. The wires to clients are in [`crate::wire`].
//!
//! ```
//! use colloquy_hyperty_adapter::node::{Dialect, Effect, Node, Open, Settings};
//! use std::time::Instant;
//!
//! let mut node = Node::new(Settings::new("example.com"), Box::new(Open), [7; 32]);
//! let now = Instant::now();
//! let alice = node.connect(now, Dialect::Vertx, None).unwrap();
//! node.receive(now, alice, &br#"{"id":1,"type":"open","from":"runtime://example.com/a","to":"mn:/session"}"#[..].into());
//! let Some(Effect::Send { to, text }) = node.drain().next() else { panic!("an answer") };
//! assert_eq!(to, alice);
//! assert!(text.starts_with(br#"{"id":1,"type":"response","from":"mn:/session""#));
//! ```

mod allocate;
mod bucket;
mod cluster;
mod counters;
mod fault;
mod gate;
mod join;
mod route;
mod session;
mod sessions;
mod settings;
mod subscribe;
mod table;

pub use cluster::{ALIVE_EVERY, GONE_AFTER, NodeId, To};
pub use counters::{Counters, Loss};
pub use gate::{Decision, Gate, Open, Question};
pub use session::{ConnectionId, Dialect, SessionId};
pub use settings::{Limits, Settings, SlowReader, Takeover};

use bytes::Bytes;
use cluster::Cluster;
use rand::SeedableRng;
use rand::rngs::StdRng;
use session::{Connection, Session};
use slotmap::SlotMap;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use table::{Room, Table};
use thiserror::Error;

/// A part of the server that answers for an address: the registry, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ComponentId(pub u16);

/// Whom a component answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The session; null (as slotmap says) for one of another node of the domain, who is found by his address.
    pub session: SessionId,
    /// The connection that the message came by; null as well.
    pub connection: ConnectionId,
}

/// What is to be done. Nothing else is changed by the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a message. All that go to one connection go in the order of their effects.
    Send {
        /// To whom.
        to: ConnectionId,
        /// The message.
        text: Bytes,
    },
    /// Close a connection when what was to be sent before has been sent. [`Node::disconnected`] is to be called nevertheless.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        why: CloseReason,
    },
    /// Hand a message to a component; it answers through [`Node::answer`], if it does.
    Hand {
        /// To which.
        component: ComponentId,
        /// Who waits for the answer.
        asker: Asker,
        /// The message.
        text: Bytes,
    },
    /// Tell other nodes of the domain, in order. What cannot be told is dropped: they find that out.
    Tell {
        /// Whom.
        to: To,
        /// What [`Node::frame`] takes there.
        frame: Bytes,
    },
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client asked for it.
    Asked,
    /// The session has newer connections, as many as it may have.
    Replaced,
    /// It opened no session in time, or others wait that came later.
    NotOpened,
}

/// Whether more is read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// At once.
    Continue,
    /// After this time: the client sends faster than it may. Nothing of it is lost.
    Pause(Duration),
    /// No more.
    Stop,
}

/// Why a client cannot connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotConnected {
    /// What it gives as its runtime is no address of one.
    #[error("the runtime's URL is not of the form runtime://domain/id")]
    NoRuntime,
    /// The runtime has a session, and the client does not prove that it is its own.
    #[error("the runtime has a session that is connected from elsewhere")]
    InUse,
    /// There are as many sessions as there may be.
    #[error("there are as many sessions as there may be")]
    Full,
    /// The policy forbids it.
    #[error("the policy forbids it")]
    Policy,
}

/// The addresses that the node answers for itself.
#[derive(Debug)]
struct Names {
    /// `domain://msg-node.<domain>/`
    own: String,
    /// `domain://registry.<domain>`
    registry: String,
}

/// `global://registry`, without a slash.
const GLOBAL_REGISTRY: &str = "global://registry";

/// The node.
pub struct Node {
    settings: Settings,
    names: Names,
    gate: Box<dyn Gate>,
    rng: StdRng,
    connections: SlotMap<ConnectionId, Connection>,
    sessions: SlotMap<SessionId, Session>,
    runtimes: HashMap<Arc<str>, SessionId>,
    table: Table,
    components: HashMap<Box<str>, ComponentId>,
    /// Connections that have to open a session, and until when; those that have are skipped.
    opening: VecDeque<(Instant, ConnectionId)>,
    unopened: usize,
    /// Sessions whose clients are away, and until when; those that came back are skipped.
    leaving: VecDeque<(Instant, SessionId)>,
    waiting_bytes: usize,
    effects: Vec<Effect>,
    counters: Counters,
    /// The other nodes of the domain, if it is served by several.
    cluster: Option<Box<Cluster>>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sessions, addresses) = (self.sessions.len(), self.table.len());
        f.debug_struct("Node").field("sessions", &sessions).field("addresses", &addresses).finish_non_exhaustive()
    }
}

impl Node {
    /// A node without sessions. Tokens and allocated addresses are drawn from `seed`, which therefore must not be guessable.
    #[must_use]
    pub fn new(settings: Settings, gate: Box<dyn Gate>, seed: [u8; 32]) -> Self {
        let limits = &settings.limits;
        let room = Room {
            addresses: limits.addresses,
            owned: limits.addresses_per_session,
            heard: limits.subscriptions_per_session,
            hearers: limits.subscribers_per_address,
        };
        let names = Names {
            own: format!("domain://msg-node.{}/", settings.domain),
            registry: format!("domain://registry.{}", settings.domain),
        };
        Self {
            names,
            gate,
            rng: StdRng::from_seed(seed),
            connections: SlotMap::with_key(),
            sessions: SlotMap::with_key(),
            runtimes: HashMap::new(),
            table: Table::new(room),
            components: HashMap::new(),
            opening: VecDeque::new(),
            unopened: 0,
            leaving: VecDeque::new(),
            waiting_bytes: 0,
            effects: Vec::new(),
            counters: Counters::default(),
            cluster: None,
            settings,
        }
    }

    /// Lets a component answer for an address: with and without a slash at the end. No session can have it then.
    pub fn mount(&mut self, address: &str, component: ComponentId) {
        let address = address.trim_end_matches('/');
        self.components.insert(address.into(), component);
        self.table.note(&Arc::from(address));
    }

    /// What is to be done, in order.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.tell_news();
        self.effects.drain(..)
    }

    /// Whether there is nothing to drain.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.effects.is_empty() && !self.table.has_changed()
    }

    /// When [`Self::handle_timeout`] has something to do, at the earliest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let opening = self.opening.front().map(|(until, _)| *until);
        let leaving = self.leaving.front().map(|(until, _)| *until);
        let cluster = self.cluster.as_ref().map(|cluster| cluster.deadline());
        opening.into_iter().chain(leaving).chain(cluster).min()
    }

    /// How often something happened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Counts a message that its wire could not deliver, or that a client sent and nobody took.
    pub fn count(&mut self, why: Loss) {
        self.counters.lose(why);
    }

    /// Counts a connection that was closed because its client does not read.
    pub fn count_slow(&mut self) {
        self.counters.slow_closed += 1;
    }

    /// What there is.
    #[must_use]
    pub fn size(&self) -> Size {
        let away = self.sessions.values().filter(|session| session.waiting.is_some()).count();
        Size {
            sessions: self.sessions.len(),
            away,
            connections: self.connections.len(),
            addresses: self.table.len(),
            waiting_bytes: self.waiting_bytes,
            nodes: self.cluster.as_ref().map_or(0, |cluster| cluster.nodes()),
            remote_addresses: self.cluster.as_ref().map_or(0, |cluster| cluster.addresses()),
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }
}

/// What a node has to look after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Sessions.
    pub sessions: usize,
    /// Those of them whose clients are away.
    pub away: usize,
    /// Connections.
    pub connections: usize,
    /// Addresses that somebody has or hears.
    pub addresses: usize,
    /// Bytes that wait for clients that are away.
    pub waiting_bytes: usize,
    /// Other nodes of the domain.
    pub nodes: usize,
    /// Addresses that their sessions have or hear.
    pub remote_addresses: usize,
}
