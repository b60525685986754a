//! Payload descriptors.

use colloquy_codecs::payload::PayloadFormat::{self, Av1, H264, Opus, Vp8, Vp9};
use colloquy_codecs::payload::{self, Descriptor, NalType, PictureIdWidth, Red, starts_keyframe};
use proptest::prelude::*;

use crate::hex;

#[test]
fn key_frames_are_told_from_others() {
    let cases: &[(PayloadFormat, &str, bool, &str)] = &[
        (Opus, "78", true, "audio is always a beginning"),
        (Vp8, "10 10", true, "S, first partition, key frame"),
        (Vp8, "10 11", false, "an inter frame"),
        (Vp8, "00 10", false, "in the middle"),
        (Vp8, "11 10", false, "the second partition's beginning"),
        (Vp8, "90 80 81 23 10", true, "with a picture id"),
        (Vp8, "10", false, "no payload header"),
        (Vp8, "90 e0 8123 05", false, "cut in the descriptor"),
        (Vp9, "88 05 00", true, "B, not P, no layers"),
        (Vp9, "c8 05 00", false, "P"),
        (Vp9, "80 05 00", false, "in the middle"),
        (Vp9, "a8 05 00 07 00", true, "the lowest spatial layer"),
        (Vp9, "a8 05 02 07 00", false, "the second spatial layer"),
        (Vp9, "88 05", false, "no frame"),
        (H264, "65 88", true, "IDR"),
        (H264, "67 42", true, "SPS"),
        (H264, "68 42", false, "PPS alone"),
        (H264, "41 9a", false, "not IDR"),
        (H264, "78 0002 6742 0002 6842", true, "SPS in STAP-A"),
        (H264, "78 0002 0600 0002 419a", false, "STAP-A without"),
        (H264, "78 0002 6742 0003 6842", false, "STAP-A past its end"),
        (H264, "78 0002 6742 00", false, "STAP-A with a tail"),
        (H264, "78 0002 6742 0000", false, "STAP-A with an empty unit"),
        (H264, "7c 85 88", true, "start of FU-A"),
        (H264, "7c 05 88", false, "middle of FU-A"),
        (H264, "7c c5 88", false, "start and end at once"),
        (H264, "7c 85", false, "FU-A of nothing"),
        (H264, "7c 9c 88", false, "FU-A in FU-A"),
        (H264, "79 0000", false, "STAP-B"),
        (Av1, "18 0a0b", true, "N, one element"),
        (Av1, "10 0a0b", false, "not N"),
        (Av1, "98 0a0b", false, "N inside an OBU"),
        (Av1, "08 020a0b", true, "N, elements with lengths"),
        (Av1, "08 030a0b", false, "past the end"),
        (Av1, "08 ffffffffffffffffff01", false, "a number that does not end"),
        (Av1, "38 020a0b", false, "three promised, two there"),
    ];
    for (format, bytes, expected, why) in cases {
        assert_eq!(starts_keyframe(*format, &hex(bytes)), *expected, "{format:?} {bytes}: {why}");
    }
    for format in [Vp8, Vp9, H264, Av1] {
        assert!(!starts_keyframe(format, &[]), "{format:?}");
    }
}

#[test]
fn vp8_fields_and_their_places() {
    let mut bytes = hex("b0 f0 f123 07 ad 11");
    let vp8 = payload::Vp8::parse(&bytes).expect("a descriptor");
    assert!(vp8.is_non_reference && vp8.starts_picture() && vp8.is_layer_sync);
    let (picture_id, tl0) = (vp8.picture_id.expect("I"), vp8.tl0_pic_idx.expect("L"));
    assert_eq!((picture_id.value, picture_id.width, picture_id.offset), (0x7123, PictureIdWidth::Bits15, 2));
    assert_eq!((tl0.value, tl0.offset), (7, 4));
    assert_eq!((vp8.temporal_id, vp8.key_idx, vp8.header_len), (Some(2), Some(13), 6));

    picture_id.rewrite(&mut bytes, 0x8001).expect("the same payload");
    tl0.rewrite(&mut bytes, 255).expect("the same payload");
    assert_eq!(bytes, hex("b0 f0 8001 ff ad 11"));
    assert!(picture_id.rewrite(&mut bytes[..3], 1).is_err());
    assert!(tl0.rewrite(&mut bytes[..4], 1).is_err());

    let mut short = hex("90 80 7f 11");
    let picture_id = payload::Vp8::parse(&short).expect("a descriptor").picture_id.expect("I");
    assert_eq!((picture_id.value, picture_id.width), (127, PictureIdWidth::Bits7));
    picture_id.rewrite(&mut short, 128).expect("the same payload");
    assert_eq!(short, hex("90 80 00 11"));
}

#[test]
fn vp9_fields_and_structure() {
    // Non-flexible: two spatial layers with sizes, and a group of two pictures.
    let bytes = hex("ae 8123 33 09 38 0500 02d0 0a00 05a0 02 04 02 54 01 99");
    let vp9 = payload::Vp9::parse(&bytes).expect("a descriptor");
    assert!(!vp9.is_inter_predicted && !vp9.is_flexible && vp9.begins_frame && vp9.ends_frame);
    assert_eq!(vp9.picture_id.expect("I").value, 0x123);
    let layers = vp9.layers.expect("L");
    assert_eq!((layers.temporal_id, layers.spatial_id), (1, 1));
    assert!(layers.is_switching_up_point && layers.is_inter_layer_predicted);
    let tl0 = layers.tl0_pic_idx.expect("not flexible");
    assert_eq!((tl0.value, tl0.offset), (9, 4));
    let structure = vp9.structure.expect("V");
    assert_eq!(structure.spatial_layers, 2);
    assert_eq!(structure.sizes().collect::<Vec<_>>(), [(1280, 720), (2560, 1440)]);
    let group: Vec<_> = structure.group().map(|picture| (picture.temporal_id, picture.reference_diffs)).collect();
    assert_eq!(group, [(0, &[2][..]), (2, &[1])]);
    assert_eq!(vp9.header_len, bytes.len() - 1);

    // Flexible: two references and no TL0PICIDX.
    let bytes = hex("f8 05 22 03 04 99");
    let vp9 = payload::Vp9::parse(&bytes).expect("a descriptor");
    assert_eq!(vp9.reference_diffs, [Some(1), Some(2), None]);
    assert_eq!((vp9.temporal_id(), vp9.spatial_id(), vp9.header_len), (Some(1), Some(1), 5));

    assert!(payload::Vp9::parse(&hex("d8 05 03 03 03 02 99")).is_err(), "four references");
    assert!(payload::Vp9::parse(&hex("0a 08 ff 0c 01")).is_err(), "255 pictures that are not there");
}

#[test]
fn layers_in_the_same_terms() {
    use payload::PayloadFormat::{Av1, H264, Opus, Vp8, Vp9};
    let info = |format, bytes: &str| payload::layer_info(format, &hex(bytes));
    let vp8 = info(Vp8, "b0 f0 f123 07 ad 11").expect("a descriptor");
    assert!(vp8.starts_frame && vp8.switches_up && vp8.is_discardable && !vp8.is_keyframe && vp8.ends_frame.is_none());
    assert_eq!((vp8.spatial, vp8.temporal), (0, 2));
    assert_eq!((vp8.picture_id.expect("I").value, vp8.tl0_pic_idx.expect("L").value), (0x7123, 7));
    assert!(info(Vp8, "10 00").is_some_and(|vp8| vp8.is_keyframe && vp8.switches_up && !vp8.is_inter_predicted));

    let vp9 = info(Vp9, "ae 8123 33 09 38 0500 02d0 0a00 05a0 02 04 02 54 01 99").expect("a descriptor");
    assert_eq!((vp9.spatial, vp9.temporal, vp9.ends_frame), (1, 1, Some(true)));
    assert!(vp9.starts_frame && vp9.switches_up && vp9.is_inter_layer_predicted && !vp9.is_inter_predicted);
    assert!(!vp9.is_keyframe, "of the second spatial layer");
    assert_eq!(vp9.tl0_pic_idx.expect("not flexible").value, 9);
    assert!(info(Vp9, "f9 05 22 03 04 99").is_some_and(|vp9| vp9.is_not_spatial_reference && vp9.is_inter_predicted));

    assert!(info(H264, "65 88").is_some_and(|h264| h264.is_keyframe && h264.spatial == 0 && h264.temporal == 0));
    assert!(info(Av1, "10 0a0b").is_some_and(|av1| !av1.is_keyframe && av1.is_inter_predicted));
    assert!(info(Opus, "fc").is_none() && info(Vp8, "").is_none() && info(Vp9, "80").is_none());
}

#[test]
fn h264_units() {
    let bytes = hex("78 0003 674201 0001 68");
    let Ok(payload::H264::Aggregate(stap)) = payload::H264::parse(&bytes) else { panic!() };
    let units: Vec<_> = stap.units().map(|(header, unit)| (header.nal_type, unit.len())).collect();
    assert_eq!(units, [(NalType::SPS, 3), (NalType::PPS, 1)]);

    let Ok(payload::H264::Fragment { header, is_start, is_end }) = payload::H264::parse(&hex("5c 41 00")) else {
        panic!()
    };
    assert_eq!((header.nal_type, header.ref_idc, is_start, is_end), (NalType::NON_IDR, 2, false, true));
}

#[test]
fn av1_elements_and_layers() {
    // The first goes on from before; the second is a frame of temporal layer 2, spatial layer 1; the third has the rest.
    let bytes = hex("f0 02 aaaa 03 34 48 00 0102");
    let av1 = payload::Av1::parse(&bytes).expect("three elements");
    assert!(av1.continues_obu && av1.is_continued && !av1.starts_sequence);
    let elements: Vec<_> = av1.elements().collect();
    assert_eq!(elements.iter().map(|element| element.bytes.len()).collect::<Vec<_>>(), [2, 3, 2]);
    assert_eq!(elements[0].header(), None);
    assert_eq!(elements[1].header().expect("a frame").obu_type, 6);
    assert_eq!((av1.temporal_id(), av1.spatial_id()), (Some(2), Some(1)));

    let padded_number = hex("00 828000 aaaa");
    let av1 = payload::Av1::parse(&padded_number).expect("leading zeros are allowed");
    assert_eq!(av1.elements().map(|element| element.bytes.len()).collect::<Vec<_>>(), [2]);
    assert!(payload::Av1::parse(&hex("00 ffffffff7f")).is_err(), "more than 32 bits");
    assert!(payload::Av1::parse(&hex("00")).is_err(), "no elements");
}

#[test]
fn opus_durations() {
    // (bytes, frames, microseconds), of RFC 6716 table 2.
    let cases = [
        ("00", 1, 10_000),
        ("18", 1, 60_000),
        ("68", 1, 20_000),
        ("80", 1, 2_500),
        ("fc", 1, 20_000),
        ("f9", 2, 40_000),
        ("fa", 2, 40_000),
        ("fb 06", 6, 120_000),
        ("83 b0", 48, 120_000),
        ("1b 02", 2, 120_000),
    ];
    for (bytes, frames, us) in cases {
        let opus = payload::Opus::parse(&hex(bytes)).expect(bytes);
        assert_eq!((opus.frame_count, opus.duration_us()), (frames, us), "{bytes}");
    }
    for bytes in ["", "fb", "fb 00", "fb 07", "83 31", "1b 3f"] {
        assert!(payload::Opus::parse(&hex(bytes)).is_err(), "{bytes}");
    }
    assert!(payload::Opus::parse(&hex("fc")).expect("a packet").is_stereo);
}

#[test]
fn red_blocks() {
    let bytes = hex("ef 0f0002 ef 078003 6f aabb ccddee 112233");
    let red = Red::parse(&bytes).expect("three blocks");
    let blocks: Vec<_> = red.blocks().map(|block| (block.payload_type, block.timestamp_offset, block.bytes)).collect();
    let expected: [(u8, u16, &[u8]); 3] =
        [(111, 960, &[0xAA, 0xBB]), (111, 480, &[0xCC, 0xDD, 0xEE]), (111, 0, &[0x11, 0x22, 0x33])];
    assert_eq!(blocks, expected);
    assert_eq!(Red::parse(&[111]).expect("a primary of nothing").primary().bytes, []);
    assert!(Red::parse(&hex("ef 0f03ff 6f aabb")).is_err(), "a length past the payload");
    assert!(Red::parse(&hex("ef 0f0002 ef 0f0002")).is_err(), "no primary");
}

proptest! {
    #[test]
    fn red_is_read_as_built(blocks in prop::collection::vec((0_u8..128, 0_u16..1 << 14, 0_usize..1024), 0..8), primary in any::<Vec<u8>>()) {
        let mut bytes = Vec::new();
        for (payload_type, offset, len) in &blocks {
            bytes.push(0x80 | payload_type);
            bytes.extend_from_slice(&(u32::from(*offset) << 10 | *len as u32).to_be_bytes()[1..]);
        }
        bytes.push(111);
        for (index, (_, _, len)) in blocks.iter().enumerate() {
            bytes.extend(std::iter::repeat_n(index as u8, *len));
        }
        bytes.extend_from_slice(&primary);

        let red = Red::parse(&bytes).expect("well-formed");
        prop_assert_eq!(red.primary().bytes, primary);
        for ((index, (payload_type, offset, len)), block) in blocks.iter().enumerate().zip(red.blocks()) {
            prop_assert_eq!((block.payload_type, block.timestamp_offset, block.bytes.len()), (*payload_type, *offset, *len));
            prop_assert!(block.bytes.iter().all(|byte| usize::from(*byte) == index));
        }
    }
}
