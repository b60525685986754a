//! Packets between clients and peers (RFC 8656 sections 11 and 12).

use super::super::counters::Refused;
use super::super::frames::MAX_MESSAGE_BYTES;
use super::super::message::{Class, Message, Method, attribute};
use super::super::write::{CHANNEL_HEADER_BYTES, Writer, channel_data};
use super::{Flow, FlowKind, Outside, RelayId, TurnServer};
use std::net::SocketAddr;
use std::time::Instant;

/// Where a packet goes.
pub(super) enum Way {
    /// Out of the relay's socket.
    Out(SocketAddr),
    /// To another allocation of this server, without a detour over the network.
    Across(RelayId),
}

impl TurnServer {
    /// Takes a datagram that a peer sent to a relayed address.
    pub fn peer_sent(
        &mut self,
        relay: RelayId,
        from: SocketAddr,
        payload: &[u8],
        now: Instant,
        world: &mut impl Outside,
    ) {
        if payload.len() > MAX_MESSAGE_BYTES {
            return self.refuse(Refused::Malformed);
        }
        // A client knows our media by its public address. The inner one is the second guess, for a client that was told both.
        let outer = self.policy.peers.known_as(from);
        if from != outer && !self.allocations.get(relay).is_some_and(|a| a.permits(outer.ip(), now)) {
            return self.deliver(relay, from, payload, now, world);
        }
        self.deliver(relay, outer, payload, now, world);
    }

    pub(super) fn send_indication(
        &mut self,
        flow: Flow,
        message: &Message<'_>,
        now: Instant,
        world: &mut impl Outside,
    ) {
        let (Some(peer), Some(payload)) = (message.peer, message.data) else {
            return self.refuse(Refused::Malformed);
        };
        if !message.unknown().is_empty() {
            return self.refuse(Refused::Malformed);
        }
        let Some(relay) = self.of_client(&flow, now) else { return self.refuse(Refused::Permission) };
        self.relay(relay, peer, payload, now, world);
    }

    pub(super) fn channel_data(&mut self, flow: Flow, bytes: &[u8], now: Instant, world: &mut impl Outside) {
        let Some(([a, b, c, d], rest)) = bytes.split_first_chunk::<CHANNEL_HEADER_BYTES>() else {
            return self.refuse(Refused::Malformed);
        };
        // A datagram may be padded.
        let Some(payload) = rest.get(..usize::from(u16::from_be_bytes([*c, *d]))) else {
            return self.refuse(Refused::Malformed);
        };
        let Some(relay) = self.of_client(&flow, now) else { return self.refuse(Refused::Permission) };
        let number = u16::from_be_bytes([*a, *b]);
        let peer = self.allocations.get(relay).and_then(|allocation| allocation.peer_of(number, now));
        let Some(peer) = peer else { return self.refuse(Refused::Permission) };
        self.relay(relay, peer, payload, now, world);
    }

    /// Where a packet for a peer goes; `None` for nowhere.
    pub(super) fn way(&self, peer: SocketAddr) -> Option<Way> {
        if let Some(other) = self.by_relayed.get(&peer) {
            return Some(Way::Across(*other));
        }
        self.policy.peers.way(peer).map(Way::Out)
    }

    fn relay(&mut self, relay: RelayId, peer: SocketAddr, payload: &[u8], now: Instant, world: &mut impl Outside) {
        // Looked at again for each packet: a permission is for an address, and we say which of its ports.
        let way = self.way(peer);
        let bytes_per_s = self.policy.limits.bytes_per_s;
        let Some(allocation) = self.allocations.get_mut(relay) else { return };
        if !allocation.permits(peer.ip(), now) {
            return self.refuse(Refused::Permission);
        }
        let Some(way) = way else { return self.refuse(Refused::Peer) };
        if !allocation.to_peers.take(payload.len() as u64, bytes_per_s, now) {
            return self.refuse(Refused::Bandwidth);
        }
        let relayed = allocation.relayed;
        self.counters.packets_to_peers += 1;
        self.counters.bytes_to_peers += payload.len() as u64;
        match way {
            Way::Out(to) => world.to_peer(relay, to, payload),
            Way::Across(other) => self.deliver(other, relayed, payload, now, world),
        }
    }

    fn deliver(&mut self, relay: RelayId, from: SocketAddr, payload: &[u8], now: Instant, world: &mut impl Outside) {
        let is_known = self.way(from).is_some();
        let bytes_per_s = self.policy.limits.bytes_per_s;
        let Some(allocation) = self.allocations.get_mut(relay) else { return };
        if allocation.expires <= now || !allocation.permits(from.ip(), now) {
            return self.refuse(Refused::Permission);
        }
        if !is_known {
            return self.refuse(Refused::Peer);
        }
        if !allocation.to_client.take(payload.len() as u64, bytes_per_s, now) {
            return self.refuse(Refused::Bandwidth);
        }
        let flow = allocation.flow;
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.counters.packets_to_clients.to_be_bytes());
        match allocation.channel_of(from, now) {
            Some(channel) => channel_data(&mut self.out, channel, payload, flow.kind != FlowKind::Udp),
            None => {
                let mut writer = Writer::new(&mut self.out, Method::Data, Class::Indication, id);
                writer.address(attribute::XOR_PEER_ADDRESS, from);
                writer.attribute(attribute::DATA, payload);
                writer.finish(None);
            }
        }
        self.counters.packets_to_clients += 1;
        self.counters.bytes_to_clients += payload.len() as u64;
        world.to_client(flow, &self.out);
    }
}
