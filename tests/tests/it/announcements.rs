//! What the server plays into a room, in real Opus: who hears it, beside whom, and for how long.

use super::tones::{AMPLITUDE, HEARD, loudness, packets_of, tone};
use colloquy_bench::client::Pace;
use colloquy_codecs::opus::{Channels, Decoder};
use colloquy_media_core::api::{Announcement, AnnouncementId, AudioMode, Codec, Command, PeerId, RoomId};
use colloquy_media_core::audience::{Addressees, Post, Stance, Verb};
use colloquy_media_core::sound::{Repeat, Sound};
use colloquy_tests::{Mixer, Options, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const AT_ONCE: Duration = Duration::from_millis(150);
const FRAME: Duration = Duration::from_millis(20);
/// The tones of the people, and of two things that are played: whole periods of all of them fit into a frame.
const TONES: [f32; 6] = [400.0, 1_000.0, 1_850.0, 3_100.0, 2_400.0, 5_000.0];
/// Softer than this part of the loudest, it is no tone of its own.
const MUCH_SOFTER: f32 = 0.2;
const NEWS: usize = 4;
const MUSIC: usize = 5;

struct Frame {
    at: Instant,
    tones: [f32; TONES.len()],
}

/// A call of four who have a place for the mix, each with a tone.
struct Call {
    world: World,
    room: RoomId,
    people: Vec<PeerId>,
    decoders: BTreeMap<(PeerId, usize), (Decoder, Instant)>,
    made: u64,
}

impl Call {
    fn new(options: Options, posts: [Post; 4]) -> Self {
        let mut world = World::new(Options { mixer: Mixer::Sound, ..options });
        let room = world.room();
        let mut call = Self { world, room, people: Vec::new(), decoders: BTreeMap::new(), made: 0 };
        posts.into_iter().for_each(|post| call.enter(post));
        call
    }

    fn with_seed(seed: u64) -> Self {
        let options = Options { seed, ..Options::default() };
        Self::new(options, [Post::Floor, Post::Floor, Post::SILENT_MONITOR, Post::Wings])
    }

    fn enter(&mut self, post: Post) {
        let world = &mut self.world;
        let peer = world.join_at(self.room, Stance::at(post), |config| config.keeps_sound = true);
        let pace = Pace { interval: FRAME, packets: 1, payload_bytes: 60, large_key_frames: false };
        let mid = world.client(peer).publish(Codec::Opus, pace);
        world.client(peer).set_level(&mid, 20);
        world.client(peer).replay(&mid, &[tone(TONES[self.people.len() % 4])], 0.0);
        world.offer(peer).unwrap();
        world.watch_mix(peer);
        self.people.push(peer);
        self.want_everyone();
        self.world.connect(&self.people.clone());
    }

    fn want_everyone(&mut self) {
        self.people.clone().into_iter().for_each(|peer| self.world.watch_everyone(peer));
    }

    fn act(&mut self, verb: Verb) {
        self.world.act(self.room, verb).unwrap();
        self.want_everyone();
    }

    fn everyone(&mut self, mode: AudioMode) {
        for peer in self.people.clone() {
            self.world.set_audio(peer, mode).unwrap();
        }
        self.world.run(SECOND);
    }

    /// Plays one of the tones.
    fn play(&mut self, tone: usize, to: Addressees, repeat: Repeat) -> Announcement {
        self.play_at(tone, to, repeat, 0)
    }

    fn play_at(&mut self, tone: usize, to: Addressees, repeat: Repeat, gain_db: i8) -> Announcement {
        self.made += 1;
        let sound = Arc::new(Sound::of(packets_of(TONES[tone])).unwrap());
        let began = self.world.now();
        let announcement = Announcement { id: AnnouncementId(self.made), sound, to, gain_db, repeat, began };
        self.tell(&announcement);
        announcement
    }

    fn tell(&mut self, announcement: &Announcement) {
        self.world.tell(Command::Announce { room: self.room, announcement: announcement.clone() });
    }

    fn hush(&mut self, announcement: &Announcement) {
        self.world.tell(Command::Hush { room: self.room, id: announcement.id });
    }

    /// What came to somebody since he was asked last.
    fn heard(&mut self, peer: PeerId) -> Vec<Frame> {
        let mut kept = self.world.client(peer).take_kept();
        kept.sort_by_key(|(received, _)| (received.place, received.sequence.0));
        let decode = |(received, payload): &(colloquy_bench::client::Received, bytes::Bytes)| {
            let new = || Decoder::new(Channels::Mono).unwrap();
            let (decoder, last) = self.decoders.entry((peer, received.place)).or_insert_with(|| (new(), received.at));
            // After a pause the one before has something left of the last frame.
            if received.at.duration_since(*last) > 3 * FRAME {
                *decoder = new();
            }
            *last = received.at;
            let mut samples = vec![0.0; 5_760];
            let count = decoder.decode(payload, &mut samples).unwrap();
            Frame { at: received.at, tones: TONES.map(|hz| loudness(samples[..count].iter().copied(), hz)) }
        };
        kept.iter().map(decode).collect()
    }

    fn forget(&mut self) {
        for peer in self.people.clone() {
            self.heard(peer);
        }
    }

    /// Who hears what, in the second that comes after a change had time: a line for each listener; people first, then the news and the music.
    fn matrix(&mut self) -> String {
        self.world.run(AT_ONCE);
        self.forget();
        self.world.run(SECOND);
        let lines = self.people.clone().into_iter().map(|peer| {
            let frames = self.heard(peer);
            let is_heard = |i: usize| frames.iter().filter(|frame| is_in(frame, i)).count() > 5;
            (0..TONES.len()).map(|i| if is_heard(i) { 'a' } else { '.' }).collect::<String>() + "\n"
        });
        lines.collect()
    }
}

/// Whether a tone is in a frame: not what a decoder that begins makes of another, which is all over the band, nor what it had left of the
/// last frame before a pause.
fn is_in(frame: &Frame, tone: usize) -> bool {
    let loudest = frame.tones.iter().copied().fold(0.0, f32::max);
    frame.tones[tone] > (HEARD * AMPLITUDE).max(MUCH_SOFTER * loudest)
}

#[test]
fn everybody_on_the_floor_hears_it_however_he_hears_the_others() {
    for mode in [AudioMode::Forward, AudioMode::Mix] {
        let mut call = Call::with_seed(1);
        let [pierre, anne, ..] = call.people[..] else { panic!() };
        call.everyone(mode);
        assert_eq!(call.matrix(), ".a....\na.....\naa....\n......\n", "{mode:?}");
        let news = call.play(NEWS, Addressees::Floor, Repeat::Endless);
        assert_eq!(call.matrix(), ".a..a.\na...a.\naa..a.\n......\n", "{mode:?}: Susi is in the wings");
        call.act(Verb::Hold { who: pierre, held: true });
        assert_eq!(call.matrix(), "......\n....a.\n.a..a.\n......\n", "{mode:?}: Pierre is on hold");
        let music = call.play(MUSIC, Addressees::Held, Repeat::Endless);
        assert_eq!(call.matrix(), ".....a\n....a.\n.a..a.\n......\n", "{mode:?}");
        call.act(Verb::Hold { who: pierre, held: false });
        assert_eq!(call.matrix(), ".a..a.\na...a.\naa..a.\n......\n", "{mode:?}: back, the music is gone");
        let whisper = call.play(MUSIC, Addressees::One(anne), Repeat::Endless);
        assert_eq!(call.matrix(), ".a..a.\na...aa\naa..a.\n......\n", "{mode:?}: two at once");
        for announcement in [news, music, whisper] {
            call.hush(&announcement);
        }
        assert_eq!(call.matrix(), ".a....\na.....\naa....\n......\n", "{mode:?}");
    }
}

#[test]
fn it_is_over_when_it_is_over_and_nothing_is_left_of_it() {
    let mut call = Call::with_seed(2);
    let [pierre, ..] = call.people[..] else { panic!() };
    call.world.run(SECOND);
    call.forget();
    let news = call.play(NEWS, Addressees::Floor, Repeat::Once);
    call.world.run(3 * SECOND);
    let frames: Vec<_> = call.heard(pierre).into_iter().filter(|frame| is_in(frame, NEWS)).collect();
    assert!((48..=55).contains(&frames.len()), "{} frames", frames.len());
    let (first, last) = (frames[0].at - news.began, frames[frames.len() - 1].at - news.began);
    assert!(first < Duration::from_millis(100) && last < Duration::from_millis(1_200), "{first:?} to {last:?}");
    assert_eq!(call.world.mixed_rooms(), 0, "nothing is mixed any more");
    // Told again of what is over, nothing comes.
    call.tell(&news);
    assert_eq!(call.matrix(), ".a....\na.....\naa....\n......\n");
}

#[test]
fn it_is_as_loud_as_is_asked_for() {
    let mut levels = Vec::new();
    for gain_db in [0, -12, 6] {
        let mut call = Call::with_seed(3);
        let [pierre, ..] = call.people[..] else { panic!() };
        call.play_at(NEWS, Addressees::One(pierre), Repeat::Endless, gain_db);
        call.world.run(SECOND);
        call.forget();
        call.world.run(SECOND);
        let frames = call.heard(pierre);
        let tones: Vec<f32> = frames.iter().filter(|frame| is_in(frame, NEWS)).map(|frame| frame.tones[NEWS]).collect();
        levels.push(20.0 * (tones.iter().sum::<f32>() / tones.len() as f32).log10());
    }
    assert!((levels[0] - levels[1] - 12.0).abs() < 1.5, "{levels:?}");
    assert!((levels[2] - levels[0] - 6.0).abs() < 1.5, "{levels:?}");
}

#[test]
fn who_comes_off_hold_hears_the_music_no_longer_than_a_moment() {
    for mode in [AudioMode::Forward, AudioMode::Mix] {
        let mut call = Call::with_seed(4);
        let [pierre, anne, ..] = call.people[..] else { panic!() };
        call.everyone(mode);
        call.play(MUSIC, Addressees::Held, Repeat::Endless);
        for _ in 0..20 {
            call.act(Verb::Hold { who: pierre, held: true });
            call.world.run(SECOND);
            assert!(call.heard(pierre).iter().any(|frame| is_in(frame, MUSIC)), "{mode:?}");
            call.act(Verb::Hold { who: pierre, held: false });
            let back = call.world.now();
            call.world.run(SECOND);
            let frames = call.heard(pierre);
            // The first after a pause has in it what the decoder had left of the one before.
            let goes_on = |two: &&[Frame]| two[1].at.duration_since(two[0].at) <= 2 * FRAME && two[1].at >= two[0].at;
            let late =
                frames.windows(2).filter(goes_on).filter(|two| is_in(&two[1], MUSIC)).map(|two| two[1].at - back);
            let latest = late.max().unwrap_or_default();
            assert!(latest < Duration::from_millis(120), "{mode:?}: still there after {latest:?}");
        }
        let leaked = call.heard(anne).iter().filter(|frame| is_in(frame, MUSIC)).count();
        assert_eq!(leaked, 0, "{mode:?}: Anne was never held");
    }
}

#[test]
fn from_one_way_of_hearing_to_the_other_it_goes_on() {
    let mut call = Call::with_seed(5);
    let [pierre, ..] = call.people[..] else { panic!() };
    call.play(NEWS, Addressees::Floor, Repeat::Endless);
    call.play(MUSIC, Addressees::Held, Repeat::Endless);
    call.world.run(SECOND);
    call.forget();
    let mut frames = Vec::new();
    for flip in 0..40_u32 {
        let mode = if flip % 2 == 0 { AudioMode::Mix } else { AudioMode::Forward };
        call.world.set_audio(pierre, mode).unwrap();
        call.world.run(Duration::from_millis(if flip % 5 == 0 { 90 } else { 610 }));
        frames.extend(call.heard(pierre));
    }
    frames.sort_by_key(|frame| frame.at);
    let longest = |tone: usize| {
        let times: Vec<Instant> = frames.iter().filter(|frame| is_in(frame, tone)).map(|frame| frame.at).collect();
        times.windows(2).map(|two| two[1] - two[0]).max().unwrap()
    };
    assert!(longest(1) <= Duration::from_millis(100), "Anne is missing for {:?}", longest(1));
    assert!(longest(NEWS) <= Duration::from_millis(140), "it is missing for {:?}", longest(NEWS));
    assert!(!frames.iter().any(|frame| is_in(frame, MUSIC)));
}

#[test]
fn who_comes_later_hears_it_on_whatever_worker_he_lives() {
    for workers in [1, 3] {
        let mut call = Call::new(Options { seed: 6, workers, ..Options::default() }, [Post::Floor; 4]);
        let news = call.play(NEWS, Addressees::Floor, Repeat::Endless);
        assert_eq!(call.matrix(), ".aaaa.\na.aaa.\naa.aa.\naaa.a.\n", "{workers} workers");
        call.enter(Post::Floor);
        call.enter(Post::Floor);
        call.tell(&news);
        call.world.run(AT_ONCE);
        assert_eq!(call.matrix().lines().filter(|line| line.as_bytes()[NEWS] == b'a').count(), 6, "{workers} workers");
        call.hush(&news);
        assert!(call.matrix().lines().all(|line| line.as_bytes()[NEWS] == b'.'), "{workers} workers");
    }
}

#[test]
fn when_a_mixer_fails_it_comes_back_with_the_next() {
    let mut call = Call::with_seed(7);
    call.play(NEWS, Addressees::Floor, Repeat::Endless);
    assert_eq!(call.matrix(), ".a..a.\na...a.\naa..a.\n......\n");
    call.world.fail_mixer();
    call.world.run(SECOND);
    assert_eq!(call.matrix(), ".a..a.\na...a.\naa..a.\n......\n");
}

#[test]
fn without_a_place_for_it_the_others_are_heard_as_before() {
    let mut world = World::new(Options { seed: 8, mixer: Mixer::Sound, ..Options::default() });
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    let sound = Arc::new(Sound::of(packets_of(TONES[NEWS])).unwrap());
    let (to, repeat, began) = (Addressees::Floor, Repeat::Endless, world.now());
    let announcement = Announcement { id: AnnouncementId(1), sound, to, gain_db: 0, repeat, began };
    world.tell(Command::Announce { room, announcement });
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
    assert_eq!(world.mixed_rooms(), 0);
}
