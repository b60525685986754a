//! What streams cost, and the ladders that come of it.

use super::*;

/// Feeds frames of so many bytes at so many a second; gives the time after them.
fn feed(meter: &mut RateMeter, mut now: Instant, ms: u64, fps: u64, bytes: usize) -> Instant {
    let end = now + Duration::from_millis(ms);
    while now < end {
        meter.add(now, bytes);
        now += Duration::from_micros(1_000_000 / fps);
    }
    end
}

fn near(value: u64, wanted: u64, percent: u64) -> bool {
    value.abs_diff(wanted) * 100 <= wanted * percent
}

#[test]
fn a_steady_stream_has_its_rate() {
    for fps in [8, 15, 30, 250] {
        let mut meter = RateMeter::new();
        let mut now = Instant::now();
        for second in 1..=5 {
            now = feed(&mut meter, now, 1_000, fps, 1_000_000 / 8 / fps as usize);
            assert!(near(meter.cost_bps(now), 1_000_000, 15), "{fps}, second {second}: {}", meter.cost_bps(now));
        }
        assert!(near(meter.bps(now), 1_000_000, 15), "{fps}: {}", meter.bps(now));
        assert!(near(meter.cost_bps(now), 1_000_000, 8), "{fps}: {}", meter.cost_bps(now));
    }
}

#[test]
fn a_key_frame_is_no_rate_and_a_pause_no_cheapness() {
    let mut meter = RateMeter::new();
    let now = feed(&mut meter, Instant::now(), 5_000, 30, 10_400);
    meter.add(now, 80_000);
    let now = feed(&mut meter, now, 1_000, 30, 10_400);
    assert!(near(meter.cost_bps(now), 2_500_000, 15), "{}", meter.cost_bps(now));
    let now = feed(&mut meter, now, 3_000, 30, 1_000);
    assert!(meter.bps(now) < 300_000);
    assert!(meter.cost_bps(now) > 1_700_000, "{}", meter.cost_bps(now));
    let now = now + Duration::from_secs(3);
    assert_eq!(meter.bps(now), 0);
    assert!(meter.cost_bps(now) > 1_500_000);
    let now = feed(&mut meter, now, 2_000, 30, 1_000);
    assert!(near(meter.bps(now), 240_000, 15));
    let hour = now + Duration::from_secs(3_600);
    assert!(meter.cost_bps(hour) > 1_000_000, "what it cost before it was muted");
}

#[test]
fn the_key_frame_at_the_start_is_soon_forgotten() {
    let mut meter = RateMeter::new();
    let start = Instant::now();
    meter.add(start, 10_000);
    let now = feed(&mut meter, start, 300, 30, 625);
    assert!(meter.cost_bps(now) < 350_000, "{}", meter.cost_bps(now));
    let now = feed(&mut meter, now, 1_300, 30, 625);
    assert!(near(meter.cost_bps(now), 150_000, 15), "{}", meter.cost_bps(now));
}

#[test]
fn a_screen_at_rest_is_not_cheap_at_once() {
    let mut meter = RateMeter::new();
    let mut now = feed(&mut meter, Instant::now(), 5_000, 10, 12_500);
    for _ in 0..4 {
        now = feed(&mut meter, now, 1_000, 1, 500);
    }
    assert!(meter.cost_bps(now) > 550_000, "{}", meter.cost_bps(now));
    for _ in 0..40 {
        now = feed(&mut meter, now, 1_000, 1, 500);
    }
    assert!(meter.cost_bps(now) < 30_000, "{}", meter.cost_bps(now));
}

#[test]
fn a_key_frame_of_a_screen_is_paid_for_over_some_seconds() {
    let (mut at_once, mut later) = (RateMeter::new(), RateMeter::new());
    let start = Instant::now();
    for meter in [&mut at_once, &mut later] {
        feed(meter, start, 5_000, 5, 3_000);
    }
    let mut now = start + Duration::from_secs(5);
    at_once.add(now, 60_000);
    later.add_over_time(now, 60_000);
    now = feed(&mut at_once, now, 1_000, 5, 3_000);
    feed(&mut later, now - Duration::from_secs(1), 1_000, 5, 3_000);
    assert!(at_once.cost_bps(now) > 250_000, "{}", at_once.cost_bps(now));
    assert!(later.cost_bps(now) < 170_000, "{}", later.cost_bps(now));
    // Who sends nothing else is not free.
    let mut keys = RateMeter::new();
    for _ in 0..60 {
        keys.add_over_time(now, 60_000);
        now += Duration::from_secs(1);
    }
    assert!(near(keys.cost_bps(now), 480_000, 15), "{}", keys.cost_bps(now));
}

/// Feeds every layer of three encodings and three frame rates for so long.
fn feed_camera(meters: &mut LayerMeters, mut now: Instant, ms: u64, encodings: &[u8]) -> Instant {
    let end = now + Duration::from_millis(ms);
    let mut frame = 0;
    while now < end {
        let temporal = [0, 2, 1, 2][frame % 4];
        for encoding in encodings {
            let bytes = [600, 2_000, 10_000][usize::from(*encoding)];
            meters.add(now, Layer { encoding: *encoding, spatial: 0, temporal }, bytes);
        }
        (now, frame) = (now + Duration::from_micros(33_333), frame + 1);
    }
    end
}

fn built(meters: &mut LayerMeters, now: Instant, prefer: Prefer, stacking: Stacking) -> Vec<(u8, u8, u8, u64)> {
    let mut ladder = Ladder::new();
    ladder.build(now, meters, prefer, stacking);
    ladder.rungs().iter().map(|r| (r.layer.encoding, r.layer.spatial, r.layer.temporal, r.bps / 10_000)).collect()
}

fn names(rungs: &[(u8, u8, u8, u64)]) -> Vec<(u8, u8)> {
    rungs.iter().map(|r| (r.0, r.2)).collect()
}

#[test]
fn faces_keep_their_frames_and_screens_their_pixels() {
    let mut meters = LayerMeters::new();
    let now = feed_camera(&mut meters, Instant::now(), 4_000, &[0, 1, 2]);
    let motion = built(&mut meters, now, Prefer::Motion, Stacking::Every);
    assert_eq!(names(&motion), [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]);
    assert!(motion.is_sorted_by_key(|r| r.3));
    assert!(near(motion[6].3, 240, 10) && near(motion[0].3, 4, 30), "{motion:?}");
    let sharp = built(&mut meters, now, Prefer::Sharpness, Stacking::Every);
    assert_eq!(names(&sharp), [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)]);
}

#[test]
fn sizes_decide_the_order_of_encodings() {
    let mut meters = LayerMeters::new();
    let now = feed_camera(&mut meters, Instant::now(), 2_000, &[0, 1, 2]);
    for (encoding, height) in [(0, 720), (1, 360), (2, 180)] {
        meters.set_size(encoding, 0, height * 16 / 9, height);
    }
    let motion = built(&mut meters, now, Prefer::Motion, Stacking::Every);
    assert_eq!(motion.first().map(|r| r.0), Some(2));
    assert_eq!(motion.last().map(|r| r.0), Some(0));
    assert!(motion.is_sorted_by_key(|r| r.3), "a cheap large one is counted as dear as the small one");
}

#[test]
fn a_screen_that_comes_twice_in_one_size_keeps_all_frame_rates_of_both() {
    let mut meters = LayerMeters::new();
    let now = feed_camera(&mut meters, Instant::now(), 4_000, &[0, 1, 2]);
    for encoding in 0..3 {
        let (width, height) = if encoding == 0 { (960, 540) } else { (1920, 1080) };
        meters.set_size(encoding, 0, width, height);
    }
    let sharp = built(&mut meters, now, Prefer::Sharpness, Stacking::Every);
    assert_eq!(names(&sharp), [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]);
    assert!(sharp.is_sorted_by_key(|r| r.3));
}

#[test]
fn silent_encodings_are_passed_over() {
    let mut meters = LayerMeters::new();
    let now = feed_camera(&mut meters, Instant::now(), 2_000, &[0, 1, 2]);
    let now = feed_camera(&mut meters, now, 1_600, &[0, 1]);
    assert_eq!(names(&built(&mut meters, now, Prefer::Motion, Stacking::Every)).last(), Some(&(1, 2)));
    let now = now + Duration::from_secs(2);
    assert!(built(&mut meters, now, Prefer::Motion, Stacking::Every).is_empty());
    assert!(!built(&mut meters, now, Prefer::Sharpness, Stacking::Every).is_empty(), "a screen at rest");
}

/// Feeds and builds as often as viewers have it built, until the largest is to be had or is not; gives how long that took, in ms.
fn until_top(
    meters: &mut LayerMeters,
    now: &mut Instant,
    (prefer, is_had): (Prefer, bool),
    encodings: &[u8],
) -> Option<u64> {
    (0..4_000).step_by(100).find(|_| {
        let is_there = has_top(meters, *now, prefer);
        *now = feed_camera(meters, *now, 100, encodings);
        is_there == is_had
    })
}

fn has_top(meters: &mut LayerMeters, now: Instant, prefer: Prefer) -> bool {
    built(meters, now, prefer, Stacking::Every).last().is_some_and(|top| top.0 == 2)
}

#[test]
fn an_encoding_that_its_publisher_stops_while_others_go_on_is_soon_gone() {
    let (mut meters, mut now) = (LayerMeters::new(), Instant::now());
    let (gone, had) = ((Prefer::Motion, false), (Prefer::Motion, true));
    assert_eq!(until_top(&mut meters, &mut now, had, &[0, 1, 2]), Some(100));
    assert_eq!(until_top(&mut meters, &mut now, gone, &[0, 1, 2]), None);
    assert_eq!(until_top(&mut meters, &mut now, gone, &[0, 1]), Some(300));
    for trial_ms in [1_100, 2_100] {
        assert_eq!(until_top(&mut meters, &mut now, had, &[0, 1]), None);
        assert_eq!(until_top(&mut meters, &mut now, had, &[0, 1, 2]), Some(trial_ms), "it is on trial");
        assert_eq!(until_top(&mut meters, &mut now, gone, &[0, 1]), Some(300));
    }
    let sharp = (Prefer::Sharpness, false);
    assert_eq!(until_top(&mut meters, &mut now, sharp, &[0, 1]), None, "few pictures of a screen are no sign");
}

#[test]
fn a_small_encoding_that_leaves_out_frames_beside_a_large_one_is_still_to_be_had() {
    let mut meters = LayerMeters::new();
    let mut now = feed_camera(&mut meters, Instant::now(), 2_000, &[0, 1, 2]);
    let smallest = |meters: &mut LayerMeters, now| built(meters, now, Prefer::Motion, Stacking::Every)[0].0;
    for _ in 0..12 {
        assert_eq!(smallest(&mut meters, now), 0);
        now = feed_camera(&mut meters, now, 100, &[1, 2]);
    }
    now = feed_camera(&mut meters, now, 400, &[1, 2]);
    assert_eq!(smallest(&mut meters, now), 1, "silent for too long");
    now = feed_camera(&mut meters, now, 100, &[0, 1, 2]);
    assert_eq!(smallest(&mut meters, now), 0, "no trial");
}

#[test]
fn an_encoding_is_not_gone_while_none_goes_on() {
    let (mut meters, mut now) = (LayerMeters::new(), Instant::now());
    assert_eq!(until_top(&mut meters, &mut now, (Prefer::Motion, false), &[0, 1, 2]), Some(0));
    assert_eq!(until_top(&mut meters, &mut now, (Prefer::Motion, true), &[0, 1, 2]), Some(0));
    assert_eq!(until_top(&mut meters, &mut now, (Prefer::Motion, false), &[]), Some(1_500));
    assert_eq!(until_top(&mut meters, &mut now, (Prefer::Motion, true), &[0, 1, 2]), Some(100));
}

#[test]
fn an_encoding_that_its_publisher_says_he_stops_is_gone_at_once() {
    let (mut meters, mut now) = (LayerMeters::new(), Instant::now());
    until_top(&mut meters, &mut now, (Prefer::Motion, true), &[0, 1, 2]);
    assert!(!meters.told_active(now, [true, true, true, false]));
    assert!(!meters.told_active(now, [false; 4]), "all rest");
    assert!(has_top(&mut meters, now, Prefer::Motion));
    assert!(meters.told_active(now, [true, true, false, false]));
    assert!(!meters.told_active(now, [true, true, false, false]), "known");
    assert!(!has_top(&mut meters, now, Prefer::Motion));
    now = feed_camera(&mut meters, now, 80, &[0, 1, 2]);
    assert!(!has_top(&mut meters, now, Prefer::Motion), "the last of it was on its way");
    meters.told_active(now, [true, true, true, false]);
    assert_eq!(until_top(&mut meters, &mut now, (Prefer::Motion, true), &[0, 1, 2]), Some(1_100));
}

#[test]
fn a_large_slide_show_beside_a_fluid_picture_is_not_taken_up_again_and_again() {
    let mut meters = LayerMeters::new();
    let mut now = feed_camera(&mut meters, Instant::now(), 2_000, &[0, 1, 2]);
    let (mut changes, mut was_had) = (0, true);
    for _ in 0..120 {
        meters.add(now, Layer { encoding: 2, spatial: 0, temporal: 0 }, 10_000);
        for _ in 0..5 {
            now = feed_camera(&mut meters, now, 100, &[0, 1]);
            let is_had = has_top(&mut meters, now, Prefer::Motion);
            changes += u32::from(is_had != was_had);
            was_had = is_had;
        }
    }
    assert!(changes <= 3, "{changes}");
}

#[test]
fn a_stopped_encoding_can_still_be_had() {
    let mut meters = LayerMeters::new();
    let now = feed_camera(&mut meters, Instant::now(), 3_000, &[0, 1, 2]);
    let before = built(&mut meters, now, Prefer::Motion, Stacking::Every);
    meters.pause(now, 2);
    let now = feed_camera(&mut meters, now, 60_000, &[0, 1]);
    assert_eq!(built(&mut meters, now, Prefer::Motion, Stacking::Every).last(), before.last());
    meters.resume(now, 2);
    let soon = feed_camera(&mut meters, now, 1_000, &[0, 1]);
    assert_eq!(built(&mut meters, soon, Prefer::Motion, Stacking::Every).last(), before.last());
    let later = feed_camera(&mut meters, soon, 1_000, &[0, 1]);
    let gone = built(&mut meters, later, Prefer::Motion, Stacking::Every);
    assert_eq!(gone.last().map(|r| r.0), Some(1), "it did not start again");
    let now = feed_camera(&mut meters, later, 2_000, &[0, 1, 2]);
    assert_eq!(names(&built(&mut meters, now, Prefer::Motion, Stacking::Every)), names(&before));
}

#[test]
fn spatial_layers_are_paid_for_together_or_alone() {
    let mut meters = LayerMeters::new();
    let mut now = Instant::now();
    for _ in 0..90 {
        for (spatial, bytes) in [(0, 500), (1, 1_500), (2, 8_000)] {
            meters.add(now, Layer { encoding: 0, spatial, temporal: 0 }, bytes);
        }
        now += Duration::from_micros(33_333);
    }
    let top =
        |meters: &mut LayerMeters, stacking| built(meters, now, Prefer::Motion, stacking).last().map_or(0, |r| r.3);
    assert!(near(top(&mut meters, Stacking::Every), 240, 10));
    assert!(near(top(&mut meters, Stacking::KeyFrames), 192, 10));
}

#[test]
fn layers_without_end_are_counted_as_the_last() {
    let mut meters = LayerMeters::new();
    let now = Instant::now();
    for n in 0..=255 {
        meters.add(now, Layer { encoding: n, spatial: n, temporal: n }, usize::MAX);
        meters.set_size(n, 255 - n, u16::MAX, u16::MAX);
    }
    for prefer in [Prefer::Motion, Prefer::Sharpness] {
        assert!(built(&mut meters, now, prefer, Stacking::Every).len() <= 4 * 4 * 4);
    }
}
