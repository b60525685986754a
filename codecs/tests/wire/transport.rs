//! Transport-wide feedback.

use colloquy_codecs::rtcp::{self, RtcpPacket, TransportFeedback};
use proptest::prelude::*;

use crate::hex;

fn read(packet: &[u8]) -> TransportFeedback<'_> {
    match rtcp::packets(packet).next() {
        Some(Ok(RtcpPacket::TransportFeedback(feedback))) => feedback,
        other => panic!("{other:?}"),
    }
}

/// Writes as many packets as it takes, and checks each one's length.
fn write_all(arrivals: &[(u64, u64)]) -> Vec<Vec<u8>> {
    let (mut rest, mut packets) = (arrivals, Vec::new());
    while !rest.is_empty() {
        let mut packet = Vec::new();
        let taken = rtcp::write_transport_feedback(&mut packet, 1, 2, packets.len() as u8, u64::MAX, rest);
        assert!(taken > 0, "every call gets on");
        assert!(packet.len() <= 1200 && packet.len().is_multiple_of(4), "{}", packet.len());
        packets.push(packet);
        rest = &rest[taken..];
    }
    packets
}

/// Arrived packets of a feedback: the number, and the ticks since the epoch, which wrap with the reference time.
fn arrived(feedback: &TransportFeedback<'_>) -> Vec<(u16, u32)> {
    let mut ticks = (feedback.reference_time as u32) << 8;
    let arrivals = feedback.packets().filter_map(|(sequence, delta)| Some((sequence, delta?)));
    arrivals
        .map(|(sequence, delta)| {
            ticks = ticks.wrapping_add_signed(delta);
            (sequence, ticks)
        })
        .collect()
}

#[test]
fn feedback_of_others_is_read() {
    let packet = hex("afcd0005 fa17fa17 43032fa0 00990001 3de80217 20019401");
    let feedback = read(&packet);
    assert_eq!((feedback.sender_ssrc, feedback.media_ssrc), (0xFA17_FA17, 0x4303_2FA0));
    assert_eq!((feedback.base_sequence, feedback.packet_status_count), (153, 1));
    assert_eq!((feedback.reference_time, feedback.feedback_count), (4_057_090, 23));
    assert_eq!(feedback.packets().collect::<Vec<_>>(), [(153, Some(148))]);

    // A one-bit vector, a two-bit one whose third symbol is past the count (and reserved), and a time before the epoch.
    let packet = hex("8fcd0006 00000001 00000002 ffff0010 ffffff00 a001cb00 0102fffe");
    let feedback = read(&packet);
    let seen: Vec<_> = feedback.packets().filter(|(_, delta)| delta.is_some()).collect();
    assert_eq!(seen, [(65_535, Some(1)), (12, Some(2)), (14, Some(-2))]);
    assert_eq!((feedback.packets().count(), feedback.reference_time), (16, -1));
}

#[test]
fn feedback_that_promises_too_much_is_refused() {
    let cases = [
        ("8fcd0004 00000001 00000002 00000000 00000000", "transport feedback on no packets"),
        ("8fcd0004 00000001 00000002 00000001 00000000", "transport feedback cut"),
        ("8fcd0005 00000001 00000002 00001fff 00000000 3fff0000", "transport feedback deltas cut"),
        ("8fcd0005 00000001 00000002 00000001 00000000 60010000", "transport feedback with a reserved status"),
        ("8fcd0005 00000001 00000002 00000007 00000000 c0030000", "transport feedback with a reserved status"),
        ("8fcd0005 00000001 00000002 00000001 00000000 20000000", "transport feedback cut"),
    ];
    for (packet, what) in cases {
        let error = rtcp::packets(&hex(packet)).next().expect("an item").expect_err(packet);
        assert_eq!(error.what, what, "{packet}");
    }
}

#[test]
fn an_even_stream_is_one_run() {
    let arrivals: Vec<_> = (0..500).map(|n| (100 + n, 5_000_000 + n * 10_000)).collect();
    let [packet] = &write_all(&arrivals)[..] else { panic!("one packet") };
    assert_eq!(packet.len(), (20 + 2 + 500_usize).next_multiple_of(4));
    assert_eq!(packet[0] & 0x20, 0x20, "padded");
    assert_eq!(read(packet).packets().count(), 500);
}

#[test]
fn a_long_gap_costs_a_few_bytes() {
    let [packet] = &write_all(&[(0, 0), (40_000, 1_000)])[..] else { panic!("one packet") };
    assert!(packet.len() <= 40, "{}", packet.len());
    assert_eq!(arrived(&read(packet)), [(0, 0), (40_000, 4)]);
    assert_eq!(read(packet).packet_status_count, 40_001);
}

#[test]
fn packets_end_before_what_does_not_fit() {
    let two = [
        [(0, 0), (1, 32_768 * 250)],           // a delta past 16 bits
        [(0, 32_769 * 250), (1, 0)],           // back past 16 bits
        [(0, 0), (65_535, 0)],                 // more statuses than can be counted
        [(5, 0), (5, 0)],                      // repeated
        [(5, 0), (4, 0)],                      // out of order
        [(0, u64::MAX), (u64::MAX, 0)],        // nonsense
        [(u64::MAX, u64::MAX), (u64::MAX, 0)], // more of it
    ];
    for arrivals in two {
        let mut out = Vec::new();
        assert_eq!(rtcp::write_transport_feedback(&mut out, 1, 2, 0, u64::MAX, &arrivals), 1, "{arrivals:?}");
        assert_eq!(arrived(&read(&out)).len(), 1);
    }
    let mut out = vec![7];
    assert_eq!(rtcp::write_transport_feedback(&mut out, 1, 2, 0, u64::MAX, &[(0, 0), (65_534, 32_767 * 250)]), 2);
    assert_eq!(out[0], 7, "what was there stays");
    assert_eq!(rtcp::write_transport_feedback(&mut out, 1, 2, 0, u64::MAX, &[]), 0);
}

/// Steps of a stream: how far the number goes on, and the time in microseconds.
fn steps() -> impl Strategy<Value = Vec<(u64, i64)>> {
    let gap = prop_oneof![20 => Just(1_u64), 4 => 2_u64..20, 1 => 20_u64..30_000];
    let time = prop_oneof![20 => 0_i64..60_000, 4 => -20_000_i64..200_000, 1 => -9_000_000_i64..9_000_000];
    prop::collection::vec((gap, time), 1..1_500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_is_written_is_read(base in 0_u64..1 << 48, epoch in (1_u64 << 40)..(1 << 60), steps in steps()) {
        let mut arrivals = vec![(base, epoch)];
        for (gap, time) in steps {
            let &(sequence, us) = arrivals.last().expect("never empty");
            arrivals.push((sequence + gap, us.saturating_add_signed(time)));
        }
        let expected: Vec<_> = arrivals.iter().map(|(sequence, us)| (*sequence as u16, (us / 250) as u32)).collect();
        let packets = write_all(&arrivals);
        let seen: Vec<_> = packets.iter().flat_map(|packet| arrived(&read(packet))).collect();
        prop_assert_eq!(seen, expected);
        for (count, packet) in packets.iter().enumerate() {
            prop_assert_eq!(usize::from(read(packet).feedback_count), count & 0xFF);
        }
    }
}

#[test]
fn what_is_missing_before_the_first_arrival_is_told() {
    let told = |next: u64, first: u64| -> Vec<(u16, bool)> {
        let mut out = Vec::new();
        assert_eq!(rtcp::write_transport_feedback(&mut out, 1, 2, 0, next, &[(first, 1_000)]), 1);
        let Some(Ok(RtcpPacket::TransportFeedback(feedback))) = rtcp::packets(&out).next() else { panic!("feedback") };
        feedback.packets().map(|(sequence, delta)| (sequence, delta.is_some())).collect()
    };
    assert_eq!(told(7, 9), [(7, false), (8, false), (9, true)]);
    assert_eq!(told(9, 9), [(9, true)]);
    assert_eq!(told(10, 9), [(9, true)], "it was told of already");
    assert_eq!(told(0, 5_000), [(5_000u16, true)], "an outage");
}
