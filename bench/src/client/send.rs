//! A published track: frames on time, with the headers that the answer asked for, and retransmissions of them.

use super::coder::{Coder, Lineage, Picture};
use super::fec::Protect;
use super::payload::{self, Position, Stamp};
use super::script::{Replay, Shot};
use super::sdp::{AnsweredSection, extension, format};
use super::srtp_out::SrtpOut;
use colloquy_codecs::rtp::{HeaderFields, RtpHeader, write_header};
use colloquy_media_core::api::{Codec, MediaKind};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a track's frames look on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two frames.
    pub interval: Duration,
    /// RTP packets of a frame; a key frame has twice as many.
    pub packets: usize,
    /// Bytes of a packet's payload.
    pub payload_bytes: usize,
    /// A key frame has more packets than others.
    pub large_key_frames: bool,
}

impl Pace {
    /// Opus as browsers send it: 20 ms, about 32 kb/s.
    pub const OPUS: Self =
        Self { interval: Duration::from_millis(20), packets: 1, payload_bytes: 80, large_key_frames: false };

    /// Video that is cheap to simulate: 10 frames a second of two packets.
    pub const SMALL_VIDEO: Self =
        Self { interval: Duration::from_millis(100), packets: 2, payload_bytes: 400, large_key_frames: true };
}

/// What a published track was asked, and what it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendStats {
    /// Packets sent, without retransmissions.
    pub packets: u64,
    /// Frames sent.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Picture loss indications and full intra requests that came.
    pub key_frames_asked: u64,
    /// Packets that the server asked for again.
    pub nacked: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Repair packets sent (FlexFEC).
    pub repairs: u64,
    /// Frames left out because the client was not called in time: the generator is the bottleneck.
    pub skipped: u64,
    /// Packets of frames that were due in the window that is counted, if there is one.
    pub in_window: u64,
    /// Bytes of them on the wire, UDP payload.
    pub bytes_in_window: u64,
    /// The counter (see [`Stamp::counter`]) of the first of them.
    pub first_in_window: Option<u32>,
}

/// Sent packets that are kept to be sent again: a second and a half of 2 Mb/s.
const RING_PACKETS: usize = 384;

/// Bytes of payload that a packet of a picture has at most, as libwebrtc has it.
const MAX_PAYLOAD: usize = 1_150;

/// What AES-GCM adds to a packet (RFC 7714 section 13).
const SEAL_BYTES: usize = 16;

/// Frames sent in one go after a late call, before the rest are skipped.
const MAX_CATCH_UP: usize = 8;

/// One published track.
#[derive(Debug)]
pub(super) struct SendTrack {
    pub(super) mid: String,
    pub(super) codec: Codec,
    pub(super) ssrc: u32,
    pub(super) pace: Pace,
    pub(super) muted: bool,
    /// In -dBov (RFC 6464).
    pub(super) level_dbov: u8,
    pub(super) stats: SendStats,
    pub(super) rtx_ssrc: Option<u32>,
    /// Makes its pictures; without it they are all of a size.
    pub(super) coder: Option<Coder>,
    /// Says when frames are due and how large they are, instead of pace and coder.
    pub(super) replay: Option<Replay>,
    /// The recorded frame that is due.
    shot: Option<Shot>,
    /// One of several encodings of a section.
    pub(super) is_simulcast: bool,
    /// Makes repair packets.
    pub(super) protect: Option<Protect>,
    negotiated: Option<Negotiated>,
    key_frame_wanted: bool,
    index: u64,
    rtx_index: u64,
    timestamp_base: u32,
    started: Option<Instant>,
    next_frame: Option<Instant>,
    frame: u32,
    counter: u32,
    octets: u32,
    last_timestamp: u32,
    kept: VecDeque<Vec<u8>>,
    window: Option<(Instant, Instant)>,
    due: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Negotiated {
    payload_type: u8,
    rtx: Option<u8>,
    mid: Option<u8>,
    level: Option<u8>,
    transport_cc: Option<u8>,
    rid: Option<u8>,
    repaired_rid: Option<u8>,
    dependency: Option<u8>,
}

/// What all tracks of a client share while they send.
pub(super) struct Shared<'a> {
    pub(super) out: &'a mut SrtpOut,
    pub(super) transport_sequence: &'a mut u16,
    pub(super) source: u64,
    pub(super) epoch: Instant,
    /// Stamps say when a packet was to leave rather than when it did.
    pub(super) stamps_due: bool,
}

impl Shared<'_> {
    pub(super) fn next_transport_sequence(&mut self) -> [u8; 2] {
        let sequence = self.transport_sequence.to_be_bytes();
        *self.transport_sequence = self.transport_sequence.wrapping_add(1);
        sequence
    }
}

/// A packet's share of a frame.
#[derive(Debug, Clone, Copy)]
struct FramePart {
    picture: Picture,
    spatial: u8,
    bytes: usize,
    first: bool,
    last: bool,
}

/// What a track begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: u32,
    /// Below 2^15: a receiver that misses the first packets still guesses the rollover counter (RFC 3711 section 3.3.1).
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

impl SendTrack {
    pub(super) fn new(mid: String, codec: Codec, pace: Pace, start: Start) -> Self {
        Self {
            mid,
            codec,
            ssrc: start.ssrc,
            pace,
            muted: false,
            level_dbov: 30,
            stats: SendStats::default(),
            rtx_ssrc: format(codec).rtx.map(|_| start.rtx_ssrc),
            coder: None,
            replay: None,
            shot: None,
            is_simulcast: false,
            protect: None,
            negotiated: None,
            key_frame_wanted: true,
            index: u64::from(start.sequence & 0x7fff),
            rtx_index: u64::from(start.sequence & 0x7fff),
            timestamp_base: start.timestamp,
            started: None,
            next_frame: None,
            frame: 0,
            counter: 0,
            octets: 0,
            last_timestamp: start.timestamp,
            kept: VecDeque::new(),
            window: None,
            due: None,
        }
    }

    /// Counts packets of frames that are due from the first moment on, before the second.
    pub(super) fn count_within(&mut self, from: Instant, to: Instant) {
        self.window = Some((from, to));
        (self.stats.in_window, self.stats.bytes_in_window, self.stats.first_in_window) = (0, 0, None);
    }

    /// Takes what the answer says of this track; it sends only when the server wants it.
    pub(super) fn negotiate(&mut self, section: &AnsweredSection) {
        let id = |wanted: (u8, &str)| section.extensions.iter().find(|(_, uri)| uri == wanted.1).map(|(id, _)| *id);
        let accepted = !section.rejected && matches!(section.direction.as_str(), "recvonly" | "sendrecv" | "");
        let payload_type =
            section.formats.iter().find(|(_, name)| name.eq_ignore_ascii_case(self.codec.name())).map(|(pt, _)| *pt);
        self.negotiated = payload_type.filter(|_| accepted).map(|payload_type| Negotiated {
            payload_type,
            rtx: section.rtx.iter().find(|(_, original)| *original == payload_type).map(|(rtx, _)| *rtx),
            mid: id(extension::MID),
            level: id(extension::AUDIO_LEVEL),
            transport_cc: id(extension::TRANSPORT_CC),
            rid: id(extension::RID).filter(|_| self.is_simulcast),
            repaired_rid: id(extension::REPAIRED_RID).filter(|_| self.is_simulcast),
            dependency: id(extension::DEPENDENCY),
        });
        if self.negotiated.is_none() {
            self.next_frame = None;
        }
        self.protect.iter_mut().for_each(|protect| protect.payload_type = section.fec);
    }

    pub(super) fn ask_key_frame(&mut self) {
        self.stats.key_frames_asked += 1;
        self.key_frame_wanted = true;
    }

    /// Begins with the next call.
    pub(super) fn start(&mut self, now: Instant) {
        if self.negotiated.is_some() && self.next_frame.is_none() {
            self.started.get_or_insert(now);
            self.next_frame = Some(now);
        }
    }

    pub(super) fn stop(&mut self) {
        self.next_frame = None;
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.next_frame
    }

    /// Sends the frames that are due.
    pub(super) fn handle_timeout(&mut self, now: Instant, shared: &mut Shared<'_>) {
        for _ in 0..MAX_CATCH_UP {
            let Some(at) = self.next_frame.filter(|at| *at <= now) else { return };
            self.advance(at);
            if !self.muted && self.coder.as_ref().is_none_or(|coder| coder.active) {
                self.send_frame(now, at, shared);
            }
        }
        while let Some(at) = self.next_frame.filter(|at| *at <= now) {
            self.advance(at);
            self.stats.skipped += 1;
            // What follows a key frame is of no use without one.
            self.key_frame_wanted |= self.shot.as_ref().is_some_and(|shot| shot.key);
        }
    }

    /// From the frame that is due at `at` to the next.
    fn advance(&mut self, at: Instant) {
        let recorded = self.replay.as_mut().and_then(Replay::next);
        let (shot, gap) = recorded.map_or((None, self.pace.interval), |(shot, gap)| (Some(shot.clone()), gap));
        (self.shot, self.next_frame) = (shot, Some(at + gap));
    }

    fn send_frame(&mut self, now: Instant, at: Instant, shared: &mut Shared<'_>) {
        let Some(negotiated) = self.negotiated else { return };
        let elapsed = at.duration_since(self.started.unwrap_or(at));
        self.due = Some(at);
        let ticks = elapsed.as_nanos() * u128::from(self.codec.clock_rate_hz()) / 1_000_000_000;
        self.last_timestamp = self.timestamp_base.wrapping_add(ticks as u32);
        let now = if shared.stamps_due { at } else { now };
        if self.coder.is_some() {
            return self.send_picture(now, negotiated, shared);
        }
        let audio = self.codec.kind() == MediaKind::Audio;
        let is_shot_key = self.shot.as_ref().is_some_and(|shot| shot.key && !shot.packet.is_empty());
        let key = audio || std::mem::take(&mut self.key_frame_wanted) || is_shot_key;
        let packets = if key && self.pace.large_key_frames { 2 * self.pace.packets } else { self.pace.packets };
        for i in 0..packets {
            let last = i + 1 == packets;
            let stamp = Stamp {
                source: shared.source,
                track: self.mid.parse().unwrap_or(u8::MAX),
                counter: self.counter,
                frame: self.frame,
                key,
                first: i == 0,
                lineage: Lineage::default(),
                sent: now.saturating_duration_since(shared.epoch),
            };
            self.counter = self.counter.wrapping_add(1);
            self.send_packet(negotiated, stamp, last, shared);
        }
        self.frame = self.frame.wrapping_add(1);
        self.stats.frames += 1;
        self.stats.key_frames += u64::from(key);
    }

    /// Sends the coder's next picture, all its spatial layers in one go.
    fn send_picture(&mut self, now: Instant, negotiated: Negotiated, shared: &mut Shared<'_>) {
        let Some(mut coder) = self.coder.take() else { return };
        let shot = self.shot.as_ref().zip(self.replay.as_ref());
        let key = std::mem::take(&mut self.key_frame_wanted) || shot.is_some_and(|(shot, _)| shot.key);
        let picture = coder.next(key);
        let sizes = match shot {
            Some((shot, replay)) => vec![if key && !shot.key { replay.key_bytes() } else { shot.bytes }],
            None => coder.sizes(&picture),
        };
        for (spatial, bytes) in sizes.iter().enumerate() {
            let packets = bytes.div_ceil(MAX_PAYLOAD).max(1);
            let top = spatial + 1 == sizes.len();
            for i in 0..packets {
                let frame = FramePart {
                    picture,
                    spatial: spatial as u8,
                    bytes: bytes / packets,
                    first: i == 0,
                    last: i + 1 == packets,
                };
                self.send_part(now, &mut coder, frame, top && frame.last, negotiated, shared);
            }
        }
        self.stats.frames += 1;
        self.stats.key_frames += u64::from(key);
        self.coder = Some(coder);
    }

    fn send_part(
        &mut self,
        now: Instant,
        coder: &mut Coder,
        part: FramePart,
        marker: bool,
        negotiated: Negotiated,
        shared: &mut Shared<'_>,
    ) {
        let FramePart { picture, spatial, bytes, first, last } = part;
        let stamp = Stamp {
            source: shared.source,
            track: self.mid.parse().unwrap_or(u8::MAX),
            counter: self.counter,
            frame: picture.number,
            key: picture.key,
            first,
            lineage: Lineage { encoding: coder.index, spatial, temporal: picture.temporal, needs: picture.needs },
            sent: now.saturating_duration_since(shared.epoch),
        };
        self.counter = self.counter.wrapping_add(1);
        let dependency = coder.dependency(&picture, spatial, first, last);
        self.send(negotiated, marker, dependency.as_deref(), &coder.encoding.rid, shared, |packet| {
            let end = packet.len() + bytes;
            coder.write_descriptor(packet, &picture, spatial, first, last);
            payload::fill(packet, end, &stamp);
        });
    }

    fn send_packet(&mut self, negotiated: Negotiated, stamp: Stamp, last: bool, shared: &mut Shared<'_>) {
        let audio = self.codec.kind() == MediaKind::Audio;
        // The first packet of a talk spurt (RFC 3551 section 4.1); the last of a picture.
        let marker = if audio { stamp.counter == 0 } else { last };
        let position = Position { last, picture_id: (self.frame & 0x7fff) as u16 };
        let (codec, len) = (self.codec, self.pace.payload_bytes);
        let recorded = self.shot.take().filter(|shot| audio || !shot.packet.is_empty());
        self.send(negotiated, marker, None, "", shared, |packet| match &recorded {
            Some(shot) if audio => payload::write_opus(packet, &shot.packet, &stamp),
            // What follows the last partition of a picture is left out by decoders.
            Some(shot) => {
                packet.extend_from_slice(&shot.packet);
                payload::fill(packet, 0, &stamp);
            }
            None => payload::write(packet, codec, len, &stamp, position),
        });
    }

    fn send(
        &mut self,
        negotiated: Negotiated,
        marker: bool,
        dependency: Option<&[u8]>,
        rid: &str,
        shared: &mut Shared<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let audio = self.codec.kind() == MediaKind::Audio;
        let fields = HeaderFields {
            marker,
            payload_type: negotiated.payload_type,
            sequence: self.index as u16,
            timestamp: self.last_timestamp,
            ssrc: self.ssrc,
        };
        let transport = shared.next_transport_sequence();
        let level = [0x80 | self.level_dbov];
        let extensions = [
            negotiated.level.filter(|_| audio).map(|id| (id, level.as_slice())),
            negotiated.transport_cc.map(|id| (id, transport.as_slice())),
            negotiated.mid.map(|id| (id, self.mid.as_bytes())),
            negotiated.rid.map(|id| (id, rid.as_bytes())),
            negotiated.dependency.zip(dependency),
        ];
        let mut packet = shared.out.buffer();
        let header_len = write_header(&mut packet, &fields, extensions.into_iter().flatten());
        write(&mut packet);
        self.octets = self.octets.wrapping_add((packet.len() - header_len) as u32);
        if negotiated.rtx.is_some() {
            self.keep(&packet);
        }
        let transport_extension = negotiated.transport_cc;
        let repair_due = self.protect.as_mut().is_some_and(|protect| protect.add(&packet, transport_extension, marker));
        self.count(packet.len());
        shared.out.send_rtp(packet, header_len, self.ssrc, self.index);
        if let Some(protect) = self.protect.as_mut().filter(|_| repair_due) {
            protect.send(self.last_timestamp, transport_extension, shared);
            self.stats.repairs = protect.made;
        }
        self.index += 1;
        self.stats.packets += 1;
    }

    fn count(&mut self, len: usize) {
        if let (Some((from, to)), Some(due)) = (self.window, self.due)
            && (from..to).contains(&due)
        {
            self.stats.in_window += 1;
            self.stats.bytes_in_window += (len + SEAL_BYTES) as u64;
            // It was counted up already.
            self.stats.first_in_window.get_or_insert(self.counter.wrapping_sub(1));
        }
    }

    fn keep(&mut self, packet: &[u8]) {
        let mut slot =
            if self.kept.len() >= RING_PACKETS { self.kept.pop_front().unwrap_or_default() } else { Vec::new() };
        slot.clear();
        slot.extend_from_slice(packet);
        self.kept.push_back(slot);
    }

    /// Sends a packet again, on the retransmission stream (RFC 4588 section 4).
    pub(super) fn retransmit(&mut self, sequence: u16, shared: &mut Shared<'_>) {
        self.stats.nacked += 1;
        let Some(negotiated) = self.negotiated else { return };
        let Some((rtx, rtx_ssrc)) = negotiated.rtx.zip(self.rtx_ssrc) else { return };
        let Some(original) = self.kept.iter().find(|packet| packet.get(2..4) == Some(&sequence.to_be_bytes())) else {
            return;
        };
        let Ok(header) = RtpHeader::parse(original) else { return };
        let fields = HeaderFields {
            marker: header.marker,
            payload_type: rtx,
            sequence: self.rtx_index as u16,
            timestamp: header.timestamp,
            ssrc: rtx_ssrc,
        };
        let transport = shared.next_transport_sequence();
        // Its own number on the transport, and of the encoding that it repairs rather than is (RFC 8852 section 3.2).
        let extensions = header.extensions(original).map(|(id, element)| match Some(id) {
            of if of == negotiated.transport_cc => (id, transport.as_slice()),
            of if of == negotiated.rid => (negotiated.repaired_rid.unwrap_or(0), element),
            _ => (id, element),
        });
        let mut packet = shared.out.buffer();
        let header_len = write_header(&mut packet, &fields, extensions);
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(original.get(header.header_len..).unwrap_or_default());
        shared.out.send_rtp(packet, header_len, rtx_ssrc, self.rtx_index);
        self.rtx_index += 1;
        self.stats.retransmitted += 1;
    }

    /// Its part of a sender report: RTP timestamp of now, packets, octets. `None` before the first packet.
    pub(super) fn report(&self, now: Instant) -> Option<(u32, u32, u32)> {
        let started = self.started.filter(|_| self.stats.packets > 0)?;
        let ticks =
            now.saturating_duration_since(started).as_nanos() * u128::from(self.codec.clock_rate_hz()) / 1_000_000_000;
        Some((self.timestamp_base.wrapping_add(ticks as u32), self.stats.packets as u32, self.octets))
    }
}
