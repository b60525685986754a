//! Colloquy: its binary with the configuration that it is shipped with, or its parts as they are built into this program.

use super::programs::{self, Setting};
use super::websocket::WebSocket;
use super::whip::Endpoint;
use super::{About, Child, Participant, Placement, Published, Running, Stay, System};
use crate::load::fleet::Desk;
use crate::load::result::Signalling;
use crate::load::scenario::JoinBy;
use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long it may take to come up.
const START: Duration = Duration::from_secs(15);

/// Participants that a room's limit leaves room for by default, half of it being for those who come again.
const DEFAULT_ROOM: u32 = 250;
/// What the configuration has as `signalling.limits.sessions`.
const DEFAULT_SESSIONS: u32 = 5_000;

/// `colloquy serve`, or the `host` of this program.
#[derive(Debug)]
pub(super) struct Colloquy {
    binary: Option<PathBuf>,
    built_in: bool,
}

impl Colloquy {
    /// The binary; without a path the one beside this program.
    pub(super) fn new(binary: Option<PathBuf>) -> Self {
        let beside = std::env::current_exe().ok().map(|own| own.with_file_name("colloquy"));
        Self { binary: binary.or_else(|| beside.filter(|path| path.is_file())), built_in: false }
    }

    /// The engine and the signalling that this program is built with, without configuration file, TLS, page and logs.
    pub(super) fn built_in() -> Self {
        Self { binary: std::env::current_exe().ok(), built_in: true }
    }
}

impl System for Colloquy {
    fn name(&self) -> &'static str {
        if self.built_in { "host" } else { "colloquy" }
    }

    fn absent(&self) -> Option<String> {
        match &self.binary {
            Some(path) if path.is_file() => None,
            Some(path) => Some(format!("there is no {}", path.display())),
            None => {
                Some("there is no `colloquy` beside this program: cargo build --release -p colloquy-server".to_owned())
            }
        }
    }

    fn joins_by(&self, _by: JoinBy) -> bool {
        true
    }

    fn start(&self, place: &Placement) -> Result<Arc<dyn Running>> {
        let binary = self.binary.as_deref().context("it is absent")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, programs::tcp_port()?));
        let settings = settings(address, programs::udp_port()?, place);
        let mut child = Child::start(self.name(), binary, place, |command| {
            if self.built_in {
                command.args(["host", "--listen", &address.to_string()]);
            } else {
                command.arg("serve").envs(settings.iter().map(|(key, value, _)| (key, value)));
            }
        })?;
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(1))).build().into();
        let health = format!("http://{address}/healthz");
        child.wait(START, || agent.get(&health).call().is_ok())?;
        let api = format!("http://{address}/api/v1");
        let pids = vec![child.pid()];
        let about = if self.built_in {
            let settings = "in this program: 1 worker, no TURN, no page, no TLS".to_owned();
            About { version: env!("CARGO_PKG_VERSION").to_owned(), settings, pids }
        } else {
            let settings = programs::told("colloquy serve", &settings);
            About { version: programs::version(binary), settings, pids }
        };
        let endpoint = Endpoint::new(format!("{api}/whip/{{room}}"), format!("{api}/whep/{{room}}?audio=forward"));
        let websocket = match place.by {
            JoinBy::Usual => None,
            JoinBy::Websocket => Some(WebSocket::new(format!("ws://{address}/api/v1/ws"))?),
        };
        Ok(Arc::new(Server { _child: child, endpoint, websocket, about }))
    }
}

/// Environment, value, and why it is not left at its default.
fn settings(address: SocketAddr, media_port: u16, place: &Placement) -> Vec<Setting> {
    let mut settings = vec![
        ("COLLOQUY__HTTP__LISTEN", address.to_string(), "a free port"),
        ("COLLOQUY__MEDIA__PORT", media_port.to_string(), "a free port"),
        ("COLLOQUY__MEDIA__BIND", "[\"127.0.0.1\"]".to_owned(), "clients are on this machine"),
        ("COLLOQUY__MEDIA__INCLUDE_LOOPBACK", "always".to_owned(), "clients are on this machine"),
        ("COLLOQUY__TURN__ENABLED", "never".to_owned(), "no client needs a relay"),
        ("COLLOQUY__LOG__LEVEL", "warn".to_owned(), "as in production"),
    ];
    if place.largest_room > DEFAULT_ROOM {
        // Those who come again are there before those who are gone are missed.
        let room = (2 * place.largest_room).max(DEFAULT_SESSIONS).to_string();
        settings.push(("COLLOQUY__SIGNALLING__LIMITS__PARTICIPANTS_PER_ROOM", room.clone(), "so many take part"));
        settings.push(("COLLOQUY__LIMITS__PEERS_PER_ROOM", room.clone(), "so many take part"));
        settings.push(("COLLOQUY__SIGNALLING__LIMITS__SESSIONS", room, "so many take part"));
    }
    if place.core.is_some() {
        settings.push(("COLLOQUY__MEDIA__WORKERS", "1".to_owned(), "it has one core"));
        settings.push(("COLLOQUY__MEDIA__PIN", "false".to_owned(), "it is kept on its core by taskset"));
    }
    settings
}

struct Server {
    /// Ends when this is dropped.
    _child: Child,
    endpoint: Endpoint,
    /// Where participants join by it instead of WHIP and WHEP.
    websocket: Option<WebSocket>,
    about: About,
}

impl Running for Server {
    fn about(&self) -> &About {
        &self.about
    }

    /// WHEP shows everybody in a room, and knows no connection between a viewer and a publisher; by the WebSocket everybody chooses.
    fn echoes(&self) -> bool {
        self.websocket.is_none()
    }

    fn signalling(&self) -> Option<Signalling> {
        self.websocket.as_ref().map(WebSocket::measured)
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        match &self.websocket {
            Some(websocket) => websocket.publish(who, desk),
            None => self.endpoint.publish(who, desk),
        }
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        match &self.websocket {
            Some(websocket) => websocket.watch(who, whom, desk),
            None => self.endpoint.watch(who, whom, desk, true),
        }
    }
}
