//! A contact centre: who has which part in a room, and how often who hears and sees whom changes.

use super::file::number;
use super::{JoinBy, Scenario};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Changes of one room in a second at most: after each there must be time to see what came of it.
const MAX_IN_ROOM_PER_S: f64 = 5.0;

/// Who hears and sees whom changes during the measurement: supervisors whisper and fall silent, agents turn aside and back, customers are
/// held and taken back. The rooms take turns; which of them it is in each, the seed says.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// In a second, in all rooms together.
    pub changes_per_s: f64,
}

/// What somebody is in a contact centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Is served.
    Customer,
    /// Serves him.
    Agent,
    /// Monitors, and whispers to the agent.
    Supervisor,
    /// Is there for the agent to turn to: a helper.
    Colleague,
}

impl Duty {
    /// Every room has these, in the order in which they come; whoever is beyond them is one more customer.
    const CAST: [Self; 4] = [Self::Agent, Self::Customer, Self::Supervisor, Self::Colleague];

    /// Of a room's publisher, from 0.
    #[must_use]
    pub fn of(index: u32) -> Self {
        Self::CAST.get(index as usize).copied().unwrap_or(Self::Customer)
    }
}

impl Changes {
    /// Looks for what cannot work.
    pub(super) fn check(self, scenario: &Scenario) -> Result<()> {
        let most = MAX_IN_ROOM_PER_S * f64::from(scenario.rooms);
        number("audience.changes_per_s", self.changes_per_s, 0.01, most)?;
        let is_silent = scenario.media.audio.as_ref().is_none_or(|audio| audio.speakers.is_some());
        for (holds, why) in [
            (scenario.join.by == JoinBy::Websocket, "join.by must be \"websocket\": verbs are said there"),
            (scenario.meeting, "meeting must be true: everybody publishes and watches"),
            (scenario.viewers == 0, "viewers must be 0: there is no such part"),
            (
                scenario.publishers as usize >= Duty::CAST.len(),
                "publishers must be at least 4: an agent, a customer, a supervisor and a colleague",
            ),
            (!is_silent, "media.audio must be there, and everybody speak: what is not said is heard by nobody"),
            (
                scenario.churn.is_none() && scenario.storm.is_none(),
                "churn and storm are of viewers, of whom there are none",
            ),
            (
                scenario.access.is_empty(),
                "access must be empty: what a network holds back cannot be told from what leaks",
            ),
        ] {
            ensure!(holds, "audience: {why}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::scenario::READY;

    #[test]
    fn a_centre_that_cannot_be_played_is_refused_with_the_reason() {
        let text = READY.iter().find(|ready| ready.name == "centre").expect("it is ready").text;
        let read = |changes: &[&str]| {
            let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
            Scenario::read(text, &changes).map(|(scenario, _)| scenario.clients()).map_err(|error| error.to_string())
        };
        assert_eq!(read(&[]), Ok(32), "who publishes and watches is one client");
        assert_eq!(read(&["rooms=30", "publishers=6", "audience.changes_per_s=150"]), Ok(180));
        for (change, word) in [
            ("audience.changes_per_s=41", "audience.changes_per_s: 41 is not from 0.01 to 40"),
            ("publishers=3", "at least 4"),
            ("join.by=\"usual\"", "join.by"),
            ("viewers=1", "viewers"),
            ("media.audio.speakers=1", "everybody speak"),
            ("churn.per_s=1", "churn"),
            ("access=[{share=0.5,down={loss=0.1}}]", "access"),
        ] {
            let refused = read(&[change]).expect_err(change);
            assert!(refused.contains(word), "{change}: {refused}");
        }
    }
}
