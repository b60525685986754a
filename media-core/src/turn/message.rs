//! Reads STUN messages (RFC 8489 section 5) as far as a TURN server needs them, believing nothing.

use aws_lc_rs::{constant_time, hmac};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes before the attributes.
pub(super) const HEADER_BYTES: usize = 20;

pub(super) const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// What is XORed into the CRC of a FINGERPRINT (RFC 8489 section 14.7).
pub(super) const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// Unknown attributes that are named in an answer (420). A message with more is answered with the first ones.
pub(super) const MAX_UNKNOWN: usize = 8;

/// Attribute types (RFC 8489 section 18.3, RFC 8656 section 18).
pub(super) mod attribute {
    pub(in crate::turn) const USERNAME: u16 = 0x0006;
    pub(in crate::turn) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(in crate::turn) const ERROR_CODE: u16 = 0x0009;
    pub(in crate::turn) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub(in crate::turn) const CHANNEL_NUMBER: u16 = 0x000C;
    pub(in crate::turn) const LIFETIME: u16 = 0x000D;
    pub(in crate::turn) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(in crate::turn) const DATA: u16 = 0x0013;
    pub(in crate::turn) const REALM: u16 = 0x0014;
    pub(in crate::turn) const NONCE: u16 = 0x0015;
    pub(in crate::turn) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(in crate::turn) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(in crate::turn) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(in crate::turn) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    pub(in crate::turn) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(in crate::turn) const FINGERPRINT: u16 = 0x8028;
    /// From here on an attribute that is not understood may be passed over.
    pub(in crate::turn) const OPTIONAL: u16 = 0x8000;
}

/// What a message is for (RFC 8656 section 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Method {
    Binding = 0x001,
    Allocate = 0x003,
    Refresh = 0x004,
    Send = 0x006,
    Data = 0x007,
    CreatePermission = 0x008,
    ChannelBind = 0x009,
}

/// Two bits of a message's type. What a server never gets counts as unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Class {
    Request = 0x000,
    Indication = 0x010,
    Success = 0x100,
    Failure = 0x110,
}

pub(super) type TransactionId = [u8; 12];

/// A message whose lengths all fit, with what we know of its attributes. Those after MESSAGE-INTEGRITY are not looked at.
#[derive(Debug, Clone)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    pub(super) method: Method,
    pub(super) class: Class,
    pub(super) id: TransactionId,
    /// Where MESSAGE-INTEGRITY begins, and what it says.
    integrity: Option<(usize, &'a [u8])>,
    pub(super) username: Option<&'a str>,
    pub(super) realm: Option<&'a str>,
    pub(super) nonce: Option<&'a [u8]>,
    /// Protocol number of REQUESTED-TRANSPORT.
    pub(super) transport: Option<u8>,
    /// 1 for IPv4, 2 for IPv6.
    pub(super) family: Option<u8>,
    /// Seconds.
    pub(super) lifetime_s: Option<u32>,
    pub(super) channel: Option<u16>,
    pub(super) data: Option<&'a [u8]>,
    /// The first XOR-PEER-ADDRESS; [`Message::peers`] has all.
    pub(super) peer: Option<SocketAddr>,
    unknown: [u16; MAX_UNKNOWN],
    unknown_count: usize,
}

impl<'a> Message<'a> {
    /// Reads a request or an indication that is all of `bytes`. `None` for anything else, and for a message that contradicts itself: an
    /// attribute past the end, of the wrong length, or a FINGERPRINT that does not fit.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, attributes) = bytes.split_at_checked(HEADER_BYTES)?;
        let kind = u16_at(header, 0)?;
        let len = usize::from(u16_at(header, 2)?);
        if kind & 0xC000 != 0 || len != attributes.len() || len % 4 != 0 || header.get(4..8)? != COOKIE {
            return None;
        }
        let mut message = Self {
            bytes,
            method: method(kind)?,
            class: class(kind)?,
            id: header.get(8..20)?.try_into().ok()?,
            integrity: None,
            username: None,
            realm: None,
            nonce: None,
            transport: None,
            family: None,
            lifetime_s: None,
            channel: None,
            data: None,
            peer: None,
            unknown: [0; MAX_UNKNOWN],
            unknown_count: 0,
        };
        for attribute in Walk::new(bytes) {
            let (at, kind, value) = attribute?;
            if kind == attribute::FINGERPRINT {
                message.check_fingerprint(at, value)?;
                // It is the last (RFC 8489 section 14.7).
                break;
            }
            if message.integrity.is_none() {
                message.take(at, kind, value)?;
            }
        }
        Some(message)
    }

    /// Keeps an attribute; of several of a type the first (RFC 8489 section 14).
    fn take(&mut self, at: usize, kind: u16, value: &'a [u8]) -> Option<()> {
        match kind {
            attribute::MESSAGE_INTEGRITY => self.integrity = Some((at, value)).filter(|_| value.len() == 20),
            attribute::USERNAME => self.username = self.username.or(Some(std::str::from_utf8(value).ok()?)),
            attribute::REALM => self.realm = self.realm.or(Some(std::str::from_utf8(value).ok()?)),
            attribute::NONCE => self.nonce = self.nonce.or(Some(value)),
            attribute::REQUESTED_TRANSPORT => self.transport = self.transport.or(Some(four(value)?[0])),
            attribute::REQUESTED_ADDRESS_FAMILY => self.family = self.family.or(Some(four(value)?[0])),
            attribute::LIFETIME => self.lifetime_s = self.lifetime_s.or(Some(u32::from_be_bytes(four(value)?))),
            attribute::CHANNEL_NUMBER => self.channel = self.channel.or(Some(u16_at(&four(value)?, 0)?)),
            attribute::DATA => self.data = self.data.or(Some(value)),
            attribute::XOR_PEER_ADDRESS => self.peer = self.peer.or(Some(xor_address(value, &self.id)?)),
            // What we do not sign with: a client that has a choice takes what the nonce announces, and ours announces nothing.
            attribute::MESSAGE_INTEGRITY_SHA256 => {}
            attribute::OPTIONAL.. => {}
            unknown => {
                if let Some(place) = self.unknown.get_mut(self.unknown_count) {
                    *place = unknown;
                    self.unknown_count += 1;
                }
            }
        }
        // A MESSAGE-INTEGRITY of the wrong length is none, and makes the message unreadable.
        (kind != attribute::MESSAGE_INTEGRITY || self.integrity.is_some()).then_some(())
    }

    /// Every XOR-PEER-ADDRESS; `None` for one that cannot be read.
    pub(super) fn peers(&self) -> impl Iterator<Item = Option<SocketAddr>> {
        let end = self.integrity.map_or(self.bytes.len(), |(at, _)| at);
        Walk::new(&self.bytes[..end]).filter_map(|attribute| match attribute {
            Some((_, attribute::XOR_PEER_ADDRESS, value)) => Some(xor_address(value, &self.id)),
            Some(_) => None,
            None => Some(None),
        })
    }

    /// The attributes that had to be understood and were not.
    pub(super) fn unknown(&self) -> &[u16] {
        &self.unknown[..self.unknown_count]
    }

    pub(super) fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether MESSAGE-INTEGRITY was made with this key (RFC 8489 section 14.5).
    pub(super) fn is_signed_with(&self, key: &hmac::Key) -> bool {
        let Some((at, given)) = self.integrity else { return false };
        let (Some(kind), Some(rest)) = (self.bytes.get(..2), self.bytes.get(4..at)) else { return false };
        // The length that counts is that of a message which ends with this attribute.
        let Ok(len) = u16::try_from(at + 24 - HEADER_BYTES) else { return false };
        let mut context = hmac::Context::with_key(key);
        context.update(kind);
        context.update(&len.to_be_bytes());
        context.update(rest);
        constant_time::verify_slices_are_equal(context.sign().as_ref(), given).is_ok()
    }

    fn check_fingerprint(&self, at: usize, value: &[u8]) -> Option<()> {
        let given = u32::from_be_bytes(four(value)?);
        let is_last = at + 8 == self.bytes.len();
        (is_last && crc32(self.bytes.get(..at)?) ^ FINGERPRINT_XOR == given).then_some(())
    }
}

/// Walks over attributes: where each begins, its type, its value. Ends with `None` where one does not fit.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self { bytes: message, at: HEADER_BYTES }
    }

    fn step(&mut self) -> Option<(usize, u16, &'a [u8])> {
        let at = self.at;
        let rest = self.bytes.get(at..)?;
        let (kind, len) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..4 + len)?;
        // Padded to four bytes, and the padding is there.
        self.at = at + 4 + len.next_multiple_of(4);
        (self.at <= self.bytes.len()).then_some((at, kind, value))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Option<(usize, u16, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let attribute = self.step();
        if attribute.is_none() {
            self.at = self.bytes.len();
        }
        Some(attribute)
    }
}

fn method(kind: u16) -> Option<Method> {
    Some(match kind & !0x0110 {
        0x001 => Method::Binding,
        0x003 => Method::Allocate,
        0x004 => Method::Refresh,
        0x006 => Method::Send,
        0x008 => Method::CreatePermission,
        0x009 => Method::ChannelBind,
        _ => return None,
    })
}

fn class(kind: u16) -> Option<Class> {
    match kind & 0x0110 {
        0x000 => Some(Class::Request),
        0x010 => Some(Class::Indication),
        _ => None,
    }
}

fn xor_address(value: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let port = u16_at(value, 2)? ^ 0x2112;
    let ip: IpAddr = match (value.get(1)?, value.get(4..)?) {
        (1, ip) => {
            let octets: [u8; 4] = ip.try_into().ok()?;
            Ipv4Addr::from(u32::from_be_bytes(octets) ^ u32::from_be_bytes(COOKIE)).into()
        }
        (2, ip) => {
            let octets: [u8; 16] = ip.try_into().ok()?;
            Ipv6Addr::from(u128::from_be_bytes(octets) ^ address_mask(id)).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// What an IPv6 address is XORed with: the cookie and the transaction id.
pub(super) fn address_mask(id: &TransactionId) -> u128 {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(id);
    u128::from_be_bytes(mask)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn four(value: &[u8]) -> Option<[u8; 4]> {
    value.try_into().ok()
}

/// CRC-32 (ISO-HDLC) as FINGERPRINT has it.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests;
