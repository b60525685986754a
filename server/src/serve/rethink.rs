//! The reTHINK domain in the server: its message node, registries and catalogue, started, watched, and ended.

use crate::config::Config;
use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use colloquy_hyperty_adapter::backbone::Nats;
use colloquy_hyperty_adapter::catalogue::http::Doors;
use colloquy_hyperty_adapter::catalogue::{self, Catalogue, LOOK_EVERY};
use colloquy_hyperty_adapter::clock::Clock;
use colloquy_hyperty_adapter::global::{self, GlobalRegistry};
use colloquy_hyperty_adapter::identity::proxy::PROTOCOLS;
use colloquy_hyperty_adapter::identity::{Provider, Vouched};
use colloquy_hyperty_adapter::node::{Gate, NodeId, Open};
use colloquy_hyperty_adapter::policy::{Policies, PolicyMetrics};
use colloquy_hyperty_adapter::registry::{self, Edge, Registry};
use colloquy_hyperty_adapter::wire::{self, Hub, NodeMetrics};
use colloquy_signalling::Signalling;
use colloquy_storage::{Database, Place};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower::ServiceExt as _;

/// How long connections may take to end once they were told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What runs of the domain.
pub(super) struct Rethink {
    hub: Arc<Hub>,
    database: Arc<Database>,
    /// Who policies say that senders are.
    vouched: Arc<Vouched>,
    /// The registries' tasks end with it. None where another node has them.
    registries: Option<Edge>,
    /// The way to other nodes of the domain.
    backbone: Option<Nats>,
    routes: Router,
    catalogue: Option<(Arc<Catalogue>, String)>,
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
        let vouched = Arc::new(Vouched::default());
        let gate: Box<dyn Gate> = match config.rethink.policies() {
            None => Box::new(Open),
            Some(settings) => {
                let policies = Policies::open(settings, Box::new(vouched.clone()), Clock::system())?;
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
        let issuer = config.identity().map(|identity| identity.issuer);
        let catalogue = match config.rethink.catalogue(issuer) {
            Some(settings) => {
                let host = settings.places.catalogue.clone();
                let catalogue = Arc::new(Catalogue::new(settings)?);
                watches.push(tokio::spawn(catalogue.clone().watch(LOOK_EVERY)));
                Some((catalogue, host))
            }
            None => None,
        };
        let registries = has_registries.then(|| Edge::start(&hub, registry, global, clock));
        let backbone = match config.rethink.nats() {
            Some(url) => Some(Nats::join(&hub, NodeId(rand::random()), url).await.context("rethink.backbone.nats")?),
            None => None,
        };
        Ok(Some(Self { hub, database, vouched, registries, backbone, routes, catalogue, watches }))
    }

    /// The paths that it is at.
    pub(super) fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// Has policies know whom a provider vouches for.
    pub(super) fn identify_by(&self, provider: Arc<Provider>) {
        self.vouched.ask(provider);
    }

    /// Where what is registered is kept.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Puts the catalogue before everything else: on its own host name all of `/.well-known/` is its, elsewhere it leaves the identity provider's
    /// proxies alone.
    pub(super) fn before(&self, app: Router) -> Router {
        let Some((catalogue, host)) = &self.catalogue else { return app };
        let doors = Doors::new(catalogue.clone());
        let own = OwnHost { host: host.as_str().into(), routes: catalogue::http::host_router(doors.clone()) };
        catalogue::http::beside(doors, app, &PROTOCOLS).layer(from_fn_with_state(own, on_own_host))
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

/// The catalogue by its own host name.
#[derive(Clone)]
struct OwnHost {
    host: Arc<str>,
    routes: Router,
}

async fn on_own_host(State(own): State<OwnHost>, request: Request, next: Next) -> Response {
    // In HTTP/2 the host is in the address.
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let is_its = named.is_some_and(|named| named.eq_ignore_ascii_case(&own.host) || without_port(named, &own.host));
    if !is_its || !request.uri().path().starts_with("/.well-known") {
        return next.run(request).await;
    }
    let Ok(response) = own.routes.oneshot(request).await;
    response
}

/// Whether `named` is `host` with a port: behind a proxy the one that clients use, or the server's own.
fn without_port(named: &str, host: &str) -> bool {
    let rest = named.get(..host.len()).filter(|name| name.eq_ignore_ascii_case(host)).and(named.get(host.len()..));
    rest.and_then(|rest| rest.strip_prefix(':')).is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}
