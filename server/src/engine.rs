//! The media engine, as the signalling wants it.

use crate::config::Config;
use anyhow::Result;
use colloquy_media_core::api::{Command, WorkerTotals};
use colloquy_signalling::{EnginePort, EventSink};
use std::sync::Arc;

/// The running media engine.
pub(crate) struct Engine;

impl Engine {
    /// Starts its workers.
    pub(crate) fn start(_config: &Config, _events: EventSink) -> Result<Arc<Self>> {
        Ok(Arc::new(Self))
    }

    /// What clients are offered, and what is wrong with it, a line each.
    pub(crate) fn findings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Ends its workers.
    pub(crate) fn stop(&self) {}
}

impl EnginePort for Engine {
    fn submit(&self, command: Command) {
        drop(command);
    }

    fn worker_stats(&self) -> Vec<WorkerTotals> {
        Vec::new()
    }
}

/// Tries the addresses and ports.
pub(crate) fn check(_config: &Config) -> Vec<crate::commands::check::Finding> {
    Vec::new()
}
