//! How an engine is set up.

use super::{DataLimits, MixLimits};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Everything that an engine is told once.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Which worker this is, from 0: marks ICE username fragments, so that several workers can share a port.
    pub worker: u8,
    /// The addresses offered as host candidates, each with the local address that it stands for.
    pub addresses: Vec<AdvertisedAddress>,
    /// Lite by default: right for a server that clients can reach (RFC 8445 section 2.5).
    pub ice: IceMode,
    /// Which DTLS versions are spoken.
    pub dtls: DtlsVersions,
    /// Every limit that a peer can run into.
    pub limits: Limits,
    /// The seed of everything random that is no secret (SSRCs, first sequence numbers); a fixed one makes a run repeatable.
    pub seed: u64,
}

/// An address of ours: what clients are told, and where it arrives. They differ behind a 1:1 NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdvertisedAddress {
    /// What the candidate says.
    pub public: SocketAddr,
    /// Where the datagram arrives on this machine.
    pub local: SocketAddr,
    /// TCP (RFC 6544, passive) rather than UDP.
    pub tcp: bool,
}

impl AdvertisedAddress {
    /// A UDP address that is what it says.
    #[must_use]
    pub fn udp(address: SocketAddr) -> Self {
        Self { public: address, local: address, tcp: false }
    }

    /// The address behind a 1:1 NAT whose outer side is `public`.
    #[must_use]
    pub fn behind(self, public: IpAddr) -> Self {
        Self { public: SocketAddr::new(public, self.public.port()), ..self }
    }
}

/// ICE lite or full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IceMode {
    /// Answers checks, sends none.
    #[default]
    Lite,
    /// Checks too: for a server that is itself behind a NAT without a fixed mapping.
    Full,
}

/// Which DTLS versions are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DtlsVersions {
    /// 1.2 with those who offer it, 1.3 with those who offer nothing else. With 1.2 we choose the SRTP profile, and so get
    /// AES-GCM from browsers that would rather have AES-CM (ADR 0001).
    #[default]
    Prefer12,
    /// 1.3 with those who offer it.
    Prefer13,
}

/// What a peer can grow, and how far. Each is counted when it is hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Participants in a room. One more is refused.
    pub peers_per_room: usize,
    /// Participants of a room on one worker, as long as another worker has none of them. One more has the room shared by a worker
    /// more.
    pub room_peers_per_worker: usize,
    /// Longest SDP taken, in bytes. Browsers' offers are 5 to 30 kB.
    pub sdp_bytes: usize,
    /// Media sections of a description.
    pub media_sections: usize,
    /// Tracks that one participant publishes.
    pub tracks_per_peer: usize,
    /// SSRCs that are tracked for one participant; packets of others are dropped.
    pub ssrcs_per_peer: usize,
    /// Remote candidates taken from one participant in one ICE session.
    pub remote_candidates: usize,
    /// Paths that one ICE session may bring up, ports walked and networks changed: the agent remembers each.
    pub ice_paths: u16,
    /// STUN messages taken a second from one address (of IPv6: one /64) on paths that are not validated; 0 is no limit.
    pub stun_per_s_per_address: u32,
    /// ICE-TCP connections of one address (of IPv6: one /64) that no check has validated; one more is closed as it comes. 0 is no
    /// limit.
    pub tcp_unproven_per_address: usize,
    /// `a=extmap` lines of one media section. Chromium has some 15.
    pub header_extensions: usize,
    /// Packets kept of each encoding of a video track for retransmission (RFC 4588), if they are not older than two seconds. At 2.5 Mb/s
    /// and 1,200 bytes those are 512.
    pub rtx_ring_packets: usize,
    /// Repair packets (FlexFEC) toward a receiver who loses some, in percent of his video at most; 0 does not negotiate them, either way.
    /// Half as much again repairs most of 20 % loss; beyond it, a smaller picture helps more.
    pub fec_max_pct: u8,
    /// What a receiver's path is taken to carry before it is known, in bits a second: audio and a small video.
    pub downlink_start_bps: u64,
    /// What it is never taken to carry less than, in bits a second: one stream of audio with its headers.
    pub downlink_min_bps: u64,
    /// What it is never taken to carry more than, in bits a second: bounds what one receiver can draw.
    pub downlink_max_bps: u64,
    /// A key frame is asked of a publisher at most this often.
    pub keyframe_interval: Duration,
    /// A session without consent (RFC 7675) for this long is closed, in ms. A client may resume until then.
    pub disconnected_ms: u64,
    /// A session whose ICE and DTLS are not done after this long is closed.
    pub connect_timeout: Duration,
    /// Those of data channels.
    pub data: DataLimits,
    /// How sound is mixed, and for whom.
    pub mix: MixLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers_per_room: 1_000,
            room_peers_per_worker: 100,
            sdp_bytes: 64 * 1024,
            media_sections: 128,
            tracks_per_peer: 16,
            ssrcs_per_peer: 64,
            remote_candidates: 32,
            ice_paths: 256,
            stun_per_s_per_address: 1_000,
            tcp_unproven_per_address: 64,
            header_extensions: 64,
            rtx_ring_packets: 512,
            fec_max_pct: 50,
            downlink_start_bps: 300_000,
            downlink_min_bps: 30_000,
            downlink_max_bps: 100_000_000,
            keyframe_interval: Duration::from_millis(500),
            disconnected_ms: 45_000,
            connect_timeout: Duration::from_secs(30),
            data: DataLimits::default(),
            mix: MixLimits::default(),
        }
    }
}
