//! Threads that mix, beside the media threads. Where they are isolated each has a process mix, and talks with it. Words go over in order and none
//! is lost but packets, of which so many may be under way and no more: a mixer that is late loses sound of its own, and a media thread never
//! waits for it.

use super::config::StartError;
use super::isolation::{Isolation, Slot, keep_mixers};
use crate::api::RoomId;
use crate::mix::audio::{AudioMixer, MixSettings};
use crate::mixer::{FromMixer, MixDesk, MixOrder, RoomMixer, ToMixer};
use mio::Waker;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Packets on their way to one thread that mixes at most: what 80 people say in a second.
pub(super) const QUEUE: usize = 4_096;
/// Words on their way back to one media thread at most, if the next is a packet.
const BACK: usize = 4_096;
/// The same if it is another: all listeners of a room may get other mixes at once.
const BACK_WORDS: usize = 8 * BACK;
/// What came longer ago is of no use any more: jitter buffers hold 120 ms. So the oldest goes first where a mixer fell behind.
const STALE: Duration = Duration::from_millis(200);
/// Words taken before mixers have their turn: what many rooms say in one.
const WORDS_PER_TURN: usize = 16_384;
/// Turns that are made up for at once.
const TURNS: usize = 6;
/// Between two looks while packets come and nobody is loud enough to be mixed.
const REST: Duration = Duration::from_millis(10);
/// Rest after a panic that reached the loop.
const AFTER_PANIC: Duration = Duration::from_millis(5);

/// Where words for one thread go in.
#[derive(Debug, Clone)]
struct Door {
    words: Sender<(u8, ToMixer)>,
    packets: Arc<AtomicUsize>,
}

/// Where words for one worker go in.
#[derive(Debug)]
struct Back {
    words: Sender<FromMixer>,
    waiting: Arc<AtomicUsize>,
    waker: Arc<Waker>,
    has_mail: bool,
}

/// Where what mixers say goes.
pub(super) trait Exits {
    /// Takes a word for a worker. `Err` when it found no room.
    fn put(&mut self, worker: u8, word: FromMixer) -> Result<(), Full>;
    /// That was all of a turn.
    fn flush(&mut self);
}

/// The ways back to all workers.
#[derive(Debug)]
pub(super) struct Backs(Vec<Back>);

impl Exits for Backs {
    fn put(&mut self, worker: u8, word: FromMixer) -> Result<(), Full> {
        let Some(back) = self.0.get_mut(usize::from(worker)) else { return Ok(()) };
        let most = if word.is_packet() { BACK } else { BACK_WORDS };
        if back.waiting.load(Ordering::Relaxed) >= most {
            return Err(Full);
        }
        back.waiting.fetch_add(1, Ordering::Relaxed);
        back.has_mail |= back.words.send(word).is_ok();
        Ok(())
    }

    /// Wakes those who got something.
    fn flush(&mut self) {
        for back in self.0.iter_mut().filter(|back| back.has_mail) {
            back.has_mail = false;
            let _ = back.waker.wake();
        }
    }
}

/// One worker's end of the way to the mixers.
#[derive(Debug)]
pub(super) struct MixPort {
    me: u8,
    doors: Vec<Door>,
    answers: Receiver<FromMixer>,
    waiting: Arc<AtomicUsize>,
}

/// What threads that mix have counted.
#[derive(Debug, Default)]
pub(super) struct MixCounts {
    /// Rooms that are mixed.
    pub(super) rooms: AtomicUsize,
    /// Mixers that failed.
    pub(super) panics: AtomicU64,
    /// Packets that were too old, or found no room on their way back.
    pub(super) dropped: AtomicU64,
}

/// The threads, running. They end when no worker is left that could tell them anything.
#[derive(Debug, Default)]
pub(super) struct Mixers {
    threads: Vec<JoinHandle<()>>,
    pub(super) counts: Arc<MixCounts>,
    stopping: Arc<AtomicBool>,
}

impl Mixers {
    /// Starts so many threads, and gives each worker, known by its waker, its port. None of them: no port is of use. With isolation each
    /// has a process mix, and talks with it.
    pub(super) fn start(
        threads: usize,
        settings: MixSettings,
        workers: &[Arc<Waker>],
        isolation: Option<&Arc<Isolation>>,
    ) -> Result<(Self, Vec<MixPort>), StartError> {
        let Some(isolation) = isolation else {
            return Self::start_with(threads, move |now| AudioMixer::new(settings, now), workers);
        };
        Self::spawn(threads, workers, |_| {
            let isolation = Arc::clone(isolation);
            move |slot| keep_mixers(&isolation, settings, slot)
        })
    }

    /// The same, with mixers that are made so.
    fn start_with<M: RoomMixer + 'static>(
        threads: usize,
        make: impl Fn(Instant) -> M + Clone + Send + 'static,
        workers: &[Arc<Waker>],
    ) -> Result<(Self, Vec<MixPort>), StartError> {
        Self::spawn(threads, workers, |mixers| {
            let (counts, stopping, make) = (Arc::clone(&mixers.counts), Arc::clone(&mixers.stopping), make.clone());
            move |Slot { words, packets, backs }| {
                let mut inside = Inside { counts, stopping, ..Inside::new(words, packets, backs) };
                // The desk is made there: codecs need not be able to move.
                inside.run(&mut MixDesk::new(make));
            }
        })
    }

    /// Starts threads that work on what comes for them.
    fn spawn<F>(
        threads: usize,
        workers: &[Arc<Waker>],
        work: impl Fn(&Self) -> F,
    ) -> Result<(Self, Vec<MixPort>), StartError>
    where
        F: FnOnce(Slot) + Send + 'static,
    {
        let mut mixers = Self::default();
        let (doors, insides): (Vec<_>, Vec<_>) = (0..threads).map(|_| channel()).unzip();
        let doors: Vec<_> = doors.into_iter().map(|words| Door { words, packets: Arc::default() }).collect();
        let (backs, answers): (Vec<_>, Vec<_>) = workers.iter().map(|_| channel()).unzip();
        let counted: Vec<Arc<AtomicUsize>> = workers.iter().map(|_| Arc::default()).collect();
        for (i, words) in insides.into_iter().enumerate() {
            let back = |((words, waiting), waker): ((&Sender<FromMixer>, &Arc<AtomicUsize>), &Arc<Waker>)| Back {
                words: words.clone(),
                waiting: Arc::clone(waiting),
                waker: Arc::clone(waker),
                has_mail: false,
            };
            let packets = doors.get(i).map(|door| Arc::clone(&door.packets)).unwrap_or_default();
            let backs = Backs(backs.iter().zip(&counted).zip(workers).map(back).collect());
            let work = work(&mixers);
            let thread = std::thread::Builder::new().name(format!("mixer-{i}"));
            let thread = thread.spawn(move || work(Slot { words, packets, backs })).map_err(StartError::Thread)?;
            mixers.threads.push(thread);
        }
        let port = |((me, answers), waiting)| MixPort { me, doors: doors.clone(), answers, waiting };
        let ports = (0..).zip(answers).zip(counted).map(port).collect();
        Ok((mixers, ports))
    }

    /// Waits until the threads have ended. To be called when the workers have.
    pub(super) fn join(&mut self) {
        self.stopping.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that mixes had panicked");
            }
        }
    }
}

impl MixPort {
    /// Tells the mixer of a room. `Err` when a packet found no room.
    pub(super) fn send(&self, word: ToMixer) -> Result<(), Full> {
        let Some(door) = self.doors.get(thread_of(word.room, self.doors.len())) else { return Ok(()) };
        if word.is_packet() {
            if door.packets.load(Ordering::Relaxed) >= QUEUE {
                return Err(Full);
            }
            door.packets.fetch_add(1, Ordering::Relaxed);
        }
        // One that stopped takes nothing more.
        let _ = door.words.send((self.me, word));
        Ok(())
    }

    /// The next word of a mixer.
    pub(super) fn take(&self) -> Option<FromMixer> {
        let word = self.answers.try_recv().ok()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(word)
    }
}

/// A packet found no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Which thread mixes a room. All shares of one go to the same.
fn thread_of(room: RoomId, threads: usize) -> usize {
    rustc_hash::FxBuildHasher.hash_one(room) as usize % threads.max(1)
}

/// The inner side of one thread.
pub(super) struct Inside<E> {
    words: Receiver<(u8, ToMixer)>,
    packets: Arc<AtomicUsize>,
    exits: E,
    counts: Arc<MixCounts>,
    stopping: Arc<AtomicBool>,
    told_rooms: usize,
    told_panics: u64,
}

/// Whether anybody is left who could say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Here,
    Gone,
}

impl<E: Exits> Inside<E> {
    /// What takes words from there and counts packets off; answers go to `exits`.
    pub(super) fn new(words: Receiver<(u8, ToMixer)>, packets: Arc<AtomicUsize>, exits: E) -> Self {
        let (counts, stopping) = (Arc::default(), Arc::default());
        Self { words, packets, exits, counts, stopping, told_rooms: 0, told_panics: 0 }
    }

    /// Mixes until nobody is left who could say anything.
    pub(super) fn run<M: RoomMixer>(&mut self, desk: &mut MixDesk<M>) {
        loop {
            let turn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.turn(desk)));
            match turn {
                Ok(Others::Here) if !self.stopping.load(Ordering::Acquire) => {}
                Ok(_) => return,
                // The desk catches what a mixer does; whatever this is, the next turn may do better.
                Err(_) => {
                    tracing::error!("a defect of ours: a thread that mixes panicked, and goes on");
                    std::thread::sleep(AFTER_PANIC);
                }
            }
        }
    }

    /// Takes what was said, mixes what is due, and waits.
    fn turn<M: RoomMixer>(&mut self, desk: &mut MixDesk<M>) -> Others {
        let others = self.listen(desk);
        for _ in 0..TURNS {
            let now = Instant::now();
            if desk.next_tick().is_none_or(|at| at > now) {
                break;
            }
            desk.tick(now);
        }
        self.answer(desk);
        self.count(desk);
        if others == Others::Gone {
            return others;
        }
        match desk.next_tick() {
            Some(at) => std::thread::sleep(at.saturating_duration_since(Instant::now())),
            None => match self.words.recv() {
                Ok((worker, word)) => {
                    self.take(desk, worker, word);
                    if desk.next_tick().is_none() {
                        std::thread::sleep(REST);
                    }
                }
                Err(_) => return Others::Gone,
            },
        }
        Others::Here
    }

    fn listen<M: RoomMixer>(&mut self, desk: &mut MixDesk<M>) -> Others {
        for _ in 0..WORDS_PER_TURN {
            match self.words.try_recv() {
                Ok((worker, word)) => self.take(desk, worker, word),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Others::Gone,
            }
        }
        Others::Here
    }

    fn take<M: RoomMixer>(&mut self, desk: &mut MixDesk<M>, worker: u8, word: ToMixer) {
        let now = Instant::now();
        if let MixOrder::Packet(_, packet) = &word.order {
            self.packets.fetch_sub(1, Ordering::Relaxed);
            if now.saturating_duration_since(packet.arrived) > STALE {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        desk.handle(now, worker, word);
    }

    /// Sends what came of it to the workers: once a turn.
    fn answer<M: RoomMixer>(&mut self, desk: &mut MixDesk<M>) {
        while let Some((worker, word)) = desk.poll() {
            if self.exits.put(worker, word).is_err() {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.exits.flush();
    }

    fn count<M: RoomMixer>(&mut self, desk: &MixDesk<M>) {
        let (rooms, panics) = (desk.rooms(), desk.panics());
        if rooms != self.told_rooms {
            self.counts.rooms.fetch_add(rooms.wrapping_sub(self.told_rooms), Ordering::Relaxed);
            self.told_rooms = rooms;
        }
        self.counts.panics.fetch_add(panics - self.told_panics, Ordering::Relaxed);
        self.told_panics = panics;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::audio::{Ear, GroupId, ListenerId, Mixed, Output, OutputId, Packet, SourceId};
    use crate::mixer::{Cast, MixAnswer};
    use mio::{Events, Poll, Token};
    use std::collections::VecDeque;

    /// Says again what it is told, panics over what is empty, and falls asleep over what begins with a 9.
    struct Parrot(VecDeque<Output>, Instant);

    impl RoomMixer for Parrot {
        fn add_source(&mut self, _: SourceId, _: GroupId, _: Instant) {}
        fn regroup(&mut self, _: SourceId, _: GroupId) {}
        fn remove_source(&mut self, _: SourceId) {}
        fn push(&mut self, _: SourceId, packet: Packet, _: Instant) {
            let first = packet.payload.first().copied().expect("on purpose");
            if first == 9 {
                std::thread::sleep(STALE + Duration::from_millis(100));
            }
            let (output, timestamp, payload) = (OutputId(1), packet.timestamp, packet.payload);
            self.0.push_back(Output::Packet(Mixed { output, timestamp, payload, level: 0, contributors: [].into() }));
        }
        fn hear(&mut self, _: ListenerId, _: &Ear) {}
        fn forget(&mut self, _: ListenerId) {}
        fn next_tick(&self) -> Option<Instant> {
            (!self.0.is_empty()).then_some(self.1)
        }
        fn tick(&mut self, _: Instant) {}
        fn poll(&mut self) -> Option<Output> {
            self.0.pop_front()
        }
    }

    struct Bench {
        mixers: Mixers,
        ports: Vec<MixPort>,
        polls: Vec<Poll>,
    }

    fn bench(threads: usize) -> Bench {
        let polls: Vec<_> = (0..2).map(|_| Poll::new().unwrap()).collect();
        let wakers: Vec<_> =
            polls.iter().map(|poll| Arc::new(Waker::new(poll.registry(), Token(0)).unwrap())).collect();
        let (mixers, ports) = Mixers::start_with(threads, |now| Parrot(VecDeque::new(), now), &wakers).unwrap();
        Bench { mixers, ports, polls }
    }

    fn word(room: u64, order: MixOrder) -> ToMixer {
        ToMixer { room: RoomId(room), life: 1, order }
    }

    fn packet(payload: &'static [u8], timestamp: u32) -> MixOrder {
        let (red, level, voice, arrived) = (false, None, None, Instant::now());
        let payload = payload.into();
        MixOrder::Packet(SourceId(1), Packet { sequence: 1, timestamp, payload, red, level, voice, arrived })
    }

    fn open(port: &MixPort, room: u64) {
        let cast = Cast { sources: vec![(SourceId(1), GroupId(1))], ..Cast::default() };
        for order in [MixOrder::Open, MixOrder::Cast(Box::new(cast))] {
            port.send(word(room, order)).unwrap();
        }
    }

    impl Bench {
        /// The next word for a worker; it is woken for it.
        fn next(&mut self, worker: usize) -> FromMixer {
            let deadline = Instant::now() + Duration::from_secs(10);
            loop {
                if let Some(word) = self.ports[worker].take() {
                    return word;
                }
                assert!(Instant::now() < deadline, "nothing came");
                let mut events = Events::with_capacity(4);
                self.polls[worker].poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            }
        }
    }

    fn timestamp(word: &FromMixer) -> Option<u32> {
        match &word.answer {
            MixAnswer::Mixed(Output::Packet(mixed)) => Some(mixed.timestamp),
            _ => None,
        }
    }

    #[test]
    fn each_worker_gets_what_is_his_and_a_panic_is_told_of() {
        let mut bench = bench(2);
        for (worker, room) in [(0, 1), (1, 1), (1, 2)] {
            open(&bench.ports[worker], room);
        }
        bench.ports[0].send(word(1, packet(&[1], 10))).unwrap();
        bench.ports[1].send(word(1, packet(&[1], 11))).unwrap();
        assert_eq!((timestamp(&bench.next(0)), timestamp(&bench.next(1))), (Some(10), Some(11)));
        bench.ports[1].send(word(1, packet(&[], 12))).unwrap();
        let lost = bench.next(1);
        assert!(matches!(lost, FromMixer { room: RoomId(1), life: 1, answer: MixAnswer::Lost }));
        bench.ports[0].send(word(1, packet(&[1], 13))).unwrap();
        bench.ports[1].send(word(2, packet(&[1], 14))).unwrap();
        assert_eq!((timestamp(&bench.next(0)), timestamp(&bench.next(1))), (Some(13), Some(14)), "nobody else's");
        bench.ports.clear();
        bench.mixers.join();
        assert_eq!(bench.mixers.counts.panics.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_mixer_that_is_late_loses_the_oldest_and_holds_up_nobody() {
        let mut bench = bench(1);
        open(&bench.ports[0], 1);
        bench.ports[0].send(word(1, packet(&[9], 1))).unwrap();
        let began = Instant::now();
        let sent =
            (0..2 * QUEUE as u32).filter(|i| bench.ports[0].send(word(1, packet(&[1], 100 + i))).is_ok()).count();
        assert!(began.elapsed() < STALE, "nobody waits");
        assert!((QUEUE - 1..=QUEUE + 1).contains(&sent), "{sent}");
        // It wakes up: what is old is thrown away, and what comes now is heard.
        assert_eq!(timestamp(&bench.next(0)), Some(1));
        bench.ports[0].send(word(1, packet(&[1], 7))).unwrap();
        assert_eq!(timestamp(&bench.next(0)), Some(7));
        assert!(bench.mixers.counts.dropped.load(Ordering::Relaxed) >= QUEUE as u64 - 1);
        bench.ports.clear();
        bench.mixers.join();
    }
}
