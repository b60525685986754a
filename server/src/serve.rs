//! `colloquy serve`: parts, run, drain.

mod banner;
mod first_bytes;
mod hls;
mod http;
mod identity;
mod rethink;
mod signals;

use crate::audit::AuditFile;
use crate::config::{self, Config};
use crate::engine::{self, Engine};
use crate::exit::Exit;
use crate::{logs, tls};
use anyhow::{Context as _, Result};
use colloquy_signalling::{EventIntake, Signalling};
use http::HttpServer;
use identity::Identity;
use rethink::Rethink;
use signals::{Asked, Signals};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

pub(crate) const HELP: &str = "Without a configuration it serves this machine only, on http://127.0.0.1:8080.

  SIGTERM, Ctrl-C  drains: takes nobody in any more, tells the clients, and ends when the calls
                   have ended, after `drain_s` at the latest. The second one ends it at once.
  SIGHUP           reads the certificate, the keys and the advertised addresses again, without
                   ending a call, and opens the audit file again.

Examples:
  colloquy serve
  colloquy serve --config colloquy.toml
  COLLOQUY__MEDIA__PORT=30000 colloquy serve     any key of the file, from the environment";

/// How often this machine's addresses are looked at, and whether memory is to be given back. Clients are without a way for longer when
/// the addresses change.
const LOOK: Duration = Duration::from_secs(5);

/// How often a draining server looks whether the last one has left.
const IDLE_POLL: Duration = Duration::from_millis(100);

/// Runs the server until it is asked to stop.
pub(crate) fn run(config: &Config, file: Option<&Path>) -> Result<Exit> {
    logs::start(&config.log)?;
    // A WebSocket is a file to the system, and the usual limit of 1,024 is below signalling.limits.sockets.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("colloquy-http").build();
    runtime.context("no threads for HTTP")?.block_on(serve(config, file))
}

async fn serve(config: &Config, file: Option<&Path>) -> Result<Exit> {
    let mut signals = Signals::new()?;
    // The port first: where a server runs already, this one ends before it has touched anything.
    let listener = http::listen(config)?;
    let identity = tls::identity(config)?;
    let audit = config.audit.file.as_deref().map(AuditFile::open).transpose()?.map(Arc::new);
    let findings = engine::self_test(config);
    let events = EventIntake::new();
    let engine = Engine::start(config, identity.as_ref(), events.sink())?;
    let signalling = Signalling::with_events(config.signalling(), engine.clone(), events)?;
    if let Some(audit) = &audit {
        signalling.audit_to(audit.clone());
    }
    let rethink = Rethink::start(config, &signalling).await?;
    let provider = Identity::start(config, &signalling, rethink.as_ref().map(Rethink::database)).await?;
    if let (Some(rethink), Some(identity)) = (&rethink, &provider) {
        rethink.identify_by(identity.provider());
    }
    let routes = signalling.router().merge(engine.streams().map(hls::routes).unwrap_or_default());
    let routes = routes.merge(rethink.as_ref().map(Rethink::routes).unwrap_or_default());
    let routes = routes.merge(provider.as_ref().map(Identity::routes).unwrap_or_default());
    let mut app = http::with_page(routes);
    if let Some(rethink) = &rethink {
        app = rethink.before(app);
    }
    let mut server = HttpServer::start(config, listener, identity, app)?;
    banner::print(config, &findings, &signalling.access_statement());

    // What a reload advertises holds from then on.
    let mut advertised = config.clone();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => {
                    audit.iter().for_each(|audit| audit.reopen());
                    if let Some(config) = reload(file, &signalling, &server, &engine) {
                        advertised.media.advertise = config.media.advertise;
                    }
                    refresh_addresses(&engine, &advertised);
                }
            },
            _ = look.tick() => {
                refresh_addresses(&engine, &advertised);
                engine.give_memory_back();
            }
            ended = server.ended() => return Err(ended),
        }
    }

    let exit = tokio::select! {
        () = drain(config.drain_s, &signalling) => Exit::Ok,
        () = signals.stop_again() => {
            tracing::warn!("asked twice to stop: ending at once");
            Exit::Failure
        }
    };
    signalling.stop();
    if let Some(provider) = provider {
        provider.stop().await;
    }
    if let Some(rethink) = rethink {
        rethink.stop().await;
    }
    server.stop().await;
    if let Some(streams) = engine.streams() {
        streams.finish();
    }
    // The last one holds it; its threads end with it.
    drop(signalling);
    drop(engine);
    audit.iter().for_each(|audit| audit.close());
    tracing::info!("stopped");
    Ok(exit)
}

/// Waits until nobody is in a room, for `drain_s` at the longest.
async fn drain(drain_s: u64, signalling: &Signalling) {
    signalling.drain(drain_s);
    if !signalling.is_idle() {
        eprintln!("Draining: waiting up to {drain_s} s for the calls to end. Once more ends them now.");
    }
    let empty = async {
        while !signalling.is_idle() {
            tokio::time::sleep(IDLE_POLL).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(drain_s), empty).await.is_err() {
        tracing::warn!(drain_s, "calls were still going on: they end now");
    }
}

/// Lists the addresses of this machine's interfaces: a call of the kernel of some 50 us.
fn refresh_addresses(engine: &Engine, config: &Config) {
    if let Err(error) = engine.refresh_addresses(config) {
        tracing::warn!("this machine's addresses could not be read: {error:#}");
    }
}

/// Reads the certificate and the keys again. What cannot be used is said, and the old stays. Gives the configuration, if it could
/// be read.
fn reload(file: Option<&Path>, signalling: &Arc<Signalling>, server: &HttpServer, engine: &Engine) -> Option<Config> {
    let config = match config::load(file) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!("nothing was reloaded: {error:#}");
            return None;
        }
    };
    // Each by itself: a key that leaked must go even while a certificate is half renewed.
    match signalling.reload_keys(&config.auth.keys) {
        Ok(()) => tracing::info!("the keys were read again"),
        Err(error) => tracing::error!("the keys stay as they were: {error:#}"),
    }
    match server.reload(&config).and_then(|()| engine.reload(&config)) {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => tracing::error!("the certificate stays as it was: {error:#}"),
    }
    Some(config)
}
