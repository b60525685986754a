//! Reading an offer: the lines by `sdp-types`, their meaning here. What is not understood is passed over; what is needed and
//! missing is refused with the reason and the remedy.

use super::codec::CodecEntry;
use super::data::DataSection;
use super::extension::ExtensionIds;
use super::fec::{FecEntry, repair_ssrc};
use super::simulcast;
use crate::api::{Limits, MediaKind};
use is::IceCreds;
use sdp_types::{Attribute, Media, Session};

/// An offer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParsedOffer {
    pub(crate) ice: IceCreds,
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) setup: SetupRole,
    /// The client is lite too: then we control (RFC 8445 section 6.1.1).
    pub(crate) ice_lite: bool,
    pub(crate) candidates: Vec<String>,
    /// Both forms of header extensions may come in one stream (RFC 8285 section 4.1.2).
    pub(crate) mixed_extensions: bool,
    pub(crate) sections: Vec<OfferedSection>,
}

/// A media section of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedSection {
    /// Its media, protocol and formats, as they stood: a section is refused by giving them back with port 0.
    pub(crate) media: String,
    pub(crate) proto: String,
    pub(crate) formats: String,
    pub(crate) mid: String,
    /// `None` for what we do not carry, and for sections that the client ended.
    pub(crate) kind: Option<MediaKind>,
    /// It is that of the data channels.
    pub(crate) data: Option<DataSection>,
    pub(crate) direction: Direction,
    pub(crate) codecs: Vec<CodecEntry>,
    pub(crate) extensions: ExtensionIds,
    /// The SSRC of its media, and that of its retransmissions (RFC 5576, RFC 4588).
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    /// Its repair packets, and their SSRC (RFC 5956); of video only.
    pub(crate) fec: Option<FecEntry>,
    pub(crate) fec_ssrc: Option<u32>,
    /// The simulcast encodings that the client would send (RFC 8853); none without simulcast.
    pub(crate) rids: Vec<String>,
    pub(crate) reduced_size_rtcp: bool,
}

/// `a=sendrecv` and its kin, as the client says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// `a=setup` of an offer (RFC 4145, RFC 8842).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetupRole {
    ActPass,
    Active,
    Passive,
}

/// Which side opens the handshake (RFC 8842 section 5: `a=setup`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DtlsRole {
    /// We wait for the ClientHello: what we choose whenever we may.
    Passive,
    /// We send it.
    Active,
}

/// A certificate's fingerprint (RFC 8122).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    algorithm: HashName,
    hex: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HashName {
    Sha256,
    Sha384,
    Sha512,
}

impl Fingerprint {
    /// Reads `<algorithm> <hex>`; `None` for algorithms that are broken (RFC 8122 section 5) or unknown.
    fn read(value: &str) -> Option<Self> {
        let (name, hex) = value.trim().split_once(' ')?;
        let algorithm = [("sha-256", HashName::Sha256), ("sha-384", HashName::Sha384), ("sha-512", HashName::Sha512)]
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))?
            .1;
        Some(Self { algorithm, hex: hex.trim().to_owned() })
    }

    #[cfg(test)]
    pub(crate) fn sha256(hex: String) -> Self {
        Self { algorithm: HashName::Sha256, hex }
    }

    pub(crate) fn algorithm(&self) -> &'static aws_lc_rs::digest::Algorithm {
        match self.algorithm {
            HashName::Sha256 => &aws_lc_rs::digest::SHA256,
            HashName::Sha384 => &aws_lc_rs::digest::SHA384,
            HashName::Sha512 => &aws_lc_rs::digest::SHA512,
        }
    }

    pub(crate) fn hex(&self) -> &str {
        &self.hex
    }
}

/// Why an offer cannot be used, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadOffer(pub(crate) String);

fn bad<T>(text: impl Into<String>) -> Result<T, BadOffer> {
    Err(BadOffer(text.into()))
}

/// Longest `a=mid` taken: it goes into a header extension, whose one-byte form holds 16 (RFC 8285 section 4.2).
const MAX_MID_LEN: usize = 16;
/// Candidates taken from one offer.
const MAX_CANDIDATES: usize = 64;
/// `a=fingerprint` lines taken.
const MAX_FINGERPRINTS: usize = 8;
/// Codecs taken from one section. Chromium offers some 20 for video.
const MAX_CODECS: usize = 64;

impl ParsedOffer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`BadOffer`] when it is too long, does not parse, or lacks what a WebRTC session needs (RFC 8827, RFC 8834).
    pub(crate) fn read(sdp: &str, limits: &Limits) -> Result<Self, BadOffer> {
        if sdp.len() > limits.sdp_bytes {
            return bad(format!("the SDP is {} bytes long; at most {} are taken", sdp.len(), limits.sdp_bytes));
        }
        if sdp.bytes().filter(|b| *b == b'\n').count() > limits.media_sections * 128 {
            return bad("the SDP has too many lines");
        }
        let session = Session::parse(sdp.as_bytes()).map_err(|e| BadOffer(format!("the SDP does not parse: {e}")))?;
        if session.medias.is_empty() {
            return bad("the SDP has no media section: add a transceiver before you offer");
        }
        if session.medias.len() > limits.media_sections {
            return bad(format!(
                "the SDP has {} media sections; at most {} are taken",
                session.medias.len(),
                limits.media_sections
            ));
        }
        let extensions = |media: &Media| media.attributes.iter().filter(|a| a.attribute == "extmap").count();
        if let Some(most) = session.medias.iter().map(extensions).max().filter(|most| *most > limits.header_extensions)
        {
            return bad(format!(
                "a media section has {most} a=extmap lines; at most {} are taken",
                limits.header_extensions
            ));
        }
        let mixed_extensions = session.attributes.iter().any(|a| a.attribute == "extmap-allow-mixed");
        let read = |media| OfferedSection::read(media, mixed_extensions);
        let mut sections: Vec<_> = session.medias.iter().map(read).collect::<Result<_, _>>()?;
        DataSection::keep_first(&mut sections);
        if limits.fec_max_pct == 0 {
            sections.iter_mut().for_each(|section| section.fec = None);
        }
        check_mids(&session, &sections)?;
        let lines = transport_lines(&session);
        let value = |name| lines.iter().find_map(|a| value_of(a, name));
        let (Some(ufrag), Some(pass)) = (value("ice-ufrag"), value("ice-pwd")) else {
            return bad("the SDP has no a=ice-ufrag and a=ice-pwd");
        };
        if !(4..=256).contains(&ufrag.len()) || !(22..=256).contains(&pass.len()) {
            return bad("a=ice-ufrag must have 4 to 256 characters and a=ice-pwd 22 to 256 (RFC 8839 section 5.4)");
        }
        let fingerprints: Vec<_> = lines
            .iter()
            .filter_map(|a| value_of(a, "fingerprint"))
            .take(MAX_FINGERPRINTS)
            .filter_map(Fingerprint::read)
            .collect();
        if fingerprints.is_empty() {
            return bad(
                "the SDP has no a=fingerprint with sha-256, sha-384 or sha-512: media goes over DTLS-SRTP only",
            );
        }
        let setup = match value("setup") {
            Some("actpass") => SetupRole::ActPass,
            Some("active") | None => SetupRole::Active,
            Some("passive") => SetupRole::Passive,
            Some(other) => return bad(format!("a=setup:{} cannot be used: offer actpass", clip(other))),
        };
        let candidates = session
            .medias
            .iter()
            .flat_map(|media| &media.attributes)
            .filter_map(|a| value_of(a, "candidate"))
            .take(MAX_CANDIDATES)
            .map(|value| format!("candidate:{value}"))
            .collect();
        let ice = IceCreds { ufrag: ufrag.to_owned(), pass: pass.to_owned() };
        let ice_lite = session.attributes.iter().any(|a| a.attribute == "ice-lite");
        Ok(Self { ice, fingerprints, setup, ice_lite, candidates, mixed_extensions, sections })
    }
}

/// The attributes that describe the bundle's transport: of the first section that is alive, then of the session.
fn transport_lines(session: &Session) -> Vec<&Attribute> {
    let bundle_head = session.medias.iter().find(|m| m.port != 0).or(session.medias.first());
    bundle_head.into_iter().flat_map(|m| &m.attributes).chain(&session.attributes).collect()
}

fn value_of<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a str> {
    attribute.value.as_deref().filter(|_| attribute.attribute == name).map(str::trim)
}

/// Every living section has a mid of its own, and they are all in one bundle.
fn check_mids(session: &Session, sections: &[OfferedSection]) -> Result<(), BadOffer> {
    for (i, section) in sections.iter().enumerate() {
        if sections[..i].iter().any(|earlier| earlier.mid == section.mid) {
            return bad(format!("two media sections have a=mid:{}", section.mid));
        }
    }
    let bundled: Vec<&str> = session
        .attributes
        .iter()
        .filter_map(|a| value_of(a, "group")?.strip_prefix("BUNDLE"))
        .flat_map(str::split_whitespace)
        .collect();
    let living: Vec<_> = sections.iter().filter(|s| s.kind.is_some() || s.data.is_some()).collect();
    if let Some(apart) = living.iter().find(|s| !bundled.contains(&s.mid.as_str()))
        && living.len() > 1
    {
        return bad(format!(
            "a=mid:{} is not in a=group:BUNDLE: all media goes over one transport (set bundlePolicy to max-bundle)",
            apart.mid
        ));
    }
    if bundled.iter().any(|mid| !sections.iter().any(|s| s.mid == **mid)) {
        return bad("a=group:BUNDLE names a media section that is not there");
    }
    Ok(())
}

impl OfferedSection {
    fn read(media: &Media, mixed_extensions: bool) -> Result<Self, BadOffer> {
        let value = |name| media.attributes.iter().find_map(|a| value_of(a, name));
        let flag = |name: &str| media.attributes.iter().any(|a| a.attribute == name);
        let Some(mid) = value("mid") else {
            return bad(format!("the media section m={} has no a=mid (RFC 8843)", clip(&media.media)));
        };
        if mid.is_empty() || mid.len() > MAX_MID_LEN || !mid.bytes().all(|b| b.is_ascii_graphic()) {
            return bad(format!("a=mid must have 1 to {MAX_MID_LEN} printing characters"));
        }
        let direction = match ["sendrecv", "sendonly", "recvonly", "inactive"].into_iter().find(|d| flag(d)) {
            None | Some("sendrecv") => Direction::SendRecv,
            Some("sendonly") => Direction::SendOnly,
            Some("recvonly") => Direction::RecvOnly,
            Some(_) => Direction::Inactive,
        };
        let carried = match media.media.as_str() {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        };
        let bundle_only = media.port == 0 && flag("bundle-only");
        let kind = carried.filter(|_| (media.port != 0 || bundle_only) && media.proto.ends_with("RTP/SAVPF"));
        if kind.is_some() && !flag("rtcp-mux") {
            return bad(format!("a=mid:{mid} has no a=rtcp-mux: RTP and RTCP share one port (RFC 8834)"));
        }
        let mixed = mixed_extensions || flag("extmap-allow-mixed");
        let mut extensions = ExtensionIds::default();
        for attribute in &media.attributes {
            if let Some((id, uri)) = value_of(attribute, "extmap").and_then(|v| v.split_once(' '))
                && let Ok(id) = id.split('/').next().unwrap_or_default().parse()
            {
                extensions.add(id, uri.split(' ').next().unwrap_or_default(), mixed);
            }
        }
        let (ssrc, rtx_ssrc) = ssrcs(media);
        let is_video = kind == Some(MediaKind::Video);
        let rids = if is_video { simulcast::offered(media) } else { Vec::new() };
        // One stream of repair packets protects one stream of media: libwebrtc makes none of a simulcast.
        let fec = if is_video && rids.is_empty() { FecEntry::read(media) } else { None };
        Ok(Self {
            media: media.media.clone(),
            proto: media.proto.clone(),
            formats: media.fmt.clone(),
            mid: mid.to_owned(),
            kind,
            data: DataSection::read(media),
            direction,
            codecs: kind.map(|kind| codecs(media, kind)).unwrap_or_default(),
            extensions,
            ssrc,
            rtx_ssrc,
            fec,
            fec_ssrc: ssrc.and_then(|ssrc| repair_ssrc(media, ssrc)),
            rids,
            reduced_size_rtcp: flag("rtcp-rsize"),
        })
    }
}

/// The codecs of a section that we forward, in the client's order.
fn codecs(media: &Media, kind: MediaKind) -> Vec<CodecEntry> {
    let of = |name: &'static str| {
        media
            .attributes
            .iter()
            .filter_map(move |a| value_of(a, name)?.split_once(' '))
            .map(|(pt, rest)| (pt, rest.trim()))
    };
    let line = |name, pt: &str| of(name).find(|(p, _)| *p == pt).map(|(_, rest)| rest);
    let mut entries: Vec<CodecEntry> = Vec::new();
    for text in media.fmt.split_whitespace().take(MAX_CODECS) {
        let Some(payload_type) = text.parse().ok().filter(|pt| *pt < 128u8) else { continue };
        let Some(rtpmap) = line("rtpmap", text) else { continue };
        let fmtp = line("fmtp", text).unwrap_or_default();
        if let Some(mut entry) = CodecEntry::read(payload_type, kind, rtpmap, fmtp) {
            for (pt, feedback) in of("rtcp-fb") {
                if pt == text || pt == "*" {
                    entry.feedback.add(feedback);
                }
            }
            entry.red_payload_type = of("fmtp")
                .find(|(pt, fmtp)| {
                    // RFC 2198 section 5: the payload types of its blocks; ours if all of them are this codec.
                    fmtp.split('/').all(|block| block.trim() == text)
                        && line("rtpmap", pt).is_some_and(|map| map.to_ascii_lowercase().starts_with("red/48000"))
                })
                .and_then(|(pt, _)| pt.parse().ok())
                .filter(|pt| *pt < 128u8 && kind == MediaKind::Audio);
            entry.rtx_payload_type = of("fmtp")
                .find(|(pt, fmtp)| {
                    fmtp.split(';').any(|p| p.trim() == format!("apt={text}"))
                        && line("rtpmap", pt).is_some_and(|map| map.to_ascii_lowercase().starts_with("rtx/"))
                })
                .and_then(|(pt, _)| pt.parse().ok())
                .filter(|pt| *pt < 128u8);
            entries.push(entry);
        }
    }
    entries
}

/// The SSRCs of media and of retransmissions, where the offer names them.
fn ssrcs(media: &Media) -> (Option<u32>, Option<u32>) {
    let pair = media.attributes.iter().filter_map(|a| value_of(a, "ssrc-group")).find_map(|v| {
        let mut words = v.split_whitespace();
        (words.next() == Some("FID"))
            .then(|| (words.next().and_then(|w| w.parse().ok()), words.next().and_then(|w| w.parse().ok())))
    });
    pair.unwrap_or_else(|| {
        let first = media.attributes.iter().find_map(|a| value_of(a, "ssrc")?.split(' ').next()?.parse().ok());
        (first, None)
    })
}

/// What of the client's own words goes into an error: enough to recognise them.
fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(24).collect()
}
