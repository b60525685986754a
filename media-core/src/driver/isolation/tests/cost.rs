//! What the boundary of a process costs, beside threads that do the same:
//! `cargo test --release -p colloquy-media-core cost_of_isolation -- --ignored --nocapture`.

use super::*;
use crate::composer::Shot;

const TIME: Duration = Duration::from_secs(10);
const FULL: CanvasFormat = CanvasFormat { width: 1_280, height: 720, fps: 30, bps: 1_500_000 };
const CAMERAS: u64 = 9;
const PICTURES: u64 = 30;
const ROOMS: u64 = 200;

/// Processor time of this process and of those that it waited for, in seconds.
fn spent() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    // User and system time, own and of children, in hundredths.
    fields.skip(11).take(4).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn both(what: &str, work: impl Fn(Option<Isolation>)) {
    for (name, isolation) in [("threads", None), ("processes", Some(isolation()))] {
        let before = spent();
        work(isolation);
        println!("{what}, {name}: {:.3} cores", (spent() - before) / TIME.as_secs_f64());
    }
}

impl Bench {
    fn maybe(isolation: Option<Isolation>) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let threads: Arc<Threads> = Arc::default();
        Self { port: ComposePort::new(&waker, &threads, isolation.map(Arc::new)), threads, poll }
    }
}

/// There and back again, with nothing in between.
fn round_trips(isolation: Option<Isolation>) -> Vec<Duration> {
    let mut bench = Bench::maybe(isolation);
    bench.say(1, 1, ComposeOrder::Open(FORMAT));
    let trip = |bench: &mut Bench| {
        let began = Instant::now();
        bench.say(1, 1, ComposeOrder::Ping);
        bench.until(1, 1, |answer| matches!(answer, ComposeAnswer::Here));
        let took = began.elapsed();
        std::thread::sleep(Duration::from_millis(7));
        took
    };
    trip(&mut bench);
    let mut trips: Vec<_> = (0..500).map(|_| trip(&mut bench)).collect();
    trips.sort();
    trips
}

/// A second of a camera that moves, in packets of each picture.
fn film() -> Vec<Vec<(bytes::Bytes, bool)>> {
    let settings = video::EncoderSettings { width: 640, height: 360, bps: 500_000, fps: PICTURES as u32 };
    let (mut encoder, mut packetizer) =
        (encoder(VideoCodec::Vp8, settings).unwrap(), Packetizer::new(ViewCodec::Vp8, 7));
    let film = (0..PICTURES).map(|picture| {
        let mut shown = Picture::new(640, 360, [100, 110, 140]);
        for (at, sample) in shown.planes_mut()[0].samples.iter_mut().enumerate() {
            let (x, y) = (at as u64 % 640, at as u64 / 640);
            *sample = (((x + 4 * picture) / 7) ^ (y / 5)) as u8;
        }
        let (mut coded, mut packets) = (Vec::new(), Vec::new());
        encoder.encode(&shown, picture * 33, picture == 0, &mut coded).unwrap();
        packetizer.split(&coded, |payload, marker| packets.push((payload, marker)));
        packets
    });
    film.collect()
}

fn draw(film: &[Vec<(bytes::Bytes, bool)>], isolation: Option<Isolation>) {
    let mut bench = Bench::maybe(isolation);
    bench.say(1, 1, ComposeOrder::Open(FULL));
    let mut bill = Bill::new(Instant::now());
    let seen = |camera| Seen { track: TrackId(camera), codec: Codec::Vp8, name: "Anne".into(), is_held: false };
    bill.sources.extend((0..CAMERAS).map(seen));
    let tile = |camera| Tile::new(TrackId(camera), Face::Live);
    let tiles = (0..CAMERAS).map(tile).collect();
    let scene = Scene { layout: Default::default(), areas: Vec::new(), tiles, codec: CanvasCodec::Vp8 };
    bill.shown.push((CanvasId(1), Tier::Full, scene));
    bench.say(1, 1, ComposeOrder::Bill(Box::new(bill)));
    let (began, mut indices, mut drawn) = (Instant::now(), [0_u64; CAMERAS as usize], 0);
    for picture in 0..TIME.as_secs() * PICTURES {
        for camera in 0..CAMERAS {
            // Spread over the time of a picture, as people are.
            let due = began + Duration::from_micros((picture * CAMERAS + camera) * 1_000_000 / (PICTURES * CAMERAS));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let index = &mut indices[camera as usize];
            for (payload, marker) in &film[(picture % PICTURES) as usize] {
                let (timestamp, arrived) = ((picture * 3_000) as u32, Instant::now());
                let shot = Shot { index: *index, timestamp, marker: *marker, payload: payload.clone(), arrived };
                *index += 1;
                bench.say(1, 1, ComposeOrder::Packet(TrackId(camera), shot));
            }
            while let Some(word) = bench.port.take() {
                drawn += u64::from(is_drawn(&word.answer));
            }
        }
    }
    println!("{drawn} pictures of {} packets in", indices.iter().sum::<u64>());
    let Bench { port, threads, .. } = bench;
    drop(port);
    threads.join();
}

fn mix(isolation: Option<Isolation>) {
    let mut bench = SoundBench::of(1, isolation);
    let rooms: Vec<_> = (1..=ROOMS).map(|room| (room, 1)).collect();
    rooms.iter().for_each(|(room, life)| bench.open(*room, *life));
    let until = Instant::now() + TIME;
    let heard = bench.until(&rooms, |_| Instant::now() > until);
    println!("{} packets out", heard.len());
    let SoundBench { mut mixers, port, .. } = bench;
    drop(port);
    mixers.join();
}

#[test]
#[ignore = "a measurement of a minute"]
fn cost_of_isolation() {
    let _alone = alone();
    for (name, isolation) in [("threads", None), ("processes", Some(isolation()))] {
        let trips = round_trips(isolation);
        println!(
            "there and back, {name}: median {:?}, 99 % {:?}",
            trips[trips.len() / 2],
            trips[trips.len() * 99 / 100]
        );
    }
    let film = film();
    both("nine cameras of 640x360 on 1280x720 at 30 a second", |isolation| draw(&film, isolation));
    both("200 rooms of one who speaks and one who listens", mix);
}
