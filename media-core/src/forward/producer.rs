//! A published track: what comes in once, for all its receivers.

use super::carried::Carried;
use super::encoding::Encoding;
use super::frame::Frame;
use super::reception::Reception;
use crate::api::{Limits, MediaKind, ReceiveStats, TrackInfo};
use crate::keys::{ConsumerKey, PeerKey, RoomKey};
use crate::negotiate::{CodecEntry, Format};
use crate::room::Meter;
use std::time::Instant;

/// A published track.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) owner: PeerKey,
    pub(crate) room: RoomKey,
    pub(crate) info: TrackInfo,
    pub(crate) codecs: Vec<CodecEntry>,
    /// One, or those of the simulcast in the order of the description.
    pub(crate) encodings: Vec<Encoding>,
    /// The codec of the packets that come now.
    pub(crate) format: Option<Format>,
    pub(crate) consumers: Vec<ConsumerKey>,
    pub(crate) meter: Meter,
}

/// A publisher's two clocks at one moment, by a sender report (RFC 3550 section 6.4.1), and when it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderClock {
    pub(crate) ntp: u64,
    pub(crate) rtp: u32,
    pub(crate) at: Instant,
}

impl SenderClock {
    /// When a sample of this timestamp was captured, in the publisher's NTP time.
    pub(crate) fn capture_ntp(&self, timestamp: u32, rate_hz: u32) -> u64 {
        let units = i64::from(timestamp.wrapping_sub(self.rtp) as i32);
        self.ntp.wrapping_add(((units << 32) / i64::from(rate_hz.max(1))) as u64)
    }
}

/// A packet of a producer, opened and understood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaPacket<'a> {
    pub(crate) now: Instant,
    /// Which of the track's encodings it is of.
    pub(crate) encoding: u8,
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) format: Format,
    pub(crate) frame: Frame,
    /// It is the first that came of its picture.
    pub(crate) starts_picture: bool,
    /// Pictures may have several spatial layers.
    pub(crate) is_layered: bool,
    /// The clock of its encoding.
    pub(crate) clock: Option<SenderClock>,
    pub(crate) carried: Carried<'a>,
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
    pub(crate) carried: Carried<'a>,
    pub(crate) payload: &'a [u8],
    pub(crate) len_bytes: usize,
    /// It is a retransmission, unwrapped.
    pub(crate) repaired: bool,
}

impl Producer {
    /// A track from which nothing came yet.
    pub(crate) fn new(owner: PeerKey, room: RoomKey, info: TrackInfo, rids: &[String], limits: &Limits) -> Self {
        let kind = info.kind;
        let encoding = |rid: &str| Encoding::new(rid, kind, limits);
        let encodings =
            if rids.is_empty() { vec![encoding("")] } else { rids.iter().map(|rid| encoding(rid)).collect() };
        Self {
            owner,
            room,
            info,
            codecs: Vec::new(),
            encodings,
            format: None,
            consumers: Vec::new(),
            meter: Meter::default(),
        }
    }

    /// Takes a packet of one encoding; `None` when its payload type is not one of the track's, when it came before, or when nobody
    /// may have it.
    #[inline]
    pub(crate) fn take<'a>(&mut self, encoding: u8, packet: &Arrived<'a>) -> Option<MediaPacket<'a>> {
        let entry = self.codecs.iter().find(|c| c.payload_type == packet.payload_type)?;
        let stream = self.encodings.get_mut(usize::from(encoding))?;
        let packet = stream.take(encoding, packet, entry, self.info.kind)?;
        self.format = Some(entry.format);
        if self.info.mute.is_muted() {
            return None;
        }
        stream.keep(&packet);
        Some(packet)
    }

    /// The payload type of the media that this retransmission type carries (RFC 4588 section 8.6).
    pub(crate) fn original_of_rtx(&self, rtx_payload_type: u8) -> Option<u8> {
        self.codecs.iter().find(|c| c.rtx_payload_type == Some(rtx_payload_type)).map(|c| c.payload_type)
    }

    /// Whether it may come with this payload type.
    pub(crate) fn takes(&self, payload_type: u8) -> bool {
        self.codecs.iter().any(|c| c.payload_type == payload_type || c.red_payload_type == Some(payload_type))
    }

    /// Which encoding has this restriction identifier.
    pub(crate) fn encoding_of_rid(&self, rid: &[u8]) -> Option<u8> {
        self.encodings.iter().position(|e| e.rid.as_bytes() == rid).map(|i| i as u8)
    }

    /// Any SSRC that its publisher sends it with.
    pub(crate) fn any_ssrc(&self) -> Option<u32> {
        self.encodings.iter().find_map(|e| e.ssrc)
    }

    /// Appends the request for a key frame of an encoding that the publisher understands.
    pub(crate) fn write_keyframe_request(&mut self, encoding: usize, out: &mut Vec<u8>, sender_ssrc: u32) {
        let feedback = self.codecs.iter().find(|c| Some(c.format) == self.format).or(self.codecs.first());
        if let Some(encoding) = self.encodings.get_mut(encoding) {
            encoding.write_keyframe_request(feedback, out, sender_ssrc);
        }
    }

    /// Whether anything needs the fast tick, and when.
    pub(crate) fn keyframe_deadline(&self, now: Instant) -> Option<Instant> {
        self.encodings.iter().filter_map(|e| e.keyframes.deadline(now)).min()
    }

    pub(crate) fn is_repairing(&self) -> bool {
        self.encodings.iter().any(|e| !e.nacker.is_idle())
    }

    pub(crate) fn stats(&self) -> ReceiveStats {
        let receptions = || self.encodings.iter().filter_map(|e| e.reception.as_ref());
        ReceiveStats {
            track: self.info.id,
            codec: self.format.map(|f| f.codec),
            packets: receptions().map(|r| r.packets).sum(),
            bytes: receptions().map(|r| r.bytes).sum(),
            lost: receptions().map(Reception::lost).sum(),
            jitter_ms: receptions().map(Reception::jitter_ms).fold(0.0, f32::max),
            nacked: self.encodings.iter().map(|e| e.nacked).sum(),
            keyframe_requests: self.encodings.iter().map(|e| e.keyframes.count).sum(),
            encodings: self.encodings.iter().map(Encoding::stats).collect(),
        }
    }

    /// Audio or video.
    pub(crate) fn kind(&self) -> MediaKind {
        self.info.kind
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A packet of VP8 that starts a key frame.
    pub(crate) fn sample() -> MediaPacket<'static> {
        let entry = CodecEntry::read(96, MediaKind::Video, "VP8/90000", "").expect("VP8");
        MediaPacket {
            now: Instant::now(),
            encoding: 0,
            index: 1,
            timestamp: 0,
            marker: false,
            format: entry.format,
            frame: Frame::WHOLE,
            starts_picture: true,
            is_layered: false,
            clock: None,
            carried: Carried::NONE,
            payload: &[0x10, 0, 0, 0],
        }
    }
}
