//! Which cameras a viewer is sent at all, where a room has more of them than he shows: the last to have spoken.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// Somebody speaks who was heard within this: a little more than a tick of the levels, so that no breath counts.
const SPEAKING: Duration = Duration::from_secs(1);
/// Somebody in view gives way to a speaker when he was silent for this long: who talks with one another stays.
const SILENT: Duration = Duration::from_secs(2);

/// One place that could be in view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<K> {
    /// The place.
    pub key: K,
    /// The viewer chose it.
    pub pinned: bool,
    /// It shows a screen: always in view, and outside the count.
    pub is_screen: bool,
    /// Its person holds the floor.
    pub dominant: bool,
    /// What the client says, as in [`Wish`](super::Wish).
    pub weight: u8,
    /// When its person was last heard speaking.
    pub last_spoke: Option<Instant>,
    /// Who came first: rising with time.
    pub joined: u64,
    /// It is in view now.
    pub in_view: bool,
}

/// The order of a place; the least is first.
type Rank = (bool, bool, Reverse<u8>, u8, Reverse<Option<Instant>>, u64);

/// Writes the places that are in view from `now` on: every screen, then the first `n` cameras, the most important first.
///
/// Pinned come first, then who holds the floor, then the larger weight. Among the rest a place in view is displaced by a speaker
/// only, never by silence, and not while its own person speaks; a vacancy goes to who spoke last, then to who joined first.
pub(crate) fn last_n<K: Copy>(now: Instant, candidates: &[Candidate<K>], n: usize, in_view: &mut Vec<K>) {
    in_view.clear();
    in_view.extend(candidates.iter().filter(|c| c.is_screen).map(|c| c.key));
    let mut cameras: Vec<_> = candidates.iter().filter(|c| !c.is_screen).collect();
    cameras.sort_by_cached_key(|c| rank(now, c));
    in_view.extend(cameras.iter().take(n).map(|c| c.key));
}

fn rank<K>(now: Instant, place: &Candidate<K>) -> Rank {
    let heard_within = |time: Duration| place.last_spoke.is_some_and(|at| now.saturating_duration_since(at) <= time);
    let standing = match place.in_view {
        true if heard_within(SILENT) => 0,
        false if heard_within(SPEAKING) => 1,
        true => 2,
        false => 3,
    };
    (!place.pinned, !place.dominant, Reverse(place.weight.max(1)), standing, Reverse(place.last_spoke), place.joined)
}
