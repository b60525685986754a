//! A published track: what comes in once, for all its receivers.

use super::keyframe::KeyframeRequests;
use super::nack::{Gap, Nacker};
use super::reception::Reception;
use super::ring::Ring;
use super::seen::Seen;
use crate::api::{Limits, MediaKind, ReceiveStats, TrackInfo};
use crate::keys::{ConsumerKey, PeerKey, RoomKey};
use crate::negotiate::{CodecEntry, Format};
use crate::room::Meter;
use colloquy_codecs::payload::starts_keyframe;
use std::time::Instant;

/// A published track.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) owner: PeerKey,
    pub(crate) room: RoomKey,
    pub(crate) info: TrackInfo,
    pub(crate) codecs: Vec<CodecEntry>,
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    /// The codec of the packets that come now.
    pub(crate) format: Option<Format>,
    pub(crate) consumers: Vec<ConsumerKey>,
    pub(crate) reception: Option<Reception>,
    pub(crate) keyframes: KeyframeRequests,
    pub(crate) nacker: Nacker,
    seen: Seen,
    pub(crate) ring: Option<Ring>,
    pub(crate) nacked: u64,
    pub(crate) meter: Meter,
    /// The last sender report: its NTP and RTP times, and when it came (RFC 3550 section 6.4.1).
    pub(crate) last_sr: Option<SenderClock>,
    fir_sequence: u8,
}

/// A publisher's two clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderClock {
    pub(crate) ntp: u64,
    pub(crate) rtp: u32,
    pub(crate) at: Instant,
}

/// A packet of a producer, opened and understood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaPacket<'a> {
    pub(crate) now: Instant,
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) format: Format,
    pub(crate) starts_keyframe: bool,
    /// The element of RFC 6464, as it came.
    pub(crate) audio_level: Option<u8>,
    pub(crate) payload: &'a [u8],
}

/// What a packet of a publisher is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived<'a> {
    pub(crate) now: Instant,
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) audio_level: Option<u8>,
    pub(crate) payload: &'a [u8],
    pub(crate) len_bytes: usize,
    /// It is a retransmission, unwrapped.
    pub(crate) repaired: bool,
}

impl Producer {
    /// A track from which nothing came yet.
    pub(crate) fn new(owner: PeerKey, room: RoomKey, info: TrackInfo, limits: &Limits) -> Self {
        let kind = info.kind;
        Self {
            owner,
            room,
            info,
            codecs: Vec::new(),
            ssrc: None,
            rtx_ssrc: None,
            format: None,
            consumers: Vec::new(),
            reception: None,
            keyframes: KeyframeRequests::new(limits.keyframe_interval),
            nacker: Nacker::default(),
            seen: Seen::default(),
            ring: (kind == MediaKind::Video).then(|| Ring::new(limits.rtx_ring_packets)),
            nacked: 0,
            meter: Meter::default(),
            last_sr: None,
            fir_sequence: 0,
        }
    }

    /// Takes a packet; `None` when its payload type is not one of the track's, when it came before, or when nobody may have it.
    #[inline]
    pub(crate) fn take<'a>(&mut self, packet: &Arrived<'a>) -> Option<MediaPacket<'a>> {
        let entry = self.codecs.iter().find(|c| c.payload_type == packet.payload_type)?;
        let (format, nack) = (entry.format, entry.feedback.nack);
        if !self.seen.insert(packet.index) {
            return None;
        }
        let reception = self
            .reception
            .get_or_insert_with(|| Reception::new(format.codec.clock_rate_hz(), packet.index, packet.now));
        if packet.repaired {
            reception.count_repaired(packet.len_bytes);
        } else {
            reception.count(packet.now, packet.index, packet.timestamp, packet.len_bytes);
        }
        if nack && self.nacker.arrived(packet.now, packet.index) == Gap::TooLarge {
            self.lost_for_good();
        }
        self.format = Some(format);
        let is_keyframe = starts_keyframe(format.payload(), packet.payload);
        if is_keyframe && self.info.kind == MediaKind::Video {
            self.keyframes.arrived();
        }
        if self.info.mute.is_muted() {
            return None;
        }
        if let Some(ring) = &mut self.ring {
            ring.keep(packet.index, packet.marker, packet.timestamp, packet.payload);
        }
        Some(MediaPacket {
            now: packet.now,
            index: packet.index,
            timestamp: packet.timestamp,
            marker: packet.marker,
            format,
            starts_keyframe: is_keyframe,
            audio_level: packet.audio_level,
            payload: packet.payload,
        })
    }

    /// Packets will never come: a decoder that needs them wants a key frame.
    pub(crate) fn lost_for_good(&mut self) {
        if self.info.kind == MediaKind::Video && !self.consumers.is_empty() {
            self.keyframes.want();
        }
    }

    /// Starts over with another SSRC: the publisher restarted, or replaced his encoder.
    pub(crate) fn restart(&mut self, ssrc: u32) {
        self.ssrc = Some(ssrc);
        self.reception = None;
        self.nacker = Nacker::default();
        self.seen = Seen::default();
        self.ring.iter_mut().for_each(Ring::clear);
        self.last_sr = None;
    }

    /// The full number of a packet that was asked for, by nearness to the newest.
    pub(crate) fn extend(&self, sequence: u16) -> Option<u64> {
        let highest = self.reception.as_ref()?.highest();
        highest.checked_add_signed(i64::from(sequence.wrapping_sub(highest as u16) as i16))
    }

    /// The payload type of the media that this retransmission type carries (RFC 4588 section 8.6).
    pub(crate) fn original_of_rtx(&self, rtx_payload_type: u8) -> Option<u8> {
        self.codecs.iter().find(|c| c.rtx_payload_type == Some(rtx_payload_type)).map(|c| c.payload_type)
    }

    /// Appends the request for a key frame that the publisher understands.
    pub(crate) fn write_keyframe_request(&mut self, out: &mut Vec<u8>, sender_ssrc: u32) {
        let Some(ssrc) = self.ssrc else { return };
        let feedback = self.codecs.iter().find(|c| Some(c.format) == self.format).or(self.codecs.first());
        match feedback.map(|c| c.feedback) {
            Some(f) if !f.pli && f.fir => {
                colloquy_codecs::rtcp::write_fir(out, sender_ssrc, ssrc, self.fir_sequence);
                self.fir_sequence = self.fir_sequence.wrapping_add(1);
            }
            _ => colloquy_codecs::rtcp::write_pli(out, sender_ssrc, ssrc),
        }
    }

    pub(crate) fn stats(&self) -> ReceiveStats {
        let reception = self.reception.as_ref();
        ReceiveStats {
            track: self.info.id,
            codec: self.format.map(|f| f.codec),
            packets: reception.map_or(0, |r| r.packets),
            bytes: reception.map_or(0, |r| r.bytes),
            lost: reception.map_or(0, Reception::lost),
            jitter_ms: reception.map_or(0.0, Reception::jitter_ms),
            nacked: self.nacked,
            keyframe_requests: self.keyframes.count,
            encodings: Vec::new(),
        }
    }
}
