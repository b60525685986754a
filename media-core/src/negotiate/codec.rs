//! Codecs as a description names them, and which of them are the same.

use crate::api::{Codec, MediaKind};
use colloquy_codecs::payload::PayloadFormat;

/// A codec with the parameters that make two of its streams decodable by the same decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// H.264: profile_idc and the constraint flags, and the packetization mode (RFC 6184 section 8.1). VP9 and AV1: the profile.
    variant: u32,
}

impl Format {
    /// RFC 7587.
    pub(crate) const OPUS: Self = Self { codec: Codec::Opus, variant: 0 };
    /// RFC 7741.
    pub(crate) const VP8: Self = Self { codec: Codec::Vp8, variant: 0 };
    /// RFC 6184: constrained baseline, packetization mode 1.
    pub(crate) const H264_CONSTRAINED: Self = Self { codec: Codec::H264, variant: 0x42e0 << 8 | 1 };

    /// How its payload is laid out.
    pub(crate) fn payload(self) -> PayloadFormat {
        match self.codec {
            Codec::Opus => PayloadFormat::Opus,
            Codec::Vp8 => PayloadFormat::Vp8,
            Codec::Vp9 => PayloadFormat::Vp9,
            Codec::H264 => PayloadFormat::H264,
            Codec::Av1 => PayloadFormat::Av1,
        }
    }

    /// Whether a picture may have several spatial layers in one stream.
    pub(crate) fn is_layered(self) -> bool {
        matches!(self.codec, Codec::Vp9 | Codec::Av1)
    }

    fn read(name: &str, clock_rate_hz: u32, fmtp: &str) -> Option<Self> {
        let codec = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1]
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name) && codec.clock_rate_hz() == clock_rate_hz)?;
        let variant = match codec {
            Codec::Opus | Codec::Vp8 => 0,
            Codec::Vp9 => parameter(fmtp, "profile-id").and_then(|v| v.parse().ok()).unwrap_or(0),
            Codec::Av1 => parameter(fmtp, "profile").and_then(|v| v.parse().ok()).unwrap_or(0),
            Codec::H264 => {
                // Constrained baseline when it is not said (RFC 6184 section 8.1: baseline; browsers send the constrained one).
                let profile = parameter(fmtp, "profile-level-id")
                    .and_then(|v| u32::from_str_radix(v.get(..4)?, 16).ok())
                    .unwrap_or(0x42e0);
                let mode: u32 = parameter(fmtp, "packetization-mode").and_then(|v| v.parse().ok()).unwrap_or(0);
                // Baseline with constraint_set1 is constrained baseline, whatever the other flags (RFC 6184 table 5).
                let profile = if profile & 0xff4f == 0x4240 { 0x42e0 } else { profile };
                profile << 8 | mode & 0xff
            }
        };
        Some(Self { codec, variant })
    }
}

/// The value of `key=value` in an `a=fmtp`.
fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(k, _)| k.eq_ignore_ascii_case(key))
        .map(|(_, v)| v)
}

/// The feedback that a codec was offered with (RFC 4585, RFC 5104).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Feedback {
    pub(crate) nack: bool,
    pub(crate) pli: bool,
    pub(crate) fir: bool,
    pub(crate) transport_cc: bool,
    /// The receiver estimates his downlink himself (draft-alvestrand-rmcat-remb-03).
    pub(crate) remb: bool,
}

impl Feedback {
    pub(crate) fn add(&mut self, value: &str) {
        match value.trim() {
            "nack" => self.nack = true,
            "nack pli" => self.pli = true,
            "ccm fir" => self.fir = true,
            "transport-cc" => self.transport_cc = true,
            "goog-remb" => self.remb = true,
            _ => {}
        }
    }

    /// What of it is put into an answer.
    pub(crate) fn lines(self) -> impl Iterator<Item = &'static str> {
        [
            (self.nack, "nack"),
            (self.pli, "nack pli"),
            (self.fir, "ccm fir"),
            (self.transport_cc, "transport-cc"),
            // A client that is offered both uses transport feedback; one that has it does not need the other.
            (self.remb && !self.transport_cc, "goog-remb"),
        ]
        .into_iter()
        .filter_map(|(on, line)| on.then_some(line))
    }
}

/// One codec of one media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodecEntry {
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    /// Of packets that repeat the ones before them (RFC 2198); of audio only.
    pub(crate) red_payload_type: Option<u8>,
    pub(crate) format: Format,
    /// `a=rtpmap`, after the payload type.
    pub(crate) rtpmap: String,
    /// `a=fmtp`, after the payload type; may be empty.
    pub(crate) fmtp: String,
    pub(crate) feedback: Feedback,
}

impl CodecEntry {
    /// The payload type of what the server makes itself, before it is some receiver's.
    pub(crate) const MADE_HERE: u8 = 96;

    /// The codec of what the server makes itself: nobody asked for it in a description.
    pub(crate) fn made_here(format: Format) -> Self {
        let (rtpmap, fmtp) = (String::new(), String::new());
        let (payload_type, rtx_payload_type, red_payload_type) = (Self::MADE_HERE, None, None);
        Self { payload_type, rtx_payload_type, red_payload_type, format, rtpmap, fmtp, feedback: Feedback::default() }
    }

    /// Reads a payload type's lines; `None` when we do not forward it.
    pub(crate) fn read(payload_type: u8, kind: MediaKind, rtpmap: &str, fmtp: &str) -> Option<Self> {
        let mut parts = rtpmap.split('/');
        let (name, clock_rate) = (parts.next()?.trim(), parts.next()?.trim().parse().ok()?);
        let format = Format::read(name, clock_rate, fmtp).filter(|f| f.codec.kind() == kind)?;
        Some(Self {
            payload_type,
            rtx_payload_type: None,
            red_payload_type: None,
            format,
            rtpmap: rtpmap.to_owned(),
            fmtp: fmtp.to_owned(),
            feedback: Feedback::default(),
        })
    }
}

/// The first of a receiver's codecs that takes a stream of this format.
pub(crate) fn matching(codecs: &[CodecEntry], format: Format) -> Option<&CodecEntry> {
    codecs.iter().find(|entry| entry.format == format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h264(fmtp: &str) -> Format {
        CodecEntry::read(102, MediaKind::Video, "H264/90000", fmtp).unwrap().format
    }

    #[test]
    fn h264_profiles_are_told_apart_and_levels_are_not() {
        let constrained = h264("packetization-mode=1;profile-level-id=42e01f");
        assert_eq!(constrained, h264("profile-level-id=42e034;packetization-mode=1"));
        assert_ne!(constrained, h264("packetization-mode=0;profile-level-id=42e01f"));
        assert_ne!(constrained, h264("packetization-mode=1;profile-level-id=4d001f"));
        assert_ne!(constrained, h264("packetization-mode=1;profile-level-id=42001f"));
    }

    #[test]
    fn odd_lines_are_passed_over() {
        for rtpmap in ["", "opus", "opus/", "opus/x", "opus/44100/2", "telephone-event/8000", "VP8/90000"] {
            assert!(CodecEntry::read(96, MediaKind::Audio, rtpmap, "").is_none(), "{rtpmap}");
        }
        assert!(CodecEntry::read(96, MediaKind::Video, "H264/90000", "profile-level-id=é").is_some());
    }
}
