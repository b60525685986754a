//! A contact centre on the real server, and on one that says that it did what it did not.

use super::played_on;
use crate::host::{self, Host, HostOptions};
use crate::load::fleet::Desk;
use crate::load::system::lobby::Lobby;
use crate::load::system::websocket::WebSocket;
use crate::load::system::{About, Act, Acted, Participant, Placement, Published, Running, Stay, System};
use anyhow::{Context as _, Result};
use colloquy_media_core::api::PeerId;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Runtime;

/// What a server makes of a hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Obeyed,
    /// Whoever asks for it is told that it was done.
    OnlySaid,
}

struct Centre(Hold);

struct Served {
    hold: Hold,
    websocket: WebSocket,
    about: About,
    _host: Host,
    _runtime: Runtime,
}

impl System for Centre {
    fn name(&self) -> &'static str {
        "centre"
    }

    fn absent(&self) -> Option<String> {
        None
    }

    fn start(&self, place: &Placement) -> Result<Arc<dyn Running>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let lobby = Lobby::new(place.others.context("everybody has a part")?)?;
        let keys = vec![host::key(lobby.secret().to_owned())];
        let host = runtime.block_on(Host::start(&HostOptions { keys, ..HostOptions::default() }))?;
        let websocket = WebSocket::new(format!("ws://{}/api/v1/ws", host.address()))?.with_lobby(Some(lobby));
        Ok(Arc::new(Served { hold: self.0, websocket, about: About::default(), _host: host, _runtime: runtime }))
    }
}

impl Running for Served {
    fn about(&self) -> &About {
        &self.about
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        Ok(Box::new(Told { hold: self.hold, stay: self.websocket.publish(who, desk)? }))
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        self.websocket.watch(who, whom, desk)
    }
}

struct Told {
    hold: Hold,
    stay: Box<dyn Stay>,
}

impl Stay for Told {
    fn peer(&self) -> Option<PeerId> {
        self.stay.peer()
    }

    fn act(&mut self, act: Act) -> Result<Acted> {
        if self.hold == Hold::OnlySaid && matches!(act, Act::Hold(_) | Act::TakeBack(_)) {
            let now = Instant::now();
            return Ok(Acted { asked: now, answered: now, refused: None });
        }
        self.stay.act(act)
    }

    fn leave(self: Box<Self>) -> Result<()> {
        self.stay.leave()
    }
}

const CHANGES: [&str; 8] = [
    "viewers=0",
    "publishers=4",
    "meeting=true",
    "rooms=3",
    "join.by=\"websocket\"",
    "media.video.camera.kbps=100",
    "audience.changes_per_s=12",
    "time.hold_s=2.5",
];

#[test]
fn a_server_that_obeys_leaks_nothing() {
    let repeat = played_on(&Centre(Hold::Obeyed), &CHANGES).repeat;
    assert_eq!((repeat.joins.tried, repeat.joins.failed), (12, 0), "{:?}", repeat.joins.failures);
    let of = repeat.audience.expect("it is looked at");
    assert!((20..=30).contains(&of.changes), "{of:?}");
    assert_eq!((of.leaked_packets, of.refused, of.unanswered, of.sound_never_began), (0, 0, 0, 0), "{of:?}");
    assert_eq!(of.answers.count, of.changes);
    // Of a customer and an agent alone there are 250 packets of sound for each other and for the supervisor.
    assert!(of.judged > 3 * 500 && of.not_judged == 0, "{of:?}");
    assert!(of.sound_begins.count > 5 && of.pictures_begin.count > 0 && of.ends.count > 5, "{of:?}");
    assert!(repeat.hold.delivery.received > 0 && repeat.hold.delivery.by_sequence);
}

#[test]
fn a_server_that_only_says_so_is_found_out() {
    let repeat = played_on(&Centre(Hold::OnlySaid), &CHANGES).repeat;
    let of = repeat.audience.expect("it is looked at");
    assert!(of.leaked_packets > 20, "a customer on hold hears and sees the agent all the same: {of:?}");
    assert!(of.leaks.iter().all(|leak| leak.starts_with("p-")) && !of.leaks.is_empty(), "{of:?}");
    assert!(of.leaks.iter().any(|leak| leak.contains("hold")), "{of:?}");
    assert!(of.effect_p99_ns() > 150_000_000, "what was to end went on: {of:?}");
}
