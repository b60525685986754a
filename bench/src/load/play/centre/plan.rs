//! What is changed next in a room.

use crate::load::scenario::Duty;
use crate::load::system::Act;
use colloquy_media_core::api::PeerId;
use rand::RngExt;
use rand::rngs::StdRng;

/// Whom the changes of a room are made by and about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cast {
    pub(super) agent: PeerId,
    pub(super) customer: PeerId,
    pub(super) colleague: PeerId,
}

/// An agent and a colleague.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Talk {
    #[default]
    Floor,
    /// The agent has turned to the colleague.
    Aside,
    /// The agent is back, and the colleague still turned to where he was.
    Over,
}

/// How a room stands, as far as it is played: three things go to and fro, each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scene {
    whispers: bool,
    talk: Talk,
    held: bool,
}

impl Scene {
    /// The next change: who says what, and how the room stands when it is done.
    pub(super) fn next(self, cast: &Cast, rng: &mut StdRng) -> (Duty, Act, Self) {
        match (rng.random_range(0..3), self) {
            (0, Self { whispers: false, .. }) => {
                (Duty::Supervisor, Act::Coach(cast.agent), Self { whispers: true, ..self })
            }
            (0, _) => (Duty::Supervisor, Act::Listen, Self { whispers: false, ..self }),
            (1, Self { talk: Talk::Floor, .. }) => {
                (Duty::Agent, Act::TurnAside(cast.colleague), Self { talk: Talk::Aside, ..self })
            }
            (1, Self { talk: Talk::Aside, .. }) => (Duty::Agent, Act::TurnBack, Self { talk: Talk::Over, ..self }),
            (1, _) => (Duty::Colleague, Act::TurnBack, Self { talk: Talk::Floor, ..self }),
            (_, Self { held: false, .. }) => (Duty::Agent, Act::Hold(cast.customer), Self { held: true, ..self }),
            _ => (Duty::Agent, Act::TakeBack(cast.customer), Self { held: false, ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colloquy_media_core::audience::{Audience, Post, Stance};
    use rand::SeedableRng;

    #[test]
    fn every_change_can_be_made_and_changes_something() {
        let cast = Cast { agent: PeerId(1), customer: PeerId(2), colleague: PeerId(4) };
        let mut audience = Audience::default();
        audience.enter(cast.agent, Stance::at(Post::Floor).of_staff(true));
        audience.enter(cast.customer, Stance::at(Post::Floor));
        audience.enter(PeerId(3), Stance::at(Post::SILENT_MONITOR).of_staff(true));
        audience.enter(cast.colleague, Stance::at(Post::Wings).of_staff(true));
        let (mut rng, mut scene) = (StdRng::seed_from_u64(7), Scene::default());
        let mut seen = Vec::new();
        for epoch in 5..205 {
            let (by, act, next) = scene.next(&cast, &mut rng);
            let by = match by {
                Duty::Agent => cast.agent,
                Duty::Customer => cast.customer,
                Duty::Supervisor => PeerId(3),
                Duty::Colleague => cast.colleague,
            };
            audience.apply(act.verb(by)).unwrap();
            assert_eq!(audience.epoch(), epoch, "{act:?} changed something");
            scene = next;
            seen.push(act.word());
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, ["coach", "hold", "listen", "take_back", "turn_aside", "turn_back"]);
    }
}
