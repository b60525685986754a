//! Plain RTP, as clients ask for it and see it.

use super::{ParticipantState, ParticipantStats};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// Somebody to be connected by plain RTP: a media gateway, an encoder, a player. At least one of `audio` and `video` is wanted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RtpWish {
    /// What he is called in the room: 1 to 64 characters. Left out, it is `RTP`.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// What he sends and receives of sound.
    #[serde(default)]
    pub(crate) audio: Option<RtpLegWish>,
    /// What he sends and receives of pictures.
    #[serde(default)]
    pub(crate) video: Option<RtpLegWish>,
    /// He is let go when he sends something and nothing valid came from him for so many seconds: 1 to 3,600, or 0 for never, which takes SRTP or
    /// an address. Left out, it is 30.
    #[serde(default)]
    pub(crate) timeout_s: Option<u32>,
}

/// One RTP session, of audio or of video.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RtpLegWish {
    /// As he would say it himself: `sendonly` sends into the room, `recvonly` receives from it, `sendrecv` does both.
    pub(crate) direction: RtpDirection,
    /// `opus`; `vp8`, `vp9`, `h264`, `av1`. Left out, it is `opus` and `vp8`.
    #[serde(default)]
    pub(crate) codec: Option<String>,
    /// Its payload type, both ways: 96 to 127. Left out, it is 111 of audio and 96 of video.
    #[serde(default)]
    pub(crate) payload_type: Option<u8>,
    /// `a=fmtp` of it, without the payload type. Left out, it is what most take.
    #[serde(default)]
    pub(crate) fmtp: Option<String>,
    /// Where he is, as `203.0.113.7:5004`. Left out, it is learnt from the first valid packet that he sends, once.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) address: Option<SocketAddr>,
    /// Where he takes RTCP. Left out, it is the port after that of `address`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) rtcp_address: Option<SocketAddr>,
    /// RTCP comes and goes on the ports of RTP (RFC 5761).
    #[serde(default)]
    pub(crate) rtcp_mux: bool,
    /// The SSRC that his first packet must have. Left out, any will do.
    #[serde(default)]
    pub(crate) ssrc: Option<u32>,
    /// SRTP with keys that both sides are told (RFC 4568). Left out, it is RTP that anybody on the way can hear and change.
    #[serde(default)]
    pub(crate) srtp: Option<RtpKeyWish>,
    /// Lost packets are asked for again by NACK (RFC 4585).
    #[serde(default)]
    pub(crate) nack: bool,
    /// Of video that he receives: a key frame at least every so many seconds, 1 to 60, for players that cannot ask for one; 0 for those that can.
    /// Left out, it is 5.
    #[serde(default)]
    pub(crate) key_frames_s: Option<u32>,
    /// Of video that he receives: everybody on one canvas, laid out so: `grid`, `speaker`, `presentation`, `picture_in_picture`, or the name of
    /// a layout that was arranged for the room. Left out, it is `grid`, where no participant is named.
    #[serde(default)]
    pub(crate) layout: Option<String>,
    /// Of video that he receives: this participant alone, as he sends it.
    #[serde(default)]
    pub(crate) participant: Option<String>,
    /// Of video that he receives: this track of the participant. Left out, it is his first.
    #[serde(default)]
    pub(crate) track: Option<String>,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RtpDirection {
    /// Both do.
    SendRecv,
    /// He does.
    SendOnly,
    /// The server does.
    RecvOnly,
}

impl RtpDirection {
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// The key that he seals with.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RtpKeyWish {
    /// `AES_CM_128_HMAC_SHA1_80`, `AEAD_AES_128_GCM` or `AEAD_AES_256_GCM`.
    pub(crate) suite: String,
    /// His master key with the master salt behind it, in base64: what `a=crypto` has after `inline:`.
    pub(crate) key: String,
}

impl fmt::Debug for RtpKeyWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpKeyWish").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Somebody who is connected by plain RTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RtpView {
    /// His id in the room, as in its roster.
    pub(crate) participant: String,
    /// What he is called.
    pub(crate) name: String,
    /// Whether media flows: `connecting` until his address is known.
    pub(crate) state: ParticipantState,
    /// Seconds of silence after which he is let go; 0 for never.
    pub(crate) timeout_s: u32,
    /// Sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audio: Option<RtpLegView>,
    /// Pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) video: Option<RtpLegView>,
}

/// One RTP session of his.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RtpLegView {
    /// As he would say it.
    pub(crate) direction: RtpDirection,
    /// The codec.
    pub(crate) codec: String,
    /// Its payload type.
    pub(crate) payload_type: u8,
    /// Where he is to send RTP.
    pub(crate) rtp: String,
    /// Where he is to send RTCP.
    pub(crate) rtcp: String,
    /// The SSRC that the server sends under, where he receives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ssrc: Option<u32>,
    /// The SRTP suite, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suite: Option<String>,
}

/// Somebody who has just been connected by plain RTP, with what he is to be told. It is told this once: there are keys in it.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct RtpCreated {
    /// What can be asked for again.
    #[serde(flatten)]
    pub(crate) view: RtpView,
    /// The server's side (RFC 8866): where it takes media, what it sends, and its SRTP key.
    pub(crate) sdp: String,
    /// For a player: what he receives, at the addresses where it is sent. Missing where he receives nothing, or from an unknown address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) player_sdp: Option<String>,
}

/// One who is connected by plain RTP, with his figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct RtpStatsView {
    /// Who.
    #[serde(flatten)]
    pub(crate) view: RtpView,
    /// Where packets of each session come from and go to.
    pub(crate) paths: Vec<RtpPathView>,
    /// As of any participant; missing while there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<ParticipantStats>,
}

/// Where packets come from and go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RtpPathView {
    /// `audio` or `video`.
    pub(crate) kind: super::KindName,
    /// Where his packets come from, once a valid one came.
    pub(crate) source: Option<String>,
    /// Where the server's packets go, once it is known.
    pub(crate) destination: Option<String>,
    /// Datagrams that came from elsewhere, or were no valid beginning, and were dropped.
    pub(crate) strangers: u64,
}
