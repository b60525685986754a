//! Packets and bitstreams that nobody sane would send.

use super::super::*;
use super::world::*;
use TileState::Live;
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::VideoCodec;
use proptest::prelude::*;

const ALL: [VideoCodec; 4] = [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264, VideoCodec::Av1];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_packets_end_in_pictures_or_gaps(
        codec in 0..4_usize,
        packets in prop::collection::vec(
            (0..40_u64, 0..4_u32, any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..60),
    ) {
        let mut world = World::new();
        world.compositor.add_source(SourceId(1), ALL[codec], "\u{7}\u{202E}x\n").unwrap();
        world.show(1, grid(&[(1, Live)]));
        for (seq, timestamp, marker, payload) in &packets {
            let packet = VideoPacket { seq: ExtSeq(*seq), timestamp: *timestamp, marker: *marker, payload };
            world.compositor.push(SourceId(1), packet, world.now);
            if *marker {
                world.step();
            }
        }
        world.run(8);
    }

    #[test]
    fn a_flipped_or_cut_stream_harms_its_own_tile_only(
        codec in 0..3_usize,
        flips in prop::collection::vec((0..30_usize, 0..200_usize, any::<u8>(), 0..60_usize), 1..20),
    ) {
        let mut world = World::with(&[GREEN]);
        let mut bad = Camera::new(ALL[codec], (160, 90), RED);
        world.compositor.add_source(SourceId(9), ALL[codec], "bad").unwrap();
        let view = grid(&[(1, Live), (9, Live)]);
        world.show(1, view.clone());
        for at in 0..30 {
            bad.wants_key = at % 10 == 0;
            for (seq, marker, mut payload) in bad.picture() {
                for (when, place, flip, cut) in &flips {
                    if *when == at {
                        payload.get_mut(*place).into_iter().for_each(|byte| *byte ^= flip);
                        payload.truncate(payload.len().saturating_sub(*cut));
                    }
                }
                let packet = VideoPacket { seq: ExtSeq(seq), timestamp: at as u32, marker, payload: &payload };
                world.compositor.push(SourceId(9), packet, world.now);
            }
            world.step();
        }
        let seen = world.viewer(1).colour_at(places(&view)[0]);
        prop_assert!(is_near(seen, GREEN), "{seen:?}");
    }
}

/// A thousand compositors with decoders and encoders of each kind: memory and threads as before. Takes half a minute.
#[test]
#[ignore = "takes half a minute: run it by name"]
fn a_thousand_come_and_go() {
    let status = |key: &str| -> u64 {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut after_100 = (0, 0, 0);
    for round in 0..1_000 {
        let mut world = World::with(&[RED]);
        world.add(2, Camera::new(VideoCodec::H264, (160, 90), GREEN));
        world.add(3, Camera::new(VideoCodec::Vp9, (160, 90), BLUE));
        world.compositor.add_source(SourceId(4), VideoCodec::Av1, "A").unwrap();
        let view = grid(&[(1, Live), (2, Live), (3, Live), (4, Live)]);
        world.show(1, view.clone());
        world.show(2, View { codec: ViewCodec::H264, ..view });
        world.run(4);
        assert_eq!(world.compositor.stats().decoding, 4);
        drop(world);
        if round == 99 {
            after_100 = (status("VmRSS"), status("Threads"), files());
        }
    }
    let after = (status("VmRSS"), status("Threads"), files());
    println!("RESULT kib_after_100={} kib_after_1000={} threads={} files={}", after_100.0, after.0, after.1, after.2);
    assert!(after.0 < after_100.0 + 5_000 && (after.1, after.2) == (after_100.1, after_100.2));
}
