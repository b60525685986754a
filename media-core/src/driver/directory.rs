//! Which room, and so which participant, lives on which worker. Control path only.

use crate::api::{PeerId, RoomId};
use rustc_hash::{FxHashMap, FxHashSet};

#[derive(Debug)]
struct Room {
    worker: usize,
    peers: FxHashSet<PeerId>,
}

/// Holds the rooms and participants that the workers hold, no more: a room without participants is forgotten.
#[derive(Debug)]
pub(super) struct Directory {
    rooms: FxHashMap<RoomId, Room>,
    peers: FxHashMap<PeerId, RoomId>,
    /// Participants and rooms of each worker.
    loads: Vec<(usize, usize)>,
}

impl Directory {
    pub(super) fn new(workers: usize) -> Self {
        Self { rooms: FxHashMap::default(), peers: FxHashMap::default(), loads: vec![(0, 0); workers] }
    }

    /// Notes that a participant joins; a new room goes to the worker with the fewest participants. `None` when he is in a room
    /// already.
    pub(super) fn join(&mut self, room: RoomId, peer: PeerId) -> Option<usize> {
        if self.peers.contains_key(&peer) {
            return None;
        }
        let loads = &mut self.loads;
        let room_entry = self.rooms.entry(room).or_insert_with(|| {
            let worker = (0..loads.len()).min_by_key(|worker| loads[*worker]).unwrap_or_default();
            loads[worker].1 += 1;
            Room { worker, peers: FxHashSet::default() }
        });
        let worker = room_entry.worker;
        room_entry.peers.insert(peer);
        self.loads[worker].0 += 1;
        self.peers.insert(peer, room);
        Some(worker)
    }

    /// Forgets a participant; tells which worker he was on.
    pub(super) fn leave(&mut self, peer: PeerId) -> Option<usize> {
        let room = self.peers.remove(&peer)?;
        let entry = self.rooms.get_mut(&room)?;
        let worker = entry.worker;
        entry.peers.remove(&peer);
        self.loads[worker].0 -= 1;
        if entry.peers.is_empty() {
            self.rooms.remove(&room);
            self.loads[worker].1 -= 1;
        }
        Some(worker)
    }

    /// Forgets a room and everyone in it; tells which worker it was on.
    pub(super) fn close(&mut self, room: RoomId) -> Option<usize> {
        let Room { worker, peers } = self.rooms.remove(&room)?;
        self.loads[worker].0 -= peers.len();
        self.loads[worker].1 -= 1;
        for peer in peers {
            self.peers.remove(&peer);
        }
        Some(worker)
    }

    /// The worker that a participant is on.
    pub(super) fn worker_of_peer(&self, peer: PeerId) -> Option<usize> {
        self.worker_of_room(*self.peers.get(&peer)?)
    }

    /// The worker that a room is on.
    pub(super) fn worker_of_room(&self, room: RoomId) -> Option<usize> {
        self.rooms.get(&room).map(|room| room.worker)
    }

    /// Every room.
    pub(super) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_go_to_the_emptiest_worker_and_keep_together() {
        let mut directory = Directory::new(2);
        assert_eq!(directory.join(RoomId(1), PeerId(1)), Some(0));
        assert_eq!(directory.join(RoomId(1), PeerId(2)), Some(0));
        assert_eq!(directory.join(RoomId(2), PeerId(3)), Some(1));
        assert_eq!(directory.join(RoomId(3), PeerId(4)), Some(1));
        assert_eq!(directory.join(RoomId(2), PeerId(4)), None, "he is in another room");
        assert_eq!(directory.leave(PeerId(1)), Some(0));
        assert_eq!(directory.join(RoomId(4), PeerId(5)), Some(0));
        assert_eq!(directory.worker_of_peer(PeerId(3)), Some(1));
    }

    #[test]
    fn nothing_stays_of_those_who_left() {
        let mut directory = Directory::new(1);
        for peer in 0..4 {
            directory.join(RoomId(peer / 3), PeerId(peer));
        }
        assert_eq!(directory.close(RoomId(0)), Some(0));
        assert_eq!(directory.leave(PeerId(0)), None);
        assert_eq!(directory.leave(PeerId(3)), Some(0));
        assert_eq!(directory.loads, [(0, 0)]);
        assert!(directory.rooms.is_empty() && directory.peers.is_empty());
        assert_eq!((directory.close(RoomId(0)), directory.worker_of_room(RoomId(1))), (None, None));
    }
}
