//! The media engine, as the signalling wants it.

use crate::config::{Config, Enabled, Loopback};
use crate::egress::Egress;
use crate::sounds::Sounds;
use crate::tls::{self, Identity};
use anyhow::{Context as _, Result};
use colloquy_media_core::api::{
    Command, PeerId, PlainAnswer, PlainAsk, PlainError, Reply, Snapshot, SnapshotAsk, SnapshotError, WorkerTotals,
};
use colloquy_media_core::driver::{DriverConfig, MAX_WORKERS, MediaEngine, TurnService, turn_self_test};
use colloquy_media_core::sound::{SoundAsk, SoundError, SoundReply};
use colloquy_media_core::turn::TurnCounters;
use colloquy_signalling::egress::EgressOrder;
use colloquy_signalling::{EnginePort, EventSink, IceServer};
use std::sync::Arc;

pub(crate) use colloquy_media_core::driver::{Finding, Severity};

/// The running media engine, and the relay beside it. The relay ends first.
pub(crate) struct Engine {
    turn: Option<TurnService>,
    sounds: Option<Sounds>,
    egress: Option<Arc<Egress>>,
    media: MediaEngine,
}

impl Engine {
    /// Starts its workers. They end when it is dropped. `identity` is the certificate of the page.
    pub(crate) fn start(config: &Config, identity: Option<&Identity>, events: EventSink) -> Result<Arc<Self>> {
        let driver = driver(config);
        let media = MediaEngine::start(&driver, events).context("the media engine cannot start")?;
        let sounds = config.announcements.sounds().map(Sounds::start).transpose()?;
        let egress = config.egress().map(Egress::start).transpose()?;
        if !config.wants_turn() {
            return Ok(Arc::new(Self { turn: None, sounds, egress, media }));
        }
        let tls = identity.and_then(|identity| identity.turn(config)).transpose()?;
        let turn = match TurnService::start(&config.relay(), &driver, &media, tls) {
            Ok(turn) => Some(turn),
            Err(error) if config.turn.enabled == Enabled::Auto => {
                tracing::warn!("clients are offered no TURN: {error}");
                None
            }
            Err(error) => return Err(error).context("the TURN relay cannot start (turn.enabled)"),
        };
        Ok(Arc::new(Self { turn, sounds, egress, media }))
    }

    /// Looks which addresses this machine has. `config` may advertise others than it did.
    pub(crate) fn refresh_addresses(&self, config: &Config) -> Result<()> {
        let driver = driver(config);
        if self.media.refresh_addresses(&driver)? {
            let count = self.media.addresses().len();
            tracing::info!(count, "this machine's addresses changed: clients are offered the new ones");
        }
        // Each time: what could not be bound is tried again, and addresses that are offered to nobody are denied to the relay's clients.
        if let Some(turn) = &self.turn {
            turn.refresh_addresses(&driver, &self.media)?;
        }
        Ok(())
    }

    /// The streams of rooms, where there may be any.
    pub(crate) fn streams(&self) -> Option<Arc<Egress>> {
        self.egress.clone()
    }

    /// Gives the memory of participants who have gone back to the system, when they were many.
    pub(crate) fn give_memory_back(&self) {
        self.media.give_memory_back();
    }

    /// Reads the certificate of the relay again.
    pub(crate) fn reload(&self, config: &Config) -> Result<()> {
        let identity = tls::identity(config)?;
        let tls = identity.as_ref().and_then(|identity| identity.turn(config)).transpose()?;
        if let (Some(turn), Some(tls)) = (&self.turn, tls) {
            turn.set_tls(tls.config);
        }
        Ok(())
    }
}

impl EnginePort for Engine {
    fn submit(&self, command: Command) {
        self.media.submit(command);
    }

    fn snapshot(&self, ask: SnapshotAsk, reply: Reply<Result<Snapshot, SnapshotError>>) {
        self.media.snapshot(ask, reply);
    }

    fn sound(&self, ask: SoundAsk, reply: SoundReply) {
        match (&self.sounds, &ask) {
            (Some(sounds), _) => sounds.make(ask, reply),
            (None, SoundAsk::File(_)) => reply.send(Err(SoundError::NoFiles)),
            (None, SoundAsk::Text(_)) => reply.send(Err(SoundError::NoSpeech)),
        }
    }

    fn plain(&self, peer: PeerId, ask: PlainAsk, reply: Reply<Result<PlainAnswer, PlainError>>) {
        self.media.plain(peer, ask, reply);
    }

    fn plain_here(&self, peer: PeerId, ask: PlainAsk, reply: Reply<Result<PlainAnswer, PlainError>>) {
        self.media.plain_here(peer, ask, reply);
    }

    fn egress(&self, order: EgressOrder) {
        match &self.egress {
            Some(egress) => egress.order(order),
            None => order.refuse(),
        }
    }

    fn worker_stats(&self) -> Vec<WorkerTotals> {
        self.media.worker_stats()
    }

    fn ice_servers(&self, user: &str) -> Vec<IceServer> {
        let Some(turn) = &self.turn else { return Vec::new() };
        let credential = turn.credential(user);
        vec![IceServer {
            urls: turn.urls(),
            username: Some(credential.username),
            credential: Some(credential.password),
        }]
    }

    fn turn_counters(&self) -> Option<TurnCounters> {
        self.turn.as_ref().map(TurnService::counters)
    }
}

/// Whether clients will be able to reach it. Needs the ports, so it must not run yet.
pub(crate) fn self_test(config: &Config) -> Vec<Finding> {
    let driver = driver(config);
    let mut findings = colloquy_media_core::driver::self_test(&driver);
    findings.extend(relay_test(config, &driver));
    findings
}

/// Where clients will find the relay.
fn relay_test(config: &Config, driver: &DriverConfig) -> Option<Finding> {
    if !config.wants_turn() {
        return None;
    }
    // A certificate that cannot be used is found elsewhere.
    let identity = tls::identity(config).ok().flatten();
    let tls = identity.and_then(|identity| identity.turn(config)?.ok());
    Some(match turn_self_test(&config.relay(), driver, tls.as_ref().map(|tls| &*tls.name)) {
        Ok(urls) => {
            Finding { severity: Severity::Note, text: format!("clients are offered TURN at {}", urls.join(", ")) }
        }
        Err(error) => {
            let auto = config.turn.enabled == Enabled::Auto;
            let severity = if auto { Severity::Warning } else { Severity::Error };
            Finding { severity, text: format!("clients are offered no TURN: {error}") }
        }
    })
}

/// How many workers there will be.
pub(crate) fn workers(config: &Config) -> usize {
    match config.media.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS),
        workers => usize::from(workers),
    }
}

fn driver(config: &Config) -> DriverConfig {
    let media = &config.media;
    DriverConfig {
        workers: workers(config),
        bind: media.bind.clone(),
        port: media.port,
        single_port: media.single_port,
        tcp: media.tcp,
        advertise: media.advertise.clone(),
        include_loopback: match media.include_loopback {
            // Behind a proxy on this machine, the page is local and its clients are not.
            Loopback::Auto => config.is_local() && media.advertise.is_empty(),
            Loopback::Always => true,
            Loopback::Never => false,
        },
        ice: config.ice_mode(),
        dtls: config.dtls_versions(),
        limits: config.engine_limits(),
        mixers: config.mix.threads(),
        mix: config.mix.settings(),
        snapshots: config.snapshots.interval(),
        isolation: config.isolation(),
        plain: config.plain(),
        // One that ends and the next may be there at the same time.
        programs: if config.egress.enabled { 2 * config.egress.max } else { 0 },
        pin: media.pin,
        seed: None,
    }
}
