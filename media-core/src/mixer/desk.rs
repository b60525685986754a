//! The mixers of many rooms, each by itself: one that panics is gone, is told of, and takes no other with it.

use super::{Cast, FromMixer, MixAnswer, MixOrder, ToMixer};
use crate::api::RoomId;
use crate::mix::audio::{Ear, GroupId, ListenerId, Output, Packet, SourceId};
use crate::sound::Player;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// What mixes the sound of one room. Told the time with everything; reads no clock.
pub trait RoomMixer {
    /// There is a source, of a group that nobody may hear yet. One that finds no room is not heard.
    fn add_source(&mut self, id: SourceId, group: GroupId, now: Instant);
    /// A source is of another group from now on. What it said before and has not been heard yet, nobody hears.
    fn regroup(&mut self, id: SourceId, group: GroupId);
    /// A source is gone; nothing that is kept of it is heard any more.
    fn remove_source(&mut self, id: SourceId);
    /// A packet of a source.
    fn push(&mut self, id: SourceId, packet: Packet, now: Instant);
    /// What a listener hears from the next turn on.
    fn hear(&mut self, listener: ListenerId, ear: &Ear);
    /// A listener is gone.
    fn forget(&mut self, listener: ListenerId);
    /// When its next turn is; `None` when there is nothing to do.
    fn next_tick(&self) -> Option<Instant>;
    /// One turn.
    fn tick(&mut self, now: Instant);
    /// What came of it, in order. Drain it after every turn.
    fn poll(&mut self) -> Option<Output>;
}

impl<M: RoomMixer + ?Sized> RoomMixer for Box<M> {
    fn add_source(&mut self, id: SourceId, group: GroupId, now: Instant) {
        (**self).add_source(id, group, now);
    }
    fn regroup(&mut self, id: SourceId, group: GroupId) {
        (**self).regroup(id, group);
    }
    fn remove_source(&mut self, id: SourceId) {
        (**self).remove_source(id);
    }
    fn push(&mut self, id: SourceId, packet: Packet, now: Instant) {
        (**self).push(id, packet, now);
    }
    fn hear(&mut self, listener: ListenerId, ear: &Ear) {
        (**self).hear(listener, ear);
    }
    fn forget(&mut self, listener: ListenerId) {
        (**self).forget(listener);
    }
    fn next_tick(&self) -> Option<Instant> {
        (**self).next_tick()
    }
    fn tick(&mut self, now: Instant) {
        (**self).tick(now);
    }
    fn poll(&mut self) -> Option<Output> {
        (**self).poll()
    }
}

/// A room at one engine, of however many: each worker has its share of a room mixed for its own listeners.
type Seat = (u8, RoomId);

/// One room's mixer.
struct Room<M> {
    life: u64,
    mixer: M,
    /// Its sources: one that is cast again is regrouped.
    sources: FxHashMap<SourceId, GroupId>,
    /// Those of them that say what is played.
    players: Vec<(SourceId, Player)>,
}

/// The mixers of rooms.
pub struct MixDesk<M> {
    rooms: FxHashMap<Seat, Room<M>>,
    make: Box<dyn Fn(Instant) -> M + Send>,
    answers: VecDeque<(u8, FromMixer)>,
    panics: u64,
}

impl<M: RoomMixer> MixDesk<M> {
    /// A desk without rooms, whose mixers are made so.
    pub fn new(make: impl Fn(Instant) -> M + Send + 'static) -> Self {
        Self { rooms: FxHashMap::default(), make: Box::new(make), answers: VecDeque::new(), panics: 0 }
    }

    /// Takes a word of a worker's engine.
    pub fn handle(&mut self, now: Instant, worker: u8, word: ToMixer) {
        let ToMixer { room, life, order } = word;
        let seat = (worker, room);
        match order {
            MixOrder::Open => {
                let made = catch_unwind(AssertUnwindSafe(|| (self.make)(now)));
                match made {
                    Ok(mixer) => drop(self.rooms.insert(seat, Room::new(life, mixer))),
                    Err(_) => self.lost(seat, life),
                }
            }
            MixOrder::Close => {
                self.rooms.remove(&seat);
            }
            MixOrder::Ping => {
                if self.rooms.get(&seat).is_some_and(|known| known.life == life) {
                    self.answers.push_back((worker, FromMixer { room, life, answer: MixAnswer::Here }));
                }
            }
            MixOrder::Cast(cast) => self.guarded(seat, life, |room| room.cast(now, &cast)),
            MixOrder::Play(source, player) => self.guarded(seat, life, |room| room.play(now, source, player)),
            MixOrder::Packet(source, packet) => self.guarded(seat, life, |room| {
                // Of one that is gone, or never was.
                if room.sources.contains_key(&source) {
                    room.mixer.push(source, packet, now);
                }
            }),
        }
    }

    /// When [`tick`](Self::tick) wants to be called next.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        self.rooms.values().filter_map(Room::next_tick).min()
    }

    /// Gives every mixer its turn whose time has come.
    pub fn tick(&mut self, now: Instant) {
        let due = |room: &Room<M>| room.next_tick().is_some_and(|at| at <= now);
        let seats: Vec<_> =
            self.rooms.iter().filter(|(_, room)| due(room)).map(|(seat, room)| (*seat, room.life)).collect();
        for (seat, life) in seats {
            let mut mixed = Vec::new();
            self.guarded(seat, life, |room| {
                room.tick(now);
                mixed.extend(std::iter::from_fn(|| room.mixer.poll()));
            });
            if self.rooms.contains_key(&seat) {
                let (worker, room) = seat;
                let answer = |mixed| (worker, FromMixer { room, life, answer: MixAnswer::Mixed(mixed) });
                self.answers.extend(mixed.into_iter().map(answer));
            }
        }
    }

    /// The next word for a worker's engine, in order.
    pub fn poll(&mut self) -> Option<(u8, FromMixer)> {
        self.answers.pop_front()
    }

    /// Rooms that are mixed.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Mixers that failed.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics
    }

    /// Has every mixer fail, for tests of what comes of it. Gives how many.
    pub fn fail_all(&mut self) -> u64 {
        let rooms: Vec<_> = self.rooms.drain().map(|(seat, room)| (seat, room.life)).collect();
        rooms.iter().for_each(|(seat, life)| self.lost(*seat, *life));
        rooms.len() as u64
    }

    /// Works on a room's mixer of this life, if it is still there.
    fn guarded(&mut self, seat: Seat, life: u64, work: impl FnOnce(&mut Room<M>)) {
        let Some(room) = self.rooms.get_mut(&seat).filter(|room| room.life == life) else { return };
        if catch_unwind(AssertUnwindSafe(|| work(room))).is_err() {
            // Whatever it was in the middle of: nothing of it is used again.
            if let Some(room) = self.rooms.remove(&seat) {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(room)));
            }
            self.lost(seat, life);
        }
    }

    fn lost(&mut self, (worker, room): Seat, life: u64) {
        tracing::error!(%room, "the mixer of a room failed; its listeners hear each other directly until there is another");
        self.panics += 1;
        self.answers.push_back((worker, FromMixer { room, life, answer: MixAnswer::Lost }));
    }
}

impl<M: RoomMixer> Room<M> {
    fn new(life: u64, mixer: M) -> Self {
        Self { life, mixer, sources: FxHashMap::default(), players: Vec::new() }
    }

    fn next_tick(&self) -> Option<Instant> {
        let played = self.players.iter().filter_map(|(_, player)| player.next_due());
        self.mixer.next_tick().into_iter().chain(played).min()
    }

    /// What is played says what is due; then the mixer has its turn, if its time has come.
    fn tick(&mut self, now: Instant) {
        self.feed(now);
        if self.mixer.next_tick().is_some_and(|at| at <= now) {
            self.mixer.tick(now);
        }
    }

    fn feed(&mut self, now: Instant) {
        for (source, player) in &mut self.players {
            while let Some(packet) = player.take(now) {
                self.mixer.push(*source, packet, now);
            }
        }
    }

    fn play(&mut self, now: Instant, source: SourceId, player: Player) {
        if self.sources.contains_key(&source) {
            self.players.retain(|(of, _)| *of != source);
            self.players.push((source, player));
            self.feed(now);
        }
    }

    fn cast(&mut self, now: Instant, cast: &Cast) {
        for source in &cast.ended {
            self.players.retain(|(of, _)| of != source);
            if self.sources.remove(source).is_some() {
                self.mixer.remove_source(*source);
            }
        }
        for (source, group) in &cast.sources {
            match self.sources.insert(*source, *group) {
                Some(_) => self.mixer.regroup(*source, *group),
                None => self.mixer.add_source(*source, *group, now),
            }
        }
        cast.left.iter().for_each(|listener| self.mixer.forget(*listener));
        cast.ears.iter().for_each(|(listener, ear)| self.mixer.hear(*listener, ear));
    }
}

impl<M> std::fmt::Debug for MixDesk<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MixDesk").field("rooms", &self.rooms.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::audio::OutputId;
    use std::time::Duration;

    /// Says which turn it is, and fails in the third.
    struct Counting {
        next: Instant,
        turn: u32,
        said: VecDeque<Output>,
    }

    impl RoomMixer for Counting {
        fn add_source(&mut self, _: SourceId, _: GroupId, _: Instant) {}
        fn regroup(&mut self, _: SourceId, _: GroupId) {}
        fn remove_source(&mut self, _: SourceId) {}
        fn push(&mut self, _: SourceId, packet: Packet, _: Instant) {
            assert!(!packet.payload.is_empty(), "on purpose");
        }
        fn hear(&mut self, listener: ListenerId, _: &Ear) {
            self.said.push_back(Output::Assigned { listener, output: OutputId(1) });
        }
        fn forget(&mut self, _: ListenerId) {}
        fn next_tick(&self) -> Option<Instant> {
            Some(self.next)
        }
        fn tick(&mut self, now: Instant) {
            self.turn += 1;
            self.next = now + Duration::from_millis(20);
        }
        fn poll(&mut self) -> Option<Output> {
            self.said.pop_front()
        }
    }

    #[test]
    fn one_that_panics_is_told_of_and_takes_no_other_with_it() {
        let start = Instant::now();
        let mut desk = MixDesk::new(|now| Counting { next: now, turn: 0, said: VecDeque::new() });
        let word = |room, life, order| ToMixer { room: RoomId(room), life, order };
        for room in 1..=2 {
            desk.handle(start, 0, word(room, 7, MixOrder::Open));
            let cast = Cast { sources: vec![(SourceId(1), GroupId(1))], ..Cast::default() };
            desk.handle(start, 0, word(room, 7, MixOrder::Cast(Box::new(cast))));
        }
        desk.tick(start);
        let packet = |payload: &'static [u8]| Packet {
            sequence: 1,
            timestamp: 0,
            payload: payload.into(),
            red: false,
            level: None,
            voice: None,
            arrived: start,
        };
        desk.handle(start, 0, word(1, 7, MixOrder::Packet(SourceId(9), packet(b""))));
        assert!(desk.poll().is_none(), "of no source: it is not looked at");
        desk.handle(start, 0, word(1, 6, MixOrder::Packet(SourceId(1), packet(b""))));
        assert!(desk.poll().is_none(), "for an earlier mixer");
        desk.handle(start, 0, word(1, 7, MixOrder::Packet(SourceId(1), packet(b""))));
        let (0, FromMixer { room: RoomId(1), life: 7, answer: MixAnswer::Lost }) = desk.poll().unwrap() else {
            panic!("it is lost")
        };
        assert_eq!((desk.rooms(), desk.panics()), (1, 1));
        desk.handle(start, 0, word(1, 8, MixOrder::Open));
        assert_eq!(desk.rooms(), 2);
        desk.handle(start, 0, word(2, 7, MixOrder::Close));
        desk.handle(start, 0, word(1, 8, MixOrder::Close));
        assert_eq!((desk.rooms(), desk.next_tick()), (0, None));
    }
}
