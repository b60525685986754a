//! What sessions of other nodes have and hear.

use super::NodeId;
use super::frame::Tie;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One address.
#[derive(Debug, Default)]
struct Entry {
    /// Who has it, by the claim of which number, and whether that client is away. Two nodes do for a moment.
    owners: Vec<(NodeId, u64, bool)>,
    hearers: Vec<NodeId>,
}

/// All of them.
#[derive(Debug)]
pub(in crate::node) struct Remote {
    // The standard hasher: clients choose the addresses.
    entries: HashMap<Arc<str>, Entry>,
    by_node: HashMap<NodeId, HashSet<Arc<str>>>,
    most: usize,
    /// What did not fit.
    left_out: u64,
}

impl Remote {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), by_node: HashMap::new(), most, left_out: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Addresses that did not fit, and that messages of this node do not reach.
    pub(in crate::node) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether a session of another node has it.
    pub(in crate::node) fn is_owned(&self, address: &str) -> bool {
        self.entries.get(address).is_some_and(|entry| !entry.owners.is_empty())
    }

    /// Whether one has it whose client is there.
    pub(in crate::node) fn is_here(&self, address: &str) -> bool {
        self.entries.get(address).is_some_and(|entry| entry.owners.iter().any(|(_, _, is_away)| !is_away))
    }

    /// Nodes with sessions that have or hear it.
    pub(in crate::node) fn nodes(&self, address: &str) -> impl Iterator<Item = NodeId> {
        let entry = self.entries.get(address);
        let owners = entry.into_iter().flat_map(|entry| entry.owners.iter().map(|(node, ..)| *node));
        let hearers = entry.into_iter().flat_map(|entry| entry.hearers.iter().copied());
        owners.chain(hearers)
    }

    pub(super) fn put(&mut self, from: NodeId, tie: Tie) {
        let Tie { address, owner, heard, away } = tie;
        let is_nothing = owner.is_none() && !heard;
        if is_nothing {
            return self.clear(from, &address);
        }
        if !self.entries.contains_key(&address) && self.entries.len() >= self.most {
            self.left_out += 1;
            return;
        }
        let entry = self.entries.entry(address.clone()).or_default();
        entry.owners.retain(|(node, ..)| *node != from);
        entry.hearers.retain(|node| *node != from);
        entry.owners.extend(owner.map(|claim| (from, claim, away)));
        entry.hearers.extend(heard.then_some(from));
        self.by_node.entry(from).or_default().insert(address);
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        for address in self.by_node.remove(&node).unwrap_or_default() {
            self.remove(node, &address);
        }
    }

    fn clear(&mut self, from: NodeId, address: &str) {
        if let Some(known) = self.by_node.get_mut(&from) {
            known.remove(address);
        }
        self.remove(from, address);
    }

    fn remove(&mut self, from: NodeId, address: &str) {
        let Some(entry) = self.entries.get_mut(address) else { return };
        entry.owners.retain(|(node, ..)| *node != from);
        entry.hearers.retain(|node| *node != from);
        if entry.owners.is_empty() && entry.hearers.is_empty() {
            self.entries.remove(address);
        }
    }
}
