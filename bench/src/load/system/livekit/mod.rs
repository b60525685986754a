//! LiveKit: a publisher offers, LiveKit offers to a viewer; candidates come after the descriptions.
//!
//! Who publishes and watches is two participants, each with one peer connection: the same packets as of one with two.

mod message;
mod token;
mod wire;

use super::programs::{self, Setting};
use super::socket::{Message, Socket, Sockets};
use super::{About, Child, Participant, Placement, Published, Running, Stay, System};
use crate::load::fleet::{Desk, Line};
use anyhow::{Context as _, Result, bail};
use message::Said;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};
use token::May;

/// How long it may take to come up.
const START: Duration = Duration::from_secs(20);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between signs of life, as LiveKit's own clients give them.
const PING: Duration = Duration::from_secs(5);
/// News that a join did not fetch yet; it waits for one of a few.
const NEWS: usize = 64;
/// The key that tokens are signed with, and its name. LiveKit wants 32 characters.
const KEY: (&str, &str) = ("bench", "a-secret-of-this-measurement-only");

/// LiveKit's server.
#[derive(Debug)]
pub(super) struct LiveKit {
    binary: Option<PathBuf>,
}

impl LiveKit {
    /// The one that this machine has.
    pub(super) fn new() -> Self {
        Self { binary: programs::find("livekit-server") }
    }
}

impl System for LiveKit {
    fn name(&self) -> &'static str {
        "livekit"
    }

    fn absent(&self) -> Option<String> {
        self.binary.is_none().then(|| format!("there is no `livekit-server`: {} (it wants Go)", programs::REMEDY))
    }

    fn start(&self, place: &Placement) -> Result<Arc<dyn Running>> {
        let binary = self.binary.as_deref().context("it is absent")?;
        let (port, media_port) = (programs::tcp_port()?, programs::udp_port()?);
        let settings = settings(media_port);
        let path = place.scratch.join("livekit.yaml");
        std::fs::write(&path, file(&settings, port))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        let mut child = Child::start(self.name(), binary, place, |command| {
            command.arg("--config").arg(&path);
        })?;
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(1))).build().into();
        child.wait(START, || agent.get(format!("http://127.0.0.1:{port}/")).call().is_ok())?;
        let about = About {
            version: programs::version(binary),
            settings: programs::told("livekit-server, one node", &settings),
            pids: vec![child.pid()],
        };
        Ok(Arc::new(Server {
            _child: child,
            sockets: Sockets::new()?,
            url: format!("ws://127.0.0.1:{port}/rtc"),
            about,
        }))
    }
}

/// What `livekit.yaml` says beside its port and key.
fn settings(media_port: u16) -> Vec<Setting> {
    vec![
        ("rtc.udp_port", media_port.to_string(), "as many ports as cores, as its sample configuration advises"),
        ("rtc.use_ice_lite", "true".to_owned(), "connects faster; for servers that are behind no NAT"),
        ("rtc.use_external_ip", "false".to_owned(), "clients are on this machine"),
        ("rtc.node_ip", "127.0.0.1".to_owned(), "clients are on this machine"),
        ("rtc.enable_loopback_candidate", "true".to_owned(), "clients are on this machine"),
        ("logging.level", "warn".to_owned(), "as in production"),
    ]
}

/// The configuration. Sections come together.
fn file(settings: &[Setting], port: u16) -> String {
    let mut text = format!("port: {port}\nbind_addresses: [\"127.0.0.1\"]\nkeys:\n  {}: {}\n", KEY.0, KEY.1);
    let mut section = "";
    for (name, value, _) in settings {
        let (of, name) = name.split_once('.').unwrap_or(("", name));
        if of != section {
            section = of;
            let _ = writeln!(text, "{section}:");
        }
        // Writing to a String cannot fail, here and above.
        let _ = writeln!(text, "  {name}: {value}");
        if name == "enable_loopback_candidate" {
            text.push_str("  ips:\n    includes: [\"127.0.0.1/32\"]\n");
        }
    }
    text
}

struct Server {
    /// Ends when this is dropped.
    _child: Child,
    sockets: Sockets,
    url: String,
    about: About,
}

/// What a join waits for.
enum News {
    Joined,
    Answered(Result<()>),
    /// An offer was answered that sends so many tracks.
    Offered(Result<usize>),
    Left(u64),
}

impl Server {
    /// Opens a participant's socket. Whatever comes is given to the client, as long as the socket lasts.
    fn open(&self, who: &Participant, identity: &str, may: May, line: Line) -> Result<Session> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let token = token::token(KEY, &who.room_name(), identity, may, since.as_secs());
        let url = format!("{}?access_token={token}&auto_subscribe=1&protocol=15", self.url);
        let (sender, news) = sync_channel(NEWS);
        let take = move |message: Message| match message {
            Message::Binary(bytes) => take(&bytes, &line, &sender),
            _ => Vec::new(),
        };
        let socket = self.sockets.open(&url, None, Box::new(take))?;
        socket.repeat(PING, Message::binary(message::ping()))?;
        let session = Session { socket, news };
        session.wait(|news| matches!(news, News::Joined).then_some(Ok(())))?;
        Ok(session)
    }
}

/// Does what a message of the server asks for. Gives what is to be sent.
fn take(bytes: &[u8], line: &Line, sender: &SyncSender<News>) -> Vec<Message> {
    let mut replies = Vec::new();
    let news = match message::read(bytes) {
        Some(Said::Joined) => News::Joined,
        Some(Said::Answer(sdp)) => News::Answered(line.accept(sdp)),
        Some(Said::Offer { sdp, id }) => News::Offered(line.answer(sdp).map(|answer| {
            replies.push(Message::binary(message::answer(&answer, id)));
            message::sent_tracks(sdp)
        })),
        Some(Said::Candidate(init)) => {
            if let Some(candidate) = message::candidate(init) {
                // The client may have left.
                let _ = line.add_candidate(&candidate);
            }
            return replies;
        }
        Some(Said::Leave { reason }) => News::Left(reason),
        None => return replies,
    };
    // One who is in waits for none.
    let _ = sender.try_send(news);
    replies
}

impl Running for Server {
    fn about(&self) -> &About {
        &self.about
    }

    /// A viewer is subscribed to everybody who publishes.
    fn echoes(&self) -> bool {
        true
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        let line = desk.publisher()?;
        let offer = line.offer()?;
        let session = self.open(who, &who.name(), May::Publish, line)?;
        for track in message::tracks(&offer) {
            session.socket.send(Message::binary(message::add_track(&track)))?;
        }
        session.socket.send(Message::binary(message::offer(&offer)))?;
        session.wait(|news| if let News::Answered(result) = news { Some(result) } else { None })?;
        Ok(Box::new(session))
    }

    /// Returns after the first offer with media: what is published later, as by one who speaks for the first time, is offered then.
    fn watch(&self, who: &Participant, _whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        let session = self.open(who, &format!("{}-v", who.name()), May::Watch, desk.guest()?)?;
        session.wait(|news| match news {
            News::Offered(Ok(0)) => None,
            News::Offered(result) => Some(result.map(drop)),
            _ => None,
        })?;
        Ok(Box::new(session))
    }
}

struct Session {
    socket: Socket,
    news: Receiver<News>,
}

impl Session {
    fn wait(&self, mut wanted: impl FnMut(News) -> Option<Result<()>>) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left).context("LiveKit does not answer")? {
                News::Left(reason) => bail!("LiveKit refuses, with reason {reason}"),
                news => {
                    if let Some(result) = wanted(news) {
                        return result;
                    }
                }
            }
        }
    }
}

impl Stay for Session {
    fn leave(self: Box<Self>) -> Result<()> {
        self.socket.send(Message::binary(message::leave()))?;
        self.socket.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_has_every_setting_in_its_section() {
        let text = file(&settings(5000), 7880);
        assert!(text.contains("rtc:\n  udp_port: 5000\n  use_ice_lite: true\n"));
        assert!(text.contains("logging:\n  level: warn\n"));
        assert_eq!(text.matches("rtc:").count(), 1);
    }
}
