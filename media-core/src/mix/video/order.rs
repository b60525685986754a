//! In which order people stand: the same for a server that forwards and for one that mixes.

use super::layout::Layout;

/// Orders `present`, given in the order in which they came.
///
/// In a grid they stay where they are, whoever speaks. In the other layouts the pinned one comes first; if none is, who holds the floor;
/// if nobody does, who came first. The rest stay in their order, so that a change of speaker moves two people and nobody else. One who
/// is not present is not put in. Who holds the floor is decided by the room (after 400 to 500 ms of speech, never on a burst).
pub fn order<T: Copy + PartialEq>(layout: &Layout, present: &[T], pinned: Option<T>, dominant: Option<T>) -> Vec<T> {
    let mut ordered = present.to_vec();
    if matches!(layout, Layout::Grid | Layout::Custom(_)) {
        return ordered;
    }
    let find = |wanted: Option<T>| wanted.and_then(|one| present.iter().position(|other| *other == one));
    if let Some(at) = find(pinned).or_else(|| find(dominant)) {
        let first = ordered.remove(at);
        ordered.insert(0, first);
    }
    ordered
}
