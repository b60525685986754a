use super::*;
use crate::api::SubscribeError;
use crate::api::{Limits, Permissions};
use crate::audience::Stance;
use crate::driver::stun::tests::request;
use crate::driver::testing::wait_for;
use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

fn config() -> DriverConfig {
    DriverConfig { bind: vec!["127.0.0.1".parse().unwrap()], port: 0, seed: Some(1), ..DriverConfig::default() }
}

fn start(config: &DriverConfig) -> MediaEngine {
    MediaEngine::start(config, Arc::new(|_| ())).unwrap()
}

fn join(engine: &MediaEngine, room: u64, peer: u64) -> Receiver<Result<(), JoinError>> {
    let (tell, told) = channel();
    let reply = Reply::new(move |result: Result<_, _>| {
        let _ = tell.send(result.map(|_| ()));
    });
    engine.submit(Command::Join {
        room: RoomId(room),
        peer: PeerId(peer),
        permissions: Permissions::ALL,
        stance: Stance::default(),
        reply,
    });
    told
}

fn answer<T>(told: &Receiver<T>) -> T {
    told.recv_timeout(Duration::from_secs(5)).expect("an answer")
}

/// A command that is answered with `then` on the worker's thread.
fn on_worker(engine: &MediaEngine, room: u64, then: impl FnOnce() + Send + 'static) {
    engine.submit(Command::Stats { room: RoomId(room), reply: Reply::new(|_| then()) });
}

#[test]
fn workers_start_answer_and_stop() {
    for single_port in [false, true] {
        let engine = start(&DriverConfig { workers: 2, single_port, ..config() });
        let ports: std::collections::BTreeSet<_> = engine.addresses().iter().map(|a| a.public.port()).collect();
        assert_eq!(ports.len(), if single_port { 1 } else { 2 });
        assert_eq!(engine.addresses().len(), 2 * ports.len(), "UDP and TCP each");
        assert_eq!(answer(&join(&engine, 1, 1)), Ok(()));
        assert_eq!(answer(&join(&engine, 2, 2)), Ok(()));
        assert_eq!(answer(&join(&engine, 3, 1)), Err(JoinError::AlreadyJoined));
        let (tell, told) = channel();
        for room in [1, 2] {
            let tell = tell.clone();
            on_worker(&engine, room, move || tell.send(std::thread::current().name().map(str::to_owned)).unwrap());
        }
        let mut names = [answer(&told).unwrap(), answer(&told).unwrap()];
        names.sort();
        assert_eq!(names, ["media-0", "media-1"], "each room has a worker of its own");
        engine.submit(Command::Leave { peer: PeerId(1) });
        assert_eq!(engine.worker_stats().len(), 2);
        engine.stop();
    }
}

#[test]
fn a_room_that_outgrows_a_worker_is_shared_and_looks_like_one() {
    let limits = Limits { room_peers_per_worker: 1, peers_per_room: 3, ..Limits::default() };
    let (tell, told) = channel();
    let events = move |event| {
        if let Event::Closed { peer, .. } = event {
            let _ = tell.send(peer);
        }
    };
    let engine = MediaEngine::start(&DriverConfig { workers: 2, limits, ..config() }, Arc::new(events)).unwrap();
    for peer in 1..=3 {
        assert_eq!(answer(&join(&engine, 1, peer)), Ok(()));
    }
    assert_eq!(answer(&join(&engine, 1, 4)), Err(JoinError::RoomFull));
    assert_eq!(engine.directory().workers_of_room(RoomId(1)), [0, 1]);
    let (reply, stats) = channel();
    let reply = Reply::new(move |stats: Option<RoomStats>| reply.send(stats).unwrap());
    engine.submit(Command::Stats { room: RoomId(1), reply });
    let mut peers: Vec<_> = answer(&stats).unwrap().peers.iter().map(|peer| peer.peer.0).collect();
    peers.sort_unstable();
    assert_eq!(peers, [1, 2, 3]);
    engine.submit(Command::CloseRoom { room: RoomId(1) });
    let mut closed: Vec<_> = (0..3).map(|_| answer(&told).0).collect();
    closed.sort_unstable();
    assert_eq!(closed, [1, 2, 3]);
    wait_for("nothing left", || engine.worker_stats().iter().all(|totals| (totals.rooms, totals.peers) == (0, 0)));
}

#[test]
fn a_full_queue_answers_busy_and_loses_no_leave() {
    let engine = start(&config());
    answer(&join(&engine, 1, 1)).unwrap();
    answer(&join(&engine, 1, 2)).unwrap();
    let (release, held) = channel::<()>();
    let (tell, busy) = channel();
    on_worker(&engine, 1, move || {
        tell.send(()).unwrap();
        let _ = held.recv();
    });
    answer(&busy);
    for _ in 0..worker::MESSAGES {
        on_worker(&engine, 1, || ());
    }
    assert_eq!(answer(&join(&engine, 1, 3)), Err(JoinError::Busy));
    assert_eq!(engine.directory().worker_of_peer(PeerId(3)), None, "who was refused is not in");
    engine.submit(Command::Leave { peer: PeerId(1) });
    let shared = Arc::clone(&engine.workers[0].shared);
    assert!(shared.overflowed.load(Ordering::Acquire));
    drop(release);
    wait_for("the overflow", || !shared.overflowed.load(Ordering::Acquire));
    assert!(shared.overflow.lock().unwrap().is_empty());
    assert_eq!(answer(&join(&engine, 1, 4)), Ok(()));
}

#[test]
fn commands_for_nobody_are_answered_at_once() {
    let engine = start(&config());
    let (tell, told) = channel();
    engine.submit(Command::Subscribe {
        peer: PeerId(9),
        mid: "0".to_owned(),
        track: None,
        reply: Reply::new(move |result| tell.send(result).unwrap()),
    });
    assert_eq!(told.try_recv(), Ok(Err(SubscribeError::NoSuchPeer)));
    engine.submit(Command::Leave { peer: PeerId(9) });
    engine.submit(Command::CloseRoom { room: RoomId(9) });
}

#[test]
fn a_worker_survives_a_panic() {
    let engine = start(&config());
    answer(&join(&engine, 1, 1)).unwrap();
    on_worker(&engine, 1, || panic!("as the test wants it"));
    assert_eq!(answer(&join(&engine, 1, 2)), Ok(()));
    wait_for("the count", || engine.worker_stats()[0].panics == 1);
}

#[test]
fn a_port_in_use_leaves_nothing_behind() {
    let engine = start(&config());
    let taken = engine.addresses()[0].public;
    let error = MediaEngine::start(&DriverConfig { port: taken.port(), ..config() }, Arc::new(|_| ())).unwrap_err();
    assert!(matches!(error, StartError::PortInUse { addr, .. } if addr == taken), "{error}");
    drop(engine);
    start(&DriverConfig { port: taken.port(), ..config() }).stop();
}

#[test]
fn on_a_single_port_everything_reaches_its_worker() {
    let engine = start(&DriverConfig { workers: 3, single_port: true, ..config() });
    let target = engine.addresses()[0].public;
    let packets_in = || engine.worker_stats().iter().map(|totals| totals.packets_in).collect::<Vec<_>>();
    // The kernel spreads them by their source ports; nobody but the third worker is to see any.
    for _ in 0..16 {
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(&request("Cabc:def"), target).unwrap();
    }
    wait_for("datagrams", || packets_in() == [0, 0, 16]);
    let framed = [&(request("Babc:def").len() as u16).to_be_bytes(), &request("Babc:def")[..]].concat();
    let mut connections = Vec::new();
    for _ in 0..8 {
        let mut connection = std::net::TcpStream::connect(target).unwrap();
        connection.write_all(&framed).unwrap();
        connections.push(connection);
    }
    wait_for("frames", || packets_in() == [0, 8, 16]);
}

#[test]
fn addresses_that_change_are_offered_from_then_on() {
    let advertised = |ip: &str| DriverConfig { workers: 2, advertise: vec![ip.parse().unwrap()], ..config() };
    let engine = start(&advertised("203.0.113.9"));
    answer(&join(&engine, 1, 1)).unwrap();
    let restarted = |ufrag: &str| {
        let (tell, told) = channel();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
             c=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 {}00\r\n\
             a=setup:actpass\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n",
            "00:".repeat(31)
        );
        let offer = crate::api::Offer {
            sdp,
            sources: Vec::new(),
            subscriptions: crate::api::Subscriptions::InOrder(Vec::new()),
        };
        let reply = Reply::new(move |answer: Result<crate::api::Answer, _>| tell.send(answer).unwrap());
        engine.submit(Command::Offer { peer: PeerId(1), offer, reply });
        answer(&told).unwrap().sdp
    };
    assert!(restarted("abcd").contains("203.0.113.9"));
    assert!(!engine.refresh_addresses(&advertised("203.0.113.9")).unwrap(), "they are as they were");
    assert!(engine.refresh_addresses(&advertised("203.0.113.10")).unwrap());
    let moved = |address: &AdvertisedAddress| address.public.ip().to_string() == "203.0.113.10";
    assert!(engine.addresses().iter().all(moved));
    let sdp = restarted("efgh");
    assert!(sdp.contains("203.0.113.10") && !sdp.contains("203.0.113.9 "), "{sdp}");
    // Of nothing that could be offered, the old stays.
    assert!(!engine.refresh_addresses(&advertised("0.0.0.0")).unwrap());
    assert!(engine.addresses().iter().all(moved));
}

#[test]
fn the_door_is_for_every_thread() {
    fn for_every_thread<T: Send + Sync>() {}
    for_every_thread::<MediaEngine>();
}

#[test]
fn a_sleeping_worker_wakes_for_a_datagram() {
    let engine = start(&config());
    let target = engine.addresses()[0].public;
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(&[255; 20], target).unwrap();
    // Not of any protocol of ours: the engine counts it, and answers nothing.
    wait_for("the count", || engine.worker_stats()[0].packets_in == 1);
}

#[test]
#[cfg(feature = "compose")]
fn snapshots_are_answered_whatever_there_is() {
    use crate::api::{SnapshotSize, Source};
    let ask = |engine: &MediaEngine, peer| {
        let (tell, told) = channel();
        let reply = Reply::new(move |result| tell.send(result).unwrap());
        let ask = SnapshotAsk { peer: PeerId(peer), source: Source::Camera, size: SnapshotSize::Thumbnail };
        engine.snapshot(ask, reply);
        answer(&told).map(|_| ())
    };
    let without = start(&config());
    assert_eq!(ask(&without, 1), Err(SnapshotError::Disabled));
    let engine = start(&DriverConfig { snapshots: Some(Duration::from_secs(5)), ..config() });
    assert_eq!(ask(&engine, 1), Err(SnapshotError::NoSuchPeer));
    assert_eq!(answer(&join(&engine, 1, 1)), Ok(()));
    assert_eq!(ask(&engine, 1), Err(SnapshotError::Off), "he publishes nothing");
    // Its thread ends with the others.
    engine.stop();
}
