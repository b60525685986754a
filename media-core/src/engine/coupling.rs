//! Receivers behind one address: whether they share a bottleneck, and what each leaves to the others.

use super::Engine;
use crate::api::AdvertisedAddress;
use crate::bandwidth::{Coupled, Share};
use crate::keys::PeerKey;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// What the allocator asks for beyond the cost, in percent.
const HEADROOM_PCT: u64 = 115;
/// What a plan costs wobbles by so much, in percent; it is not given up for that.
const WOBBLE_PCT: u64 = 110;
/// Who gives up a step has less than this of what he had, in percent: no two layers are nearer.
const YIELDED_PCT: u64 = 79;

/// What a participant may use, bits/s, for the sake of those who share his bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Of his target.
    pub(super) budget_bps: u64,
    /// What he needs room for besides, before he rises.
    pub(super) owed_bps: u64,
}

/// Where participants may have a bottleneck in common: an IPv4 address, or the /64 of an IPv6 one.
pub(super) fn premises(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Engine {
    /// Takes note of what a participant has, and tells what he may use of his target.
    pub(super) fn couple(&mut self, now: Instant, key: PeerKey, target_bps: u64) -> Due {
        let alone = Due { budget_bps: target_bps, owed_bps: 0 };
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.outflow.gives_feedback()) else { return alone };
        let Some(path) = peer.transport.as_ref().and_then(|t| t.path()) else { return alone };
        // Behind an address of ours is whoever is relayed by us, or a machine's own loopback.
        let is_ours = |ours: &AdvertisedAddress| [ours.local.ip(), ours.public.ip()].contains(&path.remote.ip());
        if self.config.addresses.iter().any(is_ours) {
            return alone;
        }
        let outflow = &mut peer.outflow;
        let (allocated_bps, needed_bps) = (outflow.allocated_bps, outflow.needed_bps);
        let probed = outflow.bandwidth.take_probed(now);
        let premises = premises(path.remote.ip());
        if !self.coupled.contains_key(&premises) {
            self.coupled.retain(|_, coupled| !coupled.is_empty(now));
        }
        let coupled = self.coupled.entry(premises).or_insert_with(|| Coupled::new(now));
        let level_bps = needed_bps / HEADROOM_PCT * 100;
        let owed_bps = coupled.owed_bps(key, level_bps);
        let is_short = needed_bps > 0 && target_bps < needed_bps.saturating_add(owed_bps);
        coupled.tell(now, key, Share { allocated_bps, wanted_bps: outflow.wanted_bps, is_short });
        if let Some(span) = probed {
            let swell = |of: PeerKey| self.peers.get(of)?.outflow.bandwidth.swell(&span);
            coupled.probed(key, swell);
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.outflow.has_turn = coupled.has_turn(now, key);
            peer.outflow.bandwidth.set_beside(coupled.beside_bps(key));
        }
        if coupled.yields(now, key, target_bps) {
            return Due { budget_bps: target_bps.min(allocated_bps / 100 * YIELDED_PCT), owed_bps };
        }
        let kept_bps = target_bps.min(allocated_bps / 100 * WOBBLE_PCT);
        Due { budget_bps: coupled.fair_bps(key, target_bps).max(kept_bps), owed_bps }
    }
}
