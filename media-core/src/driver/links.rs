//! What workers' engines tell each other of rooms that they share: one bounded queue into each worker. Nothing waits and nothing
//! is locked; what a full queue does not take is dropped if it is a packet, and kept in order if it is anything else.

use crate::engine::LinkMessage;
use mio::Waker;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Words on their way to one worker at most: at 300,000 packets/s they are 27 ms.
const QUEUE: usize = 8_192;

/// Where words for a worker go in.
#[derive(Debug, Clone)]
pub(super) struct LinkDoor {
    words: SyncSender<(u8, LinkMessage)>,
    waker: Arc<Waker>,
}

/// One worker's end of the links to the others.
#[derive(Debug)]
pub(super) struct Links {
    me: u8,
    doors: Vec<LinkDoor>,
    words: Receiver<(u8, LinkMessage)>,
    /// What a full queue did not take, for each worker. Bounded by the tracks and participants of shared rooms and what changes of
    /// them, as packets are not kept.
    kept: Vec<VecDeque<LinkMessage>>,
    /// Workers that were told something since they were last woken.
    asleep_with_mail: Vec<bool>,
}

/// Packets that were dropped.
pub(super) type Dropped = u64;

/// Makes the door of a worker, and what is behind it.
pub(super) fn door(waker: Arc<Waker>) -> (LinkDoor, Receiver<(u8, LinkMessage)>) {
    let (words, inside) = sync_channel(QUEUE);
    (LinkDoor { words, waker }, inside)
}

impl Links {
    /// Worker `me` of those behind `doors`, itself included.
    pub(super) fn new(me: u8, doors: Vec<LinkDoor>, words: Receiver<(u8, LinkMessage)>) -> Self {
        let kept = doors.iter().map(|_| VecDeque::new()).collect();
        Self { me, asleep_with_mail: vec![false; doors.len()], doors, words, kept }
    }

    /// Tells another worker.
    pub(super) fn send(&mut self, to: u8, word: LinkMessage) -> Dropped {
        let to = usize::from(to);
        let (Some(door), Some(kept)) = (self.doors.get(to), self.kept.get_mut(to)) else { return 0 };
        if !kept.is_empty() {
            if word.is_packet() {
                return 1;
            }
            kept.push_back(word);
            return 0;
        }
        match door.words.try_send((self.me, word)) {
            Ok(()) => self.asleep_with_mail[to] = true,
            Err(TrySendError::Full((_, word))) if word.is_packet() => return 1,
            Err(TrySendError::Full((_, word))) => kept.push_back(word),
            // It stopped.
            Err(TrySendError::Disconnected(_)) => {}
        }
        0
    }

    /// Offers again what was kept.
    pub(super) fn send_kept(&mut self) {
        for (to, kept) in self.kept.iter_mut().enumerate() {
            while let Some(word) = kept.pop_front() {
                match self.doors[to].words.try_send((self.me, word)) {
                    Ok(()) => self.asleep_with_mail[to] = true,
                    Err(TrySendError::Full((_, word))) => {
                        kept.push_front(word);
                        break;
                    }
                    Err(TrySendError::Disconnected(_)) => {}
                }
            }
        }
    }

    /// Whether something is still kept.
    pub(super) fn has_kept(&self) -> bool {
        self.kept.iter().any(|kept| !kept.is_empty())
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
        self.words.try_recv().ok()
    }
}
