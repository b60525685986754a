//! RTP headers.

use colloquy_codecs::rtp::{
    HeaderFields, RtpHeader, audio_level, rewrite_header, strip_padding, transport_sequence, write_header,
};
use proptest::prelude::*;

use crate::hex;

/// Two CSRCs, and a one-byte block with an audio level, padding and a transport-wide number.
pub(crate) const PACKET: &str =
    "92 ef 1234 0000aa55 cafebabe 00000001 00000002 bede0002 10 85 00 31 abcd 0000 0102030405";

const FIELDS: HeaderFields =
    HeaderFields { marker: true, payload_type: 111, sequence: 65_535, timestamp: u32::MAX, ssrc: 7 };

fn elements(packet: &[u8]) -> Vec<(u8, &[u8])> {
    RtpHeader::parse(packet).expect("a header").extensions(packet).collect()
}

fn write(extensions: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let len = write_header(&mut out, &FIELDS, extensions.iter().copied());
    assert_eq!(len, out.len());
    out
}

#[test]
fn a_header_reads_as_it_stands() {
    let packet = hex(PACKET);
    let header = RtpHeader::parse(&packet).expect("a header");
    assert!(header.marker && !header.has_padding);
    assert_eq!((header.payload_type, header.sequence), (111, 0x1234));
    assert_eq!((header.timestamp, header.ssrc), (0xAA55, 0xCAFE_BABE));
    assert_eq!(&packet[header.header_len..], [1, 2, 3, 4, 5]);

    let elements = elements(&packet);
    assert_eq!(elements, [(1, &[0x85][..]), (3, &[0xAB, 0xCD])]);
    assert_eq!(audio_level(elements[0].1), Some((true, 5)));
    assert_eq!(transport_sequence(elements[1].1), Some(0xABCD));
}

#[test]
fn headers_that_promise_too_much_are_refused() {
    let cases = [
        ("", "RTP header cut", 0),
        ("80000000 00000000 000000", "RTP header cut", 0),
        ("40000000 00000000 00000000", "RTP version is not 2", 0),
        ("8f000000 00000000 00000000", "RTP CSRC list cut", 12),
        ("90000000 00000000 00000000 bede", "RTP extension header cut", 14),
        ("90000000 00000000 00000000 bedeffff 00000000", "RTP extension block cut", 16),
    ];
    for (packet, what, offset) in cases {
        let error = RtpHeader::parse(&hex(packet)).expect_err(packet);
        assert_eq!((error.what, error.offset), (what, offset), "{packet}");
    }
}

#[test]
fn elements_end_quietly_where_they_stop_making_sense() {
    let header = "90000000 00000000 00000000";
    let cases: [(&str, &[u8]); 8] = [
        ("bede0001 10aa00f0", &[1]),                 // id 15 stops
        ("bede0002 10aa01bb 20cc0000", &[1]),        // id 0 with a length stops
        ("bede0001 10aa2fcc", &[1]),                 // past the block
        ("bede0001 00000000", &[]),                  // padding to the end
        ("10000002 01000200 0002ffff", &[1, 2]), // lengths of 0 are fine in the two-byte form; the third is past the block
        ("100f0002 f001aa00 ff000000", &[240, 255]), // any application bits, high ids
        ("10000001 00000001", &[]),              // an id without a length
        ("abcd0001 10aa0000", &[]),              // another profile
    ];
    for (block, ids) in cases {
        let packet = hex(&format!("{header} {block}"));
        let seen: Vec<u8> = elements(&packet).iter().map(|(id, _)| *id).collect();
        assert_eq!(seen, ids, "{block}");
    }
}

#[test]
fn padding_is_stripped_or_refused() {
    let header = RtpHeader::parse(&hex("a0000000 00000000 00000000")).expect("a header");
    assert_eq!(strip_padding(&header, &[9, 9, 0, 2]).expect("two of four"), [9, 9]);
    assert_eq!(strip_padding(&header, &[0, 0, 3]).expect("nothing but padding"), []);
    assert!(strip_padding(&header, &[9, 0]).is_err());
    assert!(strip_padding(&header, &[9, 3]).is_err());
    assert!(strip_padding(&header, &[]).is_err());

    let plain = RtpHeader::parse(&hex("80000000 00000000 00000000")).expect("a header");
    assert_eq!(strip_padding(&plain, &[9, 0]).expect("no padding"), [9, 0]);
}

#[test]
fn the_form_follows_the_elements() {
    assert_eq!(write(&[]), hex("80ef ffff ffffffff 00000007"));
    assert_eq!(write(&[(0, &[1]), (1, &[0; 256])]).len(), 12, "what fits no form makes no block");
    assert_eq!(write(&[(14, &[1]), (1, &[2, 3])])[12..], hex("bede0002 e001 110203 000000"));
    assert_eq!(write(&[(15, &[1])])[12..], hex("10000001 0f0101 00"));
    assert_eq!(write(&[(1, &[])])[12..], hex("10000001 0100 0000"));
    assert_eq!(write(&[(1, &[5; 17])])[12..16], hex("10000005"));
}

#[test]
fn a_block_stays_within_its_length_field() {
    let element: &[u8] = &[1; 255];
    let packet = write(&vec![(1, element); 2000]);
    assert!(packet.len() <= 16 + 65_535 * 4);
    assert_eq!(elements(&packet).len(), 65_535 * 4 / 257);
}

#[test]
fn rewriting_leaves_the_rest_alone() {
    let original = hex(PACKET);
    let mut packet = original.clone();
    rewrite_header(&mut packet, &FIELDS).expect("long enough");
    let header = RtpHeader::parse(&packet).expect("still a header");
    assert_eq!((header.payload_type, header.sequence, header.timestamp, header.ssrc), (111, 65_535, u32::MAX, 7));
    assert_eq!((packet[0], &packet[12..]), (original[0], &original[12..]));
    assert!(rewrite_header(&mut packet[..11], &FIELDS).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (marker, payload_type, sequence, timestamp, ssrc) in any::<(bool, u8, u16, u32, u32)>(),
        extensions in prop::collection::vec((1_u8.., prop::collection::vec(any::<u8>(), 0..40)), 0..20),
        payload in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        let payload_type = payload_type & 0x7F;
        let fields = HeaderFields { marker, payload_type, sequence, timestamp, ssrc };
        let elements = extensions.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
        let mut packet = Vec::new();
        write_header(&mut packet, &fields, elements.clone());
        packet.extend_from_slice(&payload);

        let header = RtpHeader::parse(&packet).expect("a header");
        prop_assert_eq!((header.marker, header.payload_type, header.sequence), (marker, payload_type, sequence));
        prop_assert_eq!((header.timestamp, header.ssrc), (timestamp, ssrc));
        prop_assert_eq!(&packet[header.header_len..], payload);
        prop_assert!(header.extensions(&packet).eq(elements));
    }
}
