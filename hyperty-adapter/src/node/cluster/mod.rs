//! Several nodes that serve one domain: who of them has and hears which address.
//!
//! Each node tells all others what its own sessions have and hear, in numbered frames: what changed (`News`), and everything (`Whole`) to one that asks,
//! because it is new or has missed a number. A message for an address of another node's goes to that node, and from there to its own sessions alone: a
//! message crosses once, so that nodes cannot send it around. Nothing is kept for a node that is away: after [`GONE_AFTER`] without a sign of life its
//! addresses are nobody's, and when it is back it says everything again.
//!
//! Two nodes may give one address away at the same moment. Each claim has a number that grows with all that a node has heard of (a Lamport clock); the
//! smaller number, or else the smaller node, keeps the address, and both sides see that alike.
//!
//! Sans-IO as the rest of the node: frames come and go as bytes. All frames for all nodes come in the order in which their node sent them, or not at all.

mod frame;
mod remote;

pub(super) use frame::{Kind, Tie, message, read};

use frame::Control;
use remote::Remote;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// How often a node says that it is there.
pub const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// After so long without a word a node is gone.
pub const GONE_AFTER: Duration = Duration::from_secs(5);
/// Other nodes at most. More are not heard.
const MAX_NODES: usize = 64;

/// A node, as long as its process lives: drawn at random when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// For whom a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// All other nodes.
    All,
    /// One.
    One(NodeId),
}

/// What one node is to another.
#[derive(Debug)]
struct Peer {
    seen: Instant,
    /// The number of its last frame that was taken. None until it has said everything.
    taken: Option<u64>,
    /// The part of everything that comes next.
    part: u32,
    asked: Option<Instant>,
}

/// What is to be done about what a frame says.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Somebody wants to know everything.
    pub(super) tell_all_to: Option<NodeId>,
    /// Addresses that both have and the other keeps.
    pub(super) lost: Vec<Arc<str>>,
    pub(super) frames: Vec<Bytes>,
    pub(super) is_malformed: bool,
}

/// The other nodes, in the eyes of one.
#[derive(Debug)]
pub(super) struct Cluster {
    own: NodeId,
    /// The number of the last frame for all.
    sent: u64,
    /// Grows with every claim that was made or heard of.
    clock: u64,
    /// The numbers of our own claims.
    claims: HashMap<Arc<str>, u64>,
    peers: HashMap<NodeId, Peer>,
    remote: Remote,
    alive_at: Instant,
}

impl Cluster {
    pub(super) fn new(own: NodeId, now: Instant, addresses: usize) -> Self {
        let (peers, claims, remote) = (HashMap::new(), HashMap::new(), Remote::new(addresses));
        Self { own, sent: 0, clock: 0, claims, peers, remote, alive_at: now }
    }

    pub(super) fn own(&self) -> NodeId {
        self.own
    }

    pub(super) fn nodes(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn addresses(&self) -> usize {
        self.remote.len()
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    pub(super) fn deadline(&self) -> Instant {
        self.alive_at
    }

    /// Says that it is there, when it is time, and forgets who is not. Gives how many those were.
    pub(super) fn tick(&mut self, now: Instant, frames: &mut Vec<Bytes>) -> usize {
        if self.alive_at > now {
            return 0;
        }
        self.alive_at = now + ALIVE_EVERY;
        frames.push(frame::control(self.own, &Control::Alive { sent: self.sent }));
        let gone: Vec<NodeId> =
            self.peers.iter().filter(|(_, peer)| peer.seen + GONE_AFTER <= now).map(|(id, _)| *id).collect();
        gone.iter().for_each(|id| self.drop_peer(*id));
        gone.len()
    }

    /// The last word of a node that stops.
    pub(super) fn bye(&self) -> Bytes {
        frame::control(self.own, &Control::Bye)
    }

    /// What to say of an address of ours: with the number of its claim, which it gets if it has none.
    pub(super) fn tie(&mut self, address: Arc<str>, is_owned: bool, is_heard: bool, is_away: bool) -> Tie {
        let owner = if is_owned {
            let next = self.clock + 1;
            let claim = *self.claims.entry(address.clone()).or_insert(next);
            self.clock = self.clock.max(claim);
            Some(claim)
        } else {
            self.claims.remove(&address);
            None
        };
        Tie { address, owner, heard: is_heard, away: is_away }
    }

    /// Frames that say what changed.
    pub(super) fn news(&mut self, ties: Vec<Tie>, frames: &mut Vec<Bytes>) {
        for ties in frame::chunks(ties) {
            self.sent += 1;
            frames.push(frame::control(self.own, &Control::News { sent: self.sent, ties }));
        }
    }

    /// Frames that say everything, to one.
    pub(super) fn whole(&self, to: NodeId, ties: Vec<Tie>, frames: &mut Vec<Bytes>) {
        let mut chunks: Vec<_> = frame::chunks(ties).collect();
        if chunks.is_empty() {
            chunks.push(Vec::new());
        }
        let last = chunks.len() - 1;
        for (part, ties) in chunks.into_iter().enumerate() {
            let (sent, is_last, part) = (self.sent, part == last, u32::try_from(part).unwrap_or(u32::MAX));
            frames.push(frame::control(self.own, &Control::Whole { to: to.0, sent, part, last: is_last, ties }));
        }
    }

    /// Another node said something about itself.
    pub(super) fn hear(&mut self, now: Instant, from: NodeId, text: &[u8], own_away: impl Fn(&str) -> bool) -> Outcome {
        let mut outcome = Outcome::default();
        if from == self.own {
            return outcome;
        }
        let Ok(control) = serde_json::from_slice::<Control>(text) else {
            outcome.is_malformed = true;
            return outcome;
        };
        if let Control::Bye = control {
            self.drop_peer(from);
            return outcome;
        }
        if !self.peers.contains_key(&from) {
            if self.peers.len() >= MAX_NODES {
                return outcome;
            }
            self.peers.insert(from, Peer { seen: now, taken: None, part: 0, asked: None });
            // So that it need not wait for the next time to know us.
            outcome.frames.push(frame::control(self.own, &Control::Alive { sent: self.sent }));
        }
        let Some(peer) = self.peers.get_mut(&from) else { return outcome };
        peer.seen = now;
        let mut ties = Vec::new();
        match control {
            Control::Alive { sent } => {
                if peer.taken.is_some_and(|taken| taken != sent) {
                    (peer.taken, peer.asked) = (None, None);
                }
            }
            Control::News { sent, ties: some } => match peer.taken {
                Some(taken) if sent == taken + 1 => {
                    peer.taken = Some(sent);
                    ties = some;
                }
                // What was said before everything was, and came after it.
                Some(taken) if sent <= taken => {}
                Some(_) => (peer.taken, peer.asked) = (None, None),
                None => {}
            },
            Control::Whole { to, sent, part, last, ties: some } if to == self.own.0 => {
                if part == 0 {
                    (peer.part, peer.taken) = (0, None);
                    self.remote.forget(from);
                }
                if peer.part == part && peer.taken.is_none() {
                    peer.part += 1;
                    ties = some;
                    if last {
                        peer.taken = Some(sent);
                    }
                }
            }
            Control::Whole { .. } => {}
            Control::Ask { of } => outcome.tell_all_to = (of == self.own.0).then_some(from),
            Control::Bye => {}
        }
        if peer.taken.is_none() && peer.asked.is_none_or(|asked| asked + ALIVE_EVERY <= now) {
            peer.asked = Some(now);
            outcome.frames.push(frame::control(self.own, &Control::Ask { of: from.0 }));
        }
        for tie in ties {
            self.take(from, tie, &own_away, &mut outcome.lost);
        }
        outcome
    }

    fn take(&mut self, from: NodeId, tie: Tie, own_away: &impl Fn(&str) -> bool, lost: &mut Vec<Arc<str>>) {
        if let Some(claim) = tie.owner {
            self.clock = self.clock.max(claim);
            if let Some(own) = self.claims.get(&tie.address).copied() {
                // A session whose client is away gives way to one whose client is there.
                let ours = (own_away(&tie.address), own, self.own);
                if (tie.away, claim, from) < ours {
                    self.claims.remove(&tie.address);
                    lost.push(tie.address.clone());
                }
            }
        }
        self.remote.put(from, tie);
    }

    fn drop_peer(&mut self, id: NodeId) {
        if self.peers.remove(&id).is_some() {
            self.remote.forget(id);
        }
    }
}
