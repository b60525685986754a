//! FlexFEC of a client: repair packets of what it publishes, and what is lost of what it receives made again out of the server's.

use super::send::Shared;
use colloquy_codecs::fec::flexfec::{Recoverer, RepairEncoder};
use colloquy_codecs::rtp::{HeaderFields, RtpHeader, write_header};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

/// Packets that one repair packet of a publisher protects.
const BLOCK: u32 = 4;
/// Packets that were made again and are remembered, to be compared with what is sent again of them.
const REMEMBERED: usize = 256;

/// What a repair packet must not depend on: it is written when a packet leaves.
fn cleared(packet: &[u8], transport_extension: Option<u8>) -> Option<Vec<u8>> {
    let mut copy = packet.to_vec();
    let header = RtpHeader::parse(packet).ok()?;
    header.clear_elements(&mut copy, |id| Some(id) == transport_extension);
    Some(copy)
}

/// Protects a published track.
#[derive(Debug)]
pub(super) struct Protect {
    pub(super) ssrc: u32,
    /// `None` while the server does not take repair packets.
    pub(super) payload_type: Option<u8>,
    pub(super) made: u64,
    index: u64,
    encoder: RepairEncoder,
}

impl Protect {
    pub(super) fn new(ssrc: u32) -> Self {
        Self { ssrc, payload_type: None, made: 0, index: 0, encoder: RepairEncoder::new() }
    }

    /// Takes a packet on its way out, and sends a repair packet behind the last of a block.
    pub(super) fn add(&mut self, packet: &[u8], transport_extension: Option<u8>, ends_block: bool) -> bool {
        let Some(copy) = cleared(packet, transport_extension).filter(|_| self.payload_type.is_some()) else {
            return false;
        };
        if self.encoder.add(&copy).is_err() {
            self.encoder.clear();
        }
        self.encoder.packets() >= BLOCK || (ends_block && self.encoder.packets() > 1)
    }

    pub(super) fn send(&mut self, timestamp: u32, transport_extension: Option<u8>, shared: &mut Shared<'_>) {
        let Some(payload_type) = self.payload_type else { return };
        let (sequence, ssrc) = (self.index as u16, self.ssrc);
        let fields = HeaderFields { marker: false, payload_type, sequence, timestamp, ssrc };
        let transport = shared.next_transport_sequence();
        let mut packet = shared.out.buffer();
        let extension = transport_extension.map(|id| (id, transport.as_slice()));
        let header_len = write_header(&mut packet, &fields, extension.into_iter());
        if self.encoder.finish(&mut packet) {
            shared.out.send_rtp(packet, header_len, ssrc, self.index);
            self.index += 1;
            self.made += 1;
        }
    }
}

/// Repairs a receiving place.
#[derive(Debug, Default)]
pub(super) struct Repair {
    pub(super) ssrc: Option<u32>,
    pub(super) payload_type: Option<u8>,
    /// Repair packets that came.
    pub(super) repairs: u64,
    /// Packets that were made again.
    pub(super) recovered: u64,
    /// Of them, those that differ from the original as it was sent again.
    pub(super) wrong: u64,
    recoverer: Option<Recoverer>,
    made: VecDeque<(u16, u64)>,
}

impl Repair {
    /// Takes a repair packet's payload. Gives the packets that it makes whole again.
    pub(super) fn take_repair(&mut self, media_ssrc: Option<u32>, payload: &[u8]) -> Vec<Vec<u8>> {
        let Some(media_ssrc) = media_ssrc else { return Vec::new() };
        let mut made = Vec::new();
        self.repairs += 1;
        let recoverer = self.recoverer.get_or_insert_with(|| Recoverer::new(media_ssrc));
        if recoverer.add_repair(payload, |packet| made.push(packet.to_vec())).is_err() {
            self.wrong += 1;
        }
        self.note(made)
    }

    /// Takes a packet as it came.
    pub(super) fn take_packet(&mut self, packet: &[u8], transport_extension: Option<u8>) -> Vec<Vec<u8>> {
        let Some(recoverer) = &mut self.recoverer else { return Vec::new() };
        let mut made = Vec::new();
        if let Some(copy) = cleared(packet, transport_extension) {
            // Too long, or of another stream: it is not protected either.
            let _ = recoverer.add_packet(&copy, |packet| made.push(packet.to_vec()));
        }
        self.note(made)
    }

    fn note(&mut self, made: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        self.recovered += made.len() as u64;
        for packet in &made {
            if let Ok(header) = RtpHeader::parse(packet) {
                let payload = packet.get(header.header_len..).unwrap_or_default();
                self.made.push_back((header.sequence, digest(header.marker, header.timestamp, payload)));
            }
        }
        while self.made.len() > REMEMBERED {
            self.made.pop_front();
        }
        made
    }

    /// A packet came that may have been made again before: both must be alike.
    pub(super) fn compare(&mut self, sequence: u16, marker: bool, timestamp: u32, payload: &[u8]) {
        if let Some(at) = self.made.iter().position(|(made, _)| *made == sequence) {
            let made = self.made.remove(at);
            self.wrong += u64::from(made.is_some_and(|(_, made)| made != digest(marker, timestamp, payload)));
        }
    }
}

fn digest(marker: bool, timestamp: u32, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(u8::from(marker));
    hasher.write_u32(timestamp);
    hasher.write(payload);
    hasher.finish()
}
