//! RTCP but for transport-wide feedback.

use colloquy_codecs::rtcp::{self, ReportBlock, RtcpPacket};
use proptest::prelude::*;

use crate::hex;

fn one(packet: &[u8]) -> RtcpPacket<'_> {
    let mut packets = rtcp::packets(packet);
    let first = packets.next().expect("a packet").expect("a good one");
    assert!(packets.next().is_none());
    first
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(out.len() % 4, 0);
    out
}

fn errs(packet: &str) -> &'static str {
    rtcp::packets(&hex(packet)).last().expect("an item").expect_err(packet).what
}

#[test]
fn packets_of_others_are_read() {
    let report = hex("81c90007 902f9e2e bc5e9a40 01fffffe 000046e1 00000111 09f36432 00024a79");
    let RtcpPacket::ReceiverReport(report) = one(&report) else { panic!() };
    let block = ReportBlock {
        ssrc: 0xBC5E_9A40,
        fraction_lost: 1,
        cumulative_lost: -2,
        highest_sequence: 0x46E1,
        jitter: 273,
        last_sr: 0x09F3_6432,
        delay_since_last_sr: 150_137,
    };
    assert_eq!((report.ssrc, report.reports().collect()), (0x902F_9E2E, vec![block]));

    let nack = hex("81cd0003 00000001 00000002 fffe 8003");
    let RtcpPacket::Nack(nack) = one(&nack) else { panic!() };
    assert_eq!((nack.sender_ssrc, nack.media_ssrc), (1, 2));
    assert_eq!(nack.sequences().collect::<Vec<_>>(), [65_534, 65_535, 0, 14]);

    let remb = hex("8fce0005 00000001 00000000 52454d42 011a20df 4874ed16");
    let RtcpPacket::Remb(remb) = one(&remb) else { panic!() };
    assert_eq!((remb.bitrate_bps, remb.ssrcs().collect()), (8_927_168, vec![0x4874_ED16]));

    let fir = hex("84ce0006 00000001 00000000 00000002 05000000 00000003 06000000");
    let RtcpPacket::FullIntra(fir) = one(&fir) else { panic!() };
    assert_eq!(fir.entries().collect::<Vec<_>>(), [(2, 5), (3, 6)]);

    let bye = hex("82cb0004 00000001 00000002 05 6c65617665 0000");
    let RtcpPacket::Bye(bye) = one(&bye) else { panic!() };
    assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [1, 2]);

    assert_eq!(one(&hex("81ce0002 00000001 00000002")), RtcpPacket::PictureLoss { sender_ssrc: 1, media_ssrc: 2 });
    assert_eq!(one(&hex("81ca0002 00000001 01016100")), RtcpPacket::SourceDescription);
    assert_eq!(one(&hex("80cf0000")), RtcpPacket::Other { packet_type: 207 });
    assert_eq!(one(&hex("8fce0002 00000001 00000000")), RtcpPacket::Other { packet_type: 206 });
}

#[test]
fn packets_that_promise_too_much_are_refused() {
    let cases = [
        ("80", "RTCP header cut"),
        ("40c90001 00000000", "RTCP version is not 2"),
        ("80c90002 00000000", "RTCP length past the end"),
        ("81c90001 00000000", "RTCP report blocks cut"),
        ("80c90000", "RTCP receiver report cut"),
        ("a0cf0000", "RTCP pad count out of range"),
        ("a0cf0001 00000000", "RTCP pad count out of range"),
        ("a0cf0001 00000005", "RTCP pad count out of range"),
        ("82cb0001 00000001", "RTCP goodbye cut"),
        ("81cb0002 00000001 04616263", "RTCP goodbye reason cut"),
        ("81ca0002 00000001 01036162", "RTCP source description cut"),
        ("9fca0002 00000001 00000000", "RTCP source description cut"),
        ("81cd0002 00000001 00000002", "RTCP NACK list is no whole number of pairs"),
        ("84ce0003 00000001 00000002 00000003", "RTCP FIR list is no whole number of entries"),
        ("8fce0004 00000001 00000000 52454d42 ff000000", "REMB cut"),
        ("8fce0004 00000001 00000000 52454d42 00fe0000", "REMB bit rate past 64 bits"),
    ];
    for (packet, what) in cases {
        assert_eq!(errs(packet), what, "{packet}");
    }
}

#[test]
fn a_compound_is_read_up_to_its_first_error() {
    let mut compound = written(|out| {
        rtcp::write_receiver_report(out, 1, &[]);
        rtcp::write_sdes_cname(out, 1, "someone");
        rtcp::write_pli(out, 1, 2);
        rtcp::write_bye(out, 1);
    });
    assert!(rtcp::is_rtcp(&compound));
    assert_eq!(rtcp::packets(&compound).filter(Result::is_ok).count(), 4);
    compound[8] = 0; // the version of the second one
    let seen: Vec<bool> = rtcp::packets(&compound).map(|packet| packet.is_ok()).collect();
    assert_eq!(seen, [true, false]);
    assert!(rtcp::packets(&[]).next().is_none());
}

#[test]
fn long_lists_are_cut_or_split() {
    let reports = [ReportBlock::default(); 40];
    let packet = written(|out| rtcp::write_receiver_report(out, 1, &reports));
    let RtcpPacket::ReceiverReport(report) = one(&packet) else { panic!() };
    assert_eq!(report.reports().count(), rtcp::MAX_REPORTS);

    let packet = written(|out| rtcp::write_remb(out, 1, 1, &[2; 300]));
    let RtcpPacket::Remb(remb) = one(&packet) else { panic!() };
    assert_eq!(remb.ssrcs().count(), 255);

    let name = "ä".repeat(200);
    let packet = written(|out| rtcp::write_sdes_cname(out, 1, &name));
    assert_eq!(one(&packet), RtcpPacket::SourceDescription);
    assert_eq!(packet[9], 254, "cut at a character's boundary");

    assert!(written(|out| rtcp::write_nack(out, 1, 2, &[])).is_empty());
    let every_20th: Vec<u16> = (0..3_000).map(|n| n * 20).collect();
    let packets = written(|out| rtcp::write_nack(out, 1, 2, &every_20th));
    assert_eq!(nacked(&packets), every_20th);
    assert_eq!(rtcp::packets(&packets).count(), 3_000_usize.div_ceil(253));
}

fn nacked(compound: &[u8]) -> Vec<u16> {
    let nacks = rtcp::packets(compound).map(|packet| match packet {
        Ok(RtcpPacket::Nack(nack)) => nack.sequences(),
        other => panic!("{other:?}"),
    });
    nacks.flatten().collect()
}

fn report_block() -> impl Strategy<Value = ReportBlock> {
    let fields = (any::<(u32, u8, u32, u32, u32, u32)>(), -0x80_0000..=0x7F_FFFF_i32);
    fields.prop_map(
        |((ssrc, fraction_lost, highest_sequence, jitter, last_sr, delay_since_last_sr), cumulative_lost)| {
            ReportBlock { ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sr, delay_since_last_sr }
        },
    )
}

proptest! {
    #[test]
    fn reports_are_read_as_written(
        (ssrc, ntp, rtp_timestamp, packet_count, octet_count) in any::<(u32, u64, u32, u32, u32)>(),
        reports in prop::collection::vec(report_block(), 0..=31),
    ) {
        let packet = written(|out| {
            rtcp::write_sender_report(out, ssrc, ntp, rtp_timestamp, packet_count, octet_count, &reports);
        });
        let RtcpPacket::SenderReport(report) = one(&packet) else { panic!() };
        prop_assert_eq!((report.ssrc, report.ntp, report.rtp_timestamp), (ssrc, ntp, rtp_timestamp));
        prop_assert_eq!((report.packet_count, report.octet_count), (packet_count, octet_count));
        prop_assert!(report.reports().eq(reports.iter().copied()));

        let packet = written(|out| rtcp::write_receiver_report(out, ssrc, &reports));
        let RtcpPacket::ReceiverReport(report) = one(&packet) else { panic!() };
        prop_assert!(report.ssrc == ssrc && report.reports().eq(reports.iter().copied()));
    }

    #[test]
    fn losses_beyond_24_bits_are_clamped(lost in any::<i32>()) {
        let block = ReportBlock { cumulative_lost: lost, ..ReportBlock::default() };
        let packet = written(|out| rtcp::write_receiver_report(out, 1, &[block]));
        let RtcpPacket::ReceiverReport(report) = one(&packet) else { panic!() };
        let read = report.reports().next().expect("a block").cumulative_lost;
        prop_assert_eq!(read, lost.clamp(-0x80_0000, 0x7F_FFFF));
    }

    #[test]
    fn nacks_are_read_as_written(start in any::<u16>(), gaps in prop::collection::vec(1_u16..30, 0..600)) {
        let sequences: Vec<u16> = gaps.iter().scan(start, |sequence, gap| {
            *sequence = sequence.wrapping_add(*gap);
            Some(*sequence)
        }).collect();
        let packets = written(|out| rtcp::write_nack(out, 1, 2, &sequences));
        prop_assert_eq!(nacked(&packets), sequences);
    }

    #[test]
    fn requests_are_read_as_written((sender_ssrc, media_ssrc, seq_nr) in any::<(u32, u32, u8)>()) {
        let packet = written(|out| rtcp::write_pli(out, sender_ssrc, media_ssrc));
        prop_assert_eq!(one(&packet), RtcpPacket::PictureLoss { sender_ssrc, media_ssrc });
        let packet = written(|out| rtcp::write_fir(out, sender_ssrc, media_ssrc, seq_nr));
        let RtcpPacket::FullIntra(fir) = one(&packet) else { panic!() };
        prop_assert!(fir.sender_ssrc == sender_ssrc && fir.entries().eq([(media_ssrc, seq_nr)]));
        let packet = written(|out| rtcp::write_bye(out, media_ssrc));
        let RtcpPacket::Bye(bye) = one(&packet) else { panic!() };
        prop_assert!(bye.ssrcs().eq([media_ssrc]));
    }

    #[test]
    fn bit_rates_keep_18_bits(bits in 0_u32..=64, noise in any::<u64>(), ssrcs in prop::collection::vec(any::<u32>(), 0..5)) {
        let bitrate_bps = noise.checked_shr(bits).unwrap_or(0);
        let packet = written(|out| rtcp::write_remb(out, 1, bitrate_bps, &ssrcs));
        let RtcpPacket::Remb(remb) = one(&packet) else { panic!() };
        prop_assert!(remb.ssrcs().eq(ssrcs));
        prop_assert!(remb.bitrate_bps <= bitrate_bps);
        prop_assert!(bitrate_bps - remb.bitrate_bps <= bitrate_bps >> 17);
    }
}
