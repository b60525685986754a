//! Descriptions of plain RTP (RFC 8866), without an offer before them.

use super::answer::{codec_lines, line};
use super::codec::{CodecEntry, Feedback};
use super::extension::ExtensionIds;
use super::offer::{Direction, OfferedSection};
use crate::api::{Codec, MediaKind, PlainEnds, PlainKeys, PlainLeg};
use crate::transport::srtp::Profile;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::{IpAddr, SocketAddr};

/// What is described.
#[derive(Debug)]
pub(crate) struct PlainPlan<'a> {
    pub(crate) session_id: u64,
    /// Whose it is, for who reads it.
    pub(crate) name: &'a str,
    pub(crate) sessions: &'a [PlainSession<'a>],
}

/// One RTP session of it.
#[derive(Debug)]
pub(crate) struct PlainSession<'a> {
    pub(crate) leg: &'a PlainLeg,
    pub(crate) ends: PlainEnds,
    pub(crate) codec: &'a CodecEntry,
    /// What we send under.
    pub(crate) ssrc: Option<u32>,
}

impl CodecEntry {
    /// A codec by plain RTP; `None` when `fmtp` could not be in a description.
    pub(crate) fn plain(codec: Codec, payload_type: u8, fmtp: &str, nack: bool) -> Option<Self> {
        if fmtp.chars().any(char::is_control) {
            return None;
        }
        let channels = if codec.kind() == MediaKind::Audio { "/2" } else { "" };
        let rtpmap = format!("{}/{}{channels}", codec.name(), codec.clock_rate_hz());
        let entry = Self::read(payload_type, codec.kind(), &rtpmap, fmtp)?;
        let pli = nack && codec.kind() == MediaKind::Video;
        Some(Self { feedback: Feedback { nack, pli, ..Feedback::default() }, ..entry })
    }
}

/// The section that an offer of this would have.
pub(crate) fn plain_section(leg: &PlainLeg, entry: CodecEntry) -> OfferedSection {
    let media = media_name(leg.kind()).to_owned();
    OfferedSection {
        mid: media.clone(),
        media,
        proto: String::new(),
        formats: leg.payload_type.to_string(),
        kind: Some(leg.kind()),
        data: None,
        direction: match (leg.sends, leg.receives.is_some()) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        },
        codecs: vec![entry],
        extensions: ExtensionIds::default(),
        ssrc: leg.ssrc,
        rtx_ssrc: None,
        fec: None,
        fec_ssrc: None,
        rids: Vec::new(),
        reduced_size_rtcp: false,
    }
}

/// Our side's description, and that for a player, if there is one: what he receives, at the addresses where it goes.
pub(crate) fn write(plan: &PlainPlan<'_>) -> (String, Option<String>) {
    let ours = document(plan, |session| {
        let direction = match (session.leg.sends, session.leg.receives.is_some()) {
            (true, true) => "sendrecv",
            (true, false) => "recvonly",
            (false, true) => "sendonly",
            (false, false) => "inactive",
        };
        let rtcp = session.ends.rtcp.map(|end| end.public);
        Some((session.ends.rtp.public, rtcp, direction))
    });
    let player = document(plan, |session| {
        let to = session.leg.address.filter(|_| session.leg.receives.is_some())?;
        Some((to.rtp, (!session.leg.rtcp_mux).then_some(to.rtcp), "recvonly"))
    });
    (ours.unwrap_or_default(), player)
}

/// A description of the sessions that `at` has ends for, each with its RTP, its RTCP and its direction.
fn document(
    plan: &PlainPlan<'_>,
    at: impl Fn(&PlainSession<'_>) -> Option<(SocketAddr, Option<SocketAddr>, &'static str)>,
) -> Option<String> {
    let described: Vec<_> = plan.sessions.iter().filter_map(|session| Some((session, at(session)?))).collect();
    let (_, (first, ..)) = described.first()?;
    let mut sdp = String::with_capacity(1_024);
    line(&mut sdp, format_args!("v=0"));
    line(&mut sdp, format_args!("o=- {} 1 {}", plan.session_id, host(first.ip())));
    let name: String = plan.name.chars().filter(|c| !c.is_control()).collect();
    line(&mut sdp, format_args!("s={}", if name.is_empty() { "-" } else { &name }));
    line(&mut sdp, format_args!("t=0 0"));
    for (session, (rtp, rtcp, direction)) in described {
        let PlainSession { leg, codec, ssrc, .. } = session;
        let profile = match (&leg.srtp, leg.nack) {
            (None, false) => "RTP/AVP",
            (None, true) => "RTP/AVPF",
            (Some(_), false) => "RTP/SAVP",
            (Some(_), true) => "RTP/SAVPF",
        };
        line(&mut sdp, format_args!("m={} {} {profile} {}", media_name(leg.kind()), rtp.port(), leg.payload_type));
        line(&mut sdp, format_args!("c={}", host(rtp.ip())));
        match rtcp {
            None => line(&mut sdp, format_args!("a=rtcp-mux")),
            // RFC 3605: said where it is not the next port, and harmless where it is.
            Some(rtcp) => line(&mut sdp, format_args!("a=rtcp:{} {}", rtcp.port(), host(rtcp.ip()))),
        }
        line(&mut sdp, format_args!("a={direction}"));
        codec_lines(&mut sdp, codec);
        if let Some(keys) = &leg.srtp {
            crypto(&mut sdp, keys);
        }
        if let Some(ssrc) = ssrc {
            line(&mut sdp, format_args!("a=ssrc:{ssrc} cname:colloquy"));
        }
    }
    Some(sdp)
}

/// RFC 4568 section 9.1: the key that we seal with.
fn crypto(sdp: &mut String, keys: &PlainKeys) {
    let suite = keys.profile.sdes_name();
    line(sdp, format_args!("a=crypto:1 {suite} inline:{}", STANDARD.encode(&keys.ours)));
}

impl Profile {
    /// Its name in `a=crypto` (RFC 4568 section 6.2, RFC 7714 section 14.3).
    #[must_use]
    pub fn sdes_name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::Aes128CmSha1_80 => "AES_CM_128_HMAC_SHA1_80",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn of_sdes(name: &str) -> Option<Self> {
        [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::Aes128CmSha1_80].into_iter().find(|p| p.sdes_name() == name)
    }
}

/// As `m=` has it; of plain RTP the name of the section too.
pub(crate) fn media_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("IN IP4 {ip}"),
        IpAddr::V6(ip) => format!("IN IP6 {ip}"),
    }
}
