//! Carrying out offers: what a description asks for becomes transports, tracks and places.

use super::Engine;
use super::outflow::Feedback;
use super::peer::{Section, Stream};
use crate::api::{
    Answer, CanvasLayout, Event, Fragment, IceMode, MediaKind, Mute, NegotiateError, Offer, PeerId, Source,
    Subscriptions, TrackId, TrackInfo,
};
use crate::forward::{Arrivals, Consumer, Producer, Protection, Redundancy};
use crate::keys::{ConsumerKey, PeerKey, ProducerKey, RoomKey};
use crate::negotiate::{
    AnswerPlan, BadOffer, Direction, Extension, OfferedSection, ParsedOffer, PlaceLine, SectionPlan, read_fragment,
    write_answer, write_fragment,
};
use crate::transport::{Connection, Transport};
use crate::wire::Outbox;
use rand::Rng;
use std::sync::Arc;
use std::time::Instant;

/// What a section of an offer may become.
pub(super) struct Wanted<'a> {
    pub(super) peer: PeerKey,
    pub(super) room: RoomKey,
    pub(super) sources: &'a [(String, Source)],
    pub(super) subscriptions: &'a Subscriptions,
}

impl From<BadOffer> for NegotiateError {
    fn from(bad: BadOffer) -> Self {
        Self::BadOffer(bad.0)
    }
}

impl Engine {
    pub(super) fn offer(
        &mut self,
        now: Instant,
        peer: PeerId,
        offer: &Offer,
        out: &mut Outbox,
    ) -> Result<Answer, NegotiateError> {
        let key = *self.peer_ids.get(&peer).ok_or(NegotiateError::NoSuchPeer)?;
        let parsed = ParsedOffer::read(&offer.sdp, &self.config.limits)?;
        self.check_offer(key, &parsed)?;
        self.take_transport(now, key, &parsed, out);
        self.take_data(key, &parsed);
        let room = self.peers.get(key).ok_or(NegotiateError::NoSuchPeer)?.room;
        let wanted = Wanted { peer: key, room, sources: &offer.sources, subscriptions: &offer.subscriptions };
        self.take_sections(now, &wanted, &parsed.sections);
        self.take_subscriptions(now, key, &offer.subscriptions);
        let answer = self.answer(key, &parsed).ok_or(NegotiateError::NoSuchPeer)?;
        self.settle(now, key, out);
        Ok(answer)
    }

    /// Refuses an offer as a whole, before anything of it is carried out.
    fn check_offer(&self, key: PeerKey, offer: &ParsedOffer) -> Result<(), NegotiateError> {
        let peer = self.peers.get(key).ok_or(NegotiateError::NoSuchPeer)?;
        let living = || offer.sections.iter().filter(|s| s.kind.is_some());
        let sending = living().filter(|s| s.direction.sends()).count();
        if sending > 0 && !peer.permissions.publish {
            return Err(NegotiateError::MayNotPublish);
        }
        if living().any(|s| s.direction == Direction::RecvOnly) && !peer.permissions.subscribe {
            return Err(NegotiateError::MayNotSubscribe);
        }
        let limit = self.config.limits.tracks_per_peer;
        if sending > limit {
            return Err(NegotiateError::TooMany(format!(
                "the offer sends {sending} tracks; at most {limit} are taken"
            )));
        }
        let same_session = self.session(key).is_some_and(|t| t.belongs_to(offer));
        if same_session && offer.sections.len() < peer.sections.len() {
            let (now, before) = (offer.sections.len(), peer.sections.len());
            return Err(NegotiateError::BadOffer(format!(
                "the offer has {now} media sections and the one before had {before}: sections are never removed (RFC 3264 section 8)"
            )));
        }
        Ok(())
    }

    /// The WebRTC session of a participant, if he has one.
    fn session(&self, key: PeerKey) -> Option<&Transport> {
        self.peers.get(key)?.transport.as_ref()?.session()
    }

    /// A new transport, an ICE restart, or the same as before.
    fn take_transport(&mut self, now: Instant, key: PeerKey, offer: &ParsedOffer, out: &mut Outbox) {
        let is_new = !self.session(key).is_some_and(|t| t.belongs_to(offer));
        if is_new {
            self.start_over(now, key, out);
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        match peer.transport.as_mut().and_then(Connection::session_mut) {
            Some(transport) => {
                let before = transport.ice.ufrag().to_owned();
                if transport.restart_ice(&self.config, &offer.ice, &mut self.rng) {
                    self.ufrags.remove(&before);
                    self.ufrags.insert(transport.ice.ufrag().to_owned(), key);
                    self.asked.retain(|_, owner| *owner != key);
                }
            }
            None => {
                let transport = Transport::new(&self.config, &self.dtls, offer, &mut self.rng, now);
                self.ufrags.insert(transport.ice.ufrag().to_owned(), key);
                peer.transport = Some(Connection::Session(transport));
                peer.waiting_since = now;
                peer.was_connected = false;
            }
        }
        if let Some(ice) = peer.transport.as_mut().and_then(Connection::ice_mut) {
            offer.candidates.iter().for_each(|candidate| ice.add_remote_candidate(candidate));
        }
    }

    /// Forgets an earlier transport of the participant and everything that went over it.
    fn start_over(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let fresh = self.new_outflow(now);
        let Some(peer) = self.peers.get_mut(key) else { return };
        let sections = std::mem::take(&mut peer.sections);
        // Another connection, and perhaps another device: its numbers and its clock begin anew.
        peer.arrivals = Arrivals::new(now);
        (peer.ntp_shift, peer.rtt) = (None, None);
        peer.redundancy = Redundancy::of_audio();
        peer.outflow = fresh;
        self.forget_transport(key, out);
        for section in sections {
            section.consumer.into_iter().for_each(|c| self.remove_consumer(c));
            section.producer.into_iter().for_each(|p| self.remove_producer(p));
        }
    }

    pub(super) fn take_sections(&mut self, now: Instant, wanted: &Wanted<'_>, offered: &[OfferedSection]) {
        let mut extensions = crate::negotiate::ExtensionIds::default();
        for (i, offered) in offered.iter().enumerate() {
            let before = self.peers.get(wanted.peer).and_then(|p| p.sections.get(i).cloned()).unwrap_or_default();
            let section = self.take_section(wanted, &before, offered);
            extensions.merge(offered.extensions);
            let Some(peer) = self.peers.get_mut(wanted.peer) else { return };
            match peer.sections.get_mut(i) {
                Some(place) => *place = section,
                None => peer.sections.push(section),
            }
        }
        if let Some(peer) = self.peers.get_mut(wanted.peer) {
            peer.set_extensions(extensions);
            let receiving = peer.consumers().filter_map(|c| self.consumers.get(c));
            let feedback = receiving.map(feedback_of).max().unwrap_or_default();
            peer.outflow.expect(now, feedback);
            peer.reduced_size_rtcp = offered.iter().all(|s| s.kind.is_none() || s.reduced_size_rtcp);
        }
    }

    fn take_section(&mut self, wanted: &Wanted<'_>, before: &Section, offered: &OfferedSection) -> Section {
        // A section may be used again for something else once it was ended (RFC 8829 section 5.2.2).
        let recycled = before.mid != offered.mid;
        let usable = offered.kind.is_some() && !offered.codecs.is_empty();
        let publishes = usable && offered.direction.sends();
        let named = match wanted.subscriptions {
            Subscriptions::ByMid(list) => list.iter().any(|(mid, _)| *mid == offered.mid),
            Subscriptions::InOrder(_) => false,
        };
        let receives = usable
            && offered.direction.receives()
            && (offered.direction == Direction::RecvOnly || named || before.consumer.is_some());
        // Encodings are told apart by the names that the track began with: with others it is another track.
        let same_encodings = |p: &ProducerKey| self.producers.get(*p).is_some_and(|p| p.is_of(&offered.rids));
        let keep_producer = before.producer.filter(|_| publishes && !recycled).filter(same_encodings);
        let keep_consumer = before.consumer.filter(|_| receives && !recycled);
        before.producer.filter(|_| keep_producer.is_none()).into_iter().for_each(|p| self.remove_producer(p));
        before.consumer.filter(|_| keep_consumer.is_none()).into_iter().for_each(|c| self.remove_consumer(c));
        let producer = publishes.then(|| keep_producer.unwrap_or_else(|| self.add_producer(wanted, offered)));
        if let Some(producer) = producer {
            self.update_producer(wanted.peer, producer, offered);
            self.share_track(producer);
        }
        let consumer = receives.then(|| keep_consumer.unwrap_or_else(|| self.add_consumer(wanted.peer, offered)));
        if let Some(consumer) = consumer {
            self.update_consumer(wanted.peer, consumer, offered);
            self.take_protection(consumer, offered);
        }
        Section { mid: offered.mid.clone(), producer, consumer }
    }

    fn add_producer(&mut self, wanted: &Wanted<'_>, offered: &OfferedSection) -> ProducerKey {
        let kind = offered.kind.unwrap_or(crate::api::MediaKind::Audio);
        let source = wanted
            .sources
            .iter()
            .find(|(mid, source)| *mid == offered.mid && source.kind() == kind)
            .map_or_else(|| Source::default_for(kind), |(_, source)| *source);
        self.tracks_made += 1;
        // The worker's number keeps the ids of several workers apart.
        let id = TrackId((u64::from(self.config.worker) << 40) | self.tracks_made);
        let owner = self.peers.get_mut(wanted.peer);
        let (peer, by_moderator) = owner.map_or((PeerId(0), false), |owner| {
            let before = owner.moderated.len();
            owner.moderated.retain(|moderated| *moderated != source);
            (owner.id, owner.moderated.len() < before)
        });
        let mute = Mute { by_self: false, by_moderator };
        let info = TrackInfo { id, peer, source, kind, mute, mid: offered.mid.clone() };
        if let Some(room) = self.rooms.get(wanted.room) {
            self.events.push_back(Event::Published { room: room.id, track: info.clone() });
        }
        let key =
            self.producers.insert(Producer::new(wanted.peer, wanted.room, info, &offered.rids, &self.config.limits));
        self.open_portrait(key);
        self.tracks.insert(id, key);
        self.mix_changed(wanted.room);
        key
    }

    fn update_producer(&mut self, owner: PeerKey, key: ProducerKey, offered: &OfferedSection) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        producer.codecs.clone_from(&offered.codecs);
        producer.fec_payload_type = offered.fec.as_ref().map(|fec| fec.payload_type);
        if producer.fec_payload_type.is_none() {
            producer.encodings.iter_mut().for_each(|encoding| encoding.recoverer = None);
        }
        let Some(peer) = self.peers.get_mut(owner) else { return };
        // The encodings of a simulcast are known by their RIDs; SSRCs of a description are those of a track without.
        let [encoding] = &mut producer.encodings[..] else { return };
        let mut restarted = false;
        if let Some(ssrc) = offered.ssrc.filter(|ssrc| encoding.ssrc != Some(*ssrc)) {
            if encoding.ssrc.is_some() {
                restarted = true;
                for consumer in &producer.consumers {
                    self.consumers.get_mut(*consumer).into_iter().for_each(|c| c.encoding_restarted(0));
                }
            }
            peer.streams.retain(|_, stream| *stream != Stream::Media(key, 0));
            peer.streams.insert(ssrc, Stream::Media(key, 0));
            encoding.restart(ssrc);
        }
        if let Some(rtx) = offered.rtx_ssrc.filter(|ssrc| encoding.rtx_ssrc != Some(*ssrc)) {
            peer.streams.retain(|_, stream| *stream != Stream::Rtx(key, 0));
            peer.streams.insert(rtx, Stream::Rtx(key, 0));
            encoding.rtx_ssrc = Some(rtx);
        }
        if let Some(fec) = offered.fec_ssrc.filter(|ssrc| encoding.fec_ssrc != Some(*ssrc)) {
            peer.streams.retain(|_, stream| *stream != Stream::Fec(key, 0));
            peer.streams.insert(fec, Stream::Fec(key, 0));
            encoding.fec_ssrc = Some(fec);
        }
        if restarted {
            self.share_restart(key, 0);
        }
    }

    fn add_consumer(&mut self, owner: PeerKey, offered: &OfferedSection) -> ConsumerKey {
        let kind = offered.kind.unwrap_or(crate::api::MediaKind::Audio);
        let media = self.fresh_ssrc(owner, 0);
        let ssrcs = (media, self.fresh_ssrc(owner, media));
        let seed = self.rng.next_u64();
        let key = self.consumers.insert(Consumer::new(owner, &offered.mid, kind, ssrcs, seed));
        if let Some(peer) = self.peers.get_mut(owner) {
            peer.places.insert(ssrcs.0, key);
        }
        key
    }

    fn update_consumer(&mut self, owner: PeerKey, key: ConsumerKey, offered: &OfferedSection) {
        // Browsers offer the same for every place of a kind, some 2 kB: it is kept once.
        let mut known = self.peers.get(owner).into_iter().flat_map(|p| p.consumers());
        let same = known.find_map(|c| self.consumers.get(c).map(|c| &c.codecs).filter(|c| ***c == offered.codecs[..]));
        let codecs = same.map_or_else(|| offered.codecs.as_slice().into(), Arc::clone);
        drop(known);
        let Some(consumer) = self.consumers.get_mut(key) else { return };
        if consumer.codecs != codecs {
            consumer.resplice();
            consumer.codecs = codecs;
        }
        consumer.extensions = offered.extensions;
        // A canvas may have to be written in another codec.
        if let Some(room) = self.peers.get(owner).map(|owner| owner.room) {
            self.compose_changed(room);
        }
    }

    /// An SSRC that nothing toward a participant has, nor `other`.
    pub(super) fn fresh_ssrc(&mut self, owner: PeerKey, other: u32) -> u32 {
        let places = self.peers.get(owner).into_iter().flat_map(|p| p.consumers());
        let taken: Vec<u32> = places
            .filter_map(|c| self.consumers.get(c))
            .flat_map(|c| [c.ssrc, c.rtx_ssrc, c.protection.as_ref().map_or(0, |p| p.ssrc)])
            .collect();
        loop {
            let ssrc = self.rng.next_u32();
            if ssrc != 0 && ssrc != other && !taken.contains(&ssrc) {
                return ssrc;
            }
        }
    }

    /// Repair packets have an SSRC of their own as soon as they are negotiated, and keep it.
    fn take_protection(&mut self, key: ConsumerKey, offered: &OfferedSection) {
        let Some(owner) = self.consumers.get(key).map(|c| c.owner) else { return };
        let payload_type = offered.fec.as_ref().map(|fec| fec.payload_type);
        let is_new = self.consumers.get(key).is_some_and(|c| c.protection.is_none());
        let new = (is_new && payload_type.is_some()).then(|| {
            let own = self.consumers.get(key).map_or(0, |c| c.ssrc);
            // RFC 3711 section 3.3.1, as for all first numbers.
            Protection::new(self.fresh_ssrc(owner, own), self.rng.next_u64() & 0x3fff)
        });
        let Some(consumer) = self.consumers.get_mut(key) else { return };
        consumer.protection = new.or(consumer.protection.take());
        consumer.protection.iter_mut().for_each(|protection| protection.negotiated(payload_type));
    }

    /// Tracks that are gone, or never were, leave their places empty: whoever offered may not have heard yet.
    pub(super) fn take_subscriptions(&mut self, now: Instant, key: PeerKey, subscriptions: &Subscriptions) {
        let Some(peer) = self.peers.get(key) else { return };
        let mut wishes = Vec::new();
        match subscriptions {
            Subscriptions::ByMid(list) => {
                wishes.extend(list.iter().filter_map(|(mid, track)| Some((peer.section(mid)?.consumer?, *track))));
            }
            Subscriptions::InOrder(tracks) => {
                let mut left = tracks.clone();
                for place in peer.consumers() {
                    let Some(kind) = self.consumers.get(place).map(|c| c.kind) else { continue };
                    let fits = |t: &TrackId| {
                        let is_mix = *t == TrackId::MIX && kind == MediaKind::Audio && self.config.limits.mix.enabled;
                        let is_canvas = CanvasLayout::of(*t).is_some() && kind == MediaKind::Video;
                        is_mix
                            || (is_canvas && self.may_compose(peer.room))
                            || self
                                .tracks
                                .get(t)
                                .and_then(|p| self.producers.get(*p))
                                .is_some_and(|p| p.info.kind == kind)
                    };
                    if let Some(i) = left.iter().position(fits) {
                        wishes.push((place, left.remove(i)));
                    }
                }
            }
        }
        for (place, track) in wishes {
            if let Err(refused) = self.point(now, place, Some(track)) {
                tracing::debug!(%track, %refused, "a subscription of an offer is left out");
            }
        }
    }

    fn answer(&mut self, key: PeerKey, offer: &ParsedOffer) -> Option<Answer> {
        let peer = self.peers.get_mut(key)?;
        peer.session_version += 1;
        let peer = self.peers.get(key)?;
        let transport = peer.transport.as_ref()?.session()?;
        let sections = offer.sections.iter().zip(&peer.sections).map(|(offered, section)| {
            let usable = (offered.kind.is_some() && !offered.codecs.is_empty()) || offered.data.is_some();
            let direction = match (section.producer.is_some(), section.consumer.is_some()) {
                (true, true) => Direction::SendRecv,
                (true, false) => Direction::RecvOnly,
                (false, true) => Direction::SendOnly,
                (false, false) => Direction::Inactive,
            };
            let place = section.consumer.and_then(|c| self.consumers.get(c)).map(|c| PlaceLine {
                ssrc: c.ssrc,
                rtx_ssrc: c.codecs.iter().any(|c| c.rtx_payload_type.is_some()).then_some(c.rtx_ssrc),
                fec_ssrc: c.protection.as_ref().map(|p| p.ssrc).filter(|_| offered.fec.is_some()),
                stream: self.stream_name(c),
                track: c.source.map_or_else(|| format!("place-{}", c.mid), |(_, track)| track.to_string()),
            });
            SectionPlan { offered, direction: usable.then_some(direction), codecs: &offered.codecs, place }
        });
        let sdp = write_answer(&AnswerPlan {
            session_id: peer.session_id,
            session_version: peer.session_version,
            ice_lite: self.config.ice == IceMode::Lite,
            ufrag: transport.ice.ufrag(),
            password: transport.ice.password(),
            fingerprint: &self.fingerprint,
            role: transport.role(),
            mixed_extensions: offer.mixed_extensions,
            addresses: &self.config.addresses,
            max_message_bytes: self.config.limits.data.message_bytes,
            sections: sections.collect(),
        });
        let published = peer.producers().filter_map(|p| Some(self.producers.get(p)?.info.clone())).collect();
        Some(Answer { sdp, published, ice_ufrag: transport.ice.ufrag().to_owned() })
    }

    /// `a=msid` stream of a place: its publisher, so that a receiver keeps his sound and picture together.
    fn stream_name(&self, consumer: &Consumer) -> String {
        consumer
            .source
            .and_then(|(producer, _)| self.producers.get(producer))
            .map_or_else(|| "-".to_owned(), |producer| producer.info.peer.to_string())
    }

    pub(super) fn add_candidate(&mut self, now: Instant, peer: PeerId, candidate: &str, out: &mut Outbox) {
        let Some(key) = self.peer_ids.get(&peer).copied() else { return };
        if let Some(ice) = self.peers.get_mut(key).and_then(|p| p.transport.as_mut()?.ice_mut()) {
            ice.add_remote_candidate(candidate);
            self.settle(now, key, out);
        }
    }

    pub(super) fn fragment(
        &mut self,
        now: Instant,
        peer: PeerId,
        body: &str,
        out: &mut Outbox,
    ) -> Result<Fragment, NegotiateError> {
        let trickled = read_fragment(body, self.config.limits.sdp_bytes)?;
        let key = *self.peer_ids.get(&peer).ok_or(NegotiateError::NoSuchPeer)?;
        let peer = self.peers.get_mut(key).ok_or(NegotiateError::NoSuchPeer)?;
        let transport = peer.transport.as_mut().and_then(Connection::session_mut).ok_or(NegotiateError::NoSession)?;
        let before = transport.ice.ufrag().to_owned();
        let restarted =
            trickled.credentials.is_some_and(|remote| transport.restart_ice(&self.config, &remote, &mut self.rng));
        trickled.candidates.iter().for_each(|candidate| transport.ice.add_remote_candidate(candidate));
        let answer = if restarted {
            let ufrag = transport.ice.ufrag().to_owned();
            let mid = peer.sections.first().map_or("0", |s| s.mid.as_str());
            let lite = self.config.ice == IceMode::Lite;
            let sdpfrag = write_fragment(&ufrag, transport.ice.password(), mid, &self.config.addresses, lite);
            self.ufrags.remove(&before);
            self.ufrags.insert(ufrag.clone(), key);
            self.asked.retain(|_, owner| *owner != key);
            Fragment::Restarted { sdpfrag, ice_ufrag: ufrag }
        } else {
            Fragment::Taken
        };
        self.settle(now, key, out);
        Ok(answer)
    }
}

/// How a receiver can tell us what his path carries, by one of his places.
fn feedback_of(place: &Consumer) -> Feedback {
    let offers = |wanted: fn(&crate::negotiate::CodecEntry) -> bool| place.codecs.iter().any(wanted);
    let has = |extension| place.extensions.get(extension).is_some();
    match () {
        () if has(Extension::TransportSequence) && offers(|c| c.feedback.transport_cc) => Feedback::Transport,
        () if has(Extension::AbsSendTime) && offers(|c| c.feedback.remb) => Feedback::Remb,
        () => Feedback::None,
    }
}
