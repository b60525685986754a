//! The mixes that there are: one for all who hear the same.

use super::ear::Key;
use super::mixdown::{Mixdown, SourceKey};
use super::source::Source;
use super::{Output, OutputId};
use rustc_hash::FxHashMap;
use slotmap::SlotMap;
use std::collections::{BTreeMap, VecDeque};

/// Mixes by their numbers and by what they are made by.
#[derive(Debug, Default)]
pub(super) struct Classes {
    all: BTreeMap<OutputId, Mixdown>,
    by_key: FxHashMap<Key, OutputId>,
    last: u64,
    /// Mixes that nobody may have any more.
    vacant: Vec<OutputId>,
    /// Mixes whose voices have not been looked up.
    uncast: Vec<OutputId>,
}

impl Classes {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Mixdown> {
        self.all.values_mut()
    }

    /// Whether none has anything to say.
    pub(super) fn sleep(&self) -> bool {
        self.all.values().all(Mixdown::sleeps)
    }

    /// Whether some are to be dropped.
    pub(super) fn has_vacant(&self) -> bool {
        !self.vacant.is_empty()
    }

    /// The mix made so, a new one if there is none.
    pub(super) fn find(&mut self, key: Key) -> OutputId {
        if let Some(output) = self.by_key.get(&key) {
            return *output;
        }
        self.last += 1;
        let output = OutputId(self.last);
        self.all.insert(output, Mixdown::new(output, key.clone()));
        self.by_key.insert(key, output);
        self.uncast.push(output);
        output
    }

    pub(super) fn join(&mut self, output: OutputId) {
        if let Some(class) = self.all.get_mut(&output) {
            class.members += 1;
        }
    }

    pub(super) fn leave(&mut self, output: OutputId) {
        let Some(class) = self.all.get_mut(&output) else { return };
        class.members = class.members.saturating_sub(1);
        if class.members == 0 {
            self.vacant.push(output);
        }
    }

    /// Ends mixes that nobody has.
    pub(super) fn drop_vacant(&mut self, outputs: &mut VecDeque<Output>) {
        for output in self.vacant.drain(..) {
            // Somebody may have come back to it.
            if self.all.get(&output).is_none_or(|class| class.members > 0) {
                continue;
            }
            if let Some(class) = self.all.remove(&output) {
                self.by_key.remove(&class.key);
                outputs.push_back(Output::Gone { output });
            }
        }
    }

    /// Looks up who is heard in which mix: in all, or in those that are new.
    pub(super) fn cast(&mut self, heard: &[SourceKey], sources: &SlotMap<SourceKey, Source>, all: bool) {
        if all {
            self.uncast.clear();
            self.all.values_mut().for_each(|class| class.cast(heard, sources));
            return;
        }
        for output in self.uncast.drain(..) {
            if let Some(class) = self.all.get_mut(&output) {
                class.cast(heard, sources);
            }
        }
    }

    /// Begins those mixes anew that a source is in; how many they were.
    pub(super) fn rebuild_with(&mut self, source: SourceKey) -> u64 {
        let having = self.all.values_mut().filter(|class| class.has(source));
        having.map(Mixdown::rebuild).count() as u64
    }
}
