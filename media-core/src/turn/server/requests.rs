//! Requests of clients who have shown who they are (RFC 8656 sections 7 to 12).

use super::super::allocation::{Allocation, Beginning, CHANNEL_NUMBERS, Denied};
use super::super::counters::Refused;
use super::super::message::{Class, Message, Method, attribute};
use super::super::policy::Now;
use super::super::write::Writer;
use super::authenticate::Known;
use super::{Asker, Flow, NoRelay, Outside, RelayId, TurnServer};
use crate::wire::household;
use std::time::{Duration, Instant};

/// What is granted where nothing else is asked for, in seconds (RFC 8656 section 3.2).
const DEFAULT_LIFETIME_S: u32 = 600;

/// The protocol number of UDP: the only one that is relayed.
const UDP: u8 = 17;

/// Values of REQUESTED-ADDRESS-FAMILY.
const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// A refusal: the code of the answer, and what it counts as.
type Refusal = (u16, Refused);

const BAD_REQUEST: Refusal = (400, Refused::BadRequest);
const MISMATCH: Refusal = (437, Refused::Mismatch);
const FORBIDDEN: Refusal = (403, Refused::Peer);
const CAPACITY: Refusal = (508, Refused::Capacity);

impl TurnServer {
    /// Sees who asks, and does what he wants or says why not.
    pub(super) fn request(&mut self, flow: Flow, message: &Message<'_>, now: Now, world: &mut impl Outside) {
        let Some(known) = self.authenticate(flow, message, now, world) else { return };
        let asker = Asker { flow, method: message.method, id: message.id, key: &known.key };
        let refused = self.carry_out(&asker, &known, message, now.instant, world).err();
        let Some((code, why)) = refused else { return };
        self.refuse(why);
        let mut writer = Writer::new(&mut self.out, message.method, Class::Failure, message.id);
        writer.error(code);
        if code == 420 {
            let unknown: Vec<u8> = message.unknown().iter().flat_map(|kind| kind.to_be_bytes()).collect();
            writer.attribute(attribute::UNKNOWN_ATTRIBUTES, &unknown);
        }
        writer.finish(Some(&known.key));
        world.to_client(flow, &self.out);
    }

    fn carry_out(
        &mut self,
        asker: &Asker<'_>,
        known: &Known,
        message: &Message<'_>,
        now: Instant,
        world: &mut impl Outside,
    ) -> Result<(), Refusal> {
        if !message.unknown().is_empty() {
            return Err((420, Refused::BadRequest));
        }
        let relay = self.of_client(&asker.flow, now);
        if let Some(allocation) = relay.and_then(|relay| self.allocations.get(relay))
            && allocation.user != known.user
        {
            return Err((441, Refused::Credentials));
        }
        if message.method == Method::Allocate {
            return match relay.and_then(|relay| self.allocations.get(relay)) {
                Some(allocation) if allocation.made_by == message.id => {
                    let left = allocation.expires.saturating_duration_since(now).as_secs();
                    self.answer_allocated(asker, relay, u32::try_from(left).unwrap_or(u32::MAX), world);
                    Ok(())
                }
                Some(_) => Err(MISMATCH),
                None => self.allocate(asker, known, message, now, world),
            };
        }
        let relay = relay.ok_or(MISMATCH)?;
        match message.method {
            Method::Refresh => self.refresh(asker, relay, message, now, world),
            Method::CreatePermission => self.create_permission(asker, relay, message, now, world),
            Method::ChannelBind => self.bind_channel(asker, relay, message, now, world),
            Method::Binding | Method::Allocate | Method::Send | Method::Data => Err(BAD_REQUEST),
        }
    }

    fn allocate(
        &mut self,
        asker: &Asker<'_>,
        known: &Known,
        message: &Message<'_>,
        now: Instant,
        world: &mut impl Outside,
    ) -> Result<(), Refusal> {
        match message.transport {
            None => return Err(BAD_REQUEST),
            Some(UDP) => {}
            Some(_) => return Err((442, Refused::BadRequest)),
        }
        let no_family = (440, Refused::BadRequest);
        let is_ipv4 = match message.family {
            None | Some(IPV4) => true,
            Some(IPV6) => false,
            Some(_) => return Err(no_family),
        };
        // One that has expired and not been swept yet.
        self.stream_closed(&asker.flow, world);
        let limits = &self.policy.limits;
        let host = household(asker.flow.remote.ip());
        let of_user = self.by_user.get(&known.user).copied().unwrap_or(0);
        let of_host = self.by_host.get(&host).copied().unwrap_or(0);
        if of_user >= limits.allocations_per_user || of_host >= limits.allocations_per_address {
            return Err((486, Refused::UserQuota));
        }
        if self.allocations.len() >= limits.allocations {
            return Err(CAPACITY);
        }
        let lifetime_s = granted(message.lifetime_s, limits.max_lifetime_s);
        let bytes_per_s = limits.bytes_per_s;
        let beginning = Beginning {
            flow: asker.flow,
            user: known.user.clone(),
            username: message.username.unwrap_or_default().into(),
            key: known.key.clone(),
            relayed: asker.flow.local,
            made_by: message.id,
            expires: now + Duration::from_secs(lifetime_s.into()),
        };
        let relay = self.allocations.insert(Allocation::new(beginning, bytes_per_s, now));
        let relayed = match world.open_relay(relay, asker.flow, is_ipv4) {
            Ok(relayed) => relayed,
            Err(why) => {
                self.allocations.remove(relay);
                return Err(if why == NoRelay::Family { no_family } else { CAPACITY });
            }
        };
        if let Some(allocation) = self.allocations.get_mut(relay) {
            allocation.relayed = relayed;
        }
        self.by_flow.insert(asker.flow, relay);
        self.by_relayed.insert(relayed, relay);
        *self.by_user.entry(known.user.clone()).or_default() += 1;
        *self.by_host.entry(host).or_default() += 1;
        self.counters.allocated += 1;
        self.answer_allocated(asker, Some(relay), lifetime_s, world);
        Ok(())
    }

    fn answer_allocated(
        &mut self,
        asker: &Asker<'_>,
        relay: Option<RelayId>,
        lifetime_s: u32,
        world: &mut impl Outside,
    ) {
        let Some(allocation) = relay.and_then(|relay| self.allocations.get(relay)) else { return };
        let relayed = allocation.relayed;
        self.succeed(asker, world, |writer| {
            writer.address(attribute::XOR_RELAYED_ADDRESS, relayed);
            writer.attribute(attribute::LIFETIME, &lifetime_s.to_be_bytes());
            writer.address(attribute::XOR_MAPPED_ADDRESS, asker.flow.remote);
        });
    }

    fn refresh(
        &mut self,
        asker: &Asker<'_>,
        relay: RelayId,
        message: &Message<'_>,
        now: Instant,
        world: &mut impl Outside,
    ) -> Result<(), Refusal> {
        let max_lifetime_s = self.policy.limits.max_lifetime_s;
        let allocation = self.allocations.get_mut(relay).ok_or(MISMATCH)?;
        let family = if allocation.relayed.is_ipv4() { IPV4 } else { IPV6 };
        if message.family.is_some_and(|asked| asked != family) {
            return Err((443, Refused::BadRequest));
        }
        let lifetime_s = match message.lifetime_s {
            Some(0) => 0,
            asked => granted(asked, max_lifetime_s),
        };
        allocation.expires = now + Duration::from_secs(lifetime_s.into());
        if lifetime_s == 0 {
            self.remove(relay, world);
        }
        self.succeed(asker, world, |writer| {
            writer.attribute(attribute::LIFETIME, &lifetime_s.to_be_bytes());
        });
        Ok(())
    }

    fn create_permission(
        &mut self,
        asker: &Asker<'_>,
        relay: RelayId,
        message: &Message<'_>,
        now: Instant,
        world: &mut impl Outside,
    ) -> Result<(), Refusal> {
        if message.peer.is_none() {
            return Err(BAD_REQUEST);
        }
        // All or none, so first look.
        for peer in message.peers() {
            self.check_peer(relay, peer.ok_or(BAD_REQUEST)?.ip())?;
        }
        let allocation = self.allocations.get_mut(relay).ok_or(MISMATCH)?;
        for peer in message.peers().flatten() {
            allocation.permit(peer.ip(), &self.policy.limits, now).map_err(|_| CAPACITY)?;
        }
        self.succeed(asker, world, |_| {});
        Ok(())
    }

    fn bind_channel(
        &mut self,
        asker: &Asker<'_>,
        relay: RelayId,
        message: &Message<'_>,
        now: Instant,
        world: &mut impl Outside,
    ) -> Result<(), Refusal> {
        let (Some(number), Some(peer)) = (message.channel, message.peer) else { return Err(BAD_REQUEST) };
        if !CHANNEL_NUMBERS.contains(&number) {
            return Err(BAD_REQUEST);
        }
        self.check_peer(relay, peer.ip())?;
        if self.way(peer).is_none() {
            return Err(FORBIDDEN);
        }
        let allocation = self.allocations.get_mut(relay).ok_or(MISMATCH)?;
        allocation.bind(number, peer, &self.policy.limits, now).map_err(|denied| match denied {
            Denied::Full => CAPACITY,
            Denied::Taken => BAD_REQUEST,
        })?;
        self.succeed(asker, world, |_| {});
        Ok(())
    }

    /// Whether an allocation may have a permission for a peer.
    fn check_peer(&self, relay: RelayId, peer: std::net::IpAddr) -> Result<(), Refusal> {
        let allocation = self.allocations.get(relay).ok_or(MISMATCH)?;
        if peer.is_ipv4() != allocation.relayed.is_ipv4() {
            return Err((443, Refused::BadRequest));
        }
        // Other allocations of this server are found at our own relayed addresses.
        let may = self.policy.peers.permits(peer) || peer == allocation.relayed.ip();
        may.then_some(()).ok_or(FORBIDDEN)
    }

    fn succeed(&mut self, asker: &Asker<'_>, world: &mut impl Outside, fill: impl FnOnce(&mut Writer<'_>)) {
        let mut writer = Writer::new(&mut self.out, asker.method, Class::Success, asker.id);
        fill(&mut writer);
        writer.finish(Some(asker.key));
        world.to_client(asker.flow, &self.out);
    }
}

/// The lifetime that is granted where so much is asked for, in seconds.
fn granted(asked_s: Option<u32>, max_s: u32) -> u32 {
    asked_s.unwrap_or(DEFAULT_LIFETIME_S).max(DEFAULT_LIFETIME_S).min(max_s)
}
