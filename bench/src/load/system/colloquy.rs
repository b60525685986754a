//! Colloquy: its binary with the configuration that it is shipped with, or its parts as they are built into this program.

use super::lobby::Lobby;
use super::programs::{self, Setting};
use super::websocket::WebSocket;
use super::whip::Endpoint;
use super::{About, Child, Participant, Placement, Published, Running, Stay, System, mixes_only_real_sound};
use crate::host;
use crate::load::fleet::Desk;
use crate::load::result::Signalling;
use crate::load::scenario::{JoinBy, Scenario};
use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long it may take to come up.
const START: Duration = Duration::from_secs(15);

/// Where the configuration has its keys.
const KEYS: &str = "COLLOQUY__AUTH__KEYS";

/// Participants that a room's limit leaves room for by default, half of it being for those who come again.
const DEFAULT_ROOM: u32 = 250;
/// `mix.speakers` at most.
const MOST_HEARD: u32 = 16;
/// What the configuration has as `signalling.limits.sessions`.
const DEFAULT_SESSIONS: u32 = 5_000;

/// `colloquy serve`, or the `host` of this program.
#[derive(Debug)]
pub(super) struct Colloquy {
    binary: Option<PathBuf>,
    part: Part,
}

/// What of it is measured, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The server, as it forwards.
    Server,
    /// Engine and signalling, as this program has them.
    BuiltIn,
    /// The server, as it mixes sound: everybody hears one mix of all others.
    Mixing,
}

impl Colloquy {
    /// The binary; without a path the one beside this program.
    pub(super) fn new(binary: Option<PathBuf>) -> Self {
        let beside = std::env::current_exe().ok().map(|own| own.with_file_name("colloquy"));
        Self { binary: binary.or_else(|| beside.filter(|path| path.is_file())), part: Part::Server }
    }

    /// The same, with everybody's sound mixed for everybody.
    pub(super) fn mixing(binary: Option<PathBuf>) -> Self {
        Self { part: Part::Mixing, ..Self::new(binary) }
    }

    /// The engine and the signalling that this program is built with, without configuration file, TLS, page and logs.
    pub(super) fn built_in() -> Self {
        Self { binary: std::env::current_exe().ok(), part: Part::BuiltIn }
    }
}

impl System for Colloquy {
    fn name(&self) -> &'static str {
        match self.part {
            Part::Server => "colloquy",
            Part::BuiltIn => "host",
            Part::Mixing => "colloquy-mix",
        }
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

    fn lacks(&self, scenario: &Scenario) -> Option<String> {
        if self.part != Part::Mixing {
            return None;
        }
        let blurred = |_| "it mixes: of whom somebody heard what he was not to hear cannot be told".to_owned();
        mixes_only_real_sound(scenario).or_else(|| scenario.audience.map(blurred))
    }

    fn joins_by(&self, _by: JoinBy) -> bool {
        true
    }

    fn start(&self, place: &Placement) -> Result<Arc<dyn Running>> {
        let binary = self.binary.as_deref().context("it is absent")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, programs::tcp_port()?));
        let mut settings = settings(address, programs::udp_port()?, place);
        let mixes = self.part == Part::Mixing;
        if mixes {
            let heard = (place.largest_room / 2).clamp(1, MOST_HEARD).to_string();
            settings.push(("COLLOQUY__MIX__SPEAKERS", heard, "all are heard, as elsewhere; 3 by default"));
            settings.push(("COLLOQUY__MIX__THREADS", "1".to_owned(), "it has one core"));
        }
        let lobby = place.others.map(Lobby::new).transpose()?;
        let mut child = Child::start(self.name(), binary, place, |command| {
            if self.part == Part::BuiltIn {
                command.args(["host", "--listen", &address.to_string()]);
                command.envs(lobby.iter().map(|lobby| (host::KEY_VARIABLE, lobby.secret())));
            } else {
                command.arg("serve").envs(settings.iter().map(|(key, value, _)| (key, value)));
                command.envs(lobby.iter().map(|lobby| (KEYS, lobby.setting())));
            }
        })?;
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(1))).build().into();
        let health = format!("http://{address}/healthz");
        child.wait(START, || agent.get(&health).call().is_ok())?;
        let api = format!("http://{address}/api/v1");
        let pids = vec![child.pid()];
        let about = if self.part == Part::BuiltIn {
            let settings = "in this program: 1 worker, no TURN, no page, no TLS".to_owned();
            About { version: env!("CARGO_PKG_VERSION").to_owned(), settings, pids }
        } else {
            // The key itself is nobody's business.
            let key = lobby.iter().map(|_| (KEYS, "one".to_owned(), "who is what is told by tokens"));
            let settings = programs::told("colloquy serve", &settings.into_iter().chain(key).collect::<Vec<_>>());
            About { version: programs::version(binary), settings, pids }
        };
        let endpoint = Endpoint::new(format!("{api}/whip/{{room}}"), format!("{api}/whep/{{room}}?audio=forward"));
        let by_websocket = mixes || place.by == JoinBy::Websocket;
        let websocket = by_websocket.then(|| WebSocket::new(format!("ws://{address}/api/v1/ws"))).transpose()?;
        let websocket = websocket.map(|websocket| websocket.with_lobby(lobby));
        Ok(Arc::new(Server { _child: child, mixes, endpoint, websocket, about }))
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
    mixes: bool,
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

    fn mixes(&self) -> bool {
        self.mixes
    }

    fn signalling(&self) -> Option<Signalling> {
        self.websocket.as_ref().map(WebSocket::measured)
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        match &self.websocket {
            Some(websocket) if self.mixes => websocket.talk(who, desk),
            Some(websocket) => websocket.publish(who, desk),
            None => self.endpoint.publish(who, desk),
        }
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        match &self.websocket {
            Some(websocket) if self.mixes => websocket.listen(who, desk),
            Some(websocket) => websocket.watch(who, whom, desk),
            None => self.endpoint.watch(who, whom, desk, true),
        }
    }
}
