//! Coded pictures made into RTP payloads.

use bytes::Bytes;
use std::ops::Range;

use super::view::ViewCodec;

/// A payload is at most so long, in bytes: with RTP's header, extensions, SRTP and a relay's own it still fits 1,280 bytes of IPv6.
pub const MAX_PAYLOAD: usize = 1_200;
/// A VP8 descriptor with a picture id of 15 bits (RFC 7741 4.2): X; I; two bytes.
const VP8_DESCRIPTOR_LEN: usize = 4;
/// FU indicator and FU header (RFC 6184 5.8).
const FU_HEADER_LEN: usize = 2;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// The payloads of one stream.
#[derive(Debug)]
pub struct Packetizer {
    codec: ViewCodec,
    picture_id: u16,
}

impl Packetizer {
    /// One whose first VP8 picture has this id (15 bits).
    pub fn new(codec: ViewCodec, picture_id: u16) -> Packetizer {
        Packetizer { codec, picture_id: picture_id & 0x7FFF }
    }

    /// Hands on the payloads of a picture; `true` with the last one, which gets RTP's marker.
    pub fn split(&mut self, picture: &[u8], mut hand_on: impl FnMut(Bytes, bool)) {
        match self.codec {
            ViewCodec::Vp8 => self.split_vp8(picture, &mut hand_on),
            ViewCodec::H264 => split_h264(picture, &mut hand_on),
        }
    }

    fn split_vp8(&mut self, picture: &[u8], hand_on: &mut impl FnMut(Bytes, bool)) {
        let [id_high, id_low] = (self.picture_id | 0x8000).to_be_bytes();
        self.picture_id = (self.picture_id + 1) & 0x7FFF;
        // As many as are needed, all of about the same length: the last is then no stump.
        let count = picture.len().div_ceil(MAX_PAYLOAD - VP8_DESCRIPTOR_LEN).max(1);
        let each = picture.len().div_ceil(count).max(1);
        let pieces = picture.chunks(each);
        let last = pieces.len().saturating_sub(1);
        for (index, piece) in pieces.enumerate() {
            let mut payload = Vec::with_capacity(VP8_DESCRIPTOR_LEN + piece.len());
            // X, and S in the first packet of the picture; partition 0 throughout, as RFC 7741 4.4 allows.
            payload.extend_from_slice(&[if index == 0 { 0x90 } else { 0x80 }, 0x80, id_high, id_low]);
            payload.extend_from_slice(piece);
            hand_on(payload.into(), index == last);
        }
    }
}

/// The NAL units of a stream of bytes (H.264 annex B), without start codes.
fn units(picture: &[u8]) -> Vec<Range<usize>> {
    let mut units: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(found) = picture.get(at..).and_then(|rest| rest.windows(3).position(|three| three == [0, 0, 1])) {
        let start = at + found;
        if let Some(before) = units.last_mut() {
            // A start code may have a fourth byte before it, which is of no unit.
            let zeros = picture[before.start..start].iter().rev().take_while(|byte| **byte == 0).count();
            before.end = start - zeros;
        }
        at = start + 3;
        units.push(at..picture.len());
    }
    units.retain(|unit| !unit.is_empty());
    units
}

fn split_h264(picture: &[u8], hand_on: &mut impl FnMut(Bytes, bool)) {
    let units = units(picture);
    let mut rest = &units[..];
    while let Some(first) = rest.first() {
        let together = count_together(rest);
        let taken = together.max(1);
        let is_last = taken == rest.len();
        match together {
            0 => fragment(&picture[first.clone()], is_last, hand_on),
            1 => hand_on(Bytes::copy_from_slice(&picture[first.clone()]), is_last),
            _ => hand_on(aggregate(picture, &rest[..together]), is_last),
        }
        rest = &rest[taken..];
    }
}

/// How many of the first units fit one packet; 0 if not even one does.
fn count_together(units: &[Range<usize>]) -> usize {
    if units.first().is_some_and(|unit| unit.len() > MAX_PAYLOAD) {
        return 0;
    }
    let mut len = 1;
    let fitting = units.iter().take_while(|unit| {
        len += 2 + unit.len();
        len <= MAX_PAYLOAD
    });
    fitting.count().max(1)
}

/// A single-time aggregation packet (RFC 6184 5.7.1).
fn aggregate(picture: &[u8], units: &[Range<usize>]) -> Bytes {
    let importance = units.iter().map(|unit| picture[unit.start] & 0x60).max().unwrap_or(0);
    let mut payload = vec![importance | STAP_A];
    for unit in units {
        payload.extend_from_slice(&(unit.len() as u16).to_be_bytes()); // fits a packet
        payload.extend_from_slice(&picture[unit.clone()]);
    }
    payload.into()
}

/// A NAL unit in pieces (RFC 6184 5.8).
fn fragment(unit: &[u8], is_last: bool, hand_on: &mut impl FnMut(Bytes, bool)) {
    let Some((header, content)) = unit.split_first() else { return };
    let count = content.len().div_ceil(MAX_PAYLOAD - FU_HEADER_LEN).max(1);
    let pieces = content.chunks(content.len().div_ceil(count).max(1));
    let end = pieces.len().saturating_sub(1);
    for (index, piece) in pieces.enumerate() {
        let start_bit = if index == 0 { 0x80 } else { 0 };
        let end_bit = if index == end { 0x40 } else { 0 };
        let mut payload = Vec::with_capacity(FU_HEADER_LEN + piece.len());
        payload.extend_from_slice(&[header & 0xE0 | FU_A, start_bit | end_bit | header & 0x1F]);
        payload.extend_from_slice(piece);
        hand_on(payload.into(), is_last && index == end);
    }
}
