//! VP8 (RFC 7741).

use super::{Descriptor, PictureId, Tl0PicIdx};
use crate::ParseError;
use crate::reader::Reader;

/// A VP8 payload descriptor (RFC 7741 4.2) and the key frame bit of the payload header (4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8 {
    /// N: no other picture needs this one.
    pub is_non_reference: bool,
    /// S: the payload begins a partition.
    pub starts_partition: bool,
    /// PID: which partition, 0..=7.
    pub partition: u8,
    /// The I and M bits' field.
    pub picture_id: Option<PictureId>,
    /// The L bit's field.
    pub tl0_pic_idx: Option<Tl0PicIdx>,
    /// TID, 0..=3, if the T bit says so.
    pub temporal_id: Option<u8>,
    /// Y: needs nothing but the base layer, so a receiver may switch up here. False without T.
    pub is_layer_sync: bool,
    /// KEYIDX, 0..=31, if the K bit says so.
    pub key_idx: Option<u8>,
    /// Where VP8's own bytes begin; at most the payload's length.
    pub header_len: usize,
    is_key: bool,
}

impl Vp8 {
    /// Whether the payload begins a picture: its first partition's first packet.
    pub fn starts_picture(&self) -> bool {
        self.starts_partition && self.partition == 0
    }
}

impl<'a> Descriptor<'a> for Vp8 {
    fn parse(payload: &'a [u8]) -> Result<Vp8, ParseError> {
        const CUT: &str = "VP8 descriptor cut";
        let mut reader = Reader::new(payload);
        let first = reader.u8(CUT)?;
        let extended = if first & 0x80 == 0 { 0 } else { reader.u8(CUT)? };
        let (has_tid, has_key_idx) = (extended & 0x20 != 0, extended & 0x10 != 0);

        let picture_id = if extended & 0x80 == 0 { None } else { Some(PictureId::parse(&mut reader, CUT)?) };
        let tl0_pic_idx = if extended & 0x40 == 0 { None } else { Some(Tl0PicIdx::parse(&mut reader, CUT)?) };
        let layer = if has_tid || has_key_idx { reader.u8(CUT)? } else { 0 };
        Ok(Vp8 {
            is_non_reference: first & 0x20 != 0,
            starts_partition: first & 0x10 != 0,
            partition: first & 0x07,
            picture_id,
            tl0_pic_idx,
            temporal_id: has_tid.then_some(layer >> 6),
            is_layer_sync: has_tid && layer & 0x20 != 0,
            key_idx: has_key_idx.then_some(layer & 0x1F),
            header_len: reader.offset(),
            // P, "inverse key frame": only meaningful where a picture starts.
            is_key: reader.rest().first().is_some_and(|byte| byte & 0x01 == 0),
        })
    }

    fn starts_keyframe(&self) -> bool {
        self.starts_picture() && self.is_key
    }

    fn temporal_id(&self) -> Option<u8> {
        self.temporal_id
    }
}
