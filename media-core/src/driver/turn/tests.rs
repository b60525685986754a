//! The relay over loopback sockets, used by the TURN client of another hand.

mod caller;
mod cost;
mod hostile;

use super::*;
use crate::driver::testing::wait_for;
use crate::turn::Refused;
use caller::{Caller, Kind, certificate};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A media engine and its relay on loopback.
struct House {
    ip: IpAddr,
    driver: DriverConfig,
    engine: MediaEngine,
    turn: TurnService,
    trusted: Arc<rustls::ClientConfig>,
}

impl House {
    fn new(change: impl FnOnce(&mut TurnConfig)) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), change)
    }

    fn at(ip: IpAddr, change: impl FnOnce(&mut TurnConfig)) -> Self {
        let driver = DriverConfig { bind: vec![ip], port: 0, seed: Some(1), ..DriverConfig::default() };
        let engine = MediaEngine::start(&driver, Arc::new(|_| ())).unwrap();
        let (tls, trusted) = certificate();
        let relay_ports = 0..=0;
        let mut config = TurnConfig { port: 0, tls_port: Some(0), relay_ports, ..TurnConfig::default() };
        change(&mut config);
        let turn = TurnService::start(&config, &driver, &engine, Some(tls)).unwrap();
        Self { ip, driver, engine, turn, trusted }
    }

    /// Where a kind of client connects to.
    fn address(&self, kind: Kind) -> SocketAddr {
        let (scheme, transport) = match kind {
            Kind::Udp => ("turn:", "udp"),
            Kind::Tcp => ("turn:", "tcp"),
            Kind::Tls => ("turns:", "tcp"),
        };
        let urls = self.turn.urls();
        let url = urls.iter().find(|url| url.starts_with(scheme) && url.ends_with(transport)).unwrap();
        let port = url.split('?').next().and_then(|at| at.rsplit(':').next()).unwrap().parse().unwrap();
        SocketAddr::new(self.ip, port)
    }

    /// A client with credentials as a participant gets them.
    fn caller(&self, kind: Kind, user: &str) -> Caller {
        let credential = self.turn.credential(user);
        Caller::new(kind, self.address(kind), &self.trusted, &credential.username, &credential.password)
    }

    fn refusals(&self, why: Refused) -> u64 {
        self.turn.counters().refusals(why)
    }
}

fn loopback() -> Vec<crate::turn::Network> {
    vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]
}

#[test]
fn every_kind_of_client_relays_both_ways() {
    relays_both_ways(Ipv4Addr::LOCALHOST.into());
}

#[test]
fn every_kind_of_client_relays_both_ways_over_ipv6() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("this machine has no IPv6: passed over");
        return;
    }
    relays_both_ways(Ipv6Addr::LOCALHOST.into());
}

fn relays_both_ways(ip: IpAddr) {
    let house = House::at(ip, |config| config.allow = loopback());
    let peer = UdpSocket::bind((ip, 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for kind in [Kind::Udp, Kind::Tcp, Kind::Tls] {
        let mut caller = house.caller(kind, "p1");
        let relayed = caller.allocate().unwrap();
        assert!(caller.permit(peer.local_addr().unwrap()));
        // By indications, then by a channel.
        for by_channel in [false, true] {
            if by_channel {
                assert!(caller.bind(peer.local_addr().unwrap()));
            }
            for len in [4, 1_200] {
                let payload = vec![len as u8; len];
                caller.send(peer.local_addr().unwrap(), &payload);
                let mut space = [0; 2_000];
                let (got, from) = peer.recv_from(&mut space).unwrap();
                assert_eq!((&space[..got], from), (&payload[..], relayed), "{kind:?}");
                peer.send_to(&payload, relayed).unwrap();
                assert_eq!(caller.receive(), (peer.local_addr().unwrap(), payload), "{kind:?}");
            }
        }
    }
    wait_for("the counts", || house.turn.counters().bytes_to_clients == 3 * 2 * 1_204);
    assert_eq!(house.turn.counters().allocated, 3);
}

#[test]
fn the_way_to_our_own_media_is_open_and_no_other_is() {
    let house = House::new(|_| {});
    let media = house.engine.addresses().iter().find(|address| !address.tcp).unwrap().public;
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut caller = house.caller(Kind::Udp, "p1");
    caller.allocate().unwrap();
    assert!(caller.permit(media));
    caller.send(media, b"nothing that media knows");
    wait_for("the packet", || house.engine.worker_stats()[0].packets_in == 1);
    assert!(!caller.bind(elsewhere.local_addr().unwrap()));
    caller.send(elsewhere.local_addr().unwrap(), b"x");
    wait_for("the refusal", || house.refusals(Refused::Peer) == 2);
    assert!(!caller.permit("10.0.0.1:1".parse().unwrap()));
}

#[test]
fn an_address_that_is_new_is_listened_at_and_what_is_there_stays() {
    let house = House::new(|config| config.allow = loopback());
    let mut caller = house.caller(Kind::Udp, "p1");
    caller.allocate().unwrap();
    let before = house.turn.urls();
    // The machine gets 127.0.0.2 as well, which is ours in any case.
    let both = vec![house.ip, "127.0.0.2".parse().unwrap()];
    let driver = DriverConfig { bind: both, ..house.driver.clone() };
    house.turn.refresh_addresses(&driver, &house.engine).unwrap();
    let old = house.address(Kind::Udp);
    for kind in [Kind::Udp, Kind::Tcp, Kind::Tls] {
        let at = SocketAddr::new("127.0.0.2".parse().unwrap(), house.address(kind).port());
        let credential = house.turn.credential("p2");
        if kind == Kind::Udp {
            wait_for("the new socket", || UdpSocket::bind(at).is_err());
        }
        let mut other = Caller::new(kind, at, &house.trusted, &credential.username, &credential.password);
        assert!(other.allocate().is_some(), "{kind:?} at {at}");
    }
    assert_eq!(house.address(Kind::Udp), old);
    assert_eq!(house.turn.urls(), before, "one address of a family is told");
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(caller.permit(peer.local_addr().unwrap()), "the allocation stays");
}

#[test]
fn clients_are_told_few_addresses() {
    let offered = |public: &str| Offered { public: public.parse().unwrap(), local: public.parse().unwrap() };
    let many = ["198.51.100.7", "198.51.100.8", "2001:db8::7", "2001:db8::8"].map(offered);
    let config = TurnConfig::default();
    assert_eq!(
        urls(&config, &many, 3_478, Some((5_349, "turn.example.org"))),
        [
            "turn:198.51.100.7:3478?transport=udp",
            "turn:[2001:db8::7]:3478?transport=udp",
            "turn:198.51.100.7:3478?transport=tcp",
            "turn:[2001:db8::7]:3478?transport=tcp",
            "turns:turn.example.org:5349?transport=tcp",
        ]
    );
    let config = TurnConfig { host: Some("turn.example.org".to_owned()), tcp: false, ..config };
    assert_eq!(urls(&config, &many, 3_478, None), ["turn:turn.example.org:3478?transport=udp"]);
    let config = TurnConfig { host: Some("2001:db8::7".to_owned()), udp: false, ..config };
    assert_eq!(
        urls(&config, &many, 3_478, Some((5_349, "turn.example.org"))),
        ["turns:[2001:db8::7]:5349?transport=tcp"]
    );
}

#[test]
fn an_address_that_could_not_be_bound_is_tried_again() {
    let house = House::new(|config| config.allow = loopback());
    let new: IpAddr = "127.0.0.3".parse().unwrap();
    let at = SocketAddr::new(new, house.address(Kind::Udp).port());
    let stranger = UdpSocket::bind(at).unwrap();
    let driver = DriverConfig { bind: vec![house.ip, new], ..house.driver.clone() };
    let look = || house.turn.refresh_addresses(&driver, &house.engine).unwrap();
    look();
    wait_for("the refusal", || house.turn.shared.lacks_address.load(Ordering::Acquire));
    look();
    drop(stranger);
    wait_for("the new socket", || {
        look();
        !house.turn.shared.lacks_address.load(Ordering::Acquire)
    });
    let credential = house.turn.credential("p1");
    let mut caller = Caller::new(Kind::Udp, at, &house.trusted, &credential.username, &credential.password);
    assert!(caller.allocate().is_some());
}
