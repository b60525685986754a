//! A published track: what comes in once, for all its receivers.

use super::carried::Carried;
use super::consumer::Eye;
use super::encoding::Encoding;
use super::frame::Frame;
use super::portrait::Portraits;
use super::reception::Reception;
use super::size::{active_encodings, picture_sizes};
use crate::allocate::{ENCODINGS_MAX, Ladder, LayerMeters, Prefer, Rung, Stacking};
use crate::api::{
    EncodingUse, Layer, Limits, MediaKind, PixelSize, ReceiveStats, SnapshotSize, Source, Still, TrackInfo,
};
use crate::keys::{ConsumerKey, PeerKey, RoomKey};
use crate::negotiate::{CodecEntry, Format};
use crate::room::Meter;
use std::time::{Duration, Instant};

/// A published track.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) owner: PeerKey,
    pub(crate) room: RoomKey,
    pub(crate) info: TrackInfo,
    pub(crate) codecs: Vec<CodecEntry>,
    /// The payload type of its repair packets (FlexFEC).
    pub(crate) fec_payload_type: Option<u8>,
    /// One, or those of the simulcast in the order of the description.
    pub(crate) encodings: Vec<Encoding>,
    /// The codec of the packets that come now.
    pub(crate) format: Option<Format>,
    pub(crate) consumers: Vec<ConsumerKey>,
    /// Other workers where somebody receives it, and the encodings that are of use there, a bit for each.
    pub(crate) elsewhere: Vec<(u8, u8)>,
    /// Of a guest's: the encodings that his worker was told are of use here, a bit for each.
    pub(crate) told_use: u8,
    /// A mixer is given its packets: which of its generations.
    pub(crate) tapped: Option<u32>,
    /// A composer looks at it.
    pub(crate) eye: Option<Box<Eye>>,
    /// It is no publisher's, but a canvas.
    pub(crate) is_canvas: bool,
    pub(crate) meter: Meter,
    /// What can be had of it, and at what cost.
    pub(crate) ladder: Ladder,
    ladder_built: Option<Instant>,
    layers: LayerMeters,
    stacking: Stacking,
    /// Of video: what those see who come while the publisher is turned away, and snapshots.
    pub(crate) portraits: Option<Box<Portraits>>,
    has_news: bool,
    /// Since when nobody watched each encoding.
    unwatched: Vec<Option<Instant>>,
}

/// IPv4 and UDP headers, in bytes.
pub(super) const UDP_OVERHEAD: usize = 28;
/// A ladder is built anew at most this often.
const LADDER_INTERVAL: Duration = Duration::from_millis(90);
/// A track of which nothing comes for so long is silent: pictures of a camera are a tenth of a second apart at most.
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// An encoding that nobody watched for this long is paused at the publisher: longer than a look elsewhere takes.
const PAUSE_AFTER: Duration = Duration::from_secs(4);

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
            fec_payload_type: None,
            encodings,
            format: None,
            consumers: Vec::new(),
            elsewhere: Vec::new(),
            told_use: 0,
            tapped: None,
            eye: None,
            is_canvas: false,
            meter: Meter::default(),
            ladder: Ladder::new(),
            ladder_built: None,
            layers: LayerMeters::new(),
            stacking: Stacking::default(),
            portraits: (kind == MediaKind::Video).then(Box::default),
            has_news: false,
            unwatched: vec![None; rids.len().max(1)],
        }
    }

    /// Takes a packet of one encoding; `None` when its payload type is not one of the track's, when it came before, or when nobody
    /// may have it.
    #[inline]
    pub(crate) fn take<'a>(&mut self, encoding: u8, packet: &Arrived<'a>) -> Option<MediaPacket<'a>> {
        let entry = self.codecs.iter().find(|c| c.payload_type == packet.payload_type)?;
        let stream = self.encodings.get_mut(usize::from(encoding))?;
        let len_bytes = packet.len_bytes;
        let packet = stream.take(encoding, packet, entry, self.info.kind)?;
        self.format = Some(entry.format);
        self.measure(&packet, len_bytes);
        if self.info.mute.is_muted() {
            return None;
        }
        self.encodings.get_mut(usize::from(encoding))?.keep(&packet);
        if let Some(portraits) = &mut self.portraits {
            portraits.take(&packet, || encoding == smallest(&self.ladder));
        }
        Some(packet)
    }

    /// The encoding with the largest pictures of those that come; where nothing comes, the one with the smallest.
    fn largest(&self, now: Instant) -> u8 {
        let comes = |number: &u8| {
            let last = self.encodings.get(usize::from(*number)).and_then(|encoding| encoding.rate.last());
            last.is_some_and(|last| now.saturating_duration_since(last) < SILENT_AFTER)
        };
        let known = self.ladder.rungs().iter().rev().map(|rung| rung.layer.encoding);
        let described = (0..self.encodings.len() as u8).rev();
        known.chain(described).find(comes).unwrap_or_else(|| smallest(&self.ladder))
    }

    /// The last key frame for a snapshot, and the encoding that a newer one is to be asked for of, if one may be kept.
    pub(crate) fn still(&mut self, now: Instant, size: SnapshotSize) -> (Option<Still>, Option<u8>) {
        let smallest = smallest(&self.ladder);
        let encoding = if size == SnapshotSize::Full { self.largest(now) } else { smallest };
        let Some(portraits) = &mut self.portraits else { return (None, None) };
        let (picture, audience) = portraits.still(now, encoding, smallest);
        let still = picture.map(|picture| Still { track: self.info.id, audience, picture });
        (still, portraits.is_open().then_some(encoding))
    }

    /// Gives back what was kept of encodings that rest, and for snapshots that nobody asks for any more.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        self.encodings.iter_mut().for_each(|encoding| encoding.forget_old(now));
        self.portraits.iter_mut().for_each(|portraits| portraits.forget_old(now));
    }

    /// Whether an encoding came to life since this was asked last.
    #[inline]
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Counts a packet where it costs.
    #[inline]
    fn measure(&mut self, packet: &MediaPacket<'_>, len_bytes: usize) {
        let (encoding, frame) = (packet.encoding, &packet.frame);
        if frame.is_keyframe && self.info.kind == MediaKind::Video {
            self.has_news |= !self.ladder.rungs().iter().any(|rung| rung.layer.encoding == encoding);
        }
        let layer = Layer { encoding, spatial: frame.spatial, temporal: frame.temporal };
        if self.info.source == Source::Screen && self.is_rare(packet) {
            self.layers.add_over_time(packet.now, layer, len_bytes + UDP_OVERHEAD);
        } else {
            self.layers.add(packet.now, layer, len_bytes + UDP_OVERHEAD);
        }
        if packet.starts_picture
            && let Some(is_active) = active_encodings(packet)
        {
            self.note_active(packet.now, is_active);
        }
        if packet.is_layered && packet.starts_picture && !frame.is_keyframe && frame.spatial == 0 {
            let stacked = frame.needed.reach_above(0);
            self.stacking = if stacked { Stacking::Every } else { Stacking::KeyFrames };
        }
        if frame.is_keyframe && self.info.kind == MediaKind::Video {
            self.note_sizes(packet);
        }
    }

    /// The publisher tells which encodings he sends.
    #[cold]
    fn note_active(&mut self, now: Instant, is_active: [bool; ENCODINGS_MAX]) {
        if self.layers.told_active(now, is_active) {
            (self.has_news, self.ladder_built) = (true, None);
        }
    }

    /// Whether it is of a picture that is worth a second of its stream and more: a key frame, or one of the encoding of few bits, which
    /// has few pictures.
    fn is_rare(&self, packet: &MediaPacket<'_>) -> bool {
        let encoding = self.encodings.get(usize::from(packet.encoding));
        let is_of_key = encoding.and_then(|e| e.newest_key).is_some_and(|key| key.timestamp == packet.timestamp);
        is_of_key || (packet.encoding == 0 && self.encodings.len() > 1)
    }

    /// The sizes that a key frame tells.
    #[cold]
    fn note_sizes(&mut self, packet: &MediaPacket<'_>) {
        let encoding = packet.encoding;
        let structure = self.encodings.get(usize::from(encoding)).and_then(Encoding::structure);
        for (spatial, size) in picture_sizes(packet, structure).into_iter().enumerate() {
            if let Some(size) = size {
                self.layers.set_size(encoding, spatial as u8, size.width, size.height);
            }
        }
    }

    /// Brings the ladder up to date.
    pub(crate) fn refresh_ladder(&mut self, now: Instant) {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < LADDER_INTERVAL;
        if !self.ladder_built.is_some_and(is_fresh) || self.ladder.rungs().is_empty() {
            let prefer = if self.info.source == Source::Screen { Prefer::Sharpness } else { Prefer::Motion };
            self.ladder.build(now, &mut self.layers, prefer, self.stacking);
            self.ladder_built = Some(now);
        }
    }

    /// The size of a layer's picture, where it is known.
    pub(crate) fn size_of(&self, layer: Layer) -> Option<PixelSize> {
        let same = |rung: &&Rung| (rung.layer.encoding, rung.layer.spatial) == (layer.encoding, layer.spatial);
        let rung = self.ladder.rungs().iter().find(same)?;
        (rung.width > 0 && rung.height > 0).then_some(PixelSize { width: rung.width, height: rung.height })
    }

    /// What a track of audio costs, in bits a second.
    pub(crate) fn audio_bps(&mut self, now: Instant) -> u64 {
        self.encodings.first_mut().map_or(0, |e| e.rate.cost_bps(now))
    }

    /// Whether nothing came of it for a while, so that no picture is to be waited for.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        let last = self.encodings.iter().filter_map(|encoding| encoding.rate.last()).max();
        last.is_none_or(|last| now.saturating_duration_since(last) >= SILENT_AFTER)
    }

    /// Somebody is to get this encoding. `true` when its publisher must be told.
    pub(crate) fn want(&mut self, now: Instant, encoding: u8) -> bool {
        let Some(stream) = self.encodings.get_mut(usize::from(encoding)) else { return false };
        let was_wanted = std::mem::replace(&mut stream.is_wanted, true);
        self.unwatched.get_mut(usize::from(encoding)).into_iter().for_each(|since| *since = None);
        if !was_wanted {
            self.layers.resume(now, encoding);
        }
        !was_wanted
    }

    /// Takes note of the encodings in use; `true` when there is one to pause that was not. The smallest goes on: who looks again
    /// sees something at once. So does one that does not come now, as its publisher's own uplink is not known to carry it: without
    /// it nobody would learn what it costs, and nobody would be given it ever.
    pub(crate) fn pause_unwatched(&mut self, now: Instant, in_use: &[u8]) -> bool {
        let rungs = self.ladder.rungs();
        // Of a canvas there is no need to see anything of it: drawn again, it begins at once.
        let smallest = rungs.first().map(|rung| rung.layer.encoding).filter(|_| !self.is_canvas);
        let is_known = |number: u8| rungs.iter().any(|rung| rung.layer.encoding == number);
        let mut changed = false;
        for (number, since) in self.unwatched.iter_mut().enumerate() {
            let Some(stream) = self.encodings.get_mut(number) else { continue };
            let number = number as u8;
            if in_use.contains(&number) || smallest == Some(number) || !is_known(number) {
                *since = None;
            } else if now.saturating_duration_since(*since.get_or_insert(now)) >= PAUSE_AFTER && stream.is_wanted {
                stream.is_wanted = false;
                self.layers.pause(now, number);
                changed = true;
            }
        }
        changed
    }

    /// Whether there is no larger or smaller of it: its publisher cannot stop one size, and go on with another.
    pub(crate) fn has_one_size(&self) -> bool {
        self.encodings.len() == 1 && self.ladder.rungs().iter().all(|rung| rung.layer.spatial == 0)
    }

    /// Which encodings are of use.
    pub(crate) fn encodings_in_use(&self) -> Vec<EncodingUse> {
        self.encodings.iter().map(|e| EncodingUse { rid: e.rid.clone(), wanted: e.is_wanted }).collect()
    }

    /// The payload type of the media that this retransmission type carries (RFC 4588 section 8.6).
    pub(crate) fn original_of_rtx(&self, rtx_payload_type: u8) -> Option<u8> {
        self.codecs.iter().find(|c| c.rtx_payload_type == Some(rtx_payload_type)).map(|c| c.payload_type)
    }

    /// The payload type of the media in packets of this type, if those repeat others (RFC 2198).
    pub(crate) fn unwrapped_from_red(&self, payload_type: u8) -> Option<u8> {
        self.codecs.iter().find(|c| c.red_payload_type == Some(payload_type)).map(|c| c.payload_type)
    }

    /// Whether a packet of an encoding is among those that are missing, and not too old.
    pub(crate) fn misses(&self, encoding: u8, index: u64) -> bool {
        self.encodings.get(usize::from(encoding)).is_some_and(|e| e.misses(index))
    }

    /// Whether it may come with this payload type.
    pub(crate) fn takes(&self, payload_type: u8) -> bool {
        self.codecs.iter().any(|c| c.payload_type == payload_type || c.red_payload_type == Some(payload_type))
    }

    /// Whether its encodings are those of these names; none for a track without simulcast.
    pub(crate) fn is_of(&self, rids: &[String]) -> bool {
        if rids.is_empty() {
            return matches!(&self.encodings[..], [only] if only.rid.is_empty());
        }
        self.encodings.iter().map(|e| &e.rid).eq(rids)
    }

    /// Which encoding has this restriction identifier.
    pub(crate) fn encoding_of_rid(&self, rid: &[u8]) -> Option<u8> {
        self.encodings.iter().position(|e| e.rid.as_bytes() == rid).map(|i| i as u8)
    }

    /// How often its publisher began anew, of a track without simulcast.
    pub(crate) fn generation(&self) -> Option<u32> {
        self.encodings.first().map(|encoding| encoding.generation)
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

    pub(crate) fn stats(&self, now: Instant) -> ReceiveStats {
        let receptions = || self.encodings.iter().filter_map(|e| e.reception.as_ref());
        ReceiveStats {
            track: self.info.id,
            codec: self.format.map(|f| f.codec),
            packets: receptions().map(|r| r.packets).sum(),
            bytes: receptions().map(|r| r.bytes).sum(),
            lost: receptions().map(Reception::lost).sum(),
            jitter_ms: receptions().map(Reception::jitter_ms).fold(0.0, f32::max),
            nacked: self.encodings.iter().map(|e| e.nacked).sum(),
            recovered: self.encodings.iter().map(|e| e.recovered).sum(),
            keyframe_requests: self.encodings.iter().map(|e| e.keyframes.count).sum(),
            encodings: self.encodings.iter().map(|e| e.stats(now)).collect(),
        }
    }

    /// Whether it is somebody's voice.
    pub(crate) fn is_microphone(&self) -> bool {
        self.info.source == Source::Microphone
    }

    /// Audio or video.
    pub(crate) fn kind(&self) -> MediaKind {
        self.info.kind
    }
}

/// The encoding with the smallest pictures, as far as is known.
fn smallest(ladder: &Ladder) -> u8 {
    ladder.rungs().first().map_or(0, |rung| rung.layer.encoding)
}
