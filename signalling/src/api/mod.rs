//! Use cases: what can be asked for, once, whichever door it comes through. Each one looks at who asks, lets the [`House`] decide,
//! and carries out what follows.

mod announcements;
mod egress;
pub(crate) mod house;
mod housekeeping;
mod identity;
mod join;
mod layouts;
mod media;
mod moderate;
mod observe;
mod rates;
mod resource;
mod rtp;
mod snapshots;

pub use house::RoomView;
pub use observe::{RoomStatsView, ServerStatsView, WorkerView};
pub use snapshots::{ThumbnailView, ThumbnailsView};

pub(crate) use house::{Actor, Onlooker};
pub(crate) use media::OfferAsk;
pub(crate) use resource::{IfMatch, Patched, Pictures, PublishTarget, Started, WatchTarget};
pub(crate) use snapshots::{Page, snapshot_tag};

use crate::audit::AuditSink;
use crate::authn::{Caller, KeySet};
use crate::config::{ConfigError, IceServer, KeyConfig, SignallingConfig};
use crate::egress::EgressOrder;
use crate::engine_port::{Engine, EnginePort};
use crate::error::{ErrorCode, Refusal};
use crate::events::{EventIntake, EventSink};
use crate::identity::IdentityPort;
use crate::metrics::Metrics;
use crate::session::{CloseCode, Outbox, SocketId, Weight, outbox::Pushed};
use house::{Counted, Effect, Effects, House};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::AbortHandle;

/// The signalling of one server: its rooms and sessions, and the doors to them.
pub struct Signalling {
    pub(crate) config: SignallingConfig,
    pub(crate) metrics: Metrics,
    engine: Engine,
    intake: EventIntake,
    keys: RwLock<Arc<KeySet>>,
    core: Mutex<Core>,
    last_socket: AtomicU64,
    gate: rates::Gate,
    housekeeping: OnceLock<AbortHandle>,
    audit: OnceLock<Arc<dyn AuditSink>>,
    identity: OnceLock<Arc<dyn IdentityPort>>,
}

/// The state, and the sockets that its effects go to: one lock, so that everyone is told things in the order they happened.
struct Core {
    house: House,
    sockets: HashMap<SocketId, Arc<Outbox>>,
}

/// Where a client comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// It is a program or a page of this very machine.
    pub(crate) local: bool,
    /// Whose limits it is under; nobody's, of clients of this machine.
    pub(crate) address: Option<IpAddr>,
}

impl Signalling {
    /// Starts the signalling. Must be called within a Tokio runtime, which keeps it going.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn new(config: SignallingConfig, engine: Arc<dyn EnginePort>) -> Result<Arc<Self>, ConfigError> {
        Self::with_events(config, engine, EventIntake::new())
    }

    /// The same, with an intake of events that was made before, for engines that want their event sink when they start.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn with_events(
        config: SignallingConfig,
        engine: Arc<dyn EnginePort>,
        intake: EventIntake,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let keys = KeySet::new(&config.keys, config.audience.clone())?;
        let window = Duration::from_secs(u64::from(config.resume_window_s.0));
        let engine = Engine::new(engine);
        let signalling = Arc::new(Self {
            metrics: Metrics::new(engine.clone(), intake.clone()),
            core: Mutex::new(Core {
                house: House::new(config.limits.clone(), &config.announcements, window),
                sockets: HashMap::new(),
            }),
            gate: rates::Gate::new(&config.limits),
            config,
            engine,
            intake: intake.clone(),
            keys: RwLock::new(Arc::new(keys)),
            last_socket: AtomicU64::new(0),
            housekeeping: OnceLock::new(),
            audit: OnceLock::new(),
            identity: OnceLock::new(),
        });
        tokio::spawn(announcements::prepare_hold_music(Arc::downgrade(&signalling)));
        let task = tokio::spawn(housekeeping::run(Arc::downgrade(&signalling), intake));
        // It was created here, so nothing is set yet.
        let _ = signalling.housekeeping.set(task.abort_handle());
        Ok(signalling)
    }

    /// What the media engine calls with each event, from any of its threads. It never blocks; see [`crate::events`] for what
    /// happens when it is called faster than events can be handled.
    #[must_use]
    pub fn event_sink(&self) -> EventSink {
        self.intake.sink()
    }

    /// Keeps what is done to audiences there from now on, besides the log. The first one that is named stays.
    pub fn audit_to(&self, sink: Arc<dyn AuditSink>) {
        let _ = self.audit.set(sink);
    }

    /// Has proofs of who somebody is checked by this one from now on. The first one that is named stays.
    pub fn identify_by(&self, port: Arc<dyn IdentityPort>) {
        let _ = self.identity.set(port);
    }

    /// Gives `/metrics` the counters of another part of the server too.
    pub fn collect(&self, from: Box<dyn prometheus_client::collector::Collector>) {
        self.metrics.collect(from);
    }

    /// Takes nobody in any more, and tells everyone that the server stops in so many seconds.
    pub fn drain(&self, seconds: u64) {
        tracing::info!(seconds, "draining");
        self.with(|house, fx| house.drain(seconds, now(), fx));
    }

    /// Whether nobody is in any room. A stream is nobody.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.read(House::is_empty)
    }

    /// Ends every stream and closes every socket with 1012. What is in rooms stays with the engine until that stops.
    pub fn stop(&self) {
        self.with(House::end_all_streams);
        for outbox in self.lock().sockets.values() {
            outbox.close(CloseCode::Stopping);
        }
    }

    /// Replaces the keys that tokens are checked with. Sessions that are open stay open.
    ///
    /// # Errors
    /// When a key cannot be used, or there is none any more (that would open the server to everybody); the old ones stay then.
    pub fn reload_keys(&self, keys: &[KeyConfig]) -> Result<(), ConfigError> {
        let new = KeySet::new(keys, self.config.audience.clone())?;
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if new.is_empty() != held.is_empty() {
            let reason = "keys were added to a server without, or all were removed: restart it to change who is let in";
            return Err(ConfigError::BadKey { kid: String::new(), reason: reason.to_owned() });
        }
        *held = Arc::new(new);
        Ok(())
    }

    /// Who is let in, in plain words, for the operator at start.
    #[must_use]
    pub fn access_statement(&self) -> String {
        self.config.access_statement()
    }

    /// Whether there are no keys, so that no token is asked for.
    pub(crate) fn without_tokens(&self) -> bool {
        self.key_set().is_empty()
    }

    /// Who somebody is: by his token, or, where there are no keys, by where he comes from.
    pub(crate) fn identify(&self, token: Option<&str>, local: bool) -> Result<Caller, Refusal> {
        let keys = self.key_set();
        if keys.is_empty() {
            if self.config.open_access || local {
                return Ok(Caller::anybody());
            }
            return Err(Refusal::new(ErrorCode::AuthRequired, "This server lets in only clients on its own machine.")
                .remedy("Its operator can configure keys for access tokens, or open_access = true."));
        }
        let token = token.ok_or_else(|| {
            Refusal::new(ErrorCode::AuthRequired, "This server lets in nobody without an access token.")
        })?;
        keys.verify(token, unix_now_s()).and_then(Caller::try_from)
    }

    /// STUN and TURN servers for a client: the configured ones, and the engine's own with credentials for `user`.
    pub(crate) fn ice_servers(&self, user: &str) -> Vec<IceServer> {
        let configured = self.config.ice_servers.iter().cloned();
        configured.chain(self.engine.ice_servers(user)).collect()
    }

    fn key_set(&self) -> Arc<KeySet> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic in one use case must not end the others; the house changes a thing at once or not at all.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&House) -> T) -> T {
        look(&self.lock().house)
    }

    /// Changes the state, and carries out what follows before anybody else can.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut House, &mut Effects) -> T) -> T {
        let mut effects = Effects::new();
        let mut core = self.lock();
        let result = change(&mut core.house, &mut effects);
        for effect in effects {
            self.carry_out(&core, effect);
        }
        result
    }

    fn carry_out(&self, core: &Core, effect: Effect) {
        match effect {
            Effect::Tell { to, frame, weight } => {
                if core.sockets.get(&to).is_some_and(|outbox| outbox.push(frame, weight) == Pushed::Dropped) {
                    self.metrics.frames_dropped.inc();
                }
            }
            Effect::TellAll { frame } => {
                for outbox in core.sockets.values() {
                    outbox.push(frame.clone(), Weight::Kept);
                }
            }
            Effect::Close { socket, code } => {
                if let Some(outbox) = core.sockets.get(&socket) {
                    outbox.close(code);
                }
            }
            Effect::Engine(command) => self.engine.submit(command),
            Effect::StopStream(id) => self.engine.egress(EgressOrder::Stop { id }),
            Effect::Audit(record) => {
                record.log();
                if self.audit.get().is_some_and(|sink| !sink.keep(record)) {
                    self.metrics.audit_lost.inc();
                }
            }
            Effect::Count(Counted::Lost) => drop(self.metrics.sessions_lost.inc()),
            Effect::Count(Counted::Failed) => drop(self.metrics.sessions_failed.inc()),
            Effect::Count(Counted::Shown(what)) => self.metrics.shown(what),
        }
    }

    /// Registers a socket, if there is room for one more.
    pub(crate) fn open_socket(&self, origin: Origin) -> Result<(SocketId, Arc<Outbox>), Refusal> {
        origin.address.map_or(Ok(()), |from| self.may_open(from))?;
        let mut core = self.lock();
        if core.sockets.len() >= self.config.limits.sockets {
            origin.address.into_iter().for_each(|from| self.gate.close(from));
            return Err(Refusal::new(ErrorCode::ServerBusy, "This server has as many WebSockets as it takes."));
        }
        let id = SocketId(self.last_socket.fetch_add(1, Ordering::Relaxed));
        let outbox = Arc::new(Outbox::default());
        core.sockets.insert(id, outbox.clone());
        Ok((id, outbox))
    }

    /// Forgets a socket. Its session, if it held one, waits for its client.
    pub(crate) fn close_socket(
        &self,
        socket: SocketId,
        origin: Origin,
        peer: Option<colloquy_media_core::api::PeerId>,
    ) {
        if let Some(peer) = peer {
            self.with(|house, fx| house.detach(socket, peer, now(), fx));
        }
        if self.lock().sockets.remove(&socket).is_some() {
            origin.address.into_iter().for_each(|from| self.gate.close(from));
        }
    }

    /// Sockets, sessions and rooms.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let core = self.lock();
        let (sessions, rooms) = core.house.counts();
        (core.sockets.len(), sessions, rooms)
    }
}

impl Drop for Signalling {
    fn drop(&mut self) {
        if let Some(task) = self.housekeeping.get() {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Signalling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signalling")
    }
}

/// The clock of timers. Tokio's, so that tests can turn it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The clock of calendars, for tokens.
pub(crate) fn unix_now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Whether an address is this machine itself.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
