//! Who gets what of whom, as it is said and told.

use super::request::{Bytes, TOKEN_BYTES};
use crate::authz::Action;
use crate::error::Refusal;
use colloquy_media_core::api::PeerId;
use colloquy_media_core::audience::{Aside, Audience, Circle, Hears, Line, Post, Sees, Stance, Tone, Verb};
use serde::{Deserialize, Serialize};

/// What is to change, with the ids of those whom it is about. Without `participant`, of the one who asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum VerbWish {
    Hold {
        participant: Option<Id>,
        held: bool,
    },
    TurnAside {
        participant: Option<Id>,
        with: Id,
    },
    TurnBackstage {
        participant: Option<Id>,
    },
    TurnBack {
        participant: Option<Id>,
    },
    Monitor {
        participant: Option<Id>,
        #[serde(default)]
        announced: bool,
        #[serde(default)]
        wall: bool,
    },
    Coach {
        participant: Option<Id>,
        agent: Id,
    },
    Backstage {
        participant: Option<Id>,
    },
    Listen {
        participant: Option<Id>,
    },
    Barge {
        participant: Option<Id>,
    },
    TakeOver {
        participant: Option<Id>,
        from: Id,
    },
    Move {
        participant: Option<Id>,
        circle: u16,
    },
    Confide {
        participant: Id,
        insider: bool,
    },
}

type Id = Bytes<TOKEN_BYTES>;

impl VerbWish {
    /// As the matrix takes it, said by `me`.
    pub(crate) fn verb(&self, me: PeerId) -> Result<Verb, Refusal> {
        let id = |id: &Id| id.0.parse::<PeerId>().map_err(|_| Refusal::malformed("That is no id of a participant."));
        let who = |named: &Option<Id>| named.as_ref().map_or(Ok(me), id);
        Ok(match self {
            Self::Hold { participant, held } => Verb::Hold { who: who(participant)?, held: *held },
            Self::TurnAside { participant, with } => Verb::TurnAside { who: who(participant)?, with: id(with)? },
            Self::TurnBackstage { participant } => Verb::TurnBackstage { who: who(participant)? },
            Self::TurnBack { participant } => Verb::TurnBack { who: who(participant)? },
            Self::Monitor { participant, announced, wall } => {
                Verb::Monitor { who: who(participant)?, announced: *announced, wall: *wall }
            }
            Self::Coach { participant, agent } => Verb::Coach { who: who(participant)?, agent: id(agent)? },
            Self::Backstage { participant } => Verb::Backstage { who: who(participant)? },
            Self::Listen { participant } => Verb::Listen { who: who(participant)? },
            Self::Barge { participant } => Verb::Barge { who: who(participant)? },
            Self::TakeOver { participant, from } => Verb::TakeOver { who: who(participant)?, from: id(from)? },
            Self::Move { participant, circle } => Verb::Move { who: who(participant)?, circle: Circle(*circle) },
            Self::Confide { participant, insider } => Verb::Confide { who: id(participant)?, insider: *insider },
        })
    }
}

/// What somebody comes into a room as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnterAs {
    /// One who takes part.
    #[default]
    Participant,
    /// A helper, whom the conversation does not know of.
    Helper,
    /// A monitor whom the conversation does not know of.
    Monitor,
    /// One whom it is told of.
    AnnouncedMonitor,
}

impl EnterAs {
    /// What it takes, beside the permission to join.
    pub(crate) fn takes(self) -> Option<Action> {
        match self {
            Self::Participant => None,
            Self::Helper => Some(Action::EnterAsHelper),
            Self::Monitor | Self::AnnouncedMonitor => Some(Action::Monitor),
        }
    }

    pub(crate) fn stance(self) -> Stance {
        match self {
            Self::Participant => Stance::at(Post::Floor),
            Self::Helper => Stance::at(Post::Wings),
            Self::Monitor => Stance::at(Post::SILENT_MONITOR),
            Self::AnnouncedMonitor => Stance::at(Post::Monitor { announced: true, wall: false, line: Line::Listening }),
        }
    }
}

/// Where one stands, as he is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StanceView {
    post: &'static str,
    circle: u16,
    held: bool,
    /// He turned to somebody else: `group` or `backstage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<&'static str>,
    /// Who is in the aside with him; of a group only.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<Vec<String>>,
    /// Of a monitor: whether he is announced, is shown small pictures only, and where his voice goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    announced: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    wall: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'static str>,
    /// Whom he coaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    insider: bool,
    /// Another took over from him: `turn_back` brings him back to the floor.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    taken_over: bool,
}

impl StanceView {
    /// Where somebody stands, if he is there.
    pub(crate) fn of(audience: &Audience, peer: PeerId) -> Option<Self> {
        let stance = audience.stance(peer)?;
        let (post, announced, wall) = match stance.post {
            Post::Floor => ("floor", None, false),
            Post::Wings => ("wings", None, false),
            Post::Monitor { announced, wall, .. } => ("monitor", Some(announced), wall),
        };
        let (line, agent) = match stance.line() {
            None => (None, None),
            Some(Line::Listening) => (Some("listening"), None),
            Some(Line::Coaching(agent)) => (Some("coaching"), Some(agent.to_string())),
            Some(Line::Backstage) => (Some("backstage"), None),
        };
        let aside = stance.aside.map(|aside| match aside {
            Aside::Group(_) => "group",
            Aside::Backstage => "backstage",
        });
        let with = matches!(stance.aside, Some(Aside::Group(_))).then(|| {
            let others = audience.iter().filter(|(other, theirs)| *other != peer && theirs.aside == stance.aside);
            others.map(|(other, _)| other.to_string()).collect()
        });
        let Stance { circle: Circle(circle), held, insider, taken_over, .. } = *stance;
        Some(Self { post, circle, held, aside, with, announced, wall, line, agent, insider, taken_over })
    }
}

/// What one gets of another, as he is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PairView {
    participant: String,
    /// How his voice is to sound; null when nothing of it comes.
    hears: Option<ToneView>,
    /// `off`, `frozen`, `thumbnail` or `live`.
    sees: &'static str,
    /// He is on hold.
    held: bool,
    /// He listens and watches only.
    monitor: bool,
    /// He is told of monitors; monitors alone are told so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    insider: bool,
}

/// How a voice is to sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct ToneView {
    gain_db: i8,
    pan_pct: i8,
}

impl PairView {
    pub(crate) fn new(other: PeerId, stance: &Stance, (hears, sees, insider): (Hears, Sees, bool)) -> Self {
        Self {
            participant: other.to_string(),
            hears: match hears {
                Hears::Off => None,
                Hears::Gain(Tone { gain_db, pan_pct }) => Some(ToneView { gain_db, pan_pct }),
            },
            sees: match sees {
                Sees::Off => "off",
                Sees::Frozen => "frozen",
                Sees::Thumbnail => "thumbnail",
                Sees::Live => "live",
            },
            held: stance.held,
            monitor: stance.is_monitor(),
            insider,
        }
    }
}
