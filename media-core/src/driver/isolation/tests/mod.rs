//! Processes that mix, as the driver has them: killed, stopped and left, again and again. The program is this test itself.

mod cost;

use super::process::Process;
use super::words::{Developed, KeyPacket, KeyPicture, Role};
use super::{Darkroom, Isolation, run_mixer, try_out};
use crate::api::{Codec, RoomId, SnapshotSize, TrackId};
use crate::composer::{
    Bill, CanvasCodec, CanvasFormat, CanvasId, ComposeAnswer, ComposeOrder, Face, FromComposer, Scene, Seen, Tier,
    Tile, ToComposer,
};
use crate::driver::composers::{ComposePort, Threads};
use crate::driver::mixers::{MixPort, Mixers};
use crate::driver::testing::wait_for;
use crate::mix::audio::{Coding, Ear, Gain, GroupId, ListenerId, MixSettings, Output, Packet, SourceId};
use crate::mix::video::{Packetizer, ViewCodec};
use crate::mixer::{Cast, FromMixer, MixAnswer, MixOrder, ToMixer};
use colloquy_codecs::opus::{Encoder, EncoderSettings};
use colloquy_codecs::video::{self, Picture, VideoCodec, encoder};
use mio::{Events, Poll, Token, Waker};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const FORMAT: CanvasFormat = CanvasFormat { width: 320, height: 180, fps: 25, bps: 300_000 };
const PATIENCE: Duration = Duration::from_secs(20);
const MEMORY: u64 = 1 << 30;

/// Not a test: what the processes of the others run.
#[test]
#[ignore = "a process of another test"]
fn a_mixer() {
    // Run by somebody with a terminal it has nothing to do.
    let _ = run_mixer();
}

fn isolation() -> Isolation {
    let args = ["driver::isolation::tests::a_mixer", "--exact", "--ignored", "--nocapture"];
    Isolation { program: "/proc/self/exe".into(), args: args.map(Into::into).into(), memory_bytes: MEMORY }
}

/// One of these tests at a time: they count processes.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|e| e.into_inner())
}

/// The processes that this one has started and that are still there, ended ones that nobody waited for among them.
fn children() -> BTreeSet<u32> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Local sockets that this process has open: of its files those that only these tests have.
fn files() -> usize {
    let known = fs::read_to_string("/proc/net/unix").unwrap();
    let inodes: BTreeSet<_> = known.lines().filter_map(|line| line.split_whitespace().nth(6)).collect();
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|file| fs::read_link(file.path()).ok());
    let sockets = links.filter_map(|link| {
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned();
        Some(inode).filter(|inode| inodes.contains(inode.as_str()))
    });
    sockets.count()
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

struct Bench {
    port: ComposePort,
    threads: Arc<Threads>,
    poll: Poll,
}

impl Bench {
    fn new() -> Self {
        Self::with(isolation())
    }

    fn with(isolation: Isolation) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let threads: Arc<Threads> = Arc::default();
        Self { port: ComposePort::new(&waker, &threads, Some(Arc::new(isolation))), threads, poll }
    }

    fn say(&mut self, room: u64, life: u64, order: ComposeOrder) {
        self.port.send(ToComposer { room: RoomId(room), life, order }).unwrap();
    }

    /// A room gets a canvas with one avatar on it.
    fn open(&mut self, room: u64, life: u64) {
        self.say(room, life, ComposeOrder::Open(FORMAT));
        let mut bill = Bill::new(Instant::now());
        bill.sources.push(Seen { track: TrackId(1), codec: Codec::Vp8, name: "Anne".into(), is_held: false });
        let tiles = vec![Tile { is_muted: true, ..Tile::new(TrackId(1), Face::Live) }];
        let scene = Scene { layout: Default::default(), areas: Vec::new(), tiles, codec: CanvasCodec::Vp8 };
        bill.shown.push((CanvasId(room), Tier::Full, scene));
        self.say(room, life, ComposeOrder::Bill(Box::new(bill)));
    }

    fn next(&mut self) -> FromComposer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(word) = self.port.take() {
                return word;
            }
            assert!(Instant::now() < deadline, "nothing came");
            self.poll.poll(&mut Events::with_capacity(4), Some(Duration::from_millis(100))).unwrap();
        }
    }

    /// Waits for an answer of a room. Gives those of others, by room.
    fn until(&mut self, room: u64, life: u64, is_it: impl Fn(&ComposeAnswer) -> bool) -> Vec<FromComposer> {
        let mut others = Vec::new();
        loop {
            let word = self.next();
            if word.room == RoomId(room) && word.life == life && is_it(&word.answer) {
                return others;
            }
            others.push(word);
        }
    }
}

fn is_drawn(answer: &ComposeAnswer) -> bool {
    matches!(answer, ComposeAnswer::Drawn(drawn) if drawn.marker && !drawn.payload.is_empty())
}

fn is_lost(answer: &ComposeAnswer) -> bool {
    matches!(answer, ComposeAnswer::Lost)
}

#[test]
fn a_composer_that_crashes_takes_no_other_with_it_and_leaves_nothing() {
    let _alone = alone();
    let mut bench = Bench::new();
    bench.open(1, 1);
    bench.until(1, 1, is_drawn);
    let first = children();
    assert_eq!(first.len(), 1, "a process for a room");
    bench.open(2, 1);
    bench.until(2, 1, is_drawn);
    let one = first.iter().copied().next().unwrap();
    let comes_from = fs::read_dir(format!("/proc/{one}/fd")).unwrap().count();
    assert!(comes_from <= 5, "it has none of our files: {comes_from}");

    let killed = Instant::now();
    signal("SEGV", one);
    let others = bench.until(1, 1, is_lost);
    let lost = killed.elapsed();
    assert!(others.iter().all(|word| !is_lost(&word.answer)));
    bench.say(1, 1, ComposeOrder::Close);
    bench.open(1, 2);
    bench.until(1, 2, is_drawn);
    let back = killed.elapsed();
    println!("told after {lost:?}, drawn again after {back:?}");
    bench.until(2, 1, is_drawn);
    wait_for("the process that crashed", || !children().contains(&one));
    assert_eq!(children().len(), 2);
    for room in [1, 2] {
        bench.say(room, 9, ComposeOrder::Close);
    }
    wait_for("all processes", || children().is_empty());
}

#[test]
fn a_composer_that_is_stuck_is_ended() {
    let _alone = alone();
    let mut bench = Bench::new();
    bench.open(1, 1);
    bench.until(1, 1, is_drawn);
    let process = *children().first().unwrap();
    signal("STOP", process);
    let stopped = Instant::now();
    bench.say(1, 1, ComposeOrder::Ping);
    bench.until(1, 1, is_lost);
    println!("told after {:?}", stopped.elapsed());
    wait_for("the process that was stuck", || children().is_empty());

    // Nor does one hold anybody up that takes nothing any more: packets are dropped, and other words end it.
    bench.open(2, 1);
    bench.until(2, 1, is_drawn);
    signal("STOP", *children().first().unwrap());
    let (mut dropped, began) = (0, Instant::now());
    for index in 0..20_000 {
        let payload = vec![0x10; 1_000].into();
        let arrived = Instant::now();
        let shot = crate::composer::Shot { index, timestamp: 0, marker: false, payload, arrived };
        let order = ComposeOrder::Packet(TrackId(1), shot);
        dropped += u32::from(bench.port.send(ToComposer { room: RoomId(2), life: 1, order }).is_err());
    }
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits");
    assert!(dropped > 10_000, "{dropped}");
    bench.until(2, 1, is_lost);
    wait_for("the process that takes nothing", || children().is_empty());
}

#[test]
fn processes_and_files_stay_as_many_however_often_rooms_begin_and_end() {
    let _alone = alone();
    let mut bench = Bench::new();
    let mut before = None;
    let began = Instant::now();
    for round in 1..=24 {
        bench.open(1, round);
        bench.until(1, round, is_drawn);
        match round % 3 {
            // Ended by the room, by a crash, or by the room before it ever drew.
            0 => bench.say(1, round, ComposeOrder::Close),
            1 => {
                signal("ABRT", *children().first().unwrap());
                bench.until(1, round, is_lost);
                bench.say(1, round, ComposeOrder::Close);
            }
            _ => {
                bench.say(2, round, ComposeOrder::Open(FORMAT));
                bench.say(2, round, ComposeOrder::Close);
                bench.say(1, round, ComposeOrder::Close);
            }
        }
        wait_for("the end of a process", || children().is_empty());
        if let Some(before) = before {
            wait_for("the files of a process", || files() == before);
        } else {
            std::thread::sleep(Duration::from_millis(100));
            before = Some(files());
        }
    }
    println!("{:?} for each", began.elapsed() / 24);
    let Bench { port, threads, .. } = bench;
    drop(port);
    threads.join();
}

#[test]
fn a_process_that_needs_too_much_memory_or_cannot_be_had_is_a_composer_that_is_lost() {
    let _alone = alone();
    let mut bench = Bench::with(Isolation { memory_bytes: 2 << 20, ..isolation() });
    bench.open(1, 1);
    bench.until(1, 1, is_lost);
    wait_for("its process", || children().is_empty());
    let none = Isolation { program: "/nowhere/colloquy".into(), ..isolation() };
    assert!(try_out(&isolation()).is_ok() && try_out(&none).is_err());
    assert!(try_out(&Isolation { program: "/bin/false".into(), ..isolation() }).is_err());
    let mut bench = Bench::with(none);
    bench.open(1, 1);
    bench.until(1, 1, is_lost);
    assert!(children().is_empty());
}

#[test]
fn a_process_ends_with_the_thread_that_started_it() {
    let _alone = alone();
    let start = || {
        let process = Process::start(&isolation(), Role::Composer(FORMAT)).unwrap();
        let tasks = format!("/proc/{}/task", process.id);
        let is_up = |comm: String| comm.trim() == Role::Composer(FORMAT).name().to_str().unwrap();
        wait_for("its name", || {
            let tasks = fs::read_dir(&tasks).unwrap().flatten();
            tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).any(is_up)
        });
        process
    };
    // Its socket stays open, and nobody ends it.
    let process = std::thread::spawn(start).join().unwrap();
    let stat = format!("/proc/{}/stat", process.id);
    wait_for("its end", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z")));
    drop(process);
    assert!(children().is_empty());
}

struct SoundBench {
    mixers: Mixers,
    port: MixPort,
    poll: Poll,
    began: Instant,
    sent: u32,
    voice: Encoder,
}

impl SoundBench {
    fn new() -> Self {
        Self::of(2, Some(isolation()))
    }

    fn of(threads: usize, isolation: Option<Isolation>) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let isolation = isolation.map(Arc::new);
        let (mixers, mut ports) = Mixers::start(threads, MixSettings::default(), &[waker], isolation.as_ref()).unwrap();
        let voice = Encoder::new(&EncoderSettings::default()).unwrap();
        Self { mixers, port: ports.pop().unwrap(), poll, began: Instant::now(), sent: 0, voice }
    }

    fn say(&self, room: u64, life: u64, order: MixOrder) {
        self.port.send(ToMixer { room: RoomId(room), life, order }).unwrap();
    }

    /// Somebody is heard by somebody.
    fn open(&self, room: u64, life: u64) {
        self.say(room, life, MixOrder::Open);
        let ear = Ear { groups: vec![(GroupId(1), Gain::UNITY)], except: Vec::new(), coding: Coding::default() };
        let cast =
            Cast { sources: vec![(SourceId(1), GroupId(1))], ears: vec![(ListenerId(1), ear)], ..Cast::default() };
        self.say(room, life, MixOrder::Cast(Box::new(cast)));
    }

    /// Speaks in all rooms until one is heard, or lost.
    fn until(&mut self, rooms: &[(u64, u64)], is_it: impl Fn(&FromMixer) -> bool) -> Vec<FromMixer> {
        let (deadline, mut others) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            while let Some(word) = self.port.take() {
                if is_it(&word) {
                    return others;
                }
                others.push(word);
            }
            assert!(Instant::now() < deadline, "nothing came: {others:?}");
            let due = (self.began.elapsed().as_millis() / 20) as u32;
            while self.sent < due {
                self.sent += 1;
                let packet = self.packet();
                for (room, life) in rooms {
                    self.say(*room, *life, MixOrder::Packet(SourceId(1), packet.clone()));
                }
            }
            self.poll.poll(&mut Events::with_capacity(4), Some(Duration::from_millis(5))).unwrap();
        }
    }

    /// The next of a tone.
    fn packet(&mut self) -> Packet {
        let (sequence, timestamp) = (u64::from(self.sent), self.sent * 960);
        let at = |i: u32| (timestamp + i) as f32 / 48_000.0 * 440.0 * std::f32::consts::TAU;
        let samples: Vec<f32> = (0..960).map(|i| 0.3 * at(i).sin()).collect();
        let mut payload = vec![0; 1_275];
        let len = self.voice.encode(&samples, &mut payload).unwrap();
        payload.truncate(len);
        let (red, level, voice, arrived) = (false, Some(20), Some(true), Instant::now());
        Packet { sequence, timestamp, payload: payload.into(), red, level, voice, arrived }
    }
}

fn is_heard(room: u64, life: u64) -> impl Fn(&FromMixer) -> bool {
    move |word| {
        let is_packet =
            matches!(&word.answer, MixAnswer::Mixed(Output::Packet(mixed)) if !mixed.contributors.is_empty());
        (word.room, word.life) == (RoomId(room), life) && is_packet
    }
}

fn is_silenced(room: u64, life: u64) -> impl Fn(&FromMixer) -> bool {
    move |word| (word.room, word.life) == (RoomId(room), life) && matches!(word.answer, MixAnswer::Lost)
}

#[test]
fn mixers_of_sound_that_crash_or_are_stuck_are_replaced_and_others_go_on() {
    let _alone = alone();
    let mut bench = SoundBench::new();
    assert!(children().is_empty(), "nobody mixes yet");
    // Two rooms of different threads.
    bench.open(1, 1);
    bench.until(&[(1, 1)], is_heard(1, 1));
    let one = *children().first().unwrap();
    let mut other = 2;
    loop {
        bench.open(other, 1);
        bench.until(&[(other, 1)], is_heard(other, 1));
        if children().len() == 2 {
            break;
        }
        other += 1;
    }
    for (life, how) in [(1, "SEGV"), (2, "STOP")] {
        let process = if life == 1 { one } else { *children().iter().find(|id| **id != one).unwrap() };
        let room = if life == 1 { 1 } else { other };
        let ended = Instant::now();
        signal(how, process);
        bench.say(room, 1, MixOrder::Ping);
        let heard = bench.until(&[(1, 1), (other, 1)], is_silenced(room, 1));
        let lost = ended.elapsed();
        if how == "SEGV" {
            assert!(!heard.iter().any(|word| word.room == RoomId(other) && matches!(word.answer, MixAnswer::Lost)));
            bench.until(&[(other, 1)], is_heard(other, 1));
        }
        bench.open(room, 5);
        bench.until(&[(room, 5)], is_heard(room, 5));
        println!("{how}: told after {lost:?}, heard again after {:?}", ended.elapsed());
        wait_for("its end", || !children().contains(&process));
        assert_eq!(children().len(), 2);
    }
    let SoundBench { mut mixers, port, .. } = bench;
    drop(port);
    mixers.join();
    assert!(children().is_empty());
}

/// A key frame of a colour.
fn key_picture() -> KeyPicture {
    let settings = video::EncoderSettings { width: 64, height: 48, bps: 400_000, fps: 15 };
    let (mut coded, picture) = (Vec::new(), Picture::new(64, 48, [82, 90, 240]));
    encoder(VideoCodec::Vp8, settings).unwrap().encode(&picture, 0, true, &mut coded).unwrap().unwrap();
    let mut packets = Vec::new();
    Packetizer::new(ViewCodec::Vp8, 7).split(&coded, |payload, marker| {
        packets.push(KeyPacket { index: packets.len() as u64, timestamp: 9, marker, payload });
    });
    KeyPicture { size: SnapshotSize::Full, codec: Codec::Vp8, packets }
}

#[test]
fn a_darkroom_that_crashes_is_replaced() {
    let _alone = alone();
    let key = key_picture();
    let mut darkroom = Darkroom::new(isolation());
    let is_whole = |made: &Developed| matches!(made, Developed::Jpeg { bytes, width: 64, height: 48 } if bytes.starts_with(&[0xff, 0xd8]));
    assert!(is_whole(&darkroom.ask(&key).unwrap()));
    let nothing = KeyPicture { packets: Vec::new(), ..key_picture() };
    assert!(matches!(darkroom.ask(&nothing), Ok(Developed::Unreadable)));
    let first = *children().first().unwrap();
    signal("SEGV", first);
    wait_for("its end", || fs::read_to_string(format!("/proc/{first}/stat")).is_ok_and(|stat| stat.contains(") Z")));
    assert!(darkroom.ask(&key).is_err(), "of what was asked of it there is no picture");
    let began = Instant::now();
    assert!(is_whole(&darkroom.ask(&key).unwrap()));
    println!("the next picture took {:?}", began.elapsed());
    assert!(children().len() == 1 && !children().contains(&first));
    drop(darkroom);
    assert!(children().is_empty());
}
