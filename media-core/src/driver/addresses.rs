//! Which addresses clients are offered.

use super::config::{DriverConfig, StartError};
use super::finding::{Finding, Severity};
use crate::api::AdvertisedAddress;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// An address that an interface of this machine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalAddress {
    pub(super) ip: IpAddr,
    /// The interface has a carrier.
    pub(super) up: bool,
}

/// An address that is offered, and the one of ours that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) public: IpAddr,
    pub(super) local: IpAddr,
}

/// What is offered, and what there is to say about it.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) offered: Vec<Offered>,
    pub(super) findings: Vec<Finding>,
}

/// The addresses of this machine.
pub(super) fn local_addresses() -> Result<Vec<LocalAddress>, StartError> {
    let interfaces = if_addrs::get_if_addrs().map_err(StartError::Interfaces)?;
    Ok(interfaces.into_iter().map(|i| LocalAddress { ip: i.ip(), up: i.is_oper_up() }).collect())
}

/// The address of ours from which the kernel would go to another. Nothing is sent.
pub(super) fn route_to(ip: IpAddr) -> Option<IpAddr> {
    let any = if ip.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).ok()?;
    // Any port but 0 will do: the discard service's.
    socket.connect((ip, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Chooses what to offer. `route` tells the address of ours from which the kernel would go to another.
pub(super) fn choose(
    config: &DriverConfig,
    locals: &[LocalAddress],
    route: impl Fn(IpAddr) -> Option<IpAddr>,
) -> Choice {
    let mut choice = Choice::default();
    let bound = bound_addresses(config, locals);
    let usable = usable(config, &bound);
    if config.advertise.is_empty() {
        choice.offered = usable.iter().map(|ip| Offered { public: *ip, local: *ip }).collect();
    } else {
        for public in &config.advertise {
            match stand_in(*public, &bound, &usable, &route) {
                Ok(local) => choice.offered.push(Offered { public: *public, local }),
                Err(why) => choice.findings.push(Finding::new(
                    Severity::Error,
                    format!("the advertised address {public} {why}; it is not offered"),
                )),
            }
        }
        if config.include_loopback {
            let loopback = usable.iter().filter(|ip| ip.is_loopback());
            choice.offered.extend(loopback.map(|ip| Offered { public: *ip, local: *ip }));
        }
    }
    choice.offered = without_repeats(choice.offered);
    judge(config, &mut choice);
    choice
}

/// What a worker offers at its port.
pub(super) fn candidates(offered: &[Offered], port: u16, tcp: bool) -> Vec<AdvertisedAddress> {
    let kinds = if tcp { &[false, true][..] } else { &[false] };
    kinds
        .iter()
        .flat_map(|tcp| {
            offered.iter().map(|offered| AdvertisedAddress {
                public: SocketAddr::new(offered.public, port),
                local: SocketAddr::new(offered.local, port),
                tcp: *tcp,
            })
        })
        .collect()
}

/// The addresses that the sockets are bound to, wildcards spelled out.
fn bound_addresses(config: &DriverConfig, locals: &[LocalAddress]) -> Vec<IpAddr> {
    let up = || locals.iter().filter(|local| local.up).map(|local| local.ip);
    let (bind, _) = config.bind_addresses();
    bind.into_iter()
        .flat_map(|ip| -> Vec<IpAddr> {
            if ip.is_unspecified() { up().filter(|local| local.is_ipv4() == ip.is_ipv4()).collect() } else { vec![ip] }
        })
        .collect()
}

/// Those of the bound addresses that a client may reach. Loopback is among them when it is asked for, by name or by option, or
/// when there is nothing else: then clients on this machine are the only ones there can be.
fn usable(config: &DriverConfig, bound: &[IpAddr]) -> Vec<IpAddr> {
    let reachable = |ip: &&IpAddr| !is_link_local(**ip);
    let wanted = |ip: &&IpAddr| !ip.is_loopback() || config.include_loopback || config.bind.contains(ip);
    let chosen: Vec<IpAddr> = bound.iter().filter(reachable).filter(wanted).copied().collect();
    if chosen.is_empty() { bound.iter().filter(|ip| ip.is_loopback()).copied().collect() } else { chosen }
}

/// The local address that an advertised one stands for, or why there is none.
fn stand_in(
    public: IpAddr,
    bound: &[IpAddr],
    usable: &[IpAddr],
    route: impl Fn(IpAddr) -> Option<IpAddr>,
) -> Result<IpAddr, &'static str> {
    if public.is_unspecified() {
        return Err("means every address, which no client can connect to");
    }
    if public.is_multicast() || public == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err("is of a group, not of this server");
    }
    if bound.contains(&public) {
        return Ok(public);
    }
    let of_family = |ip: &IpAddr| ip.is_ipv4() == public.is_ipv4();
    route(public)
        .filter(|ip| usable.contains(ip))
        .or_else(|| usable.iter().copied().find(of_family))
        .ok_or("has no address of this machine and of its family behind it")
}

fn without_repeats(offered: Vec<Offered>) -> Vec<Offered> {
    let mut kept: Vec<Offered> = Vec::with_capacity(offered.len());
    for one in offered {
        if kept.iter().all(|other| other.public != one.public) {
            kept.push(one);
        }
    }
    kept
}

fn judge(config: &DriverConfig, choice: &mut Choice) {
    let offered = &choice.offered;
    let finding = if offered.is_empty() {
        Finding::new(
            Severity::Error,
            "there is no address to offer to clients: connect the machine to a network, or correct the bound and advertised \
             addresses",
        )
    } else if offered.iter().all(|o| o.public.is_loopback()) {
        Finding::new(
            Severity::Warning,
            "only clients on this machine can connect: no other address than loopback is offered",
        )
    } else if config.advertise.is_empty() && offered.iter().all(|o| is_private(o.public)) {
        Finding::new(
            Severity::Note,
            "every offered address is a private one: for clients beyond this network, advertise the public address that leads \
             here",
        )
    } else {
        return;
    };
    choice.findings.push(finding);
}

/// Reachable on the same link only; browsers leave such candidates alone.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Not routed on the internet: RFC 1918, RFC 6598 (carriers' NAT), RFC 4193, loopback and link-local.
fn is_private(ip: IpAddr) -> bool {
    let carrier = |ip: Ipv4Addr| ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64;
    ip.is_loopback()
        || is_link_local(ip)
        || match ip {
            IpAddr::V4(ip) => ip.is_private() || carrier(ip),
            IpAddr::V6(ip) => ip.is_unique_local(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "127.0.0.1 ::1 10.0.0.5 172.17.0.1 -192.168.9.9 169.254.3.3 fe80::1 2001:db8::5";

    fn ips(text: &str) -> Vec<IpAddr> {
        text.split_whitespace().map(|ip| ip.parse().unwrap()).collect()
    }

    /// The machine's addresses; a minus marks an interface that is down.
    fn machine(text: &str) -> Vec<LocalAddress> {
        text.split_whitespace()
            .map(|ip| LocalAddress { ip: ip.trim_start_matches('-').parse().unwrap(), up: !ip.starts_with('-') })
            .collect()
    }

    /// What is offered, as `public` or `public=local`, and the severities of what is found.
    fn offered(machine_has: &str, bind: &str, advertise: &str, include_loopback: bool) -> (String, Vec<Severity>) {
        let config =
            DriverConfig { bind: ips(bind), advertise: ips(advertise), include_loopback, ..DriverConfig::default() };
        let choice = choose(&config, &machine(machine_has), |ip| ip.is_ipv4().then(|| "172.17.0.1".parse().unwrap()));
        let show = |o: &Offered| {
            if o.public == o.local { o.public.to_string() } else { format!("{}={}", o.public, o.local) }
        };
        let text = choice.offered.iter().map(show).collect::<Vec<_>>().join(" ");
        (text, choice.findings.iter().map(|finding| finding.severity).collect())
    }

    #[test]
    fn the_choice_of_addresses() {
        use Severity::{Error, Note, Warning};
        type Row = (&'static str, &'static str, &'static str, bool, &'static str, &'static [Severity]);
        let table: [Row; 14] = [
            // Everything that is up, not loopback, and reaches further than the link; bridges stay.
            (MACHINE, "", "", false, "10.0.0.5 172.17.0.1 2001:db8::5", &[]),
            (MACHINE, "", "", true, "127.0.0.1 10.0.0.5 172.17.0.1 ::1 2001:db8::5", &[]),
            (MACHINE, "0.0.0.0", "", false, "10.0.0.5 172.17.0.1", &[Note]),
            (MACHINE, "10.0.0.5", "", false, "10.0.0.5", &[Note]),
            // Loopback by name.
            (MACHINE, "127.0.0.2", "", false, "127.0.0.2", &[Warning]),
            // A machine without a network serves itself.
            ("127.0.0.1 ::1", "", "", false, "127.0.0.1 ::1", &[Warning]),
            ("-10.0.0.5", "", "", false, "", &[Error]),
            // 1:1 NAT: the address that the kernel would take stands behind it; else the first of the family.
            (MACHINE, "", "203.0.113.9", false, "203.0.113.9=172.17.0.1", &[]),
            (MACHINE, "10.0.0.5", "203.0.113.9", false, "203.0.113.9=10.0.0.5", &[]),
            (MACHINE, "", "2001:db8::99", false, "2001:db8::99=2001:db8::5", &[]),
            (MACHINE, "", "203.0.113.9", true, "203.0.113.9=172.17.0.1 127.0.0.1 ::1", &[]),
            // A choice among our own, once each.
            (MACHINE, "", "10.0.0.5 10.0.0.5", false, "10.0.0.5", &[]),
            // What cannot be.
            (MACHINE, "", "0.0.0.0 224.0.0.1 10.0.0.5", false, "10.0.0.5", &[Error, Error]),
            (MACHINE, "10.0.0.5", "2001:db8::99", false, "", &[Error, Error]),
        ];
        for (machine, bind, advertise, loopback, expected, findings) in table {
            let got = offered(machine, bind, advertise, loopback);
            assert_eq!(got, (expected.to_owned(), findings.to_vec()), "{bind:?} {advertise:?} {loopback}");
        }
    }

    #[test]
    fn candidates_are_udp_first_then_tcp() {
        let offered = [Offered { public: "203.0.113.9".parse().unwrap(), local: "10.0.0.5".parse().unwrap() }];
        let udp = AdvertisedAddress::udp("10.0.0.5:7000".parse().unwrap()).behind(offered[0].public);
        assert_eq!(candidates(&offered, 7_000, false), [udp]);
        assert_eq!(candidates(&offered, 7_000, true), [udp, AdvertisedAddress { tcp: true, ..udp }]);
    }

    #[test]
    fn this_machine_has_loopback() {
        assert!(local_addresses().unwrap().iter().any(|local| local.up && local.ip.is_loopback()));
        assert_eq!(route_to("127.0.0.1".parse().unwrap()), Some("127.0.0.1".parse().unwrap()));
    }
}
