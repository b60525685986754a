//! A publisher's repair packets (FlexFEC): what was lost on his way here is made again out of them, for everyone.

use super::Engine;
use super::peer::Stream;
use crate::api::DropCause;
use crate::forward::{Arrived, Carried};
use crate::keys::PeerKey;
use crate::negotiate::Extension;
use crate::wire::Outbox;
use colloquy_codecs::fec::flexfec::{Recoverer, RepairHeader};
use colloquy_codecs::rtp::{RtpHeader, strip_padding};
use rustc_hash::FxHashMap;
use std::time::Instant;

/// The stream of the repair packets of which this is one: they name the stream that they protect.
pub(super) fn repaired_by(streams: &FxHashMap<u32, Stream>, payload: &[u8]) -> Option<Stream> {
    match streams.get(&RepairHeader::parse(payload).ok()?.ssrc)? {
        Stream::Media(producer, encoding) => Some(Stream::Fec(*producer, *encoding)),
        Stream::Rtx(..) | Stream::Fec(..) => None,
    }
}

impl Engine {
    /// Takes a repair packet's payload. The first begins the memory of what is protected: who sends none costs none.
    pub(super) fn take_repair(
        &mut self,
        now: Instant,
        key: PeerKey,
        stream: Stream,
        payload: &[u8],
        out: &mut Outbox,
    ) -> Result<(), DropCause> {
        let producer = self.producers.get_mut(stream.producer()).filter(|p| p.fec_payload_type.is_some());
        let encoding = producer.and_then(|p| p.encodings.get_mut(usize::from(stream.encoding())));
        let encoding = encoding.ok_or(DropCause::UnknownSsrc)?;
        let protected = encoding.ssrc.ok_or(DropCause::UnknownSsrc)?;
        let mut recoverer = encoding.recoverer.take().unwrap_or_else(|| Box::new(Recoverer::new(protected)));
        let taken = recoverer.add_repair(payload, |packet| self.take_recovered(now, key, stream, packet, out));
        self.put_back(stream, recoverer);
        taken.map_err(|_| DropCause::Malformed)
    }

    /// Remembers a packet that others can be made again with. It is of no other use any more: what differs from the moment when it was
    /// protected is cleared in it.
    pub(super) fn remember(
        &mut self,
        now: Instant,
        key: PeerKey,
        stream: Stream,
        (header, packet): (&RtpHeader, &mut [u8]),
        out: &mut Outbox,
    ) {
        let producer = self.producers.get_mut(stream.producer());
        let encoding = producer.and_then(|p| p.encodings.get_mut(usize::from(stream.encoding())));
        let Some(mut recoverer) = encoding.and_then(|e| e.recoverer.take()) else { return };
        let Some(peer) = self.peers.get(key) else { return };
        let is_changed =
            |id| matches!(peer.extension_table.get(id), Some(Extension::TransportSequence | Extension::AbsSendTime));
        header.clear_elements(packet, is_changed);
        // One that is too long is not protected either.
        let _ = recoverer.add_packet(packet, |packet| self.take_recovered(now, key, stream, packet, out));
        self.put_back(stream, recoverer);
    }

    fn put_back(&mut self, stream: Stream, recoverer: Box<Recoverer>) {
        let producer = self.producers.get_mut(stream.producer());
        if let Some(encoding) = producer.and_then(|p| p.encodings.get_mut(usize::from(stream.encoding()))) {
            encoding.recoverer = Some(recoverer);
        }
    }

    /// Takes a packet that was made again, as if it had been sent again.
    fn take_recovered(&mut self, now: Instant, key: PeerKey, stream: Stream, packet: &[u8], out: &mut Outbox) {
        let Ok(header) = RtpHeader::parse(packet) else { return };
        let payload = packet.get(header.header_len..).unwrap_or_default();
        let Ok(payload) = strip_padding(&header, payload) else { return };
        let Some(peer) = self.peers.get(key) else { return };
        let mut carried = Carried::NONE;
        for (id, element) in header.extensions(packet) {
            if let Some(extension) = peer.extension_table.get(id) {
                carried.take(extension, element);
            }
        }
        let producer = self.producers.get_mut(stream.producer());
        let Some(encoding) = producer.and_then(|p| p.encodings.get_mut(usize::from(stream.encoding()))) else { return };
        // Nobody can have lost what nothing came after.
        let is_lost = |index: &u64| encoding.misses(*index) && encoding.is_behind(*index);
        let Some(index) = encoding.extend(header.sequence).filter(is_lost) else { return };
        encoding.recovered += 1;
        self.totals.recovered += 1;
        let arrived = Arrived {
            now,
            index,
            timestamp: header.timestamp,
            marker: header.marker,
            payload_type: header.payload_type,
            carried,
            payload,
            len_bytes: packet.len(),
            repaired: true,
        };
        self.take_in(key, stream, &arrived, out);
    }
}
