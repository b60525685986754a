//! A receiving place: one continuous stream of packets towards one receiver, whatever it shows.

use super::carried::{Carried, MAX_ELEMENT_LEN};
use super::pictures::Pictures;
use super::producer::{MediaPacket, SenderClock};
use super::redundancy::{MAX_REDUNDANCY, Told};
use super::resent::Resent;
use super::ring::{Kept, Ring};
use super::runs::{Offsets, Run, Runs};
use super::selector::{Choice, Leaving, Selector};
use super::stamp::Stamp;
use super::timeline::Timeline;
use crate::api::{Layer, MediaKind, Preference, SendStats, Shown, TrackId};
use crate::keys::{PeerKey, ProducerKey};
use crate::negotiate::{CodecEntry, Extension, ExtensionIds, Format, matching};
use colloquy_codecs::payload::{MAX_RED_BLOCK_LEN, MAX_RED_OFFSET, PictureId, Tl0PicIdx, write_red};
use colloquy_codecs::rtcp::{ReportBlock, write_sdes_cname, write_sender_report};
use colloquy_codecs::rtp::dependency::rewrite_frame_number;
use colloquy_codecs::rtp::{HeaderFields, write_header};
use std::time::{Duration, Instant};

/// A receiving place.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) owner: PeerKey,
    pub(crate) mid: String,
    pub(crate) kind: MediaKind,
    pub(crate) codecs: Vec<CodecEntry>,
    pub(crate) extensions: ExtensionIds,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) source: Option<(ProducerKey, TrackId)>,
    /// How the receiver looks at it.
    pub(crate) preference: Preference,
    pub(crate) selector: Selector,
    /// It is among the last N.
    pub(crate) in_view: bool,
    /// What its receiver was told last.
    pub(crate) told: Option<Shown>,
    /// What its target costs, in bits a second.
    allocated_bps: u64,
    /// What the receiver decodes now; `None` until something is sent.
    sending: Option<Sending>,
    /// The codec that was sent last.
    last_format: Option<Format>,
    runs: Runs,
    offsets: Offsets,
    pictures: Pictures,
    timeline: Timeline,
    rtx_index: u64,
    resent: Resent,
    /// MID goes into every packet until the receiver reports: then it knows whose SSRC it is (RFC 8843 section 15).
    announce: bool,
    packets: u64,
    bytes: u64,
    retransmitted: u64,
    switches: u64,
    fraction_lost: f32,
    /// Highest sequence number that was reported.
    reported: Option<u32>,
    /// Times that its receiver is told each packet of audio again.
    repeats: usize,
    /// NTP times (middle 32 bits) of our last sender reports, and when they went.
    reports_sent: [Option<(u32, Instant)>; 4],
}

/// The codec of what is sent, by the receiver's numbers.
#[derive(Debug, Clone, Copy)]
struct Sending {
    format: Format,
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    red_payload_type: Option<u8>,
}

/// What a packet becomes for one receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prepared {
    index: u64,
    offsets: Offsets,
    payload_type: u8,
    marker: bool,
    /// Nothing but its number is sent, which was kept for a packet that this receiver does not get after all.
    is_filler: bool,
}

/// What a place is to show from now on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    /// The quality; `None` pauses it.
    pub(crate) layer: Option<Layer>,
    /// What that costs, in bits a second.
    pub(crate) bps: u64,
    /// The path does not carry more.
    pub(crate) is_urgent: bool,
}

/// A step down to less than this part, in percent, is no small correction: what is shown until the next key frame would fill
/// a queue.
const MUCH_LESS_PCT: u64 = 85;

/// What a consumer makes of a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rewritten {
    pub(crate) ssrc: u32,
    pub(crate) index: u64,
    pub(crate) header_len: usize,
}

impl Consumer {
    /// A place with nothing in it. `seed` gives its first numbers.
    pub(crate) fn new(owner: PeerKey, mid: &str, kind: MediaKind, (ssrc, rtx_ssrc): (u32, u32), seed: u64) -> Self {
        let mut selector = Selector::default();
        selector.aim((kind == MediaKind::Audio).then(Layer::default), Leaving::WhenReplaced);
        Self {
            owner,
            mid: mid.to_owned(),
            kind,
            codecs: Vec::new(),
            extensions: ExtensionIds::default(),
            ssrc,
            rtx_ssrc,
            source: None,
            preference: Preference::default(),
            selector,
            in_view: true,
            told: None,
            allocated_bps: 0,
            sending: None,
            last_format: None,
            // RFC 3711 section 3.3.1: the first number is under 2^15, so that a lost first packet cannot hide a rollover.
            runs: Runs::new(seed & 0x3fff),
            offsets: Offsets::default(),
            pictures: Pictures::default(),
            timeline: Timeline::new((seed >> 32) as u32),
            rtx_index: (seed >> 16) & 0x3fff,
            resent: Resent::default(),
            announce: true,
            packets: 0,
            bytes: 0,
            retransmitted: 0,
            switches: 0,
            fraction_lost: 0.0,
            reported: None,
            repeats: 0,
            reports_sent: [None; 4],
        }
    }

    /// Shows another source from its next packet, or for video its next key frame, on.
    pub(crate) fn show(&mut self, source: Option<(ProducerKey, TrackId)>) {
        if self.source != source {
            self.source = source;
            self.told = None;
            self.runs.forget_sources();
            self.timeline.forget_publisher();
            self.resplice();
        }
    }

    /// Shows the same source afresh: it was muted.
    pub(crate) fn resplice(&mut self) {
        self.selector.restart();
        self.sending = None;
    }

    /// The numbers of an encoding's packets mean others now: its publisher started over.
    pub(crate) fn encoding_restarted(&mut self, encoding: u8) {
        self.runs.forget_sources();
        if self.selector.current().is_some_and(|current| current.encoding == encoding) {
            self.resplice();
        }
    }

    /// Goes for another quality.
    pub(crate) fn aim(&mut self, aim: &Aim) {
        let is_less = aim.bps.saturating_mul(100) < self.allocated_bps.saturating_mul(MUCH_LESS_PCT);
        let leaving = match self.selector.target() {
            // Nothing new: what was decided when it was new still holds.
            target if target == aim.layer => return,
            _ if aim.is_urgent && is_less => Leaving::AtOnce,
            _ => Leaving::WhenReplaced,
        };
        self.allocated_bps = aim.bps;
        self.selector.aim(aim.layer, leaving);
    }

    /// The encodings that it gets or is about to get.
    pub(crate) fn encodings_in_use(&self) -> impl Iterator<Item = u8> + use<> {
        [self.selector.target(), self.selector.current()].into_iter().flatten().map(|layer| layer.encoding)
    }

    /// Has audio told so many times more from now on.
    #[inline]
    pub(crate) fn repeat(&mut self, times: usize) {
        self.repeats = if self.kind == MediaKind::Audio { times } else { 0 };
    }

    /// How many packets each audio packet repeats.
    #[inline]
    pub(crate) fn redundancy(&self) -> usize {
        let negotiated = self.sending.is_some_and(|s| s.red_payload_type.is_some());
        if negotiated { self.repeats } else { 0 }
    }

    /// How many times more each audio packet is sent as it is, to a receiver who takes no packets that repeat others.
    #[inline]
    pub(crate) fn copies(&self) -> usize {
        self.repeats - self.redundancy()
    }

    /// Whether its receiver takes retransmissions.
    pub(crate) fn repairs(&self) -> bool {
        self.kind == MediaKind::Video && self.codecs.iter().any(|c| c.rtx_payload_type.is_some())
    }

    /// The newest packet that was sent.
    pub(crate) fn newest(&self) -> Option<(u64, u64, Run)> {
        self.sending?.rtx_payload_type?;
        self.runs.newest()
    }

    /// Appends a packet of `len` bytes of padding (RFC 3550 section 5.1), as a retransmission of nothing.
    pub(crate) fn write_padding(&mut self, len: u8, stamp: Stamp, out: &mut Vec<u8>) -> Option<Rewritten> {
        let by_codec = || self.codecs.iter().find_map(|c| c.rtx_payload_type);
        let payload_type = self.sending.and_then(|s| s.rtx_payload_type).or_else(by_codec)?;
        let index = self.rtx_index;
        self.rtx_index += 1;
        let (sequence, timestamp) = (index as u16, self.timeline.newest());
        let fields = HeaderFields { marker: false, payload_type, sequence, timestamp, ssrc: self.rtx_ssrc };
        let start = out.len();
        let header_len = self.write_head(&fields, stamp, &Carried::NONE, 0, out);
        *out.get_mut(start)? |= 0x20;
        let end = out.len() + usize::from(len.max(1));
        out.resize(end - 1, 0);
        out.push(len.max(1));
        Some(Rewritten { ssrc: self.rtx_ssrc, index, header_len })
    }

    /// Decides on a packet; `None` when this receiver gets nothing of it.
    #[inline]
    pub(crate) fn prepare(&mut self, packet: &MediaPacket<'_>) -> Option<Prepared> {
        let before = self.selector.current().filter(|_| self.sending.is_some());
        if self.sending.is_none_or(|s| s.format != packet.format) {
            matching(&self.codecs, packet.format)?;
            if before.is_some_and(|current| current.encoding == packet.encoding) {
                if !self.runs.is_newest(packet.index) {
                    // Of the codec before; nobody waits for it any more.
                    return None;
                }
                self.selector.restart();
            }
        }
        let is_current = self.selector.current().is_some_and(|current| current.encoding == packet.encoding);
        let is_newest = !is_current || self.runs.is_newest(packet.index);
        let choice = self.selector.choose(packet, is_newest);
        let marker = match choice {
            Choice::Drop if is_current => return self.leave_out(packet, is_newest),
            Choice::Drop => return None,
            Choice::Splice { marker } => {
                if self.begin(packet).is_none() {
                    self.selector.restart();
                    return None;
                }
                // The first packet after a pause in audio begins a talk spurt (RFC 3551 section 4.1).
                marker || self.kind == MediaKind::Audio
            }
            Choice::Forward { marker } => marker,
        };
        if before.is_some() && self.selector.current() != before {
            self.switches += 1;
        }
        let (index, offsets) = self.runs.forward(packet.index, self.offsets)?;
        if is_newest {
            self.pictures.sent(&packet.frame, &offsets);
            self.timeline.sent(packet.now, packet.timestamp.wrapping_add(offsets.timestamp));
        }
        let sending = self.sending?;
        let payload_type = match sending.red_payload_type {
            Some(red) if self.repeats > 0 => red,
            _ => sending.payload_type,
        };
        Some(Prepared { index, offsets, payload_type, marker, is_filler: false })
    }

    fn leave_out(&mut self, packet: &MediaPacket<'_>, is_newest: bool) -> Option<Prepared> {
        if is_newest {
            self.pictures.left_out(&packet.frame, &mut self.offsets);
        }
        let (index, offsets) = self.runs.skip(packet.index, self.offsets)?;
        let payload_type = self.sending?.payload_type;
        Some(Prepared { index, offsets, payload_type, marker: false, is_filler: true })
    }

    /// Continues our numbers with those of the packet's encoding.
    fn begin(&mut self, packet: &MediaPacket<'_>) -> Option<()> {
        let codec = matching(&self.codecs, packet.format)?;
        if self.last_format.replace(packet.format) != Some(packet.format) {
            // What was sent in another codec cannot be sent again in this one's name.
            self.runs.forget_sources();
        }
        self.sending = Some(Sending {
            format: packet.format,
            payload_type: codec.payload_type,
            rtx_payload_type: codec.rtx_payload_type,
            red_payload_type: codec.red_payload_type,
        });
        let rate_hz = packet.format.codec.clock_rate_hz();
        self.offsets.timestamp = self.timeline.splice(packet.now, packet.timestamp, packet.clock.as_ref(), rate_hz);
        self.pictures.splice(&packet.frame, &mut self.offsets);
        if let Some(clock) = &packet.clock {
            let captured = clock.capture_ntp(packet.timestamp, rate_hz);
            self.timeline.anchor(captured, packet.timestamp.wrapping_add(self.offsets.timestamp));
        }
        self.runs.splice(packet.encoding, packet.index);
        Some(())
    }

    /// Appends a packet as it was prepared. `before` has those that came before it, for a receiver of audio who loses some.
    #[inline]
    pub(crate) fn write(
        &mut self,
        prepared: &Prepared,
        packet: &MediaPacket<'_>,
        before: Option<&Ring>,
        stamp: Stamp,
        out: &mut Vec<u8>,
    ) -> Rewritten {
        let fields = HeaderFields {
            marker: prepared.marker,
            payload_type: prepared.payload_type,
            sequence: prepared.index as u16,
            timestamp: packet.timestamp.wrapping_add(prepared.offsets.timestamp),
            ssrc: self.ssrc,
        };
        let start = out.len();
        let carried = if prepared.is_filler { &Carried::NONE } else { &packet.carried };
        let header_len = self.write_head(&fields, stamp, carried, prepared.offsets.frame, out);
        if !prepared.is_filler {
            let payload = out.len();
            match self.sending {
                Some(s) if Some(prepared.payload_type) == s.red_payload_type => {
                    let ring = before.into_iter();
                    let kept = ring.flat_map(|ring| ring.before(packet.index).take(self.repeats));
                    write_redundant(packet, s.payload_type, kept, out);
                }
                _ => out.extend_from_slice(packet.payload),
            }
            let (picture_id, tl0_pic_idx) = (packet.frame.picture_id, packet.frame.tl0_pic_idx);
            rewrite_pictures(&prepared.offsets, picture_id, tl0_pic_idx, out.get_mut(payload..).unwrap_or_default());
        }
        self.packets += 1;
        self.bytes += (out.len() - start) as u64;
        Rewritten { ssrc: self.ssrc, index: prepared.index, header_len }
    }

    /// Appends a header with everything that goes into its extensions; the transport-wide number first, where
    /// [`set_transport_sequence`](super::set_transport_sequence) finds it.
    #[inline]
    fn write_head(
        &self,
        fields: &HeaderFields,
        stamp: Stamp,
        carried: &Carried<'_>,
        frame_offset: u16,
        out: &mut Vec<u8>,
    ) -> usize {
        let ids = &self.extensions;
        let mid = ids.get(Extension::Mid).filter(|_| self.announce).map(|id| (id, self.mid.as_bytes()));
        let sequence = stamp.transport_sequence.map(u16::to_be_bytes);
        let sequence = ids.get(Extension::TransportSequence).zip(sequence.as_ref().map(|s| &s[..]));
        let send_time = ids.get(Extension::AbsSendTime).zip(stamp.send_time.as_ref().map(|t| &t[..]));
        let mut descriptor = [0u8; MAX_ELEMENT_LEN];
        let descriptor = carried
            .get(Extension::DependencyDescriptor)
            .and_then(|element| renumbered(element, frame_offset, &mut descriptor));
        let carried = carried.iter().filter_map(move |(extension, element)| {
            let element = if extension == Extension::DependencyDescriptor { descriptor? } else { element };
            Some((ids.get(extension)?, element))
        });
        write_header(out, fields, [sequence, mid, send_time].into_iter().flatten().chain(carried))
    }

    /// Whether to send a packet again that is asked for: not while it is on its way, which takes `pause`.
    pub(crate) fn resends(&mut self, now: Instant, out_index: u64, pause: Duration) -> bool {
        self.resent.may(now, out_index, pause)
    }

    /// The packet that the receiver misses: which encoding's, its number there, and what became of it.
    pub(crate) fn missed(&self, sequence: u16) -> Option<(u64, u64, Run)> {
        self.sending?.rtx_payload_type?;
        self.runs.source_of(sequence)
    }

    /// Appends a packet that was sent before, as a retransmission (RFC 4588 section 4).
    pub(crate) fn write_rtx(
        &mut self,
        (out_index, run): (u64, &Run),
        kept: &Kept,
        stamp: Stamp,
        out: &mut Vec<u8>,
    ) -> Option<Rewritten> {
        let payload_type = self.sending?.rtx_payload_type?;
        let index = self.rtx_index;
        self.rtx_index += 1;
        let fields = HeaderFields {
            marker: kept.marker,
            payload_type,
            sequence: index as u16,
            timestamp: kept.timestamp.wrapping_add(run.offsets.timestamp),
            ssrc: self.rtx_ssrc,
        };
        let header_len = self.write_head(&fields, stamp, &kept.carried(), run.offsets.frame, out);
        out.extend_from_slice(&(out_index as u16).to_be_bytes());
        let payload = out.len();
        out.extend_from_slice(&kept.payload);
        let written = out.get_mut(payload..).unwrap_or_default();
        rewrite_pictures(&run.offsets, kept.picture_id, kept.tl0_pic_idx, written);
        self.retransmitted += 1;
        Some(Rewritten { ssrc: self.rtx_ssrc, index, header_len })
    }

    /// Appends a sender report with our clocks, from the publisher's (RFC 3550 section 6.4.1). `ntp_shift` moves his NTP time to
    /// one that all publishers share, so that a receiver that pairs any two of our streams pairs them rightly.
    pub(crate) fn write_report(
        &mut self,
        now: Instant,
        clock: &SenderClock,
        ntp_shift: u64,
        cname: &str,
        out: &mut Vec<u8>,
    ) {
        let Some(sending) = self.sending.as_ref() else { return };
        let elapsed = now.saturating_duration_since(clock.at);
        let ntp = clock.ntp.wrapping_add(ntp_shift).wrapping_add(ntp_of(elapsed));
        let units = elapsed.as_micros() as u64 * u64::from(sending.format.codec.clock_rate_hz()) / 1_000_000;
        let timestamp = clock.rtp.wrapping_add(units as u32).wrapping_add(self.offsets.timestamp);
        write_sender_report(out, self.ssrc, ntp, timestamp, self.packets as u32, self.bytes as u32, &[]);
        write_sdes_cname(out, self.ssrc, cname);
        self.reports_sent.rotate_right(1);
        self.reports_sent[0] = Some(((ntp >> 16) as u32, now));
    }

    /// Takes the receiver's report about us. Gives the round-trip time, if it can be told, and what it tells of the path.
    pub(crate) fn on_report(&mut self, now: Instant, block: &ReportBlock) -> (Option<Duration>, Told) {
        self.announce = false;
        self.fraction_lost = f32::from(block.fraction_lost) / 256.0;
        let before = self
            .reported
            .replace(block.highest_sequence)
            .unwrap_or(block.highest_sequence.wrapping_sub(self.packets as u32));
        let packets = block.highest_sequence.wrapping_sub(before);
        let told = Told { fraction_lost: self.fraction_lost, packets, copies: self.copies() };
        let mut sent = self.reports_sent.iter().flatten();
        let rtt = sent.find(|(ntp, _)| *ntp == block.last_sr && block.last_sr != 0).map(|(_, at)| {
            let held = Duration::from_micros((u64::from(block.delay_since_last_sr) * 1_000_000) >> 16);
            now.saturating_duration_since(*at).saturating_sub(held)
        });
        (rtt, told)
    }

    /// Whether the receiver reported loss of what we sent, 0 to 1.
    pub(crate) fn fraction_lost(&self) -> f32 {
        self.fraction_lost
    }

    pub(crate) fn stats(&self) -> SendStats {
        SendStats {
            mid: self.mid.clone(),
            track: self.source.map(|(_, track)| track),
            packets: self.packets,
            bytes: self.bytes,
            retransmitted: self.retransmitted,
            fraction_lost: self.fraction_lost,
            layer: self.selector.current().filter(|_| self.kind == MediaKind::Video),
            switches: self.switches,
        }
    }
}

/// A payload with repetitions is no longer than this: a packet in two fragments is lost twice as easily.
const MAX_REDUNDANT_BYTES: usize = 1_100;

/// Appends a payload that repeats `kept`, the newest first, before its own.
fn write_redundant<'a>(
    packet: &MediaPacket<'_>,
    payload_type: u8,
    kept: impl Iterator<Item = &'a Kept>,
    out: &mut Vec<u8>,
) {
    let mut blocks: [(u16, &[u8]); MAX_REDUNDANCY] = [(0, &[]); MAX_REDUNDANCY];
    let mut free = MAX_REDUNDANCY;
    let mut len_bytes = packet.payload.len();
    for (place, kept) in (0..MAX_REDUNDANCY).rev().zip(kept) {
        let Ok(age) = u16::try_from(packet.timestamp.wrapping_sub(kept.timestamp)) else { break };
        len_bytes += kept.payload.len();
        if age > MAX_RED_OFFSET || kept.payload.len() > MAX_RED_BLOCK_LEN || len_bytes > MAX_REDUNDANT_BYTES {
            break;
        }
        (blocks[place], free) = ((age, kept.payload.as_slice()), place);
    }
    write_red(out, payload_type, packet.payload, &blocks[free..]);
}

/// Adds to the numbers that stand in a payload.
#[inline]
fn rewrite_pictures(
    offsets: &Offsets,
    picture_id: Option<PictureId>,
    tl0_pic_idx: Option<Tl0PicIdx>,
    payload: &mut [u8],
) {
    // Neither can fail: the payload is a copy of the one that they were read from.
    if let Some(id) = picture_id.filter(|_| offsets.picture != 0) {
        let _ = id.rewrite(payload, id.value.wrapping_add(offsets.picture));
    }
    if let Some(index) = tl0_pic_idx.filter(|_| offsets.tl0 != 0) {
        let _ = index.rewrite(payload, index.value.wrapping_add(offsets.tl0));
    }
}

/// A dependency descriptor whose frame number is `offset` higher.
fn renumbered<'a>(element: &[u8], offset: u16, buffer: &'a mut [u8; MAX_ELEMENT_LEN]) -> Option<&'a [u8]> {
    let copy = buffer.get_mut(..element.len())?;
    copy.copy_from_slice(element);
    let number = element.get(1..3).map(|n| u16::from_be_bytes([n[0], n[1]]))?;
    rewrite_frame_number(copy, number.wrapping_add(offset)).ok()?;
    Some(copy)
}

/// A duration in NTP units of 2^-32 s.
fn ntp_of(duration: Duration) -> u64 {
    (duration.as_secs() << 32) | ((u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000)
}
