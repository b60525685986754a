//! A room that outgrew one worker: its participants live on several, and each worker's engine has a share of the room.
//!
//! A share holds its own participants as any room does, and as *guests* those participants of other shares who publish: their
//! tracks, without a transport behind them. What a publisher sends is opened and repaired where he lives, and handed on once to
//! every share in which somebody receives it; there it goes to the receivers as if it had arrived by itself, out of a ring of that
//! share's own. Back go wishes for key frames and the encodings that are of use. Nothing is locked and nothing is shared but the
//! bytes of packets: shares speak in [`LinkMessage`]s, which the driver carries in order from each engine to each other.

mod channels;
mod guests;
mod incoming;
mod message;
mod outgoing;

pub use message::LinkMessage;
pub(super) use message::Word;

use super::Engine;
use crate::api::{Command, PeerId, RoomId};
use crate::keys::{PeerKey, RoomKey};
use crate::room::Room;
use crate::wire::Outbox;
use message::Relayed;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// What an engine knows of other workers' engines.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// Publishers of rooms shared with us, who live on other workers.
    guests: FxHashMap<PeerId, PeerKey>,
    of_guests: OfGuests,
    /// What is to be told to which worker.
    outgoing: VecDeque<(u8, LinkMessage)>,
    /// Commands for rooms whose other shares have not told us yet what there is.
    postponed: Vec<(RoomId, Command)>,
    /// Packets that were handed on, to be used again when nobody holds them any more.
    spare: VecDeque<Arc<Relayed>>,
}

/// Guests, and what they have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OfGuests {
    pub(super) peers: usize,
    pub(super) tracks: usize,
    pub(super) channels: usize,
}

impl Shares {
    /// How much there is here that is another worker's to count.
    pub(super) fn of_guests(&self) -> OfGuests {
        OfGuests { peers: self.guests.len(), ..self.of_guests }
    }

    /// A buffer for a packet: one that nobody holds any more, where one of the next few is free. A worker that lags holds many.
    fn buffer(&mut self) -> Arc<Relayed> {
        for _ in 0..SPARES_TRIED {
            match self.spare.pop_front() {
                Some(spare) if Arc::strong_count(&spare) == 1 => return spare,
                Some(busy) => self.spare.push_back(busy),
                None => break,
            }
        }
        Arc::new(Relayed::empty())
    }

    /// A track of a guest is gone.
    pub(super) fn lost_track(&mut self) {
        self.of_guests.tracks -= 1;
    }
}

/// Another worker's share of a room, as one share knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherShare {
    pub(crate) worker: u8,
    /// Which of the times that the two shared this room it is: word of an earlier one does not count.
    epoch: u64,
    /// It has not told us yet all that there is.
    is_awaited: bool,
}

/// Buffers looked at before a new one is made.
const SPARES_TRIED: usize = 8;

/// Commands that wait for one room's shares at most; one more is carried out as it comes, and may find nobody.
const MAX_POSTPONED: usize = 4_096;

impl Engine {
    /// Somebody is about to join a room here of which another worker has participants. If he is the first, what they publish is asked
    /// for, and commands for the room wait until it is known. `epoch` is higher each time that any two begin to share.
    pub fn share_room(&mut self, room: RoomId, with: u8, epoch: u64) {
        let key = self.room_of(room);
        if self.rooms.get(key).is_some_and(|room| room.others.iter().any(|other| other.worker == with)) {
            // It shares the room already: the one who joins is not the first.
            return;
        }
        self.begin_share(key, OtherShare { worker: with, epoch, is_awaited: true });
        self.tell(with, Word::Hello { room, epoch });
    }

    /// Another worker begins to share a room. It may be one whose first participant is still on his way to us, or whose last one just
    /// left: then we have a share without participants, until the other has none either.
    fn greeted(&mut self, from: u8, room: RoomId, epoch: u64) {
        let key = self.room_of(room);
        let known = self.rooms.get(key).and_then(|room| room.others.iter().find(|other| other.worker == from)).copied();
        // Where both greet at once, the later greeting is what counts for both.
        let (epoch_now, is_awaited) =
            known.map_or((epoch, false), |k| (epoch.max(k.epoch), k.is_awaited && k.epoch > epoch));
        self.begin_share(key, OtherShare { worker: from, epoch: epoch_now, is_awaited });
        self.tell_everything(key, from);
        self.tell(from, Word::Synced { room, epoch });
    }

    /// The room of this name, opened if it is not.
    pub(super) fn room_of(&mut self, room: RoomId) -> RoomKey {
        *self.room_ids.entry(room).or_insert_with(|| self.rooms.insert(Room::new(room)))
    }

    fn begin_share(&mut self, key: RoomKey, other: OtherShare) {
        self.forget_share(key, other.worker);
        if let Some(room) = self.rooms.get_mut(key) {
            room.others.push(other);
        }
    }

    /// The next word for another worker's engine, in order. Drain it after every `handle_*`, and before the events: what an event
    /// tells of must be known everywhere when somebody acts on it.
    pub fn poll_link(&mut self) -> Option<(u8, LinkMessage)> {
        self.shares.outgoing.pop_front()
    }

    pub(super) fn tell(&mut self, worker: u8, word: Word) {
        self.shares.outgoing.push_back((worker, LinkMessage(word)));
    }

    /// Tells every other share of a room.
    pub(super) fn tell_shares(&mut self, room: RoomKey, word: impl Fn() -> Word) {
        for other in self.rooms.get(room).map(|r| r.others.as_slice()).unwrap_or_default() {
            self.shares.outgoing.push_back((other.worker, LinkMessage(word())));
        }
    }

    /// Gives a command back when it can be carried out now; else it waits until the room's other shares have spoken.
    pub(super) fn postpone(&mut self, command: Command) -> Option<Command> {
        let room = match &command {
            Command::Join { room, .. }
            | Command::CloseRoom { room }
            | Command::Stand { room, .. }
            | Command::Announce { room, .. }
            | Command::Hush { room, .. }
            | Command::Arrange { room, .. } => self.is_waiting(*room).then_some(*room),
            command => {
                let peer = command.peer();
                let joins = |(_, waiting): &&(RoomId, Command)| peer.is_some() && waiting.peer() == peer;
                self.shares.postponed.iter().find(joins).map(|(room, _)| *room)
            }
        };
        match room {
            Some(room) if self.shares.postponed.len() < MAX_POSTPONED || command.must_arrive() => {
                self.shares.postponed.push((room, command));
                None
            }
            _ => Some(command),
        }
    }

    fn is_waiting(&self, room: RoomId) -> bool {
        let room = self.room_ids.get(&room).and_then(|key| self.rooms.get(*key));
        room.is_some_and(|room| room.others.iter().any(|other| other.is_awaited))
    }

    /// Carries out what waited for a room.
    fn resume(&mut self, now: Instant, room: RoomId, out: &mut Outbox) {
        if self.is_waiting(room) {
            return;
        }
        let (ready, rest) = std::mem::take(&mut self.shares.postponed).into_iter().partition(|(of, _)| *of == room);
        self.shares.postponed = rest;
        let ready: Vec<(RoomId, Command)> = ready;
        for (_, command) in ready {
            self.handle_command(now, command, out);
        }
    }

    /// Ends a share of which nobody is left.
    pub(super) fn close_if_empty(&mut self, key: RoomKey) {
        let Some(room) = self.rooms.get(key).filter(|room| room.peers.is_empty()) else { return };
        let (id, others) = (room.id, room.others.clone());
        if others.iter().any(|other| other.is_awaited) {
            return;
        }
        for other in others {
            self.forget_share(key, other.worker);
            self.tell(other.worker, Word::Parted { room: id, epoch: other.epoch });
        }
        self.close_mix(key);
        self.close_canvases(key);
        self.rooms.remove(key);
        self.room_ids.remove(&id);
    }

    /// Whether this share tells the world what all know: the one of the lowest worker.
    pub(super) fn speaks_for(&self, room: &Room) -> bool {
        room.others.iter().all(|other| self.config.worker < other.worker)
    }
}
