//! Writing an answer.

use super::codec::CodecEntry;
use super::extension::{Extension, ExtensionIds};
use super::fec::FecEntry;
use super::offer::{Direction, DtlsRole, OfferedSection};
use crate::api::{AdvertisedAddress, MediaKind};
use std::fmt::Write as _;

/// What was decided about an offer.
#[derive(Debug)]
pub(crate) struct AnswerPlan<'a> {
    /// `o=` (RFC 8866 section 5.2): the id is the session's, the version rises with each answer.
    pub(crate) session_id: u64,
    pub(crate) session_version: u64,
    pub(crate) ice_lite: bool,
    pub(crate) ufrag: &'a str,
    pub(crate) password: &'a str,
    pub(crate) fingerprint: &'a str,
    pub(crate) role: DtlsRole,
    pub(crate) mixed_extensions: bool,
    pub(crate) addresses: &'a [AdvertisedAddress],
    /// Longest message that we take on a data channel.
    pub(crate) max_message_bytes: u32,
    pub(crate) sections: Vec<SectionPlan<'a>>,
}

/// What was decided about one section.
#[derive(Debug)]
pub(crate) struct SectionPlan<'a> {
    pub(crate) offered: &'a OfferedSection,
    /// `None` refuses the section.
    pub(crate) direction: Option<Direction>,
    pub(crate) codecs: &'a [CodecEntry],
    /// What we send in it.
    pub(crate) place: Option<PlaceLine>,
}

/// What we send in one section.
#[derive(Debug)]
pub(crate) struct PlaceLine {
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) fec_ssrc: Option<u32>,
    /// `a=msid`: the stream and the track.
    pub(crate) stream: String,
    pub(crate) track: String,
}

/// Extensions that we take from publishers.
const FROM_PUBLISHERS: [Extension; 11] = [
    Extension::Mid,
    Extension::Rid,
    Extension::RepairedRid,
    Extension::AudioLevel,
    Extension::TransportSequence,
    Extension::AbsCaptureTime,
    Extension::PlayoutDelay,
    Extension::Orientation,
    Extension::ColorSpace,
    Extension::LayersAllocation,
    Extension::DependencyDescriptor,
];
/// Extensions that we send to receivers.
const TO_RECEIVERS: [Extension; 10] = [
    Extension::Mid,
    Extension::AudioLevel,
    Extension::TransportSequence,
    Extension::AbsSendTime,
    Extension::AbsCaptureTime,
    Extension::PlayoutDelay,
    Extension::Orientation,
    Extension::ColorSpace,
    Extension::LayersAllocation,
    Extension::DependencyDescriptor,
];

/// The answer's SDP.
pub(crate) fn write(plan: &AnswerPlan<'_>) -> String {
    let mut sdp = String::with_capacity(4096);
    let accepted = |s: &&SectionPlan<'_>| s.direction.is_some();
    let mids: Vec<_> = plan.sections.iter().filter(accepted).map(|s| s.offered.mid.as_str()).collect();
    line(&mut sdp, format_args!("v=0"));
    line(&mut sdp, format_args!("o=- {} {} IN IP4 0.0.0.0", plan.session_id, plan.session_version));
    line(&mut sdp, format_args!("s=-"));
    line(&mut sdp, format_args!("t=0 0"));
    if !mids.is_empty() {
        line(&mut sdp, format_args!("a=group:BUNDLE {}", mids.join(" ")));
    }
    if plan.mixed_extensions {
        line(&mut sdp, format_args!("a=extmap-allow-mixed"));
    }
    line(&mut sdp, format_args!("a=msid-semantic: WMS *"));
    if plan.ice_lite {
        line(&mut sdp, format_args!("a=ice-lite"));
    }
    for section in &plan.sections {
        match section.direction {
            None => refuse(&mut sdp, section.offered),
            Some(_) if section.offered.data.is_some() => accept_data(&mut sdp, plan, section.offered),
            Some(direction) => accept(&mut sdp, plan, section, direction),
        }
    }
    sdp
}

pub(super) fn line(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = write!(sdp, "{text}\r\n");
}

fn refuse(sdp: &mut String, offered: &OfferedSection) {
    line(sdp, format_args!("m={} 0 {} {}", offered.media, offered.proto, offered.formats));
    line(sdp, format_args!("c=IN IP4 0.0.0.0"));
    line(sdp, format_args!("a=inactive"));
    line(sdp, format_args!("a=mid:{}", offered.mid));
}

fn accept(sdp: &mut String, plan: &AnswerPlan<'_>, section: &SectionPlan<'_>, direction: Direction) {
    let offered = section.offered;
    let mut formats: Vec<String> = section
        .codecs
        .iter()
        .flat_map(|c| [Some(c.payload_type), c.rtx_payload_type, c.red_payload_type])
        .flatten()
        .chain(offered.fec.as_ref().map(|fec| fec.payload_type))
        .map(|pt| pt.to_string())
        .collect();
    // In the order of the offer (RFC 3264 section 6.1): who offers RED before Opus sends it, who does not, does not.
    formats.sort_by_key(|format| offered.formats.split_ascii_whitespace().position(|pt| pt == format));
    line(sdp, format_args!("m={} 9 {} {}", offered.media, offered.proto, formats.join(" ")));
    line(sdp, format_args!("c=IN IP4 0.0.0.0"));
    transport(sdp, plan);
    line(sdp, format_args!("a=mid:{}", offered.mid));
    let (name, extensions): (_, &[Extension]) = match direction {
        Direction::SendRecv => ("sendrecv", &FROM_PUBLISHERS),
        Direction::RecvOnly => ("recvonly", &FROM_PUBLISHERS),
        Direction::SendOnly => ("sendonly", &TO_RECEIVERS),
        Direction::Inactive => ("inactive", &TO_RECEIVERS),
    };
    line(sdp, format_args!("a={name}"));
    extmaps(sdp, offered.extensions, extensions);
    line(sdp, format_args!("a=rtcp-mux"));
    if offered.reduced_size_rtcp {
        line(sdp, format_args!("a=rtcp-rsize"));
    }
    for codec in section.codecs {
        codec_lines(sdp, codec);
    }
    if let Some(fec) = &offered.fec {
        fec_lines(sdp, fec);
    }
    if direction.receives() && !offered.rids.is_empty() {
        for rid in &offered.rids {
            line(sdp, format_args!("a=rid:{rid} recv"));
        }
        line(sdp, format_args!("a=simulcast:recv {}", offered.rids.join(";")));
    }
    if let Some(place) = section.place.as_ref().filter(|_| direction.sends()) {
        place_lines(sdp, place, offered.kind);
    }
}

fn accept_data(sdp: &mut String, plan: &AnswerPlan<'_>, offered: &OfferedSection) {
    line(sdp, format_args!("m={} 9 {} {}", offered.media, offered.proto, offered.formats));
    line(sdp, format_args!("c=IN IP4 0.0.0.0"));
    transport(sdp, plan);
    line(sdp, format_args!("a=mid:{}", offered.mid));
    super::data::lines(sdp, plan.max_message_bytes);
}

fn transport(sdp: &mut String, plan: &AnswerPlan<'_>) {
    line(sdp, format_args!("a=ice-ufrag:{}", plan.ufrag));
    line(sdp, format_args!("a=ice-pwd:{}", plan.password));
    line(sdp, format_args!("a=ice-options:trickle"));
    line(sdp, format_args!("a=fingerprint:sha-256 {}", plan.fingerprint));
    line(sdp, format_args!("a=setup:{}", if plan.role == DtlsRole::Active { "active" } else { "passive" }));
    candidates(sdp, plan.addresses);
}

/// `a=candidate` lines (RFC 8839 section 5.1): each of our addresses, in the order of preference, and that there are no more.
pub(super) fn candidates(sdp: &mut String, addresses: &[AdvertisedAddress]) {
    for (i, address) in addresses.iter().enumerate() {
        let (ip, port) = (address.public.ip(), address.public.port());
        // RFC 8445 section 5.1.2.1: type preference 126 for host candidates, 90 for host over TCP (RFC 6544 section 4.2).
        let type_preference: u32 = if address.tcp { 90 } else { 126 };
        let local_preference = 65_535 - u32::try_from(i).unwrap_or(0).min(65_535);
        let priority = (type_preference << 24) | (local_preference << 8) | 255;
        if address.tcp {
            line(sdp, format_args!("a=candidate:{i} 1 tcp {priority} {ip} {port} typ host tcptype passive"));
        } else {
            line(sdp, format_args!("a=candidate:{i} 1 udp {priority} {ip} {port} typ host"));
        }
    }
    line(sdp, format_args!("a=end-of-candidates"));
}

fn extmaps(sdp: &mut String, ids: ExtensionIds, wanted: &[Extension]) {
    for (id, uri) in ids.only(wanted) {
        line(sdp, format_args!("a=extmap:{id} {uri}"));
    }
}

pub(super) fn codec_lines(sdp: &mut String, codec: &CodecEntry) {
    let pt = codec.payload_type;
    line(sdp, format_args!("a=rtpmap:{pt} {}", codec.rtpmap));
    if !codec.fmtp.is_empty() {
        line(sdp, format_args!("a=fmtp:{pt} {}", codec.fmtp));
    }
    for feedback in codec.feedback.lines() {
        line(sdp, format_args!("a=rtcp-fb:{pt} {feedback}"));
    }
    if let Some(red) = codec.red_payload_type {
        line(sdp, format_args!("a=rtpmap:{red} red/{}/2", codec.format.codec.clock_rate_hz()));
        line(sdp, format_args!("a=fmtp:{red} {pt}/{pt}"));
    }
    if let Some(rtx) = codec.rtx_payload_type {
        line(sdp, format_args!("a=rtpmap:{rtx} rtx/{}", codec.format.codec.clock_rate_hz()));
        line(sdp, format_args!("a=fmtp:{rtx} apt={pt}"));
    }
}

fn fec_lines(sdp: &mut String, fec: &FecEntry) {
    let pt = fec.payload_type;
    line(sdp, format_args!("a=rtpmap:{pt} {}", fec.rtpmap));
    if !fec.fmtp.is_empty() {
        line(sdp, format_args!("a=fmtp:{pt} {}", fec.fmtp));
    }
    for feedback in fec.feedback.lines() {
        line(sdp, format_args!("a=rtcp-fb:{pt} {feedback}"));
    }
}

fn place_lines(sdp: &mut String, place: &PlaceLine, kind: Option<MediaKind>) {
    line(sdp, format_args!("a=msid:{} {}", place.stream, place.track));
    let rtx = place.rtx_ssrc.filter(|_| kind == Some(MediaKind::Video));
    if let Some(rtx) = rtx {
        line(sdp, format_args!("a=ssrc-group:FID {} {rtx}", place.ssrc));
    }
    let fec = place.fec_ssrc.filter(|_| kind == Some(MediaKind::Video));
    if let Some(fec) = fec {
        line(sdp, format_args!("a=ssrc-group:FEC-FR {} {fec}", place.ssrc));
    }
    for ssrc in [Some(place.ssrc), rtx, fec].into_iter().flatten() {
        line(sdp, format_args!("a=ssrc:{ssrc} cname:{}", place.stream));
        line(sdp, format_args!("a=ssrc:{ssrc} msid:{} {}", place.stream, place.track));
    }
}
