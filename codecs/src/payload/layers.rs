//! Layers, in the same terms for every format.

use super::{Descriptor, PayloadFormat, PictureId, Tl0PicIdx, Vp8, Vp9, starts_keyframe};

/// What a layer selector asks of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerInfo {
    /// The spatial layer, 0..=7, 0 being the base.
    pub spatial: u8,
    /// The temporal layer, 0..=7, 0 being the base.
    pub temporal: u8,
    /// First packet of a frame: of a picture's spatial layer, where there are such.
    pub starts_frame: bool,
    /// Last packet of a frame, if the payload says so (VP9's E). In other formats ask the RTP marker.
    pub ends_frame: Option<bool>,
    /// First packet of a picture from which a decoder can start.
    pub is_keyframe: bool,
    /// A receiver may go up to this temporal layer here (VP8's Y, VP9's U), or needs nothing from before.
    pub switches_up: bool,
    /// Needs the spatial layer below (VP9's D).
    pub is_inter_layer_predicted: bool,
    /// Needs earlier pictures (VP9's P). True where the payload does not say.
    pub is_inter_predicted: bool,
    /// Higher spatial layers do not need this frame (VP9's Z).
    pub is_not_spatial_reference: bool,
    /// VP8's N: no other picture needs this one.
    pub is_discardable: bool,
    /// The picture's number and where it stands, to be rewritten.
    pub picture_id: Option<PictureId>,
    /// The index of base temporal layer pictures and where it stands, to be rewritten.
    pub tl0_pic_idx: Option<Tl0PicIdx>,
}

/// Which layer the (decrypted, unpadded) payload is of. H.264 and AV1 payloads are of the base layer, as
/// theirs are told by the dependency descriptor. `None` for audio and malformed descriptors.
pub fn layer_info(format: PayloadFormat, payload: &[u8]) -> Option<LayerInfo> {
    match format {
        PayloadFormat::Opus => None,
        PayloadFormat::Vp8 => Vp8::parse(payload).ok().map(of_vp8),
        PayloadFormat::Vp9 => Vp9::parse(payload).ok().map(|vp9| of_vp9(&vp9)),
        PayloadFormat::H264 | PayloadFormat::Av1 => {
            let is_keyframe = starts_keyframe(format, payload);
            let is_inter_predicted = !is_keyframe;
            Some(LayerInfo { is_keyframe, starts_frame: is_keyframe, is_inter_predicted, ..LayerInfo::default() })
        }
    }
}

fn of_vp8(vp8: Vp8) -> LayerInfo {
    let is_keyframe = vp8.starts_keyframe();
    LayerInfo {
        temporal: vp8.temporal_id.unwrap_or(0),
        starts_frame: vp8.starts_picture(),
        is_keyframe,
        switches_up: vp8.is_layer_sync || is_keyframe,
        is_inter_predicted: !is_keyframe,
        is_discardable: vp8.is_non_reference,
        picture_id: vp8.picture_id,
        tl0_pic_idx: vp8.tl0_pic_idx,
        ..LayerInfo::default()
    }
}

fn of_vp9(vp9: &Vp9<'_>) -> LayerInfo {
    LayerInfo {
        spatial: vp9.layers.map_or(0, |layers| layers.spatial_id),
        temporal: vp9.layers.map_or(0, |layers| layers.temporal_id),
        starts_frame: vp9.begins_frame,
        ends_frame: Some(vp9.ends_frame),
        is_keyframe: vp9.starts_keyframe(),
        switches_up: !vp9.is_inter_predicted || vp9.layers.is_some_and(|layers| layers.is_switching_up_point),
        is_inter_layer_predicted: vp9.layers.is_some_and(|layers| layers.is_inter_layer_predicted),
        is_inter_predicted: vp9.is_inter_predicted,
        is_not_spatial_reference: vp9.is_not_spatial_reference,
        is_discardable: false,
        picture_id: vp9.picture_id,
        tl0_pic_idx: vp9.layers.and_then(|layers| layers.tl0_pic_idx),
    }
}
