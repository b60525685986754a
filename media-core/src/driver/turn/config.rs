//! How the relay is set up.

use crate::turn::{Network, Secret, TurnLimits};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How the relay is set up. Its addresses are those of media: see [`DriverConfig`](crate::driver::DriverConfig).
#[derive(Debug, Clone)]
pub struct TurnConfig {
    /// The port, for UDP and TCP. 0 takes what is free, for tests.
    pub port: u16,
    /// Serve clients over UDP.
    pub udp: bool,
    /// Serve clients over TCP.
    pub tcp: bool,
    /// The port for TLS, where there is a certificate. `None`: no TLS. 0 takes what is free.
    pub tls_port: Option<u16>,
    /// The name or address that clients are told, without a port; of IPv6 with brackets or without. Without one they are told our addresses, and for TLS the certificate's name.
    pub host: Option<String>,
    /// The realm of the credentials.
    pub realm: String,
    /// Users with a password that never expires.
    pub users: Vec<(String, Secret)>,
    /// What time-limited credentials are made with. Without one it is random, for this run.
    pub secret: Option<Secret>,
    /// How long credentials open allocations, in seconds.
    pub credential_ttl_s: u64,
    /// Ports of relayed addresses. Nobody needs to reach them to talk to this server's own media.
    pub relay_ports: RangeInclusive<u16>,
    /// As [`PeerPolicy::public_peers`](crate::turn::PeerPolicy::public_peers).
    pub public_peers: bool,
    /// As [`PeerPolicy::allow`](crate::turn::PeerPolicy::allow).
    pub allow: Vec<Network>,
    /// As [`PeerPolicy::deny`](crate::turn::PeerPolicy::deny).
    pub deny: Vec<Network>,
    /// What clients can grow.
    pub limits: TurnLimits,
    /// TCP and TLS connections at most; one more is closed as it comes.
    pub connections: usize,
    /// The same from one address, or from one IPv6 /64.
    pub connections_per_address: usize,
    /// A connection without an allocation is closed after so long, however busy it looks. A client asks for one at once.
    pub unused_stream: Duration,
}

impl Default for TurnConfig {
    /// UDP and TCP on port 3478, TLS on 5349: the registered ports (RFC 8656 section 18).
    fn default() -> Self {
        Self {
            port: 3_478,
            udp: true,
            tcp: true,
            tls_port: Some(5_349),
            host: None,
            realm: "colloquy".to_owned(),
            users: Vec::new(),
            secret: None,
            // Longer than a working day: a page that stays open may need them for an ICE restart.
            credential_ttl_s: 43_200,
            relay_ports: 30_000..=32_767,
            public_peers: false,
            allow: Vec::new(),
            deny: Vec::new(),
            limits: TurnLimits::default(),
            connections: 1_024,
            connections_per_address: 128,
            unused_stream: Duration::from_secs(10),
        }
    }
}
