//! RTCP (RFC 3550, RFC 4585): what receivers and publishers tell us, and what we tell them.

use super::Engine;
use super::allocation::{GREETING_BPS, INTERVAL};
use super::outflow::{Departure, Sent};
use super::peer::{Peer, Stream};
use super::resent::LONGEST_ROUND_TRIP;
use super::ticks::NACK_INTERVAL;
use crate::api::{DropCause, Event, MediaKind, Source, TransportState};
use crate::bandwidth::{Bandwidth, Urgency};
use crate::forward::{PathTold, Reception, SenderClock, Way};
use crate::keys::{ConsumerKey, PeerKey};
use crate::wire::{Outbox, Path};
use colloquy_codecs::rtcp::{self, Nack, ReportBlock, RtcpPacket};
use std::time::{Duration, Instant};

/// The CNAME of everything we send: one clock, one sender (RFC 3550 section 6.5.1).
const CNAME: &str = "colloquy";
/// A compound packet is closed before it grows past this: under every MTU with SRTCP's tag on it.
const MAX_COMPOUND: usize = 1_100;
/// What a round trip is taken for before one was measured.
const DEFAULT_RTT: Duration = Duration::from_millis(100);
/// Sequence numbers asked for in one NACK at most.
const MAX_NACKED: usize = 256;
/// From this level of [`Redundancy`](crate::forward::Redundancy) on, 6 % of loss, what is asked for again leaves twice, 20 ms apart: of one
/// copy as much is lost as of the packet. Where 10 % are lost each way every fifth request of one copy goes unanswered, and every ninth of
/// two; where 30 % are, every second.
const TWICE_FROM: usize = 2;

impl Engine {
    pub(super) fn rtcp_datagram(
        &mut self,
        now: Instant,
        key: PeerKey,
        path: &Path,
        bytes: &mut [u8],
        out: &mut Outbox,
    ) {
        let transport = self.peers.get_mut(key).and_then(|p| p.transport.as_mut());
        let Some(transport) = transport else { return self.totals.dropped(DropCause::BeforeKeys) };
        let end = match transport.open_rtcp(now, path, bytes) {
            Ok(end) => end,
            Err(cause) => return self.totals.dropped(cause),
        };
        for packet in rtcp::packets(&bytes[..end]) {
            let Ok(packet) = packet else { return self.totals.dropped(DropCause::Malformed) };
            self.rtcp_packet(now, key, &packet, out);
        }
    }

    fn rtcp_packet(&mut self, now: Instant, key: PeerKey, packet: &RtcpPacket<'_>, out: &mut Outbox) {
        match packet {
            RtcpPacket::SenderReport(report) => {
                self.sender_report(now, key, report.ssrc, report.ntp, report.rtp_timestamp);
                report.reports().for_each(|block| self.report_block(now, key, &block));
            }
            RtcpPacket::ReceiverReport(report) => {
                report.reports().for_each(|block| self.report_block(now, key, &block));
            }
            RtcpPacket::Nack(nack) => self.nack(now, key, nack, out),
            RtcpPacket::PictureLoss { media_ssrc, .. } => self.keyframe_wanted(now, key, *media_ssrc),
            RtcpPacket::FullIntra(fir) => fir.entries().for_each(|(ssrc, _)| self.keyframe_wanted(now, key, ssrc)),
            RtcpPacket::TransportFeedback(feedback) => {
                self.heard_of_path(now, key, out, |b| b.on_feedback(now, feedback));
            }
            RtcpPacket::Remb(remb) => self.heard_of_path(now, key, out, |b| b.on_remb(now, remb.bitrate_bps)),
            _ => {}
        }
    }

    /// A receiver told something of his path.
    fn heard_of_path(&mut self, now: Instant, key: PeerKey, out: &mut Outbox, take: impl FnOnce(&mut Bandwidth)) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let before = peer.outflow.target_bps();
        take(&mut peer.outflow.bandwidth);
        let after = peer.outflow.target_bps();
        // Less must be sent at once; for more, the next regular time is soon enough.
        let is_less = after < before / 10 * 9 || (peer.timers.is_calm && !peer.outflow.has_room());
        if is_less && peer.timers.allocate_at.is_some() {
            peer.timers.allocate_at = Some(now);
        }
        // Nothing was sent to him for a while, and now there is.
        let soon = now + INTERVAL;
        let is_far = peer.timers.allocate_at.is_some_and(|at| at > soon) && !peer.timers.is_calm;
        if is_far && peer.outflow.sent_bps(now) >= GREETING_BPS {
            peer.timers.allocate_at = Some(soon);
        }
        self.pace(now, key, out);
    }

    fn sender_report(&mut self, now: Instant, key: PeerKey, ssrc: u32, ntp: u64, rtp: u32) {
        let ours = ntp_since(self.started, now);
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(Stream::Media(producer, encoding)) = peer.streams.get(&ssrc).copied() else { return };
        // The difference of the clocks plus the way here; the shortest way seen is the nearest to the difference.
        let shift = ours.wrapping_sub(ntp);
        let best =
            peer.ntp_shift.map_or(shift, |known| if (shift.wrapping_sub(known) as i64) < 0 { shift } else { known });
        peer.ntp_shift = Some(best);
        let clock = SenderClock { ntp, rtp, at: now };
        let told = self.producers.get_mut(producer);
        if let Some(encoding) = told.and_then(|p| p.encodings.get_mut(usize::from(encoding))) {
            encoding.last_sr = Some(clock);
            encoding.reception.iter_mut().for_each(|r| r.on_sender_report(now, ntp));
        }
        self.share_clock(producer, encoding, clock);
    }

    fn report_block(&mut self, now: Instant, key: PeerKey, block: &ReportBlock) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(consumer) = peer.places.get(&block.ssrc).and_then(|c| self.consumers.get_mut(*c)) else { return };
        let path = peer.outflow.path_told(now).unwrap_or(PathTold { lost: None, rtt: peer.rtt });
        let (rtt, told) = consumer.on_report(now, block, path);
        match path.lost {
            // What is missing of one stream may never have left: it was dropped here for want of room.
            Some(lost) => peer.redundancy.on_loss(now, lost, 1.0),
            // What is told more than once leaves a little later, by the one path of a session.
            None if peer.transport.as_ref().is_some_and(|t| t.session().is_some()) => {
                peer.redundancy.on_report(now, &told);
            }
            None => {}
        }
        if let Some(rtt) = rtt {
            peer.rtt = Some(peer.rtt.map_or(rtt, |smoothed| (smoothed * 7 + rtt) / 8));
        }
        peer.outflow.bandwidth.on_receiver_report(now, consumer.fraction_lost(), rtt);
    }

    fn place(&self, key: PeerKey, ssrc: u32) -> Option<ConsumerKey> {
        self.peers.get(key)?.places.get(&ssrc).copied()
    }

    pub(super) fn keyframe_wanted(&mut self, now: Instant, key: PeerKey, ssrc: u32) {
        let Some(place) = self.place(key, ssrc) else { return };
        self.still_wanted(now, key, place);
        let Some(consumer) = self.consumers.get(place) else { return };
        let (source, encoding) = (consumer.source, consumer.selector.current().map(|c| c.encoding));
        let Some(outflow) = self.peers.get_mut(key).map(|peer| &mut peer.outflow) else { return };
        let round_trip = outflow.bandwidth.round_trip();
        let is_under_way = source.zip(encoding).is_some_and(|((producer, _), encoding)| {
            // A camera's are small, and whoever lost a part of one had better have the next.
            let screen = self.producers.get(producer).filter(|producer| producer.info.source == Source::Screen);
            let newest = screen.and_then(|screen| screen.encodings.get(usize::from(encoding))?.newest_key);
            newest.is_some_and(|key| {
                let way = Way {
                    bps: outflow.target_bps(),
                    waits: outflow.pacer.wait_of_all(),
                    round_trip: round_trip.unwrap_or_default().min(LONGEST_ROUND_TRIP),
                    is_whole: outflow.has_lost_nothing_since(key.at),
                };
                key.is_under_way(now, way)
            })
        });
        if is_under_way {
            return;
        }
        if let Some(((producer, _), encoding)) = source.zip(encoding)
            && outflow.resent.may_ask(now, (ssrc, producer, encoding), round_trip)
        {
            self.want_keyframe(now, producer, encoding);
        }
    }

    /// Sends again what a receiver misses, out of the track's ring, as long as his budget lasts.
    fn nack(&mut self, now: Instant, key: PeerKey, nack: &Nack<'_>, out: &mut Outbox) {
        let Some(place) = self.place(key, nack.media_ssrc) else { return };
        let (Some(peer), Some(consumer)) = (self.peers.get_mut(key), self.consumers.get_mut(place)) else { return };
        let Some(producer) = consumer.source.and_then(|(p, _)| self.producers.get(p)) else { return };
        let Some((path, sender)) = peer.transport.as_mut().and_then(|t| t.egress(consumer.kind)) else { return };
        if producer.info.mute.is_muted() {
            return;
        }
        let round_trip = peer.outflow.bandwidth.round_trip().or(peer.rtt);
        let copies = usize::from(peer.redundancy.level() >= TWICE_FROM);
        for sequence in nack.sequences() {
            let waits = peer.outflow.pacer.wait_of_soon();
            if !peer.outflow.resent.may_send(now, (nack.media_ssrc, sequence), round_trip, waits) {
                continue;
            }
            let Some((index, out_index, run)) = consumer.missed(sequence) else { continue };
            let ring = producer.encodings.get(usize::from(run.encoding)).and_then(|e| e.ring.as_ref());
            let Some(kept) = ring.and_then(|r| r.get(index)) else { continue };
            let Some(left) = peer.retransmissions_left.checked_sub(1 + copies as u32) else { break };
            peer.retransmissions_left = left;
            let (flow, payload_len) = (key.flow(), kept.payload().len());
            let sender = &mut *sender;
            let departure = Departure { now, flow, path, sender, urgency: Urgency::Soon, payload_len, copies };
            match peer
                .outflow
                .send(departure, out, |stamp, buffer| consumer.write_rtx((out_index, &run), kept, stamp, buffer))
            {
                Sent::Left if copies == 0 => {}
                Sent::Left | Sent::Held => self.holding.push(key),
                Sent::Roused => {
                    self.roused.push(key);
                    self.holding.push(key);
                }
                Sent::Dropped => {
                    self.totals.dropped(DropCause::PacerFull);
                    continue;
                }
            }
            self.totals.retransmitted += 1;
            peer.outflow.resent.sent(now, (nack.media_ssrc, sequence));
        }
        self.arm_holding(now);
    }

    /// NACKs, key-frame requests and transport feedback to a publisher.
    pub(super) fn write_fast_feedback(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        if let Some(worker) = self.peers.get(key).and_then(|p| p.lives_on) {
            return self.ask_elsewhere(now, key, worker);
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        let mut batch = Compound::new(&mut self.scratch, peer, key, out);
        let keys: Vec<_> = batch.peer.producers().collect();
        let mut again: Option<Instant> = None;
        let mut soon = |at: Instant| again = Some(again.map_or(at, |a| a.min(at)));
        let rtt = batch.peer.rtt.unwrap_or(DEFAULT_RTT);
        let encodings = keys.iter().filter_map(|key| self.producers.get(*key)).flat_map(|producer| &producer.encodings);
        let receptions = encodings.filter_map(|encoding| encoding.reception.as_ref());
        let lost = receptions.map(Reception::lost_of_late).fold(0.0, f32::max);
        let mut media_ssrc = 0;
        for producer in keys {
            let Some(producer) = self.producers.get_mut(producer) else { continue };
            media_ssrc = producer.any_ssrc().unwrap_or(media_ssrc);
            let kind = producer.kind();
            batch.about(kind);
            for number in 0..producer.encodings.len() {
                let encoding = &mut producer.encodings[number];
                let mut missing = Vec::new();
                if encoding.nacker.due(now, rtt, &mut missing) {
                    encoding.lost_for_good(kind);
                }
                missing.truncate(MAX_NACKED);
                if let Some(ssrc) = encoding.ssrc.filter(|_| !missing.is_empty()) {
                    encoding.nacked += missing.len() as u64;
                    let us = batch.ssrc();
                    batch.add(|buffer| rtcp::write_nack(buffer, us, ssrc, &missing));
                }
                if encoding.keyframes.take_due(now, rtt, lost) {
                    self.totals.keyframe_requests += 1;
                    let us = batch.ssrc();
                    batch.add(|buffer| producer.write_keyframe_request(number, buffer, us));
                }
            }
            producer.keyframe_deadline(now).into_iter().for_each(&mut soon);
            if producer.is_repairing() {
                soon(now + NACK_INTERVAL);
            }
        }
        while !batch.peer.arrivals.is_empty() {
            batch.add_feedback(media_ssrc);
        }
        batch.send();
        if let Some(at) = again {
            peer.timers.hasten(at);
        }
    }

    /// Sender reports about what a participant receives, receiver reports about what he publishes, and his network quality.
    pub(super) fn write_reports(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(room) = self.peers.get(key).map(|p| p.room) else { return };
        let shifts = self.clock_shifts(key);
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.transport.as_ref().is_none_or(|t| t.state() != TransportState::Connected) {
            return;
        }
        let (producers, consumers): (Vec<_>, Vec<_>) = (peer.producers().collect(), peer.consumers().collect());
        let mut loss: f32 = 0.0;
        let mut batch = Compound::new(&mut self.scratch, peer, key, out);
        let mut blocks = Vec::new();
        for producer in producers {
            let Some(producer) = self.producers.get_mut(producer) else { continue };
            let muted = producer.info.mute.is_muted();
            for encoding in &mut producer.encodings {
                if let (Some(ssrc), Some(reception)) = (encoding.ssrc, encoding.reception.as_mut()) {
                    blocks.push((producer.info.kind, reception.report(now, ssrc)));
                    loss = loss.max(Some(reception).filter(|_| !muted).map_or(0.0, |r| Reception::fraction_lost(r)));
                }
            }
        }
        batch.add_blocks(&blocks);
        for (consumer, shift) in consumers.iter().zip(shifts) {
            let Some(consumer) = self.consumers.get_mut(*consumer) else { continue };
            loss = loss.max(consumer.fraction_lost());
            // Encodings have clocks of their own: while none is shown there is none to tell of.
            let Some(encoding) = consumer.selector.current().map(|c| usize::from(c.encoding)) else { continue };
            let producer = consumer.source.and_then(|(p, _)| self.producers.get(p));
            let clock = producer.and_then(|p| p.encodings.get(encoding)?.last_sr);
            // The mix is told by our own clock.
            let clock = clock.zip(shift).or(consumer.mix_clock().map(|clock| (clock, 0)));
            batch.about(consumer.kind);
            if let Some((clock, shift)) = clock {
                batch.add_report(|buffer| consumer.write_report(now, &clock, shift, CNAME, buffer));
            }
        }
        batch.send();
        let score = quality(loss, peer.rtt);
        if peer.quality.replace(score) != Some(score)
            && let Some(room) = self.rooms.get(room)
        {
            self.events.push_back(Event::Quality { room: room.id, peer: peer.id, score });
        }
    }

    /// For each of a participant's places, the difference between its publisher's clock and ours.
    fn clock_shifts(&self, key: PeerKey) -> Vec<Option<u64>> {
        let of = |place: ConsumerKey| {
            let (producer, _) = self.consumers.get(place)?.source?;
            let producer = self.producers.get(producer)?;
            // A canvas is told by our own clock.
            if producer.is_canvas { Some(0) } else { self.peers.get(producer.owner)?.ntp_shift }
        };
        self.peers.get(key).into_iter().flat_map(|p| p.consumers()).map(of).collect()
    }
}

/// NTP units of 2^-32 s since the engine started: the clock that all our sender reports share.
pub(super) fn ntp_since(started: Instant, now: Instant) -> u64 {
    let elapsed = now.saturating_duration_since(started);
    // Far from zero, so that a publisher whose clock is ahead does not wrap it.
    (1 << 62) + ((elapsed.as_secs() << 32) | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000))
}

/// A score of 0 to 5 from loss (0 to 1) and round trip. Steps at 1, 3, 8, 15 and 30 % loss and at 150, 300, 500 and 1,000 ms.
fn quality(loss: f32, rtt: Option<Duration>) -> u8 {
    let by_loss = [0.01, 0.03, 0.08, 0.15, 0.30].iter().filter(|step| loss > **step).count();
    let rtt_ms = rtt.map_or(0, |rtt| rtt.as_millis());
    let by_rtt = [150, 300, 500, 1_000].iter().filter(|step| rtt_ms > **step).count();
    5 - by_loss.max(by_rtt).min(5) as u8
}

/// RTCP packets that go out together.
struct Compound<'a> {
    buffer: &'a mut Vec<u8>,
    peer: &'a mut Peer,
    key: PeerKey,
    out: &'a mut Outbox,
    /// What it is about. By plain RTP each kind of media is a session of its own, with reports of its own.
    kind: MediaKind,
}

impl<'a> Compound<'a> {
    fn new(buffer: &'a mut Vec<u8>, peer: &'a mut Peer, key: PeerKey, out: &'a mut Outbox) -> Self {
        buffer.clear();
        Self { buffer, peer, key, out, kind: MediaKind::Audio }
    }

    fn is_plain(&self) -> bool {
        self.peer.transport.as_ref().is_some_and(|t| t.plain().is_some())
    }

    /// What comes next is about this kind of media.
    fn about(&mut self, kind: MediaKind) {
        if self.kind != kind {
            if self.is_plain() {
                self.send();
            }
            self.kind = kind;
        }
    }

    /// Adds receiver reports.
    fn add_blocks(&mut self, blocks: &[(MediaKind, ReportBlock)]) {
        let is_plain = self.is_plain();
        let mut write = |kind: Option<MediaKind>| {
            let of_kind: Vec<_> =
                blocks.iter().filter(|(of, _)| kind.is_none_or(|kind| kind == *of)).map(|(_, block)| *block).collect();
            kind.into_iter().for_each(|kind| self.about(kind));
            let us = self.ssrc();
            for blocks in of_kind.chunks(31) {
                self.add_report(|buffer| rtcp::write_receiver_report(buffer, us, blocks));
                if is_plain {
                    // RFC 3550 section 6.1: each compound names its sender. WebRTC's receivers know us by the session.
                    self.add_report(|buffer| rtcp::write_sdes_cname(buffer, us, CNAME));
                }
            }
        };
        if is_plain {
            [MediaKind::Audio, MediaKind::Video].into_iter().for_each(|kind| write(Some(kind)));
        } else {
            write(None);
        }
    }

    /// What we send reports under: by plain RTP as the media of the session, which has no other name for us.
    fn ssrc(&self) -> u32 {
        self.peer.transport.as_ref().and_then(|t| t.plain()?.ssrc(self.kind)).unwrap_or(1)
    }

    /// Adds one packet that `write` appends, which is no report.
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.buffer.is_empty() && !self.peer.reduced_size_rtcp {
            // RFC 3550 section 6.1: a compound packet begins with a report, and names its sender.
            let us = self.ssrc();
            rtcp::write_receiver_report(self.buffer, us, &[]);
            if self.is_plain() {
                rtcp::write_sdes_cname(self.buffer, us, CNAME);
            }
        }
        self.add_report(write);
    }

    /// Adds one packet that `write` appends, with which a compound packet may begin.
    fn add_report(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.buffer);
        if self.buffer.len() > MAX_COMPOUND / 2 {
            self.send();
        }
    }

    fn add_feedback(&mut self, media_ssrc: u32) {
        let mut packet = Vec::new();
        self.peer.arrivals.write(&mut packet, 1, media_ssrc);
        self.add(|buffer| buffer.extend_from_slice(&packet));
    }

    /// Seals and queues what was added.
    fn send(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let kind = self.kind;
        if let Some((path, sender)) = self.peer.transport.as_mut().and_then(|t| t.rtcp_egress(kind)) {
            self.out.push(self.key.flow(), path, |out| {
                let start = out.len();
                out.extend_from_slice(self.buffer);
                sender.seal_rtcp(out, start).ok()
            });
        }
        self.buffer.clear();
    }
}
