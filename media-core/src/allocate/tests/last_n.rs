//! Which cameras are in view.

use super::*;

/// A room whose people are numbered from 0, all unheard.
struct Room {
    now: Instant,
    people: Vec<Candidate<u32>>,
    view: Vec<u32>,
}

impl Room {
    fn new(people: u32) -> Self {
        let candidate = |key| Candidate {
            key,
            pinned: false,
            is_screen: false,
            dominant: false,
            weight: 1,
            last_spoke: None,
            joined: u64::from(key),
            in_view: false,
        };
        Self { now: Instant::now(), people: (0..people).map(candidate).collect(), view: Vec::new() }
    }

    /// So many ticks in which these speak; gives who is in view then, sorted.
    fn run(&mut self, ticks: u32, speaking: &[u32], n: usize) -> Vec<u32> {
        for _ in 0..ticks {
            self.now += Duration::from_millis(100);
            for person in &mut self.people {
                if speaking.contains(&person.key) {
                    person.last_spoke = Some(self.now);
                }
                person.in_view = self.view.contains(&person.key);
            }
            last_n(self.now, &self.people, n, &mut self.view);
        }
        let mut view = self.view.clone();
        view.sort_unstable();
        view
    }
}

#[test]
fn the_first_to_come_are_in_view_until_somebody_speaks() {
    let mut room = Room::new(6);
    assert_eq!(room.run(10, &[], 3), [0, 1, 2]);
    assert_eq!(room.run(1, &[5], 3), [0, 1, 5], "the last who never spoke gives way");
    assert_eq!(room.run(600, &[], 3), [0, 1, 5], "silence displaces nobody");
    room.people.remove(5);
    assert_eq!(room.run(1, &[], 3), [0, 1, 2]);
}

#[test]
fn who_spoke_longest_ago_gives_way() {
    let mut room = Room::new(5);
    for speaker in [0, 1, 2, 3] {
        room.run(40, &[speaker], 3);
    }
    assert_eq!(room.run(40, &[], 3), [1, 2, 3]);
    assert_eq!(room.run(1, &[4], 3), [2, 3, 4]);
}

#[test]
fn who_speaks_is_not_displaced_by_who_speaks_too() {
    let mut room = Room::new(4);
    room.run(10, &[0], 1);
    for _ in 0..100 {
        assert_eq!(room.run(1, &[0, 1, 2, 3], 1), [0]);
    }
    room.people[2].dominant = true;
    assert_eq!(room.run(1, &[0, 1, 2, 3], 1), [2], "but by who holds the floor");
}

#[test]
fn a_camera_that_comes_back_waits_until_its_person_speaks() {
    let mut room = Room::new(4);
    room.run(10, &[3], 2);
    let three = room.people.pop().expect("there are four");
    assert_eq!(room.run(50, &[], 2), [0, 1]);
    room.people.push(three);
    assert_eq!(room.run(50, &[], 2), [0, 1]);
    assert_eq!(room.run(1, &[3], 2), [0, 3]);
}

#[test]
fn screens_are_outside_the_count_and_pinned_come_first() {
    let mut room = Room::new(6);
    room.people[5].is_screen = true;
    room.people[4].pinned = true;
    room.people[3].weight = 4;
    assert_eq!(room.run(5, &[0, 1, 2], 2), [3, 4, 5]);
    assert_eq!(room.view, [5, 4, 3], "in the order of their weight");
    assert_eq!(room.run(5, &[], 0), [5]);
    assert_eq!(room.run(5, &[], usize::MAX), [0, 1, 2, 3, 4, 5]);
}

proptest::proptest! {
    #[test]
    fn as_many_as_there_is_room_for(spoke in proptest::collection::vec((0u64..20_000, 0u8..16), 0..60), n in 0usize..40) {
        let start = Instant::now();
        let now = start + Duration::from_secs(10);
        let people: Vec<_> = (0u32..).zip(&spoke).map(|(key, (ms, bits))| Candidate {
            key,
            pinned: bits & 1 > 0,
            is_screen: false,
            dominant: bits & 2 > 0,
            weight: bits & 4,
            last_spoke: (ms % 3 > 0).then(|| start + Duration::from_millis(*ms)),
            joined: u64::from(key),
            in_view: bits & 8 > 0,
        }).collect();
        let mut view = Vec::new();
        last_n(now, &people, n, &mut view);
        proptest::prop_assert_eq!(view.len(), n.min(people.len()));
        let again: Vec<_> = people.iter().map(|p| Candidate { in_view: view.contains(&p.key), ..*p }).collect();
        let mut second = Vec::new();
        last_n(now, &again, n, &mut second);
        second.sort_unstable();
        view.sort_unstable();
        proptest::prop_assert_eq!(second, view, "the same view is found again");
    }
}
