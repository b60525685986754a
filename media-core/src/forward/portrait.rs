//! The last whole key frame of a video: what those see who come while its publisher has turned away.

use super::carried::Carried;
use super::frame::Frame;
use super::producer::{MediaPacket, SenderClock};
use crate::negotiate::Format;
use std::time::Instant;

/// Longer key frames are not kept: a still picture of the smallest encoding has 5 to 30 kB.
const MAX_BYTES: usize = 96 * 1024;
/// And packets of one.
const MAX_PACKETS: usize = 128;

/// One key frame, and the next while it comes.
#[derive(Debug, Default)]
pub(crate) struct Portrait {
    whole: Vec<Kept>,
    coming: Vec<Kept>,
    bytes: usize,
    /// Nothing new is kept: its publisher is turned away.
    is_closed: bool,
}

/// A packet, with all that forwarding it takes.
#[derive(Debug)]
struct Kept {
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

impl Portrait {
    /// Whether a packet is of use: the first of a key frame, or the next of one that is coming.
    #[inline]
    pub(crate) fn wants(&self, packet: &MediaPacket<'_>) -> bool {
        !self.is_closed
            && (packet.frame.is_keyframe || self.coming.last().is_some_and(|last| last.timestamp == packet.timestamp))
    }

    /// What comes from now on may be seen by all who see the publisher, or may not.
    pub(crate) fn set_open(&mut self, is_open: bool) {
        self.is_closed = !is_open;
        self.coming.clear();
    }

    /// Keeps a packet that it wants. A key frame of which one is missing, or that is too long, is given up.
    #[cold]
    pub(crate) fn keep(&mut self, packet: &MediaPacket<'_>) {
        let follows = self.coming.last().is_some_and(|last| {
            (last.encoding, last.timestamp, last.index + 1) == (packet.encoding, packet.timestamp, packet.index)
        });
        if !follows {
            self.coming.clear();
            self.bytes = 0;
            if !packet.frame.is_keyframe {
                return;
            }
        }
        self.bytes += packet.payload.len();
        if self.bytes > MAX_BYTES || self.coming.len() == MAX_PACKETS {
            self.coming.clear();
            return;
        }
        self.coming.push(Kept::new(packet));
        if packet.marker {
            self.whole = std::mem::take(&mut self.coming);
        }
    }

    /// The packets of the last whole key frame, as if they came now.
    pub(crate) fn packets(&self, now: Instant) -> impl Iterator<Item = MediaPacket<'_>> {
        self.whole.iter().map(move |kept| kept.packet(now))
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
