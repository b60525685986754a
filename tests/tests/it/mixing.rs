//! Sound that the server mixes: who hears whom in it, and how one comes into it and out of it.

use colloquy_media_core::api::{AudioMode, AudioPath, Codec, Event, PeerId, RoomId, SubscribeError};
use colloquy_media_core::audience::{Circle, Post, Stance, Verb};
use colloquy_tests::{Options, World};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// A change takes effect within this.
const AT_ONCE: Duration = Duration::from_millis(150);

/// Pierre, the customer; Anne, the agent; and those at the other posts. Everyone speaks.
struct Call {
    world: World,
    room: RoomId,
    people: Vec<PeerId>,
}

impl Call {
    fn new(options: Options, others: &[Post]) -> Self {
        let mut world = World::new(options);
        let room = world.room();
        let posts = [Post::Floor, Post::Floor].iter().chain(others);
        let people: Vec<PeerId> = posts.map(|post| world.join_at(room, Stance::at(*post), |_| {})).collect();
        for peer in &people {
            world.publish(*peer, Codec::Opus);
            world.watch_mix(*peer);
        }
        let mut call = Self { world, room, people };
        call.want_everyone();
        call.world.connect(&call.people.clone());
        call
    }

    fn with_seed(seed: u64, others: &[Post]) -> Self {
        Self::new(Options { seed, ..Options::default() }, others)
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

    fn matrix(&mut self) -> String {
        self.world.run(AT_ONCE);
        self.world.matrix(&self.people.clone(), SECOND)
    }

    fn paths(&self) -> Vec<AudioPath> {
        self.people.iter().map(|peer| path(&self.world, *peer)).collect()
    }
}

/// How somebody hears others, as he was told.
fn path(world: &World, of: PeerId) -> AudioPath {
    let told = world.events.iter().rev().find_map(|(_, event)| match event {
        Event::Audio { peer, path, .. } if *peer == of => Some(*path),
        _ => None,
    });
    told.unwrap_or_default()
}

#[test]
fn the_mix_obeys_the_matrix_as_what_is_forwarded_does() {
    let mut tables = Vec::new();
    for mode in [AudioMode::Forward, AudioMode::Mix] {
        let mut call = Call::with_seed(1, &[Post::SILENT_MONITOR, Post::Wings]);
        let [pierre, anne, manuel, susi] = call.people[..] else { panic!() };
        call.everyone(mode);
        let is_mix = mode == AudioMode::Mix;
        // Susi, in the wings, hears nobody: no mix has come to her.
        assert_eq!(call.paths()[..3], [if is_mix { AudioPath::Mix } else { AudioPath::Forward }; 3]);
        let verbs = [
            Verb::Hold { who: pierre, held: true },
            Verb::Hold { who: pierre, held: false },
            Verb::TurnAside { who: anne, with: susi },
            Verb::TurnBack { who: anne },
            Verb::TurnBack { who: susi },
            Verb::Coach { who: manuel, agent: anne },
            Verb::Backstage { who: manuel },
            Verb::TurnBackstage { who: anne },
            Verb::TurnBack { who: anne },
            Verb::Barge { who: manuel },
            Verb::Monitor { who: manuel, announced: true, wall: false },
            Verb::TakeOver { who: manuel, from: anne },
            Verb::Move { who: pierre, circle: Circle(1) },
            Verb::Move { who: manuel, circle: Circle(1) },
        ];
        let mut table = vec![call.matrix()];
        for verb in verbs {
            call.act(verb);
            table.push(format!("{verb:?}\n{}", call.matrix()));
        }
        tables.push(table);
    }
    assert_eq!(tables[0], tables[1]);
    assert_eq!(tables[0][0], ". a . .\na . . .\na a . .\n. . . .\n");
}

/// When each packet of a speaker came to a listener, and in which of his places.
fn arrivals(world: &World, listener: PeerId) -> Vec<(Instant, bool)> {
    world.checks.mixed(listener)
}

#[test]
fn one_comes_into_the_mix_and_out_of_it_without_a_gap() {
    let mut call = Call::with_seed(2, &[Post::Floor]);
    let [pierre, ..] = call.people[..] else { panic!() };
    call.world.run(SECOND);
    for flip in 0..100_u32 {
        let mode = if flip % 2 == 0 { AudioMode::Mix } else { AudioMode::Forward };
        call.world.set_audio(pierre, mode).unwrap();
        call.world.run(Duration::from_millis(if flip % 5 == 0 { 90 } else { 610 }));
    }
    call.world.run(SECOND);
    let arrivals = arrivals(&call.world, pierre);
    let gaps = arrivals.windows(2).map(|two| two[1].0 - two[0].0);
    // Two people speak a packet each 60 ms.
    let longest = gaps.max().unwrap();
    assert!(longest <= Duration::from_millis(130), "{longest:?} without a packet");
    // Where the mix takes over nothing is forwarded any more, and the other way round: no packet of the one comes among those of the other.
    let crossings = arrivals.windows(2).filter(|two| two[0].1 != two[1].1).count();
    assert!((70..=100).contains(&crossings), "{crossings} crossings");
}

#[test]
fn a_whisper_is_in_no_mix_but_hers_whatever_happens() {
    for workers in [1, 3] {
        let options = Options { seed: 3, workers, ..Options::default() };
        let mut call = Call::new(options, &[Post::SILENT_MONITOR, Post::Floor]);
        let [pierre, anne, manuel, _] = call.people[..] else { panic!() };
        call.act(Verb::Coach { who: manuel, agent: anne });
        // What comes to anybody is checked packet by packet.
        for flip in 0..100_usize {
            let mode = [AudioMode::Mix, AudioMode::Forward, AudioMode::Auto][flip % 3];
            call.world.set_audio(call.people[flip % 4], mode).unwrap();
            let verb = match flip % 5 {
                0 => Some(Verb::Listen { who: manuel }),
                1 => Some(Verb::Coach { who: manuel, agent: anne }),
                2 if flip % 2 == 0 => Some(Verb::Hold { who: pierre, held: true }),
                3 => Some(Verb::Hold { who: pierre, held: false }),
                _ => None,
            };
            verb.into_iter().for_each(|verb| call.act(verb));
            match flip {
                20 | 60 => call.world.restart_ice(anne),
                30 | 70 => call.world.restart_ice(manuel),
                40 => call.world.change_address(pierre),
                _ => {}
            }
            call.world.run(Duration::from_millis(600));
        }
        call.everyone(AudioMode::Mix);
        call.act(Verb::Hold { who: pierre, held: false });
        call.act(Verb::Coach { who: manuel, agent: anne });
        assert_eq!(call.matrix(), ". a . a\na . a a\na a . a\na a . .\n", "{workers} workers");
    }
}

#[test]
fn without_a_place_for_it_there_is_no_mix_and_nothing_is_lost() {
    let mut world = World::with_seed(4);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus]);
    world.connect(&people);
    assert_eq!(world.set_audio(people[0], AudioMode::Mix), Ok(AudioPath::Forward));
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
    let mid = world.watch_mix(people[0]);
    assert!(world.run_until(SECOND, |world| path(world, people[0]) == AudioPath::Mix));
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
    // The place is pointed at something else: what is forwarded is heard at once.
    world.subscribe(people[0], &mid, None).unwrap();
    assert_eq!(path(&world, people[0]), AudioPath::Forward);
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
    assert_eq!(world.set_audio(PeerId(99), AudioMode::Mix), Err(SubscribeError::NoSuchPeer));
}

#[test]
fn who_leaves_it_to_the_server_gets_the_mix_for_his_ears_alone() {
    let mut call = Call::with_seed(5, &[]);
    let [pierre, anne] = call.people[..] else { panic!() };
    let face = call.world.publish(pierre, Codec::Vp8);
    call.world.watch(anne, face, colloquy_media_core::api::MediaKind::Video);
    call.everyone(AudioMode::Auto);
    call.world.run(3 * SECOND);
    assert_eq!((path(&call.world, pierre), path(&call.world, anne)), (AudioPath::Mix, AudioPath::Forward));
    assert_eq!(call.matrix(), ". a\nav .\n");
}

#[test]
fn who_comes_back_hears_the_mix_again() {
    let mut call = Call::with_seed(6, &[Post::Floor]);
    let [pierre, ..] = call.people[..] else { panic!() };
    call.everyone(AudioMode::Mix);
    call.world.reload(pierre, &[Codec::Opus]);
    call.world.watch_mix(pierre);
    call.want_everyone();
    call.world.connect(&call.people.clone());
    assert!(call.world.run_until(2 * SECOND, |world| path(world, pierre) == AudioPath::Mix));
    assert_eq!(call.matrix(), ". a a\na . a\na a .\n");
}

#[test]
fn when_a_mixer_fails_what_is_forwarded_is_heard_until_there_is_another() {
    let mut call = Call::with_seed(7, &[Post::Floor]);
    call.everyone(AudioMode::Mix);
    let before = call.world.elapsed();
    call.world.fail_mixer();
    assert_eq!(call.paths(), [AudioPath::Forward; 3]);
    call.world.run(Duration::from_millis(400));
    assert_eq!(call.paths(), [AudioPath::Forward; 3]);
    call.world.run(2 * SECOND - Duration::from_millis(400));
    assert_eq!(call.paths(), [AudioPath::Mix; 3]);
    for peer in call.people.clone() {
        let heard = arrivals(&call.world, peer);
        let times = heard.windows(2).filter(|two| two[0].0 >= call.world.now() - (call.world.elapsed() - before));
        let longest = times.map(|two| two[1].0 - two[0].0).max().unwrap();
        assert!(longest <= Duration::from_millis(130), "{longest:?} without a packet");
    }
    assert_eq!(call.matrix(), ". a a\na . a\na a .\n");
}

#[test]
fn a_room_that_nobody_hears_mixed_is_not_tapped() {
    let mut call = Call::with_seed(8, &[]);
    call.world.run(SECOND);
    assert_eq!(call.world.mixed_rooms(), 0);
    call.everyone(AudioMode::Mix);
    assert_eq!(call.world.mixed_rooms(), call.world.workers().min(2));
    call.everyone(AudioMode::Forward);
    assert_eq!(call.world.mixed_rooms(), 0);
    call.everyone(AudioMode::Mix);
    for peer in call.people.clone() {
        call.world.leave(peer);
    }
    assert_eq!(call.world.mixed_rooms(), 0);
}

#[test]
fn a_mixer_that_is_stuck_is_given_up_and_forwarding_never_stops() {
    let mut call = Call::with_seed(9, &[Post::Floor]);
    call.everyone(AudioMode::Mix);
    call.world.hold_mixer(true);
    call.world.run(2 * SECOND);
    assert_eq!(call.paths(), [AudioPath::Forward; 3]);
    assert_eq!(call.matrix(), ". a a\na . a\na a .\n");
    call.world.hold_mixer(false);
    call.world.run(3 * SECOND);
    assert_eq!(call.paths(), [AudioPath::Mix; 3]);
    assert_eq!(call.matrix(), ". a a\na . a\na a .\n");
}
