//! What a packet tells of its picture: which receivers need it, and which may come in with it.

use colloquy_codecs::payload::{PayloadFormat, PictureId, Tl0PicIdx, layer_info};
use colloquy_codecs::rtp::dependency::{DependencyDescriptor, Indication, TemplateStructure};

/// A set of qualities: pairs of the highest spatial and the highest temporal layer that a receiver gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Qualities(u64);

impl Qualities {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// This one alone.
    #[inline]
    pub(crate) fn one(spatial: u8, temporal: u8) -> Self {
        Self(1 << ((spatial & 7) * 8 + (temporal & 7)))
    }

    /// Every quality of at least these layers.
    #[inline]
    pub(crate) fn from(spatial: u8, temporal: u8) -> Self {
        let row = (0xff_u64 << (temporal & 7)) & 0xff;
        // The row again in every place from `spatial` on.
        Self((row * 0x0101_0101_0101_0101) & (u64::MAX << ((spatial & 7) * 8)))
    }

    /// Every quality of this spatial layer, with at least this temporal layer.
    #[inline]
    pub(crate) fn of_spatial(spatial: u8, temporal: u8) -> Self {
        Self(((0xff_u64 << (temporal & 7)) & 0xff) << ((spatial & 7) * 8))
    }

    #[inline]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any quality of a higher spatial layer is among them.
    pub(crate) fn reach_above(self, spatial: u8) -> bool {
        self.0.checked_shr((u32::from(spatial & 7) + 1) * 8).unwrap_or(0) != 0
    }

    #[inline]
    pub(crate) fn has(self, spatial: u8, temporal: u8) -> bool {
        self.0 & Self::one(spatial, temporal).0 != 0
    }
}

/// What a packet tells of its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The layers that its frame is of.
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// It begins a picture from which a decoder can start.
    pub(crate) is_keyframe: bool,
    /// It ends the frame of its spatial layer; the picture may go on with the next.
    pub(crate) ends_layer: bool,
    /// The qualities that need it.
    pub(crate) needed: Qualities,
    /// The qualities that a receiver of a lower frame rate may change to with this picture.
    pub(crate) switch: Qualities,
    /// Numbers in the payload that must go on without a jump.
    pub(crate) picture_id: Option<PictureId>,
    pub(crate) tl0_pic_idx: Option<Tl0PicIdx>,
    /// Of its dependency descriptor.
    pub(crate) number: Option<u16>,
    /// Picture ids count the pictures that a receiver gets (VP8), rather than name them for others to refer to (VP9).
    pub(crate) counts_pictures: bool,
}

impl Frame {
    /// A packet that everybody needs.
    pub(crate) const WHOLE: Self = Self {
        spatial: 0,
        temporal: 0,
        is_keyframe: true,
        ends_layer: false,
        needed: Qualities::ALL,
        switch: Qualities::ALL,
        picture_id: None,
        tl0_pic_idx: None,
        number: None,
        counts_pictures: false,
    };

    /// What the payload tells by itself.
    #[inline]
    pub(crate) fn read(format: PayloadFormat, payload: &[u8], marker: bool) -> Self {
        if format == PayloadFormat::Opus {
            return Self::WHOLE;
        }
        let Some(layer) = layer_info(format, payload) else { return Self::unknown(marker) };
        let (spatial, temporal) = (layer.spatial, layer.temporal);
        // K-SVC: only in key pictures do the layers above need this one.
        let for_itself = layer.is_not_spatial_reference && format == PayloadFormat::Vp9;
        let needed =
            if for_itself { Qualities::of_spatial(spatial, temporal) } else { Qualities::from(spatial, temporal) };
        let switch = match format {
            _ if layer.is_keyframe => Qualities::ALL,
            // VP8: it needs nothing but the base layer, so whoever has that may have this layer from here on.
            PayloadFormat::Vp8 if layer.switches_up => Qualities::one(0, temporal),
            // VP9: the whole picture has the bit, and its first frame is the lowest layer's: said there, it goes for all above.
            PayloadFormat::Vp9 if layer.switches_up => Qualities::from(0, temporal),
            _ => Qualities::NONE,
        };
        Self {
            spatial,
            temporal,
            is_keyframe: layer.is_keyframe,
            ends_layer: layer.ends_frame.unwrap_or(marker),
            needed,
            switch,
            picture_id: layer.picture_id,
            tl0_pic_idx: layer.tl0_pic_idx,
            number: None,
            counts_pictures: format == PayloadFormat::Vp8,
        }
    }

    /// The same with what its dependency descriptor tells, which goes before what the payload does: the payload may be encrypted.
    pub(crate) fn with_descriptor(
        self,
        descriptor: &DependencyDescriptor,
        structure: &TemplateStructure,
        is_keyframe: bool,
    ) -> Self {
        let mut needed = Qualities::NONE;
        let highest = (0..structure.decode_targets()).filter_map(|t| structure.target_layers(t)).max();
        for target in 0..structure.decode_targets() {
            if descriptor.decode_target_indication(target) != Indication::NotPresent
                && let Some((spatial, temporal)) = structure.target_layers(target)
            {
                // Who wants more than there is wants the highest.
                let open = Some((spatial, temporal)) == highest;
                let of = if open { Qualities::from(spatial, temporal) } else { Qualities::one(spatial, temporal) };
                needed = needed.and(of);
            }
        }
        // Frames of higher temporal layers need nothing from before the last picture of the lowest one: so all modes of the W3C's
        // "Scalable Video Coding (SVC) Extension for WebRTC" are made. So with such a picture any of them may be joined.
        let joins_all = is_keyframe || descriptor.temporal_id == 0;
        Self {
            spatial: descriptor.spatial_id,
            temporal: descriptor.temporal_id,
            is_keyframe,
            ends_layer: descriptor.ends_frame,
            needed,
            switch: if joins_all { Qualities::ALL } else { Qualities::NONE },
            number: Some(descriptor.frame_number),
            ..self
        }
    }

    fn unknown(marker: bool) -> Self {
        Self { is_keyframe: false, ends_layer: marker, switch: Qualities::NONE, ..Self::WHOLE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_are_sets() {
        let upper = Qualities::from(1, 2);
        for spatial in 0..8 {
            for temporal in 0..8 {
                assert_eq!(upper.has(spatial, temporal), spatial >= 1 && temporal >= 2);
                assert_eq!(Qualities::of_spatial(2, 1).has(spatial, temporal), spatial == 2 && temporal >= 1);
                assert!(Qualities::ALL.has(spatial, temporal) && !Qualities::NONE.has(spatial, temporal));
            }
        }
        assert!(Qualities::one(3, 3).and(Qualities::one(0, 1)).has(0, 1));
    }

    #[test]
    fn a_vp8_packet_of_a_middle_layer() {
        // X; I, L, T; 15-bit picture id; TL0PICIDX; TID 1 with Y.
        let payload = [0x90, 0xe0, 0x81, 0x02, 0x07, 0x60, 0x01, 0, 0];
        let frame = Frame::read(PayloadFormat::Vp8, &payload, true);
        assert_eq!((frame.temporal, frame.is_keyframe, frame.ends_layer), (1, false, true));
        assert!(!frame.needed.has(0, 0) && frame.needed.has(0, 1) && frame.needed.has(0, 2));
        assert!(frame.switch.has(0, 1) && !frame.switch.has(0, 2));
    }

    #[test]
    fn a_vp9_frame_that_no_other_layer_needs() {
        // I, P, L, B, E, Z; picture id; TID 0 U, SID 1, D; TL0PICIDX.
        let payload = [0xed, 0x85, 0x00, 0x13, 0x01, 0xff];
        let frame = Frame::read(PayloadFormat::Vp9, &payload, false);
        assert_eq!((frame.spatial, frame.temporal, frame.ends_layer), (1, 0, true));
        assert!(frame.needed.has(1, 0) && !frame.needed.has(2, 0) && !frame.needed.has(0, 0));
    }

    #[test]
    fn a_descriptor_tells_who_needs_the_frame() {
        let structure = TemplateStructure::l3t3();
        let of = |spatial, temporal| {
            let template =
                structure.templates().iter().position(|t| (t.spatial_id, t.temporal_id) == (spatial, temporal));
            let id = structure.template_id_offset.wrapping_add(template.unwrap() as u8);
            let descriptor = DependencyDescriptor::from_template(&structure, id, 7).unwrap();
            Frame::read(PayloadFormat::Av1, &[], true).with_descriptor(&descriptor, &structure, false)
        };
        let frame = of(1, 2);
        assert!(frame.needed.has(1, 2) && frame.needed.has(2, 2));
        assert!(!frame.needed.has(0, 2) && !frame.needed.has(2, 1) && !frame.is_keyframe);
        assert_eq!((frame.number, frame.switch), (Some(7), Qualities::NONE));
        assert!(of(0, 0).switch.has(2, 2));
    }

    #[test]
    fn what_does_not_parse_is_needed_by_all_and_starts_nothing() {
        for format in [PayloadFormat::Vp8, PayloadFormat::Vp9, PayloadFormat::H264, PayloadFormat::Av1] {
            let frame = Frame::read(format, &[], false);
            assert_eq!((frame.needed, frame.is_keyframe, frame.switch), (Qualities::ALL, false, Qualities::NONE));
        }
    }
}
