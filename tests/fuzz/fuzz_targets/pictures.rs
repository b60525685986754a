#![no_main]

//! Packets of a camera, put together and decoded: nothing panics, crashes or grows. The first byte is the codec; a packet is a byte of
//! flags (marker; a number left out; another picture; later), two of length and so many of payload.

use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::{MAX_PIXELS, Picture, VideoCodec, decoder};
use colloquy_media_core::mix::video::{Assembled, Assembler, VideoPacket};
use std::time::{Duration, Instant};

/// More packets of one input are not looked at.
const MAX_PACKETS: usize = 256;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((codec, mut rest)) = bytes.split_first() else { return };
    let codec = [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264, VideoCodec::Av1][usize::from(codec & 3)];
    let mut assembler = Assembler::new(codec);
    let mut decoder = decoder(codec).expect("memory");
    let mut shown = Picture::default();
    let (mut seq, mut timestamp, mut now) = (1, 0, Instant::now());
    for _ in 0..MAX_PACKETS {
        let [flags, low, high, others @ ..] = rest else { return };
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(others.len());
        let (payload, others) = others.split_at(len);
        rest = others;
        seq += 1 + u64::from(flags & 2 != 0);
        timestamp += u32::from(flags & 4 != 0);
        now += Duration::from_millis(u64::from(flags & 8) * 25);
        assembler.push(VideoPacket { seq: ExtSeq(seq), timestamp, marker: flags & 1 != 0, payload }, now);
        while let Some(assembled) = assembler.poll(now) {
            let is_picture = matches!(assembled, Assembled::Picture { .. });
            if is_picture && decoder.decode(assembler.picture(), &mut shown).is_err() {
                assembler.restart();
            }
            assert!(shown.width() * shown.height() <= MAX_PIXELS);
        }
    }
});
