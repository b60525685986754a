//! The offers of a client, written as browsers write them, and what it reads in an answer.

use super::{DtlsRole, Section, SectionUse};
use colloquy_media_core::api::{Codec, MediaKind};
use sdp_types::{Media, Session};
use std::fmt::Write as _;

/// Header extensions that are offered, with their ids, the same in every section (RFC 8285).
pub(super) mod extension {
    pub(crate) const AUDIO_LEVEL: (u8, &str) = (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level");
    pub(crate) const TRANSPORT_CC: (u8, &str) =
        (3, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01");
    pub(crate) const MID: (u8, &str) = (4, "urn:ietf:params:rtp-hdrext:sdes:mid");
    pub(crate) const RID: (u8, &str) = (10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id");
    pub(crate) const REPAIRED_RID: (u8, &str) = (11, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id");
    pub(crate) const DEPENDENCY: (u8, &str) =
        (13, "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension");
}

/// A codec as it is offered: payload type, that of its retransmissions, parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) rtx: Option<u8>,
    parameters: &'static str,
}

/// Every codec in the order of preference, with the payload types that Chromium uses.
const FORMATS: [Format; 5] = [
    Format { codec: Codec::Opus, payload_type: 111, rtx: None, parameters: "minptime=10;useinbandfec=1" },
    Format { codec: Codec::Vp8, payload_type: 96, rtx: Some(97), parameters: "" },
    Format { codec: Codec::Vp9, payload_type: 98, rtx: Some(99), parameters: "profile-id=0" },
    Format {
        codec: Codec::H264,
        payload_type: 102,
        rtx: Some(103),
        parameters: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    },
    Format { codec: Codec::Av1, payload_type: 45, rtx: Some(46), parameters: "level-idx=5;profile=0;tier=0" },
];

/// The payload type of redundant audio (RFC 2198) in Chromium's offers.
const RED: u8 = 63;
/// That of repair packets.
const FLEXFEC: u8 = 49;

/// How a codec is offered.
pub(super) fn format(codec: Codec) -> Format {
    *FORMATS.iter().find(|format| format.codec == codec).expect("every codec has a line in the table")
}

/// What of a client stands in its offers, beside its sections.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) session: u64,
    pub(super) version: u32,
    pub(super) ufrag: &'a str,
    pub(super) password: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) role: DtlsRole,
    /// Offers redundant audio where audio is received.
    pub(super) red: bool,
    /// Offers repair packets of video.
    pub(super) flexfec: bool,
    /// The value of `a=candidate`.
    pub(super) candidate: Option<String>,
}

/// Writes an offer.
pub(super) fn offer(head: &Head<'_>, sections: &[Section]) -> String {
    let mids: Vec<_> = sections.iter().map(|section| section.mid.as_str()).collect();
    let mut sdp = format!(
        "v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n",
        head.session,
        head.version,
        mids.join(" ")
    );
    for (index, section) in sections.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write_section(&mut sdp, head, section, index == 0);
    }
    sdp
}

fn write_section(sdp: &mut String, head: &Head<'_>, section: &Section, first: bool) -> std::fmt::Result {
    if let SectionUse::Data = section.usage {
        return write_data_section(sdp, head, section, first);
    }
    let formats: Vec<Format> = match &section.usage {
        SectionUse::Publish { codec, .. } | SectionUse::Simulcast { codec, .. } => vec![format(*codec)],
        SectionUse::Receive | SectionUse::Data => {
            FORMATS.iter().copied().filter(|format| format.codec.kind() == section.kind).collect()
        }
    };
    let kind = match section.kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    };
    // Receiving, as browsers offer it: whether it is sent is the server's to decide.
    let red = head.red && section.kind == MediaKind::Audio && matches!(section.usage, SectionUse::Receive);
    let is_simulcast = matches!(section.usage, SectionUse::Simulcast { .. });
    let fec = head.flexfec && section.kind == MediaKind::Video && !is_simulcast;
    let numbers: Vec<_> = formats
        .iter()
        .flat_map(|format| [Some(format.payload_type), format.rtx])
        .flatten()
        .chain(red.then_some(RED))
        .chain(fec.then_some(FLEXFEC))
        .map(|number| number.to_string())
        .collect();
    write!(
        sdp,
        "m={kind} 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
        numbers.join(" ")
    )?;
    write_transport(sdp, head, section, first)?;
    let extensions = match section.kind {
        MediaKind::Audio => vec![extension::AUDIO_LEVEL, extension::TRANSPORT_CC, extension::MID],
        MediaKind::Video => match section.usage {
            SectionUse::Simulcast { .. } => vec![
                extension::TRANSPORT_CC,
                extension::MID,
                extension::RID,
                extension::REPAIRED_RID,
                extension::DEPENDENCY,
            ],
            SectionUse::Publish { codec: Codec::Av1, .. } | SectionUse::Receive | SectionUse::Data => {
                vec![extension::TRANSPORT_CC, extension::MID, extension::DEPENDENCY]
            }
            SectionUse::Publish { .. } => vec![extension::TRANSPORT_CC, extension::MID],
        },
    };
    for (id, uri) in extensions {
        write!(sdp, "a=extmap:{id} {uri}\r\n")?;
    }
    let direction = match section.usage {
        SectionUse::Publish { receives: true, .. } => "sendrecv",
        SectionUse::Publish { .. } | SectionUse::Simulcast { .. } => "sendonly",
        SectionUse::Receive | SectionUse::Data => "recvonly",
    };
    write!(sdp, "a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n")?;
    for format in &formats {
        write_format(sdp, *format)?;
    }
    if red {
        write!(sdp, "a=rtpmap:{RED} red/48000/2\r\na=fmtp:{RED} 111/111\r\n")?;
    }
    if fec {
        write!(
            sdp,
            "a=rtpmap:{FLEXFEC} flexfec-03/90000\r\na=rtcp-fb:{FLEXFEC} transport-cc\r\na=fmtp:{FLEXFEC} repair-window=10000000\r\n"
        )?;
    }
    if let SectionUse::Simulcast { rids, .. } = &section.usage {
        write!(sdp, "a=msid:stream track{}\r\n", section.mid)?;
        for rid in rids {
            write!(sdp, "a=rid:{rid} send\r\n")?;
        }
        write!(sdp, "a=simulcast:send {}\r\n", rids.join(";"))?;
    }
    if let SectionUse::Publish { ssrc, rtx_ssrc, fec_ssrc, .. } = section.usage {
        let mid = &section.mid;
        write!(sdp, "a=msid:stream track{mid}\r\n")?;
        if let Some(rtx) = rtx_ssrc {
            write!(sdp, "a=ssrc-group:FID {ssrc} {rtx}\r\n")?;
        }
        if let Some(fec) = fec_ssrc {
            write!(sdp, "a=ssrc-group:FEC-FR {ssrc} {fec}\r\n")?;
        }
        for ssrc in [Some(ssrc), rtx_ssrc, fec_ssrc].into_iter().flatten() {
            write!(sdp, "a=ssrc:{ssrc} cname:client\r\na=ssrc:{ssrc} msid:stream track{mid}\r\n")?;
        }
    }
    Ok(())
}

fn write_transport(sdp: &mut String, head: &Head<'_>, section: &Section, first: bool) -> std::fmt::Result {
    if first && let Some(candidate) = &head.candidate {
        write!(sdp, "a=candidate:{candidate}\r\n")?;
    }
    write!(
        sdp,
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {}\r\na=setup:{}\r\na=mid:{}\r\n",
        head.ufrag,
        head.password,
        head.fingerprint,
        head.role.name(),
        section.mid
    )
}

/// A section of data channels (RFC 8841), as Chromium writes it.
fn write_data_section(sdp: &mut String, head: &Head<'_>, section: &Section, first: bool) -> std::fmt::Result {
    write!(sdp, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n")?;
    write_transport(sdp, head, section, first)?;
    write!(sdp, "a=sctp-port:5000\r\na=max-message-size:262144\r\n")
}

fn write_format(sdp: &mut String, format: Format) -> std::fmt::Result {
    let (number, codec) = (format.payload_type, format.codec);
    let channels = if codec == Codec::Opus { "/2" } else { "" };
    write!(
        sdp,
        "a=rtpmap:{number} {}/{}{channels}\r\na=rtcp-fb:{number} transport-cc\r\n",
        codec.name(),
        codec.clock_rate_hz()
    )?;
    if codec.kind() == MediaKind::Video {
        for feedback in ["goog-remb", "ccm fir", "nack", "nack pli"] {
            write!(sdp, "a=rtcp-fb:{number} {feedback}\r\n")?;
        }
    }
    if !format.parameters.is_empty() {
        write!(sdp, "a=fmtp:{number} {}\r\n", format.parameters)?;
    }
    if let Some(rtx) = format.rtx {
        write!(sdp, "a=rtpmap:{rtx} rtx/{}\r\na=fmtp:{rtx} apt={number}\r\n", codec.clock_rate_hz())?;
    }
    Ok(())
}

/// What a client needs of an answer.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// The server's ICE username fragment.
    pub ufrag: String,
    /// And its password.
    pub password: String,
    /// The server is an ICE-lite agent.
    pub ice_lite: bool,
    /// SHA-256, as SDP writes it.
    pub fingerprint: String,
    /// `a=setup`: who the server wants to be.
    pub setup: String,
    /// The values of `a=candidate`.
    pub candidates: Vec<String>,
    /// The sections, in the order of the offer.
    pub sections: Vec<AnsweredSection>,
}

/// A media section of an answer.
#[derive(Debug, Clone, Default)]
pub struct AnsweredSection {
    /// Its mid.
    pub mid: String,
    /// Its port was 0.
    pub rejected: bool,
    /// `sendonly` and so on, as the server sees it.
    pub direction: String,
    /// Payload types with the names of their codecs, in the order of preference.
    pub formats: Vec<(u8, String)>,
    /// Payload types of retransmissions, and what they repeat.
    pub rtx: Vec<(u8, u8)>,
    /// Header extensions.
    pub extensions: Vec<(u8, String)>,
    /// SSRCs that the server announced here, the first of each first.
    pub ssrcs: Vec<u32>,
    /// Primary and retransmission SSRC (RFC 5576 section 4.2).
    pub fid: Option<(u32, u32)>,
    /// Payload type of repair packets (FlexFEC).
    pub fec: Option<u8>,
    /// Primary SSRC and that of its repair packets (RFC 5956).
    pub fec_fr: Option<(u32, u32)>,
}

/// An answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAnswer(pub String);

impl std::fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bad answer: {}", self.0)
    }
}

impl std::error::Error for BadAnswer {}

impl Answered {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is no SDP, or lacks what a client cannot do without.
    pub fn parse(sdp: &str) -> Result<Self, BadAnswer> {
        let session = Session::parse(sdp.as_bytes()).map_err(|error| BadAnswer(error.to_string()))?;
        let ice_lite = session.attributes.iter().any(|attribute| attribute.attribute == "ice-lite");
        let mut answered = Self { ice_lite, ..Self::default() };
        for attribute in session.attributes.iter().chain(session.medias.iter().flat_map(|media| &media.attributes)) {
            let value = attribute.value.as_deref().unwrap_or_default();
            answered.take(&attribute.attribute, value);
        }
        answered.sections = session.medias.iter().map(section).collect();
        if answered.ufrag.is_empty() || answered.password.is_empty() || answered.fingerprint.is_empty() {
            return Err(BadAnswer("no ICE credentials or no SHA-256 fingerprint".into()));
        }
        Ok(answered)
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "ice-ufrag" if self.ufrag.is_empty() => value.clone_into(&mut self.ufrag),
            "ice-pwd" if self.password.is_empty() => value.clone_into(&mut self.password),
            "setup" if self.setup.is_empty() => value.clone_into(&mut self.setup),
            "fingerprint" => {
                if let Some((_, hex)) = value.split_once(' ').filter(|(hash, _)| hash.eq_ignore_ascii_case("sha-256")) {
                    hex.trim().clone_into(&mut self.fingerprint);
                }
            }
            "candidate" if !self.candidates.iter().any(|known| known == value) => {
                self.candidates.push(value.to_owned());
            }
            _ => {}
        }
    }
}

fn section(media: &Media) -> AnsweredSection {
    let mut section = AnsweredSection { rejected: media.port == 0, ..AnsweredSection::default() };
    for attribute in &media.attributes {
        let value = attribute.value.as_deref().unwrap_or_default();
        let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
        match attribute.attribute.as_str() {
            "mid" => value.clone_into(&mut section.mid),
            name @ ("sendonly" | "recvonly" | "sendrecv" | "inactive") => name.clone_into(&mut section.direction),
            "rtpmap" => {
                let name = rest.split('/').next().unwrap_or_default();
                if let Ok(number) = first.parse() {
                    section.formats.push((number, name.to_owned()));
                }
            }
            "fmtp" => {
                let original = rest.split(';').find_map(|pair| pair.trim().strip_prefix("apt="));
                if let (Ok(number), Some(Ok(original))) = (first.parse(), original.map(str::parse)) {
                    section.rtx.push((number, original));
                }
            }
            "extmap" => {
                let id = first.split('/').next().unwrap_or_default();
                if let Ok(id) = id.parse() {
                    let uri = rest.split(' ').next().unwrap_or_default();
                    section.extensions.push((id, uri.to_owned()));
                }
            }
            "ssrc" => {
                if let Ok(ssrc) = first.parse()
                    && !section.ssrcs.contains(&ssrc)
                {
                    section.ssrcs.push(ssrc);
                }
            }
            "ssrc-group" => {
                let mut numbers = rest.split(' ').filter_map(|number| number.parse().ok());
                let pair = numbers.next().zip(numbers.next());
                match first {
                    "FID" => section.fid = pair,
                    "FEC-FR" => section.fec_fr = pair,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    section.fec = section.formats.iter().find(|(_, name)| name.eq_ignore_ascii_case("flexfec-03")).map(|(pt, _)| *pt);
    section.formats.retain(|(_, name)| !["rtx", "flexfec-03"].iter().any(|other| name.eq_ignore_ascii_case(other)));
    section
}
