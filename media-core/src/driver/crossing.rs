//! Several workers on one port: what the kernel gave to the wrong one crosses over to its owner.
//!
//! A binding request says whose it is by its USERNAME, and needs no memory. Everything else follows the path that the owner
//! announced when ICE validated it.

use super::message::Message;
use super::stun;
use super::tcp::Stray;
use crate::engine::PathChange;
use crate::wire::Path;
use mio::Waker;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

/// Datagrams on their way to one worker at most; one more is dropped and counted. At 300,000 packets/s they are 3 ms.
pub(super) const QUEUE: usize = 1_024;

/// Buffers of one worker for datagrams on their way, allocated as they are first needed and used again.
const BUFFERS: usize = 1_024;

/// Longest datagram that crosses, in bytes; none of ours is longer.
const BUFFER_BYTES: usize = 2_048;

/// Paths known at most, of all workers: 100 bytes each. The datagrams of one more are dropped by whoever gets them.
const MAX_PATHS: usize = 65_536;

/// Announcements kept for workers whose queues are full; the oldest is given up for one more.
const MAX_UNTOLD: usize = 65_536;

/// A datagram on its way to its owner.
#[derive(Debug)]
pub(super) struct Crossed {
    path: Path,
    bytes: Vec<u8>,
    /// Whose buffer it is.
    home: u8,
}

/// The door of a worker, as the others know it.
#[derive(Debug, Clone)]
pub(super) struct Door {
    messages: SyncSender<Message>,
    datagrams: SyncSender<Crossed>,
    /// Where its buffers come home to.
    buffers: SyncSender<Vec<u8>>,
    waker: Arc<Waker>,
}

/// A worker's inner side of its door.
#[derive(Debug)]
pub(super) struct Inside {
    datagrams: Receiver<Crossed>,
    buffers: Receiver<Vec<u8>>,
}

/// Makes a worker's door.
pub(super) fn door(messages: SyncSender<Message>, waker: Arc<Waker>) -> (Door, Inside) {
    let (datagrams, incoming) = sync_channel(QUEUE);
    let (buffers, returning) = sync_channel(BUFFERS);
    (Door { messages, datagrams, buffers, waker }, Inside { datagrams: incoming, buffers: returning })
}

/// One worker's view of the others.
#[derive(Debug)]
pub(super) struct Crossing {
    me: u8,
    doors: Vec<Door>,
    inside: Inside,
    owners: FxHashMap<Path, u8>,
    /// Announcements that a full queue did not take; told again later.
    untold: VecDeque<(u8, Path, bool)>,
    /// Buffers allocated so far, and those at hand.
    allocated: usize,
    spare: Vec<Vec<u8>>,
    /// Workers that were given something since they were last woken.
    asleep_with_mail: Vec<bool>,
}

/// A datagram could not cross: the queue is full, or there is no buffer left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Crossing {
    /// Worker `me` of those behind `doors`, itself included.
    pub(super) fn new(me: u8, doors: Vec<Door>, inside: Inside) -> Self {
        Self {
            me,
            asleep_with_mail: vec![false; doors.len()],
            doors,
            inside,
            owners: FxHashMap::default(),
            untold: VecDeque::new(),
            allocated: 0,
            spare: Vec::new(),
        }
    }

    /// The other worker that a datagram belongs to; `None` when it is ours or nobody's.
    pub(super) fn other_owner(&self, path: &Path, bytes: &[u8]) -> Option<u8> {
        // STUN is 0 to 3 (RFC 7983). A request goes by its USERNAME even on a known path: an ICE restart may move it.
        let asked = if bytes.first().is_some_and(|first| *first <= 3) { stun::worker_of(bytes) } else { None };
        self.other(asked.or_else(|| self.owners.get(path).copied())?)
    }

    /// The other worker that a TCP connection's first frame is for.
    pub(super) fn other_asked(&self, first_frame: &[u8]) -> Option<u8> {
        self.other(stun::worker_of(first_frame)?)
    }

    fn other(&self, worker: u8) -> Option<u8> {
        (worker != self.me && usize::from(worker) < self.doors.len()).then_some(worker)
    }

    /// Hands a datagram to its owner.
    pub(super) fn hand_over(&mut self, owner: u8, path: Path, bytes: &[u8]) -> Result<(), Full> {
        let mut buffer = self.buffer().filter(|_| bytes.len() <= BUFFER_BYTES).ok_or(Full)?;
        buffer.clear();
        buffer.extend_from_slice(bytes);
        match self.doors[usize::from(owner)].datagrams.try_send(Crossed { path, bytes: buffer, home: self.me }) {
            Ok(()) => {
                self.asleep_with_mail[usize::from(owner)] = true;
                Ok(())
            }
            Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => {
                self.spare.push(back.bytes);
                Err(Full)
            }
        }
    }

    /// Hands a TCP connection to its owner; it is closed when the owner's queue is full.
    pub(super) fn hand_over_stream(&mut self, owner: u8, stray: Stray) {
        let door = &self.doors[usize::from(owner)];
        if door.messages.try_send(Message::Stray(stray)).is_ok() {
            self.asleep_with_mail[usize::from(owner)] = true;
        }
    }

    /// Wakes those who were handed something: once a batch, not once a datagram.
    pub(super) fn wake(&mut self) {
        for (door, mail) in self.doors.iter().zip(&mut self.asleep_with_mail) {
            if std::mem::take(mail) {
                let _ = door.waker.wake();
            }
        }
    }

    /// Takes the next datagram that another worker handed over, lends it to `each`, and sends its buffer home.
    pub(super) fn take(&mut self, each: impl FnOnce(Path, &mut [u8])) -> bool {
        let Ok(mut crossed) = self.inside.datagrams.try_recv() else { return false };
        each(crossed.path, &mut crossed.bytes);
        // As many buffers are on their way as this queue holds, so that it is never full.
        let _ = self.doors[usize::from(crossed.home)].buffers.try_send(crossed.bytes);
        true
    }

    /// Tells every other worker whose a UDP path is, or is no more. (Of TCP the whole connection moved, with its first frame.)
    pub(super) fn announce(&mut self, change: PathChange) {
        let (path, added) = match change {
            PathChange::Added(path) => (path, true),
            PathChange::Removed(path) => (path, false),
            // Ports of their own come to nobody else.
            PathChange::Closed(_) => return,
        };
        self.learn(self.me, path, added);
        for other in (0..self.doors.len() as u8).filter(|other| *other != self.me) {
            if self.untold.len() >= MAX_UNTOLD {
                self.untold.pop_front();
            }
            self.untold.push_back((other, path, added));
        }
        self.tell();
    }

    /// Tells what is still untold, as far as the queues take it; in order for each worker, since it stops at the first that is full.
    pub(super) fn tell(&mut self) {
        while let Some(&(other, path, added)) = self.untold.front() {
            let door = &self.doors[usize::from(other)];
            match door.messages.try_send(Message::Route { path, owner: self.me, added }) {
                Err(TrySendError::Full(_)) => break,
                Ok(()) => self.asleep_with_mail[usize::from(other)] = true,
                Err(TrySendError::Disconnected(_)) => {}
            }
            self.untold.pop_front();
        }
    }

    /// Whether something is still untold.
    pub(super) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// Notes whose a path is. What its owner of old says afterwards does not count.
    pub(super) fn learn(&mut self, owner: u8, path: Path, added: bool) {
        if !added {
            if self.owners.get(&path) == Some(&owner) {
                self.owners.remove(&path);
            }
        } else if self.owners.len() < MAX_PATHS || self.owners.contains_key(&path) {
            self.owners.insert(path, owner);
        }
    }

    fn buffer(&mut self) -> Option<Vec<u8>> {
        if let Some(buffer) = self.spare.pop() {
            return Some(buffer);
        }
        match self.inside.buffers.try_recv() {
            Ok(buffer) => Some(buffer),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) if self.allocated < BUFFERS => {
                self.allocated += 1;
                Some(Vec::with_capacity(BUFFER_BYTES))
            }
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::stun::tests::request;
    use crate::driver::testing::path;
    use mio::Poll;

    struct Side {
        crossing: Crossing,
        messages: Receiver<Message>,
        _poll: Poll,
    }

    /// Workers that know of one another, with room for so many messages each.
    fn workers(count: u8, room: usize) -> Vec<Side> {
        let (mut doors, mut rest) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let poll = Poll::new().unwrap();
            let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
            let (sender, messages) = sync_channel(room);
            let (door, inside) = door(sender, waker);
            doors.push(door);
            rest.push((inside, messages, poll));
        }
        let side = |(me, (inside, messages, poll))| Side {
            crossing: Crossing::new(me, doors.clone(), inside),
            messages,
            _poll: poll,
        };
        (0..).zip(rest).map(side).collect()
    }

    fn hear(side: &mut Side) {
        while let Ok(Message::Route { path, owner, added }) = side.messages.try_recv() {
            side.crossing.learn(owner, path, added);
        }
    }

    #[test]
    fn requests_go_by_their_username_and_the_rest_by_the_path() {
        let mut sides = workers(3, 8);
        let media = [128, 96, 0, 0];
        let first = &sides[0].crossing;
        assert_eq!(first.other_owner(&path(5), &request("Bxx:yy")), Some(1));
        assert_eq!(first.other_owner(&path(5), &request("Axx:yy")), None, "it is ours");
        assert_eq!(first.other_owner(&path(5), &request("Zxx:yy")), None, "there is no such worker");
        assert_eq!(first.other_owner(&path(5), &media), None, "nobody announced it");
        sides[2].crossing.announce(PathChange::Added(path(5)));
        sides.iter_mut().for_each(hear);
        assert_eq!(sides[0].crossing.other_owner(&path(5), &media), Some(2));
        assert_eq!(sides[1].crossing.other_owner(&path(5), &media), Some(2));
        assert_eq!(sides[2].crossing.other_owner(&path(5), &media), None);
        assert_eq!(sides[0].crossing.other_owner(&path(5), &request("Bxx:yy")), Some(1), "a request goes by its name");
    }

    #[test]
    fn a_path_that_moved_is_not_lost_when_its_old_owner_lets_go() {
        let mut sides = workers(3, 8);
        sides[1].crossing.announce(PathChange::Added(path(5)));
        hear(&mut sides[2]);
        sides[2].crossing.announce(PathChange::Added(path(5)));
        sides.iter_mut().for_each(hear);
        sides[1].crossing.announce(PathChange::Removed(path(5)));
        sides.iter_mut().for_each(hear);
        assert_eq!(sides[0].crossing.other_owner(&path(5), &[128]), Some(2));
        sides[2].crossing.announce(PathChange::Removed(path(5)));
        sides.iter_mut().for_each(hear);
        assert_eq!(sides[0].crossing.other_owner(&path(5), &[128]), None);
    }

    #[test]
    fn datagrams_cross_whole_and_their_buffers_come_home() {
        let mut sides = workers(2, 8);
        for round in 0..3 {
            for i in 0..QUEUE {
                sides[0].crossing.hand_over(1, path(i as u16), &[round, i as u8]).unwrap();
            }
            assert_eq!(sides[0].crossing.hand_over(1, path(1), &[0]), Err(Full));
            for i in 0..QUEUE {
                assert!(sides[1].crossing.take(|from, bytes| {
                    assert_eq!((from, &*bytes), (path(i as u16), &[round, i as u8][..]));
                }));
            }
            assert!(!sides[1].crossing.take(|_, _| ()));
        }
        assert_eq!(sides[0].crossing.allocated, BUFFERS);
        assert_eq!(sides[0].crossing.hand_over(1, path(1), &[0; BUFFER_BYTES + 1]), Err(Full));
    }

    #[test]
    fn announcements_wait_for_a_full_queue() {
        let mut sides = workers(2, 1);
        for port in 1..=3 {
            sides[0].crossing.announce(PathChange::Added(path(port)));
        }
        for port in 1..=3 {
            hear(&mut sides[1]);
            sides[0].crossing.tell();
            assert_eq!(sides[1].crossing.other_owner(&path(port), &[128]), Some(0));
        }
        assert!(!sides[0].crossing.has_untold());
    }
}
