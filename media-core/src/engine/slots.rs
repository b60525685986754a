//! The participants, tracks and places of an engine, by their keys.

use slotmap::{Key, SlotMap};

/// Things by key, each in memory of its own: the table has a word for each, so that it costs next to nothing to have been large once.
/// Counted with callgrind, each access is three instructions and one load more than in a table of the things themselves: for a forwarded
/// packet, which asks for a place and its owner, 6 of some 5,500.
#[derive(Debug)]
pub(super) struct Slots<K: Key, V>(SlotMap<K, Box<V>>);

impl<K: Key, V> Slots<K, V> {
    /// None.
    pub(super) fn new() -> Self {
        Self(SlotMap::with_key())
    }

    pub(super) fn insert(&mut self, thing: V) -> K {
        self.0.insert(Box::new(thing))
    }

    /// Takes it out. Boxed, as it was: it may be large.
    pub(super) fn remove(&mut self, key: K) -> Option<Box<V>> {
        self.0.remove(key)
    }

    #[inline]
    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.0.get(key).map(|thing| &**thing)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.0.get_mut(key).map(|thing| &mut **thing)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.values_mut().map(|thing| &mut **thing)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outflow::Outflow;
    use crate::engine::peer::Peer;
    use crate::forward::{Consumer, Producer};
    use crate::keys::PeerKey;
    use crate::room::Room;
    use crate::transport::Transport;

    #[test]
    fn what_is_taken_out_is_gone() {
        let mut slots: Slots<PeerKey, u32> = Slots::new();
        let (one, two) = (slots.insert(1), slots.insert(2));
        assert_eq!((slots.remove(one), slots.get(one), slots.len()), (Some(Box::new(1)), None, 1));
        slots.values_mut().for_each(|thing| *thing += 1);
        assert_eq!(slots.get_mut(two).copied(), slots.get(two).copied());
        assert_eq!(slots.get(two), Some(&3));
    }

    /// What each takes before it has anything of its own, in bytes. A viewer of a meeting of 20 has 40 places.
    #[test]
    fn nobody_takes_more_than_his_share() {
        let sizes = [
            size_of::<Room>(),
            size_of::<Peer>(),
            size_of::<Transport>(),
            size_of::<Outflow>(),
            size_of::<Producer>(),
            size_of::<Consumer>(),
        ];
        let bounds = [256, 12_288, 8_192, 4_608, 512, 832];
        assert!(sizes.iter().zip(bounds).all(|(size, bound)| *size <= bound), "{sizes:?}, at most {bounds:?}");
    }
}
