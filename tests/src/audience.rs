//! Who may hear, see and know whom in a simulated world, as the signalling of a server keeps it.

use crate::world::World;
use colloquy_bench::client::ClientConfig;
use colloquy_media_core::api::{Command, JoinError, MediaKind, PeerId, Permissions, RoomId, TrackInfo};
use colloquy_media_core::audience::{Audience, Circle, Sees, Stance, Verb, VerbError};
use std::collections::BTreeMap;
use std::time::Instant;

/// The audiences of all rooms, each with what it was, in order.
#[derive(Debug, Default)]
pub(crate) struct Audiences(BTreeMap<RoomId, Vec<(Instant, Audience)>>);

impl Audiences {
    fn now(&self, room: RoomId) -> Audience {
        self.0.get(&room).and_then(|history| history.last()).map(|(_, audience)| audience.clone()).unwrap_or_default()
    }

    fn note(&mut self, now: Instant, room: RoomId, audience: Audience) {
        self.0.entry(room).or_default().push((now, audience));
    }

    /// Whether there was a time when one might not know of another.
    pub(crate) fn were_apart(&self, room: RoomId, one: PeerId, other: PeerId) -> bool {
        let history = self.0.get(&room).map(Vec::as_slice).unwrap_or_default();
        let both =
            history.iter().filter(|(_, audience)| audience.stance(one).is_some() && audience.stance(other).is_some());
        both.into_iter().any(|(_, audience)| !audience.knows(one, other))
    }

    /// Whether somebody who sees another turned away could be shown his picture of an earlier time, when he was not.
    pub(crate) fn is_still(
        &self,
        room: RoomId,
        (viewer, source): (PeerId, PeerId),
        (from, to): (Instant, Instant),
    ) -> bool {
        let history = self.0.get(&room).map(Vec::as_slice).unwrap_or_default();
        let at = |time: Instant| history.iter().rfind(|(since, _)| *since <= time).map(|(_, audience)| audience);
        let was_there = at(from).and_then(|audience| audience.stance(source)).is_some_and(Stance::speaks_on_floor);
        let is_frozen = |audience: &Audience| audience.sees(viewer, source) == Sees::Frozen;
        let since = history.iter().position(|(_, audience)| is_frozen(audience) && audience.stance(viewer).is_some());
        was_there && since.is_some_and(|i| history[i].0 <= to)
    }

    /// Whether somebody could be sent a packet of another's at any time between two.
    pub(crate) fn allowed(
        &self,
        room: RoomId,
        (listener, source): (PeerId, PeerId),
        kind: MediaKind,
        (from, to): (Instant, Instant),
    ) -> bool {
        let history = self.0.get(&room).map(Vec::as_slice).unwrap_or_default();
        history.iter().enumerate().any(|(i, (since, audience))| {
            let until = history.get(i + 1).map(|(until, _)| *until);
            let may = match kind {
                MediaKind::Audio => audience.hears(listener, source).is_on(),
                MediaKind::Video => matches!(audience.sees(listener, source), Sees::Live | Sees::Thumbnail),
            };
            may && *since <= to && until.is_none_or(|until| until >= from)
        })
    }
}

/// A verb for some of these people, by numbers made up by whoever asks.
pub(crate) fn verb(present: &[PeerId], mut number: impl FnMut(usize) -> usize) -> Verb {
    let (who, other) = (present[number(present.len())], present[number(present.len())]);
    match number(14) {
        0 => Verb::Hold { who, held: true },
        1 => Verb::Hold { who, held: false },
        2..=3 => Verb::TurnAside { who, with: other },
        4 => Verb::TurnBackstage { who },
        5 => Verb::TurnBack { who },
        6 => Verb::Monitor { who, announced: number(2) == 0, wall: number(2) == 0 },
        7 => Verb::Coach { who, agent: other },
        8 => Verb::Backstage { who },
        9 => Verb::Listen { who },
        10 => Verb::Barge { who },
        11 => Verb::TakeOver { who, from: other },
        12 => Verb::Confide { who, insider: number(2) == 0 },
        _ => Verb::Move { who, circle: Circle(number(2) as u16) },
    }
}

impl World {
    /// Somebody new joins and stands so, with a client set up by `edit`.
    ///
    /// # Panics
    /// When he is not admitted.
    pub fn join_at(&mut self, room: RoomId, stance: Stance, edit: impl FnOnce(&mut ClientConfig)) -> PeerId {
        let peer = PeerId(self.next_id());
        self.try_join_at(room, peer, stance).expect("he is admitted");
        let mut config = self.client_config(peer);
        edit(&mut config);
        self.add_person(peer, room, config);
        peer
    }

    /// Asks for a place in a room, without a client.
    ///
    /// # Errors
    /// As the engine says.
    pub fn try_join_at(&mut self, room: RoomId, peer: PeerId, stance: Stance) -> Result<Vec<TrackInfo>, JoinError> {
        let joined = self.ask(|reply| Command::Join { room, peer, permissions: Permissions::ALL, stance, reply })?;
        let mut audience = self.audience(room);
        audience.enter(peer, stance);
        self.checks.audiences.note(self.now, room, audience);
        Ok(joined)
    }

    /// Who hears, sees and knows whom in a room now.
    #[must_use]
    pub fn audience(&self, room: RoomId) -> Audience {
        self.checks.audiences.now(room)
    }

    /// Changes who gets what of whom, as a server does that was asked to.
    ///
    /// # Errors
    /// As the matrix says.
    pub fn act(&mut self, room: RoomId, verb: Verb) -> Result<(), VerbError> {
        let mut audience = self.audience(room);
        audience.apply(verb)?;
        self.obey(room, audience);
        Ok(())
    }

    /// Somebody is gone.
    pub(crate) fn leave_audience(&mut self, room: RoomId, peer: PeerId) {
        let mut audience = self.audience(room);
        audience.leave(peer);
        self.obey(room, audience);
    }

    /// Everybody in a room stands on its floor again.
    pub(crate) fn gather(&mut self, room: RoomId) {
        let present: Vec<PeerId> = self.audience(room).iter().map(|(peer, _)| peer).collect();
        for who in present {
            let verbs = [
                Verb::Barge { who },
                Verb::TurnBack { who },
                Verb::Hold { who, held: false },
                Verb::Confide { who, insider: false },
                Verb::Move { who, circle: Circle::default() },
            ];
            for verb in verbs {
                self.act(room, verb).expect("he is there");
            }
        }
    }

    fn obey(&mut self, room: RoomId, after: Audience) {
        let before = self.audience(room);
        let moved = after.iter().filter(|(peer, stance)| before.stance(*peer) != Some(*stance));
        let stances: Vec<_> = moved.map(|(peer, stance)| (peer, *stance)).collect();
        let epoch = after.epoch();
        self.checks.audiences.note(self.now, room, after);
        if !stances.is_empty() {
            self.tell(Command::Stand { room, epoch, stances });
        }
    }
}
