//! Sender and receiver reports (RFC 3550 6.4).

use super::framing::{RECEIVER_REPORT, SENDER_REPORT, begin, finish};
use crate::ParseError;
use crate::reader::Reader;

/// As many report blocks as the five-bit count of one packet can tell (RFC 3550 6.4.1).
pub const MAX_REPORTS: usize = 31;

const REPORT_BLOCK_LEN: usize = 24;

/// What one receiver tells about one source (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that is reported on.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning, in packets: 24 bits signed, negative when duplicates came. Written clamped.
    pub cumulative_lost: i32,
    /// The highest sequence number received, cycles in the upper 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the NTP timestamp of the last sender report; 0 if none came.
    pub last_sr: u32,
    /// Since that report, in 1/65536 s; 0 if none came.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    fn parse(mut reader: Reader<'_>) -> Result<ReportBlock, ParseError> {
        const CUT: &str = "RTCP report block cut";
        let ssrc = reader.u32(CUT)?;
        let [fraction_lost, l0, l1, l2] = reader.array(CUT)?;
        Ok(ReportBlock {
            ssrc,
            fraction_lost,
            // Shifted up to the sign bit and back down, which extends the sign.
            cumulative_lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest_sequence: reader.u32(CUT)?,
            jitter: reader.u32(CUT)?,
            last_sr: reader.u32(CUT)?,
            delay_since_last_sr: reader.u32(CUT)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let [_, l0, l1, l2] = self.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF).to_be_bytes();
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&[self.fraction_lost, l0, l1, l2]);
        for field in [self.highest_sequence, self.jitter, self.last_sr, self.delay_since_last_sr] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }
}

/// Reads `count` blocks' worth of bytes; what follows them is a profile's extension and none of ours.
fn take_reports<'a>(count: u8, body: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    body.take(usize::from(count) * REPORT_BLOCK_LEN, "RTCP report blocks cut")
}

fn iterate(reports: &[u8]) -> impl Iterator<Item = ReportBlock> + Clone {
    reports.chunks_exact(REPORT_BLOCK_LEN).filter_map(|block| ReportBlock::parse(Reader::new(block)).ok())
}

/// RFC 3550 6.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// Who sends.
    pub ssrc: u32,
    /// The moment of sending in NTP time: seconds since 1900 in the upper half, their fraction in the lower.
    pub ntp: u64,
    /// The same moment on the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent since the beginning, modulo 2^32.
    pub packet_count: u32,
    /// Payload bytes sent since the beginning, modulo 2^32.
    pub octet_count: u32,
    reports: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, mut body: Reader<'a>) -> Result<SenderReport<'a>, ParseError> {
        const CUT: &str = "RTCP sender report cut";
        Ok(SenderReport {
            ssrc: body.u32(CUT)?,
            ntp: body.u64(CUT)?,
            rtp_timestamp: body.u32(CUT)?,
            packet_count: body.u32(CUT)?,
            octet_count: body.u32(CUT)?,
            reports: take_reports(count, &mut body)?,
        })
    }

    /// What the sender receives, at most 31 blocks.
    pub fn reports(&self) -> impl Iterator<Item = ReportBlock> + Clone + use<'a> {
        iterate(self.reports)
    }
}

/// RFC 3550 6.4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    reports: &'a [u8],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, mut body: Reader<'a>) -> Result<ReceiverReport<'a>, ParseError> {
        let ssrc = body.u32("RTCP receiver report cut")?;
        Ok(ReceiverReport { ssrc, reports: take_reports(count, &mut body)? })
    }

    /// What is received, at most 31 blocks.
    pub fn reports(&self) -> impl Iterator<Item = ReportBlock> + Clone + use<'a> {
        iterate(self.reports)
    }
}

/// Appends a sender report; units as in [`SenderReport`]. Only the first [`MAX_REPORTS`] reports go in.
pub fn write_sender_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    ntp: u64,
    rtp_timestamp: u32,
    packet_count: u32,
    octet_count: u32,
    reports: &[ReportBlock],
) {
    let (start, reports) = begin_report(out, SENDER_REPORT, ssrc, reports);
    out.extend_from_slice(&ntp.to_be_bytes());
    for field in [rtp_timestamp, packet_count, octet_count] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    finish_report(out, start, reports);
}

/// Appends a receiver report. Only the first [`MAX_REPORTS`] reports go in.
pub fn write_receiver_report(out: &mut Vec<u8>, ssrc: u32, reports: &[ReportBlock]) {
    let (start, reports) = begin_report(out, RECEIVER_REPORT, ssrc, reports);
    finish_report(out, start, reports);
}

/// Returns where the packet begins and the reports that its count promises.
fn begin_report<'r>(
    out: &mut Vec<u8>,
    packet_type: u8,
    ssrc: u32,
    reports: &'r [ReportBlock],
) -> (usize, &'r [ReportBlock]) {
    let reports = reports.get(..MAX_REPORTS).unwrap_or(reports);
    let start = begin(out, packet_type, reports.len() as u8); // at most 31
    out.extend_from_slice(&ssrc.to_be_bytes());
    (start, reports)
}

fn finish_report(out: &mut Vec<u8>, start: usize, reports: &[ReportBlock]) {
    for report in reports {
        report.write(out);
    }
    finish(out, start);
}
