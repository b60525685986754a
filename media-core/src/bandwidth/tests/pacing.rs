//! The pacer by itself.

use crate::bandwidth::{Admission, Bandwidth, BandwidthLimits, Pacer, Urgency, probe::Probe};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// Admits or holds a packet; whether it left at once.
fn offer(pacer: &mut Pacer<u64>, now: Instant, urgency: Urgency, sequence: u64, wire_bytes: usize) -> Admission {
    let admission = pacer.admit(now, urgency, wire_bytes);
    if admission == Admission::Wait {
        pacer.hold(urgency, wire_bytes, |buffer| {
            buffer.extend_from_slice(&sequence.to_be_bytes());
            Some(sequence)
        });
    }
    admission
}

/// Runs on; (time in ms, sequence) of all that left.
fn drain(pacer: &mut Pacer<u64>, start: Instant, mut now: Instant) -> Vec<(u128, u64)> {
    let mut left = Vec::new();
    while let Some(at) = pacer.next_deadline() {
        assert!(at >= now + MS.min(at - now) && at <= now + Duration::from_secs(2), "no busy loop");
        now = at.max(now + MS);
        while let Some(queued) = pacer.poll(now) {
            assert_eq!(queued.bytes, queued.note.to_be_bytes());
            left.push(((now - start).as_millis(), queued.note));
        }
    }
    left
}

#[test]
fn what_the_budget_covers_leaves_at_once() {
    let now = Instant::now();
    let mut pacer = Pacer::new(5_000_000, now);
    for packet in 0..1_000 {
        // One packet every 4 ms is 2.4 Mb/s.
        let admission = offer(&mut pacer, now + 4 * MS * packet, Urgency::InTurn, packet.into(), 1_200);
        assert_eq!(admission, Admission::Now(None));
    }
    assert_eq!((pacer.stats().waited, pacer.next_deadline()), (0, None));
}

#[test]
fn a_burst_is_spread_at_the_pace_and_keeps_its_order() {
    let now = Instant::now();
    let mut pacer = Pacer::new(4_800_000, now);
    // 600 bytes a ms: 5 ms are 3000 bytes, so three packets leave at once, and then three a tick.
    let at_once =
        (0..30).filter(|packet| matches!(offer(&mut pacer, now, Urgency::InTurn, *packet, 1_200), Admission::Now(_)));
    assert_eq!(at_once.count(), 3);
    let left = drain(&mut pacer, now, now);
    assert_eq!(left.iter().map(|(_, sequence)| *sequence).collect::<Vec<_>>(), (3..30).collect::<Vec<_>>());
    let (last_ms, _) = left[26];
    assert!((50..=60).contains(&last_ms), "36 kB at 600 kB/s: {last_ms}");
    let ticks = left.chunk_by(|a, b| a.0 == b.0).count();
    assert!(ticks <= 11, "packets leave in runs: {ticks}");
}

#[test]
fn a_large_picture_of_a_screen_leaves_at_the_target() {
    let now = Instant::now();
    let send = |taken_bytes| {
        let mut pacer = Pacer::new(1_000_000, now);
        pacer.spread(now, 400_000, taken_bytes);
        // 60 kB at 50 kB/s, but for what the path takes in 100 ms.
        for sequence in 0..50 {
            offer(&mut pacer, now, Urgency::InTurn, sequence, 1_200);
        }
        assert!(pacer.wait_of_all() <= Duration::from_millis(1_300));
        assert_eq!(offer(&mut pacer, now, Urgency::Immediate, 99, 100), Admission::Now(None), "audio");
        assert_eq!(pacer.stats().dropped, 0);
        let left = drain(&mut pacer, now, now);
        assert!(left.iter().map(|(_, sequence)| *sequence).is_sorted());
        left
    };
    let left = send(0);
    let by = |ms| left.iter().filter(|(at_ms, _)| *at_ms <= ms).count();
    assert!((1_050..=1_150).contains(&left[left.len() - 1].0), "{left:?}");
    assert!(by(500) <= 26, "{left:?}");
    let (last_ms, _) = send(100_000)[10];
    assert!(last_ms < 400, "what was seen to be taken in leaves at the pace: {last_ms}");
}

#[test]
fn a_screen_no_more_leaves_at_the_pace() {
    let now = Instant::now();
    let mut pacer = Pacer::new(4_800_000, now);
    pacer.spread(now, 400_000, 0);
    for sequence in 0..30 {
        offer(&mut pacer, now, Urgency::InTurn, sequence, 1_200);
    }
    pacer.spread_no_more();
    let left = drain(&mut pacer, now, now);
    assert!(left[left.len() - 1].0 <= 65, "{left:?}");
}

#[test]
fn audio_and_retransmissions_pass_video() {
    let now = Instant::now();
    let mut pacer = Pacer::new(1_000_000, now);
    for sequence in 0..5 {
        offer(&mut pacer, now, Urgency::InTurn, sequence, 1_200);
    }
    assert_eq!(offer(&mut pacer, now, Urgency::Soon, 10, 1_200), Admission::Wait);
    assert_eq!(offer(&mut pacer, now, Urgency::Immediate, 11, 100), Admission::Now(None));
    let left: Vec<_> = drain(&mut pacer, now, now).into_iter().map(|(_, sequence)| sequence).collect();
    assert_eq!(left, [10, 1, 2, 3, 4]);
}

#[test]
fn what_is_asked_for_again_does_not_stop_what_is_new() {
    let now = Instant::now();
    let mut pacer = Pacer::new(1_000_000, now);
    assert_eq!(offer(&mut pacer, now, Urgency::InTurn, 0, 1_200), Admission::Now(None));
    for sequence in 1..4 {
        offer(&mut pacer, now, Urgency::InTurn, sequence, 1_200);
    }
    for sequence in 10..20 {
        offer(&mut pacer, now, Urgency::Soon, sequence, 1_200);
    }
    assert_eq!(pacer.wait_of_soon(), Duration::from_millis(96));
    let left: Vec<_> = drain(&mut pacer, now, now).into_iter().map(|(_, sequence)| sequence).collect();
    assert_eq!(left, [10, 11, 12, 1, 13, 14, 15, 2, 16, 17, 18, 3, 19]);
    assert_eq!(pacer.wait_of_soon(), Duration::ZERO);
}

#[test]
fn nothing_waits_longer_than_the_limit() {
    let now = Instant::now();
    let mut pacer = Pacer::new(1_000_000, now);
    let mut full = 0;
    for sequence in 0..300 {
        full += u64::from(offer(&mut pacer, now, Urgency::InTurn, sequence, 1_200) == Admission::Full);
    }
    assert!(full > 100 && pacer.take_overflow() && !pacer.take_overflow());
    assert_eq!(pacer.stats().dropped, full);
    let left = drain(&mut pacer, now, now);
    assert!(left.iter().all(|(ms, _)| *ms <= 1_001), "{:?}", left.last());

    // A slower pace lets go of what would wait too long now: the newest.
    for sequence in 0..100 {
        offer(&mut pacer, now + 1_500 * MS, Urgency::InTurn, sequence, 1_200);
    }
    let held = pacer.stats().held_packets;
    pacer.set_rate(now + 1_500 * MS, 400_000);
    assert!(pacer.stats().held_packets < held && pacer.take_overflow());
    assert_eq!(drain(&mut pacer, now, now + 1_500 * MS)[0].1, 1);
}

/// A probe as an estimate that was told of room makes it.
fn probe(now: Instant) -> Probe {
    let mut bandwidth = Bandwidth::new(BandwidthLimits::default(), now);
    super::hostile::tell_of(&mut bandwidth, now, 0, 30);
    bandwidth.poll_probe(now + Duration::from_secs(2)).expect("the start is probed")
}

#[test]
fn a_probe_is_filled_to_its_pace() {
    let now = Instant::now();
    let probe = probe(now);
    let mut pacer = Pacer::<u64>::new(750_000, now);
    pacer.start_probe(now, probe);
    let (mut at, mut bytes, mut packets) = (now, 0, 0);
    while let Some(next) = pacer.next_deadline() {
        assert!(next <= at + 5 * MS);
        at = next;
        loop {
            let padding = pacer.padding_due(at);
            if padding == 0 {
                break;
            }
            assert_eq!(pacer.on_padding(at, padding), Some(probe.id));
            (bytes, packets) = (bytes + padding, packets + 1);
        }
    }
    assert!(packets >= probe.packets && bytes >= probe.bytes, "{packets} {bytes}");
    let bps = bytes as f64 * 8.0 / (at - now + 5 * MS).as_secs_f64();
    assert!((0.8..1.25).contains(&(bps / probe.rate_bps as f64)), "{bps} for {}", probe.rate_bps);
    assert_eq!(pacer.admit(at, Urgency::Immediate, 100), Admission::Now(None), "it is over");
}

#[test]
fn media_counts_as_part_of_a_probe() {
    let now = Instant::now();
    let probe = probe(now);
    let mut pacer = Pacer::<u64>::new(750_000, now);
    pacer.start_probe(now, probe);
    let mut packets = 0;
    while pacer.next_deadline().is_some() && packets < 100 {
        assert_eq!(pacer.admit(now + 8 * MS * packets, Urgency::Immediate, 1_200), Admission::Now(Some(probe.id)));
        packets += 1;
    }
    assert!((4..10).contains(&packets), "{packets}");
}

#[test]
fn a_probe_that_nobody_fills_ends_by_itself() {
    let now = Instant::now();
    let probe = probe(now);
    let mut pacer = Pacer::<u64>::new(750_000, now);
    pacer.start_probe(now, probe);
    let (mut at, mut turns) = (now, 0);
    while let Some(next) = pacer.next_deadline() {
        assert!(next > at, "no busy loop");
        at = next;
        pacer.padding_due(at);
        turns += 1;
        assert!(turns < 500);
    }
}
