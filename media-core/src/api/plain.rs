//! Plain RTP (RFC 3550): participants without ICE and DTLS, as media gateways, encoders and players are.

use super::{Codec, MediaKind, TrackId, TrackInfo};
use crate::transport::srtp::Profile;
use crate::turn::PeerPolicy;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a participant sends and receives by plain RTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainAsk {
    /// One for each kind of media, at most one of a kind.
    pub legs: Vec<PlainLeg>,
    /// He is let go when nothing valid came from him for so long; `None` keeps him however silent he is. It is looked at for those only who
    /// send something.
    pub silence: Option<Duration>,
}

/// One RTP session (RFC 3550 section 3): audio or video, each with ports of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainLeg {
    /// What he sends, and takes.
    pub codec: Codec,
    /// Its payload type, 96 to 127, both ways.
    pub payload_type: u8,
    /// `a=fmtp` of it, without the payload type; may be empty.
    pub fmtp: String,
    /// He sends it.
    pub sends: bool,
    /// What he receives: the mix, a canvas, a track; `None` for nothing.
    pub receives: Option<TrackId>,
    /// Where he is; `None` learns it from the first valid packet, once (symmetric RTP, RFC 4961), which takes one who sends.
    pub address: Option<PlainAddress>,
    /// RTCP comes and goes on the ports of RTP (RFC 5761).
    pub rtcp_mux: bool,
    /// The SSRC that he sends under. The first packet must have it; `None` takes any.
    pub ssrc: Option<u32>,
    /// The keys of both directions (RFC 4568); `None` is RTP that anybody on the path can read.
    pub srtp: Option<PlainKeys>,
    /// Lost packets are asked for again (RFC 4585).
    pub nack: bool,
    /// Of video that he receives: a key frame at least this often, as a player that comes late, or lost one, may not be able to ask.
    pub key_frames: Option<Duration>,
}

impl PlainLeg {
    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }
}

/// Where a leg's media and reports go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainAddress {
    /// RTP.
    pub rtp: SocketAddr,
    /// RTCP; not looked at where both share a port.
    pub rtcp: SocketAddr,
}

/// The SRTP keys of a leg: for each direction a master key with its master salt behind it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainKeys {
    /// How they are used.
    pub profile: Profile,
    /// What he seals with.
    pub theirs: Vec<u8>,
    /// What we seal with. From a secure source of randomness: whoever guesses it hears the call.
    pub ours: Vec<u8>,
}

impl fmt::Debug for PlainKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Our ends of a leg, as the driver bound them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainEnds {
    /// RTP.
    pub rtp: PlainEnd,
    /// RTCP, where it has a port of its own.
    pub rtcp: Option<PlainEnd>,
}

impl PlainEnds {
    /// The ports, as they are bound.
    pub(crate) fn locals(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        [Some(self.rtp), self.rtcp].into_iter().flatten().map(|end| end.local)
    }
}

/// One end of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainEnd {
    /// As it is bound on this machine. Of no other participant.
    pub local: SocketAddr,
    /// What others are told.
    pub public: SocketAddr,
}

/// What the driver adds to what was asked.
#[derive(Debug, Clone)]
pub struct PlainPlace {
    /// Our ends, one for each leg in its order.
    pub ends: Vec<PlainEnds>,
    /// Where we may send.
    pub policy: Arc<PeerPolicy>,
}

/// A participant by plain RTP, set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainAnswer {
    /// Our side (RFC 8866): where to send, and what we send.
    pub sdp: String,
    /// What he receives, as a player is told (RFC 8866): the addresses in it are those that media is sent to. `None` where he receives nothing, or
    /// his address is not known yet.
    pub player_sdp: Option<String>,
    /// In the order of the legs.
    pub legs: Vec<PlainLegAnswer>,
    /// The tracks that he publishes.
    pub published: Vec<TrackInfo>,
}

/// One leg, set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainLegAnswer {
    /// Where RTP is to be sent.
    pub rtp: SocketAddr,
    /// Where RTCP is to be sent.
    pub rtcp: SocketAddr,
    /// The SSRC that we send under, where he receives.
    pub ssrc: Option<u32>,
}

/// Figures of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainLegStats {
    /// Audio or video.
    pub kind: MediaKind,
    /// Where his packets come from, once a valid one came.
    pub source: Option<SocketAddr>,
    /// Where ours go, once it is known.
    pub destination: Option<SocketAddr>,
    /// Datagrams that came from elsewhere, or were no valid beginning, and were dropped.
    pub strangers: u64,
}

/// Why somebody could not be connected by plain RTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// The server has no ports for it.
    #[error("this server takes no plain RTP")]
    Disabled,
    /// Every port of the range is taken.
    #[error("every port for plain RTP is taken")]
    NoPort,
    /// The operator lets nothing be sent there.
    #[error("this server may not send to {0}")]
    Denied(std::net::IpAddr),
    /// What was asked cannot be; the text says what to do.
    #[error("{0}")]
    Unusable(String),
    /// No such participant, or he has a transport already.
    #[error("no such participant, or he has a transport already")]
    NoSuchPeer,
    /// He may not send, or may not receive.
    #[error("this participant may not do that")]
    Refused,
    /// The worker's queue of commands is full, or the engine is stopping.
    #[error("the media engine takes no more work now")]
    Busy,
}
