//! What is written down of who changed what others hear, see and know: a line each, for whoever has to account for it later. The
//! house makes the lines; where they are kept is the server's to say ([`AuditSink`]).

use crate::authz::Role;
use crate::error::ErrorCode;
use crate::names::RoomName;
use crate::wire::StanceView;
use colloquy_media_core::api::PeerId;
use colloquy_media_core::audience::{Audience, Verb};
use serde::Serialize;
use serde_json::{Value, json};

/// Where the lines are kept. It is called while the whole signalling waits: it must not block, nor touch a disk.
pub trait AuditSink: Send + Sync {
    /// Keeps one. `false` when it could not, which is counted.
    fn keep(&self, record: AuditRecord) -> bool;
}

/// One thing that was done, or refused.
#[derive(Debug, Clone, Serialize)]
pub struct AuditRecord {
    room: String,
    /// How often the audience of the room had changed then.
    epoch: u64,
    actor: Actor,
    /// What he asked for, in the words of the WebSocket API.
    change: Value,
    /// `done`, or the code it was refused with.
    outcome: &'static str,
    /// How often he was refused so far; not every one of many is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusals: Option<u32>,
    /// Everybody who stands otherwise than before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moved: Vec<Moved>,
}

/// Who did it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Actor {
    /// None of one who was not let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<String>,
    /// Whom his token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    role: &'static str,
}

/// Where somebody stood and stands. Nowhere before he came, and after he went.
#[derive(Debug, Clone, Serialize)]
struct Moved {
    participant: String,
    before: Option<StanceView>,
    after: Option<StanceView>,
}

impl Actor {
    pub(crate) fn new(participant: Option<PeerId>, subject: Option<String>, role: Role) -> Self {
        let role = match role {
            Role::Participant => "participant",
            Role::Moderator => "moderator",
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::Admin => "admin",
            Role::Publisher => "publisher",
            Role::Viewer => "viewer",
        };
        Self { participant: participant.map(|peer| peer.to_string()), subject, role }
    }
}

impl AuditRecord {
    /// Something was done, and the audience is another since.
    pub(crate) fn done(room: &RoomName, actor: Actor, change: Value, (before, after): (&Audience, &Audience)) -> Self {
        let mut people: Vec<PeerId> = before.iter().chain(after.iter()).map(|(peer, _)| peer).collect();
        people.sort_unstable();
        people.dedup();
        let stands = |audience: &Audience, peer| audience.stance(peer).map(|_| StanceView::of(audience, peer));
        let moved = people.into_iter().filter(|peer| before.stance(*peer) != after.stance(*peer)).map(|peer| Moved {
            participant: peer.to_string(),
            before: stands(before, peer).flatten(),
            after: stands(after, peer).flatten(),
        });
        let (room, epoch, moved) = (room.to_string(), after.epoch(), moved.collect());
        Self { room, epoch, actor, change, outcome: "done", refusals: None, moved }
    }

    /// Something was asked for and not done.
    pub(crate) fn refused(
        (room, epoch): (&RoomName, u64),
        actor: Actor,
        change: Value,
        code: ErrorCode,
        refusals: Option<u32>,
    ) -> Self {
        Self { room: room.to_string(), epoch, actor, change, outcome: code.as_str(), refusals, moved: Vec::new() }
    }

    /// Writes it to the log: an event of the target `audit`, as a warning, so that every level but `error` and `off` has it.
    pub(crate) fn log(&self) {
        let Self { room, epoch, actor, change, outcome, .. } = self;
        let participant = actor.participant.as_deref().unwrap_or_default();
        let subject = actor.subject.as_deref().unwrap_or_default();
        tracing::warn!(target: "audit", room, participant, subject, epoch, %change, outcome, "audience");
    }
}

/// A verb in the words of the WebSocket API.
pub(crate) fn told(verb: Verb) -> Value {
    let (name, who) = match verb {
        Verb::Hold { who, .. } => ("hold", who),
        Verb::TurnAside { who, .. } => ("turn_aside", who),
        Verb::TurnBackstage { who } => ("turn_backstage", who),
        Verb::TurnBack { who } => ("turn_back", who),
        Verb::Monitor { who, .. } => ("monitor", who),
        Verb::Coach { who, .. } => ("coach", who),
        Verb::Backstage { who } => ("backstage", who),
        Verb::Listen { who } => ("listen", who),
        Verb::Barge { who } => ("barge", who),
        Verb::TakeOver { who, .. } => ("take_over", who),
        Verb::Move { who, .. } => ("move", who),
        Verb::Confide { who, .. } => ("confide", who),
    };
    let mut told = json!({"verb": name, "participant": who.to_string()});
    let mut also = |key: &str, value: Value| told[key] = value;
    match verb {
        Verb::Hold { held, .. } => also("held", held.into()),
        Verb::TurnAside { with, .. } => also("with", with.to_string().into()),
        Verb::Monitor { announced, wall, .. } => {
            also("announced", announced.into());
            also("wall", wall.into());
        }
        Verb::Coach { agent, .. } => also("agent", agent.to_string().into()),
        Verb::TakeOver { from, .. } => also("from", from.to_string().into()),
        Verb::Move { circle, .. } => also("circle", circle.0.into()),
        Verb::Confide { insider, .. } => also("insider", insider.into()),
        Verb::TurnBackstage { .. }
        | Verb::TurnBack { .. }
        | Verb::Backstage { .. }
        | Verb::Listen { .. }
        | Verb::Barge { .. } => {}
    }
    told
}
