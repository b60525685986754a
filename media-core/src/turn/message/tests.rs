use super::*;
use crate::turn::write::Writer;
use md5::{Digest as _, Md5};
use proptest::prelude::*;

/// RFC 5769 section 2.4: a request with long-term credentials, made by others.
const SAMPLE: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000\
                      0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700\
                      00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

fn key(text: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &Md5::digest(text.as_bytes()))
}

/// A message with something of everything, signed.
fn full() -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Method::Allocate, Class::Request, [9; 12]);
    writer.attribute(attribute::USERNAME, b"anne").attribute(attribute::REALM, b"r").attribute(attribute::NONCE, b"n");
    writer.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).attribute(attribute::LIFETIME, &[0, 0, 2, 88]);
    writer.attribute(attribute::CHANNEL_NUMBER, &[0x40, 1, 0, 0]).attribute(attribute::DATA, b"12345");
    writer.address(attribute::XOR_PEER_ADDRESS, "192.0.2.1:32853".parse().unwrap());
    writer.address(attribute::XOR_PEER_ADDRESS, "[2001:db8::1]:9".parse().unwrap());
    writer.attribute(0x7F01, b"").attribute(0x8022, b"software");
    writer.finish(Some(&key("k")));
    out
}

#[test]
fn the_sample_of_the_rfc_is_read_and_its_integrity_holds() {
    let bytes = hex::decode(SAMPLE).unwrap();
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.method, message.realm), (Method::Binding, Some("example.org")));
    let username = message.username.unwrap();
    assert!(message.is_signed_with(&key(&format!("{username}:example.org:TheMatrIX"))));
    assert!(!message.is_signed_with(&key(&format!("{username}:example.org:TheMatrix"))));
}

#[test]
fn what_is_written_is_read_again() {
    let bytes = full();
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.username, message.realm, message.nonce), (Some("anne"), Some("r"), Some(&b"n"[..])));
    assert_eq!((message.transport, message.lifetime_s, message.channel), (Some(17), Some(600), Some(0x4001)));
    assert_eq!(message.data, Some(&b"12345"[..]));
    let peers: Vec<String> = message.peers().map(|peer| peer.unwrap().to_string()).collect();
    assert_eq!(peers, ["192.0.2.1:32853", "[2001:db8::1]:9"]);
    assert_eq!(message.unknown(), [0x7F01]);
    assert!(message.is_signed_with(&key("k")) && !message.is_signed_with(&key("l")));
}

#[test]
fn a_fingerprint_must_fit_and_be_the_last() {
    let mut bytes = hex::decode("000100082112a44200000000000000000000000080280004").unwrap();
    let good = (crc32(&bytes[..20]) ^ FINGERPRINT_XOR).to_be_bytes();
    bytes.extend_from_slice(&good);
    assert!(Message::parse(&bytes).is_some());
    bytes[23] ^= 1;
    assert!(Message::parse(&bytes).is_none(), "it says another length");
    bytes[23] ^= 1;
    bytes[27] ^= 1;
    assert!(Message::parse(&bytes).is_none(), "wrong");
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

#[test]
fn what_follows_the_integrity_is_not_believed() {
    let mut bytes = full();
    bytes.extend_from_slice(&[0, 6, 0, 4, b'e', b'v', b'i', b'l', 0, 0x12, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0]);
    let len = (bytes.len() - HEADER_BYTES) as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.username, message.peers().count()), (Some("anne"), 2));
    assert!(message.is_signed_with(&key("k")));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_survived() {
    let bytes = full();
    for len in 0..bytes.len() {
        assert!(Message::parse(&bytes[..len]).is_none(), "{len} bytes");
        // Cut, and with a length that says so.
        let mut cut = bytes[..len].to_vec();
        if let (Some(field), Ok(said)) = (cut.get_mut(2..4), u16::try_from(len.saturating_sub(HEADER_BYTES))) {
            field.copy_from_slice(&said.to_be_bytes());
        }
        touch(&cut);
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        touch(&flipped);
    }
}

/// Reads all there is to read. True where it was a message that holds.
fn touch(bytes: &[u8]) -> bool {
    let Some(message) = Message::parse(bytes) else { return false };
    let peers = message.peers().count();
    message.is_signed_with(&key("k")) && peers <= bytes.len() && message.unknown().len() <= MAX_UNKNOWN
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!touch(&bytes));
    }

    #[test]
    fn no_attributes_are_too_much(attributes in prop::collection::vec((prop_oneof![0_u16..0x30, any::<u16>()], prop::collection::vec(any::<u8>(), 0..40)), 0..30)) {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, Method::CreatePermission, Class::Request, [1; 12]);
        for (kind, value) in &attributes {
            writer.attribute(*kind, value);
        }
        writer.finish(None);
        prop_assert!(!touch(&out));
    }
}
