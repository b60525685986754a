use super::*;
use proptest::prelude::*;

/// Every address that a client must not make the server send to. The IPv4 ones are also tried in each form that carries them in IPv6.
const INSIDE: &str = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255 \
    192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 \
    255.255.255.255";

const INSIDE_V6: &str = ":: ::1 fe80::1 febf::1 fc00::1 fdff::1 ff02::1 2001:db8::1 2001::1 2001:2::1 2001:10::1 2001:20::1 3fff::1 \
    64:ff9b:1::1 100::1 2002:808:808:: 64:ff9b::808:808 ::ffff:8.8.8.8 ::8.8.8.8 5f00::1 fec0::1";

const OUTSIDE: &str = "8.8.8.8 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255 2a00::1 2606::1";

fn to_internet() -> PeerPolicy {
    PeerPolicy { public_peers: true, ..PeerPolicy::default() }
}

fn networks(text: &str) -> Vec<Network> {
    text.split_whitespace().map(|network| network.parse().unwrap()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The ways to write an IPv4 address in IPv6.
fn disguises(ip: Ipv4Addr) -> [Ipv6Addr; 5] {
    let v4 = u128::from(u32::from(ip));
    [v4 | 0xFFFF << 32, v4, v4 | 0x0064_FF9B << 96, v4 << 80 | 0x2002 << 112, v4 | 0xFFFF << 48].map(Ipv6Addr::from)
}

#[test]
fn by_default_nobody_is_relayed_to() {
    for address in [INSIDE, INSIDE_V6, OUTSIDE].iter().flat_map(|list| list.split_whitespace()) {
        assert!(!PeerPolicy::default().permits(ip(address)), "{address}");
    }
}

#[test]
fn no_inner_address_is_reached_however_it_is_written() {
    let policy = to_internet();
    for address in INSIDE.split_whitespace().chain(INSIDE_V6.split_whitespace()) {
        assert!(!policy.permits(ip(address)), "{address}");
        if let IpAddr::V4(v4) = ip(address) {
            for disguised in disguises(v4) {
                assert!(!policy.permits(disguised.into()), "{address} as {disguised}");
            }
        }
    }
    for address in OUTSIDE.split_whitespace() {
        assert!(policy.permits(ip(address)), "{address}");
    }
}

#[test]
fn the_loopback_of_ipv6_is_an_address_of_its_own() {
    let policy = PeerPolicy { allow: networks("::1/128"), ..PeerPolicy::default() };
    assert!(policy.permits(ip("::1")));
    assert!(!policy.permits(ip("::2")) && !policy.permits(ip("127.0.0.1")) && !policy.permits(ip("::127.0.0.1")));
}

#[test]
fn an_allowed_disguise_does_not_open_what_it_hides() {
    let policy = PeerPolicy { allow: networks("64:ff9b::/96"), public_peers: true, ..PeerPolicy::default() };
    assert!(policy.permits(ip("64:ff9b::808:808")));
    assert!(!policy.permits(ip("64:ff9b::7f00:1")));
}

#[test]
fn the_operators_word_comes_first() {
    let policy = PeerPolicy {
        allow: networks("10.1.0.0/16 fd00::/8"),
        deny: networks("10.1.2.0/24 8.8.8.8"),
        public_peers: true,
        hosts: vec![ip("9.9.9.9")],
        ..PeerPolicy::default()
    };
    for (address, allowed) in [
        ("10.1.1.1", true),
        ("fd12::1", true),
        ("10.1.2.1", false),
        ("10.2.0.1", false),
        ("8.8.8.8", false),
        ("8.8.4.4", true),
        ("9.9.9.9", false),
    ] {
        assert_eq!(policy.permits(ip(address)), allowed, "{address}");
    }
}

#[test]
fn our_own_media_is_reached_at_its_ports_and_nothing_else_there() {
    let mut policy = PeerPolicy { deny: networks("0.0.0.0/0"), ..PeerPolicy::default() };
    policy.set_own(&[OwnAddress { public: at("198.51.100.7:20000"), local: at("10.0.0.5:20000") }]);
    assert!(policy.permits(ip("198.51.100.7")) && policy.permits(ip("10.0.0.5")));
    assert_eq!(policy.way(at("198.51.100.7:20000")), Some(at("10.0.0.5:20000")), "without a detour over the NAT");
    assert_eq!(policy.way(at("10.0.0.5:20000")), Some(at("10.0.0.5:20000")));
    assert_eq!(policy.known_as(at("10.0.0.5:20000")), at("198.51.100.7:20000"));
    for elsewhere in ["198.51.100.7:53", "10.0.0.5:22", "10.0.0.5:0", "[::ffff:10.0.0.5]:20000"] {
        assert_eq!(policy.way(at(elsewhere)), None, "{elsewhere}");
    }
}

#[test]
fn networks_are_read_and_mistakes_named() {
    for (network, inside, outside) in [
        ("0.0.0.0/0", "255.1.1.1", "::1"),
        ("10.0.0.0/9", "10.127.0.1", "10.128.0.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("::/0", "ff02::1", "1.1.1.1"),
        ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
    ] {
        let network: Network = network.parse().unwrap();
        assert!(network.contains(ip(inside)) && !network.contains(ip(outside)), "{network}");
    }
    for bad in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "localhost", "10.0.0.0/8/8"] {
        assert!(bad.parse::<Network>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_disguise_is_never_more_than_the_address_itself(address in any::<u32>()) {
        let (policy, v4) = (to_internet(), Ipv4Addr::from(address));
        for disguised in disguises(v4) {
            prop_assert!(!policy.permits(disguised.into()) || policy.permits(v4.into()));
        }
    }
}
