//! The last whole key frame of a video: what those see who come while its publisher has turned away, and what snapshots are made of.

use super::carried::Carried;
use super::frame::Frame;
use super::producer::{MediaPacket, SenderClock};
use crate::api::{Codec, StillPacket};
use crate::negotiate::Format;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much of a key frame is kept; longer ones are not.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    bytes: usize,
    packets: usize,
}

/// Of the smallest encoding, for as long as there is the track: a still picture of it has 5 to 30 kB.
const SMALL: Bounds = Bounds { bytes: 96 * 1024, packets: 128 };
/// Of a large one, while snapshots of it are asked for: a page of text in full HD has some 100 kB, at most 400.
const LARGE: Bounds = Bounds { bytes: 512 * 1024, packets: 640 };
/// A large one that nobody has asked for is not kept any more after this.
const ASKED_FOR: Duration = Duration::from_secs(60);
/// Of two pictures the larger is the better one, unless it is so much older.
const LAG: Duration = Duration::from_secs(10);

/// One key frame, and the next while it comes.
#[derive(Debug)]
pub(crate) struct Portrait {
    whole: Option<Arc<KeptPicture>>,
    coming: Vec<Kept>,
    came: Option<Instant>,
    bytes: usize,
    bounds: Bounds,
    /// The last one was longer than is kept.
    is_too_long: bool,
    /// Nothing new is kept: its publisher is turned away.
    is_closed: bool,
    /// How often it was thrown away, as others see its publisher from then on.
    audience: u32,
}

/// Those of one video.
#[derive(Debug, Default)]
pub(crate) struct Portraits {
    /// Of the smallest encoding.
    small: Portrait,
    /// Of another, or of a larger key frame, while somebody asks for snapshots of it.
    large: Option<Box<Large>>,
}

#[derive(Debug)]
struct Large {
    portrait: Portrait,
    encoding: u8,
    asked: Instant,
}

/// A whole key frame.
#[derive(Debug)]
pub(crate) struct KeptPicture {
    pub(crate) packets: Vec<Kept>,
    /// When its first packet came.
    pub(crate) came: Instant,
}

/// A packet, with all that forwarding it takes.
#[derive(Debug)]
pub(crate) struct Kept {
    encoding: u8,
    index: u64,
    timestamp: u32,
    marker: bool,
    format: Format,
    frame: Frame,
    starts_picture: bool,
    is_layered: bool,
    clock: Option<SenderClock>,
    carried: Vec<u8>,
    payload: Vec<u8>,
}

impl Default for Portrait {
    fn default() -> Self {
        Self {
            whole: None,
            coming: Vec::new(),
            came: None,
            bytes: 0,
            bounds: SMALL,
            is_too_long: false,
            is_closed: false,
            audience: 0,
        }
    }
}

impl Portrait {
    /// Whether a packet is of use: the first of a key frame, or the next of one that is coming.
    #[inline]
    fn wants(&self, packet: &MediaPacket<'_>) -> bool {
        !self.is_closed
            && (packet.frame.is_keyframe || self.coming.last().is_some_and(|last| last.timestamp == packet.timestamp))
    }

    fn set_open(&mut self, is_open: bool) {
        self.is_closed = !is_open;
        self.coming.clear();
    }

    /// Keeps a packet that it wants. A key frame of which one is missing, or that is too long, is given up.
    #[cold]
    fn keep(&mut self, packet: &MediaPacket<'_>) {
        let follows = self.coming.last().is_some_and(|last| {
            (last.encoding, last.timestamp, last.index + 1) == (packet.encoding, packet.timestamp, packet.index)
        });
        if !follows {
            self.coming.clear();
            self.bytes = 0;
            if !packet.frame.is_keyframe {
                return;
            }
            self.came = Some(packet.now);
        }
        self.bytes += packet.payload.len();
        if self.bytes > self.bounds.bytes || self.coming.len() == self.bounds.packets {
            self.coming.clear();
            self.is_too_long = true;
            return;
        }
        self.coming.push(Kept::new(packet));
        if packet.marker {
            let (packets, came) = (std::mem::take(&mut self.coming), self.came.unwrap_or(packet.now));
            self.whole = Some(Arc::new(KeptPicture { packets, came }));
            self.is_too_long = false;
        }
    }

    /// What there is was for others to see.
    fn forget(&mut self) {
        self.coming.clear();
        self.whole = None;
        self.audience = self.audience.wrapping_add(1);
    }
}

impl Portraits {
    /// Keeps a packet, if it is of use.
    #[inline]
    pub(crate) fn take(&mut self, packet: &MediaPacket<'_>, is_smallest: impl FnOnce() -> bool) {
        if self.small.wants(packet) && is_smallest() {
            self.small.keep(packet);
        }
        if let Some(large) = &mut self.large
            && large.encoding == packet.encoding
            && large.portrait.wants(packet)
        {
            large.portrait.keep(packet);
        }
    }

    /// What comes from now on may be seen by all who see the publisher, or may not.
    pub(crate) fn set_open(&mut self, is_open: bool) {
        self.each(|portrait| portrait.set_open(is_open));
    }

    /// Others see the publisher from now on: what there is was not for them.
    pub(crate) fn forget(&mut self) {
        self.each(Portrait::forget);
    }

    fn each(&mut self, change: impl Fn(&mut Portrait)) {
        change(&mut self.small);
        self.large.iter_mut().for_each(|large| change(&mut large.portrait));
    }

    /// Whether something new is kept.
    pub(crate) fn is_open(&self) -> bool {
        !self.small.is_closed
    }

    /// The packets of the last whole key frame of the smallest encoding, as if they came now.
    pub(crate) fn packets(&self, now: Instant) -> impl Iterator<Item = MediaPacket<'_>> {
        self.small.whole.iter().flat_map(|picture| &picture.packets).map(move |kept| kept.packet(now))
    }

    /// The picture for a snapshot of an encoding, and who may see it. Where that encoding is not kept, it is from now on.
    pub(crate) fn still(&mut self, now: Instant, encoding: u8, smallest: u8) -> (Option<Arc<KeptPicture>>, u32) {
        let small = self.small.whole.clone();
        let audience = self.small.audience;
        let (is_closed, bounds) = (self.small.is_closed, LARGE);
        // Of one who turned away it is the same picture however often one looks, also when his larger encoding rests meanwhile or comes back.
        let is_settled = is_closed && self.large.is_some();
        if encoding == smallest && !self.small.is_too_long && !is_settled {
            return (small, audience);
        }
        let large = self.large.get_or_insert_with(|| {
            let portrait = Portrait { is_closed, bounds, audience, ..Portrait::default() };
            Box::new(Large { portrait, encoding, asked: now })
        });
        large.asked = now;
        if !is_settled {
            large.encoding = encoding;
        }
        let large = large.portrait.whole.clone();
        let is_behind = large.as_ref().zip(small.as_ref()).is_some_and(|(large, small)| large.came + LAG < small.came);
        (if is_behind { small } else { large.or(small) }, audience)
    }

    /// Gives back what nobody asks for any more.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        let is_old = |large: &Large| now.saturating_duration_since(large.asked) >= ASKED_FOR;
        if self.large.as_ref().is_some_and(|large| is_old(large)) {
            self.large = None;
        }
    }
}

impl Kept {
    fn new(packet: &MediaPacket<'_>) -> Self {
        let MediaPacket { now: _, encoding, index, timestamp, marker, format, frame, .. } = *packet;
        let (starts_picture, is_layered, clock) = (packet.starts_picture, packet.is_layered, packet.clock);
        let mut carried = Vec::new();
        packet.carried.write(&mut carried);
        let payload = packet.payload.to_vec();
        Self { encoding, index, timestamp, marker, format, frame, starts_picture, is_layered, clock, carried, payload }
    }

    /// How it is coded.
    pub(crate) fn codec(&self) -> Codec {
        self.format.codec
    }

    /// What decoding it takes.
    pub(crate) fn of_still(&self) -> StillPacket<'_> {
        StillPacket { index: self.index, timestamp: self.timestamp, marker: self.marker, payload: &self.payload }
    }

    fn packet(&self, now: Instant) -> MediaPacket<'_> {
        MediaPacket {
            now,
            encoding: self.encoding,
            index: self.index,
            timestamp: self.timestamp,
            marker: self.marker,
            format: self.format,
            frame: self.frame,
            starts_picture: self.starts_picture,
            is_layered: self.is_layered,
            clock: self.clock,
            carried: Carried::read(&self.carried),
            payload: &self.payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::tests::packet;

    /// A key frame in one packet.
    fn key(encoding: u8, now: Instant) -> MediaPacket<'static> {
        let plain = packet();
        let frame = Frame { is_keyframe: true, ..plain.frame };
        MediaPacket { now, encoding, marker: true, frame, ..plain }
    }

    #[test]
    fn of_one_who_turned_away_the_picture_is_the_same_whatever_he_sends() {
        let now = Instant::now();
        let mut portraits = Portraits::default();
        assert!(portraits.still(now, 1, 0).0.is_none());
        for encoding in [1, 0] {
            portraits.take(&key(encoding, now), || encoding == 0);
        }
        portraits.set_open(false);
        // His larger encoding rests, and comes back.
        let seen: Vec<_> = [0, 1, 0].map(|largest| portraits.still(now, largest, 0).0.unwrap()).into();
        assert!(seen.iter().all(|picture| Arc::ptr_eq(picture, &seen[0]) && picture.packets[0].encoding == 1));
        portraits.set_open(true);
        assert_eq!(portraits.still(now, 0, 0).0.unwrap().packets[0].encoding, 0);
    }
}
