//! A datagram's way in: whose it is, opened, understood, and sent on to everyone who may have it. The hot path.

use super::Engine;
use super::outflow::{Departure, Sent};
use super::peer::Stream;
use super::recovery::repaired_by;
use super::ticks::{NACK_INTERVAL, feedback_interval};
use crate::api::{DropCause, MediaKind, Source};
use crate::bandwidth::Urgency;
use crate::forward::{Arrived, Carried, MediaPacket, Protection};
use crate::keys::{PeerKey, ProducerKey};
use crate::negotiate::Extension;
use crate::transport::demux::{self, Protocol};
use crate::wire::{Datagram, Outbox, Path};
use colloquy_codecs::payload::Red;
use colloquy_codecs::rtp::{RtpHeader, audio_level, strip_padding, transport_sequence};
use is::stun::StunMessage;
use std::time::Instant;

/// Packets that one may repeat (RFC 2198) at most; browsers repeat one or two.
const MAX_REPEATED: u64 = 4;

/// What the extensions of a packet tell.
#[derive(Default)]
struct Told<'a> {
    mid: Option<&'a [u8]>,
    rid: Option<&'a [u8]>,
    repaired_rid: Option<&'a [u8]>,
    transport_sequence: Option<u16>,
    carried: Carried<'a>,
}

impl Engine {
    /// Takes a datagram; `whose` is set as soon as it is known.
    pub(super) fn ingress(
        &mut self,
        now: Instant,
        datagram: Datagram<'_>,
        whose: &mut Option<PeerKey>,
        out: &mut Outbox,
    ) {
        let Datagram { path, bytes } = datagram;
        let protocol = demux::protocol(bytes);
        let owner = self.paths.get(&path).copied();
        // Anybody can write STUN in another's name: it is his when it is authentic.
        *whose = owner.filter(|_| protocol != Some(Protocol::Stun));
        match (protocol, owner) {
            (Some(protocol), _) if owner.is_none() && self.plains.contains_key(&path.local) => {
                self.plain_arrival(now, path, (protocol, bytes), whose, out);
            }
            (None, _) => self.totals.dropped(DropCause::NotOurs),
            (Some(Protocol::Stun), None) if !self.gate.admits(now, path.remote.ip()) => {
                self.totals.dropped(DropCause::TooMany);
            }
            (Some(Protocol::Stun), _) => self.stun(now, path, bytes, whose, out),
            (Some(_), None) => self.totals.dropped(DropCause::UnknownAddress),
            (Some(Protocol::Dtls), Some(key)) => self.dtls_datagram(now, key, bytes, out),
            (Some(Protocol::Rtcp), Some(key)) => self.rtcp_datagram(now, key, &path, bytes, out),
            (Some(Protocol::Rtp), Some(key)) => {
                if let Err(cause) = self.rtp_datagram(now, key, &path, bytes, out) {
                    self.totals.dropped(cause);
                }
            }
        }
    }

    fn stun(&mut self, now: Instant, path: Path, bytes: &[u8], whose: &mut Option<PeerKey>, out: &mut Outbox) {
        let Ok(message) = StunMessage::parse(bytes) else { return self.totals.dropped(DropCause::BadStun) };
        // Requests name us; answers come on paths that we asked on, and name nobody.
        let named = message.split_username().and_then(|(ours, _)| self.ufrags.get(ours).copied());
        let candidates = if message.is_binding_request() { named } else { self.answered_by(&path) };
        let Some(key) = candidates else { return self.totals.dropped(DropCause::BadStun) };
        let known = self.paths.get(&path) == Some(&key);
        let transport = self.peers.get_mut(key).and_then(|p| p.transport.as_mut()?.session_mut());
        if !transport.is_some_and(|t| t.handle_stun(now, path, known, message)) {
            return self.totals.dropped(DropCause::BadStun);
        }
        *whose = Some(key);
        self.learn_path(now, key, path);
        self.settle(now, key, out);
    }

    /// Whose check an answer on this path may answer. Only a full agent asks.
    fn answered_by(&self, path: &Path) -> Option<PeerKey> {
        self.paths.get(path).or_else(|| self.asked.get(path)).copied()
    }

    fn dtls_datagram(&mut self, now: Instant, key: PeerKey, bytes: &[u8], out: &mut Outbox) {
        let transport = self.peers.get_mut(key).and_then(|p| p.transport.as_mut()?.session_mut());
        let Some(transport) = transport else { return self.totals.dropped(DropCause::NotOurs) };
        if let Some(change) = transport.handle_dtls(now, bytes) {
            self.transport_changed(now, key, change, out);
        }
        self.settle(now, key, out);
    }

    pub(super) fn rtp_datagram(
        &mut self,
        now: Instant,
        key: PeerKey,
        path: &Path,
        bytes: &mut [u8],
        out: &mut Outbox,
    ) -> Result<(), DropCause> {
        let len_bytes = bytes.len();
        let header = RtpHeader::parse(bytes).map_err(|_| DropCause::Malformed)?;
        let peer = self.peers.get_mut(key).ok_or(DropCause::UnknownAddress)?;
        let transport = peer.transport.as_mut().ok_or(DropCause::BeforeKeys)?;
        let (sequence, end) = transport.open_rtp(now, path, bytes, &header)?;
        if transport.plain_mut().is_some_and(|plain| plain.take_restarted(path.local)) {
            // As if he had taken another SSRC.
            peer.streams.remove(&header.ssrc);
        }
        let opened = &mut bytes[..end];
        let bytes = &*opened;
        let payload = bytes.get(header.header_len..).ok_or(DropCause::Malformed)?;
        let payload = strip_padding(&header, payload).map_err(|_| DropCause::Malformed)?;

        let is_roused = peer.came.count();
        let mut told = Told::default();
        for (id, element) in header.extensions(bytes) {
            match peer.extension_table.get(id) {
                Some(Extension::TransportSequence) => told.transport_sequence = transport_sequence(element),
                Some(Extension::Mid) => told.mid = Some(element),
                Some(Extension::Rid) => told.rid = Some(element),
                Some(Extension::RepairedRid) => told.repaired_rid = Some(element),
                Some(carried) => told.carried.take(carried, element),
                None => {}
            }
        }
        if let Some(transport_sequence) = told.transport_sequence {
            let first = peer.arrivals.is_empty();
            let interval = feedback_interval(peer.downlink.device);
            peer.arrivals.record(now, transport_sequence);
            if first {
                self.hasten(now + interval, key);
            }
        }
        if is_roused {
            self.rouse(now, key);
        }
        let stream = match self.peers.get(key).and_then(|p| p.streams.get(&header.ssrc)) {
            Some(stream) => *stream,
            None => self.bind(key, &header, &told, payload).ok_or(DropCause::UnknownSsrc)?,
        };
        let mut arrived = Arrived {
            now,
            index: sequence.0,
            timestamp: header.timestamp,
            marker: header.marker,
            payload_type: header.payload_type,
            carried: told.carried,
            payload,
            len_bytes,
            repaired: false,
        };
        if let Stream::Fec(..) = stream {
            return self.take_repair(now, key, stream, payload, out);
        }
        let producer = self.producers.get_mut(stream.producer()).ok_or(DropCause::UnknownSsrc)?;
        if let Stream::Rtx(_, encoding) = stream {
            // RFC 4588 section 4: the original's sequence number goes before its payload. An empty one is a probe.
            let Some((original, payload)) = payload.split_first_chunk::<2>() else { return Ok(()) };
            let repaired = producer.encodings.get(usize::from(encoding));
            let Some(index) = repaired.and_then(|e| e.extend(u16::from_be_bytes(*original))) else { return Ok(()) };
            arrived.payload_type = producer.original_of_rtx(header.payload_type).ok_or(DropCause::Malformed)?;
            (arrived.index, arrived.payload, arrived.repaired) = (index, payload, true);
        }
        match producer.unwrapped_from_red(arrived.payload_type) {
            Some(payload_type) => self.take_red(key, stream, &Arrived { payload_type, ..arrived }, out),
            None => {
                self.take_in(key, stream, &arrived, out);
                if let Stream::Media(..) = stream {
                    self.remember(now, key, stream, (&header, opened), out);
                }
                Ok(())
            }
        }
    }

    /// A packet that repeats others (RFC 2198): those of them that were lost are taken as if they came by themselves, so they
    /// are repaired for everyone.
    fn take_red(
        &mut self,
        key: PeerKey,
        stream: Stream,
        arrived: &Arrived<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropCause> {
        let red = Red::parse(arrived.payload).map_err(|_| DropCause::Malformed)?;
        let repeated = (red.blocks().count() as u64).saturating_sub(1);
        // The nearest few: nobody repeats more, and each is a packet to everyone who listens.
        for (block, ago) in red.blocks().zip((1..=repeated).rev()).filter(|(_, ago)| *ago <= MAX_REPEATED) {
            let Some(index) = arrived.index.checked_sub(ago).filter(|_| !block.bytes.is_empty()) else { continue };
            let timestamp = arrived.timestamp.wrapping_sub(u32::from(block.timestamp_offset));
            let carried = Carried::NONE;
            let payload = block.bytes;
            let earlier =
                Arrived { index, timestamp, carried, payload, len_bytes: payload.len(), repaired: true, ..*arrived };
            let is_missing = self.producers.get(stream.producer()).is_some_and(|p| p.misses(stream.encoding(), index));
            if is_missing {
                self.take_in(key, stream, &earlier, out);
            }
        }
        self.take_in(key, stream, &Arrived { payload: red.primary().bytes, ..*arrived }, out);
        Ok(())
    }

    /// Takes a packet of a track, and sends it on.
    pub(super) fn take_in(&mut self, key: PeerKey, stream: Stream, arrived: &Arrived<'_>, out: &mut Outbox) {
        let now = arrived.now;
        let Some(producer) = self.producers.get_mut(stream.producer()) else { return };
        let Some(packet) = producer.take(stream.encoding(), arrived) else { return };
        let offers_more = packet.starts_picture && producer.take_news();
        self.share_packet(stream.producer(), stream.encoding(), arrived);
        let Some(producer) = self.producers.get_mut(stream.producer()) else { return };
        let is_tapped = producer.tapped.is_some();
        if producer.is_repairing() || producer.keyframe_deadline(now).is_some() {
            self.hasten(now + NACK_INTERVAL, key);
        }
        self.note_level(now, stream.producer(), arrived.carried.get(Extension::AudioLevel));
        if is_tapped {
            self.tap(stream.producer(), arrived, &packet);
        }
        self.forward(stream.producer(), &packet, out);
        if offers_more {
            self.show_viewers(now, stream.producer());
        }
    }

    /// Makes sure that the fast tick comes by `at`.
    fn hasten(&mut self, at: Instant, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && peer.timers.fast_at.is_none_or(|fast| fast > at)
        {
            peer.timers.hasten(at);
            self.arm(key);
        }
    }

    /// Finds the track of an SSRC that no description named: by its MID (RFC 9143), else by its payload type if only one track
    /// has it; and of a track with simulcast the encoding, by its RID (RFC 8852).
    fn bind(&mut self, key: PeerKey, header: &RtpHeader, told: &Told<'_>, payload: &[u8]) -> Option<Stream> {
        let peer = self.peers.get_mut(key)?;
        if peer.streams.len() >= self.config.limits.ssrcs_per_peer {
            return None;
        }
        let carries = |key: &ProducerKey| {
            let producer = self.producers.get(*key)?;
            if producer.fec_payload_type == Some(header.payload_type) {
                return repaired_by(&peer.streams, payload).filter(|stream| stream.producer() == *key);
            }
            let encoding = |rid: Option<&[u8]>| match &producer.encodings[..] {
                [_] => Some(0),
                _ => producer.encoding_of_rid(rid?),
            };
            if producer.takes(header.payload_type) {
                return Some(Stream::Media(*key, encoding(told.rid)?));
            }
            producer.original_of_rtx(header.payload_type)?;
            Some(Stream::Rtx(*key, encoding(told.repaired_rid)?))
        };
        let by_mid = told.mid.and_then(|mid| peer.sections.iter().find(|s| s.mid.as_bytes() == mid));
        let stream = match by_mid {
            Some(section) => section.producer.as_ref().and_then(carries)?,
            None => {
                let mut fitting = peer.sections.iter().filter_map(|s| s.producer.as_ref().and_then(carries));
                let first = fitting.next()?;
                if fitting.next().is_some() {
                    return None;
                }
                first
            }
        };
        peer.streams.insert(header.ssrc, stream);
        let producer = self.producers.get_mut(stream.producer())?;
        let encoding = producer.encodings.get_mut(usize::from(stream.encoding()))?;
        let mut restarted = false;
        let before = match stream {
            Stream::Rtx(..) => encoding.rtx_ssrc.replace(header.ssrc),
            Stream::Fec(..) => encoding.fec_ssrc.replace(header.ssrc),
            Stream::Media(..) => {
                let before = encoding.ssrc;
                encoding.restart(header.ssrc);
                if before.is_some() {
                    let consumers = producer.consumers.iter();
                    consumers.for_each(|c| {
                        self.consumers.get_mut(*c).into_iter().for_each(|c| c.encoding_restarted(stream.encoding()));
                    });
                    restarted = true;
                }
                before
            }
        };
        if let Some(before) = before.filter(|before| *before != header.ssrc) {
            peer.streams.remove(&before);
        }
        if restarted {
            self.share_restart(stream.producer(), stream.encoding());
        }
        Some(stream)
    }

    fn note_level(&mut self, now: Instant, key: ProducerKey, element: Option<&[u8]>) {
        if let Some((_, level)) = element.and_then(audio_level) {
            self.note_loudness(now, key, level);
        }
    }

    /// How loud a voice is, in -dBov: as its sender tells, or as a mixer measured it of one who does not.
    pub(super) fn note_loudness(&mut self, now: Instant, key: ProducerKey, level: u8) {
        let Some(producer) = self.producers.get_mut(key).filter(|p| p.info.kind == MediaKind::Audio) else { return };
        if self.peers.get(producer.owner).is_some_and(|owner| owner.lives_on.is_some()) {
            // His worker tells, whether or not he is received here.
            return;
        }
        producer.meter.note(now, level);
        let room = producer.room;
        self.wake_room(now, room);
    }

    /// Sends a packet to everyone who is subscribed and whom it is for: one plaintext payload, a header and a seal for each.
    pub(super) fn forward(&mut self, key: ProducerKey, packet: &MediaPacket<'_>, out: &mut Outbox) {
        let Some(producer) = self.producers.get(key) else { return };
        let urgency = if producer.info.kind == MediaKind::Audio { Urgency::Immediate } else { Urgency::InTurn };
        let before = producer.encodings.get(usize::from(packet.encoding)).and_then(|e| e.ring.as_ref());
        let mut sent = 0;
        for consumer_key in &producer.consumers {
            let Some(consumer) = self.consumers.get_mut(*consumer_key) else { continue };
            let owner = consumer.owner;
            let Some(peer) = self.peers.get_mut(owner) else { continue };
            let Some((path, sender)) = peer.transport.as_mut().and_then(|t| t.egress(consumer.kind)) else { continue };
            consumer.repeat(peer.redundancy.level());
            let Some(prepared) = consumer.prepare(packet) else { continue };
            let payload_len = packet.payload.len() * (1 + consumer.redundancy());
            let (now, flow, copies) = (packet.now, owner.flow(), consumer.copies());
            let departure = Departure { now, flow, path, sender, urgency, payload_len, copies };
            match peer
                .outflow
                .send(departure, out, |stamp, buffer| Some(consumer.write(&prepared, packet, before, stamp, buffer)))
            {
                Sent::Left => {
                    sent += 1;
                    if copies > 0 {
                        self.holding.push(owner);
                    }
                }
                Sent::Held => {
                    sent += 1;
                    self.holding.push(owner);
                }
                Sent::Roused => {
                    sent += 1;
                    self.roused.push(owner);
                    self.holding.push(owner);
                }
                Sent::Dropped => {
                    self.totals.dropped(DropCause::PacerFull);
                    // A key frame is the last to give up: what is missing of it is asked for again.
                    if producer.info.source == Source::Screen && !packet.frame.is_keyframe {
                        consumer.choke();
                    }
                }
            }
            if consumer.repair_due().is_some() {
                self.repairing.push(*consumer_key);
            }
        }
        self.totals.forwarded += sent;
        self.send_repairs(packet.now, out);
        self.arm_holding(packet.now);
    }

    /// Sends the repair packets that became due, each in its turn behind what it protects.
    fn send_repairs(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(key) = self.repairing.pop() {
            let Some(consumer) = self.consumers.get_mut(key) else { continue };
            let Some(payload_len) = consumer.repair_due() else { continue };
            let owner = consumer.owner;
            let Some(peer) = self.peers.get_mut(owner) else { continue };
            let Some((path, sender)) = peer.transport.as_mut().and_then(|t| t.egress(consumer.kind)) else { continue };
            let departure =
                Departure { now, flow: owner.flow(), path, sender, urgency: Urgency::InTurn, payload_len, copies: 0 };
            match peer.outflow.send(departure, out, |stamp, buffer| consumer.write_repair(stamp, buffer)) {
                Sent::Left => self.totals.repairs += 1,
                Sent::Roused => {
                    self.totals.repairs += 1;
                    self.roused.push(owner);
                }
                Sent::Held => {
                    self.totals.repairs += 1;
                    self.holding.push(owner);
                }
                Sent::Dropped => {
                    consumer.protection.iter_mut().for_each(Protection::drop_repair);
                    self.totals.dropped(DropCause::PacerFull);
                }
            }
        }
    }

    /// Sees to it that what was held leaves when its turn comes, and that nobody rests who is sent more than next to nothing.
    pub(super) fn arm_holding(&mut self, now: Instant) {
        while let Some(key) = self.roused.pop() {
            self.rouse(now, key);
        }
        while let Some(key) = self.holding.pop() {
            if let Some(peer) = self.peers.get_mut(key) {
                let next = peer.outflow.next_deadline();
                peer.timers.pace_at = [peer.timers.pace_at, next].into_iter().flatten().min();
                self.arm(key);
            }
        }
    }
}
