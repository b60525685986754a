//! What a composer sees of a track: one of its encodings, as one stream, whatever the publisher's is made of.

use super::{Aim, Consumer};
use crate::api::{Codec, Layer, MediaKind};
use crate::forward::producer::{MediaPacket, Producer};
use crate::keys::PeerKey;

/// What is asked of a track of which nothing was measured yet: all of its first encoding.
const EVERYTHING: Layer = Layer { encoding: 0, spatial: 7, temporal: 7 };

/// The eye of a room's composer on one track.
#[derive(Debug)]
pub(crate) struct Eye {
    place: Consumer,
    /// What the composer was told that packets are of.
    pub(crate) codec: Codec,
    /// The sides in which it is shown; 0 when it needs not come.
    pub(crate) sides: (u32, u32),
    /// How often each encoding began anew.
    generations: Vec<u32>,
}

/// What a packet is for a composer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance {
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Nothing but its number counts.
    pub(crate) is_filler: bool,
}

impl Eye {
    /// One that looks at nothing yet.
    pub(crate) fn new(codec: Codec) -> Self {
        let nobody = <PeerKey as slotmap::Key>::null();
        let place = Consumer::new(nobody, "", MediaKind::Video, (0, 0), 0);
        Self { place, codec, sides: (0, 0), generations: Vec::new() }
    }

    /// The encodings that it gets or is about to get.
    pub(crate) fn encodings_in_use(&self) -> impl Iterator<Item = u8> + use<> {
        self.place.encodings_in_use()
    }

    /// The encoding that it gets, or waits for.
    pub(crate) fn encoding(&self) -> Option<u8> {
        self.place.selector.awaits_keyframe().or(self.place.selector.current().map(|current| current.encoding))
    }

    /// The encoding of which a key frame is waited for.
    pub(crate) fn awaits_keyframe(&self) -> Option<u8> {
        self.place.selector.awaits_keyframe()
    }

    /// Looks at this quality from its next key frame on; `None`: at nothing.
    fn aim(&mut self, layer: Option<Layer>) {
        self.place.aim(&Aim { layer, bps: 0, is_urgent: false });
    }

    /// What is given of a packet; `None`: nothing.
    pub(crate) fn glance(&mut self, packet: &MediaPacket<'_>, generation: u32) -> Option<Glance> {
        let encoding = usize::from(packet.encoding);
        if self.generations.len() <= encoding {
            self.generations.resize(encoding + 1, 0);
        }
        let known = self.generations.get_mut(encoding)?;
        if std::mem::replace(known, generation) != generation {
            self.place.encoding_restarted(packet.encoding);
        }
        let prepared = self.place.prepare(packet)?;
        let timestamp = packet.timestamp.wrapping_add(prepared.offsets.timestamp);
        Some(Glance { index: prepared.index, timestamp, marker: prepared.marker, is_filler: prepared.is_filler })
    }
}

impl Producer {
    /// Has the eye look at the smallest of the track's pictures that fills the sides in which it is shown.
    pub(crate) fn aim_eye(&mut self) {
        let Some(eye) = &mut self.eye else { return };
        let (width, height) = eye.sides;
        if (width, height) == (0, 0) {
            return eye.aim(None);
        }
        let rungs = self.ladder.rungs().iter().filter(|rung| rung.halvings == 0);
        let area = |rung: &&crate::allocate::Rung| u32::from(rung.width) * u32::from(rung.height);
        let fills = |rung: &&crate::allocate::Rung| u32::from(rung.width) >= width || u32::from(rung.height) >= height;
        let best = rungs.clone().filter(fills).min_by_key(area).or_else(|| rungs.max_by_key(area));
        eye.place.codecs = self.codecs.as_slice().into();
        eye.aim(Some(best.map_or(EVERYTHING, |rung| rung.layer)));
    }
}
