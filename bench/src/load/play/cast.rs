//! Who plays whom: the participants of a scenario, and whom each of them is to receive.

use crate::load::scenario::{Duty, Scenario};
use crate::load::system::Participant;

/// One participation: somebody who publishes, or who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) who: Participant,
    pub(super) publishes: bool,
    /// Sends sound, where he publishes it.
    pub(super) speaks: bool,
    pub(super) access: Option<u32>,
    /// Watches and publishes: the number is of his other participation.
    pub(super) also_publishes: bool,
}

impl Role {
    /// Receives: as a participation of its own, or by the client that he publishes by.
    pub(super) fn watches(&self) -> bool {
        !self.publishes || self.who.duty.is_some()
    }
}

/// The publishers of all rooms, then the viewers, both room after room in turn, as they come.
pub(super) fn cast(scenario: &Scenario) -> (Vec<Role>, Vec<Role>) {
    let (audio, video) = (scenario.media.audio.is_some(), scenario.media.video.is_some());
    let speakers = scenario.media.audio.as_ref().and_then(|audio| audio.speakers).unwrap_or(u32::MAX);
    let mut publishers = Vec::new();
    let mut viewers = Vec::new();
    for index in 0..scenario.publishers {
        for room in 0..scenario.rooms {
            let number = publishers.len() as u64;
            let duty = scenario.audience.map(|_| Duty::of(index));
            let who = Participant { room, number, audio, video, duty };
            let speaks = index < speakers;
            publishers.push(Role { who, publishes: true, speaks, access: None, also_publishes: false });
        }
    }
    if scenario.meeting && scenario.audience.is_none() {
        for publisher in &publishers {
            let index = viewers.len() as u32 / scenario.rooms.max(1);
            let access = access(scenario, index);
            viewers.push(Role { publishes: false, access, also_publishes: true, ..publisher.clone() });
        }
    }
    let already = viewers.len() as u32 / scenario.rooms.max(1);
    for index in 0..scenario.viewers {
        for room in 0..scenario.rooms {
            let number = publishers.len() as u64 + u64::from(index) * u64::from(scenario.rooms) + u64::from(room);
            let who = Participant { room, number, audio: false, video: false, duty: None };
            let access = access(scenario, already + index);
            viewers.push(Role { who, publishes: false, speaks: false, access, also_publishes: false });
        }
    }
    (publishers, viewers)
}

/// The access of a room's viewer: the first have the first, and so on.
fn access(scenario: &Scenario, index: u32) -> Option<u32> {
    let place = (f64::from(index) + 0.5) / f64::from(scenario.watchers().max(1));
    let mut end = 0.0;
    for (number, access) in scenario.access.iter().enumerate() {
        end += access.share;
        if place < end {
            return u32::try_from(number).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(changes: &[&str]) -> Scenario {
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        Scenario::read("name = \"x\"\nviewers = 4\n[media.audio]\nspeakers = 1\n", &changes).unwrap().0
    }

    #[test]
    fn everybody_is_there_and_some_have_bad_networks() {
        let scenario = scenario(&["rooms=2", "publishers=2", "meeting=true", "access=[{share=0.5,down={loss=0.1}}]"]);
        let (publishers, viewers) = cast(&scenario);
        assert_eq!((publishers.len(), viewers.len()), (4, 12));
        assert_eq!(publishers.len() + viewers.len(), usize::try_from(scenario.clients()).unwrap());
        assert_eq!(publishers.iter().filter(|role| role.speaks).count(), 2);
        assert_eq!(viewers.iter().filter(|role| role.access == Some(0)).count(), 6);
        assert_eq!(viewers.iter().filter(|role| role.who.room == 1).count(), 6);
        let mut numbers: Vec<u64> = publishers.iter().chain(&viewers).map(|role| role.who.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 12, "who publishes and watches is one participant");
    }
}
