//! What was decided, as long as there is room.

use crate::node::Decision;
use std::collections::HashMap;

/// Decisions in each of the two halves: some 300 bytes each, so 10 MB at the most that a key can have.
const HALF: usize = 4_096;
/// Longest key, in bytes. What has a longer one is decided each time.
const MAX_KEY: usize = 1_200;

/// Remembers the last decisions: when a half is full, the older one is forgotten.
#[derive(Debug, Default)]
pub(super) struct Cache {
    // The standard hasher: peers choose what is in the keys.
    young: HashMap<Box<str>, Decision>,
    old: HashMap<Box<str>, Decision>,
}

impl Cache {
    pub(super) fn get(&mut self, key: &str) -> Option<Decision> {
        if let Some(decision) = self.young.get(key) {
            return Some(decision.clone());
        }
        let (key, decision) = self.old.remove_entry(key)?;
        self.insert(key, decision.clone());
        Some(decision)
    }

    pub(super) fn put(&mut self, key: &str, decision: &Decision) {
        if key.len() <= MAX_KEY {
            self.insert(key.into(), decision.clone());
        }
    }

    fn insert(&mut self, key: Box<str>, decision: Decision) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, decision);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let mut cache = Cache::default();
        cache.put("often", &Decision::Allow);
        for number in 0..5 * HALF {
            cache.put(&number.to_string(), &Decision::Deny("no".into()));
            assert_eq!(cache.get("often"), Some(Decision::Allow), "{number}");
            assert!(cache.len() <= 2 * HALF);
        }
        assert_eq!(cache.get("0"), None);
        cache.put(&"x".repeat(MAX_KEY + 1), &Decision::Allow);
        assert_eq!(cache.get(&"x".repeat(MAX_KEY + 1)), None);
    }
}
