//! What is measured: one server behind one face, whoever made it and however it is talked to.
//!
//! A system is looked for, started as a child process (or only talked to, where it runs elsewhere), and asked to let participants
//! in. Its calls block: each runs on a thread that carries joins, never on one that plays clients, so that a slow answer delays
//! nobody's packets. Media never passes through here; a [`Desk`] opens clients, and the adapter only carries session descriptions
//! between them and the server, whoever of the two offers.

mod colloquy;
mod janus;
mod livekit;
pub(super) mod lobby;
mod mediamtx;
mod mediasoup;
mod places;
mod process;
mod programs;
mod socket;
pub(super) mod websocket;
mod whip;

pub use process::Child;
pub use whip::{Endpoint, Whip};

use super::fleet::Desk;
use super::result::Signalling;
use super::scenario::{Duty, JoinBy, Scenario};
use anyhow::{Result, bail};
use colloquy_media_core::api::PeerId;
use colloquy_media_core::audience::Verb;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// A server that can be measured. Making one starts nothing.
pub trait System: Send + Sync {
    /// As on the command line and in reports: `colloquy`, `janus`, `livekit`, ..
    fn name(&self) -> &str;

    /// Why it cannot be had on this machine, and what would help. `None` when it can. A cheap look: nothing is started.
    fn absent(&self) -> Option<String>;

    /// Why it cannot play a scenario, if it cannot: it is reported as absent there. By default it can play everything.
    fn lacks(&self, _scenario: &Scenario) -> Option<String> {
        None
    }

    /// It can be joined in this way. By default only in its usual one.
    fn joins_by(&self, by: JoinBy) -> bool {
        by == JoinBy::Usual
    }

    /// Starts it, and returns when it can be joined. Dropping what is returned ends it.
    ///
    /// # Errors
    /// When it does not come up.
    fn start(&self, place: &Placement) -> Result<Arc<dyn Running>>;
}

/// Where and how a server is started.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The core that all its threads are kept on; `None` leaves it free.
    pub core: Option<usize>,
    /// It runs before the other work of its core (`SCHED_FIFO`), as the clients do.
    pub first: bool,
    /// A directory of its own for configuration and logs; it is there, empty, and removed after the run.
    pub scratch: PathBuf,
    /// Who is in the largest room at once, those who publish and watch counted twice: for servers that want to be told.
    pub largest_room: u32,
    /// How participants will join.
    pub by: JoinBy,
    /// Where everybody has a [`Duty`]: how many others are in his room.
    pub others: Option<u32>,
}

/// What is told of a server that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its version, as it or its package tells it.
    pub version: String,
    /// How it is set up, for the report: what is not a default, and why; command line and configuration.
    pub settings: String,
    /// Its processes: CPU time and memory of all their threads count. Empty where it runs elsewhere.
    pub pids: Vec<u32>,
}

/// A server that runs. Dropping it ends it. Several threads call at once.
pub trait Running: Send + Sync {
    /// What is told of it.
    fn about(&self) -> &About;

    /// A participant who publishes and watches gets his own media back, too: his `whom` does not name him, but he receives it.
    fn echoes(&self) -> bool {
        false
    }

    /// Where clients have their sockets: an address of this machine that the server can reach.
    fn clients_at(&self) -> Ipv4Addr {
        Ipv4Addr::LOCALHOST
    }

    /// It makes packets of its own of what it is sent, so that packets out are not those that went in. What is lost is then told by
    /// the numbers of its own packets.
    fn repacks(&self) -> bool {
        false
    }

    /// Everybody gets one mix of all others' sound, by the client that he publishes by. There are no stamps in what comes then: neither
    /// latency nor loss can be told.
    fn mixes(&self) -> bool {
        false
    }

    /// What was measured of its signalling so far, where the adapter looks at it.
    fn signalling(&self) -> Option<Signalling> {
        None
    }

    /// Lets a publisher in: a client of [`Desk::publisher`], offer and answer carried, candidates exchanged. Returns when
    /// signalling is done; whether media flows is seen by the harness.
    ///
    /// # Errors
    /// When the server refuses, or does not answer.
    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>>;

    /// Lets a viewer in: clients of [`Desk::viewer`] (it offers; for each what it may receive) or [`Desk::guest`] (the server
    /// offers), as many as the system needs. `whom` are publishers of the same room who have published already.
    ///
    /// # Errors
    /// When the server refuses, or does not answer.
    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>>;
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The number of the room, from 0.
    pub room: u32,
    /// The number of the participant in all of the run, from 0; the same when he publishes and watches, another one when he
    /// joins again.
    pub number: u64,
    /// He publishes sound.
    pub audio: bool,
    /// He publishes pictures.
    pub video: bool,
    /// What he is there for, in a contact centre. He publishes and watches by one client then, and watches whomever he is told of.
    pub duty: Option<Duty>,
}

impl Participant {
    /// The room's name: letters, digits and a hyphen.
    #[must_use]
    pub fn room_name(&self) -> String {
        format!("bench-{}", self.room)
    }

    /// The participant's name: letters, digits and a hyphen.
    #[must_use]
    pub fn name(&self) -> String {
        format!("p-{}", self.number)
    }
}

/// A publisher as a viewer is told of him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Who.
    pub who: Participant,
    /// What [`Stay::id`] said.
    pub id: String,
}

/// What somebody has changed in who hears and sees whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// He, a monitor, speaks to this agent alone.
    Coach(PeerId),
    /// He, a monitor, falls silent.
    Listen,
    /// He turns to this one.
    TurnAside(PeerId),
    /// He turns back.
    TurnBack,
    /// This one is put on hold.
    Hold(PeerId),
    /// This one is taken back.
    TakeBack(PeerId),
}

impl Act {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Coach(_) => "coach",
            Self::Listen => "listen",
            Self::TurnAside(_) => "turn_aside",
            Self::TurnBack => "turn_back",
            Self::Hold(_) => "hold",
            Self::TakeBack(_) => "take_back",
        }
    }

    /// As the audience matrix takes it.
    #[must_use]
    pub fn verb(self, who: PeerId) -> Verb {
        match self {
            Self::Coach(agent) => Verb::Coach { who, agent },
            Self::Listen => Verb::Listen { who },
            Self::TurnAside(with) => Verb::TurnAside { who, with },
            Self::TurnBack => Verb::TurnBack { who },
            Self::Hold(who) => Verb::Hold { who, held: true },
            Self::TakeBack(who) => Verb::Hold { who, held: false },
        }
    }
}

/// What came of an [`Act`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// When it was sent.
    pub asked: Instant,
    /// When the answer was there.
    pub answered: Instant,
    /// Why the server would not.
    pub refused: Option<String>,
}

/// A participation that lasts until it is left or dropped. Dropping it does not tell the server: that is what a client does whose
/// network is gone.
pub trait Stay: Send {
    /// What viewers name this publisher by, where the system made a name up. Empty where [`Participant::name`] is it.
    fn id(&self) -> &str {
        ""
    }

    /// As whom the server knows him, where he can change who hears and sees whom.
    fn peer(&self) -> Option<PeerId> {
        None
    }

    /// Has the server change who hears and sees whom, and waits for its answer.
    ///
    /// # Errors
    /// When there is no answer, or nothing of the kind.
    fn act(&mut self, _act: Act) -> Result<Acted> {
        bail!("it knows no verbs")
    }

    /// Tells the server goodbye.
    ///
    /// # Errors
    /// When the server does not take it.
    fn leave(self: Box<Self>) -> Result<()>;
}

/// Why a server that mixes sound cannot play a scenario.
fn mixes_only_real_sound(scenario: &Scenario) -> Option<String> {
    let recording = scenario.media.audio.as_ref().and_then(|audio| audio.recording.as_ref());
    if scenario.media.video.is_some() {
        Some("it mixes sound, and has no pictures".to_owned())
    } else if recording.is_none() {
        Some("it decodes what it is sent, which has to be Opus then: media.audio.recording names none".to_owned())
    } else {
        None
    }
}

/// What a name on the command line stands for: `colloquy`, `host`, `whip=URL`.
///
/// # Errors
/// When nothing has that name.
pub fn named(name: &str, options: &Options) -> Result<Box<dyn System>> {
    let (kind, value) = name.split_once('=').unwrap_or((name, ""));
    Ok(match kind {
        "colloquy" => Box::new(colloquy::Colloquy::new(options.server_bin.clone())),
        "colloquy-mix" => Box::new(colloquy::Colloquy::mixing(options.server_bin.clone())),
        "host" => Box::new(colloquy::Colloquy::built_in()),
        "janus" => Box::new(janus::Janus::new()),
        "audiobridge" => Box::new(janus::Janus::audio_bridge()),
        "livekit" => Box::new(livekit::LiveKit::new()),
        "mediamtx" => Box::new(mediamtx::MediaMtx::new()),
        "mediasoup" => Box::new(mediasoup::Mediasoup),
        "whip" => Box::new(Whip::new(value, options.token.clone())?),
        _ => bail!("there is no system {name:?}: {}", NAMES.join(", ")),
    })
}

/// The names that [`named`] knows, for help and messages.
pub const NAMES: &[&str] = &[
    "colloquy",
    "colloquy-mix",
    "host",
    "janus",
    "audiobridge",
    "livekit",
    "mediamtx",
    "mediasoup",
    "whip=URL",
    "floor",
];

/// What the command line says of systems.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The binary of `colloquy`, instead of the one beside this program.
    pub server_bin: Option<PathBuf>,
    /// What servers that run elsewhere are shown (`Authorization: Bearer`).
    pub token: Option<String>,
}

#[cfg(test)]
mod tests;
