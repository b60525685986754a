//! The last packets of an encoding, kept once for all its receivers: what a NACK is answered from (RFC 4588).

use super::carried::Carried;
use super::producer::MediaPacket;
use colloquy_codecs::payload::{PictureId, Tl0PicIdx};

/// A packet as it is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    index: Option<u64>,
    pub(crate) marker: bool,
    pub(crate) timestamp: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) picture_id: Option<PictureId>,
    pub(crate) tl0_pic_idx: Option<Tl0PicIdx>,
    carried: Vec<u8>,
}

impl Kept {
    /// Its header extension elements.
    pub(crate) fn carried(&self) -> Carried<'_> {
        Carried::read(&self.carried)
    }
}

/// The ring. A slot's buffer is allocated when it is first used, and used again: in a steady state nothing is.
#[derive(Debug)]
pub(crate) struct Ring {
    slots: Vec<Kept>,
}

impl Ring {
    /// A ring of `packets` (rounded up to a power of two).
    pub(crate) fn new(packets: usize) -> Self {
        Self { slots: vec![Kept::default(); packets.max(1).next_power_of_two()] }
    }

    fn slot(&self, index: u64) -> usize {
        index as usize & (self.slots.len() - 1)
    }

    /// Keeps a packet, in place of the one a whole ring ago.
    pub(crate) fn keep(&mut self, packet: &MediaPacket<'_>) {
        let slot = self.slot(packet.index);
        let kept = &mut self.slots[slot];
        kept.index = Some(packet.index);
        kept.marker = packet.marker;
        kept.timestamp = packet.timestamp;
        (kept.picture_id, kept.tl0_pic_idx) = (packet.frame.picture_id, packet.frame.tl0_pic_idx);
        kept.payload.clear();
        kept.payload.extend_from_slice(packet.payload);
        kept.carried.clear();
        packet.carried.write(&mut kept.carried);
    }

    /// Forgets every packet, and keeps the buffers.
    pub(crate) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|kept| kept.index = None);
    }

    /// The packets before this one, the newest first, until one is missing.
    pub(crate) fn before(&self, index: u64) -> impl Iterator<Item = &Kept> {
        (0..index).rev().map_while(|index| self.get(index))
    }

    /// The packet of this number, if it is still here.
    pub(crate) fn get(&self, index: u64) -> Option<&Kept> {
        self.slots.get(self.slot(index)).filter(|kept| kept.index == Some(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::tests as sample;

    #[test]
    fn keeps_the_last_and_no_others() {
        let mut ring = Ring::new(4);
        for index in 0..10u64 {
            ring.keep(&MediaPacket { index, timestamp: index as u32, payload: &[index as u8], ..sample::packet() });
        }
        assert!(ring.get(5).is_none());
        assert_eq!(ring.get(6).map(|k| k.payload.as_slice()), Some(&[6][..]));
        assert_eq!(ring.get(9).map(|k| k.timestamp), Some(9));
        assert!(ring.get(10).is_none());
    }
}
