//! Participants by plain RTP: their sections are made of what was asked rather than read from an offer, and from there on they are as any
//! other's.

use super::Engine;
use super::negotiation::Wanted;
use super::{PathChange, peer::Peer};
use crate::api::{
    DropCause, MediaKind, PeerId, PlainAnswer, PlainAsk, PlainEnds, PlainError, PlainLeg, PlainLegAnswer, PlainPlace,
    Subscriptions,
};
use crate::keys::{ConsumerKey, PeerKey};
use crate::negotiate::{CodecEntry, OfferedSection, PlainPlan, PlainSession, media_name, plain_section, write_plain};
use crate::transport::demux::Protocol;
use crate::transport::{Connection, Plain};
use crate::wire::{Outbox, Path};
use std::time::Instant;

impl Engine {
    /// Connects a participant by plain RTP. Where that fails our ends are given back.
    pub(super) fn plain(
        &mut self,
        now: Instant,
        peer: PeerId,
        ask: &PlainAsk,
        place: &PlainPlace,
        out: &mut Outbox,
    ) -> Result<PlainAnswer, PlainError> {
        let connected = self.connect_plain(now, peer, ask, place, out);
        if connected.is_err() {
            let ends = place.ends.iter().flat_map(PlainEnds::locals);
            self.path_changes.extend(ends.filter(|local| !self.plains.contains_key(local)).map(PathChange::Closed));
        }
        connected
    }

    fn connect_plain(
        &mut self,
        now: Instant,
        id: PeerId,
        ask: &PlainAsk,
        place: &PlainPlace,
        out: &mut Outbox,
    ) -> Result<PlainAnswer, PlainError> {
        let key = *self.peer_ids.get(&id).ok_or(PlainError::NoSuchPeer)?;
        let peer = self.peers.get(key).filter(|p| p.transport.is_none()).ok_or(PlainError::NoSuchPeer)?;
        let room = peer.room;
        check(peer, ask, place)?;
        if place.ends.iter().flat_map(PlainEnds::locals).any(|local| self.plains.contains_key(&local)) {
            return Err(PlainError::NoPort);
        }
        let sections = ask.legs.iter().map(section).collect::<Result<Vec<_>, _>>()?;
        let plain = Plain::new(ask, place, now).map_err(|bad| PlainError::Unusable(bad.to_string()))?;
        self.plains.extend(plain.locals().map(|local| (local, key)));
        if let Some(peer) = self.peers.get_mut(key) {
            peer.transport = Some(Connection::Plain(Box::new(plain)));
            (peer.waiting_since, peer.was_connected) = (now, false);
        }
        let wishes = ask.legs.iter().zip(&sections);
        let wishes = wishes.filter_map(|(leg, section)| Some((section.mid.clone(), leg.receives?)));
        let subscriptions = Subscriptions::ByMid(wishes.collect());
        let wanted = Wanted { peer: key, room, sources: &[], subscriptions: &subscriptions };
        self.take_sections(now, &wanted, &sections);
        self.take_subscriptions(now, key, &subscriptions);
        let is_served = |place: &ConsumerKey| {
            let place = self.consumers.get(*place);
            place.is_some_and(|c| c.is_for_mix || c.canvas.is_some() || c.wish.is_some())
        };
        if !self.peers.get(key).is_some_and(|peer| peer.consumers().all(|place| is_served(&place))) {
            return Err(PlainError::Unusable(
                "what he is to receive is not to be had: the track is gone, or this server mixes or draws nothing"
                    .into(),
            ));
        }
        for leg in &ask.legs {
            let place = self.peers.get(key).and_then(|peer| peer.section(media_name(leg.kind()))?.consumer);
            let ssrc = place.and_then(|place| self.consumers.get(place)).map(|place| place.ssrc);
            // One who receives nothing gets reports all the same.
            let ssrc = ssrc.unwrap_or_else(|| self.fresh_ssrc(key, leg.ssrc.unwrap_or_default()));
            self.plain_of(key).into_iter().for_each(|plain| plain.set_ssrc(leg.kind(), ssrc));
        }
        let answer = self.plain_answer(key, ask, place, &sections).ok_or(PlainError::NoSuchPeer)?;
        self.settle(now, key, out);
        Ok(answer)
    }

    /// A datagram at a port for plain RTP, from where nothing is known to come from.
    pub(super) fn plain_arrival(
        &mut self,
        now: Instant,
        path: Path,
        (protocol, bytes): (Protocol, &mut [u8]),
        whose: &mut Option<PeerKey>,
        out: &mut Outbox,
    ) {
        let is_rtcp = match protocol {
            Protocol::Rtp => false,
            Protocol::Rtcp => true,
            Protocol::Stun | Protocol::Dtls => return self.totals.dropped(DropCause::NotOurs),
        };
        let Some(key) = self.plains.get(&path.local).copied() else { return };
        let Some(plain) = self.plain_of(key) else { return };
        let admitted = plain.admits(&path, bytes, is_rtcp);
        if let Err(cause) = admitted {
            return self.totals.dropped(cause);
        }
        *whose = Some(key);
        if is_rtcp {
            self.rtcp_datagram(now, key, &path, bytes, out);
        } else if let Err(cause) = self.rtp_datagram(now, key, &path, bytes, out) {
            self.totals.dropped(cause);
        }
        self.learn_plain(now, key, out);
    }

    /// Takes note of where a participant's datagrams come from, once the first was valid.
    fn learn_plain(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(path) = self.plain_of(key).and_then(Plain::take_learnt) else { return };
        self.paths.insert(path, key);
        if let Some(peer) = self.peers.get_mut(key) {
            peer.paths.push(path);
        }
        self.settle(now, key, out);
        // A leg of his may be reached only now, and others already were.
        self.begin_again(now, key);
    }

    fn plain_of(&mut self, key: PeerKey) -> Option<&mut Plain> {
        self.peers.get_mut(key)?.transport.as_mut()?.plain_mut()
    }

    /// Asks for a key frame in the name of a participant who may not be able to ask.
    pub(super) fn renew_picture(&mut self, now: Instant, key: PeerKey) {
        if let Some(ssrc) = self.plain_of(key).and_then(|plain| plain.key_frame_due(now)) {
            self.keyframe_wanted(now, key, ssrc);
        }
    }

    /// Gives a transport's ports back.
    pub(super) fn forget_plain(&mut self, plain: &Plain) {
        for local in plain.locals() {
            self.plains.remove(&local);
            self.path_changes.push_back(PathChange::Closed(local));
        }
    }

    fn plain_answer(
        &self,
        key: PeerKey,
        ask: &PlainAsk,
        place: &PlainPlace,
        sections: &[OfferedSection],
    ) -> Option<PlainAnswer> {
        let peer = self.peers.get(key)?;
        let ssrc = |i: usize| Some(self.consumers.get(peer.sections.get(i)?.consumer?)?.ssrc);
        let sessions = ask.legs.iter().zip(&place.ends).zip(sections).enumerate();
        let sessions: Vec<PlainSession<'_>> = sessions
            .filter_map(|(i, ((leg, ends), section))| {
                Some(PlainSession { leg, ends: *ends, codec: section.codecs.first()?, ssrc: ssrc(i) })
            })
            .collect();
        let plan = PlainPlan { session_id: peer.session_id, name: &peer.name, sessions: &sessions };
        let (sdp, player_sdp) = write_plain(&plan);
        let answer = |session: &PlainSession<'_>| PlainLegAnswer {
            rtp: session.ends.rtp.public,
            rtcp: session.ends.rtcp.unwrap_or(session.ends.rtp).public,
            ssrc: session.ssrc,
        };
        Some(PlainAnswer {
            sdp,
            player_sdp,
            legs: sessions.iter().map(answer).collect(),
            published: peer.producers().filter_map(|p| Some(self.producers.get(p)?.info.clone())).collect(),
        })
    }
}

/// Refuses what cannot be, before anything is changed.
fn check(peer: &Peer, ask: &PlainAsk, place: &PlainPlace) -> Result<(), PlainError> {
    let unusable = |why: &str| Err(PlainError::Unusable(why.to_owned()));
    if ask.legs.is_empty() || ask.legs.len() != place.ends.len() {
        return unusable("name audio, video or both");
    }
    for kind in [MediaKind::Audio, MediaKind::Video] {
        if ask.legs.iter().filter(|leg| leg.kind() == kind).count() > 1 {
            return unusable("there is one session of audio and one of video at most");
        }
    }
    if ask.legs.iter().any(|leg| leg.sends && !peer.permissions.publish)
        || ask.legs.iter().any(|leg| leg.receives.is_some() && !peer.permissions.subscribe)
    {
        return Err(PlainError::Refused);
    }
    for (leg, ends) in ask.legs.iter().zip(&place.ends) {
        if !leg.sends && leg.receives.is_none() {
            return unusable("a session sends, receives, or does both");
        }
        if !(96..=127).contains(&leg.payload_type) {
            return unusable("the payload type is one of the dynamic ones, 96 to 127 (RFC 3551 section 6)");
        }
        if leg.address.is_none() && !leg.sends {
            return unusable("who only receives has an address: nothing comes of which it could be learnt");
        }
        if leg.rtcp_mux == ends.rtcp.is_some() {
            return unusable("RTCP has a port of its own, or is on that of RTP");
        }
        let named = leg.address.into_iter().flat_map(|to| [Some(to.rtp), (!leg.rtcp_mux).then_some(to.rtcp)]);
        for to in named.flatten() {
            if to.is_ipv4() != ends.rtp.local.is_ipv4() {
                return unusable("the address is of the other IP version than this server's port");
            }
            if to.port() == 0 || !place.policy.allows(to.ip()) {
                return Err(PlainError::Denied(to.ip()));
            }
        }
    }
    Ok(())
}

fn section(leg: &PlainLeg) -> Result<OfferedSection, PlainError> {
    let entry = CodecEntry::plain(leg.codec, leg.payload_type, &leg.fmtp, leg.nack);
    entry
        .map(|entry| plain_section(leg, entry))
        .ok_or_else(|| PlainError::Unusable(format!("fmtp {:?} does not go with {}", leg.fmtp, leg.codec.name())))
}
