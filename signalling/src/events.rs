//! The way back from the media engine: events, from its threads to ours, without making its threads wait.
//!
//! Policy: [lossy](Event::is_lossy) events are dropped and counted when [`LOSSY_EVENTS`] wait. The others are kept: there are only
//! so many of them as participants and commands bring about. Should [`KEPT_EVENTS`] wait all the same, the reader is dead or
//! hopelessly behind; then an event is dropped, and **its room is ended** as soon as the reader comes to it, so that nobody goes on
//! with a picture of the room that is wrong. Nothing is lost silently.

use colloquy_media_core::api::{Event, RoomId};
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Events that may wait before lossy ones are dropped: some seconds of them in a busy server.
pub const LOSSY_EVENTS: usize = 4_096;

/// Events that may wait at all: more than 5,000 participants bring about when all their tracks come or go at once. About 20 MiB.
pub const KEPT_EVENTS: usize = 262_144;

/// Takes events of the media engine; made before the engine, and handed to [`Signalling::with_events`](crate::Signalling::with_events).
#[derive(Clone, Default)]
pub struct EventIntake(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
    dropped_lossy: AtomicU64,
    dropped_kept: AtomicU64,
}

/// What waits to be read.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) events: VecDeque<Event>,
    /// Rooms that an event was lost of.
    pub(crate) overrun: BTreeSet<RoomId>,
}

/// What the media engine calls with each event, from any thread.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

impl EventIntake {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The function that the engine calls with each event. It never blocks.
    #[must_use]
    pub fn sink(&self) -> EventSink {
        let queue = self.0.clone();
        Arc::new(move |event| queue.push(event))
    }

    /// Waits until there is something, and takes all of it.
    pub(crate) async fn next(&self) -> Waiting {
        loop {
            let woken = self.0.wake.notified();
            let taken = std::mem::take(&mut *self.0.lock());
            if !taken.events.is_empty() || !taken.overrun.is_empty() {
                return taken;
            }
            woken.await;
        }
    }

    /// Lossy and kept events that were dropped so far.
    pub(crate) fn dropped(&self) -> (u64, u64) {
        (self.0.dropped_lossy.load(Ordering::Relaxed), self.0.dropped_kept.load(Ordering::Relaxed))
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: Event) {
        let mut waiting = self.lock();
        let count = waiting.events.len();
        if event.is_lossy() && count >= LOSSY_EVENTS {
            self.dropped_lossy.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if count >= KEPT_EVENTS {
            self.dropped_kept.fetch_add(1, Ordering::Relaxed);
            waiting.overrun.insert(event.room());
            return;
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colloquy_media_core::api::{PeerId, TransportState};

    #[tokio::test]
    async fn lossy_events_go_first_and_a_lost_event_names_its_room() {
        let intake = EventIntake::new();
        let sink = intake.sink();
        let lossy = || Event::Quality { room: RoomId(1), peer: PeerId(1), score: 5 };
        let kept = |room| Event::Transport { room: RoomId(room), peer: PeerId(1), state: TransportState::Connected };
        for _ in 0..LOSSY_EVENTS + 10 {
            sink(lossy());
        }
        assert_eq!(intake.dropped(), (10, 0));
        for _ in LOSSY_EVENTS..KEPT_EVENTS {
            sink(kept(1));
        }
        sink(kept(7));
        assert_eq!(intake.dropped(), (10, 1));
        let waiting = intake.next().await;
        assert_eq!(waiting.events.len(), KEPT_EVENTS);
        assert_eq!(waiting.overrun, BTreeSet::from([RoomId(7)]));
    }
}
