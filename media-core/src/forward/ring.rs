//! The last packets of an encoding, kept once for all its receivers: what a NACK is answered from (RFC 4588).

use super::carried::Carried;
use super::producer::MediaPacket;
use colloquy_codecs::payload::{PictureId, Tl0PicIdx};
use std::time::{Duration, Instant};

/// Nobody asks for a packet that is older: libwebrtc gives up after ten requests, a round trip or 100 ms apart. What is kept so costs what
/// two seconds of the stream weigh, and a stream that rests costs nothing.
const KEEP: Duration = Duration::from_secs(2);
/// Places of a ring that has kept nothing yet; it grows as the packets of [`KEEP`] need it.
const FIRST_SLOTS: usize = 16;
/// Buffers of packets that were forgotten, to be used again: a picture's. After a key frame the others are given back.
const MAX_SPARE: usize = 32;
/// Buffers are made in steps of so many bytes, so that one does for most packets of its stream.
const BUFFER_STEP: usize = 128;

/// A packet as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    index: u64,
    at: Instant,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) picture_id: Option<PictureId>,
    pub(crate) tl0_pic_idx: Option<Tl0PicIdx>,
    /// The payload, and the header extension elements after it.
    bytes: Vec<u8>,
    payload_len: usize,
}

impl Kept {
    /// Its number.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// Its payload.
    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(..self.payload_len).unwrap_or_default()
    }

    /// Its header extension elements.
    pub(crate) fn carried(&self) -> Carried<'_> {
        Carried::read(self.bytes.get(self.payload_len..).unwrap_or_default())
    }
}

/// The ring. Its buffers go from the packets that are forgotten to those that come: while a stream flows evenly none is allocated.
#[derive(Debug)]
pub(crate) struct Ring {
    /// A power of two of them, or none.
    slots: Vec<Option<Kept>>,
    most: usize,
    /// No packet before this one is kept.
    oldest: u64,
    newest: u64,
    spare: Vec<Vec<u8>>,
}

impl Ring {
    /// A ring of `packets` at most (rounded up to a power of two).
    pub(crate) fn new(packets: usize) -> Self {
        let most = packets.max(1).next_power_of_two();
        Self { slots: Vec::new(), most, oldest: 0, newest: 0, spare: Vec::new() }
    }

    fn slot(&self, index: u64) -> usize {
        // None while there are no slots.
        index as usize & self.slots.len().wrapping_sub(1)
    }

    /// Keeps a packet, and forgets those that are too old, or one too many. One that is a whole ring late is not kept.
    pub(crate) fn keep(&mut self, packet: &MediaPacket<'_>) {
        let index = packet.index;
        if self.slots.is_empty() || index.saturating_sub(self.newest) >= self.most as u64 {
            self.clear();
            (self.oldest, self.newest) = (index, index);
        }
        self.newest = self.newest.max(index);
        if self.newest - index >= self.most as u64 {
            return;
        }
        self.forget_old(packet.now);
        self.oldest = self.oldest.min(index);
        while self.newest - self.oldest >= self.slots.len() as u64 {
            if self.slots.len() < self.most {
                self.grow();
            } else {
                self.forget_oldest();
            }
        }
        if index < self.oldest {
            return;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        if bytes.capacity() < packet.payload.len() {
            bytes.reserve_exact(packet.payload.len().next_multiple_of(BUFFER_STEP));
        }
        bytes.extend_from_slice(packet.payload);
        packet.carried.write(&mut bytes);
        let slot = self.slot(index);
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Some(Kept {
                index,
                at: packet.now,
                timestamp: packet.timestamp,
                marker: packet.marker,
                picture_id: packet.frame.picture_id,
                tl0_pic_idx: packet.frame.tl0_pic_idx,
                bytes,
                payload_len: packet.payload.len(),
            });
        }
    }

    /// Forgets the packets that nobody will ask for any more.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        while self.oldest < self.newest
            && self.get(self.oldest).is_none_or(|kept| now.saturating_duration_since(kept.at) > KEEP)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let slot = self.slot(self.oldest);
        if let Some(kept) = self.slots.get_mut(slot).and_then(|slot| slot.take_if(|kept| kept.index == self.oldest))
            && self.spare.len() < MAX_SPARE
        {
            self.spare.push(kept.bytes);
        }
        self.oldest += 1;
    }

    #[cold]
    fn grow(&mut self) {
        let len = (self.slots.len() * 2).clamp(FIRST_SLOTS.min(self.most), self.most);
        let before = std::mem::take(&mut self.slots);
        self.slots.resize_with(len, || None);
        for kept in before.into_iter().flatten() {
            let slot = self.slot(kept.index);
            if let Some(slot) = self.slots.get_mut(slot) {
                *slot = Some(kept);
            }
        }
    }

    /// Forgets every packet, and gives back what they took.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.most);
    }

    /// The packets before this one, the newest first, until one is missing.
    pub(crate) fn before(&self, index: u64) -> impl Iterator<Item = &Kept> {
        (0..index).rev().map_while(|index| self.get(index))
    }

    /// The packet of this number, if it is still here.
    pub(crate) fn get(&self, index: u64) -> Option<&Kept> {
        self.slots.get(self.slot(index))?.as_ref().filter(|kept| kept.index == index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::tests as sample;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn packet(now: Instant, index: u64) -> MediaPacket<'static> {
        MediaPacket { now, index, timestamp: index as u32, ..sample::packet() }
    }

    #[test]
    fn keeps_the_last_and_no_others() {
        let (mut ring, now) = (Ring::new(4), Instant::now());
        for index in 0..10u64 {
            ring.keep(&MediaPacket { payload: &[index as u8], ..packet(now, index) });
        }
        assert!(ring.get(5).is_none());
        assert_eq!(ring.get(6).map(Kept::payload), Some(&[6][..]));
        assert_eq!(ring.get(9).map(|k| k.timestamp), Some(9));
        assert!(ring.get(10).is_none());
        ring.keep(&packet(now, 2));
        assert!(ring.get(2).is_none() && ring.get(6).is_some(), "one that is late pushes out nothing");
    }

    #[test]
    fn what_is_old_is_given_back() {
        let (mut ring, start) = (Ring::new(512), Instant::now());
        let payload = [7; 1_100];
        for index in 0..1_000u64 {
            let now = start + Duration::from_millis(20 * index);
            ring.keep(&MediaPacket { payload: &payload, ..packet(now, index) });
        }
        assert!(ring.get(899).is_some() && ring.get(898).is_none(), "two seconds of 50 packets");
        assert_eq!(ring.slots.len(), 128);
        ring.forget_old(start + Duration::from_secs(60));
        let held = |ring: &Ring| ring.slots.iter().flatten().map(|kept| kept.bytes.capacity()).sum::<usize>();
        assert_eq!((held(&ring), ring.spare.len()), (1_152, MAX_SPARE), "the newest, and what the next will need");
        ring.clear();
        assert_eq!((held(&ring), ring.slots.len(), ring.spare.len()), (0, 0, 0));
    }

    proptest! {
        /// In whatever order packets come: what is found is what was kept, and of those that are neither too old nor too many none is
        /// missing.
        #[test]
        fn agrees_with_a_map(
            steps in prop::collection::vec((0u64..40, 0u64..60, prop::bool::weighted(0.01)), 1..400),
        ) {
            const MOST: u64 = 32;
            let (mut ring, mut now) = (Ring::new(MOST as usize), Instant::now());
            let (mut known, mut newest, mut base) = (HashMap::new(), 0, 0);
            for (step, (back, ms, jumps)) in steps.into_iter().enumerate() {
                now += Duration::from_millis(ms);
                base += if jumps { 10_000 } else { 1 };
                let index = base + 40 - back;
                if known.contains_key(&index) {
                    continue;
                }
                ring.keep(&MediaPacket { timestamp: step as u32, ..packet(now, index) });
                known.insert(index, (step as u32, now));
                newest = newest.max(index);
                for (index, (timestamp, at)) in &known {
                    let kept = ring.get(*index).map(|kept| kept.timestamp);
                    prop_assert!(kept.is_none_or(|kept| kept == *timestamp));
                    let is_wanted = newest - index < MOST && now - *at <= KEEP;
                    prop_assert!(kept.is_some() || !is_wanted, "{index} of {newest}");
                }
                prop_assert!(ring.slots.len() <= MOST as usize);
            }
        }
    }
}
