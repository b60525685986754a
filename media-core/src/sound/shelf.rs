//! Sounds that were made, kept for as often as they are asked for: those asked for last, up to a size.

use super::Sound;
use std::collections::VecDeque;
use std::sync::Arc;

/// Sounds by what they were made of.
#[derive(Debug)]
pub struct Shelf<K> {
    most_bytes: usize,
    bytes: usize,
    /// The one asked for last comes last.
    sounds: VecDeque<(K, Arc<Sound>)>,
}

impl<K: PartialEq> Shelf<K> {
    /// An empty one, for so many bytes.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, bytes: 0, sounds: VecDeque::new() }
    }

    /// A sound, if it is there.
    pub fn take(&mut self, key: &K) -> Option<Arc<Sound>> {
        let at = self.sounds.iter().position(|(known, _)| known == key)?;
        let entry = self.sounds.remove(at)?;
        let sound = Arc::clone(&entry.1);
        self.sounds.push_back(entry);
        Some(sound)
    }

    /// Keeps a sound. What was not asked for the longest gives way to it; one that is larger than all is not kept.
    pub fn put(&mut self, key: K, sound: Arc<Sound>) {
        self.drop_where(|known| *known == key);
        if sound.size_bytes() > self.most_bytes {
            return;
        }
        self.bytes += sound.size_bytes();
        self.sounds.push_back((key, sound));
        while self.bytes > self.most_bytes {
            let Some((_, oldest)) = self.sounds.pop_front() else { return };
            self.bytes -= oldest.size_bytes();
        }
    }

    fn drop_where(&mut self, is: impl Fn(&K) -> bool) {
        self.sounds.retain(|(known, _)| !is(known));
        self.bytes = self.sounds.iter().map(|(_, sound)| sound.size_bytes()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn what_was_not_asked_for_the_longest_gives_way() {
        let sound = |len: usize| Arc::new(Sound::of(vec![Bytes::from(vec![0; len])]).unwrap());
        let size = sound(100).size_bytes();
        let mut shelf = Shelf::new(2 * size + 1);
        shelf.put("a", sound(100));
        shelf.put("b", sound(100));
        assert!(shelf.take(&"a").is_some());
        shelf.put("c", sound(100));
        assert!(shelf.take(&"b").is_none() && shelf.take(&"a").is_some() && shelf.take(&"c").is_some());
        // The same again takes no more room, and one that is too large takes none.
        shelf.put("c", sound(100));
        shelf.put("d", sound(10 * size));
        assert!(shelf.take(&"a").is_some() && shelf.take(&"c").is_some() && shelf.take(&"d").is_none());
    }
}
