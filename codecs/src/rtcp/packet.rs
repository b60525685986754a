//! A compound packet and the packets in it.

use super::framing::{
    BYE, FORMAT_APPLICATION, FORMAT_FIR, FORMAT_NACK, FORMAT_PLI, FORMAT_TRANSPORT_WIDE, PAYLOAD_SPECIFIC_FEEDBACK,
    RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION, TRANSPORT_LAYER_FEEDBACK,
};
use super::{Bye, FullIntra, Nack, ReceiverReport, Remb, SenderReport, TransportFeedback};
use super::{feedback, source};
use crate::ParseError;
use crate::reader::Reader;

/// One RTCP packet of a compound. Everything in it was checked against the packet's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpPacket<'a> {
    /// RFC 3550 6.4.1.
    SenderReport(SenderReport<'a>),
    /// RFC 3550 6.4.2.
    ReceiverReport(ReceiverReport<'a>),
    /// RFC 3550 6.5: well-formed, and of no interest to us, as signalling tells who is who.
    SourceDescription,
    /// RFC 3550 6.6.
    Bye(Bye<'a>),
    /// RFC 4585 6.2.1.
    Nack(Nack<'a>),
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1.
    TransportFeedback(TransportFeedback<'a>),
    /// Picture loss indication (RFC 4585 6.3.1).
    PictureLoss {
        /// Who asks.
        sender_ssrc: u32,
        /// Whose picture.
        media_ssrc: u32,
    },
    /// RFC 5104 4.3.1.
    FullIntra(FullIntra<'a>),
    /// draft-alvestrand-rmcat-remb-03 2.2.
    Remb(Remb<'a>),
    /// A packet whose length is sane and whose contents were not looked at.
    Other {
        /// As on the wire, 0..=255.
        packet_type: u8,
    },
}

/// Whether a packet on a multiplexed RTP and RTCP transport is RTCP: its second byte is 192..=223 (RFC 5761 4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [_, 192..=223, ..])
}

/// The packets of a (decrypted) compound, or of a reduced-size one (RFC 5506). Each item is a packet or an error, and
/// an error is the last. Work is bounded by the compound's length.
pub fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { reader: Reader::new(compound) }
}

/// Iterates over a compound packet. Made by [`packets`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<RtcpPacket<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let packet = parse(&mut self.reader);
        if packet.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(packet)
    }
}

impl std::iter::FusedIterator for Packets<'_> {}

/// Reads one packet and leaves the reader behind it.
fn parse<'a>(reader: &mut Reader<'a>) -> Result<RtcpPacket<'a>, ParseError> {
    let begin = reader.offset();
    let [first, packet_type, l0, l1] = reader.array("RTCP header cut")?;
    if first >> 6 != 2 {
        return Err(ParseError::new("RTCP version is not 2", begin));
    }
    let body_offset = reader.offset();
    let body = reader.take(usize::from(u16::from_be_bytes([l0, l1])) * 4, "RTCP length past the end")?;
    let body = if first & 0x20 == 0 { body } else { strip_padding(body, body_offset)? };
    parse_body(packet_type, first & 0x1F, Reader::at(body, body_offset))
}

fn parse_body(packet_type: u8, count: u8, mut body: Reader<'_>) -> Result<RtcpPacket<'_>, ParseError> {
    match (packet_type, count) {
        (SENDER_REPORT, _) => SenderReport::parse(count, body).map(RtcpPacket::SenderReport),
        (RECEIVER_REPORT, _) => ReceiverReport::parse(count, body).map(RtcpPacket::ReceiverReport),
        (SOURCE_DESCRIPTION, _) => source::check_sdes(count, body).map(|()| RtcpPacket::SourceDescription),
        (BYE, _) => Bye::parse(count, body).map(RtcpPacket::Bye),
        (TRANSPORT_LAYER_FEEDBACK, FORMAT_NACK) => Nack::parse(body).map(RtcpPacket::Nack),
        (TRANSPORT_LAYER_FEEDBACK, FORMAT_TRANSPORT_WIDE) => {
            TransportFeedback::parse(body).map(RtcpPacket::TransportFeedback)
        }
        (PAYLOAD_SPECIFIC_FEEDBACK, FORMAT_PLI) => {
            let (sender_ssrc, media_ssrc) = feedback::parse_ssrcs(&mut body)?;
            Ok(RtcpPacket::PictureLoss { sender_ssrc, media_ssrc })
        }
        (PAYLOAD_SPECIFIC_FEEDBACK, FORMAT_FIR) => FullIntra::parse(body).map(RtcpPacket::FullIntra),
        (PAYLOAD_SPECIFIC_FEEDBACK, FORMAT_APPLICATION) => {
            Ok(feedback::parse_application(body)?.map_or(RtcpPacket::Other { packet_type }, RtcpPacket::Remb))
        }
        _ => Ok(RtcpPacket::Other { packet_type }),
    }
}

/// RFC 3550 6.4.1: the last octet counts the padding, itself included.
fn strip_padding(body: &[u8], offset: usize) -> Result<&[u8], ParseError> {
    let kept = match body.last() {
        Some(&count) if count > 0 => body.len().checked_sub(usize::from(count)),
        _ => None,
    };
    kept.and_then(|kept| body.get(..kept)).ok_or(ParseError::new("RTCP pad count out of range", offset))
}
