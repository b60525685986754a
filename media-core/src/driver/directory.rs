//! Which participant of which room lives on which worker. Control path only.

use crate::api::{PeerId, RoomId};
use rustc_hash::FxHashMap;

/// A room, and its participants on each of the workers that have a share of it.
#[derive(Debug, Default)]
struct Room {
    /// Never empty ones.
    shares: Vec<(usize, usize)>,
    peers: FxHashMap<PeerId, usize>,
}

/// How many participants a room may have, and how they are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spread {
    /// Participants of one room on one worker, as long as another worker has none.
    pub(super) room_peers_per_worker: usize,
    /// Participants of a room on all workers.
    pub(super) peers_per_room: usize,
}

/// Where one who joins will live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) worker: usize,
    /// The other workers that have shares of the room. Told each time: the worker may have lost its share before who joins is there.
    pub(super) shared_with: Vec<usize>,
    /// Of this time of sharing; higher than all before.
    pub(super) epoch: u64,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// He is in a room already.
    AlreadyJoined,
    /// So many may be in a room, and no more.
    RoomFull,
}

/// Holds the rooms and participants that the workers hold, no more: a room without participants is forgotten.
#[derive(Debug)]
pub(super) struct Directory {
    spread: Spread,
    rooms: FxHashMap<RoomId, Room>,
    peers: FxHashMap<PeerId, RoomId>,
    /// Participants and shares of rooms of each worker.
    loads: Vec<(usize, usize)>,
    epoch: u64,
}

impl Directory {
    pub(super) fn new(workers: usize, spread: Spread) -> Self {
        let loads = vec![(0, 0); workers];
        Self { spread, rooms: FxHashMap::default(), peers: FxHashMap::default(), loads, epoch: 0 }
    }

    /// Notes that a participant joins. A new room goes to the worker with the fewest participants, and so does who finds the
    /// room's workers full.
    pub(super) fn join(&mut self, room: RoomId, peer: PeerId) -> Result<Placement, NoPlace> {
        if self.peers.contains_key(&peer) {
            return Err(NoPlace::AlreadyJoined);
        }
        let known = self.rooms.get(&room);
        if known.is_some_and(|known| known.peers.len() >= self.spread.peers_per_room) {
            return Err(NoPlace::RoomFull);
        }
        let shares = known.map(|known| known.shares.as_slice()).unwrap_or_default();
        let emptiest = shares.iter().min_by_key(|(_, peers)| *peers).copied();
        let has_share = |worker: &usize| shares.iter().any(|(of, _)| of == worker);
        let idlest = || (0..self.loads.len()).filter(|w| !has_share(w)).min_by_key(|worker| self.loads[*worker]);
        let worker = match emptiest {
            Some((worker, peers)) if peers < self.spread.room_peers_per_worker => worker,
            Some((worker, _)) => idlest().unwrap_or(worker),
            None => idlest().unwrap_or_default(),
        };
        let shared_with = shares.iter().map(|(of, _)| *of).filter(|of| *of != worker).collect();
        self.epoch += 1;
        let entry = self.rooms.entry(room).or_default();
        match entry.shares.iter_mut().find(|(of, _)| *of == worker) {
            Some((_, peers)) => *peers += 1,
            None => {
                entry.shares.push((worker, 1));
                self.loads[worker].1 += 1;
            }
        }
        entry.peers.insert(peer, worker);
        self.loads[worker].0 += 1;
        self.peers.insert(peer, room);
        Ok(Placement { worker, shared_with, epoch: self.epoch })
    }

    /// Forgets a participant; tells which worker he was on.
    pub(super) fn leave(&mut self, peer: PeerId) -> Option<usize> {
        let room = self.peers.remove(&peer)?;
        let entry = self.rooms.get_mut(&room)?;
        let worker = entry.peers.remove(&peer)?;
        self.loads[worker].0 -= 1;
        if let Some(share) = entry.shares.iter_mut().find(|(of, _)| *of == worker) {
            share.1 -= 1;
            if share.1 == 0 {
                entry.shares.retain(|(of, _)| *of != worker);
                self.loads[worker].1 -= 1;
            }
        }
        if entry.peers.is_empty() {
            self.rooms.remove(&room);
        }
        Some(worker)
    }

    /// Forgets a room and everyone in it; tells which workers it was on.
    pub(super) fn close(&mut self, room: RoomId) -> Vec<usize> {
        let Some(Room { shares, peers }) = self.rooms.remove(&room) else { return Vec::new() };
        for peer in peers.keys() {
            self.peers.remove(peer);
        }
        for (worker, peers) in &shares {
            self.loads[*worker].0 -= peers;
            self.loads[*worker].1 -= 1;
        }
        shares.into_iter().map(|(worker, _)| worker).collect()
    }

    /// The worker that a participant is on.
    pub(super) fn worker_of_peer(&self, peer: PeerId) -> Option<usize> {
        self.rooms.get(self.peers.get(&peer)?)?.peers.get(&peer).copied()
    }

    /// The workers that a room is on.
    pub(super) fn workers_of_room(&self, room: RoomId) -> Vec<usize> {
        self.rooms.get(&room).into_iter().flat_map(|room| room.shares.iter().map(|(worker, _)| *worker)).collect()
    }

    /// Every room.
    pub(super) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Spread = Spread { room_peers_per_worker: 100, peers_per_room: 100 };

    fn worker(directory: &mut Directory, room: u64, peer: u64) -> Result<usize, NoPlace> {
        directory.join(RoomId(room), PeerId(peer)).map(|placement| placement.worker)
    }

    #[test]
    fn rooms_go_to_the_emptiest_worker_and_keep_together() {
        let mut directory = Directory::new(2, WIDE);
        assert_eq!(worker(&mut directory, 1, 1), Ok(0));
        assert_eq!(worker(&mut directory, 1, 2), Ok(0));
        assert_eq!(worker(&mut directory, 2, 3), Ok(1));
        assert_eq!(worker(&mut directory, 3, 4), Ok(1));
        assert_eq!(worker(&mut directory, 2, 4), Err(NoPlace::AlreadyJoined), "he is in another room");
        assert_eq!(directory.leave(PeerId(1)), Some(0));
        assert_eq!(worker(&mut directory, 4, 5), Ok(0));
        assert_eq!(directory.worker_of_peer(PeerId(3)), Some(1));
    }

    #[test]
    fn a_room_that_outgrows_its_worker_is_shared_by_others() {
        let mut directory = Directory::new(3, Spread { room_peers_per_worker: 2, peers_per_room: 7 });
        let placed: Vec<_> = (0..6).map(|peer| directory.join(RoomId(1), PeerId(peer)).unwrap()).collect();
        assert_eq!(placed.iter().map(|p| p.worker).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
        let shared: Vec<_> = placed.iter().map(|p| p.shared_with.clone()).collect();
        assert_eq!(shared, [vec![], vec![], vec![0], vec![0], vec![0, 1], vec![0, 1]]);
        assert!(placed.windows(2).all(|two| two[0].epoch < two[1].epoch));
        assert_eq!(worker(&mut directory, 1, 6), Ok(0), "all are full, and share alike");
        assert_eq!(worker(&mut directory, 1, 7), Err(NoPlace::RoomFull));
        // A share that emptied is no share any more.
        assert_eq!((directory.leave(PeerId(2)), directory.leave(PeerId(3))), (Some(1), Some(1)));
        assert_eq!(directory.workers_of_room(RoomId(1)), [0, 2]);
        assert_eq!(directory.join(RoomId(1), PeerId(9)).unwrap().shared_with, [0, 2]);
    }

    #[test]
    fn nothing_stays_of_those_who_left() {
        let mut directory = Directory::new(2, Spread { room_peers_per_worker: 1, ..WIDE });
        for peer in 0..4 {
            worker(&mut directory, peer / 3, peer).unwrap();
        }
        assert_eq!(directory.close(RoomId(0)), [0, 1]);
        assert_eq!(directory.leave(PeerId(0)), None);
        assert_eq!(directory.leave(PeerId(3)), Some(1));
        assert_eq!(directory.loads, [(0, 0), (0, 0)]);
        assert!(directory.rooms.is_empty() && directory.peers.is_empty());
        assert!(directory.close(RoomId(0)).is_empty() && directory.workers_of_room(RoomId(0)).is_empty());
    }
}
