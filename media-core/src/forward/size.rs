//! What the first packet of a picture may tell of its track: how large the pictures of a key frame are, and which encodings are sent.

use super::producer::MediaPacket;
use crate::allocate::ENCODINGS_MAX;
use crate::api::PixelSize;
use crate::negotiate::Extension;
use colloquy_codecs::payload::{Descriptor, PayloadFormat, Vp9, picture_size};
use colloquy_codecs::rtp::LayersAllocation;
use colloquy_codecs::rtp::dependency::TemplateStructure;

/// Spatial layers whose sizes are looked for.
const LAYERS: usize = 4;

/// The sizes of the spatial layers, the smallest first.
pub(super) fn picture_sizes(
    packet: &MediaPacket<'_>,
    structure: Option<&TemplateStructure>,
) -> [Option<PixelSize>; LAYERS] {
    let mut sizes = [None; LAYERS];
    if let Some(place) = sizes.get_mut(usize::from(packet.frame.spatial)) {
        *place = picture_size(packet.format.payload(), packet.payload).map(pixels);
    }
    if packet.format.payload() == PayloadFormat::Vp9 {
        let structure = Vp9::parse(packet.payload).ok().and_then(|vp9| vp9.structure);
        for (place, (width, height)) in sizes.iter_mut().zip(structure.iter().flat_map(|s| s.sizes())) {
            *place = Some(PixelSize { width, height });
        }
    }
    if let Some(structure) = structure {
        for (spatial, place) in (0u8..).zip(&mut sizes) {
            *place = structure.size(spatial).map(pixels).or(*place);
        }
    }
    let allocation = packet.carried.get(Extension::LayersAllocation).and_then(|e| LayersAllocation::parse(e).ok());
    for layer in allocation.iter().flat_map(LayersAllocation::layers) {
        let own = allocation.as_ref().is_some_and(|a| a.stream == layer.stream);
        if let Some((place, size)) = sizes.get_mut(usize::from(layer.spatial_id)).zip(layer.size).filter(|_| own) {
            place.get_or_insert(pixels((size.width, size.height)));
        }
    }
    sizes
}

/// Which encodings its publisher sends, by their numbers, if it tells that: streams go in the order of the simulcast attribute.
pub(super) fn active_encodings(packet: &MediaPacket<'_>) -> Option<[bool; ENCODINGS_MAX]> {
    let allocation = LayersAllocation::parse(packet.carried.get(Extension::LayersAllocation)?).ok()?;
    Some(std::array::from_fn(|number| allocation.layers().iter().any(|layer| usize::from(layer.stream) == number)))
}

fn pixels((width, height): (u32, u32)) -> PixelSize {
    let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
    PixelSize { width: side(width), height: side(height) }
}
