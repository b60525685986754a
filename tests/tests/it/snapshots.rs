//! Still pictures: real key frames go in by the wire, and the colour of the JPEG that comes out tells whose and which they are.

use colloquy_codecs::video::{EncoderSettings, Picture, VideoCodec, encoder};
use colloquy_media_core::api::{
    Codec, Command, PeerId, RoomId, Snapshot, SnapshotAsk, SnapshotError, SnapshotSize, Source, Still, TrackId,
};
use colloquy_media_core::audience::{Circle, Post, Stance, Verb};
use colloquy_media_core::mix::video::{Packetizer, ViewCodec};
use colloquy_media_core::snapshot::Shelf;
use colloquy_tests::{Link, Muter, Options, World};
use std::time::Duration;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(5);

/// Colours as luma and chroma, and as they look.
const RED: ([u8; 3], [u8; 3]) = ([82, 90, 240], [255, 0, 0]);
const GREEN: ([u8; 3], [u8; 3]) = ([145, 54, 34], [0, 255, 0]);
const BLUE: ([u8; 3], [u8; 3]) = ([41, 240, 110], [0, 0, 255]);

/// Somebody whose camera sends what the test says, when it says so.
struct Camera {
    peer: PeerId,
    mid: String,
    track: TrackId,
    packetizer: Packetizer,
    next: u64,
    /// Which packet of the next picture does not arrive.
    loses: Option<usize>,
}

struct Studio {
    world: World,
    room: RoomId,
    shelf: Shelf,
}

impl Studio {
    fn new(seed: u64) -> Self {
        Self::with(Options { seed, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let mut world = World::new(options);
        let room = world.room();
        Self { world, room, shelf: Shelf::new(INTERVAL) }
    }

    fn camera(&mut self) -> Camera {
        let peer = self.world.join(self.room);
        let mid = self.world.client(peer).publish(Codec::Vp8, colloquy_tests::pace(Codec::Vp8));
        // The client's own pictures have nothing in them.
        self.world.client(peer).set_muted(&mid, true);
        self.world.offer(peer).unwrap();
        self.world.connect(&[peer]);
        let track = self.world.person(peer).published[&mid.parse().unwrap()].id;
        Camera { peer, mid, track, packetizer: Packetizer::new(ViewCodec::Vp8, 7), next: 1_000, loses: None }
    }

    /// A key frame of one colour leaves the camera, and arrives.
    fn show(&mut self, camera: &mut Camera, (width, height): (u32, u32), colour: ([u8; 3], [u8; 3])) {
        let settings = EncoderSettings { width, height, bps: 1_000_000, fps: 30 };
        let (mut coded, picture) = (Vec::new(), Picture::new(width, height, colour.0));
        encoder(VideoCodec::Vp8, settings).unwrap().encode(&picture, 0, true, &mut coded).unwrap().unwrap();
        self.send(camera, &coded);
    }

    fn send(&mut self, camera: &mut Camera, coded: &[u8]) {
        let mut payloads = Vec::new();
        camera.packetizer.split(coded, |payload, marker| payloads.push((payload, marker)));
        let (ssrc, _) = self.world.client(camera.peer).ssrcs(&camera.mid).unwrap();
        let timestamp = (camera.next as u32).wrapping_mul(3_000);
        for (place, (payload, marker)) in payloads.into_iter().enumerate() {
            let mut packet = vec![0x80, u8::from(marker) << 7 | 96, 0, 0];
            packet.extend_from_slice(&timestamp.to_be_bytes());
            packet.extend_from_slice(&ssrc.to_be_bytes());
            packet.extend_from_slice(&payload);
            let sealed = self.world.client(camera.peer).forge_rtp(&packet, camera.next).unwrap();
            camera.next += 1;
            let from = self.world.address(camera.peer);
            if camera.loses != Some(place) {
                self.world.inject(from, &sealed);
            }
        }
    }

    fn still(&mut self, camera: &Camera, size: SnapshotSize) -> Result<Still, SnapshotError> {
        let ask = SnapshotAsk { peer: camera.peer, source: Source::Camera, size };
        self.world.ask(|reply| Command::Still { ask, max_age: INTERVAL, reply })
    }

    fn snapshot(&mut self, camera: &Camera, size: SnapshotSize) -> Result<Snapshot, SnapshotError> {
        let still = self.still(camera, size)?;
        self.shelf.get(self.world.now(), size, &still)
    }

    fn thumbnail(&mut self, camera: &Camera) -> Result<Snapshot, SnapshotError> {
        self.snapshot(camera, SnapshotSize::Thumbnail)
    }

    fn act(&mut self, verb: Verb) {
        self.world.act(self.room, verb).unwrap();
    }

    /// Key frames that the camera's client was asked for.
    fn asked(&mut self, camera: &Camera) -> u64 {
        self.world.client(camera.peer).send_stats(&camera.mid).unwrap().key_frames_asked
    }
}

/// A key frame of red noise.
fn noise(width: u32, height: u32, bps: u32) -> Vec<u8> {
    let mut picture = Picture::new(width, height, RED.0);
    let mut state = 1_u32;
    for sample in picture.planes_mut()[0].samples.iter_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = 50 + (state >> 27) as u8;
    }
    let mut coded = Vec::new();
    let settings = EncoderSettings { width, height, bps, fps: 30 };
    encoder(VideoCodec::Vp8, settings).unwrap().encode(&picture, 0, true, &mut coded).unwrap().unwrap();
    coded
}

/// Width, height, and the colour in the middle, by another decoder.
fn look(snapshot: &Snapshot) -> (usize, usize, [u8; 3]) {
    let mut decoder = JpegDecoder::new(ZCursor::new(&snapshot.jpeg[..]));
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    assert_eq!((width, height), (snapshot.width as usize, snapshot.height as usize));
    let at = (height / 2 * width + width / 2) * 3;
    (width, height, pixels[at..at + 3].try_into().unwrap())
}

#[track_caller]
fn assert_shows(snapshot: &Snapshot, sides: (usize, usize), (_, colour): ([u8; 3], [u8; 3])) {
    let (width, height, seen) = look(snapshot);
    let is_near = seen.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 12);
    assert!((width, height) == sides && is_near, "{width}x{height} of {seen:?}, not {sides:?} of {colour:?}");
}

#[test]
fn a_picture_comes_out_as_it_went_in_and_grows_old() {
    let mut studio = Studio::new(1);
    let mut camera = studio.camera();
    assert_eq!(studio.thumbnail(&camera), Err(SnapshotError::NoPicture));
    studio.show(&mut camera, (640, 360), RED);
    let first = studio.thumbnail(&camera).unwrap();
    assert_shows(&first, (160, 90), RED);
    assert_eq!(first.age, Duration::ZERO);
    assert_shows(&studio.snapshot(&camera, SnapshotSize::Full).unwrap(), (640, 360), RED);
    studio.world.run(3 * SECOND);
    let later = studio.thumbnail(&camera).unwrap();
    assert_eq!((later.age, later.tag), (3 * SECOND, first.tag));
    assert_eq!(studio.shelf.stats().made, 2);
}

#[test]
fn no_more_than_one_is_made_in_an_interval_however_many_ask() {
    let mut studio = Studio::new(2);
    let mut camera = studio.camera();
    studio.show(&mut camera, (320, 180), RED);
    for second in 0..20_u32 {
        let colour = if second % 2 == 0 { RED } else { GREEN };
        studio.show(&mut camera, (320, 180), colour);
        for _ in 0..10 {
            studio.thumbnail(&camera).unwrap();
        }
        studio.world.run(SECOND);
    }
    assert_eq!(studio.shelf.stats().made, 4, "at 0, 5, 10 and 15 s");
}

#[test]
fn a_key_frame_is_asked_for_when_the_last_is_old_and_somebody_asks() {
    let mut studio = Studio::new(3);
    let mut camera = studio.camera();
    studio.show(&mut camera, (320, 180), RED);
    studio.world.run(20 * SECOND);
    assert_eq!(studio.asked(&camera), 0, "nobody asked");
    // A wall that asks each 250 ms.
    for _ in 0..80 {
        studio.thumbnail(&camera).unwrap();
        studio.world.run(SECOND / 4);
        if studio.asked(&camera) > 0
            && studio.still(&camera, SnapshotSize::Thumbnail).unwrap().came() + INTERVAL < studio.world.now()
        {
            studio.show(&mut camera, (320, 180), GREEN);
        }
    }
    let asked = studio.asked(&camera);
    assert!((3..=5).contains(&asked), "{asked} in 20 s");
    assert_shows(&studio.thumbnail(&camera).unwrap(), (160, 90), GREEN);
}

#[test]
fn who_turns_aside_is_seen_as_before_and_never_newer() {
    let mut studio = Studio::new(4);
    let mut anne = studio.camera();
    let helper = studio.world.join_at(studio.room, Stance::at(Post::Wings), |_| {});
    studio.show(&mut anne, (320, 180), RED);
    studio.act(Verb::TurnAside { who: anne.peer, with: helper });
    let asked = studio.asked(&anne);
    for _ in 0..4 {
        studio.show(&mut anne, (320, 180), GREEN);
        studio.world.run(2 * INTERVAL);
        for size in [SnapshotSize::Thumbnail, SnapshotSize::Full] {
            let (_, _, seen) = look(&studio.snapshot(&anne, size).unwrap());
            assert!(seen[0] > 200 && seen[1] < 50, "{seen:?} was shown aside");
        }
    }
    assert_eq!(studio.asked(&anne), asked, "nothing of it may be kept, so nothing is asked for");
    studio.act(Verb::TurnBack { who: anne.peer });
    let back = studio.thumbnail(&anne).unwrap();
    assert_shows(&back, (160, 90), RED);
    studio.show(&mut anne, (320, 180), BLUE);
    studio.world.run(INTERVAL);
    assert_shows(&studio.thumbnail(&anne).unwrap(), (160, 90), BLUE);
}

#[test]
fn who_comes_into_another_conversation_leaves_his_pictures_behind() {
    let mut studio = Studio::new(5);
    let mut anne = studio.camera();
    studio.show(&mut anne, (320, 180), RED);
    studio.thumbnail(&anne).unwrap();
    studio.act(Verb::Move { who: anne.peer, circle: Circle(1) });
    for size in [SnapshotSize::Thumbnail, SnapshotSize::Full] {
        assert_eq!(studio.snapshot(&anne, size), Err(SnapshotError::NoPicture));
    }
    studio.show(&mut anne, (320, 180), GREEN);
    // At once: what was made before is of no use here.
    assert_shows(&studio.thumbnail(&anne).unwrap(), (160, 90), GREEN);
}

#[test]
fn what_is_off_has_no_picture() {
    let mut studio = Studio::new(6);
    let mut camera = studio.camera();
    studio.show(&mut camera, (320, 180), RED);
    for muter in [Muter::Himself, Muter::Moderator] {
        studio.world.mute(camera.peer, camera.track, muter, true).unwrap();
        studio.show(&mut camera, (320, 180), GREEN);
        assert_eq!(studio.thumbnail(&camera), Err(SnapshotError::Off));
        studio.world.mute(camera.peer, camera.track, muter, false).unwrap();
        assert_shows(&studio.thumbnail(&camera).unwrap(), (160, 90), RED);
    }
    let ask = SnapshotAsk { peer: camera.peer, source: Source::Screen, size: SnapshotSize::Full };
    let screen = studio.world.ask(|reply| Command::Still { ask, max_age: INTERVAL, reply });
    assert_eq!(screen.err(), Some(SnapshotError::Off));
    studio.world.leave(camera.peer);
    assert_eq!(studio.thumbnail(&camera), Err(SnapshotError::NoSuchPeer));
}

#[test]
fn a_large_key_frame_is_kept_once_somebody_asks_for_it() {
    let mut studio = Studio::new(7);
    let mut camera = studio.camera();
    let coded = noise(1_280, 720, 12_000_000);
    assert!((96 << 10..512 << 10).contains(&coded.len()), "{} bytes", coded.len());
    studio.send(&mut camera, &coded);
    assert_eq!(studio.snapshot(&camera, SnapshotSize::Full), Err(SnapshotError::NoPicture));
    studio.send(&mut camera, &coded);
    let full = studio.snapshot(&camera, SnapshotSize::Full).unwrap();
    assert_eq!((full.width, full.height), (1_280, 720));
    let (_, _, [red, green, blue]) = look(&full);
    assert!(red > 180 && green < 60 && blue < 60, "{red} {green} {blue}");
    assert_eq!(studio.thumbnail(&camera).unwrap().width, 160);
}

#[test]
fn what_cannot_be_decoded_is_said_once_and_costs_no_more() {
    let mut studio = Studio::new(8);
    let mut camera = studio.camera();
    // A frame tag and a start code as of any key frame, and behind them what is no picture: so are encrypted ones.
    let mut secret: Vec<u8> = vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];
    secret.extend((0..2_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8));
    // Sides of 16,383: refused before anything is allocated.
    let mut huge = secret.clone();
    huge[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    studio.send(&mut camera, &huge);
    for _ in 0..10 {
        assert_eq!(studio.thumbnail(&camera), Err(SnapshotError::Unreadable));
    }
    assert_eq!(studio.shelf.stats().refused, 1);
    studio.world.run(INTERVAL);
    studio.send(&mut camera, &secret);
    assert_eq!(studio.thumbnail(&camera), Err(SnapshotError::Unreadable), "a decoder may make something of noise");
}

#[test]
fn what_is_encrypted_end_to_end_is_found_out() {
    let mut studio = Studio::new(11);
    let mut camera = studio.camera();
    let mut last = None;
    for seed in 0..40_u32 {
        let mut coded = noise(320, 180, 100_000);
        // As browsers' encoded transforms have it: the first bytes stay as they are, so that servers see a key frame.
        let mut state = seed;
        for byte in coded.iter_mut().skip(10) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte ^= (state >> 24) as u8;
        }
        studio.send(&mut camera, &coded);
        let got = studio.thumbnail(&camera);
        assert!(last.is_none() || got.is_err(), "noise is shown at {seed}");
        last = last.or(got.err());
        studio.world.run(INTERVAL);
    }
    assert_eq!(last, Some(SnapshotError::Unreadable));
    // The key was taken away: pictures are shown again once it is sure.
    for _ in 0..9 {
        studio.show(&mut camera, (320, 180), BLUE);
        let _ = studio.thumbnail(&camera);
        studio.world.run(INTERVAL);
    }
    assert_shows(&studio.thumbnail(&camera).unwrap(), (160, 90), BLUE);
}

#[test]
fn a_key_frame_of_which_a_packet_is_missing_is_no_picture() {
    let mut studio = Studio::new(9);
    let mut camera = studio.camera();
    studio.show(&mut camera, (320, 180), RED);
    let coded = noise(320, 180, 3_000_000);
    assert!(coded.len() > 5_000, "{} bytes", coded.len());
    camera.loses = Some(2);
    studio.send(&mut camera, &coded);
    camera.loses = None;
    studio.world.run(INTERVAL);
    assert_shows(&studio.thumbnail(&camera).unwrap(), (160, 90), RED);
    studio.world.run(INTERVAL);
    studio.send(&mut camera, &coded);
    let whole = studio.thumbnail(&camera).unwrap();
    assert_eq!(whole.age, Duration::ZERO);
}

#[test]
fn a_publisher_of_another_worker_is_found() {
    for workers in [2, 3] {
        let mut studio = Studio::with(Options { seed: 10, workers, up: Link::GOOD, ..Options::default() });
        let mut cameras: Vec<_> = (0..4).map(|_| studio.camera()).collect();
        for (camera, colour) in cameras.iter_mut().zip([RED, GREEN, BLUE, RED]) {
            studio.show(camera, (320, 180), colour);
        }
        for (camera, colour) in cameras.iter().zip([RED, GREEN, BLUE, RED]) {
            assert_shows(&studio.thumbnail(camera).unwrap(), (160, 90), colour);
        }
    }
}
