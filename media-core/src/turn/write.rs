//! Writes STUN messages and ChannelData into a buffer that is used again.

use super::message::COOKIE;
use super::message::{Class, HEADER_BYTES, Method, TransactionId, address_mask, attribute};
use aws_lc_rs::hmac;
use std::net::SocketAddr;

/// Bytes of a ChannelData header (RFC 8656 section 12.4).
pub(super) const CHANNEL_HEADER_BYTES: usize = 4;

/// A message in the making. Attributes are in the order of the calls.
pub(super) struct Writer<'b> {
    out: &'b mut Vec<u8>,
    id: TransactionId,
}

impl<'b> Writer<'b> {
    /// Begins a message in a buffer that is emptied first.
    pub(super) fn new(out: &'b mut Vec<u8>, method: Method, class: Class, id: TransactionId) -> Self {
        out.clear();
        out.extend_from_slice(&(method as u16 | class as u16).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&COOKIE);
        out.extend_from_slice(&id);
        Self { out, id }
    }

    /// Adds an attribute with its padding, which is zeros.
    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let len =
            u16::try_from(value.len()).expect("what is sent was received in a message of at most MAX_MESSAGE_BYTES");
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&len.to_be_bytes());
        self.out.extend_from_slice(value);
        self.out.resize(self.out.len().next_multiple_of(4), 0);
        self
    }

    /// An error without words: they would only make the answer longer than the question.
    pub(super) fn error(&mut self, code: u16) -> &mut Self {
        self.attribute(attribute::ERROR_CODE, &[0, 0, (code / 100) as u8, (code % 100) as u8])
    }

    /// An address that NATs do not recognise (RFC 8489 section 14.2).
    pub(super) fn address(&mut self, kind: u16, address: SocketAddr) -> &mut Self {
        let mut value = [0; 20];
        value[2..4].copy_from_slice(&(address.port() ^ 0x2112).to_be_bytes());
        let len = match address {
            SocketAddr::V4(v4) => {
                value[1] = 1;
                let masked = u32::from(*v4.ip()) ^ u32::from_be_bytes(COOKIE);
                value[4..8].copy_from_slice(&masked.to_be_bytes());
                8
            }
            SocketAddr::V6(v6) => {
                value[1] = 2;
                let masked = u128::from(*v6.ip()) ^ address_mask(&self.id);
                value[4..].copy_from_slice(&masked.to_be_bytes());
                20
            }
        };
        self.attribute(kind, &value[..len])
    }

    /// Ends the message, signed when there is a key.
    pub(super) fn finish(self, key: Option<&hmac::Key>) {
        let Self { out, .. } = self;
        // The length that is signed is the one with MESSAGE-INTEGRITY, which is the last attribute.
        let integrity = if key.is_some() { 24 } else { 0 };
        let len = u16::try_from(out.len() + integrity - HEADER_BYTES).expect("attributes of at most MAX_MESSAGE_BYTES");
        out[2..4].copy_from_slice(&len.to_be_bytes());
        if let Some(key) = key {
            let tag = hmac::sign(key, out);
            out.extend_from_slice(&attribute::MESSAGE_INTEGRITY.to_be_bytes());
            out.extend_from_slice(&20_u16.to_be_bytes());
            out.extend_from_slice(tag.as_ref());
        }
    }
}

/// Writes ChannelData; on a stream it is padded to four bytes (RFC 8656 section 12.5).
pub(super) fn channel_data(out: &mut Vec<u8>, channel: u16, payload: &[u8], padded: bool) {
    let len = u16::try_from(payload.len()).expect("a payload of at most MAX_MESSAGE_BYTES");
    out.clear();
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(payload);
    if padded {
        out.resize(out.len().next_multiple_of(4), 0);
    }
}
