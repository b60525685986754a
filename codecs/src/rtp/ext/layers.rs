//! Video layers allocation: which simulcast streams and layers a sender has, and what they cost
//! (`http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00`).

use crate::ParseError;
use crate::reader::Reader;

const CUT: &str = "layers allocation cut";
/// Four streams of four spatial layers each: more cannot be said.
pub const MAX_ALLOCATED_LAYERS: usize = 16;
/// 1 Gb/s is no target but a mistake; the same bound as in libwebrtc.
pub const MAX_LAYER_BITRATE_KBPS: u32 = 1_000_000;

/// A spatial layer that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllocatedLayer {
    /// Which of the streams, 0..=3, in the order of the simulcast attribute.
    pub stream: u8,
    /// 0..=3.
    pub spatial_id: u8,
    /// 1..=4.
    pub temporal_layers: u8,
    /// The target for each temporal layer in kb/s, with all that the layer needs; zeros behind the last one.
    pub bitrates_kbps: [u32; 4],
    /// If the sender told: all layers have it, or none.
    pub size: Option<LayerSize>,
}

/// How large a layer's pictures are, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSize {
    /// In pixels, 1..=65536.
    pub width: u32,
    /// In pixels, 1..=65536.
    pub height: u32,
    /// Frames a second at most.
    pub max_fps: u8,
}

impl LayerSize {
    fn parse(reader: &mut Reader<'_>) -> Result<LayerSize, ParseError> {
        let [w0, w1, h0, h1, max_fps] = reader.array(CUT)?;
        let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        Ok(LayerSize { width: u32::from(width) + 1, height: u32::from(height) + 1, max_fps })
    }

    /// `None` if it is out of range.
    fn to_bytes(self) -> Option<[u8; 5]> {
        let less_one = |size: u32| Some(u16::try_from(size.checked_sub(1)?).ok()?.to_be_bytes());
        let ([w0, w1], [h0, h1]) = (less_one(self.width)?, less_one(self.height)?);
        Some([w0, w1, h0, h1, self.max_fps])
    }
}

impl AllocatedLayer {
    /// The target for each temporal layer in kb/s, with all that the layer needs.
    pub fn bitrates_kbps(&self) -> &[u32] {
        self.bitrates_kbps.get(..usize::from(self.temporal_layers)).unwrap_or_default()
    }
}

/// A video layers allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayersAllocation {
    /// The stream that this came on, 0..=3.
    pub stream: u8,
    /// 1..=4, or 0 if nothing is sent.
    pub streams: u8,
    layers: [AllocatedLayer; MAX_ALLOCATED_LAYERS],
    layer_count: u8,
}

impl LayersAllocation {
    /// An allocation of one's own, the layers going up by stream and spatial id. `None` if they do not, a value is
    /// out of range, or only some layers tell their size. Of an empty one, the stream cannot be told and becomes 0.
    pub fn new(stream: u8, layers: &[AllocatedLayer]) -> Option<LayersAllocation> {
        let streams = layers.last().map_or(0, |last| last.stream.saturating_add(1));
        let is_ordered = layers.is_sorted_by(|a, b| (a.stream, a.spatial_id) < (b.stream, b.spatial_id));
        let all_tell = layers.iter().all(|layer| layer.size.is_some());
        let none_tells = layers.iter().all(|layer| layer.size.is_none());
        if stream > 3 || streams > 4 || !is_ordered || !(all_tell || none_tells) || !layers.iter().all(is_in_range) {
            return None;
        }
        let mut place = [AllocatedLayer::default(); MAX_ALLOCATED_LAYERS];
        for (place, layer) in place.iter_mut().zip(layers) {
            *place = *layer;
            place.bitrates_kbps.iter_mut().skip(usize::from(layer.temporal_layers)).for_each(|bitrate| *bitrate = 0);
        }
        let stream = if layers.is_empty() { 0 } else { stream };
        Some(LayersAllocation { stream, streams, layers: place, layer_count: u8::try_from(layers.len()).ok()? })
    }

    /// The layers, going up by stream and spatial id.
    pub fn layers(&self) -> &[AllocatedLayer] {
        self.layers.get(..usize::from(self.layer_count)).unwrap_or_default()
    }

    /// Reads an element.
    pub fn parse(element: &[u8]) -> Result<LayersAllocation, ParseError> {
        let mut reader = Reader::new(element);
        let first = reader.u8(CUT)?;
        let mut allocation = LayersAllocation {
            stream: first >> 6,
            streams: (first >> 4 & 0x03) + 1,
            layers: [AllocatedLayer::default(); MAX_ALLOCATED_LAYERS],
            layer_count: 0,
        };
        if first == 0 && reader.is_empty() {
            return Ok(LayersAllocation { streams: 0, ..allocation });
        }
        let masks = parse_masks(&mut reader, first & 0x0F, allocation.streams)?;
        allocation.parse_layers(&mut reader, masks)?;
        for layer in allocation.layers_mut() {
            for bitrate in layer.bitrates_kbps.iter_mut().take(usize::from(layer.temporal_layers)) {
                *bitrate = parse_bitrate(&mut reader)?;
            }
        }
        if !reader.is_empty() {
            for layer in allocation.layers_mut() {
                layer.size = Some(LayerSize::parse(&mut reader)?);
            }
        }
        if reader.is_empty() { Ok(allocation) } else { Err(reader.error("layers allocation with something behind")) }
    }

    fn layers_mut(&mut self) -> impl Iterator<Item = &mut AllocatedLayer> {
        self.layers.iter_mut().take(usize::from(self.layer_count))
    }

    /// Which layers there are, and the number of temporal layers of each: two bits, less one.
    fn parse_layers(&mut self, reader: &mut Reader<'_>, masks: [u8; 4]) -> Result<(), ParseError> {
        let mut counts = 0;
        let ids = (0_u8..4).flat_map(|stream| (0_u8..4).map(move |spatial_id| (stream, spatial_id)));
        for (stream, spatial_id) in ids {
            if masks.get(usize::from(stream)).is_none_or(|mask| mask >> spatial_id & 1 == 0) {
                continue;
            }
            if self.layer_count.is_multiple_of(4) {
                counts = reader.u8(CUT)?;
            }
            let temporal_layers = (counts >> 6) + 1;
            counts <<= 2;
            let place = self.layers.get_mut(usize::from(self.layer_count)).expect("four by four layers");
            *place = AllocatedLayer { stream, spatial_id, temporal_layers, ..AllocatedLayer::default() };
            self.layer_count += 1;
        }
        if self.layer_count == 0 { Err(reader.error("layers allocation without layers")) } else { Ok(()) }
    }

    /// Appends the element.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.layer_count == 0 {
            out.push(0);
            return;
        }
        let mut masks = [0_u8; 4];
        for layer in self.layers() {
            if let Some(mask) = masks.get_mut(usize::from(layer.stream)) {
                *mask |= 1 << layer.spatial_id;
            }
        }
        let [mask0, mask1, mask2, mask3] = masks;
        let is_uniform = masks.iter().take(usize::from(self.streams)).all(|mask| *mask == mask0);
        let first = self.stream << 6 | (self.streams - 1) << 4; // has layers, so has streams
        if is_uniform {
            out.push(first | mask0);
        } else {
            out.extend_from_slice(&[first, mask0 << 4 | mask1]);
            if self.streams > 2 {
                out.push(mask2 << 4 | mask3);
            }
        }
        for four in self.layers().chunks(4) {
            let counts = four.iter().enumerate();
            out.push(counts.fold(0, |byte, (at, layer)| byte | (layer.temporal_layers - 1) << (6 - 2 * at)));
        }
        self.layers().iter().flat_map(AllocatedLayer::bitrates_kbps).for_each(|bitrate| write_leb128(out, *bitrate));
        out.extend(self.layers().iter().filter_map(|layer| layer.size?.to_bytes()).flatten());
    }
}

fn is_in_range(layer: &AllocatedLayer) -> bool {
    let size_fits = layer.size.is_none_or(|size| size.to_bytes().is_some());
    let bitrates_fit = layer.bitrates_kbps.iter().all(|bitrate| *bitrate <= MAX_LAYER_BITRATE_KBPS);
    layer.spatial_id < 4 && (1..=4).contains(&layer.temporal_layers) && size_fits && bitrates_fit
}

/// A mask of spatial layers for each stream: one for all, or if that is 0, four bits for each.
fn parse_masks(reader: &mut Reader<'_>, for_all: u8, streams: u8) -> Result<[u8; 4], ParseError> {
    let mut masks = [for_all; 4];
    if for_all == 0 {
        let first = reader.u8(CUT)?;
        let second = if streams > 2 { reader.u8(CUT)? } else { 0 };
        masks = [first >> 4, first & 0x0F, second >> 4, second & 0x0F];
    }
    // What stands in the place of a stream that there is not, is padding.
    masks.iter_mut().skip(usize::from(streams)).for_each(|mask| *mask = 0);
    Ok(masks)
}

/// LEB128 (AV1 bitstream specification 4.10.5). Three bytes hold all that is allowed; zeros may follow.
fn parse_bitrate(reader: &mut Reader<'_>) -> Result<u32, ParseError> {
    let begin = *reader;
    let mut value = 0_u64;
    for position in 0..8 {
        let byte = reader.u8(CUT)?;
        value |= u64::from(byte & 0x7F) << (7 * position); // at most 56 bits
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok().filter(|value| *value <= MAX_LAYER_BITRATE_KBPS);
            return value.ok_or(begin.error("layers allocation of more than 1 Gb/s"));
        }
    }
    Err(begin.error("LEB128 number past 8 bytes"))
}

fn write_leb128(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80); // the lowest seven bits
        value >>= 7;
    }
    out.push(value as u8);
}
