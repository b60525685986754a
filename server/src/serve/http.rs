//! The HTTP server: the routes of the parts, and the page for everything else.

use super::first_bytes::FirstBytes;
use crate::config::Config;
use crate::tls::{self, Identity};
use crate::web::Web;
use anyhow::{Context as _, Error, Result, anyhow};
use axum::Router;
use axum::extract::Request;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a client may take to send the head of a request: slower ones hold a connection for nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long connections may take to end once they were told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The running HTTP server.
pub(super) struct HttpServer {
    handle: Handle<SocketAddr>,
    tls: Option<RustlsConfig>,
    task: JoinHandle<io::Result<()>>,
}

/// Takes the port.
pub(super) fn listen(config: &Config) -> Result<TcpListener> {
    let address = config.http.listen;
    let listener = TcpListener::bind(address).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "something listens there already: another server? http.listen names another address"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for root: take a higher one, or give the program CAP_NET_BIND_SERVICE"
            }
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            _ => "http.listen names another address",
        };
        anyhow!("cannot listen on {address}: {error} ({why})")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The page, for everything that nothing else is at.
pub(super) fn with_page(routes: Router) -> Router {
    let web = Web::default();
    routes.fallback(move |request: Request| {
        let web = web.clone();
        async move { web.answer(&request) }
    })
}

impl HttpServer {
    pub(super) fn start(
        config: &Config,
        listener: TcpListener,
        identity: Option<Identity>,
        app: Router,
    ) -> Result<Self> {
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        tracing::info!(listen = %config.http.listen, tls = identity.is_some(), "serving HTTP");
        // A frame of the WebSocket does not wait (TCP_NODELAY) until the client acknowledges the one before it, which it may take 40 ms for.
        let Some(identity) = identity else {
            let server = axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new());
            let mut server = server.map(in_time).handle(handle.clone());
            server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            return Ok(Self { handle, tls: None, task: tokio::spawn(server.serve(app)) });
        };
        let tls = RustlsConfig::from_config(identity.server_config()?);
        let server = axum_server::from_tcp_rustls(listener, tls.clone())?;
        let server = server.map(|tls| tls.acceptor(NoDelayAcceptor::new()));
        let mut server = server.map(in_time).handle(handle.clone());
        server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        Ok(Self { handle, tls: Some(tls), task: tokio::spawn(server.serve(app)) })
    }

    /// Waits for the end that nobody asked for, and says why.
    pub(super) async fn ended(&mut self) -> Error {
        match (&mut self.task).await {
            Ok(Ok(())) => anyhow!("the HTTP server ended"),
            Ok(Err(error)) => Error::new(error).context("the HTTP server failed"),
            Err(error) => Error::new(error).context("the HTTP server broke"),
        }
    }

    /// Reads the certificate again.
    pub(super) fn reload(&self, config: &Config) -> Result<()> {
        if let (Some(tls), Some(cert), Some(key)) = (&self.tls, &config.http.tls_cert, &config.http.tls_key) {
            tls.reload_from_config(tls::Identity::read(cert, key)?.server_config()?);
        }
        Ok(())
    }

    /// Ends every connection.
    pub(super) async fn stop(self) {
        self.handle.graceful_shutdown(Some(STOP_TIMEOUT));
        match self.task.await.context("the HTTP server broke") {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the HTTP server ended badly"),
            Err(error) => tracing::warn!("{error:#}"),
        }
    }
}

/// What is accepted must also begin to speak.
fn in_time<A>(inner: A) -> FirstBytes<A> {
    FirstBytes { inner, within: HEAD_TIMEOUT }
}
