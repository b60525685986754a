//! Packets in all orders, and pictures cut for RTP and put together again.

use super::super::*;
use super::world::*;
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::VideoCodec;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn drain(assembler: &mut Assembler, now: Instant) -> (u32, u32, u32) {
    let (mut keys, mut others, mut gaps) = (0, 0, 0);
    while let Some(assembled) = assembler.poll(now) {
        match assembled {
            Assembled::Picture { is_key: true, .. } => keys += 1,
            Assembled::Picture { .. } => others += 1,
            Assembled::Gap => gaps += 1,
        }
    }
    (keys, others, gaps)
}

/// Ten pictures, the first and the seventh of them key frames.
fn stream(codec: VideoCodec) -> Vec<(u32, u64, bool, Vec<u8>)> {
    let mut camera = Camera::new(codec, (160, 90), RED);
    let mut packets = Vec::new();
    for at in 0..10_u32 {
        camera.wants_key = at == 6;
        camera.colour = if at % 2 == 0 { RED } else { GREEN };
        packets.extend(camera.picture().into_iter().map(|(seq, marker, payload)| (at, seq, marker, payload)));
    }
    packets
}

#[test]
fn a_number_that_was_kept_for_nothing_is_passed_over() {
    let start = Instant::now();
    let mut assembler = Assembler::new(VideoCodec::Vp8);
    let empty = |number: u64, timestamp| VideoPacket { seq: ExtSeq(number), timestamp, marker: false, payload: &[] };
    let mut number = 70_000;
    for (at, _, marker, payload) in stream(VideoCodec::Vp8) {
        // Before each packet, and so also between two of a picture and between pictures.
        assembler.push(empty(number, if at % 2 == 0 { at } else { 77 }), start);
        let packet = VideoPacket { seq: ExtSeq(number + 1), timestamp: at, marker, payload: &payload };
        assembler.push(packet, start);
        number += 2;
    }
    assert_eq!(drain(&mut assembler, start), (2, 8, 0));
}

#[test]
fn a_late_packet_is_waited_for_and_a_lost_one_is_not() {
    let start = Instant::now();
    for codec in [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264] {
        let packets = stream(codec);
        let lost = packets.iter().position(|(at, ..)| *at == 3).unwrap();
        let play = |comes_after: Option<usize>, now: Instant| {
            let mut assembler = Assembler::new(codec);
            for (index, (at, seq, marker, payload)) in packets.iter().enumerate() {
                let push = |assembler: &mut Assembler, index: usize| {
                    let (at, seq, marker, payload) = &packets[index];
                    let packet = VideoPacket { seq: ExtSeq(*seq), timestamp: *at, marker: *marker, payload };
                    assembler.push(packet, start);
                };
                if index != lost {
                    let packet = VideoPacket { seq: ExtSeq(*seq), timestamp: *at, marker: *marker, payload };
                    assembler.push(packet, start);
                }
                if comes_after == Some(index) {
                    push(&mut assembler, lost);
                }
            }
            (drain(&mut assembler, start), drain(&mut assembler, now), assembler.needs_key())
        };
        let late = start + Duration::from_millis(200);
        assert_eq!(play(Some(packets.len() - 1), late), ((2, 8, 0), (0, 0, 0), false), "{codec:?}");
        assert_eq!(play(None, start), ((1, 2, 0), (0, 0, 0), false), "{codec:?}: it may still come");
        assert_eq!(play(None, late), ((1, 2, 0), (1, 3, 1), false), "{codec:?}: the next key frame goes on");
    }
}

#[test]
fn another_numbering_is_a_gap() {
    let packets = stream(VideoCodec::Vp8);
    let mut assembler = Assembler::new(VideoCodec::Vp8);
    let now = Instant::now();
    for offset in [0, 1 << 20] {
        for (at, seq, marker, payload) in &packets {
            let packet = VideoPacket { seq: ExtSeq(seq + offset), timestamp: *at, marker: *marker, payload };
            assembler.push(packet, now);
        }
        let found = drain(&mut assembler, now);
        assert_eq!(found, (2, 8, u32::from(offset > 0)));
    }
}

#[test]
fn memory_is_bounded() {
    let mut assembler = Assembler::new(VideoCodec::Vp8);
    let now = Instant::now();
    for seq in 0..100_000 {
        let payload = [0_u8; 1_500];
        assembler.push(VideoPacket { seq: ExtSeq(seq), timestamp: 0, marker: true, payload: &payload }, now);
        assert!(assembler.backlog() <= 1_024);
    }
    assert!(!matches!(assembler.poll(now), Some(Assembled::Picture { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_gives_the_same_pictures(codec in 0..3_usize, swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..12)) {
        let codec = [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264][codec];
        let mut packets = stream(codec);
        for (a, b) in swaps {
            let (a, b) = (a.index(packets.len()), b.index(packets.len()));
            packets.swap(a, b);
        }
        let now = Instant::now();
        let mut assembler = Assembler::new(codec);
        for (at, seq, marker, payload) in &packets {
            // Twice, as retransmissions come.
            for _ in 0..2 {
                assembler.push(VideoPacket { seq: ExtSeq(*seq), timestamp: *at, marker: *marker, payload }, now);
            }
        }
        prop_assert_eq!(drain(&mut assembler, now), (2, 8, 0));
    }

    #[test]
    fn an_h264_picture_comes_back_whole(units in prop::collection::vec((1..3_u8, prop::collection::vec(4..=255_u8, 1..4_000)), 1..8)) {
        let mut picture = Vec::new();
        for (kind, content) in &units {
            picture.extend_from_slice(&[0, 0, 0, 1, 0x60 | kind]);
            picture.extend_from_slice(content);
        }
        // The assembler begins with a key frame.
        picture[4] = 0x65;
        let mut packets = Vec::new();
        Packetizer::new(ViewCodec::H264, 0).split(&picture, |payload, marker| packets.push((payload, marker)));
        prop_assert!(packets.iter().all(|(payload, _)| payload.len() <= MAX_PAYLOAD));
        prop_assert_eq!(packets.iter().filter(|(_, marker)| *marker).count(), 1);
        let mut assembler = Assembler::new(VideoCodec::H264);
        let now = Instant::now();
        for (seq, (payload, marker)) in (1..).zip(&packets) {
            assembler.push(VideoPacket { seq: ExtSeq(seq), timestamp: 1, marker: *marker, payload }, now);
        }
        prop_assert_eq!(drain(&mut assembler, now), (1, 0, 0));
        prop_assert_eq!(assembler.picture(), &picture[..]);
    }
}
