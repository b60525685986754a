//! The reTHINK domain in the server: its message node, registries and catalogue, started, watched, and ended.

use crate::config::Config;
use anyhow::{Context, Result};
use axum::Router;
use colloquy_hyperty_adapter::backbone::Nats;
use colloquy_hyperty_adapter::catalogue::{self, Catalogue, LOOK_EVERY};
use colloquy_hyperty_adapter::clock::Clock;
use colloquy_hyperty_adapter::global::{self, GlobalRegistry};
use colloquy_hyperty_adapter::node::{Gate, NodeId, Open};
use colloquy_hyperty_adapter::policy::{NoIdentities, Policies, PolicyMetrics};
use colloquy_hyperty_adapter::registry::{self, Edge, Registry};
use colloquy_hyperty_adapter::wire::{self, Hub, NodeMetrics};
use colloquy_signalling::Signalling;
use colloquy_storage::{Database, Place};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long connections may take to end once they were told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What runs of the domain.
pub(super) struct Rethink {
    hub: Arc<Hub>,
    database: Arc<Database>,
    /// The registries' tasks end with it. None where another node has them.
    registries: Option<Edge>,
    /// The way to other nodes of the domain.
    backbone: Option<Nats>,
    routes: Router,
    watches: Vec<JoinHandle<()>>,
}

impl Rethink {
    /// Starts it, if the configuration has one.
    ///
    /// # Errors
    /// When its database cannot be opened, the folder of its catalogue cannot be read, or its policies are no good.
    pub(super) async fn start(config: &Config, signalling: &Signalling) -> Result<Option<Self>> {
        let Some((settings, wires)) = config.rethink() else { return Ok(None) };
        let place = config.rethink.place();
        tracing::info!(domain = settings.domain, registrations = %place, "the reTHINK domain is served");
        if place == Place::Memory && !config.is_local() {
            tracing::warn!(
                "reTHINK registrations are kept in memory, and lost when the server ends: rethink.database names a file"
            );
        }
        let database = Arc::new(Database::open(place).await?);
        let mut watches = Vec::new();
        let gate: Box<dyn Gate> = match config.rethink.policies() {
            None => Box::new(Open),
            Some(settings) => {
                let policies = Policies::open(settings, Box::new(NoIdentities), Clock::system())?;
                signalling.collect(Box::new(PolicyMetrics(policies.clone())));
                watches.push(tokio::spawn(policies.clone().watch()));
                Box::new(policies)
            }
        };
        let hub = Hub::new(settings, wires, gate, rand::random());
        signalling.collect(Box::new(NodeMetrics(hub.clone())));
        watches.push(tokio::spawn(hub.clone().look_after()));

        let registry = Arc::new(Registry::open(database.clone(), registry::Settings::default()).await?);
        let global = Arc::new(GlobalRegistry::new(database.clone(), global::Settings::default()));
        let clock = Clock::system();
        let mut routes = wire::router(&hub);
        let has_registries = config.rethink.has_registries();
        if has_registries {
            routes = routes.merge(global::rest::router(global.clone(), clock.clone()));
        }
        if let Some(writers) = config.rethink.registry_writers() {
            routes = routes.merge(registry::rest::router(registry.clone(), clock.clone(), writers));
        }
        if let Some(settings) = config.rethink.catalogue() {
            let catalogue = Arc::new(Catalogue::new(settings)?);
            routes = routes.merge(catalogue::http::router(catalogue::http::Doors::new(catalogue.clone())));
            watches.push(tokio::spawn(catalogue.watch(LOOK_EVERY)));
        }
        let registries = has_registries.then(|| Edge::start(&hub, registry, global, clock));
        let backbone = match config.rethink.nats() {
            Some(url) => Some(Nats::join(&hub, NodeId(rand::random()), url).await.context("rethink.backbone.nats")?),
            None => None,
        };
        Ok(Some(Self { hub, database, registries, backbone, routes, watches }))
    }

    /// The paths that it is at.
    pub(super) fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// Sends what waits, and closes all connections.
    pub(super) async fn stop(self) {
        self.hub.stop();
        if timeout(STOP_TIMEOUT, self.hub.emptied()).await.is_err() {
            tracing::warn!("some reTHINK clients did not take what was to be sent to them");
        }
        if let Some(backbone) = self.backbone {
            backbone.leave().await;
        }
        self.watches.iter().for_each(JoinHandle::abort);
        drop(self.registries);
        self.database.close().await;
    }
}
