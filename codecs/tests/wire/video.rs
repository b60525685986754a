//! Colours through real encoders and decoders, and bytes that were never a picture.

use colloquy_codecs::video::{
    EncoderSettings, MAX_BITSTREAM, Picture, Region, Scaler, VideoCodec, VideoError, decoder, encode_jpeg, encoder,
};
use proptest::prelude::*;

const RED: [u8; 3] = [82, 90, 240];
const GREEN: [u8; 3] = [145, 54, 34];
const CODED: [VideoCodec; 3] = [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264];

fn settings(width: u32, height: u32) -> EncoderSettings {
    EncoderSettings { width, height, bps: 300_000, fps: 30 }
}

/// A key frame and pictures that lean on it, of a colour each.
fn coded(codec: VideoCodec, colours: &[[u8; 3]]) -> Vec<Vec<u8>> {
    let mut encoder = encoder(codec, settings(64, 48)).unwrap();
    let mut pictures = Vec::new();
    for (at, colour) in colours.iter().enumerate() {
        let mut bytes = Vec::new();
        let made = encoder.encode(&Picture::new(64, 48, *colour), 33 * at as u64, false, &mut bytes).unwrap();
        assert_eq!(made.is_some_and(|made| made.is_key), at == 0);
        pictures.push(bytes);
    }
    pictures
}

fn middle(picture: &Picture) -> [u8; 3] {
    picture.planes().map(|plane| plane.at(plane.width / 2, plane.height / 2).unwrap())
}

fn is_near(seen: [u8; 3], meant: [u8; 3]) -> bool {
    seen.into_iter().zip(meant).all(|(a, b)| a.abs_diff(b) <= 6)
}

#[test]
fn a_colour_comes_back() {
    for codec in CODED {
        let mut decoder = decoder(codec).unwrap();
        let mut shown = Picture::default();
        for (bytes, colour) in coded(codec, &[RED, RED, GREEN, GREEN]).iter().zip([RED, RED, GREEN, GREEN]) {
            assert_eq!(decoder.decode(bytes, &mut shown), Ok(true), "{codec:?}");
            assert_eq!((shown.width(), shown.height()), (64, 48));
            assert!(is_near(middle(&shown), colour), "{codec:?}: {:?} is not {colour:?}", middle(&shown));
        }
    }
}

/// Two pictures of one colour, made by libaom: a key frame and one that leans on it.
#[test]
fn av1_comes_back() {
    let mut decoder = decoder(VideoCodec::Av1).unwrap();
    let mut shown = Picture::default();
    let units = include_bytes!("av1-red-64x48.obu");
    let second = units.windows(2).rposition(|two| two == [0x12, 0]).unwrap();
    for unit in [&units[..second], &units[second..]] {
        assert_eq!(decoder.decode(unit, &mut shown), Ok(true));
        assert!(is_near(middle(&shown), RED), "{:?}", middle(&shown));
    }
    let _ = decoder.decode(&[0x32, 1, 0xFF], &mut shown);
    assert_eq!(decoder.decode(units, &mut shown), Ok(true), "a broken unit is not in the way of the next key frame");
}

#[test]
fn a_key_frame_comes_when_it_is_asked_for_and_the_rate_changes() {
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let mut encoder = encoder(codec, settings(320, 240)).unwrap();
        encoder.set_rate(400_000, 15).unwrap();
        let mut sizes = [0_usize; 2];
        let mut noise = 1_u32;
        for at in 0..120_u64 {
            let mut picture = Picture::new(320, 240, GREEN);
            for sample in picture.planes_mut().into_iter().flat_map(|plane| plane.samples.iter_mut()) {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sample = (noise >> 26) as u8 + 100;
            }
            if at == 60 {
                encoder.set_rate(100_000, 30).unwrap();
            }
            let mut bytes = Vec::new();
            let made = encoder.encode(&picture, 33 * at, at == 40, &mut bytes).unwrap();
            assert_eq!(made.is_some_and(|made| made.is_key), at == 0 || at == 40, "{codec:?} {at}");
            sizes[usize::from(at >= 60)] += bytes.len();
        }
        assert!(sizes[1] * 2 < sizes[0], "{codec:?}: {sizes:?}");
    }
}

#[test]
fn only_even_sides_within_the_bounds_are_encoded() {
    for (width, height) in [(63, 48), (64, 47), (0, 0), (8_192, 16), (4_096, 4_096)] {
        assert!(matches!(encoder(VideoCodec::Vp8, settings(width, height)), Err(VideoError::Sides { .. })));
    }
    assert_eq!(encoder(VideoCodec::Av1, settings(64, 48)).err(), Some(VideoError::NoEncoder(VideoCodec::Av1)));
    let mut encoder = encoder(VideoCodec::H264, settings(64, 48)).unwrap();
    let other = Picture::new(32, 32, RED);
    assert!(matches!(encoder.encode(&other, 0, false, &mut Vec::new()), Err(VideoError::Sides { .. })));
}

#[test]
fn what_is_too_large_is_not_decoded() {
    // A VP8 key frame's first bytes, of 16,383 x 16,383.
    let vp8 = [0x10, 0, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0, 0];
    // VP9: profile 0, key frame, shown; sync code; 65,536 x 65,536.
    let vp9 = [0x82, 0x49, 0x83, 0x42, 0x0F, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0];
    // VP9: one that leans on others and tells sides of its own. 10 0 0 0 1 1 0, 00 (reset), 8 + 12 bits, 000, sides.
    let inter = [0b1000_0110, 0b0000_0000, 0, 0, 0b0001_1111, 0xFF, 0xFF, 0xFF, 0xFF, 0];
    let mut shown = Picture::default();
    for (codec, bytes) in [(VideoCodec::Vp8, &vp8[..]), (VideoCodec::Vp9, &vp9[..]), (VideoCodec::Vp9, &inter[..])] {
        let result = decoder(codec).unwrap().decode(bytes, &mut shown);
        assert!(matches!(result, Err(VideoError::TooLarge { .. })), "{codec:?}: {result:?}");
    }
    for codec in [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264, VideoCodec::Av1] {
        let long = vec![0; MAX_BITSTREAM + 1];
        let result = decoder(codec).unwrap().decode(&long, &mut shown);
        assert!(matches!(result, Err(VideoError::TooLarge { .. })));
    }
    assert!(shown.is_empty());
}

#[test]
fn scaling_keeps_to_its_place() {
    let mut halves = Picture::new(64, 48, RED);
    let mut scaler = Scaler::new();
    let right = Region { x: 32, y: 0, width: 32, height: 48 };
    let green = Picture::new(10, 10, GREEN);
    assert!(scaler.draw(&green, Region::of(&green), &mut halves, right));
    for (width, height) in [(32, 24), (64, 48), (90, 70), (20, 44)] {
        let mut canvas = Picture::new(200, 100, [16, 128, 128]);
        let onto = Region { x: 100, y: 20, width, height };
        assert!(scaler.draw(&halves, Region::of(&halves), &mut canvas, onto));
        let at = |x: u32, y: u32| {
            let [luma, u, v] = canvas.planes();
            [luma.at(x, y).unwrap(), u.at(x / 2, y / 2).unwrap(), v.at(x / 2, y / 2).unwrap()]
        };
        assert!(is_near(at(100, 20), RED) && is_near(at(100 + width - 1, 20 + height - 1), GREEN));
        for outside in [(98, 30), (100 + width, 30), (110, 18), (110, 20 + height)] {
            if outside.0 < 200 && outside.1 < 100 {
                assert_eq!(at(outside.0, outside.1), [16, 128, 128]);
            }
        }
    }
    let mut canvas = Picture::new(64, 48, RED);
    let whole = Region::of(&halves);
    for onto in [
        Region { x: 1, ..whole },
        Region { x: 2, ..whole },
        Region { width: 0, ..whole },
        Region { x: u32::MAX - 1, ..whole },
    ] {
        assert!(!scaler.draw(&halves, whole, &mut canvas, onto), "{onto:?}");
    }
}

#[test]
fn a_jpeg_is_small_and_whole() {
    let bytes = encode_jpeg(&Picture::new(160, 90, RED), 70).unwrap();
    assert!(bytes.starts_with(&[0xFF, 0xD8]) && bytes.ends_with(&[0xFF, 0xD9]) && bytes.len() < 2_000);
    assert!(encode_jpeg(&Picture::default(), 70).is_err());
    assert!(encode_jpeg(&Picture::new(161, 91, GREEN), 70).is_ok());
}

fn any_codec() -> impl Strategy<Value = VideoCodec> {
    prop_oneof![Just(VideoCodec::Vp8), Just(VideoCodec::Vp9), Just(VideoCodec::H264), Just(VideoCodec::Av1)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_ends_in_a_value(codec in any_codec(), pictures in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4)) {
        let mut decoder = decoder(codec).unwrap();
        let mut shown = Picture::default();
        for picture in pictures {
            let _ = decoder.decode(&picture, &mut shown);
        }
    }

    #[test]
    fn cut_and_flipped_pictures_end_in_a_value(
        codec in 0..3_usize,
        cut in 0..400_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let codec = CODED[codec];
        let mut decoder = decoder(codec).unwrap();
        let mut shown = Picture::default();
        for mut picture in coded(codec, &[RED, GREEN, RED]) {
            picture.truncate(picture.len().saturating_sub(cut));
            for (at, flip) in &flips {
                let at = at.index(picture.len().max(1));
                picture.get_mut(at).into_iter().for_each(|byte| *byte ^= flip);
            }
            let _ = decoder.decode(&picture, &mut shown);
            prop_assert!(shown.width() <= 4_096 && shown.height() <= 4_096);
        }
    }
}
