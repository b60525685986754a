//! How the media engine is started, and why it may not.

use super::isolation::Isolation;
use super::plain::PlainConfig;
use crate::api::{DtlsVersions, IceMode, Limits};
use crate::mix::audio::MixSettings;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Workers at most: their number is one letter of an ICE username fragment.
pub const MAX_WORKERS: usize = 26;

/// How the media engine is set up.
#[derive(Debug, Clone)]
pub struct DriverConfig {
    /// Media threads, 1 to [`MAX_WORKERS`]; one a core is best.
    pub workers: usize,
    /// The addresses to bind. Empty: all of this machine, IPv4 and, where there is any, IPv6.
    pub bind: Vec<IpAddr>,
    /// The first port. Worker `i` takes `port + i`, or all take `port` when there is a single one. 0 takes what is free, for tests.
    pub port: u16,
    /// All workers share one port. Simpler for firewalls; costs a hop between threads for what arrives at the wrong worker.
    pub single_port: bool,
    /// Take ICE-TCP connections too (RFC 6544, passive), on the same port numbers.
    pub tcp: bool,
    /// What clients are told instead of this machine's addresses: the outer sides of 1:1 NATs, or a choice among our own. Empty:
    /// every address that can be of use.
    pub advertise: Vec<IpAddr>,
    /// Offer loopback addresses too, for clients on this machine.
    pub include_loopback: bool,
    /// As [`EngineConfig::ice`](crate::api::EngineConfig::ice).
    pub ice: IceMode,
    /// As [`EngineConfig::dtls`](crate::api::EngineConfig::dtls).
    pub dtls: DtlsVersions,
    /// As [`EngineConfig::limits`](crate::api::EngineConfig::limits).
    pub limits: Limits,
    /// Threads that mix sound for those who want it mixed, among which rooms are spread. 0: nothing is mixed.
    pub mixers: usize,
    /// How they mix.
    pub mix: MixSettings,
    /// Still pictures are made of videos, of each no more than one in this time; its publisher is asked for a key frame where the last is
    /// older. `None`: none are made. Needs the feature `compose`.
    pub snapshots: Option<Duration>,
    /// Whatever decodes and encodes runs in processes of its own, which are started so; where none can be, and with `None`, on threads of this
    /// one, which a fault in a codec's library ends.
    pub isolation: Option<Isolation>,
    /// Ports for participants by plain RTP; `None`: there are none.
    pub plain: Option<PlainConfig>,
    /// Programs of this machine that are fed by plain RTP at once ([`MediaEngine::plain_here`](super::MediaEngine::plain_here)); they have
    /// ports of their own, whatever `plain` says.
    pub programs: usize,
    /// Keep each worker on a core of its own, when there are enough.
    pub pin: bool,
    /// Makes a run repeatable; see [`EngineConfig::seed`](crate::api::EngineConfig::seed).
    pub seed: Option<u64>,
}

impl Default for DriverConfig {
    /// One worker on port 7000 of every address, UDP and TCP.
    fn default() -> Self {
        Self {
            workers: 1,
            bind: Vec::new(),
            port: 7_000,
            single_port: false,
            tcp: true,
            advertise: Vec::new(),
            include_loopback: false,
            ice: IceMode::default(),
            dtls: DtlsVersions::default(),
            limits: Limits::default(),
            mixers: 1,
            mix: MixSettings::default(),
            snapshots: None,
            isolation: None,
            plain: None,
            programs: 0,
            pin: true,
            seed: None,
        }
    }
}

impl DriverConfig {
    /// The port of each worker.
    ///
    /// # Errors
    /// When there are no workers or too many, or their ports run past 65,535.
    pub(super) fn ports(&self) -> Result<Vec<u16>, StartError> {
        if !(1..=MAX_WORKERS).contains(&self.workers) {
            return Err(StartError::Workers { asked: self.workers });
        }
        let step = u16::from(!self.single_port && self.port != 0);
        (0..self.workers as u16)
            .map(|worker| self.port.checked_add(worker * step))
            .collect::<Option<_>>()
            .ok_or(StartError::Ports { first: self.port, workers: self.workers })
    }

    /// What to bind, and whether that is our own guess, of which what the machine lacks is left out.
    pub(super) fn bind_addresses(&self) -> (Vec<IpAddr>, bool) {
        if self.bind.is_empty() {
            (vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()], true)
        } else {
            (self.bind.clone(), false)
        }
    }
}

/// Why the media engine could not be started. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No workers, or too many.
    #[error("{asked} media workers cannot be: take 1 to {MAX_WORKERS}, one for each core at most")]
    Workers {
        /// How many were asked for.
        asked: usize,
    },
    /// The workers' ports run past 65,535.
    #[error("{workers} workers have no ports from {first} up: take a lower first port, or a single port for all")]
    Ports {
        /// The first port.
        first: u16,
        /// How many workers there are.
        workers: usize,
    },
    /// Another process has the port.
    #[error(
        "{protocol} port {addr} is in use: stop who has it (`ss -lunpt 'sport = :{}'` names it), or take another media port",
        addr.port()
    )]
    PortInUse {
        /// UDP or TCP.
        protocol: &'static str,
        /// What could not be bound.
        addr: SocketAddr,
    },
    /// The port needs a privilege.
    #[error("this process may not bind {addr}: take a port from 1024 up, or give it CAP_NET_BIND_SERVICE")]
    Forbidden {
        /// What could not be bound.
        addr: SocketAddr,
    },
    /// The address is not this machine's.
    #[error(
        "{ip} is no address of this machine: bind one that `ip address` shows, or none for all; what clients should be told \
         instead belongs to the advertised addresses"
    )]
    NotOurs {
        /// The address.
        ip: IpAddr,
    },
    /// A socket could not be made for another reason.
    #[error("cannot bind {addr}: {source}")]
    Bind {
        /// What could not be bound.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// This machine's addresses could not be listed.
    #[error("cannot list the network interfaces: {0}")]
    Interfaces(io::Error),
    /// There is nothing to offer to clients.
    #[error("there is no address to offer to clients: {0}")]
    NoAddress(String),
    /// No certificate could be made.
    #[error("{0}; start again, and report it if it stays")]
    Certificate(String),
    /// The relay cannot be as it was asked for.
    #[error("the TURN relay cannot start: {0}")]
    Turn(String),
    /// A thread, or what it waits with, could not be had.
    #[error("cannot start a media thread: {0}; the limits on processes and open files (`ulimit -u -n`) may be too low")]
    Thread(io::Error),
}
