//! The real media engine and the real signalling on loopback, in this process: for tests, and for the load harness where the
//! `colloquy` binary was not built.

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use colloquy_media_core::api::{Command, DtlsVersions, IceMode, WorkerTotals};
use colloquy_media_core::driver::{DriverConfig, MediaEngine};
use colloquy_signalling::{EnginePort, EventIntake, KeyAlgorithm, KeyConfig, Signalling, SignallingConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The environment variable that a host which is a child has the secret of its key from.
pub const KEY_VARIABLE: &str = "COLLOQUY_BENCH_HOST_KEY";

/// The key that access tokens are signed with, of this secret.
#[must_use]
pub fn key(secret: String) -> KeyConfig {
    let (public_key_pem, private_key_pem) = (None, None);
    KeyConfig {
        kid: "bench".to_owned(),
        algorithm: KeyAlgorithm::Hs256,
        secret: Some(secret),
        public_key_pem,
        private_key_pem,
    }
}

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Where HTTP is served; port 0 takes what is free.
    pub listen: SocketAddr,
    /// As the engine's.
    pub ice: IceMode,
    /// As the engine's.
    pub dtls: DtlsVersions,
    /// Media threads.
    pub workers: usize,
    /// Keys of access tokens; without any, everybody on this machine is let in.
    pub keys: Vec<KeyConfig>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ice: IceMode::default(),
            dtls: DtlsVersions::default(),
            workers: 1,
            keys: Vec::new(),
        }
    }
}

struct Port(MediaEngine);

impl EnginePort for Port {
    fn submit(&self, command: Command) {
        self.0.submit(command);
    }

    fn worker_stats(&self) -> Vec<WorkerTotals> {
        self.0.worker_stats()
    }
}

/// A running server. Dropping it ends it.
pub struct Host {
    address: SocketAddr,
    signalling: Arc<Signalling>,
    engine: Arc<Port>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts it, within a Tokio runtime.
    ///
    /// # Errors
    /// When a port is not to be had.
    pub async fn start(options: &HostOptions) -> Result<Self> {
        let config = DriverConfig {
            workers: options.workers,
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port: 0,
            include_loopback: true,
            ice: options.ice,
            dtls: options.dtls,
            ..DriverConfig::default()
        };
        let intake = EventIntake::new();
        let engine = MediaEngine::start(&config, intake.sink()).context("the media engine does not start")?;
        let engine = Arc::new(Port(engine));
        let port: Arc<dyn EnginePort> = engine.clone();
        let signalling = Signalling::with_events(
            SignallingConfig { keys: options.keys.clone(), ..SignallingConfig::default() },
            port,
            intake,
        )?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        // As the server does it. One that cannot be told so is only slower.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let service = signalling.router().into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            // It ends only when the task is aborted.
            let _ = axum::serve(listener, service).await;
        });
        Ok(Self { address, signalling, engine, task })
    }

    /// Where its HTTP is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The signalling.
    #[must_use]
    pub fn signalling(&self) -> &Arc<Signalling> {
        &self.signalling
    }

    /// The counts of every worker.
    #[must_use]
    pub fn worker_stats(&self) -> Vec<WorkerTotals> {
        self.engine.worker_stats()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.signalling.stop();
        self.task.abort();
    }
}
