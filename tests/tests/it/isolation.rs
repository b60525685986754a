//! Mixers in processes of their own, under an engine with real sockets and real codecs: a process that crashes or is stuck costs its own
//! room's picture or mix for a moment, and nobody a packet of what is forwarded. The program of the processes is this test itself.

use bytes::Bytes;
use colloquy_bench::client::{Client, ClientCertificate, ClientConfig, ClientState, Pace, Script, Shot};
use colloquy_codecs::opus;
use colloquy_codecs::video::{EncoderSettings, Picture, VideoCodec, encoder};
use colloquy_media_core::api::{
    AudioMode, CanvasLimits, Codec, Command, Limits, MediaKind, Offer, PeerId, Permissions, Reply, RoomId, Snapshot,
    SnapshotAsk, SnapshotError, SnapshotSize, Source, Subscriptions, TrackId, WorkerTotals,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::driver::{DriverConfig, Isolation, MediaEngine, run_mixer};
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Everything that a test waits for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const FRAME: Duration = Duration::from_millis(66);
const WORD: Duration = Duration::from_millis(20);

/// Not a test: what the processes of the others run.
#[test]
#[ignore = "a process of another test"]
fn a_mixer() {
    // Run by somebody with a terminal it has nothing to do.
    let _ = run_mixer();
}

/// One of these tests at a time: they count processes.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|e| e.into_inner())
}

/// The processes that mixers have here, ended ones that nobody waited for among them: this program again, which other tests start
/// no other of.
fn children() -> BTreeSet<u32> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let all = lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>());
    let own = fs::read_link("/proc/self/exe").unwrap();
    all.filter(|id| fs::read_link(format!("/proc/{id}/exe")).map_or(true, |program| program == own)).collect()
}

fn signal(name: &str, process: u32) {
    let status = process::Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(status.unwrap().success());
}

/// Whether a process is called so: it is the thread that works which says it.
fn is_called(process: u32, name: &str) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    tasks.flatten().any(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|said| said.trim() == name))
}

/// A camera that shows one colour: pictures that need no other, one in a packet.
fn camera() -> Arc<Script> {
    let settings = EncoderSettings { width: 160, height: 90, bps: 400_000, fps: 15 };
    let mut encoder = encoder(VideoCodec::Vp8, settings).unwrap();
    let shots = (0..4_u32).map(|frame| {
        let mut packet = vec![0x10];
        encoder.encode(&Picture::new(160, 90, [82, 90, 240]), u64::from(frame) * 66, true, &mut packet).unwrap();
        Shot { at: FRAME * frame, bytes: packet.len(), key: true, packet: Bytes::from(packet) }
    });
    Arc::new(Script::new(shots.collect()).unwrap())
}

/// A tone.
fn voice() -> Arc<Script> {
    let mut encoder = opus::Encoder::new(&opus::EncoderSettings::default()).unwrap();
    let shots = (0..50_u32).map(|word| {
        let at = |i: u32| (word * 960 + i) as f32 / 48_000.0 * 440.0 * std::f32::consts::TAU;
        let samples: Vec<f32> = (0..960).map(|i| 0.3 * at(i).sin()).collect();
        let mut packet = vec![0; 1_275];
        let len = encoder.encode(&samples, &mut packet).unwrap();
        packet.truncate(len);
        Shot { at: WORD * word, bytes: len, key: false, packet: packet.into() }
    });
    Arc::new(Script::new(shots.collect()).unwrap())
}

/// Somebody, and his socket.
struct Person {
    peer: PeerId,
    client: Client,
    socket: UdpSocket,
    /// When something came into each of his places: the last packet of a picture, or a packet of sound.
    came: Vec<Vec<Instant>>,
}

/// An engine with people.
struct Stage {
    engine: MediaEngine,
    people: Vec<Person>,
    epoch: Instant,
    certificate: ClientCertificate,
}

/// A room of two: Anne speaks and is seen, Pierre has her camera on a canvas and as it is, and hears her in the mix or, while there is none, as
/// she is.
#[derive(Debug, Clone, Copy)]
struct Room {
    anne: PeerId,
    pierre: usize,
}

/// Pierre's places in the order of his sections.
const CANVAS: usize = 0;
const FORWARDED: &str = "1";
const MIX: usize = 2;
const VOICE: usize = 3;

impl Stage {
    fn new() -> Self {
        let args = ["isolation::a_mixer", "--exact", "--ignored", "--nocapture"];
        let program = "/proc/self/exe".into();
        let isolation = Isolation { program, args: args.map(Into::into).into(), memory_bytes: 1 << 30 };
        let canvas = CanvasLimits { width: 320, height: 180, fps: 15, canvases: 8, ..CanvasLimits::default() };
        let mut limits = Limits::default();
        limits.mix.canvas = canvas;
        let config = DriverConfig {
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port: 0,
            include_loopback: true,
            limits,
            // Two processes, so that not all rooms are in one.
            mixers: 2,
            snapshots: Some(Duration::from_secs(1)),
            isolation: Some(isolation),
            pin: false,
            seed: Some(1),
            ..DriverConfig::default()
        };
        let engine = MediaEngine::start(&config, Arc::new(|_| ())).unwrap();
        Self { engine, people: Vec::new(), epoch: Instant::now(), certificate: ClientCertificate::generate() }
    }

    fn ask<T: Send + 'static>(&self, command: impl FnOnce(Reply<T>) -> Command) -> T {
        let (tell, told) = channel();
        self.engine.submit(command(Reply::new(move |answer| drop(tell.send(answer)))));
        told.recv_timeout(PATIENCE).expect("it is answered")
    }

    fn totals(&self) -> WorkerTotals {
        self.engine.worker_stats()[0].clone()
    }

    /// Somebody comes, with what `prepare` gives him. Gives his tracks.
    fn join(
        &mut self,
        room: u64,
        wanted: Vec<(String, TrackId)>,
        prepare: impl FnOnce(&mut Client),
    ) -> (PeerId, Vec<TrackId>) {
        let peer = PeerId(1 + self.people.len() as u64);
        let (permissions, stance) = (Permissions::ALL, Stance::default());
        self.ask(|reply| Command::Join { room: RoomId(room), peer, permissions, stance, reply }).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let local = socket.local_addr().unwrap();
        let config = ClientConfig::new(peer.0, local, self.certificate.clone(), self.epoch);
        let mut client = Client::new(ClientConfig { keeps_pictures: true, keeps_sound: true, ..config });
        prepare(&mut client);
        let offer = Offer { sdp: client.offer(), sources: Vec::new(), subscriptions: Subscriptions::ByMid(wanted) };
        let answer = self.ask(|reply| Command::Offer { peer, offer, reply }).unwrap();
        client.accept(Instant::now(), &answer.sdp).unwrap();
        self.people.push(Person { peer, client, socket, came: vec![Vec::new(); 4] });
        let index = self.people.len() - 1;
        self.until("the connection", |stage| stage.people[index].client.state() == ClientState::Connected);
        (peer, answer.published.iter().map(|track| track.id).collect())
    }

    fn room(&mut self, room: u64) -> Room {
        let (anne, tracks) = self.join(room, Vec::new(), |client| {
            let pace = |interval| Pace { interval, packets: 1, payload_bytes: 60, large_key_frames: false };
            let mid = client.publish(Codec::Vp8, pace(FRAME));
            client.replay(&mid, &[camera()], 0.0);
            let mid = client.publish(Codec::Opus, pace(WORD));
            client.replay(&mid, &[voice()], 0.0);
        });
        let [seen, heard] = tracks[..] else { panic!("{tracks:?}") };
        let wanted = [TrackId::GRID, seen, TrackId::MIX, heard];
        let wanted = wanted.into_iter().enumerate().map(|(mid, track)| (mid.to_string(), track)).collect();
        let (peer, _) = self.join(room, wanted, |client| {
            for kind in [MediaKind::Video, MediaKind::Video, MediaKind::Audio, MediaKind::Audio] {
                client.receive(kind);
            }
        });
        self.ask(|reply| Command::SetAudio { peer, mode: AudioMode::Mix, reply }).unwrap();
        Room { anne, pierre: self.people.len() - 1 }
    }

    /// Lets everybody do what is to be done now.
    fn turn(&mut self) {
        let mut bytes = [0; 2_048];
        for person in &mut self.people {
            let local = person.socket.local_addr().unwrap();
            while let Ok((len, from)) = person.socket.recv_from(&mut bytes) {
                person.client.handle_datagram(Instant::now(), local, from, &mut bytes[..len]);
            }
            let now = Instant::now();
            if person.client.next_deadline().is_some_and(|due| due <= now) {
                person.client.handle_timeout(now);
            }
            while let Some(datagram) = person.client.poll_transmit() {
                let _ = person.socket.send_to(&datagram.bytes, datagram.remote);
            }
            for (received, _) in person.client.take_kept() {
                let is_whole = received.marker || received.place >= MIX;
                if let Some(came) = person.came.get_mut(received.place).filter(|_| is_whole) {
                    came.push(received.at);
                }
            }
            person.client.received().clear();
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            self.turn();
        }
    }

    fn play(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn();
        }
    }

    /// Pictures of a room's canvas that came after that.
    fn drawn_since(&self, room: Room, since: Instant) -> usize {
        self.people[room.pierre].came[CANVAS].iter().filter(|at| **at > since).count()
    }

    /// Waits for more pictures of a canvas, and gives how long it took until the first.
    fn next_picture(&mut self, room: Room) -> Duration {
        let since = Instant::now();
        self.until("pictures of the canvas", |stage| stage.drawn_since(room, since) >= 5);
        let first = self.people[room.pierre].came[CANVAS].iter().find(|at| **at > since);
        first.unwrap().duration_since(since)
    }

    /// The longest time without anything in one of these places.
    fn longest_gap(&self, room: Room, places: &[usize], since: Instant) -> Duration {
        let came = places.iter().flat_map(|place| &self.people[room.pierre].came[*place]);
        let mut times: Vec<_> = came.filter(|at| **at > since).collect();
        times.sort();
        times.windows(2).map(|two| two[1].duration_since(*two[0])).max().unwrap_or(PATIENCE)
    }

    /// That everything which was forwarded in a room came.
    fn nothing_forwarded_is_lost(&self, room: Room) {
        let stats = self.people[room.pierre].client.place_stats(FORWARDED).unwrap();
        assert!(stats.packets > 10, "{stats:?}");
        assert_eq!((stats.lost, stats.nacked, stats.repaired), (0, 0, 0), "{stats:?}");
    }

    fn snapshot(&mut self, of: PeerId) -> Result<Snapshot, SnapshotError> {
        let (tell, told) = channel();
        let ask = SnapshotAsk { peer: of, source: Source::Camera, size: SnapshotSize::Full };
        self.engine.snapshot(ask, Reply::new(move |answer| drop(tell.send(answer))));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = told.try_recv() {
                return answer;
            }
            assert!(Instant::now() < deadline, "no answer");
            self.turn();
        }
    }
}

/// The processes that were not there before.
fn new_since(before: &BTreeSet<u32>) -> u32 {
    let new: Vec<u32> = children().difference(before).copied().collect();
    assert_eq!(new.len(), 1, "{new:?}");
    new[0]
}

#[test]
fn a_composer_that_crashes_or_is_stuck_is_back_and_nobody_else_notices() {
    let _alone = alone();
    let mut stage = Stage::new();
    let mixers_only = |stage: &Stage| stage.totals().mixed > 0;
    let before = children();
    let (first, second) = (stage.room(1), stage.room(2));
    stage.next_picture(first);
    stage.next_picture(second);
    stage.until("the mix", mixers_only);
    assert!(before.is_empty());
    for (round, how) in [(1, "SEGV"), (2, "STOP")] {
        // The one that goes when Pierre of the first room looks away is that room's.
        let pierre = stage.people[first.pierre].peer;
        let there = children();
        let look = |stage: &Stage, at| {
            stage.ask(|reply| Command::Subscribe { peer: pierre, mid: "0".to_owned(), track: at, reply })
        };
        look(&stage, None).unwrap();
        stage.until("the end of its process", |_| children().len() < there.len());
        let without = children();
        look(&stage, Some(TrackId::GRID)).unwrap();
        stage.next_picture(first);
        let process = new_since(&without);

        let since = Instant::now();
        signal(how, process);
        stage.until("the loss", |stage| stage.totals().composers_lost == round);
        let lost = since.elapsed();
        stage.until("pictures again", |stage| stage.drawn_since(first, since + Duration::from_millis(1)) >= 5);
        let gap = stage.longest_gap(first, &[CANVAS], since - Duration::from_secs(1));
        println!("{how}: lost after {lost:?}, without a picture for {gap:?}");
        assert!(gap < Duration::from_secs(10), "back within two seconds on a machine that is not busy: {gap:?}");
        let other = stage.longest_gap(second, &[CANVAS], since);
        assert!(other < Duration::from_secs(1), "the other room had none for {other:?}");
        stage.until("the end of the process", |_| !children().contains(&process));
        for room in [first, second] {
            stage.nothing_forwarded_is_lost(room);
        }
    }
    assert_eq!(stage.totals().mixers_lost, 0);
}

#[test]
fn a_mixer_that_crashes_or_is_stuck_is_back_and_its_listeners_hear_each_other_meanwhile() {
    let _alone = alone();
    let mut stage = Stage::new();
    let (first, second) = (stage.room(1), stage.room(2));
    stage.next_picture(first);
    stage.until("the mix", |stage| stage.totals().mixed > 50);
    for how in ["SEGV", "STOP"] {
        let (composers, lost) = (stage.totals().composers_lost, stage.totals().mixers_lost);
        let process = *children().iter().find(|id| is_called(**id, "colloquy-sound")).unwrap();
        stage.play(Duration::from_secs(1));
        let since = Instant::now();
        signal(how, process);
        stage.until("the loss", |stage| stage.totals().mixers_lost > lost);
        let told = since.elapsed();
        // Some of the rooms are mixed there, and the others elsewhere.
        stage.play(Duration::from_secs(3));
        let before = since - Duration::from_millis(500);
        for room in [first, second] {
            stage.until("the mix again", |stage| {
                let came = &stage.people[room.pierre].came[MIX];
                came.last().is_some_and(|at| at.elapsed() < Duration::from_millis(200))
            });
            let mix = stage.longest_gap(room, &[MIX], before);
            let anything = stage.longest_gap(room, &[MIX, VOICE], before);
            println!("{how}: lost after {told:?}; without the mix for {mix:?}, without Anne's voice for {anything:?}");
            assert!(mix < Duration::from_secs(10), "back within two seconds on a machine that is not busy: {mix:?}");
            assert!(anything < Duration::from_secs(5), "heard as she is, meanwhile: {anything:?}");
            stage.nothing_forwarded_is_lost(room);
        }
        stage.until("the end of the process", |_| !children().contains(&process));
        assert_eq!(stage.totals().composers_lost, composers);
    }
}

#[test]
fn snapshots_go_on_after_a_crash_and_everything_ends_with_the_server() {
    let _alone = alone();
    let mut stage = Stage::new();
    let room = stage.room(1);
    stage.next_picture(room);
    let before = children();
    let made = stage.snapshot(room.anne).unwrap();
    assert_eq!((made.width, made.height), (160, 90));
    let process = new_since(&before);
    signal("ABRT", process);
    stage.play(Duration::from_millis(1_100));
    assert_eq!(stage.snapshot(room.anne), Err(SnapshotError::Unreadable), "what it was given ended it");
    let deadline = Instant::now() + PATIENCE;
    while stage.snapshot(room.anne).is_err() {
        assert!(Instant::now() < deadline, "no snapshot again");
        stage.play(Duration::from_millis(200));
    }
    assert!(!children().contains(&process));
    stage.nothing_forwarded_is_lost(room);
    let Stage { engine, .. } = stage;
    engine.stop();
    assert!(children().is_empty(), "{:?}", children());
}

#[test]
fn rooms_with_canvases_come_and_go_and_leave_no_process_and_no_file() {
    let _alone = alone();
    let mut stage = Stage::new();
    let room = stage.room(1);
    stage.next_picture(room);
    let files = || fs::read_dir("/proc/self/fd").unwrap().count();
    let (processes, open) = (children().len(), files());
    let peer = stage.people[room.pierre].peer;
    for round in 0..24 {
        for track in [None, Some(TrackId::GRID)] {
            stage.ask(|reply| Command::Subscribe { peer, mid: "0".to_owned(), track, reply }).unwrap();
            if round % 2 == 0 || track.is_some() {
                stage.play(Duration::from_millis(40));
            }
        }
        stage.next_picture(room);
    }
    stage.until("the last to end", |_| children().len() == processes && files() <= open);
    assert_eq!(stage.totals().composers_lost, 0);
    stage.nothing_forwarded_is_lost(room);
}
