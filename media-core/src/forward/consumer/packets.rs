//! Writing what one receiver is sent.

use super::{Consumer, Offsets, Prepared, Rewritten, Run};
use crate::forward::carried::{Carried, MAX_ELEMENT_LEN};
use crate::forward::exceptions::Exception;
use crate::forward::producer::MediaPacket;
use crate::forward::redundancy::MAX_REDUNDANCY;
use crate::forward::ring::{Kept, Ring};
use crate::forward::stamp::Stamp;
use crate::negotiate::Extension;
use colloquy_codecs::payload::{MAX_RED_BLOCK_LEN, MAX_RED_OFFSET, PictureId, Tl0PicIdx, write_red};
use colloquy_codecs::rtp::dependency::rewrite_frame_number;
use colloquy_codecs::rtp::{HeaderFields, HeaderWriter};

impl Consumer {
    /// Appends a packet as it was prepared. `before` has those that came before it, for a receiver of audio who loses some.
    #[inline]
    pub(crate) fn write(
        &mut self,
        prepared: &Prepared,
        packet: &MediaPacket<'_>,
        before: Option<&Ring>,
        stamp: Stamp,
        out: &mut Vec<u8>,
    ) -> Rewritten {
        let fields = HeaderFields {
            marker: prepared.marker,
            payload_type: prepared.payload_type,
            sequence: prepared.index as u16,
            timestamp: packet.timestamp.wrapping_add(prepared.offsets.timestamp),
            ssrc: self.ssrc,
        };
        let start = out.len();
        let carried = if prepared.is_filler { &Carried::NONE } else { &packet.carried };
        let header_len = self.write_head(&fields, stamp, carried, prepared.offsets.frame, out);
        if !prepared.is_filler {
            let payload = out.len();
            match self.sending {
                Some(s) if Some(prepared.payload_type) == s.red_payload_type => {
                    let ring = before.into_iter();
                    let kept = ring.flat_map(|ring| ring.before(packet.index).take(self.repeats));
                    // What was said before he might hear it is not told again.
                    let kept = kept.take_while(|kept| self.runs.includes(kept.index()));
                    write_redundant(packet, s.payload_type, kept, out);
                }
                _ => out.extend_from_slice(packet.payload),
            }
            let (picture_id, tl0_pic_idx) = (packet.frame.picture_id, packet.frame.tl0_pic_idx);
            rewrite_pictures(&prepared.offsets, picture_id, tl0_pic_idx, out.get_mut(payload..).unwrap_or_default());
        }
        if let Some(protection) = &mut self.protection {
            let written = out.get(start..).unwrap_or_default();
            protection.add(prepared.index, prepared.marker, &self.extensions, written);
        }
        self.packets += 1;
        self.bytes += (out.len() - start) as u64;
        Rewritten { ssrc: self.ssrc, index: prepared.index, header_len }
    }

    /// Appends a header with everything that goes into its extensions; the transport-wide number first, where
    /// [`set_transport_sequence`](super::set_transport_sequence) finds it.
    #[inline]
    fn write_head(
        &self,
        fields: &HeaderFields,
        stamp: Stamp,
        carried: &Carried<'_>,
        frame_offset: u16,
        out: &mut Vec<u8>,
    ) -> usize {
        let ids = &self.extensions;
        let mut header = HeaderWriter::begin(out, fields);
        if let (Some(sequence), Some(id)) = (stamp.transport_sequence, ids.get(Extension::TransportSequence)) {
            header.element(id, &sequence.to_be_bytes());
        }
        if self.announce
            && let Some(id) = ids.get(Extension::Mid)
        {
            header.element(id, self.mid.as_bytes());
        }
        if let (Some(send_time), Some(id)) = (stamp.send_time, ids.get(Extension::AbsSendTime)) {
            header.element(id, &send_time);
        }
        for (extension, element) in carried.iter() {
            let Some(id) = ids.get(extension) else { continue };
            if extension == Extension::DependencyDescriptor && frame_offset != 0 {
                write_renumbered(&mut header, id, element, frame_offset);
            } else {
                header.element(id, element);
            }
        }
        header.finish()
    }

    /// Appends a packet that was sent before, as a retransmission (RFC 4588 section 4).
    pub(crate) fn write_rtx(
        &mut self,
        (out_index, run): (u64, &Run),
        kept: &Kept,
        stamp: Stamp,
        out: &mut Vec<u8>,
    ) -> Option<Rewritten> {
        let payload_type = self.sending?.rtx_payload_type?;
        let index = self.rtx_index;
        self.rtx_index += 1;
        let exception = self.exceptions.of(out_index);
        let is_filler = exception == Some(Exception::Filler);
        let marker = match exception {
            Some(Exception::Marker(marker)) => marker,
            Some(Exception::Filler) => false,
            None => kept.marker,
        };
        let fields = HeaderFields {
            marker,
            payload_type,
            sequence: index as u16,
            timestamp: kept.timestamp.wrapping_add(run.offsets.timestamp),
            ssrc: self.rtx_ssrc,
        };
        let carried = if is_filler { Carried::NONE } else { kept.carried() };
        let header_len = self.write_head(&fields, stamp, &carried, run.offsets.frame, out);
        out.extend_from_slice(&(out_index as u16).to_be_bytes());
        if !is_filler {
            let payload = out.len();
            out.extend_from_slice(kept.payload());
            let written = out.get_mut(payload..).unwrap_or_default();
            rewrite_pictures(&run.offsets, kept.picture_id, kept.tl0_pic_idx, written);
        }
        self.retransmitted += 1;
        Some(Rewritten { ssrc: self.rtx_ssrc, index, header_len })
    }

    /// The length of the repair packet's payload, if one is to be sent now.
    #[inline]
    pub(crate) fn repair_due(&self) -> Option<usize> {
        self.protection.as_ref()?.due_len()
    }

    /// Appends the repair packet that is due (FlexFEC).
    pub(crate) fn write_repair(&mut self, stamp: Stamp, out: &mut Vec<u8>) -> Option<Rewritten> {
        let timestamp = self.timeline.newest();
        let protection = self.protection.as_mut()?;
        let (index, payload_type) = protection.next()?;
        let ssrc = protection.ssrc;
        let fields = HeaderFields { marker: false, payload_type, sequence: index as u16, timestamp, ssrc };
        let header_len = self.write_head(&fields, stamp, &Carried::NONE, 0, out);
        self.protection.as_mut()?.write(out).then_some(Rewritten { ssrc, index, header_len })
    }

    /// Appends a packet of `len` bytes of padding (RFC 3550 section 5.1), as a retransmission of nothing.
    pub(crate) fn write_padding(&mut self, len: u8, stamp: Stamp, out: &mut Vec<u8>) -> Option<Rewritten> {
        let by_codec = || self.codecs.iter().find_map(|c| c.rtx_payload_type);
        let payload_type = self.sending.and_then(|s| s.rtx_payload_type).or_else(by_codec)?;
        let index = self.rtx_index;
        self.rtx_index += 1;
        let (sequence, timestamp) = (index as u16, self.timeline.newest());
        let fields = HeaderFields { marker: false, payload_type, sequence, timestamp, ssrc: self.rtx_ssrc };
        let start = out.len();
        let header_len = self.write_head(&fields, stamp, &Carried::NONE, 0, out);
        *out.get_mut(start)? |= 0x20;
        let end = out.len() + usize::from(len.max(1));
        out.resize(end - 1, 0);
        out.push(len.max(1));
        Some(Rewritten { ssrc: self.rtx_ssrc, index, header_len })
    }
}

/// A payload with repetitions is no longer than this: a packet in two fragments is lost twice as easily.
const MAX_REDUNDANT_BYTES: usize = 1_100;

/// Appends a payload that repeats `kept`, the newest first, before its own.
fn write_redundant<'a>(
    packet: &MediaPacket<'_>,
    payload_type: u8,
    kept: impl Iterator<Item = &'a Kept>,
    out: &mut Vec<u8>,
) {
    let mut blocks: [(u16, &[u8]); MAX_REDUNDANCY] = [(0, &[]); MAX_REDUNDANCY];
    let mut free = MAX_REDUNDANCY;
    let mut len_bytes = packet.payload.len();
    for (place, kept) in (0..MAX_REDUNDANCY).rev().zip(kept) {
        let Ok(age) = u16::try_from(packet.timestamp.wrapping_sub(kept.timestamp)) else { break };
        let payload = kept.payload();
        len_bytes += payload.len();
        if age > MAX_RED_OFFSET || payload.len() > MAX_RED_BLOCK_LEN || len_bytes > MAX_REDUNDANT_BYTES {
            break;
        }
        (blocks[place], free) = ((age, payload), place);
    }
    write_red(out, payload_type, packet.payload, &blocks[free..]);
}

/// Adds to the numbers that stand in a payload.
#[inline]
fn rewrite_pictures(
    offsets: &Offsets,
    picture_id: Option<PictureId>,
    tl0_pic_idx: Option<Tl0PicIdx>,
    payload: &mut [u8],
) {
    // Neither can fail: the payload is a copy of the one that they were read from.
    if let Some(id) = picture_id.filter(|_| offsets.picture != 0) {
        let _ = id.rewrite(payload, id.value.wrapping_add(offsets.picture));
    }
    if let Some(index) = tl0_pic_idx.filter(|_| offsets.tl0 != 0) {
        let _ = index.rewrite(payload, index.value.wrapping_add(offsets.tl0));
    }
}

/// Writes a dependency descriptor whose frame number is `offset` higher; none where it cannot be read.
fn write_renumbered(header: &mut HeaderWriter<'_>, id: u8, element: &[u8], offset: u16) {
    let mut buffer = [0u8; MAX_ELEMENT_LEN];
    let Some(copy) = buffer.get_mut(..element.len()) else { return };
    copy.copy_from_slice(element);
    let Some(number) = element.get(1..3).map(|n| u16::from_be_bytes([n[0], n[1]])) else { return };
    if rewrite_frame_number(copy, number.wrapping_add(offset)).is_ok() {
        header.element(id, copy);
    }
}
