//! The numbers of packets, and the header that every packet has.

/// Packet types (RFC 3550 12.1, RFC 4585 6.1).
pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
pub(super) const SOURCE_DESCRIPTION: u8 = 202;
pub(super) const BYE: u8 = 203;
pub(super) const TRANSPORT_LAYER_FEEDBACK: u8 = 205;
pub(super) const PAYLOAD_SPECIFIC_FEEDBACK: u8 = 206;

/// Feedback formats: the count field of transport layer (RFC 4585 6.2, transport-wide draft 3.1)...
pub(super) const FORMAT_NACK: u8 = 1;
pub(super) const FORMAT_TRANSPORT_WIDE: u8 = 15;
/// ...and of payload-specific feedback (RFC 4585 6.3, RFC 5104 4.3.1).
pub(super) const FORMAT_PLI: u8 = 1;
pub(super) const FORMAT_FIR: u8 = 4;
pub(super) const FORMAT_APPLICATION: u8 = 15;

/// Appends a packet header whose length is not known yet; [`finish`] fills it in. Returns where the packet begins.
pub(super) fn begin(out: &mut Vec<u8>, packet_type: u8, count: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | (count & 0x1F), packet_type, 0, 0]);
    start
}

/// Pads the packet that begins at `start` to whole words, with the P bit if need be, and fills in its length.
pub(super) fn finish(out: &mut Vec<u8>, start: usize) {
    let len = out.len() - start;
    let padded = len.next_multiple_of(4);
    let pad = padded - len;
    out.resize(start + padded, 0);
    if let (1.., Some(last)) = (pad, out.last_mut()) {
        *last = pad as u8; // 1..=3
    }
    let words = u16::try_from(padded / 4 - 1).expect("every writer bounds its lists far below 256 KiB");
    let [w0, w1] = words.to_be_bytes();
    let Some([first, _, l0, l1]) = out.get_mut(start..).and_then(|packet| packet.first_chunk_mut()) else {
        unreachable!("begin() wrote these four bytes");
    };
    *first |= u8::from(pad > 0) << 5;
    (*l0, *l1) = (w0, w1);
}
