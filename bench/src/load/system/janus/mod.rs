//! Janus with its VideoRoom: a publisher offers, Janus offers to a viewer; each has a WebSocket, a session and a handle. And, as a system of
//! its own, Janus with its AudioBridge.

mod bridge;
mod message;
mod session;

use super::programs::{self, Setting};
use super::socket::Sockets;
use super::{About, Child, Participant, Placement, Published, Running, Stay, System, mixes_only_real_sound};
use crate::load::fleet::Desk;
use crate::load::scenario::Scenario;
use anyhow::{Context as _, Result};
use bridge::Bridge;
use serde_json::{Value, json};
use session::Session;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long it may take to come up.
const START: Duration = Duration::from_secs(15);

/// Plugins of the package beside the two that are used, and transports that are not loaded.
const PLUGINS: [&str; 10] =
    ["duktape", "echotest", "lua", "nosip", "recordplay", "sip", "streaming", "textroom", "videocall", "voicemail"];
const TRANSPORTS: [&str; 5] = ["http", "mqtt", "nanomsg", "pfunix", "rabbitmq"];

/// What of Janus is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plugin {
    VideoRoom,
    AudioBridge,
}

impl Plugin {
    /// As files are named after it.
    fn name(self) -> &'static str {
        match self {
            Self::VideoRoom => "videoroom",
            Self::AudioBridge => "audiobridge",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::VideoRoom => Self::AudioBridge,
            Self::AudioBridge => Self::VideoRoom,
        }
    }
}

/// Janus, as its package installs it.
#[derive(Debug)]
pub(super) struct Janus {
    binary: Option<PathBuf>,
    plugin: Plugin,
}

impl Janus {
    /// The one that this machine has, with its VideoRoom.
    pub(super) fn new() -> Self {
        Self { binary: programs::find("janus"), plugin: Plugin::VideoRoom }
    }

    /// The same with its AudioBridge.
    pub(super) fn audio_bridge() -> Self {
        Self { plugin: Plugin::AudioBridge, ..Self::new() }
    }
}

impl System for Janus {
    fn name(&self) -> &'static str {
        match self.plugin {
            Plugin::VideoRoom => "janus",
            Plugin::AudioBridge => "audiobridge",
        }
    }

    fn lacks(&self, scenario: &Scenario) -> Option<String> {
        match self.plugin {
            Plugin::VideoRoom => None,
            Plugin::AudioBridge => mixes_only_real_sound(scenario),
        }
    }

    fn absent(&self) -> Option<String> {
        let missing = || format!("there is no `janus`: apt-get install janus (or {})", programs::REMEDY);
        self.binary.is_none().then(missing)
    }

    fn start(&self, place: &Placement) -> Result<Arc<dyn Running>> {
        let binary = self.binary.as_deref().context("it is absent")?;
        let port = programs::tcp_port()?;
        let settings = settings(place);
        for (file, text) in files(&settings, port, self.plugin) {
            let path = place.scratch.join(file);
            std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        let mut child = Child::start(self.name(), binary, place, |command| {
            command.arg(format!("--configs-folder={}", place.scratch.display()));
        })?;
        child.wait(START, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        let url = format!("ws://127.0.0.1:{port}");
        let sockets = Sockets::new()?;
        let info = Session::connect(&sockets, &url)?.ask(json!({ "janus": "info" }))?;
        let about = About {
            version: message::version(&info),
            settings: programs::told(&self.told(), &settings),
            pids: vec![child.pid()],
        };
        let gateway = Gateway {
            _child: child,
            sockets,
            url,
            about,
            largest_room: place.largest_room,
            rooms: Mutex::default(),
            address: programs::own_address().context("Janus leaves out loopback, and")?,
        };
        Ok(match self.plugin {
            Plugin::VideoRoom => Arc::new(gateway),
            Plugin::AudioBridge => Arc::new(Bridge(gateway)),
        })
    }
}

impl Janus {
    fn told(&self) -> String {
        let what = match self.plugin {
            Plugin::VideoRoom => "VideoRoom",
            Plugin::AudioBridge => "AudioBridge, rooms at 48 kHz,",
        };
        format!("{what} over WebSockets, Debian's package")
    }
}

/// What `janus.jcfg` says beside what is loaded.
fn settings(place: &Placement) -> Vec<Setting> {
    let mut settings = vec![
        ("general.debug_level", "3".to_owned(), "warnings and errors, as in production"),
        ("nat.ice_lite", "true".to_owned(), "for a server that every client reaches, as the others are set up"),
    ];
    if place.core.is_some() {
        settings.push(("general.event_loops", "1".to_owned(), "as many as cores; else a thread a peer"));
    }
    settings
}

/// Files of the configuration with their texts.
fn files(settings: &[Setting], port: u16, plugin: Plugin) -> Vec<(String, String)> {
    let mut main = String::new();
    for section in ["general", "nat"] {
        let own = settings.iter().filter_map(|(name, value, _)| Some((name.strip_prefix(section)?, value)));
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(main, "{section}: {{");
        for (name, value) in own {
            let _ = writeln!(main, "\t{} = {value}", name.trim_start_matches('.'));
        }
        main.push_str("}\n");
    }
    let list = |names: &[&str]| names.iter().map(|name| format!("libjanus_{name}.so")).collect::<Vec<_>>().join(",");
    let unused: Vec<&str> = PLUGINS.into_iter().chain([plugin.other().name()]).collect();
    let _ = writeln!(main, "plugins: {{\n\tdisable = \"{}\"\n}}", list(&unused));
    let _ = writeln!(main, "transports: {{\n\tdisable = \"{}\"\n}}", list(&TRANSPORTS));
    let sockets = format!(
        "general: {{\n\tjson = \"compact\"\n\tws = true\n\tws_port = {port}\n\tws_ip = \"127.0.0.1\"\n\twss = false\n}}\n"
    );
    vec![
        ("janus.jcfg".to_owned(), main),
        ("janus.transport.websockets.jcfg".to_owned(), sockets),
        (format!("janus.plugin.{}.jcfg", plugin.name()), "general: {\n}\n".to_owned()),
    ]
}

struct Gateway {
    /// Ends when this is dropped.
    _child: Child,
    sockets: Sockets,
    url: String,
    about: About,
    largest_room: u32,
    /// Rooms that were made.
    rooms: Mutex<HashSet<u32>>,
    /// The machine's: Janus has no candidates on loopback, and libnice sends by the interface of its candidate.
    address: Ipv4Addr,
}

impl Gateway {
    /// Makes a room, unless it was made before.
    fn room(&self, number: u32, create: &Value, session: &mut Session) -> Result<()> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.insert(number) {
            session.tell(create, None)?;
        }
        Ok(())
    }
}

impl Running for Gateway {
    fn about(&self) -> &About {
        &self.about
    }

    fn clients_at(&self) -> Ipv4Addr {
        self.address
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        let line = desk.publisher()?;
        let mut session = Session::open(&self.sockets, &self.url, message::PLUGIN)?;
        self.room(who.room, &message::create(who.room, self.largest_room), &mut session)?;
        let answered = session.tell(&message::publish(who), Some(message::jsep("offer", &line.offer()?)))?;
        line.accept(message::description(&answered, "answer")?)?;
        Ok(Box::new(session))
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        let line = desk.guest()?;
        let mut session = Session::open(&self.sockets, &self.url, message::PLUGIN)?;
        let offered = session.tell(&message::subscribe(who, whom), None)?;
        let answer = line.answer(&message::janus_begins(message::description(&offered, "offer")?))?;
        session.tell(&message::start(), Some(message::jsep("answer", &answer)))?;
        Ok(Box::new(session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_has_every_setting_in_its_section() {
        let place = Placement {
            core: Some(0),
            first: false,
            scratch: PathBuf::new(),
            largest_room: 2,
            by: Default::default(),
            others: None,
        };
        let files = |plugin| files(&settings(&place), 7188, plugin);
        let (bridge, files) = (files(Plugin::AudioBridge), files(Plugin::VideoRoom));
        let (_, main) = &files[0];
        assert!(
            main.starts_with("general: {\n\tdebug_level = 3\n\tevent_loops = 1\n}\nnat: {\n\tice_lite = true\n}\n")
        );
        assert!(main.contains("libjanus_audiobridge.so") && !main.contains("videoroom"));
        assert!(files[1].1.contains("ws_port = 7188") && files[2].0 == "janus.plugin.videoroom.jcfg");
        assert!(bridge[0].1.contains("libjanus_videoroom.so") && !bridge[0].1.contains("audiobridge"));
    }
}
