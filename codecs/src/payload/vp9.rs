//! VP9 (RFC 9628).

use super::{Descriptor, PictureId, Tl0PicIdx};
use crate::ParseError;
use crate::reader::Reader;

const CUT: &str = "VP9 descriptor cut";
/// A picture refers to three others at most (RFC 9628 4.2).
const MAX_REFERENCES: usize = 3;

/// A VP9 payload descriptor (RFC 9628 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9<'a> {
    /// The I and M bits' field.
    pub picture_id: Option<PictureId>,
    /// P: needs earlier pictures.
    pub is_inter_predicted: bool,
    /// F: every picture tells its references, rather than the scalability structure for all.
    pub is_flexible: bool,
    /// B: first packet of a layer's frame.
    pub begins_frame: bool,
    /// E: last packet of a layer's frame.
    pub ends_frame: bool,
    /// Z: higher spatial layers do not need this frame.
    pub is_not_spatial_reference: bool,
    /// The L bit's fields.
    pub layers: Option<Vp9Layers>,
    /// In flexible mode, how many picture ids back the pictures referred to are, 0..=127 each; the rest is `None`.
    pub reference_diffs: [Option<u8>; MAX_REFERENCES],
    /// The V bit's field.
    pub structure: Option<Vp9Structure<'a>>,
    /// Where VP9's own bytes begin; at most the payload's length.
    pub header_len: usize,
    has_frame_bytes: bool,
}

/// Which layer a frame is of (RFC 9628 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Layers {
    /// TID, 0..=7.
    pub temporal_id: u8,
    /// U: a receiver may switch up to this temporal layer here.
    pub is_switching_up_point: bool,
    /// SID, 0..=7.
    pub spatial_id: u8,
    /// D: needs the spatial layer below.
    pub is_inter_layer_predicted: bool,
    /// In non-flexible mode only.
    pub tl0_pic_idx: Option<Tl0PicIdx>,
}

impl Vp9Layers {
    fn parse(reader: &mut Reader<'_>, is_flexible: bool) -> Result<Vp9Layers, ParseError> {
        let byte = reader.u8(CUT)?;
        Ok(Vp9Layers {
            temporal_id: byte >> 5,
            is_switching_up_point: byte & 0x10 != 0,
            spatial_id: byte >> 1 & 0x07,
            is_inter_layer_predicted: byte & 0x01 != 0,
            tl0_pic_idx: if is_flexible { None } else { Some(Tl0PicIdx::parse(reader, CUT)?) },
        })
    }
}

/// The scalability structure (RFC 9628 4.2.1): sizes of the spatial layers, and the picture group's pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Structure<'a> {
    /// N_S + 1: 1..=8.
    pub spatial_layers: u8,
    sizes: &'a [[u8; 4]],
    /// Bytes of the pictures in the group, their sizes already checked.
    group: &'a [u8],
}

/// A picture of the group that repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9GroupPicture<'a> {
    /// 0..=7.
    pub temporal_id: u8,
    /// U: a receiver may switch up to this temporal layer here.
    pub is_switching_up_point: bool,
    /// How many pictures back the ones that it refers to are; at most three.
    pub reference_diffs: &'a [u8],
}

impl<'a> Vp9GroupPicture<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Vp9GroupPicture<'a>, ParseError> {
        let byte = reader.u8(CUT)?;
        Ok(Vp9GroupPicture {
            temporal_id: byte >> 5,
            is_switching_up_point: byte & 0x10 != 0,
            reference_diffs: reader.take(usize::from(byte >> 2 & 0x03), CUT)?,
        })
    }
}

impl<'a> Vp9Structure<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Vp9Structure<'a>, ParseError> {
        let byte = reader.u8(CUT)?;
        let spatial_layers = (byte >> 5) + 1;
        let sizes_len = if byte & 0x10 == 0 { 0 } else { usize::from(spatial_layers) * 4 };
        let (sizes, _) = reader.take(sizes_len, CUT)?.as_chunks::<4>();

        let pictures = if byte & 0x08 == 0 { 0 } else { reader.u8(CUT)? };
        let mut ahead = *reader;
        for _ in 0..pictures {
            Vp9GroupPicture::parse(&mut ahead)?;
        }
        let group = reader.take(ahead.offset() - reader.offset(), CUT)?;
        Ok(Vp9Structure { spatial_layers, sizes, group })
    }

    /// Width and height in pixels of each spatial layer, the lowest first; none if the structure does not tell.
    pub fn sizes(&self) -> impl Iterator<Item = (u16, u16)> + Clone + use<'a> {
        self.sizes.iter().map(|&[w0, w1, h0, h1]| (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1])))
    }

    /// The pictures of the group, at most 255; none if the structure does not tell.
    pub fn group(&self) -> impl Iterator<Item = Vp9GroupPicture<'a>> + Clone + use<'a> {
        let mut reader = Reader::new(self.group);
        std::iter::from_fn(move || Vp9GroupPicture::parse(&mut reader).ok())
    }
}

/// Flexible mode's references: P_DIFF in seven bits, and in the lowest one whether another follows.
fn parse_references(reader: &mut Reader<'_>) -> Result<[Option<u8>; MAX_REFERENCES], ParseError> {
    let mut references = [None; MAX_REFERENCES];
    for reference in &mut references {
        let byte = reader.u8(CUT)?;
        *reference = Some(byte >> 1);
        if byte & 0x01 == 0 {
            return Ok(references);
        }
    }
    Err(reader.error("VP9 frame with more than three references"))
}

impl<'a> Descriptor<'a> for Vp9<'a> {
    fn parse(payload: &'a [u8]) -> Result<Vp9<'a>, ParseError> {
        let mut reader = Reader::new(payload);
        let flags = reader.u8(CUT)?;
        let has = |bit: u8| flags & bit != 0;
        let (is_inter_predicted, is_flexible) = (has(0x40), has(0x10));

        let picture_id = if has(0x80) { Some(PictureId::parse(&mut reader, CUT)?) } else { None };
        let layers = if has(0x20) { Some(Vp9Layers::parse(&mut reader, is_flexible)?) } else { None };
        let has_references = is_inter_predicted && is_flexible;
        let reference_diffs = if has_references { parse_references(&mut reader)? } else { [None; MAX_REFERENCES] };
        let structure = if has(0x02) { Some(Vp9Structure::parse(&mut reader)?) } else { None };
        Ok(Vp9 {
            picture_id,
            is_inter_predicted,
            is_flexible,
            begins_frame: has(0x08),
            ends_frame: has(0x04),
            is_not_spatial_reference: has(0x01),
            layers,
            reference_diffs,
            structure,
            header_len: reader.offset(),
            has_frame_bytes: !reader.is_empty(),
        })
    }

    fn starts_keyframe(&self) -> bool {
        let is_lowest = self.layers.is_none_or(|layers| layers.spatial_id == 0);
        self.begins_frame && !self.is_inter_predicted && is_lowest && self.has_frame_bytes
    }

    fn temporal_id(&self) -> Option<u8> {
        self.layers.map(|layers| layers.temporal_id)
    }

    fn spatial_id(&self) -> Option<u8> {
        self.layers.map(|layers| layers.spatial_id)
    }
}
