//! The server: what clients and peers send goes in, answers and relayed packets come out.

mod authenticate;
mod relay;
mod requests;
#[cfg(test)]
mod tests;

use super::allocation::{Allocation, CHANNEL_NUMBERS};
use super::counters::{Refused, TurnCounters};
use super::credentials::{TurnCredentials, User};
use super::frames::MAX_MESSAGE_BYTES;
use super::message::{Class, Message, Method, TransactionId, attribute};
use super::nonce::Nonces;
use super::peers::PeerPolicy;
use super::policy::{Now, TurnPolicy};
use super::rate::Strangers;
use super::write::Writer;
use crate::wire::household;
use aws_lc_rs::hmac;
use rustc_hash::FxHashMap;
use slotmap::SlotMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

slotmap::new_key_type! {
    /// An allocation, and the socket that relays for it.
    pub struct RelayId;
}

/// How a client reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowKind {
    /// Datagrams.
    Udp,
    /// A TCP connection.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// The 5-tuple between a client and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// How.
    pub kind: FlowKind,
    /// Our address.
    pub local: SocketAddr,
    /// The client's.
    pub remote: SocketAddr,
}

/// Why there is no socket to relay with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRelay {
    /// This machine has no address of the family.
    Family,
    /// There is no free port.
    Capacity,
}

/// What the server has done for it. None of these may call back.
pub trait Outside {
    /// Sends to a client.
    fn to_client(&mut self, flow: Flow, bytes: &[u8]);
    /// Sends from a relayed address.
    fn to_peer(&mut self, relay: RelayId, peer: SocketAddr, bytes: &[u8]);
    /// Opens a socket and tells the address that peers know it by.
    ///
    /// # Errors
    /// When there is none to be had.
    fn open_relay(&mut self, relay: RelayId, client: Flow, is_ipv4: bool) -> Result<SocketAddr, NoRelay>;
    /// Closes it.
    fn close_relay(&mut self, relay: RelayId);
}

/// A TURN server without sockets.
#[derive(Debug)]
pub struct TurnServer {
    policy: TurnPolicy,
    credentials: TurnCredentials,
    nonces: Nonces,
    strangers: Strangers,
    /// Bounded by the limits on allocations, and so are the four maps.
    allocations: SlotMap<RelayId, Allocation>,
    by_flow: FxHashMap<Flow, RelayId>,
    by_relayed: FxHashMap<SocketAddr, RelayId>,
    by_user: FxHashMap<User, usize>,
    /// By [`household`].
    by_host: FxHashMap<IpAddr, usize>,
    counters: TurnCounters,
    /// What is being written; used again for each.
    out: Vec<u8>,
}

impl TurnServer {
    /// A server. `seed` is what its nonces are made with, and must be random.
    #[must_use]
    pub fn new(policy: TurnPolicy, credentials: TurnCredentials, seed: [u8; 32], now: Now) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = seed;
        let table_seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Self {
            strangers: Strangers::new(policy.limits.refusals_per_s, table_seed, now.instant),
            policy,
            credentials,
            nonces: Nonces::new(&seed),
            allocations: SlotMap::with_key(),
            by_flow: FxHashMap::default(),
            by_relayed: FxHashMap::default(),
            by_user: FxHashMap::default(),
            by_host: FxHashMap::default(),
            counters: TurnCounters::default(),
            out: Vec::with_capacity(MAX_MESSAGE_BYTES + 64),
        }
    }

    /// Sends to these from now on. What was permitted stays permitted, and goes where the policy lets it.
    pub fn set_peers(&mut self, peers: PeerPolicy) {
        self.policy.peers = peers;
    }

    /// The counts.
    #[must_use]
    pub fn counters(&self) -> TurnCounters {
        TurnCounters { allocations: self.allocations.len() as u64, ..self.counters }
    }

    /// Counts something that went no further before or after it was here.
    pub fn refuse(&mut self, why: Refused) {
        self.counters.refuse(why);
    }

    /// Whether a client has an allocation.
    #[must_use]
    pub fn is_in_use(&self, flow: &Flow) -> bool {
        self.by_flow.contains_key(flow)
    }

    /// Takes a message from a client: a datagram, or a message of a stream.
    pub fn client_sent(&mut self, flow: Flow, bytes: &[u8], now: Now, world: &mut impl Outside) {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return self.refuse(Refused::Malformed);
        }
        if let Some([high, low]) = bytes.first_chunk()
            && CHANNEL_NUMBERS.contains(&u16::from_be_bytes([*high, *low]))
        {
            return self.channel_data(flow, bytes, now.instant, world);
        }
        let Some(message) = Message::parse(bytes) else { return self.refuse(Refused::Malformed) };
        match (message.class, message.method) {
            (Class::Request, Method::Binding) => self.binding(flow, &message, now, world),
            (Class::Request, _) => self.request(flow, &message, now, world),
            (Class::Indication, Method::Send) => self.send_indication(flow, &message, now.instant, world),
            // A keep-alive.
            (Class::Indication, Method::Binding) => {}
            _ => self.refuse(Refused::Malformed),
        }
    }

    /// A client's stream has ended: so has his allocation (RFC 8656 section 3.1).
    pub fn stream_closed(&mut self, flow: &Flow, world: &mut impl Outside) {
        if let Some(relay) = self.by_flow.get(flow) {
            self.remove(*relay, world);
        }
    }

    /// Removes what has expired. Once a second is often enough: what has expired is not used until then either.
    pub fn sweep(&mut self, now: Instant, world: &mut impl Outside) {
        let expired = |(relay, allocation): (RelayId, &Allocation)| (allocation.expires <= now).then_some(relay);
        let expired: Vec<RelayId> = self.allocations.iter().filter_map(expired).collect();
        for relay in expired {
            self.remove(relay, world);
        }
    }

    /// Forgets every allocation. The sockets are the caller's to close.
    pub fn clear(&mut self) {
        self.allocations.clear();
        self.by_flow.clear();
        self.by_relayed.clear();
        self.by_user.clear();
        self.by_host.clear();
    }

    fn remove(&mut self, relay: RelayId, world: &mut impl Outside) {
        let Some(allocation) = self.allocations.remove(relay) else { return };
        self.by_flow.remove(&allocation.flow);
        self.by_relayed.remove(&allocation.relayed);
        one_less(&mut self.by_user, &allocation.user);
        one_less(&mut self.by_host, &household(allocation.flow.remote.ip()));
        world.close_relay(relay);
    }

    /// The allocation of a client that has not expired.
    fn of_client(&self, flow: &Flow, now: Instant) -> Option<RelayId> {
        let relay = *self.by_flow.get(flow)?;
        self.allocations.get(relay).filter(|allocation| allocation.expires > now).map(|_| relay)
    }

    /// STUN: which address a client comes from.
    fn binding(&mut self, flow: Flow, message: &Message<'_>, now: Now, world: &mut impl Outside) {
        if !self.strangers.may_answer(flow.remote.ip(), now.instant) {
            return self.refuse(Refused::Rationed);
        }
        let mut writer = Writer::new(&mut self.out, Method::Binding, Class::Success, message.id);
        writer.address(attribute::XOR_MAPPED_ADDRESS, flow.remote);
        writer.finish(None);
        world.to_client(flow, &self.out);
    }
}

fn one_less<K: Hash + Eq>(counts: &mut FxHashMap<K, usize>, key: &K) {
    let Some(count) = counts.get_mut(key) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
    }
}

/// Where an answer goes, and what it is signed with.
struct Asker<'a> {
    flow: Flow,
    method: Method,
    id: TransactionId,
    key: &'a hmac::Key,
}
