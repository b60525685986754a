//! The node among tasks: one lock, under which a message is decided, and from which it goes straight to the outboxes of its receivers.
//!
//! A lock and not a task of its own, because a decision takes about a microsecond: a queue before it would wake a task more for each message,
//! which costs more than the decision. Nothing is waited for under the lock, and components are called outside it.

use super::outbox::{All, End, Outbox, Pushed};
use super::settings::WireSettings;
use super::socketio::Peers;
use crate::backbone::Backbone;
use crate::envelope::NoMessage;
use crate::node::{
    Asker, CloseReason, ComponentId, ConnectionId, Counters, Dialect, Effect, Flow, Gate, Loss, Node, NodeId,
    NotConnected, Settings, Size, SlowReader, To,
};
use bytes::Bytes;
use slotmap::SecondaryMap;
use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often it is looked who did not come back.
const TICK: Duration = Duration::from_millis(500);

/// How often a server that stops looks whether the last connection is closed.
const CLOSING_POLL: Duration = Duration::from_millis(20);

/// A part of the server that answers messages: the registry, say.
pub trait Component: Send + Sync {
    /// Takes a message for its address. Called where the message came in, so it must not wait: what takes time goes to a task of its own,
    /// which keeps `reply` and answers when it is done.
    fn take(&self, text: Bytes, reply: Reply);
}

/// The way back to whoever sent a message to a component.
#[derive(Debug, Clone)]
pub struct Reply {
    hub: Weak<Hub>,
    asker: Asker,
}

impl Reply {
    /// Answers. A client that is away gets it on its return.
    pub fn send(&self, text: Bytes) {
        if let Some(hub) = self.hub.upgrade() {
            hub.change(|node| node.answer(self.asker, text));
        }
    }
}

/// The node and its connections.
pub struct Hub {
    state: Mutex<State>,
    pub(super) settings: WireSettings,
    domain: String,
    waiting: Arc<All>,
    /// Who speaks socket.io.
    pub(super) peers: Peers,
    own: Weak<Self>,
}

struct State {
    node: Node,
    outboxes: SecondaryMap<ConnectionId, Arc<Outbox>>,
    components: Vec<Arc<dyn Component>>,
    backbone: Option<Arc<dyn Backbone>>,
    is_stopping: bool,
}

/// A connection, and what waits to be sent on it.
pub(crate) type Place = (ConnectionId, Arc<Outbox>);

/// What is handed to a component once the lock is free.
type Handed = Vec<(Arc<dyn Component>, Bytes, Asker)>;

/// What there is and what happened.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// What the node counts.
    pub counters: Counters,
    /// What it looks after.
    pub size: Size,
    /// Bytes that wait to be sent.
    pub outbox_bytes: usize,
    /// Other nodes of the domain can be reached; never where there is no way to any.
    pub is_backbone_up: bool,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("domain", &self.domain).finish_non_exhaustive()
    }
}

impl Hub {
    /// A node that nobody is connected to. `seed` must not be guessable.
    #[must_use]
    pub fn new(settings: Settings, wires: WireSettings, gate: Box<dyn Gate>, seed: [u8; 32]) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            domain: settings.domain.clone(),
            waiting: All::new(wires.outbox_bytes_total),
            state: Mutex::new(State {
                node: Node::new(settings, gate, seed),
                outboxes: SecondaryMap::new(),
                components: Vec::new(),
                backbone: None,
                is_stopping: false,
            }),
            settings: wires,
            peers: Peers::default(),
            own: own.clone(),
        })
    }

    /// The domain that is served.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Lets a component answer for an address: `domain://registry.<domain>`, `global://registry`, a hyperty of the server's.
    pub fn mount(&self, address: &str, component: Arc<dyn Component>) {
        let mut state = self.lock();
        let id = ComponentId(u16::try_from(state.components.len()).unwrap_or(u16::MAX));
        state.components.push(component);
        state.node.mount(address, id);
    }

    /// Sends what a component says of its own to whoever hears it. Gives how many sessions that were.
    ///
    /// # Errors
    /// [`NoMessage`].
    pub fn publish(&self, text: &Bytes) -> Result<usize, NoMessage> {
        self.change(|node| node.publish(text))
    }

    /// From now on it is one of several nodes of its domain. `own` is a random number.
    pub fn join(&self, own: NodeId, backbone: Arc<dyn Backbone>) {
        self.lock().backbone = Some(backbone);
        self.change(|node| node.join(Instant::now(), own));
    }

    /// It is no longer one of them, and tells them.
    pub fn leave(&self) {
        self.change(Node::leave);
        self.lock().backbone = None;
    }

    /// Another node said something. A defect in taking it is counted, and costs no more than that.
    pub fn frame(&self, frame: &Bytes) {
        let now = Instant::now();
        self.change(|node| {
            if catch_unwind(AssertUnwindSafe(|| node.frame(now, frame))).is_err() {
                tracing::error!("a defect in the message node");
                node.count(Loss::Defect);
            }
        });
    }

    /// Figures for those who watch the server.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let state = self.lock();
        Figures {
            counters: state.node.counters(),
            size: state.node.size(),
            outbox_bytes: self.waiting.bytes(),
            is_backbone_up: state.backbone.as_ref().is_some_and(|backbone| backbone.is_up()),
        }
    }

    /// Looks, until it is dropped, who did not open a session in time and who did not come back.
    pub async fn look_after(self: Arc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = Instant::now();
            self.change(|node| node.handle_timeout(now));
            self.peers.sweep(&self, now);
        }
    }

    /// Takes nobody in any more, and closes all connections once what waits for them was sent.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.is_stopping = true;
        state.outboxes.values().for_each(|outbox| outbox.end(End::Stopping));
    }

    /// Waits until the last connection is closed.
    pub async fn emptied(&self) {
        while !self.lock().outboxes.is_empty() {
            tokio::time::sleep(CLOSING_POLL).await;
        }
    }

    pub(super) fn connect(&self, dialect: Dialect, origin: IpAddr) -> Result<Place, NotConnected> {
        self.admit(|node, now| node.connect(now, dialect, Some(origin)))
    }

    pub(super) fn connect_as(&self, dialect: Dialect, origin: IpAddr, runtime: &str) -> Result<Place, NotConnected> {
        self.admit(|node, now| node.connect_as(now, dialect, Some(origin), runtime))
    }

    /// What a client sent, in order. A defect in the node ends the connection, and is counted.
    pub(super) fn receive(&self, connection: ConnectionId, texts: &mut Vec<Bytes>) -> Flow {
        let now = Instant::now();
        let mut flow = Flow::Continue;
        let mut handed = Handed::new();
        {
            let mut state = self.lock();
            let result = catch_unwind(AssertUnwindSafe(|| {
                for text in texts.drain(..) {
                    flow = longer(flow, state.node.receive(now, connection, &text));
                }
            }));
            if result.is_err() {
                tracing::error!("a defect in the message node");
                texts.clear();
                state.node.count(Loss::Defect);
                state.outboxes.get(connection).iter().for_each(|outbox| outbox.end(End::Defect));
                flow = Flow::Stop;
            }
            self.settle(&mut state, &mut handed);
        }
        self.hand(handed);
        flow
    }

    /// A connection ended.
    pub(super) fn disconnected(&self, connection: ConnectionId, outbox: &Outbox) {
        self.change(|node| node.disconnected(Instant::now(), connection, outbox.take()));
        self.lock().outboxes.remove(connection);
    }

    fn admit(
        &self,
        enter: impl FnOnce(&mut Node, Instant) -> Result<ConnectionId, NotConnected>,
    ) -> Result<Place, NotConnected> {
        let mut handed = Handed::new();
        let mut state = self.lock();
        if state.is_stopping {
            return Err(NotConnected::Full);
        }
        let connection = enter(&mut state.node, Instant::now())?;
        let outbox = Arc::new(Outbox::new(self.settings.outbox_bytes, self.waiting.clone()));
        state.outboxes.insert(connection, outbox.clone());
        self.settle(&mut state, &mut handed);
        drop(state);
        self.hand(handed);
        Ok((connection, outbox))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Node) -> T) -> T {
        let mut handed = Handed::new();
        let mut state = self.lock();
        let result = change(&mut state.node);
        self.settle(&mut state, &mut handed);
        drop(state);
        self.hand(handed);
        result
    }

    /// Carries out what the node wants.
    fn settle(&self, state: &mut State, handed: &mut Handed) {
        let mut slow: Vec<ConnectionId> = Vec::new();
        while !state.node.is_drained() {
            let State { node, outboxes, components, backbone, .. } = &mut *state;
            let (mut dropped, mut untold) = (0, 0);
            for effect in node.drain() {
                match effect {
                    Effect::Send { to, text } => {
                        let Some(outbox) = outboxes.get(to) else { continue };
                        if outbox.push(text) == Pushed::Waits || slow.contains(&to) {
                            continue;
                        }
                        match self.settings.slow_reader {
                            SlowReader::Drop => {
                                outbox.unpush();
                                dropped += 1;
                            }
                            SlowReader::Close => slow.push(to),
                        }
                    }
                    Effect::Close { connection, why } => {
                        outboxes.get(connection).iter().for_each(|outbox| outbox.end(End::Node(why)));
                    }
                    Effect::Hand { component, asker, text } => {
                        let component = components.get(usize::from(component.0)).cloned();
                        handed.extend(component.map(|component| (component, text, asker)));
                    }
                    Effect::Tell { to, frame } => {
                        let told = backbone.as_ref().map(|backbone| backbone.send(to, frame));
                        // What is for all is said again to whoever missed it.
                        let is_lost = matches!(to, To::One(_)) && told != Some(Ok(()));
                        untold += usize::from(is_lost);
                    }
                }
            }
            for _ in 0..dropped {
                node.count(Loss::SlowReader);
            }
            for _ in 0..untold {
                node.count(Loss::Backbone);
            }
            for connection in slow.drain(..) {
                let Some(outbox) = outboxes.remove(connection) else { continue };
                outbox.end(End::Slow);
                node.count_slow();
                // What it did not read waits for its return, as far as that may.
                node.disconnected(Instant::now(), connection, outbox.take());
            }
        }
    }

    fn hand(&self, handed: Handed) {
        for (component, text, asker) in handed {
            component.take(text, Reply { hub: self.own.clone(), asker });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a defect left is whole enough to go on with: each change of the tables is made at once.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    /// The code of the WebSocket's close frame (RFC 6455 section 7.4), and what it says.
    pub(super) fn close_code(self) -> (u16, &'static str) {
        match self {
            Self::Node(CloseReason::Asked) | Self::Gone => (1000, "closed"),
            Self::Node(CloseReason::Replaced) => (4001, "the session has newer connections"),
            Self::Node(CloseReason::NotOpened) => (4002, "no session was opened in time"),
            Self::Slow => (4004, "the client does not read"),
            Self::Silent => (4005, "the client is silent"),
            Self::Stopping => (1001, "the server stops"),
            Self::Defect => (1011, "a defect in the server"),
            Self::NotTheProtocol => (1002, "this is not the protocol"),
            Self::TooLarge => (1009, "a message was too large"),
        }
    }
}

fn longer(one: Flow, other: Flow) -> Flow {
    match (one, other) {
        (Flow::Stop, _) | (_, Flow::Stop) => Flow::Stop,
        (Flow::Pause(one), Flow::Pause(other)) => Flow::Pause(one.max(other)),
        (Flow::Pause(wait), Flow::Continue) | (Flow::Continue, Flow::Pause(wait)) => Flow::Pause(wait),
        (Flow::Continue, Flow::Continue) => Flow::Continue,
    }
}
