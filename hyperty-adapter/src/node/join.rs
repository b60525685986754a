//! A node among others that serve the same domain.

use super::cluster::{self, Cluster, Kind, NodeId, Tie, To};
use super::session::{ConnectionId, SessionId};
use super::table::NotGiven;
use super::{Asker, Effect, Loss, Node};
use crate::address::Address;
use crate::envelope::Envelope;
use bytes::Bytes;
use slotmap::Key;
use std::str;
use std::sync::Arc;
use std::time::Instant;

impl Node {
    /// From now on it is one of several nodes. `own` must be of this process alone: a random number.
    pub fn join(&mut self, now: Instant, own: NodeId) {
        self.table.watch();
        self.cluster = Some(Box::new(Cluster::new(own, now, self.settings.limits.addresses)));
        self.look_at_nodes(now);
    }

    /// Tells the others that it is no longer one of them.
    pub fn leave(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            self.effects.push(Effect::Tell { to: To::All, frame: cluster.bye() });
        }
    }

    /// Another node said something.
    pub fn frame(&mut self, now: Instant, frame: &Bytes) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some((kind, from, text)) = cluster::read(frame) else {
            self.counters.bad_frames += 1;
            return;
        };
        if from == cluster.own() {
            return;
        }
        match kind {
            Kind::Control => self.hear_node(now, from, &text),
            Kind::Message => self.bring(&text),
        }
    }

    /// A message from another node: for the sessions of this one, and for nobody else's, so that none goes around.
    fn bring(&mut self, text: &Bytes) {
        let Some(Ok(message)) = str::from_utf8(text).ok().map(Envelope::parse) else {
            self.counters.bad_frames += 1;
            return;
        };
        self.counters.brought += 1;
        for to in &message.to {
            if self.deliver_here(to, text) > 0 {
                continue;
            }
            let Some(component) = self.component(to) else {
                self.counters.lose(Loss::NoReceiver);
                continue;
            };
            self.counters.handed += 1;
            let asker = Asker { session: SessionId::null(), connection: ConnectionId::null() };
            self.effects.push(Effect::Hand { component, asker, text: text.clone() });
        }
    }

    fn hear_node(&mut self, now: Instant, from: NodeId, text: &Bytes) {
        let Self { cluster: Some(cluster), sessions, runtimes, .. } = self else { return };
        let is_away = |address: &str| {
            runtimes.get(address).and_then(|id| sessions.get(*id)).is_some_and(|session| session.waiting.is_some())
        };
        let outcome = cluster.hear(now, from, text, is_away);
        self.counters.bad_frames += u64::from(outcome.is_malformed);
        self.counters.left_out = cluster.remote().left_out();
        self.tell_all(outcome.frames);
        for address in outcome.lost {
            // Of a part of the server each node may have its own.
            if self.components.contains_key(&*address) {
                continue;
            }
            self.counters.conflicts += 1;
            match self.runtimes.get(&address).copied() {
                Some(session) => self.end(session),
                None => self.table.disown(&address),
            }
        }
        if let Some(asker) = outcome.tell_all_to {
            self.tell_everything(asker);
        }
    }

    /// What changed since the last time, to all other nodes.
    pub(super) fn tell_news(&mut self) {
        if !self.table.has_changed() {
            return;
        }
        let changed = self.table.take_changed();
        let ties = self.ties(changed.into_iter());
        let mut frames = Vec::new();
        if let Some(cluster) = &mut self.cluster {
            cluster.news(ties, &mut frames);
        }
        self.tell_all(frames);
    }

    fn tell_everything(&mut self, asker: NodeId) {
        // What is not told yet goes first: everything is as of the last frame of news.
        self.tell_news();
        let components = self.components.keys().map(|address| Arc::from(&**address));
        let all: Vec<Arc<str>> =
            self.runtimes.keys().chain(self.table.addresses()).cloned().chain(components).collect();
        let ties = self.ties(all.into_iter());
        let mut frames = Vec::new();
        if let Some(cluster) = &mut self.cluster {
            cluster.whole(asker, ties, &mut frames);
        }
        self.tell_all(frames);
    }

    fn ties(&mut self, addresses: impl Iterator<Item = Arc<str>>) -> Vec<Tie> {
        let Self { cluster: Some(cluster), sessions, runtimes, table, components, .. } = self else {
            return Vec::new();
        };
        addresses
            .map(|address| {
                let session = runtimes.get(&address).and_then(|id| sessions.get(*id));
                let entry = table.entry(&address);
                let is_owned = session.is_some()
                    || components.contains_key(&*address)
                    || entry.is_some_and(|entry| entry.owner.is_some());
                let is_heard = entry.is_some_and(|entry| !entry.hearers.is_empty());
                let is_away = session.is_some_and(|session| session.waiting.is_some());
                cluster.tie(address, is_owned, is_heard, is_away)
            })
            .collect()
    }

    fn tell_all(&mut self, frames: Vec<Bytes>) {
        self.effects.extend(frames.into_iter().map(|frame| Effect::Tell { to: To::All, frame }));
    }

    pub(super) fn look_at_nodes(&mut self, now: Instant) {
        // What changed has its number before that is said.
        self.tell_news();
        let Some(cluster) = &mut self.cluster else { return };
        let mut frames = Vec::new();
        self.counters.nodes_lost += cluster.tick(now, &mut frames) as u64;
        self.tell_all(frames);
    }

    /// To the other nodes with sessions that have or hear an address. Gives how many those are.
    pub(super) fn forward(&mut self, to: &Address<'_>, text: &Bytes) -> usize {
        let Some(cluster) = &self.cluster else { return 0 };
        let remote = cluster.remote();
        let of_runtime = to.runtime().filter(|runtime| *runtime != to.as_str());
        let mut nodes: Vec<NodeId> =
            remote.nodes(to.as_str()).chain(of_runtime.into_iter().flat_map(|runtime| remote.nodes(runtime))).collect();
        if nodes.is_empty() {
            return 0;
        }
        nodes.sort_unstable();
        nodes.dedup();
        let frame = cluster::message(cluster.own(), text);
        // Whose the sender is goes before the message: the answer to it may be sent at once.
        self.tell_news();
        self.counters.forwarded += nodes.len() as u64;
        let tell = |node: &NodeId| Effect::Tell { to: To::One(*node), frame: frame.clone() };
        self.effects.extend(nodes.iter().map(tell));
        nodes.len()
    }

    /// Gives an address to a session, unless another has it, here or elsewhere.
    pub(super) fn own(&mut self, session: SessionId, address: &str) -> Result<(), NotGiven> {
        let is_its_own = self.table.tie(session, address).is_some_and(|tie| tie.owns);
        if !is_its_own && self.is_elsewhere(address) {
            return Err(NotGiven::Taken);
        }
        self.table.own(session, address)
    }

    /// Whether a session of another node has an address.
    pub(super) fn is_elsewhere(&self, address: &str) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.remote().is_owned(address))
    }

    /// Whether another node has a session of this runtime, and its client is there.
    pub(super) fn is_connected_elsewhere(&self, runtime: &str) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.remote().is_here(runtime))
    }
}
