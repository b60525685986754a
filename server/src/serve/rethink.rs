//! The message node in the server: started, watched, and ended.

use crate::config::Config;
use axum::Router;
use colloquy_hyperty_adapter::node::Open;
use colloquy_hyperty_adapter::wire::{self, Hub, NodeMetrics};
use colloquy_signalling::Signalling;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long connections may take to end once they were told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The running node.
pub(super) struct Rethink {
    hub: Arc<Hub>,
    watch: JoinHandle<()>,
}

impl Rethink {
    /// Starts it, if the configuration has one.
    pub(super) fn start(config: &Config, signalling: &Signalling) -> Option<Self> {
        let (settings, wires) = config.rethink()?;
        tracing::info!(domain = settings.domain, "the reTHINK message node runs");
        let hub = Hub::new(settings, wires, Box::new(Open), rand::random());
        signalling.collect(Box::new(NodeMetrics(hub.clone())));
        let watch = tokio::spawn(hub.clone().look_after());
        Some(Self { hub, watch })
    }

    /// The paths that it is at.
    pub(super) fn routes(&self) -> Router {
        wire::router(&self.hub)
    }

    /// Sends what waits, and closes all connections.
    pub(super) async fn stop(self) {
        self.hub.stop();
        if timeout(STOP_TIMEOUT, self.hub.emptied()).await.is_err() {
            tracing::warn!("some reTHINK clients did not take what was to be sent to them");
        }
        self.watch.abort();
    }
}
