//! Threads that draw, beside the media threads: one for each room of a worker that has canvases, so that one that panics or is stuck takes
//! no other with it. Where they are isolated each has a process draw, and talks with it. Words go over in order and none is lost but packets,
//! of which so many may be under way and no more: a composer that is late loses pictures of its own, and a media thread never waits for it.

use super::isolation::{Isolation, Kept, keep_composer};
use super::sys;
use crate::api::RoomId;
use crate::composer::{CanvasFormat, ComposeAnswer, ComposeOrder, FromComposer, Stage, ToComposer};
use mio::Waker;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Packets on their way to one thread at most: a second of 16 cameras of 500 kb/s.
pub(super) const QUEUE: usize = 2_048;
/// Words on their way back to one media thread at most, if the next is a packet.
const BACK: usize = 4_096;
/// The same if it is another.
const BACK_WORDS: usize = 2 * BACK;
/// Threads at once, those that are stuck among them. A room for which there is none has no canvases.
const MAX_THREADS: usize = 64;
/// Media threads go before those that draw: so much nicer is one of these.
const NICE: i32 = 5;
/// How long an end is waited for at shutdown: one that draws needs some milliseconds, one that is stuck is left behind.
const LAST: Duration = Duration::from_secs(1);

/// Where words for one worker go in.
#[derive(Debug, Clone)]
pub(super) struct Back {
    words: Sender<FromComposer>,
    waiting: Arc<AtomicUsize>,
    waker: Arc<Waker>,
}

impl Back {
    /// Takes a word, unless too many wait.
    pub(super) fn put(&self, word: FromComposer) -> Result<(), Full> {
        let most = if word.is_packet() { BACK } else { BACK_WORDS };
        if self.waiting.load(Ordering::Relaxed) >= most {
            return Err(Full);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // A worker that has ended takes nothing more.
        let _ = self.words.send(word);
        Ok(())
    }

    /// Has the worker look.
    pub(super) fn wake(&self) {
        let _ = self.waker.wake();
    }
}

/// Where what a composer says goes.
pub(super) trait Exit {
    /// Takes a word. `Err` when it found no room.
    fn put(&mut self, word: FromComposer) -> Result<(), Full>;
    /// That was all of a turn.
    fn flush(&mut self);
}

/// The way back from a thread of this process.
struct Inbox<'a> {
    back: &'a Back,
    has_mail: bool,
}

impl Exit for Inbox<'_> {
    fn put(&mut self, word: FromComposer) -> Result<(), Full> {
        self.back.put(word)?;
        self.has_mail = true;
        Ok(())
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.has_mail) {
            self.back.wake();
        }
    }
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
    isolation: Option<Arc<Isolation>>,
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
    /// The end of the worker that this waker wakes. With isolation each composer has a process, which its thread talks with.
    pub(super) fn new(waker: &Arc<Waker>, threads: &Arc<Threads>, isolation: Option<Arc<Isolation>>) -> Self {
        let (words, answers) = channel();
        let back = Back { words, waiting: Arc::default(), waker: Arc::clone(waker) };
        Self { doors: FxHashMap::default(), back, answers, threads: Arc::clone(threads), isolation }
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
                self.open(room, life, format);
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
    fn open(&mut self, room: RoomId, life: u64, format: CanvasFormat) {
        let (words, inside) = channel();
        let packets: Arc<AtomicUsize> = Arc::default();
        let (back, counted, isolation) = (self.back.clone(), Arc::clone(&packets), self.isolation.clone());
        let run = move || {
            if let Some(isolation) = isolation {
                let kept = Kept { room, life, format, packets: &counted, back: &back };
                return keep_composer(&isolation, &kept, &inside);
            }
            give_way();
            // The stage is made here: codecs need not be able to move.
            let mut stage = Stage::new((room, life), format, Instant::now());
            run(&mut stage, &inside, &counted, &mut Inbox { back: &back, has_mail: false });
        };
        let is_there = self.threads.add(|| std::thread::Builder::new().name("composer".to_owned()).spawn(run));
        if is_there {
            self.doors.insert(room, Door { life, words, packets });
        } else {
            tracing::error!(%room, "no thread is to be had for the canvases of a room");
            self.doors.remove(&room);
            let _ = self.back.put(FromComposer { room, life, answer: ComposeAnswer::Lost });
            self.back.wake();
        }
    }

    /// The next word of a composer.
    pub(super) fn take(&self) -> Option<FromComposer> {
        let word = self.answers.try_recv().ok()?;
        self.back.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(word)
    }
}

/// Has those go first that forward.
pub(super) fn give_way() {
    sys::be_nicer(NICE);
}

/// Takes what is said, draws what is due, and says what came of it, until nobody is left who could say anything.
pub(super) fn run(stage: &mut Stage, words: &Receiver<ComposeOrder>, packets: &AtomicUsize, exit: &mut impl Exit) {
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
        answer(stage, exit);
    }
    answer(stage, exit);
}

/// Sends what came of it to the worker, and wakes it: once a picture.
fn answer(stage: &mut Stage, exit: &mut impl Exit) {
    while let Some(word) = stage.poll() {
        let of = match &word.answer {
            ComposeAnswer::Drawn(drawn) => Some((drawn.canvas, drawn.tier)),
            _ => None,
        };
        if let (Err(Full), Some((canvas, tier))) = (exit.put(word), of) {
            // Nobody has what the next pictures need.
            stage.handle(Instant::now(), ComposeOrder::KeyFrame(canvas, tier));
        }
    }
    exit.flush();
}

#[cfg(test)]
mod tests {
    use super::*;
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
            Self { port: ComposePort::new(&waker, &threads, None), threads, poll }
        }

        fn say(&mut self, room: u64, life: u64, order: ComposeOrder) {
            self.port.send(ToComposer { room: RoomId(room), life, order }).unwrap();
        }

        /// Waits until no more than so many threads run: one that is told to end does so when it has its turn.
        fn until_running(&self, most: usize) {
            let deadline = Instant::now() + Duration::from_secs(10);
            let running = || self.threads.0.lock().unwrap().iter().filter(|thread| !thread.is_finished()).count();
            while running() > most {
                assert!(Instant::now() < deadline, "{} threads run, {most} should", running());
                std::thread::sleep(Duration::from_millis(1));
            }
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
            bench.until_running(1);
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
        bench.until_running(MAX_THREADS - 1);
        bench.say(999, 8, ComposeOrder::Open(FORMAT));
        bench.say(999, 8, ComposeOrder::Ping);
        let here = bench.next();
        assert!(matches!(here, FromComposer { room: RoomId(999), life: 8, answer: ComposeAnswer::Here }));
    }
}
