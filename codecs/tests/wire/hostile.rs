//! Bytes that nobody sane would send: no parser panics, and no list is longer than its bytes.

use colloquy_codecs::rtcp;
use colloquy_codecs::rtp::RtpHeader;
use proptest::prelude::*;

use crate::{dependency, extensions, flexfec, hex, walk};

/// Well-formed payloads with long descriptors.
const PAYLOADS: &[&str] = &[
    "67640028acd940780227e5c044000003000400000300f03c60c658",
    "78 0010 6742c01e8c8d405017fcb00f08846a00 0004 68ce3c80",
    "88 05 8249834220281016961438",
    "18 0a0c0000000cc50369e06d7c8020",
    "b0 f0 f123 07 ad 11",
    "ae 8123 33 09 38 0500 02d0 0a00 05a0 02 04 02 54 01 99",
    "f8 05 22 03 04 99",
    "78 0003 674201 0001 68",
    "7c 85 88",
    "f0 02 aaaa 03 34 48 00 0102",
    "00 828000 aaaa",
    "fb 06",
    "4b 83 01 02 40 0000 00",
    "4b 43 02 40 00 00 0000",
    "ef 0f0002 ef 078003 6f aabb ccddee 112233",
];

/// One of each packet that we write.
fn rtcp_packets() -> Vec<Vec<u8>> {
    let writers: [fn(&mut Vec<u8>); 9] = [
        |out| rtcp::write_sender_report(out, 1, 2, 3, 4, 5, &[rtcp::ReportBlock::default(); 2]),
        |out| rtcp::write_receiver_report(out, 1, &[rtcp::ReportBlock::default(); 31]),
        |out| rtcp::write_sdes_cname(out, 1, "someone"),
        |out| rtcp::write_nack(out, 1, 2, &[1, 2, 30, 60]),
        |out| rtcp::write_pli(out, 1, 2),
        |out| rtcp::write_fir(out, 1, 2, 3),
        |out| rtcp::write_remb(out, 1, 1_000_000, &[1, 2, 3]),
        |out| rtcp::write_bye(out, 1),
        |out| assert_eq!(rtcp::write_transport_feedback(out, 1, 2, 3, 0, &[(0, 0), (1, 90_000), (9, 91_000)]), 3),
    ];
    let write_one = |write: fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        out
    };
    writers.into_iter().map(write_one).collect()
}

/// Every beginning of `bytes`, and every byte of it set to a few extreme values.
fn variants(bytes: &[u8]) -> Vec<Vec<u8>> {
    let cut = (0..bytes.len()).map(|len| bytes[..len].to_vec());
    let bent = (0..bytes.len()).flat_map(|at| {
        [0x00, 0x01, 0x7F, 0x80, 0xFF].map(|value| {
            let mut copy = bytes.to_vec();
            copy[at] = value;
            copy
        })
    });
    cut.chain(bent).collect()
}

#[test]
fn rtp_cut_anywhere_or_bent() {
    let packet = hex(crate::rtp::PACKET);
    variants(&packet).iter().for_each(|variant| walk::rtp(variant));
    let header_len = RtpHeader::parse(&packet).expect("a header").header_len;
    assert!((0..header_len).all(|len| RtpHeader::parse(&packet[..len]).is_err()));
}

#[test]
fn rtcp_cut_anywhere_or_bent() {
    for packet in rtcp_packets() {
        variants(&packet).iter().for_each(|variant| walk::rtcp(variant));
        assert!(rtcp::packets(&packet).all(|item| item.is_ok()));
        for len in 1..packet.len() {
            assert!(rtcp::packets(&packet[..len]).any(|item| item.is_err()), "{packet:?} cut to {len}");
        }
    }
}

#[test]
fn payloads_cut_anywhere_or_bent() {
    for bytes in PAYLOADS {
        variants(&hex(bytes)).iter().for_each(|variant| walk::payload(variant));
    }
}

#[test]
fn elements_cut_anywhere_or_bent() {
    let (key, allocation) = (hex(dependency::KEY), hex(extensions::ALLOCATION));
    variants(&allocation).iter().for_each(|variant| walk::extension(variant));
    let frames: Vec<_> = dependency::FRAMES.iter().map(|frame| hex(frame)).collect();
    for variant in variants(&key) {
        walk::dependency([&variant[..]].into_iter().chain(frames.iter().map(|frame| &frame[..])));
    }
    for variant in frames.iter().flat_map(|frame| variants(frame)) {
        walk::dependency([&key[..], &variant].into_iter());
    }
}

#[test]
fn repair_packets_cut_anywhere_or_bent() {
    for header in flexfec::HEADERS {
        for variant in variants(&hex(header)) {
            walk::flexfec([&hex(header)[..], &variant, &hex("aabb0000"), &hex("aabf0000")].into_iter());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        walk::rtp(&bytes);
        walk::rtcp(&bytes);
        walk::payload(&bytes);
        walk::extension(&bytes);
        let key = hex(dependency::KEY);
        walk::dependency([&key[..], &bytes, &bytes[bytes.len() / 2..]].into_iter());
    }

    /// A repair packet of one stream, whatever it protects, and packets near what it protects.
    #[test]
    fn any_repair(mut bytes in prop::collection::vec(any::<u8>(), 20..128), near in prop::collection::vec(0_u8..16, 0..20)) {
        bytes[0] &= 0x3F;
        bytes[8] = 1;
        bytes[16] = 0;
        let packets: Vec<_> = near.iter().map(|step| [0, bytes[17].saturating_add(*step), 1, 2, 3]).collect();
        let packets = packets.iter().map(|packet| &packet[..]);
        walk::flexfec(packets.clone().take(8).chain([&bytes[..]]).chain(packets.skip(8)));
    }

    /// A descriptor that brings a structure, whatever it says.
    #[test]
    fn any_structure(mut bytes in prop::collection::vec(any::<u8>(), 5..128), frame in any::<[u8; 8]>()) {
        bytes[3] |= 0x80;
        walk::dependency([&bytes[..], &frame].into_iter());
    }

    /// Arbitrary bytes seldom get past the version and the length; so these are given.
    #[test]
    fn any_bytes_behind_a_good_beginning(
        mut rtp in prop::collection::vec(any::<u8>(), 16..128),
        words in prop::collection::vec(any::<u32>(), 0..32),
        (packet_type, count, is_padded) in (200_u8..=207, 0_u8..32, any::<bool>()),
        two_byte in any::<bool>(),
    ) {
        rtp[0] = 0x90;
        rtp[12..16].copy_from_slice(if two_byte { &[0x10, 0, 0, 3] } else { &[0xBE, 0xDE, 0, 3] });
        walk::rtp(&rtp);

        let first = 0x80 | u8::from(is_padded) << 5 | count;
        let mut compound = vec![first, packet_type, 0, words.len() as u8];
        compound.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        walk::rtcp(&compound);
    }
}
