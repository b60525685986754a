//! Who gets what of whom, as it comes over the wire: tones and colours are told apart by whose they are.

use colloquy_bench::client::Pace;
use colloquy_media_core::api::{Codec, Downlink, Event, MediaKind, PauseCause, PeerId, RoomId, Shown};
use colloquy_media_core::audience::{Post, Stance, Verb};
use colloquy_tests::{Link, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// A change takes effect within this.
const AT_ONCE: Duration = Duration::from_millis(150);

/// Pierre, the customer; Anne, the agent; and those at the other posts. Everyone sends sound and pictures, and wants everyone's.
struct Call {
    world: World,
    room: RoomId,
    people: Vec<PeerId>,
}

impl Call {
    fn new(seed: u64, others: &[Post]) -> Self {
        let mut world = World::with_seed(seed);
        let room = world.room();
        let posts = [Post::Floor, Post::Floor].iter().chain(others);
        let people: Vec<PeerId> = posts.map(|post| world.join_at(room, Stance::at(*post), |_| {})).collect();
        for peer in &people {
            for codec in [Codec::Opus, Codec::Vp8] {
                world.client(*peer).publish(codec, colloquy_tests::pace(codec));
            }
            world.offer(*peer).unwrap();
        }
        let mut call = Self { world, room, people };
        call.want_everyone();
        call.world.connect(&call.people.clone());
        call
    }

    /// Everyone asks for everything, whether he may know of it or not.
    fn want_everyone(&mut self) {
        for peer in self.people.clone() {
            self.world.watch_everyone(peer);
        }
    }

    fn act(&mut self, verb: Verb) {
        self.world.act(self.room, verb).unwrap();
        self.want_everyone();
    }

    fn matrix(&mut self) -> String {
        self.world.run(AT_ONCE);
        self.world.matrix(&self.people.clone(), SECOND)
    }
}

#[test]
fn an_agent_turns_aside_and_back() {
    let mut call = Call::new(1, &[Post::Wings]);
    let [_, anne, manuel] = call.people[..] else { panic!() };
    assert_eq!(call.matrix(), ". av .\nav . .\n. . .\n");
    call.act(Verb::TurnAside { who: anne, with: manuel });
    assert_eq!(call.matrix(), ". . .\nav . av\n. av .\n");
    call.act(Verb::TurnBack { who: anne });
    call.act(Verb::TurnBack { who: manuel });
    assert_eq!(call.matrix(), ". av .\nav . .\n. . .\n");
}

#[test]
fn the_ladder_of_a_supervisor() {
    let mut call = Call::new(2, &[Post::SILENT_MONITOR]);
    let [_, anne, manuel] = call.people[..] else { panic!() };
    assert_eq!(call.matrix(), ". av .\nav . .\nav av .\n");
    call.act(Verb::Coach { who: manuel, agent: anne });
    assert_eq!(call.matrix(), ". av .\nav . a\nav av .\n");
    call.act(Verb::Barge { who: manuel });
    assert_eq!(call.matrix(), ". av av\nav . av\nav av .\n");
    call.act(Verb::Monitor { who: manuel, announced: false, wall: false });
    call.act(Verb::TakeOver { who: manuel, from: anne });
    assert_eq!(call.matrix(), ". . av\nav . av\nav . .\n");
}

#[test]
fn backstage_hold_and_circles() {
    let mut call = Call::new(3, &[Post::SILENT_MONITOR, Post::SILENT_MONITOR]);
    let [pierre, anne, manuel, susi] = call.people[..] else { panic!() };
    call.act(Verb::Backstage { who: manuel });
    assert_eq!(call.matrix(), ". av . .\nav . . .\nav av . .\nav av av .\n");
    call.act(Verb::Listen { who: manuel });
    call.act(Verb::Hold { who: pierre, held: true });
    assert_eq!(call.matrix(), ". . . .\n. . . .\n. av . .\n. av . .\n");
    call.act(Verb::Hold { who: pierre, held: false });
    call.act(Verb::Barge { who: susi });
    call.act(Verb::Move { who: susi, circle: colloquy_media_core::audience::Circle(1) });
    assert_eq!(call.matrix(), ". av . .\nav . . .\nav av . .\n. . . .\n");
    call.act(Verb::Move { who: anne, circle: colloquy_media_core::audience::Circle(1) });
    assert_eq!(call.matrix(), ". . . .\n. . . av\nav . . .\n. av . .\n");
}

#[test]
fn a_whisper_leaks_nowhere_whatever_happens() {
    let mut call = Call::new(4, &[Post::SILENT_MONITOR, Post::Floor]);
    let [pierre, anne, manuel, _] = call.people[..] else { panic!() };
    call.act(Verb::Coach { who: manuel, agent: anne });
    // 100 changes, among them restarts of ICE and of clients. What comes to anybody is checked packet by packet.
    for flip in 0..100 {
        let verb = match flip % 4 {
            0 => Verb::Listen { who: manuel },
            1 => Verb::TurnBackstage { who: anne },
            2 => Verb::TurnBack { who: anne },
            _ => Verb::Coach { who: manuel, agent: anne },
        };
        call.act(verb);
        match flip {
            20 | 60 => call.world.restart_ice(anne),
            30 | 70 => call.world.restart_ice(manuel),
            40 => call.world.restart_ice(pierre),
            50 => call.world.change_address(manuel),
            _ => {}
        }
        call.world.run(Duration::from_millis(600));
    }
    assert_eq!(call.matrix(), ". av . av\nav . a av\nav av . av\nav av . .\n");
}

#[test]
fn who_may_not_know_of_somebody_is_told_of_no_track_of_his() {
    let mut call = Call::new(5, &[Post::SILENT_MONITOR]);
    let [pierre, _, manuel] = call.people[..] else { panic!() };
    let hidden = call.world.person(manuel).published[&0].id;
    let mid = call.world.client(pierre).receive(MediaKind::Audio);
    call.world.offer(pierre).unwrap();
    assert!(call.world.subscribe(pierre, &mid, Some(hidden)).is_err());
    // Nor is one who comes later.
    let late = PeerId(0xbeef);
    let room = call.room;
    let told = call.world.try_join_at(room, late, Stance::default()).unwrap();
    assert!(told.iter().all(|track| track.peer != manuel), "{told:?}");
    assert_eq!(told.len(), 4);
}

#[test]
fn who_turns_aside_is_told_to_stand_still() {
    let mut call = Call::new(6, &[Post::Wings]);
    let [pierre, anne, manuel] = call.people[..] else { panic!() };
    let face = call.world.person(anne).published[&1].id;
    call.world.run(SECOND);
    let shown = |call: &Call| {
        call.world.events.iter().rev().find_map(|(_, event)| match event {
            Event::Shown { peer, track, shown, .. } if (*peer, *track) == (pierre, face) => Some(*shown),
            _ => None,
        })
    };
    assert!(matches!(shown(&call), Some(Shown::Layer(..))));
    call.act(Verb::TurnAside { who: anne, with: manuel });
    call.world.run(AT_ONCE);
    assert_eq!(shown(&call), Some(Shown::Paused(PauseCause::Frozen)));
    call.act(Verb::TurnBack { who: anne });
    call.world.run(SECOND);
    assert!(matches!(shown(&call), Some(Shown::Layer(..))));
}

#[test]
fn who_comes_while_somebody_is_turned_away_sees_the_last_picture() {
    for (seed, loss) in [(7, 0.0), (8, 0.2)] {
        let mut call = Call::new(seed, &[Post::Wings]);
        let [_, anne, manuel] = call.people[..] else { panic!() };
        let face = call.world.person(anne).published[&1].id;
        call.world.run(2 * SECOND);
        call.act(Verb::TurnAside { who: anne, with: manuel });
        call.world.run(SECOND);
        let late = call.world.join_at(call.room, Stance::default(), |_| {});
        call.world.watch(late, face, MediaKind::Video);
        call.world.set_links(late, Link::GOOD, Link::GOOD.with_loss(loss));
        let seen = |world: &World| world.person(late).heard.contains_key(&(anne, 1));
        call.world.connect(&[late]);
        assert!(call.world.run_until(SECOND, seen), "he sees her");
        call.world.run(SECOND);
        let packets = call.world.person(late).heard[&(anne, 1)].packets;
        call.world.run(3 * SECOND);
        let after = call.world.person(late).heard[&(anne, 1)].packets;
        assert!(loss > 0.0 || after == packets, "one picture, and no other: {packets}, {after}");
    }
}

#[test]
fn what_waits_to_be_sent_of_one_who_turns_away_does_not_leave() {
    let mut call = Call::new(9, &[Post::Wings]);
    let [pierre, anne, manuel] = call.people[..] else { panic!() };
    const WIDE: usize = 80;
    // A second camera whose pictures are larger than what leaves at once: they wait for their turn.
    let wide = Pace { interval: SECOND / 2, packets: WIDE, payload_bytes: 1_100, large_key_frames: false };
    let track = call.world.client(anne).publish(Codec::Vp8, wide).parse().unwrap();
    call.world.offer(anne).unwrap();
    call.want_everyone();
    let packets = move |world: &World| world.person(pierre).heard.get(&(anne, track)).map_or(0, |heard| heard.packets);
    let came = |call: &Call| packets(&call.world);
    assert!(call.world.run_until(20 * SECOND, |world| packets(world) > 300), "his link carries it");
    let mut cut = 0;
    for _ in 0..10 {
        // In the middle of a picture: some of its packets came, and the others wait.
        let before = came(&call);
        assert!(call.world.run_until(SECOND, |world| packets(world) > before));
        call.act(Verb::TurnAside { who: anne, with: manuel });
        // What is on the wire, it takes a millisecond.
        call.world.run(Duration::from_millis(2));
        let then = came(&call);
        call.world.run(2 * SECOND);
        assert_eq!(came(&call), then, "nothing left after she had turned away");
        cut += u32::from(then - before < WIDE as u64);
        call.act(Verb::TurnBack { who: anne });
        call.act(Verb::TurnBack { who: manuel });
        assert!(call.world.run_until(2 * SECOND, |world| packets(world) > then), "she is seen again");
    }
    assert!(cut > 5, "pictures were cut in the middle {cut} times of 10");
}

#[test]
fn what_was_said_aside_is_not_told_again_on_the_floor() {
    let mut world = World::with_seed(10);
    let room = world.room();
    let people: Vec<PeerId> = [Post::Floor, Post::Floor, Post::Wings, Post::SILENT_MONITOR]
        .map(|post| world.join_at(room, Stance::at(post), |config| config.red = true))
        .into();
    for peer in &people {
        world.client(*peer).publish(Codec::Opus, Pace::OPUS);
        world.offer(*peer).unwrap();
    }
    let mut call = Call { world, room, people };
    call.want_everyone();
    call.world.connect(&call.people.clone());
    let [pierre, anne, manuel, sofia] = call.people[..] else { panic!() };
    // He loses so much that every packet repeats three.
    call.world.set_links(pierre, Link::GOOD, Link::GOOD.with_loss(0.3));
    call.world.set_links(anne, Link::GOOD, Link::GOOD.with_loss(0.3));
    call.world.run(5 * SECOND);
    call.world.checks.uplink_at_most = Some(Duration::from_millis(5));
    for _ in 0..8 {
        for verb in [
            Verb::TurnAside { who: anne, with: manuel },
            Verb::TurnBack { who: anne },
            Verb::Coach { who: sofia, agent: anne },
            Verb::Barge { who: sofia },
            Verb::Monitor { who: sofia, announced: false, wall: false },
        ] {
            call.act(verb);
            call.world.run(Duration::from_millis(333));
        }
        call.act(Verb::TurnBack { who: manuel });
    }
    assert!(call.world.checks.told_again > 200, "{}", call.world.checks.told_again);
}

#[test]
fn sound_and_picture_stay_together_however_often_somebody_turns_away() {
    let mut call = Call::new(11, &[Post::Wings]);
    let [pierre, anne, manuel] = call.people[..] else { panic!() };
    // What comes from her takes longer or shorter, so that the time that passed says little of when something was captured.
    let up = Link { delay: Duration::from_millis(20), jitter: Duration::from_millis(60), ..Link::GOOD };
    call.world.set_links(anne, up, Link::GOOD);
    // Her reports come once a second or so.
    call.world.run(5 * SECOND);
    // How much later than she sent it a packet stands on the receiver's time, in milliseconds.
    let moved = |call: &Call, track: u8, rate_khz: f64, from: (u32, Duration)| {
        let (timestamp, sent) = call.world.person(pierre).heard[&(anne, track)].stamped;
        f64::from(timestamp.wrapping_sub(from.0)) / rate_khz - (sent - from.1).as_secs_f64() * 1e3
    };
    let tracks = [(0, 48.0), (1, 90.0)];
    let first = tracks.map(|(track, _)| call.world.person(pierre).heard[&(anne, track)].stamped);
    for _ in 0..50 {
        call.world.act(call.room, Verb::TurnAside { who: anne, with: manuel }).unwrap();
        call.world.run(Duration::from_millis(300));
        call.world.act(call.room, Verb::TurnBack { who: anne }).unwrap();
        call.world.run(Duration::from_millis(700));
    }
    let [sound, picture] = [0, 1].map(|i| moved(&call, tracks[i].0, tracks[i].1, first[i]));
    assert!(sound.abs() < 5.0 && picture.abs() < 5.0, "the sound moved by {sound:.1} ms, the picture by {picture:.1}");
}

#[test]
fn who_had_no_picture_for_want_of_bandwidth_is_sent_the_last_one() {
    let mut call = Call::new(12, &[Post::Wings]);
    let [pierre, anne, manuel] = call.people[..] else { panic!() };
    call.world.run(2 * SECOND);
    call.world.set_downlink(pierre, Downlink { max_bps: Some(40_000), ..Downlink::default() });
    call.world.run(2 * SECOND);
    let pictures = |call: &Call| call.world.person(pierre).heard[&(anne, 1)].packets;
    let before = pictures(&call);
    call.world.run(SECOND);
    assert_eq!(pictures(&call), before, "his link carries none");
    call.act(Verb::TurnAside { who: anne, with: manuel });
    call.world.run(2 * SECOND);
    assert!(pictures(&call) > before, "he sees her as she was");
}
