//! The media engine, as the signalling wants it.

use crate::config::{Config, Loopback};
use anyhow::{Context as _, Result};
use colloquy_media_core::api::{Command, WorkerTotals};
use colloquy_media_core::driver::{DriverConfig, MAX_WORKERS, MediaEngine};
use colloquy_signalling::{EnginePort, EventSink};
use std::sync::Arc;

pub(crate) use colloquy_media_core::driver::{Finding, Severity};

/// The running media engine.
pub(crate) struct Engine(MediaEngine);

impl Engine {
    /// Starts its workers. They end when it is dropped.
    pub(crate) fn start(config: &Config, events: EventSink) -> Result<Arc<Self>> {
        let engine = MediaEngine::start(&driver(config), events).context("the media engine cannot start")?;
        Ok(Arc::new(Self(engine)))
    }
}

impl EnginePort for Engine {
    fn submit(&self, command: Command) {
        self.0.submit(command);
    }

    fn worker_stats(&self) -> Vec<WorkerTotals> {
        self.0.worker_stats()
    }
}

/// Whether clients will be able to reach it. Needs the ports, so it must not run yet.
pub(crate) fn self_test(config: &Config) -> Vec<Finding> {
    colloquy_media_core::driver::self_test(&driver(config))
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
        pin: media.pin,
        seed: None,
    }
}
