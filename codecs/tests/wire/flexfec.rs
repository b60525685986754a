//! FlexFEC: header, encoder and recoverer.

use colloquy_codecs::fec::flexfec::{
    MAX_PROTECTED_LEN, MAX_SPAN, MAX_WAITING_REPAIRS, Recoverer, RepairEncoder, RepairHeader, WINDOW,
};
use colloquy_codecs::rtp::{HeaderFields, RtpHeader, write_header};
use proptest::prelude::*;

use crate::hex;

const SSRC: u32 = 0x1122_3344;

/// Headers as libwebrtc's tests have them: masks of 15, 46 and 109 bits.
pub(crate) const HEADERS: [&str; 3] = [
    "007babcd 01234567 01000000 11223344 aabb 8881 00000000",
    "007babcd 01234567 01000000 11223344 aabb 4881 82110021 00000000",
    "007babcd 01234567 01000000 11223344 aabb 4881 02110021 8111111111111111 00000000",
];

/// The bits that are set in bytes, counted from the first byte's highest one.
fn bits(bytes: &str) -> Vec<u16> {
    let bytes = hex(bytes);
    (0..bytes.len() * 8).filter(|at| bytes[at / 8] >> (7 - at % 8) & 1 == 1).map(|at| at as u16).collect()
}

fn packet(sequence: u16, (marker, payload_type, timestamp): (bool, u8, u32), rest: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    write_header(
        &mut packet,
        &HeaderFields { marker, payload_type, sequence, timestamp, ssrc: SSRC },
        std::iter::empty(),
    );
    packet.extend_from_slice(rest);
    packet
}

fn plain(sequence: u16) -> Vec<u8> {
    packet(sequence, (false, 96, u32::from(sequence)), &sequence.to_be_bytes())
}

fn repair(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = RepairEncoder::new();
    packets.iter().for_each(|packet| encoder.add(packet).expect("of one stream and near"));
    let mut payload = Vec::new();
    assert!(encoder.finish(&mut payload) && encoder.packets() == 0);
    payload
}

/// All that comes out when these go in: media packets, and repair packets behind them.
fn recover(packets: &[&Vec<u8>], repairs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut recoverer, mut out) = (Recoverer::new(SSRC), Vec::new());
    for packet in packets {
        recoverer.add_packet(packet, |made| out.push(made.to_vec())).expect("a packet");
    }
    for payload in repairs {
        recoverer.add_repair(payload, |made| out.push(made.to_vec())).expect("a repair packet");
    }
    out
}

#[test]
fn headers_as_libwebrtc_has_them() {
    // What the masks are without the bits between their parts.
    let masks = ["1102", "910208440084", "9102084400840888888888888888"];
    for ((bytes, mask), len) in HEADERS.iter().zip(masks).zip([20, 24, 32]) {
        let bytes = hex(bytes);
        let header = RepairHeader::parse(&bytes).expect("a header");
        assert_eq!((header.ssrc, header.base, header.len), (SSRC, 0xAABB, len));
        assert_eq!(header.recovery[..], bytes[..8]);
        let expected: Vec<u16> = bits(mask).iter().map(|bit| 0xAABB + bit).collect();
        assert_eq!(header.sequences().collect::<Vec<_>>(), expected);
        assert!(expected.iter().all(|sequence| header.position(*sequence) == Some(u32::from(sequence - 0xAABB))));
        let mut written = Vec::new();
        header.write(&mut written);
        assert_eq!(written, bytes[..len]);
        for cut in 0..len {
            assert!(RepairHeader::parse(&bytes[..cut]).is_err(), "cut to {cut}");
        }
    }
}

#[test]
fn headers_that_are_refused() {
    let cases = [
        ("807babcd 01234567 01000000 11223344 aabb 8881", "FlexFEC packet not of the flexible mask"),
        ("407babcd 01234567 01000000 11223344 aabb 8881", "FlexFEC packet not of the flexible mask"),
        ("007babcd 01234567 02000000 11223344 aabb 8881", "FlexFEC packet not of one stream"),
        ("007babcd 01234567 01000000 11223344 aabb 8000", "FlexFEC packet that protects nothing"),
        ("007babcd 01234567 01000000 11223344 aabb 4881 02110021 0111111111111111", "FlexFEC mask that does not end"),
    ];
    for (bytes, what) in cases {
        assert_eq!(RepairHeader::parse(&hex(bytes)).expect_err(bytes).what, what);
    }
}

#[test]
fn parity_by_hand() {
    let packets = [packet(7, (true, 96, 0x10), &[1, 2, 3]), packet(9, (false, 97, 0x30), &[4])];
    // 60 ^ e0 with the marker, 3 ^ 1 bytes, timestamps, packets 0 and 2 of the mask.
    assert_eq!(repair(&packets), hex("0081 0002 00000020 01000000 11223344 0007 d000 05 02 03"));
}

#[test]
fn the_encoder_takes_what_fits_together() {
    let mut encoder = RepairEncoder::new();
    assert!(!encoder.finish(&mut Vec::new()), "nothing to finish");
    encoder.add(&plain(100)).expect("the first");
    encoder.add(&plain(100 + MAX_SPAN - 1)).expect("the last");
    assert!(encoder.add(&plain(100)).is_err(), "twice");
    assert!(encoder.add(&plain(99)).is_err() && encoder.add(&plain(100 + MAX_SPAN)).is_err(), "too far");
    let mut other = plain(101);
    other[11] ^= 1;
    assert!(encoder.add(&other).is_err(), "of another stream");
    assert!(encoder.add(&packet(101, (false, 96, 0), &[0; MAX_PROTECTED_LEN - 11])).is_err(), "too long");
    assert!(encoder.add(&other[..11]).is_err() && encoder.add(&[0; 20]).is_err(), "no packets");
    assert_eq!(encoder.packets(), 2);
}

#[test]
fn repairs_may_come_first_or_twice() {
    let packets: Vec<_> = [65_534, 65_535, 0, 1].map(plain).to_vec();
    let payload = repair(&packets);
    let (mut recoverer, mut out) = (Recoverer::new(SSRC), Vec::new());
    recoverer.add_repair(&payload, |_| panic!("nothing is there yet")).expect("a repair packet");
    recoverer.add_repair(&payload, |_| panic!("the same")).expect("a repair packet");
    for packet in &packets[1..] {
        recoverer.add_packet(packet, |made| out.push(made.to_vec())).expect("a packet");
    }
    assert_eq!(out, packets[..1]);
    recoverer.add_packet(&packets[0], |_| panic!("it was made")).expect("a packet");
    recoverer.add_repair(&payload, |_| panic!("nothing is missing")).expect("a repair packet");
}

#[test]
fn one_recovery_leads_to_the_next() {
    let packets: Vec<_> = (0..6).map(plain).collect();
    let [a, b, c] = [&packets[0..3], &packets[2..5], &packets[4..6]].map(repair);
    // 1, 3 and 5 are lost, and 4: the first row gives 1; 5 needs 4, which needs 3.
    let out = recover(&[&packets[0], &packets[2], &packets[5]], &[b, c, a]);
    assert_eq!(out.len(), 3);
    assert!([1, 3, 4].iter().all(|at| out.contains(&packets[*at])));
}

#[test]
fn what_fell_out_of_the_window_is_not_missed() {
    let packets: Vec<_> = (0..4).map(plain).collect();
    let payload = repair(&packets);
    let (mut recoverer, mut out) = (Recoverer::new(SSRC), Vec::new());
    for packet in [&packets[0], &packets[1], &packets[3], &plain(WINDOW), &plain(WINDOW + 1)] {
        recoverer.add_packet(packet, |_| panic!("no repair yet")).expect("a packet");
    }
    recoverer.add_repair(&payload, |made| out.push(made.to_vec())).expect("a repair packet");
    assert!(out.is_empty(), "two are gone");
    // A whole round later the same numbers are other packets.
    recoverer.add_packet(&plain(40_000), |_| panic!()).expect("a packet");
    recoverer.add_packet(&plain(0), |_| panic!()).expect("a packet");
    recoverer.add_packet(&plain(1), |_| panic!("3 is of the round before")).expect("a packet");
}

#[test]
fn repairs_that_lie_make_nothing() {
    let packets: Vec<_> = (0..3).map(plain).collect();
    let mut payload = repair(&packets);
    payload[2] ^= 0x40; // a length of 16 kB
    assert!(recover(&[&packets[0], &packets[1]], &[payload]).is_empty());
    let short = repair(&packets[..2])[..21].to_vec();
    assert!(recover(&[&packets[0]], &[short]).is_empty(), "shorter than what it protects");

    let (mut recoverer, nothing) = (Recoverer::new(SSRC), |_: &[u8]| panic!());
    let mut other = repair(&packets);
    other[15] ^= 1;
    assert!(recoverer.add_repair(&other, nothing).is_err(), "of another stream");
    other.resize(MAX_PROTECTED_LEN + 32, 0);
    other[15] ^= 1;
    assert!(recoverer.add_repair(&other, nothing).is_err(), "too long");
    let mut foreign = plain(1);
    foreign[11] ^= 1;
    assert!(recoverer.add_packet(&foreign, nothing).is_err() && recoverer.add_packet(&foreign[..11], nothing).is_err());
}

#[test]
fn old_repairs_make_room() {
    let mut recoverer = Recoverer::new(SSRC);
    let rows = MAX_WAITING_REPAIRS as u16 + 1;
    let pair = |row: u16| [plain(2 * row), plain(2 * row + 1)];
    for row in 0..rows {
        recoverer.add_repair(&repair(&pair(row)), |_| panic!("nothing is there")).expect("a repair packet");
    }
    let mut made = 0;
    for row in 0..rows {
        recoverer.add_packet(&pair(row)[0], |_| made += 1).expect("a packet");
    }
    assert_eq!(made, MAX_WAITING_REPAIRS, "all but the first");
}

#[test]
fn elements_that_change_on_the_way_are_cleared() {
    let fields = HeaderFields { marker: false, payload_type: 96, sequence: 1, timestamp: 2, ssrc: SSRC };
    for long in [&[7; 3][..], &[7; 20]] {
        let write = |number: [u8; 2]| {
            let mut packet = Vec::new();
            write_header(&mut packet, &fields, [(1, long), (3, &number[..]), (4, &[9; 3])].into_iter());
            packet.extend_from_slice(&[8; 5]);
            packet
        };
        let mut packet = write([0xAB, 0xCD]);
        let header = RtpHeader::parse(&packet).expect("a header");
        header.clear_elements(&mut packet, |id| id == 3);
        assert_eq!(packet, write([0, 0]));
        header.clear_elements(&mut packet[..14], |_| true); // another packet: no sense, no panic
    }
}

/// Packets with any fixed header and length, their numbers going up within a mask's span.
fn blocks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one = (1_u16..=8, any::<(bool, u32, u8)>(), 0_u8..128, prop::collection::vec(any::<u8>(), 0..40));
    (any::<u16>(), prop::collection::vec(one, 1..40)).prop_map(|(first, rows)| {
        let mut offset = 0;
        let mut packets = Vec::new();
        for (step, (marker, timestamp, flags), payload_type, rest) in rows {
            if offset < MAX_SPAN {
                let mut packet = packet(first.wrapping_add(offset), (marker, payload_type, timestamp), &rest);
                packet[0] |= flags & 0x3F; // P, X and CC are covered too
                packets.push(packet);
            }
            offset += step;
        }
        packets
    })
}

proptest! {
    #[test]
    fn any_single_loss_is_made_good(packets in blocks(), lost in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let payload = repair(&packets);
        let lost = lost.index(packets.len());
        let at = at.index(packets.len());
        let (mut recoverer, mut out) = (Recoverer::new(SSRC), Vec::new());
        for (index, packet) in packets.iter().enumerate() {
            if index == at {
                recoverer.add_repair(&payload, |made| out.push(made.to_vec())).expect("a repair packet");
            }
            if index != lost {
                recoverer.add_packet(packet, |made| out.push(made.to_vec())).expect("a packet");
            }
        }
        prop_assert_eq!(out, &packets[lost..=lost]);
    }

    #[test]
    fn interleaved_repairs_make_bursts_good(packets in blocks(), lost in any::<prop::sample::Index>(), rows in 1_usize..5) {
        let row = |row: usize| packets.iter().skip(row).step_by(rows).cloned().collect::<Vec<_>>();
        let repairs: Vec<_> = (0..rows.min(packets.len())).map(|at| repair(&row(at))).collect();
        let lost = lost.index(packets.len());
        let is_lost = |index: &usize| (lost..lost + rows).contains(index);
        let kept: Vec<_> = (0..packets.len()).filter(|index| !is_lost(index)).map(|index| &packets[index]).collect();
        let mut out = recover(&kept, &repairs);
        out.sort_by_key(|packet| packets.iter().position(|original| original == packet));
        let expected: Vec<_> = (0..packets.len()).filter(is_lost).map(|index| packets[index].clone()).collect();
        prop_assert_eq!(out, expected);
    }

    /// Whatever is lost: what comes out was lost, and is as it was.
    #[test]
    fn nothing_is_made_up(packets in blocks(), lost in any::<u64>(), masks in prop::collection::vec(any::<u64>(), 1..6)) {
        let repairs: Vec<_> = masks
            .iter()
            .map(|mask| (0..packets.len()).filter(|at| mask >> at & 1 == 1).map(|at| packets[at].clone()).collect::<Vec<_>>())
            .filter(|covered| !covered.is_empty())
            .map(|covered| repair(&covered))
            .collect();
        let kept: Vec<_> = (0..packets.len()).filter(|at| lost >> at & 1 == 0).map(|at| &packets[at]).collect();
        let out = recover(&kept, &repairs);
        for made in &out {
            let at = packets.iter().position(|packet| packet == made);
            prop_assert!(at.is_some_and(|at| lost >> at & 1 == 1));
        }
        prop_assert!(out.iter().enumerate().all(|(at, made)| !out[..at].contains(made)), "none twice");
    }

    #[test]
    fn headers_are_read_as_written((ssrc, base, mask, mut recovery) in any::<(u32, u16, u128, [u8; 8])>(), bits in 1_u32..=109) {
        recovery[0] &= 0x3F;
        let mask = mask >> (128 - bits) | 1;
        let len = if bits <= 15 { 20 } else if mask >> 46 == 0 { 24 } else { 32 };
        let len = if mask >> 15 == 0 { 20 } else { len };
        let header = RepairHeader { ssrc, base, mask, recovery, len };
        let mut written = Vec::new();
        header.write(&mut written);
        prop_assert_eq!(RepairHeader::parse(&written), Ok(header));
    }
}
