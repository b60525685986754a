//! One encoding of a published track: its stream of packets as it comes in, repaired, and kept for those who miss some of it.

use super::frame::{Frame, Qualities};
use super::keyframe::{KeyframeRequests, NewestKey};
use super::nack::{Gap, Nacker};
use super::producer::{Arrived, MediaPacket, SenderClock, UDP_OVERHEAD};
use super::reception::Reception;
use super::ring::Ring;
use super::seen::Seen;
use crate::allocate::RateMeter;
use crate::api::{EncodingStats, Limits, MediaKind};
use crate::negotiate::{CodecEntry, Extension, Format};
use colloquy_codecs::fec::flexfec::Recoverer;
use colloquy_codecs::rtp::dependency::{DependencyDescriptor, TemplateStructure};
use std::time::Instant;

/// One encoding; a track without simulcast has one, with an empty `rid`.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) rid: String,
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) fec_ssrc: Option<u32>,
    /// Makes lost packets again, once a repair packet came; it holds the last 256 packets.
    pub(crate) recoverer: Option<Box<Recoverer>>,
    pub(crate) reception: Option<Reception>,
    pub(crate) nacker: Nacker,
    pub(crate) keyframes: KeyframeRequests,
    pub(crate) newest_key: Option<NewestKey>,
    pub(crate) ring: Option<Ring>,
    /// The last sender report (RFC 3550 section 6.4.1).
    pub(crate) last_sr: Option<SenderClock>,
    pub(crate) nacked: u64,
    /// Packets that were made again.
    pub(crate) recovered: u64,
    /// Somebody gets it, or may at once.
    pub(crate) is_wanted: bool,
    /// How often it began anew: its numbers mean others each time.
    pub(crate) generation: u32,
    /// What comes of it.
    pub(crate) rate: RateMeter,
    seen: Seen,
    /// The newest packet's number and timestamp: another timestamp is another picture.
    newest: Option<(u64, u32)>,
    fir_sequence: u8,
    /// The last structure of its dependency descriptors, and which of its decode targets are sent.
    structure: Option<Box<TemplateStructure>>,
    active_targets: Option<u32>,
}

/// Packets of audio that are kept: those that a redundant payload repeats (RFC 2198).
const AUDIO_RING_PACKETS: usize = 8;

impl Encoding {
    pub(crate) fn new(rid: &str, kind: MediaKind, limits: &Limits) -> Self {
        let packets = if kind == MediaKind::Video { limits.rtx_ring_packets } else { AUDIO_RING_PACKETS };
        Self {
            rid: rid.to_owned(),
            ssrc: None,
            rtx_ssrc: None,
            fec_ssrc: None,
            recoverer: None,
            reception: None,
            nacker: Nacker::default(),
            keyframes: KeyframeRequests::new(limits.keyframe_interval),
            newest_key: None,
            ring: Some(Ring::new(packets)),
            last_sr: None,
            nacked: 0,
            recovered: 0,
            is_wanted: true,
            generation: 0,
            rate: RateMeter::new(),
            seen: Seen::default(),
            newest: None,
            fir_sequence: 0,
            structure: None,
            active_targets: None,
        }
    }

    /// Takes a packet; `None` when it came before. A hole too large to repair asks for a key frame.
    #[inline]
    pub(crate) fn take<'a>(
        &mut self,
        number: u8,
        packet: &Arrived<'a>,
        entry: &CodecEntry,
        kind: MediaKind,
    ) -> Option<MediaPacket<'a>> {
        if !self.seen.insert(packet.index) {
            return None;
        }
        let format = entry.format;
        self.keyframes.heard();
        self.rate.add(packet.now, packet.len_bytes + UDP_OVERHEAD);
        let reception = self
            .reception
            .get_or_insert_with(|| Reception::new(format.codec.clock_rate_hz(), packet.index, packet.now));
        if packet.repaired {
            reception.count_repaired(packet.len_bytes);
        } else {
            reception.count(packet.now, packet.index, packet.timestamp, packet.len_bytes);
        }
        if entry.feedback.nack && self.nacker.arrived(packet.now, packet.index) == Gap::TooLarge {
            self.lost_for_good(kind);
        }
        let frame = self.frame(format, packet);
        if kind == MediaKind::Video {
            self.note_key(&frame, packet);
        }
        let starts_picture = match self.newest {
            Some((newest, timestamp)) => packet.index > newest && packet.timestamp != timestamp,
            None => true,
        };
        if self.newest.is_none_or(|(newest, _)| packet.index > newest) {
            self.newest = Some((packet.index, packet.timestamp));
        }
        Some(MediaPacket {
            now: packet.now,
            encoding: number,
            index: packet.index,
            timestamp: packet.timestamp,
            marker: packet.marker,
            format,
            frame,
            starts_picture,
            is_layered: format.is_layered(),
            clock: self.last_sr,
            carried: packet.carried,
            payload: packet.payload,
        })
    }

    #[inline]
    fn note_key(&mut self, frame: &Frame, packet: &Arrived<'_>) {
        let (timestamp, bytes) = (packet.timestamp, packet.len_bytes as u32);
        match &mut self.newest_key {
            Some(key) if key.timestamp == timestamp => key.bytes = key.bytes.saturating_add(bytes),
            _ if frame.is_keyframe => self.newest_key = Some(NewestKey { at: packet.now, timestamp, bytes }),
            _ => {}
        }
        if frame.is_keyframe {
            self.keyframes.arrived();
        }
    }

    fn frame(&mut self, format: Format, packet: &Arrived<'_>) -> Frame {
        let frame = Frame::read(format.payload(), packet.payload, packet.marker);
        let Some(element) = packet.carried.get(Extension::DependencyDescriptor) else { return frame };
        let Ok(mut descriptor) = DependencyDescriptor::parse(element, self.structure.as_deref()) else {
            // What brought its structure is missing: nobody can decode it yet.
            return Frame { is_keyframe: false, switch: Qualities::NONE, ..frame };
        };
        let is_newest = self.newest.is_none_or(|(newest, _)| packet.index > newest);
        let brought = descriptor.structure.take();
        if is_newest {
            self.active_targets = descriptor.active_targets.or(self.active_targets);
        }
        match (brought, &self.structure) {
            (Some(brought), _) => {
                let starts = Self::described(&descriptor, &brought, frame, true);
                if is_newest {
                    self.structure = Some(brought);
                }
                starts
            }
            (None, Some(structure)) => Self::described(&descriptor, structure, frame, false),
            (None, None) => frame,
        }
    }

    fn described(
        descriptor: &DependencyDescriptor,
        structure: &TemplateStructure,
        frame: Frame,
        brings_structure: bool,
    ) -> Frame {
        let is_keyframe = brings_structure && descriptor.starts_frame && descriptor.frame_diffs().is_empty();
        frame.with_descriptor(descriptor, structure, is_keyframe)
    }

    /// The last structure of its dependency descriptors.
    pub(crate) fn structure(&self) -> Option<&TemplateStructure> {
        self.structure.as_deref()
    }

    /// Keeps a packet for those who will miss it.
    #[inline]
    pub(crate) fn keep(&mut self, packet: &MediaPacket<'_>) {
        if let Some(ring) = &mut self.ring {
            ring.keep(packet);
        }
    }

    /// Gives back what was kept of a stream that rests.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        if let Some(ring) = &mut self.ring {
            ring.forget_old(now);
        }
    }

    /// Packets will never come: a decoder that needs them wants a key frame.
    pub(crate) fn lost_for_good(&mut self, kind: MediaKind) {
        if kind == MediaKind::Video && self.is_wanted {
            self.keyframes.want();
        }
    }

    /// Starts over with another SSRC: the publisher restarted, or replaced his encoder.
    pub(crate) fn restart(&mut self, ssrc: u32) {
        self.ssrc = Some(ssrc);
        self.generation = self.generation.wrapping_add(1);
        self.recoverer = None;
        self.reception = None;
        self.nacker = Nacker::default();
        self.seen = Seen::default();
        self.newest = None;
        self.newest_key = None;
        self.structure = None;
        self.ring.iter_mut().for_each(Ring::clear);
        self.last_sr = None;
    }

    /// Whether a packet came neither by itself nor in another, and is not too old to be of use.
    pub(crate) fn misses(&self, index: u64) -> bool {
        self.newest.is_some() && !self.seen.contains(index)
    }

    /// Whether a later packet came already.
    pub(crate) fn is_behind(&self, index: u64) -> bool {
        self.newest.is_some_and(|(newest, _)| index < newest)
    }

    /// The full number of a packet that was asked for, by nearness to the newest.
    pub(crate) fn extend(&self, sequence: u16) -> Option<u64> {
        let highest = self.reception.as_ref()?.highest();
        highest.checked_add_signed(i64::from(sequence.wrapping_sub(highest as u16) as i16))
    }

    /// Appends the request for a key frame that the publisher understands.
    pub(crate) fn write_keyframe_request(
        &mut self,
        feedback: Option<&CodecEntry>,
        out: &mut Vec<u8>,
        sender_ssrc: u32,
    ) {
        let Some(ssrc) = self.ssrc else { return };
        match feedback.map(|c| c.feedback) {
            Some(f) if !f.pli && f.fir => {
                colloquy_codecs::rtcp::write_fir(out, sender_ssrc, ssrc, self.fir_sequence);
                self.fir_sequence = self.fir_sequence.wrapping_add(1);
            }
            _ => colloquy_codecs::rtcp::write_pli(out, sender_ssrc, ssrc),
        }
    }

    pub(crate) fn stats(&self, now: Instant) -> EncodingStats {
        let reception = self.reception.as_ref();
        EncodingStats {
            rid: self.rid.clone(),
            packets: reception.map_or(0, |r| r.packets),
            bytes: reception.map_or(0, |r| r.bytes),
            bps: self.rate.clone().bps(now),
            wanted: self.is_wanted,
        }
    }
}
