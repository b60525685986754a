//! What changes stances.

use super::{Aside, Circle, Hears, Line, Post, Sees, Stance, hears, knows, sees};
use crate::api::PeerId;
use std::collections::BTreeMap;

/// One change, whoever asks for it: who may is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Puts somebody on hold, or takes him back.
    Hold {
        /// Who.
        who: PeerId,
        /// On hold, or back.
        held: bool,
    },
    /// Somebody on the floor turns to another, who is on the floor or in the wings of the same circle. Several may turn to the same.
    TurnAside {
        /// Who turns away from the floor.
        who: PeerId,
        /// To whom: who is in an aside already takes him into it.
        with: PeerId,
    },
    /// Somebody on the floor turns to the monitors of his circle.
    TurnBackstage {
        /// Who.
        who: PeerId,
    },
    /// Somebody turns back to the floor, or, from the wings, hears and says nothing any more. So does one who was taken over from.
    TurnBack {
        /// Who.
        who: PeerId,
    },
    /// Somebody listens and watches from now on.
    Monitor {
        /// Who.
        who: PeerId,
        /// Those on the floor are told.
        announced: bool,
        /// Small pictures only.
        wall: bool,
    },
    /// A monitor speaks to one agent on the floor of his circle alone.
    Coach {
        /// The monitor.
        who: PeerId,
        /// Who hears him.
        agent: PeerId,
    },
    /// A monitor speaks to the others.
    Backstage {
        /// The monitor.
        who: PeerId,
    },
    /// A monitor falls silent.
    Listen {
        /// The monitor.
        who: PeerId,
    },
    /// A monitor or a helper takes part from now on.
    Barge {
        /// Who.
        who: PeerId,
    },
    /// A monitor takes part from now on, and an agent becomes an unannounced monitor in his place.
    TakeOver {
        /// The monitor.
        who: PeerId,
        /// The agent on the floor of the same circle.
        from: PeerId,
    },
    /// Somebody goes to another circle; what he was in the middle of in the old one ends.
    Move {
        /// Who.
        who: PeerId,
        /// Where to.
        circle: Circle,
    },
    /// Somebody is told of monitors and hears what they say backstage, or no longer.
    Confide {
        /// Who.
        who: PeerId,
        /// From now on, or no longer.
        insider: bool,
    },
}

/// Why a verb changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerbError {
    /// He is not in the room.
    #[error("{0} is not in this room")]
    Unknown(PeerId),
    /// Both are the same person.
    #[error("{0} cannot do this with himself")]
    WithHimself(PeerId),
    /// He does not take part in the conversation.
    #[error("{0} is not on the floor: only who takes part can be asked this")]
    NotOnFloor(PeerId),
    /// He does not monitor.
    #[error("{0} is not a monitor: let him monitor first")]
    NotMonitor(PeerId),
    /// They are in different circles.
    #[error("{0} and {1} are in different circles: move one of them first")]
    Apart(PeerId, PeerId),
    /// He is on hold.
    #[error("{0} is on hold: take him back first")]
    Held(PeerId),
}

/// Where everybody in a room stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    epoch: u64,
    stances: BTreeMap<PeerId, Stance>,
    last_group: u32,
}

impl Audience {
    /// How often it changed.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Everybody with his stance, by id.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &Stance)> {
        self.stances.iter().map(|(peer, stance)| (*peer, stance))
    }

    /// Where somebody stands.
    #[must_use]
    pub fn stance(&self, of: PeerId) -> Option<&Stance> {
        self.stances.get(&of)
    }

    /// What a listener hears of a speaker; nothing where either is unknown.
    #[must_use]
    pub fn hears(&self, listener: PeerId, speaker: PeerId) -> Hears {
        match (self.stance(listener), self.stance(speaker)) {
            (Some(ear), Some(voice)) => hears((listener, ear), (speaker, voice)),
            _ => Hears::Off,
        }
    }

    /// What a viewer sees of a presenter; nothing where either is unknown.
    #[must_use]
    pub fn sees(&self, viewer: PeerId, presenter: PeerId) -> Sees {
        match (self.stance(viewer), self.stance(presenter)) {
            (Some(eye), Some(face)) => sees((viewer, eye), (presenter, face)),
            _ => Sees::Off,
        }
    }

    /// Whether one may know that the other is there; not where either is unknown.
    #[must_use]
    pub fn knows(&self, one: PeerId, other: PeerId) -> bool {
        match (self.stance(one), self.stance(other)) {
            (Some(eye), Some(face)) => knows((one, eye), (other, face)),
            _ => false,
        }
    }

    /// Somebody comes. Who is there already stays as he is.
    pub fn enter(&mut self, who: PeerId, stance: Stance) {
        if let std::collections::btree_map::Entry::Vacant(place) = self.stances.entry(who) {
            place.insert(stance);
            self.epoch += 1;
        }
    }

    /// Somebody goes. Who coached him falls silent; who turned aside with him stays turned aside: nobody is put back on the floor
    /// without having asked for it.
    pub fn leave(&mut self, who: PeerId) {
        if self.stances.remove(&who).is_some() {
            self.epoch += 1;
            self.hush_coaches_of(who);
        }
    }

    /// Whether a monitor speaks to him alone.
    #[must_use]
    pub fn is_coached(&self, agent: PeerId) -> bool {
        self.stances.values().any(|stance| stance.line() == Some(Line::Coaching(agent)))
    }

    /// Makes a change, or none at all.
    ///
    /// # Errors
    /// When somebody is not where the verb needs him to be.
    pub fn apply(&mut self, verb: Verb) -> Result<(), VerbError> {
        let mut next = self.clone();
        next.change(verb)?;
        if next.stances != self.stances {
            next.epoch += 1;
            *self = next;
        }
        Ok(())
    }

    fn change(&mut self, verb: Verb) -> Result<(), VerbError> {
        match verb {
            Verb::Hold { who, held } => self.get(who)?.held = held,
            Verb::TurnAside { who, with } => self.turn_aside(who, with)?,
            Verb::TurnBackstage { who } => self.on_floor(who)?.aside = Some(Aside::Backstage),
            Verb::TurnBack { who } => {
                let stance = self.get(who)?;
                stance.aside = None;
                if std::mem::take(&mut stance.taken_over) {
                    stance.post = Post::Floor;
                }
            }
            Verb::Monitor { who, announced, wall } => {
                let stance = self.get(who)?;
                (stance.post, stance.aside) = (Post::Monitor { announced, wall, line: Line::Listening }, None);
                stance.taken_over = false;
                self.hush_coaches_of(who);
            }
            Verb::Coach { who, agent } => {
                self.together(who, agent)?;
                self.on_floor(agent)?;
                *self.line(who)? = Line::Coaching(agent);
            }
            Verb::Backstage { who } => *self.line(who)? = Line::Backstage,
            Verb::Listen { who } => *self.line(who)? = Line::Listening,
            Verb::Barge { who } => self.take_the_floor(who)?,
            Verb::TakeOver { who, from } => {
                self.together(who, from)?;
                self.line(who)?;
                self.on_floor(from)?;
                let agent = self.get(from)?;
                (agent.post, agent.aside, agent.taken_over) = (Post::SILENT_MONITOR, None, true);
                self.take_the_floor(who)?;
                self.hush_coaches_of(from);
            }
            Verb::Move { who, circle } => {
                let stance = self.get(who)?;
                if stance.circle != circle {
                    (stance.circle, stance.aside) = (circle, None);
                    if let Post::Monitor { line, .. } = &mut stance.post {
                        *line = Line::Listening;
                    }
                    self.hush_coaches_of(who);
                }
            }
            Verb::Confide { who, insider } => self.get(who)?.insider = insider,
        }
        Ok(())
    }

    fn turn_aside(&mut self, who: PeerId, with: PeerId) -> Result<(), VerbError> {
        self.together(who, with)?;
        self.on_floor(who)?;
        let other = *self.get(with)?;
        if other.is_monitor() {
            return Err(VerbError::NotOnFloor(with));
        }
        if other.held {
            return Err(VerbError::Held(with));
        }
        let group = match other.aside {
            Some(Aside::Group(group)) => group,
            Some(Aside::Backstage) | None => {
                self.last_group = self.last_group.wrapping_add(1);
                self.last_group
            }
        };
        for peer in [who, with] {
            self.get(peer)?.aside = Some(Aside::Group(group));
        }
        Ok(())
    }

    fn take_the_floor(&mut self, who: PeerId) -> Result<(), VerbError> {
        let stance = self.get(who)?;
        (stance.post, stance.aside, stance.taken_over) = (Post::Floor, None, false);
        Ok(())
    }

    fn get(&mut self, who: PeerId) -> Result<&mut Stance, VerbError> {
        self.stances.get_mut(&who).ok_or(VerbError::Unknown(who))
    }

    fn on_floor(&mut self, who: PeerId) -> Result<&mut Stance, VerbError> {
        match self.get(who)? {
            stance if stance.is_on_floor() => Ok(stance),
            _ => Err(VerbError::NotOnFloor(who)),
        }
    }

    fn line(&mut self, who: PeerId) -> Result<&mut Line, VerbError> {
        match &mut self.get(who)?.post {
            Post::Monitor { line, .. } => Ok(line),
            Post::Floor | Post::Wings => Err(VerbError::NotMonitor(who)),
        }
    }

    fn together(&mut self, one: PeerId, other: PeerId) -> Result<(), VerbError> {
        if one == other {
            return Err(VerbError::WithHimself(one));
        }
        let (first, second) = (self.get(one)?.circle, self.get(other)?.circle);
        if first == second { Ok(()) } else { Err(VerbError::Apart(one, other)) }
    }

    fn hush_coaches_of(&mut self, agent: PeerId) {
        for stance in self.stances.values_mut() {
            if let Post::Monitor { line, .. } = &mut stance.post
                && *line == Line::Coaching(agent)
            {
                *line = Line::Listening;
            }
        }
    }
}
