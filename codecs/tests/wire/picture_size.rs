//! Sizes of pictures, from bytes that encoders made and from parameters written here.

use colloquy_codecs::payload::PayloadFormat::{Av1, H264, Opus, Vp8, Vp9};
use colloquy_codecs::payload::{PayloadFormat, picture_size};
use proptest::prelude::*;

use crate::hex;

/// A payload, the size that it tells, and why.
type Case = (PayloadFormat, &'static str, Option<(u32, u32)>, &'static str);

/// Beginnings of key frames. Those of 642x362, 322x182 and 640x360 in H.264 were made by libvpx, libaom and OpenH264.
const KNOWN: &[Case] = &[
    (H264, "6742c01e8c8d405017fcb00f08846a00", Some((640, 360)), "constrained baseline, cropped below"),
    (H264, "6742c00d8c8d40a8cb113403c2211a8000", Some((322, 182)), "cropped on both sides"),
    (H264, "67640028acd940780227e5c044000003000400000300f03c60c658", Some((1920, 1080)), "high"),
    (H264, "78 0010 6742c01e8c8d405017fcb00f08846a00 0004 68ce3c80", Some((640, 360)), "in a STAP-A"),
    (H264, "78 0004 68ce3c80 0010 6742c01e8c8d405017fcb00f08846a00", Some((640, 360)), "behind another unit"),
    (H264, "7c 87 42c01e8c8d405017fcb00f08846a00", Some((640, 360)), "whole in the first piece of a FU-A"),
    (H264, "7c 07 42c01e8c8d405017fcb00f08846a00", None, "another piece"),
    (H264, "6742c01e8c8d40", None, "cut"),
    (H264, "65888400", None, "an IDR slice"),
    (H264, "78 0004 68ce3c80", None, "a STAP-A without"),
    (Vp8, "10 5002009d012a8002680100", Some((640, 360)), "a key frame"),
    (Vp8, "10 5102009d012a8002680100", None, "no key frame"),
    (Vp8, "10 5002009d012a8002", None, "cut"),
    (Vp9, "88 05 8249834220281016961438", Some((642, 362)), "a key frame"),
    (Vp9, "88 05 8649834220281016961438", None, "an inter frame"),
    (Vp9, "c8 05 8249834220281016961438", None, "P"),
    (Av1, "18 0a0c0000000cc50369e06d7c8020", Some((642, 362)), "a sequence header with its size"),
    (Av1, "18 080000000cc50369e06d7c8020", Some((642, 362)), "and without"),
    (Av1, "28 07 080000000cc503 32aabb", None, "cut before the end of the numbers"),
    (Av1, "10 0a0c0000000cc50369e06d7c8020", None, "not the beginning of a sequence"),
    (Opus, "78", None, "sound"),
];

#[test]
fn sizes_are_read_where_a_key_frame_begins() {
    for (format, bytes, expected, why) in KNOWN {
        assert_eq!(picture_size(*format, &hex(bytes)), *expected, "{format:?} {bytes}: {why}");
    }
}

/// Bits, written as H.264 has them.
#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    fn bits(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|at| value >> at & 1 == 1));
    }

    fn unsigned(&mut self, value: u32) {
        let width = 32 - (value + 1).leading_zeros();
        self.bits(0, width - 1);
        self.bits(value + 1, width);
    }

    fn signed(&mut self, value: i32) {
        self.unsigned(if value > 0 { 2 * value.unsigned_abs() - 1 } else { 2 * value.unsigned_abs() });
    }

    /// With the stop bit, and emulation prevention (H.264 section 7.4.1) behind the header.
    fn into_unit(mut self, header: u8) -> Vec<u8> {
        self.0.push(true);
        let mut unit = vec![header];
        let mut zeros = 0;
        for bits in self.0.chunks(8) {
            let byte = bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at));
            if zeros == 2 && byte <= 3 {
                unit.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            unit.push(byte);
        }
        unit
    }
}

/// What stands before the size.
#[derive(Debug, Clone)]
struct Before {
    profile: u32,
    constraints: u32,
    chroma: u32,
    separate: bool,
    /// Differences of each list that is sent.
    lists: Option<Vec<Option<Vec<i32>>>>,
    order_count: u32,
    cycle: Vec<i32>,
    references: u32,
}

#[derive(Debug, Clone, Copy)]
struct Size {
    width_mbs: u32,
    height_units: u32,
    progressive: bool,
    crop: Option<[u32; 4]>,
}

fn before() -> impl Strategy<Value = Before> {
    // A list goes on until a difference makes the scale 0; small steps down from 8 never do before the end.
    let list = prop::option::of(prop::collection::vec(0_i32..2, 64));
    (
        prop::sample::select(vec![66_u32, 77, 88, 100, 110, 122, 244, 44]),
        0_u32..256,
        (0_u32..4, any::<bool>()),
        prop::option::of(prop::collection::vec(list, 12)),
        0_u32..3,
        prop::collection::vec(-70_000_i32..70_000, 0..20),
        0_u32..17,
    )
        .prop_map(|(profile, constraints, (chroma, separate), lists, order_count, cycle, references)| Before {
            profile,
            constraints,
            chroma,
            separate: separate && chroma == 3,
            lists,
            order_count,
            cycle,
            references,
        })
}

fn size() -> impl Strategy<Value = Size> {
    (1_u32..=1_055, 1_u32..=1_055, any::<bool>(), prop::option::of([0_u32..4, 0..4, 0..4, 0..4]))
        .prop_map(|(width_mbs, height_units, progressive, crop)| Size { width_mbs, height_units, progressive, crop })
}

fn has_chroma(before: &Before) -> bool {
    before.profile == 44 || before.profile >= 100
}

fn write(before: &Before, size: Size) -> Vec<u8> {
    let mut out = Writer::default();
    out.bits(before.profile, 8);
    out.bits(before.constraints, 8);
    out.bits(0, 8); // a level that makes for zeros
    out.unsigned(0);
    if has_chroma(before) {
        out.unsigned(before.chroma);
        if before.chroma == 3 {
            out.bits(u32::from(before.separate), 1);
        }
        out.unsigned(0);
        out.unsigned(2);
        out.bits(0, 1);
        out.bits(u32::from(before.lists.is_some()), 1);
        let count = if before.chroma == 3 { 12 } else { 8 };
        for (at, list) in before.lists.iter().flatten().take(count).enumerate() {
            out.bits(u32::from(list.is_some()), 1);
            for difference in list.iter().flatten().take(if at < 6 { 16 } else { 64 }) {
                out.signed(*difference);
            }
        }
    }
    out.unsigned(12);
    out.unsigned(before.order_count);
    match before.order_count {
        0 => out.unsigned(4),
        1 => {
            out.bits(1, 1);
            out.signed(-3);
            out.signed(i32::MIN / 2);
            out.unsigned(before.cycle.len() as u32);
            before.cycle.iter().for_each(|offset| out.signed(*offset));
        }
        _ => {}
    }
    out.unsigned(before.references);
    out.bits(0, 1);
    out.unsigned(size.width_mbs - 1);
    out.unsigned(size.height_units - 1);
    out.bits(u32::from(size.progressive), 1);
    if !size.progressive {
        out.bits(1, 1);
    }
    out.bits(1, 1);
    out.bits(u32::from(size.crop.is_some()), 1);
    size.crop.iter().flatten().for_each(|side| out.unsigned(*side));
    out.bits(0, 1);
    out.into_unit(0x67)
}

/// H.264 equations 7-13 to 7-22, as the standard writes them.
fn expected(before: &Before, size: Size) -> Option<(u32, u32)> {
    let format = if has_chroma(before) { before.chroma } else { 1 };
    let array_type = if before.separate && has_chroma(before) { 0 } else { format };
    let sub_width = if array_type == 1 || array_type == 2 { 2 } else { 1 };
    let sub_height = if array_type == 1 { 2 } else { 1 };
    let fields = 2 - u32::from(size.progressive);
    let [left, right, top, bottom] = size.crop.unwrap_or_default();
    let width = (16 * size.width_mbs).checked_sub(sub_width * (left + right))?;
    let height = (16 * size.height_units * fields).checked_sub(sub_height * fields * (top + bottom))?;
    (width > 0 && height > 0).then_some((width, height))
}

proptest! {
    #[test]
    fn parameters_that_were_written_are_read(before in before(), size in size()) {
        let unit = write(&before, size);
        prop_assert_eq!(picture_size(H264, &unit), expected(&before, size));
        // Emulation prevention is undone in a STAP-A as well.
        let len = u16::try_from(unit.len()).expect("some kilobytes");
        let stap = [&[0x78], &len.to_be_bytes()[..], &unit].concat();
        prop_assert_eq!(picture_size(H264, &stap), expected(&before, size));
    }

    #[test]
    fn an_end_anywhere_is_no_size_or_the_size(before in before(), size in size(), cut in any::<prop::sample::Index>()) {
        let unit = write(&before, size);
        let read = picture_size(H264, &unit[..cut.index(unit.len())]);
        prop_assert!(read.is_none() || read == expected(&before, size));
    }

    #[test]
    fn vp9_headers_of_every_profile_are_read(profile in 0_u32..4, space in 0_u32..8, width in 1_u32..=65_536, height in 1_u32..=65_536) {
        let mut out = Writer::default();
        out.bits(2, 2);
        out.bits(profile & 1, 1);
        out.bits(profile >> 1, 1);
        if profile == 3 {
            out.bits(0, 1);
        }
        out.bits(0b0010, 4);
        out.bits(0x49_8342, 24);
        if profile >= 2 {
            out.bits(1, 1);
        }
        out.bits(space, 3);
        match (space == 7, profile & 1) {
            (true, _) => out.bits(0, profile & 1),
            (false, 0) => out.bits(1, 1),
            (false, _) => out.bits(0b1100, 4),
        }
        out.bits(width - 1, 16);
        out.bits(height - 1, 16);
        out.bits(0, 8);
        let mut payload = vec![0x88, 5];
        payload.extend(out.0.chunks(8).map(|bits| bits.iter().enumerate().fold(0_u8, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))));
        let is_legal = space != 7 || profile & 1 == 1;
        prop_assert_eq!(picture_size(Vp9, &payload), is_legal.then_some((width, height)));
    }

    #[test]
    fn av1_sequence_headers_are_read(
        reduced in any::<bool>(),
        (timing, model) in (prop::option::of(prop::option::of(0_u32..1_000)), prop::option::of(1_u32..=32)),
        display_delay in any::<bool>(),
        points in prop::collection::vec((0_u32..0x100, 0_u32..32, any::<bool>()), 1..=32),
        spatial in 1_u32..16,
        (width, height) in (1_u32..=65_536, 1_u32..=65_536),
    ) {
        let mut out = Writer::default();
        out.bits(0, 3);
        out.bits(u32::from(reduced), 1);
        out.bits(u32::from(reduced), 1);
        if reduced {
            out.bits(8, 5);
        } else {
            out.bits(u32::from(timing.is_some()), 1);
            let model = timing.and(model);
            if let Some(interval) = timing {
                out.bits(1, 32);
                out.bits(30, 32);
                out.bits(u32::from(interval.is_some()), 1);
                interval.iter().for_each(|ticks| out.unsigned(*ticks));
                out.bits(u32::from(model.is_some()), 1);
                if let Some(len) = model {
                    out.bits(len - 1, 5);
                    out.bits(7, 32);
                    out.bits(0x155, 10);
                }
            }
            out.bits(u32::from(display_delay), 1);
            out.bits(points.len() as u32 - 1, 5);
            for (temporal, level, flag) in &points {
                out.bits(spatial, 4);
                out.bits(*temporal, 8);
                out.bits(*level, 5);
                if *level > 7 {
                    out.bits(1, 1);
                }
                if let Some(len) = model {
                    out.bits(u32::from(*flag), 1);
                    if *flag {
                        out.bits(0, len);
                        out.bits(u32::MAX, len);
                        out.bits(1, 1);
                    }
                }
                if display_delay {
                    out.bits(u32::from(*flag), 1);
                    if *flag {
                        out.bits(9, 4);
                    }
                }
            }
        }
        out.bits(15, 4);
        out.bits(15, 4);
        out.bits(width - 1, 16);
        out.bits(height - 1, 16);
        out.bits(0, 8);
        let mut payload = vec![0x18, 0x08];
        payload.extend(out.0.chunks(8).map(|bits| bits.iter().enumerate().fold(0_u8, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))));
        // Of several spatial layers it is not said which is how large.
        let tells = reduced || spatial.count_ones() == 1;
        prop_assert_eq!(picture_size(Av1, &payload), tells.then_some((width, height)));
    }
}
