//! Forged streams: what is forbidden must be found, and nothing else.

use super::super::ledger::{Change, Person, Room};
use super::{Evidence, judge};
use crate::load::fleet::Arrival;
use crate::load::result::{AudienceFigures, Latencies};
use crate::load::scenario::Duty;
use crate::load::system::Act;
use colloquy_media_core::api::PeerId;
use std::time::Duration;

const AGENT: u32 = 0;
const CUSTOMER: u32 = 1;
const SUPERVISOR: u32 = 2;
const COLLEAGUE: u32 = 3;
const SOUND: u8 = 0;
const PICTURES: u8 = 1;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn peer(part: u32) -> PeerId {
    PeerId(u64::from(part) + 1)
}

/// A room where these were asked for at such a time, and done 2 ms later.
fn room(changes: &[(u64, u32, Act)]) -> Evidence {
    let duties = [Duty::Agent, Duty::Customer, Duty::Supervisor, Duty::Colleague];
    let person = |(part, duty)| Person { part, source: part + 1, peer: peer(part), duty, name: format!("p-{part}") };
    let mut room = Room::new((0..).zip(duties).map(person).collect());
    for (at, by, act) in changes {
        let (due, asked, answered) = (ms(*at), ms(*at), Some(ms(at + 2)));
        assert!(room.note(Change { act: *act, by: peer(*by), due, asked, answered }));
    }
    let (rooms, grace, video, end) = (vec![room], ms(20), Some(PICTURES), ms(10_000));
    Evidence { rooms, grace, video, end, refused: 0, unanswered: 0, answers: Latencies::recorder() }
}

fn arrival((to, of, track): (u32, u32, u8), at: u64) -> Arrival {
    Arrival { part: to, source: of + 1, track, at: ms(at), sent: ms(at.saturating_sub(1)) }
}

/// A packet every 20 ms, from a time on, before another.
fn stream(pair: (u32, u32, u8), from: u64, to: u64) -> Vec<Arrival> {
    (from..to).step_by(20).map(|at| arrival(pair, at)).collect()
}

fn judged(evidence: &Evidence, streams: &[Vec<Arrival>]) -> AudienceFigures {
    judge(evidence, streams.concat())
}

#[test]
fn what_is_allowed_is_no_leak() {
    let evidence = room(&[]);
    let all = [
        stream((CUSTOMER, AGENT, SOUND), 0, 1_000),
        stream((AGENT, CUSTOMER, PICTURES), 0, 1_000),
        stream((SUPERVISOR, CUSTOMER, SOUND), 0, 1_000),
    ];
    let figures = judged(&evidence, &all);
    assert_eq!((figures.leaked_packets, figures.judged, figures.leaks.len()), (0, 150, 0));
}

#[test]
fn who_is_never_to_be_heard_is_found_by_one_packet() {
    let evidence = room(&[]);
    for pair in [
        (CUSTOMER, SUPERVISOR, SOUND),
        (AGENT, SUPERVISOR, PICTURES),
        (CUSTOMER, COLLEAGUE, SOUND),
        (COLLEAGUE, AGENT, SOUND),
        (CUSTOMER, CUSTOMER, SOUND),
        // Nobody of this room.
        (CUSTOMER, 17, SOUND),
    ] {
        let figures = judged(&evidence, &[stream((CUSTOMER, AGENT, SOUND), 0, 500), vec![arrival(pair, 300)]]);
        assert_eq!((figures.leaked_packets, figures.leaks.len()), (1, 1), "{pair:?}");
        assert!(figures.leaks[0].starts_with(&format!("p-{}", pair.0)), "{:?}", figures.leaks);
    }
}

#[test]
fn the_answer_and_its_grace_are_the_fence() {
    let evidence = room(&[(1_000, AGENT, Act::Hold(peer(CUSTOMER)))]);
    let of = |at: u64| judged(&evidence, &[vec![arrival((CUSTOMER, AGENT, SOUND), at)]]).leaked_packets;
    assert_eq!([of(999), of(1_001), of(1_010), of(1_022), of(1_023), of(5_000)], [0, 0, 0, 0, 1, 1]);
}

#[test]
fn what_comes_before_it_was_asked_for_leaks() {
    let whispers = room(&[(1_000, SUPERVISOR, Act::Coach(peer(AGENT))), (2_000, SUPERVISOR, Act::Listen)]);
    let of =
        |to: u32, track: u8, at: u64| judged(&whispers, &[vec![arrival((to, SUPERVISOR, track), at)]]).leaked_packets;
    assert_eq!(
        [of(AGENT, SOUND, 999), of(AGENT, SOUND, 1_000), of(AGENT, SOUND, 2_010), of(AGENT, SOUND, 2_030)],
        [1, 0, 0, 1]
    );
    assert_eq!((of(CUSTOMER, SOUND, 1_500), of(AGENT, PICTURES, 1_500)), (1, 1), "the ear of the agent alone");
}

#[test]
fn a_change_without_an_answer_may_have_happened_or_not() {
    let mut evidence = room(&[(1_000, AGENT, Act::Hold(peer(CUSTOMER)))]);
    for room in &mut evidence.rooms {
        room.states.iter_mut().filter_map(|state| state.by.as_mut()).for_each(|change| change.answered = None);
    }
    assert_eq!(judged(&evidence, &[stream((CUSTOMER, AGENT, SOUND), 900, 3_000)]).leaked_packets, 0);
}

#[test]
fn the_last_picture_of_one_who_turned_away_is_of_before() {
    let evidence = room(&[(1_000, AGENT, Act::TurnAside(peer(COLLEAGUE)))]);
    let picture = |sent: u64| Arrival { sent: ms(sent), ..arrival((CUSTOMER, AGENT, PICTURES), 2_000) };
    assert_eq!(judged(&evidence, &[vec![picture(900)]]).leaked_packets, 0);
    assert_eq!(judged(&evidence, &[vec![picture(1_900)]]).leaked_packets, 1);
    let sound = Arrival { sent: ms(900), ..arrival((CUSTOMER, AGENT, SOUND), 2_000) };
    assert_eq!(judged(&evidence, &[vec![sound]]).leaked_packets, 1, "there is no last sound");
}

#[test]
fn how_soon_changes_show_is_told() {
    let evidence = room(&[
        (1_000, SUPERVISOR, Act::Coach(peer(AGENT))),
        (3_000, AGENT, Act::Hold(peer(CUSTOMER))),
        (5_000, AGENT, Act::TakeBack(peer(CUSTOMER))),
    ]);
    let figures = judged(
        &evidence,
        &[
            stream((AGENT, SUPERVISOR, SOUND), 1_045, 9_000),
            stream((CUSTOMER, AGENT, SOUND), 0, 3_015),
            stream((CUSTOMER, AGENT, SOUND), 5_080, 9_000),
            stream((CUSTOMER, AGENT, PICTURES), 0, 3_000),
            stream((CUSTOMER, AGENT, PICTURES), 5_120, 9_000),
        ],
    );
    let near = |ns: u64, of: u64| ns.abs_diff(of * 1_000_000) < 1_000_000;
    let (begins, pictures, ends) = (&figures.sound_begins, &figures.pictures_begin, &figures.ends);
    assert_eq!((figures.changes, figures.leaked_packets, begins.count, pictures.count), (3, 0, 2, 1));
    assert!(near(begins.min_ns, 45) && near(begins.max_ns, 80) && near(pictures.max_ns, 120), "{figures:?}");
    // Of six, the agent and the supervisor as well, one went on for a packet.
    assert!(ends.count >= 2 && near(ends.max_ns, 0) && near(figures.effect_p99_ns(), 80), "{figures:?}");
    let never = (figures.sound_never_began, figures.pictures_never_began);
    assert_eq!(never, (2, 2), "the customer is heard and seen again by nobody: {figures:?}");
}
