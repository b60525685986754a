//! A receiving place: one continuous stream of packets towards one receiver, whatever it shows.

use super::producer::{MediaPacket, SenderClock};
use super::ring::Kept;
use crate::api::{MediaKind, Preference, SendStats, TrackId};
use crate::keys::{PeerKey, ProducerKey};
use crate::negotiate::{CodecEntry, Extension, ExtensionIds, Format, matching};
use colloquy_codecs::rtcp::{ReportBlock, write_sdes_cname, write_sender_report};
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
    /// How the source's numbers become ours; `None` until its first packet (for video: of a key frame) is sent.
    splice: Option<Splice>,
    last: Last,
    rtx_index: u64,
    /// MID goes into every packet until the receiver reports: then it knows whose SSRC it is (RFC 8843 section 15).
    announce: bool,
    packets: u64,
    bytes: u64,
    retransmitted: u64,
    fraction_lost: f32,
    /// NTP times (middle 32 bits) of our last sender reports, and when they went.
    reports_sent: [Option<(u32, Instant)>; 4],
    /// How the receiver looks at it.
    pub(crate) preference: Preference,
}

/// From the source's numbers to ours.
#[derive(Debug, Clone, Copy)]
struct Splice {
    format: Format,
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    /// The source's first packet since the splice: what is older belongs to what was shown before.
    first_index: u64,
    index_offset: i64,
    timestamp_offset: u32,
}

/// The last packet sent: what the next splice continues.
#[derive(Debug, Clone, Copy)]
struct Last {
    index: u64,
    timestamp: u32,
    at: Option<Instant>,
}

/// Space between the numbers of two splices in clock units, at least: receivers take an equal timestamp for the same frame.
const MIN_TIMESTAMP_STEP: u32 = 1;

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
        Self {
            owner,
            mid: mid.to_owned(),
            kind,
            codecs: Vec::new(),
            extensions: ExtensionIds::default(),
            ssrc,
            rtx_ssrc,
            source: None,
            splice: None,
            // RFC 3711 section 3.3.1: the first number is under 2^15, so that a lost first packet cannot hide a rollover.
            last: Last { index: seed & 0x3fff, timestamp: (seed >> 32) as u32, at: None },
            rtx_index: (seed >> 16) & 0x3fff,
            announce: true,
            packets: 0,
            bytes: 0,
            retransmitted: 0,
            fraction_lost: 0.0,
            reports_sent: [None; 4],
            preference: Preference::default(),
        }
    }

    /// Shows another source from its next packet, or for video its next key frame, on.
    pub(crate) fn show(&mut self, source: Option<(ProducerKey, TrackId)>) {
        if self.source != source {
            self.source = source;
            self.splice = None;
        }
    }

    /// Shows the same source afresh: it was muted, or its publisher started over.
    pub(crate) fn resplice(&mut self) {
        self.splice = None;
    }

    /// Appends the packet as this receiver gets it; `None` when it does not get it.
    #[inline]
    pub(crate) fn write(&mut self, packet: &MediaPacket<'_>, out: &mut Vec<u8>) -> Option<Rewritten> {
        let fresh = self.splice.is_none_or(|s| s.format != packet.format);
        if fresh {
            self.splice = Some(self.splice_at(packet)?);
        }
        let splice = self.splice.as_ref().filter(|s| packet.index >= s.first_index)?;
        let index = packet.index.checked_add_signed(splice.index_offset)?;
        let timestamp = packet.timestamp.wrapping_add(splice.timestamp_offset);
        let fields = HeaderFields {
            // The first packet after a pause in audio begins a talk spurt (RFC 3551 section 4.1).
            marker: packet.marker || (fresh && self.kind == MediaKind::Audio),
            payload_type: splice.payload_type,
            sequence: index as u16,
            timestamp,
            ssrc: self.ssrc,
        };
        let start = out.len();
        let level = packet.audio_level.map(|level| [level]);
        let level = self.extensions.get(Extension::AudioLevel).zip(level.as_ref().map(|l| &l[..]));
        let mid = self.extensions.get(Extension::Mid).filter(|_| self.announce).map(|id| (id, self.mid.as_bytes()));
        let header_len = write_header(out, &fields, [mid, level].into_iter().flatten());
        out.extend_from_slice(packet.payload);
        if index > self.last.index || self.last.at.is_none() {
            self.last = Last { index, timestamp, at: Some(packet.now) };
        }
        self.packets += 1;
        self.bytes += (out.len() - start) as u64;
        Some(Rewritten { ssrc: self.ssrc, index, header_len })
    }

    /// Continues our numbers with those of the source from this packet on; `None` when it cannot start with it.
    fn splice_at(&self, packet: &MediaPacket<'_>) -> Option<Splice> {
        if !packet.starts_keyframe {
            return None;
        }
        let codec = matching(&self.codecs, packet.format)?;
        let (index, timestamp) = match self.last.at {
            None => (self.last.index, self.last.timestamp),
            Some(at) => {
                let elapsed = packet.now.saturating_duration_since(at).as_micros() as u64;
                let step = elapsed * u64::from(packet.format.codec.clock_rate_hz()) / 1_000_000;
                (self.last.index + 1, self.last.timestamp.wrapping_add((step as u32).max(MIN_TIMESTAMP_STEP)))
            }
        };
        Some(Splice {
            format: packet.format,
            payload_type: codec.payload_type,
            rtx_payload_type: codec.rtx_payload_type,
            first_index: packet.index,
            index_offset: index as i64 - packet.index as i64,
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
        })
    }

    /// The source's number of a packet that the receiver misses, if it is of what is shown now.
    pub(crate) fn source_index(&self, sequence: u16) -> Option<u64> {
        let splice = self.splice.as_ref()?;
        splice.rtx_payload_type?;
        let ago = (self.last.index as u16).wrapping_sub(sequence);
        if ago >= 0x8000 {
            return None;
        }
        let index = self.last.index.checked_sub(u64::from(ago))?.checked_add_signed(-splice.index_offset)?;
        (index >= splice.first_index).then_some(index)
    }

    /// Appends a packet that was sent before, as a retransmission (RFC 4588 section 4).
    pub(crate) fn write_rtx(&mut self, index: u64, kept: &Kept, out: &mut Vec<u8>) -> Option<Rewritten> {
        let splice = self.splice.as_ref()?;
        let original = index.checked_add_signed(splice.index_offset)?;
        let rtx_index = self.rtx_index;
        self.rtx_index += 1;
        let fields = HeaderFields {
            marker: kept.marker,
            payload_type: splice.rtx_payload_type?,
            sequence: rtx_index as u16,
            timestamp: kept.timestamp.wrapping_add(splice.timestamp_offset),
            ssrc: self.rtx_ssrc,
        };
        let header_len = write_header(out, &fields, std::iter::empty());
        out.extend_from_slice(&(original as u16).to_be_bytes());
        out.extend_from_slice(&kept.payload);
        self.retransmitted += 1;
        Some(Rewritten { ssrc: self.rtx_ssrc, index: rtx_index, header_len })
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
        let Some(splice) = self.splice.as_ref() else { return };
        let elapsed = now.saturating_duration_since(clock.at);
        let ntp = clock.ntp.wrapping_add(ntp_shift).wrapping_add(ntp_of(elapsed));
        let units = elapsed.as_micros() as u64 * u64::from(splice.format.codec.clock_rate_hz()) / 1_000_000;
        let timestamp = clock.rtp.wrapping_add(units as u32).wrapping_add(splice.timestamp_offset);
        write_sender_report(out, self.ssrc, ntp, timestamp, self.packets as u32, self.bytes as u32, &[]);
        write_sdes_cname(out, self.ssrc, cname);
        self.reports_sent.rotate_right(1);
        self.reports_sent[0] = Some(((ntp >> 16) as u32, now));
    }

    /// Takes the receiver's report about us. Gives the round-trip time, if it can be told.
    pub(crate) fn on_report(&mut self, now: Instant, block: &ReportBlock) -> Option<Duration> {
        self.announce = false;
        self.fraction_lost = f32::from(block.fraction_lost) / 256.0;
        let (_, at) =
            self.reports_sent.iter().flatten().find(|(ntp, _)| *ntp == block.last_sr && block.last_sr != 0)?;
        let held = Duration::from_micros((u64::from(block.delay_since_last_sr) * 1_000_000) >> 16);
        Some(now.saturating_duration_since(*at).saturating_sub(held))
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
            layer: None,
            switches: 0,
        }
    }
}

/// A duration in NTP units of 2^-32 s.
fn ntp_of(duration: Duration) -> u64 {
    (duration.as_secs() << 32) | ((u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000)
}
