//! MediaMTX by WHIP and WHEP: a path for each publisher, and for each that a viewer watches a session of its own.

use super::programs::{self, Setting};
use super::whip::Endpoint;
use super::{About, Child, Participant, Placement, Published, Running, Stay, System};
use crate::load::fleet::Desk;
use crate::load::scenario::Scenario;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long it may take to come up.
const START: Duration = Duration::from_secs(15);

/// `mediamtx`.
#[derive(Debug)]
pub(super) struct MediaMtx {
    binary: Option<PathBuf>,
}

impl MediaMtx {
    /// The one that this machine has.
    pub(super) fn new() -> Self {
        Self { binary: programs::find("mediamtx") }
    }
}

impl System for MediaMtx {
    fn name(&self) -> &'static str {
        "mediamtx"
    }

    fn absent(&self) -> Option<String> {
        self.binary.is_none().then(|| format!("there is no `mediamtx`: {} (it wants Go)", programs::REMEDY))
    }

    fn lacks(&self, scenario: &Scenario) -> Option<String> {
        let layered = scenario.media.video.as_ref().is_some_and(|video| video.is_layered());
        let speakers = scenario.media.audio.as_ref().and_then(|audio| audio.speakers);
        if layered {
            Some("it takes no simulcast and no layers".to_owned())
        } else if speakers.is_some_and(|speakers| speakers < scenario.publishers) {
            Some("a publisher who sends nothing yet cannot be watched: his path answers 404".to_owned())
        } else {
            None
        }
    }

    fn start(&self, place: &Placement) -> Result<Arc<dyn Running>> {
        let binary = self.binary.as_deref().context("it is absent")?;
        let port = programs::tcp_port()?;
        let settings = settings(port, programs::udp_port()?);
        let path = place.scratch.join("mediamtx.yml");
        std::fs::write(&path, file(&settings)).with_context(|| format!("{} cannot be written", path.display()))?;
        let mut child = Child::start(self.name(), binary, place, |command| {
            command.arg(&path);
        })?;
        child.wait(START, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        let base = format!("http://127.0.0.1:{port}/{{room}}/{{publisher}}");
        let about = About {
            version: programs::version(binary),
            settings: programs::told("WHIP and WHEP, a path for each publisher", &settings),
            pids: vec![child.pid()],
        };
        let endpoint = Endpoint::new(format!("{base}/whip"), format!("{base}/whep"));
        Ok(Arc::new(Server { _child: child, endpoint, about }))
    }
}

/// What `mediamtx.yml` says.
fn settings(port: u16, media_port: u16) -> Vec<Setting> {
    let mut settings = vec![
        ("logLevel", "warn".to_owned(), "as in production"),
        ("webrtcAddress", format!("127.0.0.1:{port}"), "a free port"),
        ("webrtcLocalUDPAddress", format!("127.0.0.1:{media_port}"), "a free port"),
        ("webrtcIPsFromInterfaces", "no".to_owned(), "clients are on this machine"),
        ("webrtcAdditionalHosts", "[127.0.0.1]".to_owned(), "clients are on this machine"),
    ];
    settings.extend(["rtsp", "rtmp", "hls", "srt"].map(|other| (other, "no".to_owned(), "not used")));
    settings
}

fn file(settings: &[Setting]) -> String {
    let mut text = String::new();
    for (name, value, _) in settings {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}: {value}");
    }
    text + "paths:\n  all_others:\n"
}

struct Server {
    /// Ends when this is dropped.
    _child: Child,
    endpoint: Endpoint,
    about: About,
}

impl Running for Server {
    fn about(&self) -> &About {
        &self.about
    }

    /// It takes pictures out of their packets, and makes new packets of them for every viewer.
    fn repacks(&self) -> bool {
        true
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        self.endpoint.publish(who, desk)
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        self.endpoint.watch(who, whom, desk, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_used_is_switched_on() {
        let text = file(&settings(8889, 8189));
        assert!(text.contains("webrtcAddress: 127.0.0.1:8889\n") && text.contains("hls: no\n"));
        assert!(text.ends_with("paths:\n  all_others:\n"));
    }
}
