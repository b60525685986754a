//! One room's mix, as this worker's share of the room keeps it.

use crate::api::AnnouncementId;
use crate::forward::Ring;
use crate::keys::{ConsumerKey, PeerKey, ProducerKey};
use crate::mix::audio::{Ear, GroupId, ListenerId, OutputId, SourceId};
use crate::mixer::{Groups, Lately};
use rustc_hash::FxHashMap;
use std::time::Instant;

/// Packets kept of each output: those that a redundant payload repeats (RFC 2198).
const RING_PACKETS: usize = 8;

/// Outputs of one room at most: each listener may hear something else, and what was given up may still come.
const MAX_OUTPUTS: usize = 4_096;

/// A room that is mixed.
#[derive(Debug)]
pub(crate) struct MixedRoom {
    /// Which of the mixers that it had; what another says does not count.
    pub(super) life: u64,
    /// When it is opened; it is when it has passed.
    pub(super) open: Opening,
    /// When its mixer is asked next whether it is there, and since when it has not answered.
    pub(super) ping_at: Instant,
    pub(super) silent_since: Option<Instant>,
    pub(super) sources: FxHashMap<SourceId, Tapped>,
    pub(super) listeners: FxHashMap<ListenerId, Listener>,
    /// Who listens no more, and whom the mixer still has; also who listens anew since.
    pub(super) left: Vec<ListenerId>,
    pub(super) outputs: FxHashMap<OutputId, Outlet>,
    pub(super) groups: Groups,
    pub(super) lately: Lately,
    /// What is played, as the mixer knows it.
    pub(super) played: Vec<(AnnouncementId, GroupId)>,
}

/// How it stands with a room's mixer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// It is to be opened then.
    At(Instant),
    Done,
}

/// A source as the mixer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tapped {
    pub(super) producer: ProducerKey,
    pub(super) group: GroupId,
    /// Of its numbers: its publisher may begin anew.
    pub(super) generation: u32,
}

/// Who gets the mix.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) peer: PeerKey,
    pub(super) place: ConsumerKey,
    /// As the mixer was told.
    pub(super) ear: Option<Ear>,
    pub(super) output: Option<OutputId>,
}

/// One encoded mix on its way to all who get it.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) listeners: Vec<ListenerId>,
    /// Packets that came of it.
    pub(super) index: u64,
    pub(super) ring: Ring,
}

impl MixedRoom {
    /// One that nobody listens to yet, and whose mixer is to be opened.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            life: 0,
            open: Opening::At(now),
            ping_at: now,
            silent_since: None,
            sources: FxHashMap::default(),
            listeners: FxHashMap::default(),
            left: Vec::new(),
            outputs: FxHashMap::default(),
            groups: Groups::default(),
            lately: Lately::default(),
            played: Vec::new(),
        }
    }

    /// How many get the mix.
    pub(in crate::engine) fn listeners(&self) -> usize {
        self.listeners.len()
    }

    /// How many different mixes they get.
    pub(in crate::engine) fn outputs(&self) -> usize {
        self.outputs.values().filter(|outlet| !outlet.listeners.is_empty()).count()
    }

    /// Somebody gets the mix at this place from now on.
    pub(super) fn listen(&mut self, id: ListenerId, peer: PeerKey, place: ConsumerKey) {
        match self.listeners.get_mut(&id) {
            Some(known) => (known.peer, known.place) = (peer, place),
            None => drop(self.listeners.insert(id, Listener { peer, place, ear: None, output: None })),
        }
    }

    /// Somebody gets it no more.
    pub(super) fn forget(&mut self, id: ListenerId) {
        self.assign(id, None);
        if self.listeners.remove(&id).is_some_and(|listener| listener.ear.is_some()) {
            self.left.push(id);
        }
    }

    /// Whoever listens gets this output, and no other.
    pub(super) fn assign(&mut self, id: ListenerId, output: Option<OutputId>) {
        let Some(listener) = self.listeners.get_mut(&id) else { return };
        let before = std::mem::replace(&mut listener.output, output);
        if let Some(outlet) = before.and_then(|before| self.outputs.get_mut(&before)) {
            outlet.listeners.retain(|of| *of != id);
        }
        let Some(output) = output else { return };
        if self.outputs.len() >= MAX_OUTPUTS {
            self.outputs.retain(|_, outlet| !outlet.listeners.is_empty());
        }
        let new = || Outlet { listeners: Vec::new(), index: 0, ring: Ring::new(RING_PACKETS) };
        self.outputs.entry(output).or_insert_with(new).listeners.push(id);
    }

    /// The mixer is gone, and all that it knew.
    pub(super) fn lose(&mut self, again: Instant) {
        self.open = Opening::At(again);
        self.silent_since = None;
        self.sources.clear();
        self.played.clear();
        self.outputs.clear();
        self.left.clear();
        self.listeners.values_mut().for_each(|listener| (listener.ear, listener.output) = (None, None));
    }
}
