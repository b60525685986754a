//! Where the relay may send. Without a word of the operator: to the media server it belongs to and to its own allocations, nowhere else.

use rustc_hash::FxHashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A range of addresses, as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    ip: IpAddr,
    prefix_bits: u8,
}

/// A text that is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network: write it as 192.0.2.0/24, 2001:db8::/32, or as a single address")]
pub struct BadNetwork(String);

/// An address of this server's media, and the one of this machine that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddress {
    /// What clients are told.
    pub public: SocketAddr,
    /// Where the socket is. The same, but for a 1:1 NAT.
    pub local: SocketAddr,
}

/// Decides on peers. An operator's `deny` comes before his `allow`, and that before the rules of this code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerPolicy {
    /// Never relayed to, except for our own media.
    pub deny: Vec<Network>,
    /// Relayed to whatever else is said.
    pub allow: Vec<Network>,
    /// Relay to the internet: every address that is neither this machine's nor of a reserved range. A server whose clients call
    /// nobody but it has no use for that, and strangers would have.
    pub public_peers: bool,
    /// This machine's addresses, inner and outer. What listens on them besides our media is none of a client's business.
    pub hosts: Vec<IpAddr>,
    own: FxHashMap<SocketAddr, SocketAddr>,
    own_public: FxHashMap<SocketAddr, SocketAddr>,
}

impl PeerPolicy {
    /// Lets `allow` be sent to, but for what is in `deny`, and nothing else.
    #[must_use]
    pub fn new(deny: Vec<Network>, allow: Vec<Network>) -> Self {
        Self { deny, allow, ..Self::default() }
    }

    /// The same, on a machine with these addresses; with `public_peers` for the internet too.
    #[must_use]
    pub fn of_hosts(self, hosts: Vec<IpAddr>, public_peers: bool) -> Self {
        Self { hosts, public_peers, ..self }
    }

    /// Opens the way to the media server's own UDP sockets: to exactly these addresses and ports.
    pub fn set_own(&mut self, own: &[OwnAddress]) {
        self.own = own.iter().flat_map(|one| [(one.local, one.local), (one.public, one.local)]).collect();
        self.own_public = own.iter().rev().map(|one| (one.local, one.public)).collect();
    }

    /// Whether a permission may be had for an address. It says nothing of ports, so that [`way`](Self::way) decides again for each
    /// packet.
    pub(super) fn permits(&self, ip: IpAddr) -> bool {
        self.own.keys().any(|own| own.ip() == ip) || self.allows(ip)
    }

    /// Where a packet for a peer goes; `None` for nowhere.
    pub(super) fn way(&self, peer: SocketAddr) -> Option<SocketAddr> {
        if let Some(local) = self.own.get(&peer) {
            return Some(*local);
        }
        (peer.port() != 0 && self.allows(peer.ip())).then_some(peer)
    }

    /// The address under which clients know our own media that a packet came from.
    pub(super) fn known_as(&self, from: SocketAddr) -> SocketAddr {
        self.own_public.get(&from).copied().unwrap_or(from)
    }

    /// Whether an address that is not ours may be relayed to. One that carries an IPv4 address must be allowed as both.
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        self.allows_as_written(ip) && embedded(ip).is_none_or(|v4| self.allows_as_written(v4.into()))
    }

    fn allows_as_written(&self, ip: IpAddr) -> bool {
        let within = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        if within(&self.deny) {
            return false;
        }
        within(&self.allow) || (self.public_peers && !is_reserved(ip) && !self.hosts.contains(&ip))
    }
}

impl Network {
    /// Whether an address is of this network.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                (u32::from(net) ^ u32::from(ip)).checked_shr(32 - u32::from(self.prefix_bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                (u128::from(net) ^ u128::from(ip)).checked_shr(128 - u32::from(self.prefix_bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    /// The network of one address.
    fn from(ip: IpAddr) -> Self {
        Self { ip, prefix_bits: if ip.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().map_err(|_| bad())?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.unwrap_or(most);
        if prefix_bits <= most { Ok(Self { ip, prefix_bits }) } else { Err(bad()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_bits)
    }
}

/// The IPv4 address that an IPv6 one leads to: mapped and compatible (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052).
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        // Unspecified and loopback are addresses of their own (RFC 4291 section 2.5), which no IPv4 network allows.
        (0, 0, 0, 0, 0, 0) if g == 0 && h <= 1 => None,
        (0, 0, 0, 0, 0, 0 | 0xFFFF) | (0, 0, 0, 0, 0xFFFF, 0) | (0x64, 0xFF9B, 0, 0, 0, 0) => of(g, h),
        (0x2002, high, low, ..) => of(high, low),
        _ => None,
    }
}

/// Not of the public internet (the special-purpose registries of IANA, RFC 6890): loopback, private, link-local, shared (carriers' NAT),
/// multicast, broadcast, for documentation, for benchmarks, and what is not assigned.
fn is_reserved(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_reserved_v4(ip),
        IpAddr::V6(ip) => is_reserved_v6(ip),
    }
}

fn is_reserved_v4(ip: Ipv4Addr) -> bool {
    match ip.octets() {
        [0 | 10 | 127 | 224.., ..] | [169, 254, ..] | [192, 168, ..] => true,
        [100, b, ..] => b & 0xC0 == 64,
        [172, b, ..] => b & 0xF0 == 16,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        [198, b, ..] => b & 0xFE == 18,
        _ => false,
    }
}

fn is_reserved_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Teredo (which leads to IPv4), benchmarks, ORCHID and the rest of the block for protocols; documentation.
        [0x2001, b, ..] => b < 0x0200 || b == 0x0DB8,
        // 6to4: nobody should use it any more (RFC 7526), and it leads to IPv4.
        [0x2002, ..] => true,
        [0x3FFF, b, ..] => b < 0x1000,
        // All else that is assigned is in 2000::/3: no loopback, no ULA, no link-local, no multicast, no NAT64.
        [a, ..] => a & 0xE000 != 0x2000,
    }
}

#[cfg(test)]
mod tests;
