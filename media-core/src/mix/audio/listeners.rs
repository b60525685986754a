//! Who listens, and which mix he has.

use super::ear::Rules;
use super::{GroupId, ListenerId, OutputId, SourceId};
use rustc_hash::{FxHashMap, FxHashSet};

/// A listener.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) rules: Rules,
    pub(super) output: Option<OutputId>,
}

/// All of them, and by whom they are concerned.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    all: FxHashMap<ListenerId, Listener>,
    /// Those whose rules name a source: who is in the mix decides which mix they have.
    naming: FxHashMap<SourceId, FxHashSet<ListenerId>>,
    /// How many want to hear a source by its name.
    wanting: FxHashMap<SourceId, usize>,
    /// How many hear a group.
    hearing: FxHashMap<GroupId, usize>,
    /// Those whose mix must be looked up anew.
    dirty: FxHashSet<ListenerId>,
    all_dirty: bool,
}

impl Listeners {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn contains(&self, id: ListenerId) -> bool {
        self.all.contains_key(&id)
    }

    pub(super) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.all.get_mut(&id)
    }

    /// Gives a listener other rules, or the first ones.
    pub(super) fn set(&mut self, id: ListenerId, rules: Rules) {
        let output = self.remove(id);
        for (source, is_heard) in rules.named() {
            self.naming.entry(source).or_default().insert(id);
            if is_heard {
                *self.wanting.entry(source).or_default() += 1;
            }
        }
        for group in rules.groups() {
            *self.hearing.entry(group).or_default() += 1;
        }
        self.all.insert(id, Listener { rules, output });
        self.dirty.insert(id);
    }

    /// Takes a listener out; gives the mix that he had.
    pub(super) fn remove(&mut self, id: ListenerId) -> Option<OutputId> {
        let listener = self.all.remove(&id)?;
        self.dirty.remove(&id);
        for (source, is_heard) in listener.rules.named() {
            if let Some(naming) = self.naming.get_mut(&source) {
                naming.remove(&id);
                if naming.is_empty() {
                    self.naming.remove(&source);
                }
            }
            if is_heard {
                one_less(&mut self.wanting, &source);
            }
        }
        for group in listener.rules.groups() {
            one_less(&mut self.hearing, &group);
        }
        listener.output
    }

    /// Whether anybody may hear a source of a group.
    pub(super) fn wants(&self, source: SourceId, group: GroupId) -> bool {
        self.hearing.contains_key(&group) || self.wanting.contains_key(&source)
    }

    /// Whether somebody wants to hear a source by its name: it needs no place among the loudest.
    pub(super) fn wants_by_name(&self, source: SourceId) -> bool {
        self.wanting.contains_key(&source)
    }

    /// A source came into the mixes, left them, or changed its group.
    pub(super) fn touch(&mut self, source: SourceId) {
        if let Some(naming) = self.naming.get(&source) {
            self.dirty.extend(naming);
        }
    }

    /// A group has its first source, or has lost its last one.
    pub(super) fn touch_all(&mut self) {
        self.all_dirty = true;
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.all_dirty || !self.dirty.is_empty()
    }

    /// Those whose mix must be looked up anew, in order.
    pub(super) fn take_dirty(&mut self) -> Vec<ListenerId> {
        let mut ids: Vec<_> = if std::mem::take(&mut self.all_dirty) {
            self.dirty.clear();
            self.all.keys().copied().collect()
        } else {
            self.dirty.drain().collect()
        };
        ids.sort_unstable();
        ids
    }
}

fn one_less<K: std::hash::Hash + Eq>(counts: &mut FxHashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
