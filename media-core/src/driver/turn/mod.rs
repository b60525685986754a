//! The relay with its sockets, on a thread of its own: TURN over UDP, TCP and TLS beside the media engine.

mod config;
mod network;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;
mod thread;

pub use config::TurnConfig;

use super::addresses::{self, LocalAddress, Offered};
use super::config::{DriverConfig, StartError};
use super::media_engine::MediaEngine;
use crate::turn::{Credential, OwnAddress, PeerPolicy, Secret, TurnCounters, TurnCredentials, TurnPolicy, TurnServer};
use mio::{Poll, Waker};
use network::Network;
use rustls::ServerConfig;
pub(super) use sockets::udp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use thread::{FIRST_TOKEN, Moved, Relay, Shared, WAKER};

/// What TLS is spoken with.
#[derive(Debug, Clone)]
pub struct TurnTls {
    /// Without protocols to negotiate (ALPN): clients of TURN name none, or one of their own.
    pub config: Arc<ServerConfig>,
    /// The name that the certificate is for. Clients compare it with the address they were told.
    pub name: String,
}

/// The relay, running. Dropping it stops it.
pub struct TurnService {
    credentials: TurnCredentials,
    config: TurnConfig,
    port: u16,
    /// The port and the name.
    tls_at: Option<(u16, String)>,
    urls: Mutex<Vec<String>>,
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
    shared: Arc<Shared>,
    /// What the thread was told last.
    told: Mutex<Moved>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl TurnService {
    /// Binds the ports and starts the thread. It relays to the sockets of `engine`, which was started with `driver`.
    ///
    /// # Errors
    /// When a port or the thread is not to be had, or the credentials cannot be used. Nothing is left running then.
    pub fn start(
        config: &TurnConfig,
        driver: &DriverConfig,
        engine: &MediaEngine,
        tls: Option<TurnTls>,
    ) -> Result<Self, StartError> {
        let secret = config.secret.clone().unwrap_or_else(|| Secret::from_random(rand::random()));
        let credentials = TurnCredentials::new(&*config.realm, config.users.iter().cloned(), &secret)
            .map_err(|e| StartError::Turn(e.to_string()))?;
        if config.relay_ports.is_empty() {
            return Err(StartError::Turn("there is no port in the range of relayed addresses".to_owned()));
        }
        let locals = addresses::local_addresses()?;
        let offered = addresses::choose(driver, &locals, addresses::route_to).offered;
        let listening = sockets::listen(config, &offered, tls.is_some())?;
        let port = listening.port;
        let tls_at = listening.tls_port.zip(tls.as_ref().map(|tls| tls.name.clone()));
        let urls = urls(config, &offered, port, named(tls_at.as_ref()));
        let told = Moved { peers: peers(config, engine, &locals, &offered), offered };
        let policy = TurnPolicy { limits: config.limits.clone(), peers: told.peers.clone() };

        let poll = Poll::new().map_err(StartError::Thread)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(StartError::Thread)?;
        let registry = poll.registry().try_clone().map_err(StartError::Thread)?;
        let tls = Arc::new(Mutex::new(tls.map(|tls| tls.config)));
        let offered = told.offered.clone();
        let network = Network::new(registry, config.clone(), offered, listening, Arc::clone(&tls), FIRST_TOKEN);
        let server = TurnServer::new(policy, credentials.clone(), rand::random(), thread::now());
        let relay = Relay::new(server, network.map_err(StartError::Thread)?, poll);
        let shared = Arc::new(Shared::default());
        let body = {
            let shared = Arc::clone(&shared);
            move || relay.run(&shared)
        };
        let thread = std::thread::Builder::new().name("turn".to_owned()).spawn(body).map_err(StartError::Thread)?;
        let (config, urls, told) = (config.clone(), Mutex::new(urls), Mutex::new(told));
        Ok(Self { credentials, config, port, tls_at, urls, tls, shared, told, waker, thread: Some(thread) })
    }

    /// Looks which addresses this machine has now, after [`MediaEngine::refresh_addresses`] did: clients find the relay there from now
    /// on, and what else listens at a new one is closed to them. Allocations stay as long as their addresses do. An address that could
    /// not be bound is tried again. Call it every few seconds: where nothing changed it costs a few calls of the kernel.
    ///
    /// # Errors
    /// When the addresses cannot be listed.
    pub fn refresh_addresses(&self, driver: &DriverConfig, engine: &MediaEngine) -> Result<(), StartError> {
        let locals = addresses::local_addresses()?;
        let mut offered = addresses::choose(driver, &locals, addresses::route_to).offered;
        let mut told = self.told.lock().unwrap_or_else(|e| e.into_inner());
        if offered.is_empty() {
            // They may come back. What this machine has besides is denied meanwhile.
            offered.clone_from(&told.offered);
        }
        let urls = urls(&self.config, &offered, self.port, named(self.tls_at.as_ref()));
        *self.urls.lock().unwrap_or_else(|e| e.into_inner()) = urls;
        let moved = Moved { peers: peers(&self.config, engine, &locals, &offered), offered };
        if moved != *told || self.shared.lacks_address.load(Ordering::Acquire) {
            told.clone_from(&moved);
            *self.shared.moved.lock().unwrap_or_else(|e| e.into_inner()) = Some(moved);
            let _ = self.waker.wake();
        }
        Ok(())
    }

    /// Where clients find it, as `turn:` and `turns:` addresses (RFC 7065). Few: browsers try every one.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.urls.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Credentials for a client, good from now on for the configured time. His allocations are counted by `user`.
    #[must_use]
    pub fn credential(&self, user: &str) -> Credential {
        self.credentials.issue(thread::now().unix_s, user, self.config.credential_ttl_s)
    }

    /// The counts, at most 100 ms old.
    #[must_use]
    pub fn counters(&self) -> TurnCounters {
        *self.shared.counters.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes another certificate for the connections to come.
    pub fn set_tls(&self, config: Arc<ServerConfig>) {
        *self.tls.lock().unwrap_or_else(|e| e.into_inner()) = Some(config);
    }
}

impl Drop for TurnService {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        let _ = self.waker.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the relay's thread had panicked");
        }
    }
}

impl std::fmt::Debug for TurnService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TurnService").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Looks whether the relay could be started, and tells where clients would find it. Binds the ports for a moment.
///
/// # Errors
/// When a port is not to be had.
pub fn turn_self_test(
    config: &TurnConfig,
    driver: &DriverConfig,
    tls_name: Option<&str>,
) -> Result<Vec<String>, StartError> {
    let locals = addresses::local_addresses()?;
    let offered = addresses::choose(driver, &locals, addresses::route_to).offered;
    let listening = sockets::listen(config, &offered, tls_name.is_some())?;
    Ok(urls(config, &offered, listening.port, listening.tls_port.zip(tls_name)))
}

fn named(tls_at: Option<&(u16, String)>) -> Option<(u16, &str)> {
    tls_at.map(|(port, name)| (*port, &**name))
}

fn peers(config: &TurnConfig, engine: &MediaEngine, locals: &[LocalAddress], offered: &[Offered]) -> PeerPolicy {
    let mut peers = PeerPolicy::default();
    peers.deny.clone_from(&config.deny);
    peers.allow.clone_from(&config.allow);
    peers.public_peers = config.public_peers;
    peers.hosts = locals.iter().map(|local| local.ip).chain(offered.iter().map(|one| one.public)).collect();
    let media = engine.addresses().into_iter().filter(|address| !address.tcp);
    let own: Vec<OwnAddress> = media.map(|one| OwnAddress { public: one.public, local: one.local }).collect();
    peers.set_own(&own);
    peers
}

/// What clients are told: one name, or of each IP version the address that the default route has, or the first.
fn urls(config: &TurnConfig, offered: &[Offered], port: u16, tls: Option<(u16, &str)>) -> Vec<String> {
    // Addresses for documentation (RFC 5737, RFC 3849): nothing is sent to them.
    let beyond: [IpAddr; 2] =
        [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1).into()];
    let best = |beyond: IpAddr| {
        let of_family = || offered.iter().filter(move |one| one.public.is_ipv4() == beyond.is_ipv4());
        let route = addresses::route_to(beyond);
        let routed = of_family().find(|one| Some(one.local) == route);
        // Browsers do not look for a relay on their own machine.
        let best = routed.or_else(|| of_family().find(|one| !one.public.is_loopback())).or_else(|| of_family().next());
        best.map(|one| one.public)
    };
    let bracketed = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    let named = |host: &str| host.parse().map_or_else(|_| host.to_owned(), bracketed);
    let hosts: Vec<String> = match &config.host {
        Some(host) => vec![named(host)],
        None => beyond.into_iter().filter_map(best).map(bracketed).collect(),
    };
    let mut urls = Vec::new();
    for (transport, _) in [("udp", config.udp), ("tcp", config.tcp)].into_iter().filter(|(_, on)| *on) {
        urls.extend(hosts.iter().map(|host| format!("turn:{host}:{port}?transport={transport}")));
    }
    if let Some((port, name)) = tls {
        let host = named(config.host.as_deref().unwrap_or(name));
        urls.push(format!("turns:{host}:{port}?transport=tcp"));
    }
    urls
}
