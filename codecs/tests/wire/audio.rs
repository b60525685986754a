//! Redundancy in audio: RED, and what Opus packets tell about theirs.

use colloquy_codecs::payload::{
    Descriptor, MAX_RED_BLOCK_LEN, MAX_RED_OFFSET, Opus, OpusMode, Red, opus_has_inband_fec, opus_is_dtx, write_red,
};
use proptest::prelude::*;

use crate::hex;

#[test]
fn in_band_fec_of_encoded_speech() {
    // Beginnings of packets that libopus 1.3.1 made, and whether they repeat the one before.
    let cases = [
        ("48825a91", false, "SILK, 20 ms: the first packet"),
        ("48f8fcad", true, "later"),
        ("4805f0e5", false, "in a pause"),
        ("48a14819", false, "FEC switched off"),
        ("58e0a1e4", false, "60 ms: the first packet"),
        ("58df2a88", true, "later"),
        ("581522c8", true, "a pause after speech"),
        ("78f59640", true, "hybrid"),
        ("7805c3b6", false, "hybrid in a pause"),
        ("4cc80302", true, "stereo"),
        ("4c87fcc6", false, "stereo: the first packet"),
        ("5cd0d710", true, "stereo of 60 ms"),
        ("fcffffff", false, "CELT has none"),
        // Ours: where the first frame is.
        ("4a 02 0000 40", false, "two frames, the flag only in the second"),
        ("4a 01 40 00", true, "two frames, the flag in the first"),
        ("49 40 00", true, "two equal frames"),
        ("49 40", false, "two frames in one byte"),
        ("4b 83 01 02 40 0000 00", true, "three frames with lengths"),
        ("4b 43 02 40 00 00 0000", true, "three equal frames and padding"),
        ("4b 41 05 40", false, "more padding than packet"),
        ("4b c1 ff", false, "padding cut"),
        ("4a 00 40", false, "a first frame of nothing"),
        ("4c 10", true, "the second channel alone"),
        ("48", false, "no frame"),
        ("", false, "nothing"),
    ];
    for (bytes, expected, why) in cases {
        assert_eq!(opus_has_inband_fec(&hex(bytes)), expected, "{bytes}: {why}");
    }
}

#[test]
fn modes_and_silence() {
    let mode = |bytes: &str| Opus::parse(&hex(bytes)).expect(bytes).mode();
    assert_eq!(
        [mode("58"), mode("60"), mode("78"), mode("80")],
        [OpusMode::Silk, OpusMode::Hybrid, OpusMode::Hybrid, OpusMode::Celt]
    );
    assert!(opus_is_dtx(&hex("48")) && opus_is_dtx(&hex("4807")));
    assert!(!opus_is_dtx(&[]) && !opus_is_dtx(&hex("4807c9")));
}

#[test]
fn red_leaves_out_what_does_not_fit() {
    let (long, longest) = ([1; MAX_RED_BLOCK_LEN + 1], [2; MAX_RED_BLOCK_LEN]);
    let redundants: [(u16, &[u8]); 5] =
        [(MAX_RED_OFFSET + 1, &[1]), (MAX_RED_OFFSET, &longest), (960, &long), (480, &[]), (0, &[3])];
    let mut out = hex("aa");
    assert_eq!(write_red(&mut out, 111, &[7, 8], &redundants), 1);
    let red = Red::parse(&out[1..]).expect("what was written");
    let offsets: Vec<_> = red.blocks().map(|block| (block.timestamp_offset, block.bytes.len())).collect();
    assert_eq!(offsets, [(MAX_RED_OFFSET, MAX_RED_BLOCK_LEN), (0, 2)]);

    out.clear();
    write_red(&mut out, 111, &[0x11, 0x22, 0x33], &[(960, &[0xAA, 0xBB]), (480, &[0xCC, 0xDD, 0xEE])]);
    assert_eq!(out, hex("ef 0f0002 ef 078003 6f aabb ccddee 112233"));
}

proptest! {
    #[test]
    fn red_is_read_as_written(
        payload_type in 0_u8..128,
        blocks in prop::collection::vec((1..=MAX_RED_OFFSET, prop::collection::vec(any::<u8>(), 1..200)), 0..5),
        primary in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let redundants: Vec<(u16, &[u8])> = blocks.iter().map(|(offset, bytes)| (*offset, &bytes[..])).collect();
        let mut out = Vec::new();
        prop_assert_eq!(write_red(&mut out, payload_type, &primary, &redundants), blocks.len());
        let red = Red::parse(&out).expect("what was written");
        prop_assert!(red.blocks().all(|block| block.payload_type == payload_type));
        let seen: Vec<_> = red.blocks().map(|block| (block.timestamp_offset, block.bytes)).collect();
        prop_assert_eq!(&seen[..blocks.len()], redundants);
        prop_assert_eq!(seen[blocks.len()], (0, &primary[..]));
        let headers = 4 * blocks.len() + 1;
        for len in 0..headers + blocks.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() {
            prop_assert!(Red::parse(&out[..len]).is_err(), "cut to {}", len);
        }
    }
}
