//! Feedback on one stream: lost packets, lost pictures, and the receiver's idea of the bandwidth.

use super::framing::{
    FORMAT_APPLICATION, FORMAT_FIR, FORMAT_NACK, FORMAT_PLI, PAYLOAD_SPECIFIC_FEEDBACK, TRANSPORT_LAYER_FEEDBACK,
    begin, finish,
};
use super::source::words;
use crate::ParseError;
use crate::reader::Reader;

/// Pairs of PID and BLP in one written packet: 1 KiB, so that one packet fits any path. More make more packets.
const MAX_NACK_PAIRS: usize = 253;
/// As many sources as REMB's eight-bit count can tell.
const MAX_REMB_SSRCS: usize = 255;
const REMB_ID: [u8; 4] = *b"REMB";
const REMB_MANTISSA_BITS: u32 = 18;

/// The two SSRCs with which every feedback packet begins (RFC 4585 6.1).
pub(super) fn parse_ssrcs(body: &mut Reader<'_>) -> Result<(u32, u32), ParseError> {
    const CUT: &str = "RTCP feedback cut";
    Ok((body.u32(CUT)?, body.u32(CUT)?))
}

/// The opposite of [`parse_ssrcs`], with a header in front. Returns where the packet begins.
pub(super) fn begin_feedback(
    out: &mut Vec<u8>,
    (packet_type, format): (u8, u8),
    sender_ssrc: u32,
    media_ssrc: u32,
) -> usize {
    let start = begin(out, packet_type, format);
    out.extend_from_slice(&sender_ssrc.to_be_bytes());
    out.extend_from_slice(&media_ssrc.to_be_bytes());
    start
}

/// RFC 4585 6.2.1: packets that the receiver misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who misses them.
    pub sender_ssrc: u32,
    /// Whose packets.
    pub media_ssrc: u32,
    pairs: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(mut body: Reader<'a>) -> Result<Nack<'a>, ParseError> {
        let (sender_ssrc, media_ssrc) = parse_ssrcs(&mut body)?;
        let (pairs @ [_, ..], []) = body.rest().as_chunks::<4>() else {
            return Err(body.error("RTCP NACK list is no whole number of pairs"));
        };
        Ok(Nack { sender_ssrc, media_ssrc, pairs })
    }

    /// The missing sequence numbers in the packet's order: at most 17 a pair, perhaps repeated. Who answers these must
    /// limit the rate, as a few bytes here ask for many packets.
    pub fn sequences(&self) -> impl Iterator<Item = u16> + Clone + use<'a> {
        self.pairs.iter().flat_map(|&[p0, p1, b0, b1]| {
            let (pid, blp) = (u16::from_be_bytes([p0, p1]), u16::from_be_bytes([b0, b1]));
            let following = (0_u16..16).filter(move |bit| blp >> bit & 1 == 1).map(|bit| bit + 1);
            std::iter::once(0).chain(following).map(move |distance| pid.wrapping_add(distance))
        })
    }
}

/// Appends NACKs for `sequences`, which the caller has sorted in RFC 1982 order: neighbours share a pair of PID and BLP.
/// Nothing is written for none; more than 253 pairs make several packets.
pub fn write_nack(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, sequences: &[u16]) {
    let mut rest = sequences;
    while !rest.is_empty() {
        let format = (TRANSPORT_LAYER_FEEDBACK, FORMAT_NACK);
        let start = begin_feedback(out, format, sender_ssrc, media_ssrc);
        for _ in 0..MAX_NACK_PAIRS {
            let Some((pid, blp, after)) = split_pair(rest) else { break };
            out.extend_from_slice(&pid.to_be_bytes());
            out.extend_from_slice(&blp.to_be_bytes());
            rest = after;
        }
        finish(out, start);
    }
}

/// The first number, a bit for each of the 16 after it that follow in the list, and the list behind those.
fn split_pair(sequences: &[u16]) -> Option<(u16, u16, &[u16])> {
    let (&pid, mut rest) = sequences.split_first()?;
    let mut blp = 0;
    while let Some((&sequence, after)) = rest.split_first() {
        match sequence.wrapping_sub(pid) {
            0 => {}
            distance @ 1..=16 => blp |= 1 << (distance - 1),
            _ => break,
        }
        rest = after;
    }
    Some((pid, blp, rest))
}

/// Appends a picture loss indication (RFC 4585 6.3.1).
pub fn write_pli(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) {
    let start = begin_feedback(out, (PAYLOAD_SPECIFIC_FEEDBACK, FORMAT_PLI), sender_ssrc, media_ssrc);
    finish(out, start);
}

/// RFC 5104 4.3.1: full intra requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullIntra<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    entries: &'a [[u8; 8]],
}

impl<'a> FullIntra<'a> {
    pub(super) fn parse(mut body: Reader<'a>) -> Result<FullIntra<'a>, ParseError> {
        // The media SSRC in front is not used; each entry has its own.
        let (sender_ssrc, _) = parse_ssrcs(&mut body)?;
        let (entries @ [_, ..], []) = body.rest().as_chunks::<8>() else {
            return Err(body.error("RTCP FIR list is no whole number of entries"));
        };
        Ok(FullIntra { sender_ssrc, entries })
    }

    /// `(whose picture, request number)`: a request repeated with the same number is the same request.
    pub fn entries(&self) -> impl Iterator<Item = (u32, u8)> + Clone + use<'a> {
        self.entries.iter().map(|&[s0, s1, s2, s3, seq_nr, _, _, _]| (u32::from_be_bytes([s0, s1, s2, s3]), seq_nr))
    }
}

/// Appends a full intra request for one source (RFC 5104 4.3.1). `seq_nr` counts requests, not repetitions.
pub fn write_fir(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, seq_nr: u8) {
    let start = begin_feedback(out, (PAYLOAD_SPECIFIC_FEEDBACK, FORMAT_FIR), sender_ssrc, 0);
    out.extend_from_slice(&media_ssrc.to_be_bytes());
    out.extend_from_slice(&[seq_nr, 0, 0, 0]);
    finish(out, start);
}

/// draft-alvestrand-rmcat-remb-03 2.2: what the receiver believes it can receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Who believes it.
    pub sender_ssrc: u32,
    /// For all the sources together, in bits a second. Any `u64`: it is the peer's word.
    pub bitrate_bps: u64,
    ssrcs: &'a [u8],
}

impl<'a> Remb<'a> {
    fn parse(sender_ssrc: u32, mut body: Reader<'a>) -> Result<Remb<'a>, ParseError> {
        const CUT: &str = "REMB cut";
        let at = body.offset();
        let [count, b0, b1, b2] = body.array(CUT)?;
        let mantissa = u64::from(u32::from_be_bytes([0, b0 & 0x03, b1, b2]));
        let exponent = u32::from(b0 >> 2);
        if mantissa.leading_zeros() < exponent {
            return Err(ParseError::new("REMB bit rate past 64 bits", at));
        }
        Ok(Remb { sender_ssrc, bitrate_bps: mantissa << exponent, ssrcs: body.take(usize::from(count) * 4, CUT)? })
    }

    /// The sources that share the bit rate, at most 255.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        words(self.ssrcs)
    }
}

/// Application layer feedback (RFC 4585 6.4) is REMB if it says so.
pub(super) fn parse_application(mut body: Reader<'_>) -> Result<Option<Remb<'_>>, ParseError> {
    let (sender_ssrc, _) = parse_ssrcs(&mut body)?;
    match body.array("REMB cut") {
        Ok(REMB_ID) => Remb::parse(sender_ssrc, body).map(Some),
        _ => Ok(None),
    }
}

/// Appends a REMB. The bit rate is rounded down to 18 significant bits; only the first 255 sources go in.
pub fn write_remb(out: &mut Vec<u8>, sender_ssrc: u32, bitrate_bps: u64, ssrcs: &[u32]) {
    let ssrcs = ssrcs.get(..MAX_REMB_SSRCS).unwrap_or(ssrcs);
    let exponent = (u64::BITS - bitrate_bps.leading_zeros()).saturating_sub(REMB_MANTISSA_BITS);
    let mantissa = (bitrate_bps >> exponent) as u32; // 18 bits
    let [_, b0, b1, b2] = (exponent << REMB_MANTISSA_BITS | mantissa).to_be_bytes();

    let start = begin_feedback(out, (PAYLOAD_SPECIFIC_FEEDBACK, FORMAT_APPLICATION), sender_ssrc, 0);
    out.extend_from_slice(&REMB_ID);
    out.extend_from_slice(&[ssrcs.len() as u8, b0, b1, b2]); // at most 255
    for ssrc in ssrcs {
        out.extend_from_slice(&ssrc.to_be_bytes());
    }
    finish(out, start);
}
