//! Threads that draw, beside the media threads: one for each room of a worker that has canvases, so that one that crashes or is stuck takes
//! no other with it. Words go over in order and none is lost but packets, of which so many may be under way and no more: a composer
//! that is late loses pictures of its own, and a media thread never waits for it.

use super::sys;
use crate::api::RoomId;
use crate::composer::{ComposeAnswer, ComposeOrder, FromComposer, Stage, ToComposer};
use mio::Waker;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Packets on their way to one thread at most: a second of 16 cameras of 500 kb/s.
const QUEUE: usize = 2_048;
/// Packets on their way back to one media thread at most.
const BACK: usize = 4_096;
/// Threads at once, those that are stuck among them. A room for which there is none has no canvases.
const MAX_THREADS: usize = 64;
/// Media threads go before those that draw: so much nicer is one of these.
const NICE: i32 = 5;
/// How long an end is waited for at shutdown: one that draws needs some milliseconds, one that is stuck is left behind.
const LAST: Duration = Duration::from_secs(1);

/// Where words for one worker go in.
#[derive(Debug, Clone)]
struct Back {
    words: Sender<FromComposer>,
    packets: Arc<AtomicUsize>,
    waker: Arc<Waker>,
}

/// One room's thread.
#[derive(Debug)]
struct Door {
    life: u64,
    words: Sender<ComposeOrder>,
    packets: Arc<AtomicUsize>,
}

/// One worker's end of the way to the composers.
#[derive(Debug)]
pub(super) struct ComposePort {
    doors: FxHashMap<RoomId, Door>,
    back: Back,
    answers: Receiver<FromComposer>,
    threads: Arc<Threads>,
}

/// The threads that run. They end when nobody is left who could tell them anything.
#[derive(Debug, Default)]
pub(super) struct Threads(Mutex<Vec<JoinHandle<()>>>);

/// A packet found no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Threads {
    /// Keeps a thread that `spawn` makes, unless there are too many.
    fn add(&self, spawn: impl FnOnce() -> std::io::Result<JoinHandle<()>>) -> bool {
        let mut threads = self.0.lock().unwrap_or_else(|e| e.into_inner());
        threads.retain(|thread| !thread.is_finished());
        if threads.len() >= MAX_THREADS {
            return false;
        }
        let spawned = spawn();
        let is_there = spawned.is_ok();
        threads.extend(spawned);
        is_there
    }

    /// Waits until the threads have ended, but for those that are stuck. To be called when the workers have.
    pub(super) fn join(&self) {
        let until = Instant::now() + LAST;
        let mut threads = std::mem::take(&mut *self.0.lock().unwrap_or_else(|e| e.into_inner()));
        while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        for thread in threads.drain(..) {
            if !thread.is_finished() {
                tracing::error!("a thread that draws is stuck, and left behind");
            } else if thread.join().is_err() {
                tracing::error!("a thread that draws had panicked");
            }
        }
    }
}

impl ComposePort {
    /// The end of the worker that this waker wakes.
    pub(super) fn new(waker: &Arc<Waker>, threads: &Arc<Threads>) -> Self {
        let (words, answers) = channel();
        let back = Back { words, packets: Arc::default(), waker: Arc::clone(waker) };
        Self { doors: FxHashMap::default(), back, answers, threads: Arc::clone(threads) }
    }

    /// Tells the composer of a room. `Err` when a packet found no room.
    pub(super) fn send(&mut self, word: ToComposer) -> Result<(), Full> {
        let is_packet = word.is_packet();
        let ToComposer { room, life, order } = word;
        match order {
            ComposeOrder::Close => {
                self.doors.remove(&room);
                return Ok(());
            }
            ComposeOrder::Open(format) => {
                self.open(room, life, move |now| Stage::new((room, life), format, now));
                return Ok(());
            }
            _ => {}
        }
        let Some(door) = self.doors.get(&room).filter(|door| door.life == life) else { return Ok(()) };
        if is_packet {
            if door.packets.load(Ordering::Relaxed) >= QUEUE {
                return Err(Full);
            }
            door.packets.fetch_add(1, Ordering::Relaxed);
        }
        // One that stopped takes nothing more.
        let _ = door.words.send(order);
        Ok(())
    }

    /// Has a thread for a room. One that it had, and that may be stuck, is told nothing more.
    fn open(&mut self, room: RoomId, life: u64, make: impl FnOnce(Instant) -> Stage + Send + 'static) {
        let (words, inside) = channel();
        let packets: Arc<AtomicUsize> = Arc::default();
        let (back, counted) = (self.back.clone(), Arc::clone(&packets));
        // The stage is made there: codecs need not be able to move.
        let run = move || {
            sys::be_nicer(NICE);
            run(&mut make(Instant::now()), &inside, &counted, &back);
        };
        let is_there = self.threads.add(|| std::thread::Builder::new().name("composer".to_owned()).spawn(run));
        if is_there {
            self.doors.insert(room, Door { life, words, packets });
        } else {
            tracing::error!(%room, "no thread is to be had for the canvases of a room");
            self.doors.remove(&room);
            let _ = self.back.words.send(FromComposer { room, life, answer: ComposeAnswer::Lost });
            let _ = self.back.waker.wake();
        }
    }

    /// The next word of a composer.
    pub(super) fn take(&self) -> Option<FromComposer> {
        let word = self.answers.try_recv().ok()?;
        if word.is_packet() {
            self.back.packets.fetch_sub(1, Ordering::Relaxed);
        }
        Some(word)
    }
}

/// Takes what is said, draws what is due, and says what came of it, until nobody is left who could say anything.
fn run(stage: &mut Stage, words: &Receiver<ComposeOrder>, packets: &AtomicUsize, back: &Back) {
    while !stage.has_failed() {
        let due = stage.next_tick();
        let first = match due.map(|at| at.saturating_duration_since(Instant::now())) {
            // Packets wait for the next picture: nobody wakes up for each.
            Some(wait) => {
                std::thread::sleep(wait);
                words.recv_timeout(Duration::ZERO)
            }
            None => words.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let mut next = match first {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut taken = 0;
        while let Some(order) = next.take() {
            if matches!(order, ComposeOrder::Packet(..)) {
                packets.fetch_sub(1, Ordering::Relaxed);
            }
            stage.handle(Instant::now(), order);
            taken += 1;
            // The queue holds no more at once; what comes meanwhile is for the next picture.
            if taken > QUEUE {
                break;
            }
            match words.try_recv() {
                Ok(order) => next = Some(order),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
        }
        let now = Instant::now();
        if stage.next_tick().is_some_and(|at| at <= now) {
            stage.tick(now);
        }
        answer(stage, back);
    }
    answer(stage, back);
}

/// Sends what came of it to the worker, and wakes it: once a picture.
fn answer(stage: &mut Stage, back: &Back) {
    let mut has_mail = false;
    while let Some(word) = stage.poll() {
        if let ComposeAnswer::Drawn(drawn) = &word.answer {
            if back.packets.load(Ordering::Relaxed) >= BACK {
                // Nobody has what the next pictures need.
                stage.handle(Instant::now(), ComposeOrder::KeyFrame(drawn.canvas, drawn.tier));
                continue;
            }
            back.packets.fetch_add(1, Ordering::Relaxed);
        }
        has_mail |= back.words.send(word).is_ok();
    }
    if has_mail {
        let _ = back.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composer::CanvasFormat;
    use mio::{Events, Poll, Token};

    const FORMAT: CanvasFormat = CanvasFormat { width: 320, height: 180, fps: 15, bps: 300_000 };

    struct Bench {
        port: ComposePort,
        threads: Arc<Threads>,
        poll: Poll,
    }

    impl Bench {
        fn new() -> Self {
            let poll = Poll::new().unwrap();
            let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
            let threads: Arc<Threads> = Arc::default();
            Self { port: ComposePort::new(&waker, &threads), threads, poll }
        }

        fn say(&mut self, room: u64, life: u64, order: ComposeOrder) {
            self.port.send(ToComposer { room: RoomId(room), life, order }).unwrap();
        }

        /// The next word; the worker is woken for it.
        fn next(&mut self) -> FromComposer {
            let deadline = Instant::now() + Duration::from_secs(10);
            loop {
                if let Some(word) = self.port.take() {
                    return word;
                }
                assert!(Instant::now() < deadline, "nothing came");
                self.poll.poll(&mut Events::with_capacity(4), Some(Duration::from_millis(100))).unwrap();
            }
        }
    }

    #[test]
    fn each_room_has_a_thread_of_its_own_that_ends_with_it() {
        let mut bench = Bench::new();
        for round in 1..=50 {
            for room in [1, 2] {
                bench.say(room, round, ComposeOrder::Open(FORMAT));
                bench.say(room, round, ComposeOrder::Ping);
            }
            let mut answered: Vec<_> = (0..2).map(|_| bench.next()).collect();
            answered.sort_by_key(|word| word.room.0);
            for (word, room) in answered.iter().zip([1, 2]) {
                assert!(matches!(word.answer, ComposeAnswer::Here));
                assert_eq!((word.room, word.life), (RoomId(room), round));
            }
            bench.say(1, round, ComposeOrder::Close);
            // The other is given up: what is said to it comes to the one after it.
            bench.say(2, round - 1, ComposeOrder::Ping);
        }
        let Bench { port, threads, .. } = bench;
        assert!(port.take().is_none());
        drop(port);
        threads.join();
        assert!(threads.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_room_for_which_there_is_no_thread_is_told_so() {
        let mut bench = Bench::new();
        for room in 1..=MAX_THREADS as u64 {
            bench.say(room, 1, ComposeOrder::Open(FORMAT));
        }
        bench.say(999, 7, ComposeOrder::Open(FORMAT));
        let lost = bench.next();
        assert!(matches!(lost, FromComposer { room: RoomId(999), life: 7, answer: ComposeAnswer::Lost }));
        bench.say(1, 1, ComposeOrder::Close);
        std::thread::sleep(Duration::from_millis(50));
        bench.say(999, 8, ComposeOrder::Open(FORMAT));
        bench.say(999, 8, ComposeOrder::Ping);
        let here = bench.next();
        assert!(matches!(here, FromComposer { room: RoomId(999), life: 8, answer: ComposeAnswer::Here }));
    }
}
