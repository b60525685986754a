//! What workers' engines tell each other of rooms that they share: one queue into each worker, in order. Nothing waits and nothing is
//! locked. Packets are dropped where too many are under way; everything else is as much as happens in the rooms, and always goes in.

use crate::engine::LinkMessage;
use mio::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Packets on their way to one worker at most: at 300,000 a second they are 27 ms.
pub(super) const QUEUE: usize = 8_192;

/// Where words for a worker go in.
#[derive(Debug, Clone)]
pub(super) struct LinkDoor {
    words: Sender<(u8, LinkMessage)>,
    /// Packets that it has not taken yet.
    packets: Arc<AtomicUsize>,
    waker: Arc<Waker>,
}

/// One worker's end of the links to the others.
#[derive(Debug)]
pub(super) struct Links {
    me: u8,
    doors: Vec<LinkDoor>,
    words: Receiver<(u8, LinkMessage)>,
    /// Workers that were told something since they were last woken.
    asleep_with_mail: Vec<bool>,
}

/// Packets that were dropped.
pub(super) type Dropped = u64;

/// Makes the door of a worker, and what is behind it.
pub(super) fn door(waker: Arc<Waker>) -> (LinkDoor, Receiver<(u8, LinkMessage)>) {
    let (words, inside) = channel();
    (LinkDoor { words, packets: Arc::default(), waker }, inside)
}

impl Links {
    /// Worker `me` of those behind `doors`, itself included.
    pub(super) fn new(me: u8, doors: Vec<LinkDoor>, words: Receiver<(u8, LinkMessage)>) -> Self {
        Self { me, asleep_with_mail: vec![false; doors.len()], doors, words }
    }

    /// Tells another worker.
    pub(super) fn send(&mut self, to: u8, word: LinkMessage) -> Dropped {
        let to = usize::from(to);
        let Some(door) = self.doors.get(to) else { return 0 };
        if word.is_packet() {
            // Senders that look at once go over by one each at most.
            if door.packets.load(Ordering::Relaxed) >= QUEUE {
                return 1;
            }
            door.packets.fetch_add(1, Ordering::Relaxed);
        }
        // One that stopped takes nothing more.
        if door.words.send((self.me, word)).is_ok() {
            self.asleep_with_mail[to] = true;
        }
        0
    }

    /// Wakes those who were told something: once a turn, not once a word.
    pub(super) fn wake(&mut self) {
        for (door, mail) in self.doors.iter().zip(&mut self.asleep_with_mail) {
            if std::mem::take(mail) {
                let _ = door.waker.wake();
            }
        }
    }

    /// The next word of another worker, and whose it is.
    pub(super) fn take(&mut self) -> Option<(u8, LinkMessage)> {
        let (from, word) = self.words.try_recv().ok()?;
        if word.is_packet()
            && let Some(door) = self.doors.get(usize::from(self.me))
        {
            door.packets.fetch_sub(1, Ordering::Relaxed);
        }
        Some((from, word))
    }
}
