//! A receiving place: one continuous stream of packets towards one receiver, whatever it shows.

mod eye;
mod mix;
mod packets;
mod reports;

use super::exceptions::{Exception, Exceptions};
use super::pictures::Pictures;
use super::producer::MediaPacket;
use super::protection::Protection;
use super::runs::{Offsets, Run, Runs};
use super::selector::{Choice, Leaving, Selector};
use super::timeline::Timeline;
use crate::api::{CanvasLayout, Layer, MediaKind, PixelSize, Preference, Shown, TrackId};
use crate::keys::{PeerKey, ProducerKey};
use crate::negotiate::{CodecEntry, ExtensionIds, Format, matching};
pub(crate) use eye::Eye;
use mix::MixFeed;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A receiving place.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) owner: PeerKey,
    pub(crate) mid: String,
    pub(crate) kind: MediaKind,
    /// Kept once for all of its owner's places that have the same.
    pub(crate) codecs: Arc<[CodecEntry]>,
    pub(crate) extensions: ExtensionIds,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    /// What its receiver wants in it.
    pub(crate) wish: Option<(ProducerKey, TrackId)>,
    /// What it gets: that, while he may have it.
    pub(crate) source: Option<(ProducerKey, TrackId)>,
    /// Whose clock our timestamps follow, also while he is not shown.
    timed_by: Option<ProducerKey>,
    /// Its receiver wants the mix in it, and no track.
    pub(crate) is_for_mix: bool,
    /// Its receiver wants a canvas in it: the track that it wishes for then is the one that was decided for him.
    pub(crate) canvas: Option<CanvasLayout>,
    feed: Option<Box<MixFeed>>,
    /// Where it is to be sent the last picture of somebody who is turned away: how that stands.
    pub(crate) still: Option<Still>,
    /// He may have small pictures only.
    pub(crate) is_small: bool,
    /// How the receiver looks at it.
    pub(crate) preference: Preference,
    pub(crate) selector: Selector,
    /// Its receiver gets nothing new before what waits for him has left.
    is_choked: bool,
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
    exceptions: Exceptions,
    pictures: Pictures,
    timeline: Timeline,
    rtx_index: u64,
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
    /// Repair packets; of video, once they were negotiated.
    pub(crate) protection: Option<Protection>,
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

/// How it stands with a still picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Still {
    /// It is to be sent.
    Due,
    /// It was sent at this time, and is so many times more unasked: a page may have begun to look after the first time.
    Sent(Instant, u8),
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

/// What a place shows at most that may have small pictures only.
const THUMBNAIL: PixelSize = PixelSize { width: 160, height: 90 };

/// A step down to less than this part, in percent, is no small correction: what is shown until the next key frame would fill
/// a queue.
const MUCH_LESS_PCT: u64 = 85;

/// What waits for a receiver has left, but for so much: a key frame that is asked for then comes when it has.
const DRAINED: Duration = Duration::from_millis(200);

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
            codecs: Arc::default(),
            extensions: ExtensionIds::default(),
            ssrc,
            rtx_ssrc,
            wish: None,
            source: None,
            timed_by: None,
            is_for_mix: false,
            canvas: None,
            feed: None,
            still: None,
            is_small: false,
            preference: Preference::default(),
            selector,
            is_choked: false,
            in_view: true,
            told: None,
            allocated_bps: 0,
            sending: None,
            last_format: None,
            // RFC 3711 section 3.3.1: the first number is under 2^15, so that a lost first packet cannot hide a rollover.
            runs: Runs::new(seed & 0x3fff),
            offsets: Offsets::default(),
            exceptions: Exceptions::default(),
            pictures: Pictures::default(),
            timeline: Timeline::new((seed >> 32) as u32),
            rtx_index: (seed >> 16) & 0x3fff,
            announce: true,
            packets: 0,
            bytes: 0,
            retransmitted: 0,
            switches: 0,
            fraction_lost: 0.0,
            reported: None,
            repeats: 0,
            protection: None,
            reports_sent: [None; 4],
        }
    }

    /// The size of the pictures that are of use in it, if it is known.
    pub(crate) fn wanted_size(&self) -> Option<PixelSize> {
        let size = self.preference.size;
        if !self.is_small {
            return size;
        }
        let PixelSize { width, height } = size.unwrap_or(THUMBNAIL);
        Some(PixelSize { width: width.min(THUMBNAIL.width), height: height.min(THUMBNAIL.height) })
    }

    /// Shows another source from its next packet, or for video its next key frame, on.
    pub(crate) fn show(&mut self, source: Option<(ProducerKey, TrackId)>) {
        if self.source != source {
            self.source = source;
            self.told = None;
            self.runs.forget_sources();
            // Who comes back has the clock that he had: sound and picture stay together as often as he turns away.
            if let Some((key, _)) = source.filter(|(key, _)| self.timed_by != Some(*key)) {
                self.forget_clock();
                self.timed_by = Some(key);
            }
            self.resplice();
        }
    }

    /// What was shown came at another time than it was captured for.
    pub(crate) fn forget_clock(&mut self) {
        self.timeline.forget_publisher();
        self.timed_by = None;
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

    /// There was no room for a part of a picture: those that need it are left out, or they would take the room of the next that needs none.
    pub(crate) fn choke(&mut self) {
        self.is_choked = true;
        self.selector.restart();
    }

    /// The encoding of which it needs a key frame now: none while what waits for its receiver, for so long, would come before it.
    pub(crate) fn needs_keyframe(&mut self, waits: Duration) -> Option<u8> {
        self.is_choked &= waits > DRAINED;
        self.selector.awaits_keyframe().filter(|_| !self.is_choked)
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

    /// Repair packets that would help its receiver, in percent of the packets.
    pub(crate) fn wanted_protection_pct(&self) -> u32 {
        self.protection.as_ref().map_or(0, Protection::wanted_pct)
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

    /// The packet that the receiver misses: which encoding's, its number there, and what became of it.
    pub(crate) fn missed(&self, sequence: u16) -> Option<(u64, u64, Run)> {
        self.sending?.rtx_payload_type?;
        self.runs.source_of(sequence)
    }

    /// Decides on a packet; `None` when this receiver gets nothing of it.
    #[inline]
    pub(crate) fn prepare(&mut self, packet: &MediaPacket<'_>) -> Option<Prepared> {
        if self.is_choked {
            return None;
        }
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
            if packet.clock.is_some() && !self.timeline.is_anchored() {
                self.anchor(packet);
            }
        }
        if marker != packet.marker {
            self.exceptions.note(index, Exception::Marker(marker));
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
        self.exceptions.note(index, Exception::Filler);
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
        let source = (packet.encoding, packet.timestamp);
        self.offsets.timestamp = self.timeline.splice(packet.now, source, packet.clock.as_ref(), rate_hz);
        self.pictures.splice(&packet.frame, &mut self.offsets);
        self.anchor(packet);
        self.runs.splice(packet.encoding, packet.index);
        Some(())
    }

    /// Notes what the packet's capture time became, if it is known.
    #[cold]
    fn anchor(&mut self, packet: &MediaPacket<'_>) {
        if let Some(clock) = &packet.clock {
            let captured = clock.capture_ntp(packet.timestamp, packet.format.codec.clock_rate_hz());
            self.timeline.anchor(captured, packet.timestamp.wrapping_add(self.offsets.timestamp));
        }
    }
}
