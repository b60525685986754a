//! Pictures that the server draws together: everybody's camera shows a colour of his own in real VP8, and what comes is decoded and looked
//! at.

use bytes::Bytes;
use colloquy_bench::client::{Pace, Script, Shot};
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::{Decoder, EncoderSettings, Picture, VideoCodec, decoder, encoder};
use colloquy_media_core::api::{
    CanvasLayout, CanvasLimits, Codec, PeerId, PixelSize, Preference, RoomId, SubscribeError, TrackId,
};
use colloquy_media_core::audience::{Post, Sees, Stance, Verb};
use colloquy_media_core::mix::video::{Assembled, Assembler, VideoPacket};
use colloquy_tests::{Muter, Options, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const FRAME: Duration = Duration::from_millis(66);
/// Everyone's colours, as luma and chroma: one for all, and one for those alone to whom he turns aside.
pub(super) const COLOURS: [[[u8; 3]; 2]; 4] = [
    [[82, 90, 240], [190, 40, 170]],
    [[145, 54, 34], [60, 190, 60]],
    [[41, 240, 110], [220, 100, 90]],
    [[210, 16, 146], [120, 200, 190]],
];
/// Pixels of a colour, in percent of a picture, from which on it is seen.
const SEEN_PCT: usize = 2;

/// A camera that shows one colour: pictures that need no other, one in a packet.
pub(super) fn camera(colour: [u8; 3]) -> Arc<Script> {
    let settings = EncoderSettings { width: 160, height: 90, bps: 400_000, fps: 15 };
    let mut encoder = encoder(VideoCodec::Vp8, settings).unwrap();
    let shots = (0..4_u32).map(|frame| {
        let mut packet = vec![0x10];
        encoder.encode(&Picture::new(160, 90, colour), u64::from(frame) * 66, true, &mut packet).unwrap();
        Shot { at: FRAME * frame, bytes: packet.len(), key: true, packet: Bytes::from(packet) }
    });
    Arc::new(Script::new(shots.collect()).unwrap())
}

/// What somebody sees in one place, as his browser would show it.
pub(super) struct Screen {
    assembler: Assembler,
    decoder: Box<dyn Decoder>,
    shown: Picture,
    pictures: usize,
    /// Of them, those that need no other.
    pub(super) keys: usize,
}

impl Screen {
    fn new() -> Self {
        let (assembler, decoder) = (Assembler::new(VideoCodec::Vp8), decoder(VideoCodec::Vp8).unwrap());
        Self { assembler, decoder, shown: Picture::default(), pictures: 0, keys: 0 }
    }

    /// Whether one pixel, at so many hundredths of the width and height, is of a colour.
    pub(super) fn has(&self, (x, y): (u32, u32), colour: [u8; 3]) -> bool {
        let (x, y) = (self.shown.width() * x / 100, self.shown.height() * y / 100);
        let [luma, u, v] = self.shown.planes();
        let near = |a: Option<u8>, b: u8| a.is_some_and(|a| a.abs_diff(b) <= 14);
        near(luma.at(x, y), colour[0]) && near(u.at(x / 2, y / 2), colour[1]) && near(v.at(x / 2, y / 2), colour[2])
    }

    /// Whether there is enough of a colour.
    pub(super) fn shows(&self, colour: [u8; 3]) -> bool {
        let (width, height) = (self.shown.width(), self.shown.height());
        let [luma, u, v] = self.shown.planes();
        let near = |a: Option<u8>, b: u8| a.is_some_and(|a| a.abs_diff(b) <= 14);
        let places = (0..height).step_by(4).flat_map(|y| (0..width).step_by(4).map(move |x| (x, y)));
        let is_it = |(x, y): &(u32, u32)| {
            near(luma.at(*x, *y), colour[0])
                && near(u.at(x / 2, y / 2), colour[1])
                && near(v.at(x / 2, y / 2), colour[2])
        };
        let all = (width.div_ceil(4) * height.div_ceil(4)) as usize;
        all > 0 && places.filter(is_it).count() * 100 >= SEEN_PCT * all
    }
}

/// A room of people with cameras, of whom everyone has a canvas.
pub(super) struct Room {
    pub(super) world: World,
    pub(super) room: RoomId,
    pub(super) people: Vec<PeerId>,
    cameras: Vec<(String, TrackId)>,
    pub(super) places: Vec<String>,
    pub(super) screens: BTreeMap<PeerId, Screen>,
}

impl Room {
    fn new(options: Options, posts: &[Post]) -> Self {
        Self::with_canvases(options, posts, 8)
    }

    pub(super) fn with_canvases(mut options: Options, posts: &[Post], canvases: usize) -> Self {
        let (enabled, width, height, fps, bitrate_bps) = (true, 320, 180, 15, 600_000);
        options.limits.mix.canvas = CanvasLimits { enabled, width, height, fps, bitrate_bps, canvases };
        let mut world = World::new(options);
        let room = world.room();
        let join = |post: &Post| world.join_at(room, Stance::at(*post), |config| config.keeps_pictures = true);
        let people: Vec<PeerId> = posts.iter().map(join).collect();
        let mut cameras = Vec::new();
        for (peer, [colour, _]) in people.iter().zip(COLOURS) {
            let pace = Pace { interval: FRAME, packets: 1, payload_bytes: 60, large_key_frames: false };
            let mid = world.client(*peer).publish(Codec::Vp8, pace);
            world.client(*peer).replay(&mid, &[camera(colour)], 0.0);
            let answer = world.offer(*peer).unwrap();
            cameras.push((mid, answer.published[0].id));
        }
        let places = people.iter().map(|peer| world.watch_canvas(*peer, CanvasLayout::Grid)).collect();
        world.connect(&people);
        let screens = people.iter().map(|peer| (*peer, Screen::new())).collect();
        Self { world, room, people, cameras, places, screens }
    }

    fn with_seed(seed: u64, posts: &[Post]) -> Self {
        Self::new(Options { seed, ..Options::default() }, posts)
    }

    /// Somebody's camera shows his one or his other colour from now on.
    pub(super) fn show(&mut self, who: usize, colour: usize) {
        let (mid, _) = &self.cameras[who];
        self.world.client(self.people[who]).replay(mid, &[camera(COLOURS[who][colour])], 0.0);
    }

    /// The track of somebody's camera.
    pub(super) fn camera_of(&self, who: usize) -> TrackId {
        self.cameras[who].1
    }

    /// Whether somebody is turned away from the floor.
    fn is_private(&self, who: usize) -> bool {
        let audience = self.world.audience(self.room);
        audience.stance(self.people[who]).is_some_and(|stance| !stance.speaks_on_floor())
    }

    pub(super) fn act(&mut self, verb: Verb) {
        self.world.act(self.room, verb).unwrap();
    }

    /// Lets time pass, and everyone look at each picture that comes.
    pub(super) fn look(&mut self, time: Duration, mut at: impl FnMut(usize, &Screen)) {
        let until = self.world.now() + time;
        while self.world.now() < until {
            self.world.run(Duration::from_millis(20));
            for (index, peer) in self.people.clone().into_iter().enumerate() {
                let mut kept = self.world.client(peer).take_kept();
                kept.sort_by_key(|(received, _)| received.sequence.0);
                let now = self.world.now();
                let screen = self.screens.get_mut(&peer).unwrap();
                for (received, payload) in kept {
                    let seq = ExtSeq(received.sequence.0);
                    let (timestamp, marker) = (received.timestamp, received.marker);
                    screen.assembler.push(VideoPacket { seq, timestamp, marker, payload: &payload }, now);
                }
                while let Some(assembled) = screen.assembler.poll(now) {
                    let Assembled::Picture { is_key, .. } = assembled else { panic!("{peer}: {assembled:?}") };
                    screen.decoder.decode(screen.assembler.picture(), &mut screen.shown).unwrap();
                    screen.pictures += 1;
                    screen.keys += usize::from(is_key);
                    at(index, screen);
                }
            }
        }
    }

    /// Whom everyone sees after a second: a line for each viewer, with the number of the colour.
    fn matrix(&mut self) -> String {
        self.look(SECOND, |_, _| {});
        let cell = |screen: &Screen, colours: &[[u8; 3]; 2]| match (screen.shows(colours[0]), screen.shows(colours[1]))
        {
            (false, false) => " .",
            (true, false) => " 1",
            (false, true) => " 2",
            (true, true) => " ?",
        };
        let count = self.people.len();
        let line =
            |peer| COLOURS[..count].iter().map(|colours| cell(&self.screens[peer], colours)).collect::<String>() + "\n";
        self.people.iter().map(line).collect()
    }
}

#[test]
fn a_canvas_shows_whom_the_matrix_lets_its_viewer_see() {
    let mut room = Room::with_seed(1, &[Post::Floor, Post::Floor, Post::SILENT_MONITOR, Post::Wings]);
    let [pierre, anne, manuel, susi] = room.people[..] else { panic!() };
    assert_eq!(room.matrix(), " 1 1 . .\n 1 1 . .\n 1 1 . .\n . . . .\n");
    room.act(Verb::Hold { who: pierre, held: true });
    // Who is held is shown nothing new.
    assert_eq!(room.matrix(), " 1 1 . .\n . 1 . .\n . 1 . .\n . . . .\n");
    room.act(Verb::Hold { who: pierre, held: false });
    assert_eq!(room.matrix(), " 1 1 . .\n 1 1 . .\n 1 1 . .\n . . . .\n");
    room.act(Verb::TurnAside { who: anne, with: susi });
    room.show(1, 1);
    room.show(3, 1);
    // Pierre has Anne's last picture; to her and to the monitor she is there.
    assert_eq!(room.matrix(), " 1 1 . .\n 1 . . 2\n 1 2 . 2\n . 2 . .\n");
    room.show(1, 0);
    room.show(3, 0);
    room.world.run(Duration::from_millis(150));
    room.act(Verb::TurnBack { who: anne });
    room.act(Verb::TurnBack { who: susi });
    room.act(Verb::Barge { who: manuel });
    assert_eq!(room.matrix()[..27], " 1 1 1 .\n 1 1 1 .\n 1 1 1 .\n"[..27]);
}

#[test]
fn who_may_not_see_somebody_never_does_however_often_he_turns() {
    for workers in [1, 3] {
        let posts = [Post::Floor, Post::Floor, Post::SILENT_MONITOR, Post::Floor];
        let mut room = Room::new(Options { seed: 2, workers, ..Options::default() }, &posts);
        let [pierre, anne, manuel, susi] = room.people[..] else { panic!() };
        room.look(SECOND, |_, _| {});
        let verbs = [
            Verb::TurnAside { who: anne, with: susi },
            Verb::TurnBackstage { who: anne },
            Verb::Hold { who: susi, held: true },
            Verb::Coach { who: manuel, agent: anne },
            Verb::TurnAside { who: anne, with: manuel },
        ];
        for flip in 0..10_usize {
            let verb = verbs[flip % verbs.len()];
            if room.world.act(room.room, verb).is_err() {
                continue;
            }
            // What is private is of another colour, and begins the moment that it is.
            let away: Vec<usize> = [1, 2, 3].into_iter().filter(|who| room.is_private(*who)).collect();
            away.iter().for_each(|who| room.show(*who, 1));
            let audience = room.world.audience(room.room);
            let people = room.people.clone();
            let length = Duration::from_millis(if flip % 3 == 0 { 250 } else { 700 });
            let mut seen = 0;
            room.look(length, |viewer, screen| {
                for who in &away {
                    let may =
                        people[viewer] == people[*who] || audience.sees(people[viewer], people[*who]) == Sees::Live;
                    let does = screen.shows(COLOURS[*who][1]);
                    assert!(may || !does, "flip {flip}: {viewer} sees {who} after {verb:?}");
                    seen += usize::from(does);
                }
            });
            assert!(
                away != [1] || length < Duration::from_millis(500) || seen > 0 || flip % 5 == 1,
                "flip {flip}: nobody sees Anne"
            );
            away.iter().for_each(|who| room.show(*who, 0));
            room.look(Duration::from_millis(150), |_, _| {});
            for who in [anne, susi, manuel, pierre] {
                let _ = room.world.act(room.room, Verb::TurnBack { who });
                let _ = room.world.act(room.room, Verb::Hold { who, held: false });
            }
            let _ = room.world.act(room.room, Verb::Monitor { who: manuel, announced: false, wall: false });
        }
        assert_eq!(room.matrix(), " 1 1 . 1\n 1 1 . 1\n 1 1 . 1\n 1 1 . 1\n", "{workers} workers");
    }
}

#[test]
fn those_who_see_the_same_have_the_same_canvas() {
    let mut room = Room::with_seed(3, &[Post::Floor; 4]);
    room.look(SECOND, |_, _| {});
    let encoded = |room: &mut Room| room.screens.values().map(|screen| screen.pictures).collect::<Vec<_>>();
    let before = encoded(&mut room);
    room.look(SECOND, |_, _| {});
    assert!(encoded(&mut room).iter().zip(before).all(|(now, before)| now - before >= 10));
    assert_eq!(room.world.composed_rooms(), room.world.workers().min(4));
    assert_eq!(room.world.canvases(), room.world.workers().min(4), "one for all");
    let pierre = room.people[0];
    room.act(Verb::Hold { who: pierre, held: true });
    assert_eq!(room.world.canvases(), room.world.workers().min(4), "he who is held has none");
    // Who looks at somebody's track again costs nothing more.
    for (peer, mid) in room.people.clone().into_iter().zip(room.places.clone()) {
        room.world.subscribe(peer, &mid, None).unwrap();
    }
    assert_eq!((room.world.composed_rooms(), room.world.canvases()), (0, 0));
}

#[test]
fn who_has_a_small_place_gets_a_small_canvas_and_what_nobody_has_is_not_drawn() {
    let mut room = Room::new(Options { seed: 8, workers: 1, ..Options::default() }, &[Post::Floor; 2]);
    let [pierre, anne] = room.people[..] else { panic!() };
    let prefer = |room: &mut Room, peer: PeerId, size| {
        let mid = room.places[room.people.iter().position(|one| *one == peer).unwrap()].clone();
        room.world.prefer(peer, &mid, Preference { size: Some(size), ..Preference::default() });
    };
    let small = PixelSize { width: 160, height: 90 };
    prefer(&mut room, pierre, small);
    assert_eq!(room.matrix(), " 1 1\n 1 1\n");
    let width = |room: &Room, peer| room.screens[peer].shown.width();
    assert_eq!((width(&room, &pierre), width(&room, &anne)), (160, 320));
    assert_eq!(room.world.canvases(), 1);
    prefer(&mut room, anne, small);
    room.look(6 * SECOND, |_, _| {});
    assert_eq!((width(&room, &pierre), width(&room, &anne)), (160, 160));
    assert_eq!(room.world.canvas_encodings(), 1);
    prefer(&mut room, anne, PixelSize { width: 640, height: 360 });
    assert_eq!(room.matrix(), " 1 1\n 1 1\n");
    assert_eq!((width(&room, &pierre), width(&room, &anne)), (160, 320));
    prefer(&mut room, pierre, PixelSize { width: 640, height: 360 });
    room.look(6 * SECOND, |_, _| {});
    assert_eq!((width(&room, &pierre), width(&room, &anne)), (320, 320));
    assert_eq!(room.world.canvas_encodings(), 1);
}

#[test]
fn a_camera_that_is_switched_off_is_an_avatar_until_it_is_on_again() {
    let mut room = Room::with_seed(4, &[Post::Floor; 2]);
    let (anne, track) = (room.people[1], room.cameras[1].1);
    assert_eq!(room.matrix(), " 1 1\n 1 1\n");
    room.world.mute(anne, track, Muter::Himself, true).unwrap();
    assert_eq!(room.matrix(), " 1 .\n 1 .\n");
    room.world.mute(anne, track, Muter::Himself, false).unwrap();
    assert_eq!(room.matrix(), " 1 1\n 1 1\n");
    room.world.leave(anne);
    room.people.pop();
    assert_eq!(room.matrix(), " 1\n");
    assert!(!room.screens[&room.people[0]].shows(COLOURS[1][0]), "she is gone");
}

#[test]
fn a_composer_that_fails_or_is_stuck_is_back_within_two_seconds() {
    let mut room = Room::with_seed(5, &[Post::Floor; 2]);
    assert_eq!(room.matrix(), " 1 1\n 1 1\n");
    let back = |room: &mut Room| {
        let mut pictures = 0;
        let began = room.world.now();
        let mut after = Duration::MAX;
        while pictures == 0 && room.world.now() - began < 4 * SECOND {
            room.look(Duration::from_millis(20), |_, _| pictures += 1);
            after = room.world.now() - began;
        }
        after
    };
    room.world.fail_mixer();
    let after = back(&mut room);
    assert!(after <= SECOND, "{after:?}");
    room.world.hold_mixer(true);
    room.look(Duration::from_millis(300), |_, _| {});
    // Another thread goes on where this one is stuck.
    room.world.run(Duration::from_millis(1_400));
    room.world.hold_mixer(false);
    let after = back(&mut room);
    assert!(after <= Duration::from_millis(700), "{after:?}");
    assert_eq!(room.matrix(), " 1 1\n 1 1\n");
}

#[test]
fn canvases_come_and_go_and_nothing_is_left_of_them() {
    let mut room = Room::with_seed(6, &[Post::Floor; 2]);
    let (pierre, mid) = (room.people[0], room.places[0].clone());
    for round in 0..50 {
        room.world.subscribe(pierre, &mid, None).unwrap();
        room.world.subscribe(room.people[1], &room.places[1].clone(), None).unwrap();
        assert_eq!((room.world.composed_rooms(), room.world.canvases()), (0, 0), "round {round}");
        room.world.run(Duration::from_millis(40));
        let layout = if round % 2 == 0 { CanvasLayout::Speaker } else { CanvasLayout::Grid };
        room.world.subscribe(pierre, &mid, Some(layout.track())).unwrap();
        room.world.run(Duration::from_millis(60));
    }
    room.screens.insert(pierre, Screen::new());
    assert_eq!(room.matrix().lines().next(), Some(" 1 1"));
    let track = room.cameras[1].1;
    room.world.subscribe(pierre, &mid, Some(track)).unwrap();
    room.look(SECOND, |_, _| {});
    let screen = &room.screens[&pierre];
    assert_eq!((screen.shows(COLOURS[0][0]), screen.shows(COLOURS[1][0])), (false, true), "what is forwarded again");
}

#[test]
fn who_has_no_canvas_of_his_own_sees_one_of_which_he_may_see_everything() {
    let options = Options { seed: 7, workers: 1, ..Options::default() };
    let mut room = Room::with_canvases(options, &[Post::Floor, Post::Floor, Post::Wings], 2);
    let [pierre, anne, susi] = room.people[..] else { panic!() };
    // Another room has one of the two.
    let other = room.world.room();
    let stranger = room.world.join(other);
    let pace = Pace { interval: FRAME, packets: 1, payload_bytes: 60, large_key_frames: false };
    let camera_mid = room.world.client(stranger).publish(Codec::Vp8, pace);
    room.world.client(stranger).replay(&camera_mid, &[camera(COLOURS[3][0])], 0.0);
    room.world.offer(stranger).unwrap();
    room.world.watch_canvas(stranger, CanvasLayout::Grid);
    room.world.connect(&[stranger]);
    assert_eq!(room.matrix(), " 1 1 .\n 1 1 .\n . . .\n");
    assert_eq!(room.world.canvases(), 2);
    let mid = room.places[0].clone();
    room.world.subscribe(pierre, &mid, Some(CanvasLayout::Speaker.track())).unwrap();
    let seen = |room: &mut Room| {
        let mut seen = BTreeSet::new();
        room.look(SECOND, |_, _| {});
        room.look(SECOND, |viewer, _| _ = seen.insert(viewer));
        Vec::from_iter(seen)
    };
    assert_eq!(seen(&mut room), [0, 1], "there is no third for him, but he may see all that Anne sees");
    room.world.subscribe(pierre, &mid, Some(CanvasLayout::Grid.track())).unwrap();
    room.act(Verb::TurnAside { who: anne, with: susi });
    room.show(1, 1);
    assert_eq!(seen(&mut room), [0], "each of them sees what is not for the others");
    assert!(!room.screens[&pierre].shows(COLOURS[1][1]));
    room.world.leave(stranger);
    assert_eq!(seen(&mut room), [0, 1], "one was given back");
}

#[test]
fn there_are_no_more_canvases_than_may_be_and_none_where_nothing_is_drawn() {
    let options = Options { seed: 7, workers: 1, ..Options::default() };
    let mut room = Room::with_canvases(options, &[Post::Floor, Post::Floor, Post::SILENT_MONITOR], 1);
    assert_eq!(room.matrix(), " 1 1 .\n 1 1 .\n 1 1 .\n");
    let (pierre, mid) = (room.people[0], room.places[0].clone());
    room.world.subscribe(pierre, &mid, Some(CanvasLayout::Speaker.track())).unwrap();
    room.look(SECOND, |_, _| {});
    assert_eq!(room.world.canvases(), 1);
    let other = room.world.room();
    let stranger = room.world.join(other);
    let mid = room.world.watch_canvas(stranger, CanvasLayout::Grid);
    let refused = room.world.subscribe(stranger, &mid, Some(CanvasLayout::Grid.track()));
    assert_eq!(refused, Err(SubscribeError::NoMixer));
    let refused = room.world.subscribe(PeerId(99), &mid, Some(TrackId::GRID));
    assert_eq!(refused, Err(SubscribeError::NoSuchPeer));
}
