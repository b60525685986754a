//! The insides of header extension elements.

use colloquy_codecs::rtp::{
    AbsCaptureTime, AbsSendTime, AllocatedLayer, LayerSize, LayersAllocation, MAX_LAYER_BITRATE_KBPS, PlayoutDelay,
    Rid, Rotation, VideoOrientation, color_space, fits_one_byte_form,
};
use proptest::prelude::*;

use crate::hex;

/// Three simulcast streams of two temporal layers each, with sizes.
pub(crate) const ALLOCATION: &str = "61 54 96 01 c8 01 f4 03 d8 04 e2 09 98 11 013f00b31e 027f01671e 04ff02cf1e";

#[test]
fn stream_ids() {
    let rid = Rid::parse(b"hi-RES_1").expect("a name");
    assert_eq!((rid.as_str(), rid.as_bytes(), rid.to_string().as_str()), ("hi-RES_1", &b"hi-RES_1"[..], "hi-RES_1"));
    assert!(Rid::parse(&[b'a'; 16]).is_ok());
    for bad in [&b""[..], &[b'a'; 17], &[b'a'; 300], b"a b", b"a\0", "ä".as_bytes(), b"a;b"] {
        assert!(Rid::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn send_times() {
    let one = AbsSendTime::parse(&hex("040000")).expect("three bytes");
    assert_eq!((one.ticks(), one), (1 << 18, AbsSendTime::from_us(1_000_000)));
    assert_eq!(one.to_bytes()[..], hex("040000"));
    assert_eq!(
        AbsSendTime::from_us(64_500_000).us_since(AbsSendTime::from_us(63_500_000)),
        1_000_000,
        "around the end"
    );
    assert_eq!(AbsSendTime::from_us(63_500_000).us_since(AbsSendTime::from_us(64_500_000)), -1_000_000);
    assert!(AbsSendTime::parse(&[0; 2]).is_none() && AbsSendTime::parse(&[0; 4]).is_none());
}

#[test]
fn capture_times() {
    let bytes = hex("0123456789abcdef ffffffff80000000");
    let long = AbsCaptureTime::parse(&bytes).expect("16 bytes");
    assert_eq!((long.ntp, long.clock_offset), (0x0123_4567_89AB_CDEF, Some(-(1 << 31))));
    assert_eq!(AbsCaptureTime::parse(&bytes[..8]), Some(AbsCaptureTime { clock_offset: None, ..long }));
    for len in [0, 7, 9, 15] {
        assert_eq!(AbsCaptureTime::parse(&bytes[..len]), None);
    }
    let mut place = [0xAA; 16];
    assert_eq!(long.write(&mut place), bytes);
    assert_eq!(AbsCaptureTime { clock_offset: None, ..long }.write(&mut place), &bytes[..8]);
}

#[test]
fn playout_delays() {
    let delay = PlayoutDelay::parse(&hex("00a0c8")).expect("three bytes");
    assert_eq!((delay.min_10ms, delay.max_10ms), (10, 200));
    assert_eq!(delay.to_bytes()[..], hex("00a0c8"));
    assert_eq!(PlayoutDelay::parse(&hex("0c800a")), None, "a minimum above the maximum");
    assert_eq!(PlayoutDelay { min_10ms: 0, max_10ms: 9999 }.to_bytes()[..], hex("000fff"));
}

#[test]
fn orientations() {
    let turned = VideoOrientation::parse(&[0x0B]).expect("one byte");
    assert_eq!(turned, VideoOrientation { is_back_camera: true, is_flipped: false, rotation: Rotation::ThreeQuarters });
    for byte in 0..16 {
        assert_eq!(VideoOrientation::parse(&[byte]).expect("one byte").to_bytes(), [byte]);
    }
    assert_eq!(VideoOrientation::parse(&[]), None);
}

#[test]
fn colour_spaces_by_length() {
    for len in 0..40 {
        assert_eq!(color_space(&vec![9; len]).is_some(), len == 4 || len == 28, "{len}");
    }
}

#[test]
fn forms() {
    assert!(fits_one_byte_form(1, &[0]) && fits_one_byte_form(14, &[0; 16]));
    assert!(!fits_one_byte_form(0, &[0]) && !fits_one_byte_form(15, &[0]));
    assert!(!fits_one_byte_form(1, &[]) && !fits_one_byte_form(1, &[0; 17]));
}

#[test]
fn an_allocation_of_simulcast() {
    let bytes = hex(ALLOCATION);
    let allocation = LayersAllocation::parse(&bytes).expect("three streams");
    assert_eq!((allocation.stream, allocation.streams), (1, 3));
    let size = |width, height| Some(LayerSize { width, height, max_fps: 30 });
    let layer =
        |stream, bitrates_kbps, size| AllocatedLayer { stream, spatial_id: 0, temporal_layers: 2, bitrates_kbps, size };
    let expected = [
        layer(0, [150, 200, 0, 0], size(320, 180)),
        layer(1, [500, 600, 0, 0], size(640, 360)),
        layer(2, [1250, 2200, 0, 0], size(1280, 720)),
    ];
    assert_eq!(allocation.layers(), expected);
    assert_eq!(expected[2].bitrates_kbps(), [1250, 2200]);
    let mut out = Vec::new();
    allocation.write(&mut out);
    assert_eq!(out, bytes);
    for len in 0..bytes.len() {
        // At the end of the bitrates it is whole without sizes.
        assert_eq!(LayersAllocation::parse(&bytes[..len]).is_ok(), len == 14, "{len}");
    }
}

#[test]
fn other_allocations() {
    let nothing = LayersAllocation::parse(&[0]).expect("nothing is sent");
    assert_eq!((nothing.streams, nothing.layers()), (0, &[][..]));
    // One stream of three spatial layers; two streams of which only the second has a layer.
    assert_eq!(LayersAllocation::parse(&hex("07 00 0a 0b 0c")).expect("SVC").layers().len(), 3);
    let second = LayersAllocation::parse(&hex("10 01 40 0a 0b")).expect("the second alone");
    assert_eq!(
        second.layers(),
        [AllocatedLayer { stream: 1, temporal_layers: 2, bitrates_kbps: [10, 11, 0, 0], ..AllocatedLayer::default() }]
    );
    let bad =
        ["", "00 00 00", "40", "01 00", "01 00 c1843d", "01 00 ffffffffffffffff01", "01 00 01 00", "31 00 01 01 01"];
    for bytes in bad {
        assert!(LayersAllocation::parse(&hex(bytes)).is_err(), "{bytes}");
    }
    let layer = AllocatedLayer { temporal_layers: 1, ..AllocatedLayer::default() };
    assert!(LayersAllocation::new(0, &[layer, layer]).is_none(), "twice the same");
    assert!(LayersAllocation::new(0, &[AllocatedLayer { temporal_layers: 5, ..layer }]).is_none());
    let sized = AllocatedLayer { spatial_id: 1, size: Some(LayerSize { width: 1, height: 1, max_fps: 1 }), ..layer };
    assert!(LayersAllocation::new(0, &[layer, sized]).is_none(), "only one tells its size");
}

proptest! {
    #[test]
    fn allocations_are_read_as_written(
        stream in 0_u8..4,
        layers in prop::collection::btree_map((0_u8..4, 0_u8..4), (1_u8..=4, prop::array::uniform4(0..=MAX_LAYER_BITRATE_KBPS)), 0..=16),
        size in prop::option::of((1_u32..=65_536, 1_u32..=65_536, any::<u8>())),
    ) {
        let size = size.map(|(width, height, max_fps)| LayerSize { width, height, max_fps });
        let layers: Vec<_> = layers
            .into_iter()
            .map(|((stream, spatial_id), (temporal_layers, bitrates_kbps))| {
                AllocatedLayer { stream, spatial_id, temporal_layers, bitrates_kbps, size }
            })
            .collect();
        let allocation = LayersAllocation::new(stream, &layers).expect("in range");
        let mut element = Vec::new();
        allocation.write(&mut element);
        prop_assert_eq!(LayersAllocation::parse(&element), Ok(allocation));
    }

    #[test]
    fn times_are_read_as_written(us in 0_u64..1 << 50, later_us in 0_i64..31_000_000) {
        let (then, now) = (AbsSendTime::from_us(us), AbsSendTime::from_us(us + later_us as u64));
        prop_assert_eq!(AbsSendTime::parse(&then.to_bytes()), Some(then));
        prop_assert!((now.us_since(then) - later_us).abs() <= 4);
        prop_assert!((then.us_since(now) + later_us).abs() <= 5);
    }
}
