//! Nine cameras of 360p on one canvas of 720p at 30 pictures a second: the processor cores that takes, with the work of one thread
//! counted by the kernel. `cargo bench -p colloquy-bench --bench composite`.
//!
//! The cameras show made-up faces that move before a textured wall, with a sensor's noise; at 600 kb/s each. The canvas is encoded at
//! 1.5 Mb/s. Three runs of each codec; the median is printed.
//!
//! And a wall of 500 people: a thumbnail of each every ten seconds, made of a key frame of the smallest encoding that our page sends (180
//! lines), and of such a camera's that sends one of 360. `-- --wall` measures it alone.

use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::{EncoderSettings, Picture, VideoCodec, encoder};
use colloquy_media_core::api::{Codec, SnapshotSize, StillPacket};
use colloquy_media_core::mix::video::{
    Compositor, Layout, Output, Packetizer, Settings, SourceId, Tile, TileState, VideoPacket, View, ViewCodec, ViewId,
};
use colloquy_media_core::snapshot::{KeyFrame, Plain};
use std::time::{Duration, Instant};

const CAMERAS: u64 = 9;
const FPS: u32 = 30;
/// Pictures of a camera, played again and again.
const PICTURES: u64 = 90;
const SECONDS: u64 = 9;
const RUNS: usize = 3;
/// People on a wall, and how often each has a new picture.
const STILLS: u64 = 500;
const STILL_EVERY: Duration = Duration::from_secs(10);
/// Pictures that differ, among them.
const FACES: u64 = 25;

/// Of a camera in a call, and of the smallest encoding of our page.
const CAMERA: Shape = Shape { sides: (640, 360), bps: 600_000 };
const SMALLEST: Shape = Shape { sides: (320, 180), bps: 150_000 };

/// How large what a camera sends is.
#[derive(Clone, Copy)]
struct Shape {
    sides: (u32, u32),
    bps: u32,
}

/// Payloads of each picture, the last of them with the marker.
type Recording = Vec<Vec<Vec<u8>>>;

fn main() {
    let (cores, largest) = wall(SMALLEST);
    let (cores360, largest360) = wall(CAMERA);
    let stills = format!(
        "stills{STILLS}_core={cores:.4} stills{STILLS}_of_360_core={cores360:.4} still_bytes_max={}",
        largest.max(largest360)
    );
    if std::env::args().any(|arg| arg == "--wall") {
        println!("RESULT {stills}");
        return;
    }
    let h264 = measure(ViewCodec::H264);
    let vp8 = measure(ViewCodec::Vp8);
    println!("RESULT composite9_core_h264={h264:.3} composite9_core_vp8={vp8:.3} {stills}");
}

/// Cores that a wall takes, and its largest picture in bytes. The median of some runs.
fn wall(shape: Shape) -> (f64, usize) {
    let faces: Vec<Recording> = (0..FACES).map(|phase| record(ViewCodec::Vp8, shape, phase, 1)).collect();
    let mut runs: Vec<(f64, usize)> = (0..RUNS).map(|_| thumbnails(&faces)).collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (cores, largest) = runs[RUNS / 2];
    let ((width, height), every) = (shape.sides, STILL_EVERY.as_secs());
    println!("{STILLS} thumbnails of {width}x{height} every {every} s: {cores:.4} cores, the largest {largest} bytes");
    (cores, largest)
}

fn thumbnails(faces: &[Recording]) -> (f64, usize) {
    let (mut plain, mut largest, before) = (Plain::default(), 0, spent());
    for person in 0..STILLS {
        let payloads = &faces[(person % FACES) as usize][0];
        let packets = payloads.iter().zip(1..).map(|(payload, count)| StillPacket {
            index: count as u64,
            timestamp: 0,
            marker: count == payloads.len(),
            payload,
        });
        let key = KeyFrame { codec: Codec::Vp8, came: Instant::now(), packets };
        let jpeg = plain.make(key, SnapshotSize::Thumbnail).expect("a picture");
        largest = largest.max(jpeg.bytes.len());
    }
    ((spent() - before).as_secs_f64() / STILL_EVERY.as_secs_f64(), largest)
}

fn measure(codec: ViewCodec) -> f64 {
    let recordings: Vec<Recording> = (0..3).map(|phase| record(codec, CAMERA, phase, PICTURES)).collect();
    let mut cores: Vec<f64> = (0..RUNS).map(|_| run(codec, &recordings)).collect();
    cores.sort_by(f64::total_cmp);
    cores[RUNS / 2]
}

/// So many pictures of what one camera sends.
fn record(codec: ViewCodec, shape: Shape, phase: u64, pictures: u64) -> Recording {
    let (width, height) = shape.sides;
    let settings = EncoderSettings { width, height, bps: shape.bps, fps: FPS };
    let mut encoder = encoder(VideoCodec::from(codec), settings).expect("an encoder");
    let mut packetizer = Packetizer::new(codec, 0);
    let mut noise = 1_u32;
    let mut recording = Recording::new();
    for at in 0..pictures {
        let picture = face(shape.sides, at + 17 * phase, &mut noise);
        let (mut coded, mut payloads) = (Vec::new(), Vec::new());
        let made = encoder.encode(&picture, at * 1_000 / u64::from(FPS), at == 0, &mut coded).expect("a picture");
        if made.is_some() {
            packetizer.split(&coded, |payload, _| payloads.push(payload.to_vec()));
        }
        recording.push(payloads);
    }
    recording
}

/// A wall with a texture, and before it a head that sways; all with a little noise.
fn face((width, height): (u32, u32), at: u64, noise: &mut u32) -> Picture {
    let mut picture = Picture::new(width, height, [0; 3]);
    // Drawn for 640 by 360.
    let scale = 640.0 / width as f32;
    let sway = (at as f32 / 9.0).sin() * 24.0;
    let [luma, u, v] = picture.planes_mut();
    let is_head = |x: f32, y: f32| ((x - 320.0 - sway) / 90.0).powi(2) + ((y - 190.0) / 130.0).powi(2) < 1.0;
    for (index, sample) in luma.samples.iter_mut().enumerate() {
        let (x, y) = ((index as u32 % width) as f32 * scale, (index as u32 / width) as f32 * scale);
        *noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = if *noise >> 28 == 0 { 2.0 } else { 0.0 };
        let texture = (x / 7.0).sin() * (y / 11.0).cos() * 18.0;
        let features = ((x - sway) / 13.0).cos() * (y / 17.0 + at as f32 / 8.0).sin() * 22.0;
        *sample = if is_head(x, y) { 150.0 + features + grain } else { 90.0 + texture + grain } as u8;
    }
    let half = u.width;
    for (index, (u, v)) in u.samples.iter_mut().zip(v.samples).enumerate() {
        let (x, y) = ((index as u32 % half * 2) as f32 * scale, (index as u32 / half * 2) as f32 * scale);
        (*u, *v) = if is_head(x, y) { (110, 150) } else { (132, 122) };
    }
    picture
}

/// Cores that this thread used for `SECONDS` of video.
fn run(codec: ViewCodec, recordings: &[Recording]) -> f64 {
    let mut now = Instant::now();
    let mut compositor = Compositor::new(Settings::default(), now);
    let tiles = (0..CAMERAS).map(|id| Tile::new(SourceId(id), TileState::Live)).collect();
    for id in 0..CAMERAS {
        compositor.add_source(SourceId(id), codec.into(), &format!("Person {id}")).expect("room");
    }
    let view = View { layout: Layout::Grid, tiles, codec, width: 1_280, height: 720, fps: FPS, bps: 1_500_000 };
    compositor.show(ViewId(1), view, now).expect("a view");
    // From this tick on the sources are wanted: what came before is not decoded, and the recordings begin with their only key frame.
    compositor.tick(now);
    let mut seqs = vec![1_u64; CAMERAS as usize];
    let (mut bytes, before) = (0, spent());
    for tick in 0..SECONDS * u64::from(FPS) {
        for (id, seq) in seqs.iter_mut().enumerate() {
            let payloads = &recordings[id % recordings.len()][(tick % PICTURES) as usize];
            for (at, payload) in payloads.iter().enumerate() {
                let marker = at + 1 == payloads.len();
                let packet = VideoPacket { seq: ExtSeq(*seq), timestamp: (tick * 3_000) as u32, marker, payload };
                compositor.push(SourceId(id as u64), packet, now);
                *seq += 1;
            }
        }
        compositor.tick(now);
        while let Some(output) = compositor.poll() {
            if let Output::Packet { payload, .. } = output {
                bytes += payload.len();
            }
        }
        now = compositor.next_tick().unwrap_or(now + Duration::from_secs(1) / FPS);
    }
    let cores = (spent() - before).as_secs_f64() / SECONDS as f64;
    let stats = compositor.stats();
    let (decoded, encoded) = (stats.decoded / SECONDS / CAMERAS, stats.encoded / SECONDS);
    let kbps = bytes as u64 * 8 / 1_000 / SECONDS;
    println!(
        "{codec:?}: {cores:.3} cores, {decoded} pictures a second of each camera, {encoded} and {kbps} kb/s of the canvas"
    );
    // Encoders leave out pictures that would cost too much: then less was measured than was meant.
    assert!(decoded + 1 >= FPS.into() && encoded + 2 >= FPS.into(), "the cameras show too much for their rate");
    cores
}

/// How long this thread has run on a processor.
fn spent() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("Linux tells how long a thread has run"))
}
