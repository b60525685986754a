//! Data channels in the simulated world, where time and loss are ours; `data_channels` plays them with another stack.

use colloquy_bench::client::{Effort, Numbering};
use colloquy_media_core::api::{Codec, DataDrop, DataLimits, Limits, PeerId};
use colloquy_media_core::audience::{Circle, Verb};
use colloquy_tests::talk::Wanted;
use colloquy_tests::{Link, Options, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// People of one room, with data channels and without media.
fn talk(options: Options, count: usize) -> (World, Vec<PeerId>) {
    let mut world = World::new(options);
    let room = world.room();
    let people: Vec<PeerId> = (0..count).map(|_| world.join(room)).collect();
    for peer in &people {
        world.use_channels(*peer);
        world.offer(*peer).expect("the offer is answered");
    }
    let up = |world: &World| people.iter().all(|peer| world.person(*peer).client.has_channels());
    assert!(world.run_until(10 * SECOND, up), "all are there");
    (world, people)
}

fn dropped(world: &mut World, cause: DataDrop) -> u64 {
    world.totals().data_drops[cause as usize]
}

#[test]
fn numbers_that_a_browser_guesses_wrongly_are_taken() {
    let (mut world, people) = talk(Options::default(), 3);
    let guess = Wanted { numbering: Numbering::Guessed, ..Wanted::CHAT };
    // While the others' channels come to each of them on streams of the same parity.
    let channels: Vec<_> = (0..12)
        .map(|i| (people[i % 3], world.open_channel(people[i % 3], guess.clone()).expect("there is a free stream")))
        .collect();
    world.run(SECOND);
    for (_, channel) in &channels {
        assert!(world.say(*channel, 10));
    }
    world.run(SECOND);
    for (owner, channel) in channels {
        for listener in people.iter().filter(|peer| **peer != owner) {
            assert_eq!(world.heard_of(*listener, channel), 1);
        }
    }
    assert_eq!(world.totals().data_drops, [0; DataDrop::ALL.len()]);
}

#[test]
fn what_is_reliable_comes_through_loss_and_what_is_not_does_not_wait() {
    let lossy = Link::GOOD.with_loss(0.2);
    let (mut world, people) = talk(Options { up: lossy, down: lossy, ..Options::default() }, 2);
    let open = |world: &mut World, ordered, effort| {
        world.open_channel(people[0], Wanted { ordered, effort, ..Wanted::CHAT }).expect("there is a free stream")
    };
    let sure = [open(&mut world, true, Effort::Reliable), open(&mut world, false, Effort::Reliable)];
    let unsure = open(&mut world, false, Effort::Retransmits(0));
    world.run(3 * SECOND);
    for _ in 0..100 {
        for channel in sure.into_iter().chain([unsure]) {
            assert!(world.say(channel, 200));
        }
        world.run(Duration::from_millis(50));
    }
    world.run(30 * SECOND);
    // That nothing comes twice, or out of its order, the world sees to.
    assert_eq!(sure.map(|channel| world.heard_of(people[1], channel)), [100, 100]);
    let heard = world.heard_of(people[1], unsure);
    assert!((40..100).contains(&heard), "{heard} of 100 came over two links that lose a fifth");
}

#[test]
fn who_hears_nothing_holds_a_sender_back_and_then_goes_without() {
    let data = DataLimits { backlog_bytes_per_channel: 64 * 1024, stall: 2 * SECOND, ..DataLimits::default() };
    let limits = Limits { data: data.clone(), ..Limits::default() };
    let (mut world, people) = talk(Options { limits, ..Options::default() }, 3);
    let chat = world.open_channel(people[0], Wanted::CHAT).expect("there is a free stream");
    world.run(SECOND);
    world.set_links(people[2], Link::CUT, Link::CUT);
    // He says what his client lets him: until the deaf one's backlog is full, then the server's window, then his own.
    let mut said = 0;
    while said < 1_000 && world.say(chat, 8_000) {
        said += 1;
        world.run(Duration::from_millis(5));
    }
    let most = data.backlog_bytes_per_channel + data.window_bytes as usize + 256 * 1024 + 3 * 8_000;
    assert!(said * 8_000 < most, "{said} messages wait somewhere");
    assert_eq!(world.heard_of(people[1], chat), world.totals().data_messages_out as usize / 2, "both are served alike");
    world.run(4 * SECOND);
    assert_eq!(dropped(&mut world, DataDrop::SlowReceiver), 1);
    assert_eq!(world.heard_of(people[1], chat), said, "nothing is lost for him who hears");
    assert!(world.say(chat, 10), "and on it goes");
}

#[test]
fn a_late_word_of_a_closed_channel_does_not_hold_up_the_next_one_on_its_stream() {
    let data = DataLimits { backlog_bytes_per_channel: 64 * 1024, stall: 30 * SECOND, ..DataLimits::default() };
    let limits = Limits { data, ..Limits::default() };
    let (mut world, people) = talk(Options { limits, workers: 3, ..Options::default() }, 3);
    let [speaker, deaf, listener] = people[..] else { panic!("there are three") };
    let chat = world.open_channel(speaker, Wanted::CHAT).expect("there is a free stream");
    world.run(SECOND);
    // The speaker's worker learns late that the deaf one's backlog is full.
    world.hold_words_to(speaker);
    world.set_links(deaf, Link::CUT, Link::CUT);
    for _ in 0..20 {
        assert!(world.say(chat, 8_000));
        world.run(Duration::from_millis(20));
    }
    assert_eq!(world.heard_of(listener, chat), 20);
    world.close_channel(chat);
    world.run(SECOND);
    let next = world.open_channel(speaker, Wanted::CHAT).expect("there is a free stream");
    assert_eq!(world.stream_of(next), world.stream_of(chat));
    world.run(SECOND);
    world.release_words();
    world.set_links(deaf, Link::GOOD, Link::GOOD);
    for _ in 0..5 {
        assert!(world.say(next, 8_000));
        world.run(SECOND);
    }
    assert_eq!([deaf, listener].map(|peer| world.heard_of(peer, next)), [5, 5]);
}

#[test]
fn media_and_channels_share_a_session_and_survive_a_move_of_the_server() {
    let (mut world, people) = talk(Options::default(), 2);
    for peer in &people {
        world.publish(*peer, Codec::Opus);
    }
    people.iter().for_each(|peer| world.watch_everyone(*peer));
    let chat = world.open_channel(people[0], Wanted::CHAT).expect("there is a free stream");
    world.run(SECOND);
    world.move_server(true);
    for _ in 0..20 {
        assert!(world.say(chat, 100));
        world.run(Duration::from_millis(100));
    }
    people.iter().for_each(|peer| world.restart_ice(*peer));
    world.run(10 * SECOND);
    assert_eq!(world.heard_of(people[1], chat), 20, "what was said meanwhile came");
    assert_eq!(world.matrix(&people, SECOND), ". a\na .\n");
}

#[test]
fn who_is_given_a_channel_again_heard_the_end_of_it_before() {
    let (mut world, people) = talk(Options::default(), 3);
    let [speaker, listener, other] = people[..] else { panic!("there are three") };
    let room = world.person(speaker).room;
    let chat = world.open_channel(speaker, Wanted::CHAT).expect("there is a free stream");
    world.run(SECOND);
    // A word is lost on its way to the listener, and is sent again only when he has been away and come back.
    world.set_links(listener, Link::GOOD, Link::CUT);
    assert!(world.say(chat, 10));
    world.run(Duration::from_millis(50));
    world.set_links(listener, Link::GOOD, Link::GOOD);
    for circle in [Circle(1), Circle::default()] {
        world.act(room, Verb::Move { who: listener, circle }).expect("he is there");
    }
    // That nothing comes out of its order, the world sees to.
    assert!(world.say(chat, 10));
    world.run(5 * SECOND);
    assert_eq!(world.heard_of(other, chat), 2);
    for _ in 0..3 {
        assert!(world.say(chat, 10));
    }
    world.run(SECOND);
    assert_eq!(world.heard_of(other, chat), 5);
    assert_eq!(world.heard_of(listener, chat), 3, "of the channel as he was given it again");
}
