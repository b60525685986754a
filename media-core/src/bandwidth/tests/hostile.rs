//! Feedback as no honest receiver sends it.

use crate::bandwidth::{Bandwidth, BandwidthLimits};
use colloquy_codecs::rtcp::{self, RtcpPacket};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// What a history may hold at most: `sent::MAX_SLOTS` of 32 bytes.
const MAX_HEAP: usize = 8_192 * 32;

fn feed(bandwidth: &mut Bandwidth, now: Instant, packet: &[u8]) {
    for item in rtcp::packets(packet) {
        if let Ok(RtcpPacket::TransportFeedback(feedback)) = item {
            bandwidth.on_feedback(now, &feedback);
        }
    }
}

/// Sends packets 10 ms apart from `now` on, and tells that all arrived 20 ms after they were sent.
pub(super) fn tell_of(bandwidth: &mut Bandwidth, now: Instant, from_us: u64, packets: u64) {
    let mut arrivals = Vec::new();
    for packet in 0..packets {
        let at_us = from_us + packet * 10_000;
        let sequence = bandwidth.next_sequence();
        bandwidth.on_sent(now + Duration::from_micros(at_us), sequence, 1_000, None);
        arrivals.push((sequence, at_us + 20_000));
    }
    let mut packet = Vec::new();
    rtcp::write_transport_feedback(&mut packet, 1, 2, 0, u64::MAX, &arrivals);
    feed(bandwidth, now + Duration::from_micros(from_us + packets * 10_000 + 40_000), &packet);
}

/// A feedback packet of these parts; the reader refuses some.
fn raw(base: u16, count: u16, reference: u32, number: u8, chunks: &[u16], deltas: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    packet.extend_from_slice(&base.to_be_bytes());
    packet.extend_from_slice(&count.to_be_bytes());
    packet.extend_from_slice(&reference.to_be_bytes()[1..]);
    packet.push(number);
    chunks.iter().for_each(|chunk| packet.extend_from_slice(&chunk.to_be_bytes()));
    packet.extend_from_slice(deltas);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let words = (packet.len() / 4 - 1) as u16;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
    packet
}

#[derive(Debug, Clone)]
enum Act {
    Pass(u64),
    Send(u8, u16),
    Skip(u16),
    Feedback { base: u16, near: bool, reference: u32, number: u8, chunks: Vec<u16>, deltas: Vec<u8> },
    Remb(u64),
    Report(f32, Option<u64>),
    Demand(u64, u64),
    Turn,
}

fn act() -> impl Strategy<Value = Act> {
    let chunk = prop_oneof![Just(0x2000 | 7), Just(0xD555), 0x2000_u16..0x2020, 0x4000_u16..0x4010, any::<u16>()];
    let feedback = (
        any::<(u16, bool, u8)>(),
        prop_oneof![0_u32..100, any::<u32>()],
        proptest::collection::vec(chunk, 1..6),
        proptest::collection::vec(any::<u8>(), 80),
    );
    prop_oneof![
        prop_oneof![0_u64..200_000, 0_u64..20_000_000, Just(1 << 50)].prop_map(Act::Pass),
        (any::<u8>(), any::<u16>()).prop_map(|(packets, bytes)| Act::Send(packets, bytes)),
        any::<u16>().prop_map(Act::Skip),
        feedback.prop_map(|((base, near, number), reference, chunks, deltas)| Act::Feedback {
            base,
            near,
            reference,
            number,
            chunks,
            deltas
        }),
        any::<u64>().prop_map(Act::Remb),
        any::<(f32, Option<u64>)>().prop_map(|(loss, rtt)| Act::Report(loss, rtt)),
        any::<(u64, u64)>().prop_map(|(allocated, needed)| Act::Demand(allocated, needed)),
        Just(Act::Turn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn nothing_that_a_peer_writes_breaks_it(acts in proptest::collection::vec(act(), 1..60)) {
        let limits = BandwidthLimits::default();
        let mut now = Instant::now();
        let mut bandwidth = Bandwidth::new(limits, now);
        let mut last = 0;
        for act in acts {
            match act {
                Act::Pass(us) => now = now.checked_add(Duration::from_micros(us)).unwrap_or(now),
                Act::Send(packets, bytes) => for _ in 0..packets {
                    last = bandwidth.next_sequence();
                    bandwidth.on_sent(now, last, bytes.into(), None);
                    now += Duration::from_micros(100);
                },
                Act::Skip(packets) => for _ in 0..packets {
                    last = bandwidth.next_sequence();
                },
                Act::Feedback { base, near, reference, number, chunks, deltas } => {
                    let base = if near { (last as u16).wrapping_sub(base % 64) } else { base };
                    feed(&mut bandwidth, now, &raw(base, 7, reference, number, &chunks, &deltas));
                    feed(&mut bandwidth, now, &raw(base, 60, reference, number, &chunks, &deltas));
                }
                Act::Remb(bps) => bandwidth.on_remb(now, bps),
                Act::Report(loss, rtt) => bandwidth.on_receiver_report(now, loss, rtt.map(Duration::from_micros)),
                Act::Demand(allocated, needed) => bandwidth.set_demand(allocated, needed, needed),
                Act::Turn => {
                    if let Some(probe) = bandwidth.poll_probe(now) {
                        prop_assert!(probe.rate_bps <= limits.max_bps && probe.bytes < 10_000_000);
                        last = bandwidth.next_sequence();
                        bandwidth.on_sent(now, last, 1_000, Some(probe.id));
                    }
                    bandwidth.handle_timeout(now);
                    if let Some(at) = bandwidth.next_deadline() {
                        prop_assert!(at > now, "a timer that is due again at once");
                    }
                }
            }
            let target_bps = bandwidth.target_bps();
            prop_assert!((limits.min_bps..=limits.max_bps).contains(&target_bps), "{}", target_bps);
            prop_assert!(bandwidth.heap_bytes() <= MAX_HEAP);
        }
    }
}

#[test]
fn what_was_never_sent_or_told_before_counts_for_nothing() {
    let now = Instant::now();
    let mut bandwidth = Bandwidth::new(BandwidthLimits::default(), now);
    let later = now + Duration::from_secs(1);
    feed(&mut bandwidth, later, &raw(0, 7, 5, 0, &[0x2007], &[4; 7]));
    assert_eq!((bandwidth.target_bps(), bandwidth.next_deadline()), (300_000, None));
    assert!(bandwidth.poll_probe(later).is_none(), "no feedback on anything");

    tell_of(&mut bandwidth, now, 0, 30);
    let before = bandwidth.stats();
    for repeat in 0..50 {
        let at = later + Duration::from_millis(repeat);
        feed(&mut bandwidth, at, &raw(0, 30, 0, 0, &[0x2000 | 30], &[4; 30]));
    }
    assert_eq!(bandwidth.stats().target_bps, before.target_bps);
    assert_eq!(bandwidth.stats().acknowledged_bps, before.acknowledged_bps);
}

#[test]
fn a_viewer_that_tells_nothing_costs_bounded_memory() {
    let mut now = Instant::now();
    let mut bandwidth = Bandwidth::new(BandwidthLimits::default(), now);
    for _ in 0..100_000 {
        let sequence = bandwidth.next_sequence();
        bandwidth.on_sent(now, sequence, 1_200, None);
        now += Duration::from_micros(50);
    }
    assert!(bandwidth.heap_bytes() <= MAX_HEAP, "{}", bandwidth.heap_bytes());
    assert_eq!(bandwidth.target_bps(), 300_000);
}

#[test]
fn numbers_and_clocks_wrap() {
    let start = Instant::now();
    let mut bandwidth = Bandwidth::new(BandwidthLimits::default(), start);
    // The receiver's 24 bits of 64 ms wrap 10 s from now; 100,000 packets wrap the numbers.
    let offset_us = (1 << 24) * 64_000 - 10_000_000;
    for round in 0..400_u64 {
        let mut arrivals = Vec::new();
        for packet in 0..250 {
            let sent_us = round * 50_000 + packet * 200;
            let sequence = bandwidth.next_sequence();
            bandwidth.on_sent(start + Duration::from_micros(sent_us), sequence, 1_000, None);
            arrivals.push((sequence, offset_us + sent_us + 20_000));
        }
        let mut packet = Vec::new();
        assert_eq!(rtcp::write_transport_feedback(&mut packet, 1, 2, round as u8, u64::MAX, &arrivals), 250);
        feed(&mut bandwidth, start + Duration::from_micros(round * 50_000 + 90_000), &packet);
    }
    let stats = bandwidth.stats();
    assert_eq!((stats.loss, stats.lost_feedback, stats.silences), (0.0, 0, 0));
    assert!((39_000_000..41_000_000).contains(&stats.acknowledged_bps), "{}", stats.acknowledged_bps);
    assert!(stats.target_bps > 1_000_000 && stats.queue < Duration::from_millis(5), "{stats:?}");
}

#[test]
fn viewers_without_transport_wide_feedback_follow_reports() {
    let start = Instant::now();
    let mut bandwidth = Bandwidth::new(BandwidthLimits::default(), start);
    let rtt = Some(Duration::from_millis(50));
    bandwidth.on_remb(start, 2_000_000);
    assert_eq!(bandwidth.target_bps(), 2_000_000);
    bandwidth.on_receiver_report(start + Duration::from_secs(1), 0.3, rtt);
    assert!((1_690_000..1_710_000).contains(&bandwidth.target_bps()), "{}", bandwidth.target_bps());
    bandwidth.on_remb(start + Duration::from_secs(2), 900_000);
    assert_eq!(bandwidth.target_bps(), 900_000);
    bandwidth.on_receiver_report(start + Duration::from_secs(3), f32::NAN, None);
    assert_eq!((bandwidth.target_bps(), bandwidth.stats().rtt), (900_000, rtt));
}
