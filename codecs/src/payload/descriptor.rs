//! What all payload formats have in common.

use super::{Av1, H264, Vp8, Vp9};
use crate::ParseError;

/// The payload formats that are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184, packetization modes 0 and 1.
    H264,
    /// The AV1 RTP payload specification of AOMedia, version 1.0.
    Av1,
}

/// What a forwarder asks of a payload, whichever its format.
pub trait Descriptor<'a>: Sized {
    /// Reads what stands in front of the (decrypted, unpadded) payload.
    fn parse(payload: &'a [u8]) -> Result<Self, ParseError>;

    /// Whether this payload begins a picture from which a decoder can start; for audio, always.
    fn starts_keyframe(&self) -> bool;

    /// The temporal layer, 0 being the base; `None` if the payload does not say.
    fn temporal_id(&self) -> Option<u8> {
        None
    }

    /// The spatial layer, 0 being the base; `None` if the payload does not say.
    fn spatial_id(&self) -> Option<u8> {
        None
    }
}

/// Whether this RTP payload begins a picture from which a decoder can start. Audio: always, and its bytes are
/// not looked at. Malformed video: never.
pub fn starts_keyframe(format: PayloadFormat, payload: &[u8]) -> bool {
    fn ask<'a, D: Descriptor<'a>>(payload: &'a [u8]) -> bool {
        D::parse(payload).is_ok_and(|descriptor| descriptor.starts_keyframe())
    }

    match format {
        PayloadFormat::Opus => true,
        PayloadFormat::Vp8 => ask::<Vp8>(payload),
        PayloadFormat::Vp9 => ask::<Vp9<'_>>(payload),
        PayloadFormat::H264 => ask::<H264<'_>>(payload),
        PayloadFormat::Av1 => ask::<Av1<'_>>(payload),
    }
}
