//! Who was to get what of whom, and when: each room's audience, one change after another.

use crate::load::scenario::Duty;
use crate::load::system::Act;
use colloquy_media_core::api::{MediaKind, PeerId};
use colloquy_media_core::audience::{Audience, Post, Sees, Stance};
use std::time::Duration;

/// Somebody, as the harness and as the server know him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) part: u32,
    /// What is written into his media.
    pub(super) source: u32,
    pub(super) peer: PeerId,
    pub(super) duty: Duty,
    pub(super) name: String,
}

impl Person {
    /// Where he stands when he has come in.
    fn stance(&self) -> Stance {
        match self.duty {
            Duty::Customer => Stance::at(Post::Floor),
            Duty::Agent => Stance::at(Post::Floor).of_staff(true),
            Duty::Supervisor => Stance::at(Post::SILENT_MONITOR).of_staff(true),
            Duty::Colleague => Stance::at(Post::Wings).of_staff(true),
        }
    }
}

/// A change, with its times since the epoch of all clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) act: Act,
    pub(super) by: PeerId,
    /// When it was to be asked for.
    pub(super) due: Duration,
    /// When it was: from then on it may have happened.
    pub(super) asked: Duration,
    /// When the answer was there: by then it has happened. `None`: there was none.
    pub(super) answered: Option<Duration>,
}

/// How a room stood from one change to the next.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) audience: Audience,
    /// What made it so; nothing at first.
    pub(super) by: Option<Change>,
}

impl State {
    /// What a listener is to get of a speaker in it.
    pub(super) fn gets(&self, (listener, speaker): (PeerId, PeerId), kind: MediaKind) -> Gets {
        match kind {
            MediaKind::Audio if self.audience.hears(listener, speaker).is_on() => Gets::All,
            MediaKind::Audio => Gets::Nothing,
            MediaKind::Video => match self.audience.sees(listener, speaker) {
                Sees::Off => Gets::Nothing,
                Sees::Frozen => Gets::Still,
                Sees::Thumbnail | Sees::Live => Gets::All,
            },
        }
    }

    /// Since when it may have been so.
    pub(super) fn since(&self) -> Duration {
        self.by.map_or(Duration::ZERO, |change| change.asked)
    }
}

/// What one is to get of another's track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gets {
    Nothing,
    /// The last picture from before he turned away.
    Still,
    All,
}

/// A room and all that changed in it.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) people: Vec<Person>,
    /// In the order of time; there is always one.
    pub(super) states: Vec<State>,
}

impl Room {
    /// With these people, as they come in.
    pub(super) fn new(people: Vec<Person>) -> Self {
        let mut audience = Audience::default();
        people.iter().for_each(|person| audience.enter(person.peer, person.stance()));
        Self { people, states: vec![State { audience, by: None }] }
    }

    /// The first with a duty.
    pub(super) fn with(&self, duty: Duty) -> Option<&Person> {
        self.people.iter().find(|person| person.duty == duty)
    }

    /// A change was made. One that the matrix does not know how to make changes nothing: the server should not have taken it.
    pub(super) fn note(&mut self, change: Change) -> bool {
        let Some(mut audience) = self.states.last().map(|state| state.audience.clone()) else { return false };
        let made = audience.apply(change.act.verb(change.by)).is_ok();
        if made {
            self.states.push(State { audience, by: Some(change) });
        }
        made
    }

    /// The states that the room may have been in at a moment, the last first: a state ends `grace` after the answer to what ended it.
    pub(super) fn at(&self, moment: Duration, grace: Duration) -> impl Iterator<Item = &State> {
        let last = self.states.partition_point(|state| state.since() <= moment);
        let ended = move |next: Option<&State>| {
            let answered = next.and_then(|next| next.by).map(|change| change.answered);
            answered.is_some_and(|answered| answered.is_some_and(|answered| answered + grace < moment))
        };
        let mut over = false;
        (0..last).rev().map_while(move |index| {
            over = over || ended(self.states.get(index + 1));
            (!over).then(|| self.states.get(index)).flatten()
        })
    }
}
