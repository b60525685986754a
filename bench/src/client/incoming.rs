//! Media on its way into a client: opened, told apart by place, unwrapped from its retransmission.

use super::receive::Incoming;
use super::watch::Glimpse;
use super::{Client, MAX_RECEIVED, Place, Received, Stamp};
use bytes::Bytes;
use colloquy_codecs::payload::{PayloadFormat, Red, layer_info};
use colloquy_codecs::rtp::{RtpHeader, strip_padding, transport_sequence};
use std::time::Instant;

/// Where a packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    First,
    /// Sent again (RFC 4588); its payload type before.
    Again(u8),
    /// Made again out of repair packets.
    Recovered,
}

impl Client {
    pub(super) fn handle_rtp(&mut self, now: Instant, bytes: &mut [u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let Ok(header) = RtpHeader::parse(bytes) else { return };
        let Ok((_, end)) = srtp.open_rtp(bytes, &header) else {
            self.unopened += 1;
            return;
        };
        let sequence = self
            .transport_extension
            .and_then(|id| header.extensions(bytes).find(|(element, _)| *element == id))
            .and_then(|(_, element)| transport_sequence(element));
        if let Some(sequence) = sequence {
            self.arrivals.note(now, self.config.epoch, sequence, header.ssrc);
        }
        let Some(packet) = bytes.get(..end) else { return };
        let Some(index) = self.places.iter().position(|place| place.repair.ssrc == Some(header.ssrc)) else {
            return self.take_media(now, &header, packet);
        };
        let Some(place) = self.places.get_mut(index) else { return };
        let payload = packet.get(header.header_len..).unwrap_or_default();
        let made = place.repair.take_repair(place.ssrc, payload);
        self.take_made(now, index, made);
    }

    /// Takes packets that were made again.
    fn take_made(&mut self, now: Instant, index: usize, made: Vec<Vec<u8>>) {
        for packet in made {
            if let Ok(header) = RtpHeader::parse(&packet) {
                self.take_into(now, index, &header, &packet, Origin::Recovered);
            }
        }
    }

    fn take_media(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) {
        let rtx = self.places.iter().find_map(|place| place.rtx.iter().find(|(rtx, _)| *rtx == header.payload_type));
        let origin = rtx.map_or(Origin::First, |(_, original)| Origin::Again(*original));
        let Some(index) = self.place_of(header, packet, rtx.is_some()) else {
            self.dropped += 1;
            return;
        };
        self.take_into(now, index, header, packet, origin);
        if let Some(place) = self.places.get_mut(index).filter(|_| origin == Origin::First) {
            let made = place.repair.take_packet(packet, self.transport_extension);
            self.take_made(now, index, made);
        }
    }

    fn take_into(&mut self, now: Instant, index: usize, header: &RtpHeader, packet: &[u8], origin: Origin) {
        let Some(payload) = packet.get(header.header_len..) else { return };
        let Ok(mut payload) = strip_padding(header, payload) else { return };
        let Some(place) = self.places.get_mut(index) else { return };
        let (mut sequence, mut payload_type) = (header.sequence, header.payload_type);
        if let Origin::Again(original) = origin {
            let Some((number, rest)) = payload.split_first_chunk::<2>() else { return };
            (sequence, payload_type, payload) = (u16::from_be_bytes(*number), original, rest);
        } else {
            place.ssrc = Some(header.ssrc);
        }
        if origin != Origin::Recovered {
            place.repair.compare(sequence, header.marker, header.timestamp, payload);
        }
        let repeated = origin != Origin::First;
        let is_red = place.red == Some(payload_type);
        let mut told_again = None;
        if is_red {
            let Ok(red) = Red::parse(payload) else { return };
            if let Some(listen) = &mut place.listen {
                red.blocks().for_each(|block| listen.take(now, header.timestamp, block.timestamp_offset));
            }
            told_again =
                red.blocks().find(|block| block.timestamp_offset > 0).and_then(|block| Stamp::read(block.bytes));
            (payload, payload_type) = (red.primary().bytes, red.primary().payload_type);
        }
        let stamp = Stamp::read(payload);
        let incoming = Incoming {
            sequence,
            timestamp: header.timestamp,
            payload_type,
            payload_len: payload.len(),
            stamp,
            repeated,
            epoch: self.config.epoch,
        };
        let Some(sequence) = place.take(incoming, now) else { return };
        if let Some(listen) = place.listen.as_mut().filter(|_| !is_red) {
            listen.take(now, header.timestamp, 0);
        }
        if let (Some(watch), Some(stamp)) = (&mut place.watch, stamp) {
            let format = place.payloads.iter().find(|(number, _)| *number == payload_type);
            let layered = format.filter(|(_, format)| matches!(format, PayloadFormat::Vp8 | PayloadFormat::Vp9));
            let info = layered.and_then(|(_, format)| layer_info(*format, payload));
            watch.take(
                now,
                Glimpse {
                    sequence: sequence.0,
                    timestamp: header.timestamp,
                    marker: header.marker,
                    first: stamp.first,
                    key: stamp.key,
                    frame: stamp.frame,
                    lineage: stamp.lineage,
                    info: info.filter(|info| info.tl0_pic_idx.is_some()),
                },
            );
        }
        if self.received.len() >= MAX_RECEIVED {
            self.dropped += 1;
            return;
        }
        let received = Received {
            place: index,
            ssrc: place.ssrc.unwrap_or(header.ssrc),
            payload_type,
            sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            payload_len: payload.len(),
            stamp,
            told_again,
            repeated,
            at: now,
        };
        let keeps = if place.is_for_sound() { self.config.keeps_sound } else { self.config.keeps_pictures };
        if keeps && self.kept.len() < MAX_RECEIVED {
            self.kept.push((received, Bytes::copy_from_slice(payload)));
        }
        self.received.push(received);
    }

    /// By SSRC, as announced or seen before; else by the mid extension (RFC 8843 section 9.2); else there is only one.
    fn place_of(&mut self, header: &RtpHeader, packet: &[u8], rtx: bool) -> Option<usize> {
        let known = |place: &Place| if rtx { place.rtx_ssrc } else { place.ssrc } == Some(header.ssrc);
        if let Some(index) = self.places.iter().position(known) {
            return Some(index);
        }
        let mid = self.mid_extension.and_then(|id| header.extensions(packet).find(|(element, _)| *element == id));
        let index = match mid {
            Some((_, mid)) => self.places.iter().position(|place| place.mid.as_bytes() == mid),
            None => Some(0).filter(|_| self.places.len() == 1),
        }?;
        if rtx {
            self.places[index].rtx_ssrc = Some(header.ssrc);
        }
        Some(index)
    }
}
