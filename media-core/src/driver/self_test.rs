//! Looks, before the media engine starts, whether clients will be able to reach it.

use super::addresses::{self, Offered};
use super::bind::{Sockets, bind, short_buffers};
use super::config::DriverConfig;
use super::finding::{Finding, Severity};
use super::isolation::try_out;
use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long a datagram to ourselves may take.
const PROBE_WAIT: Duration = Duration::from_millis(200);

/// What a probe says, so that nothing else is taken for it.
const PROBE: &[u8] = b"colloquy self-test";

/// Tells which addresses clients will be offered and what stands in their way. Binds the ports for a moment, so run it before
/// [`MediaEngine::start`](super::MediaEngine::start), not beside it. Takes a few milliseconds; 200 more for each address that does
/// not answer.
#[must_use]
pub fn self_test(config: &DriverConfig) -> Vec<Finding> {
    let error = |e: &dyn fmt::Display| vec![Finding::new(Severity::Error, e.to_string())];
    let (ports, locals) = match (config.ports(), addresses::local_addresses()) {
        (Ok(ports), Ok(locals)) => (ports, locals),
        (Err(e), _) | (_, Err(e)) => return error(&e),
    };
    let choice = addresses::choose(config, &locals, addresses::route_to);
    let mut findings = Vec::from_iter(offers(config, &choice.offered, &ports));
    findings.extend(isolation(config));
    findings.extend(choice.findings);
    // All are held until the end, as they will be in earnest.
    let mut bound = Vec::new();
    for port in ports {
        match bind(config, port) {
            Ok(sockets) => bound.push(sockets),
            Err(e) => {
                findings.extend(error(&e));
                return findings;
            }
        }
    }
    // Workers on one port share what arrives by its source: the probe would have to look at all of them, so one is left.
    bound.truncate(1);
    if let Some(sockets) = bound.first_mut() {
        findings.extend(short_buffers(sockets).map(|text| Finding::new(Severity::Warning, text)));
        findings.extend(choice.offered.iter().filter_map(|offered| probe(sockets, offered)));
    }
    findings
}

fn offers(config: &DriverConfig, offered: &[Offered], ports: &[u16]) -> Option<Finding> {
    let (first, last) = (ports.first()?, ports.last()?);
    let port = if first == last { first.to_string() } else { format!("{first}-{last}") };
    let shown: Vec<String> = offered
        .iter()
        .map(|o| {
            let public =
                if o.public.is_ipv6() { format!("[{}]:{port}", o.public) } else { format!("{}:{port}", o.public) };
            if o.public == o.local { public } else { format!("{public} (here {})", o.local) }
        })
        .collect();
    let by = if config.tcp { "UDP, and TCP where UDP is blocked" } else { "UDP" };
    let text = format!("clients are offered {} by {by}", shown.join(", "));
    (!shown.is_empty()).then(|| Finding::new(Severity::Note, text))
}

/// Whether a fault in a codec will end the server.
fn isolation(config: &DriverConfig) -> Option<Finding> {
    let error = config.isolation.as_ref().and_then(|isolation| try_out(isolation).err())?;
    let text = format!("mixers cannot have processes of their own, so a fault in a codec ends the server: {error}");
    Some(Finding::new(Severity::Warning, text))
}

/// Sends a datagram to one of our own addresses and sees that it arrives.
fn probe(sockets: &mut Sockets, offered: &Offered) -> Option<Finding> {
    let target = SocketAddr::new(offered.local, sockets.port);
    let arrived = UdpSocket::bind(SocketAddr::new(offered.local, 0)).and_then(|from| {
        from.send_to(PROBE, target)?;
        let source = from.local_addr()?;
        let end = Instant::now() + PROBE_WAIT;
        let mut arrived = false;
        while !arrived && Instant::now() < end {
            for socket in &mut sockets.udp {
                socket.recv_batch(|path, bytes| {
                    arrived |= path.remote == source && path.local == target && bytes == PROBE;
                })?;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(arrived)
    });
    let why = match arrived {
        Ok(true) => return None,
        Ok(false) => "did not arrive: a firewall on this machine may stand in its way".to_owned(),
        Err(e) => format!("could not be sent: {e}"),
    };
    Some(Finding::new(Severity::Warning, format!("a datagram from this machine to its own {target} {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> DriverConfig {
        DriverConfig { bind: vec!["127.0.0.1".parse().unwrap()], port: 0, ..DriverConfig::default() }
    }

    #[test]
    fn a_loopback_server_reaches_itself_and_says_that_others_do_not() {
        let findings = self_test(&loopback());
        assert!(findings[0].text.contains("127.0.0.1"), "{findings:?}");
        assert!(
            findings.iter().any(|f| f.severity == Severity::Warning && f.text.contains("only clients on this machine"))
        );
        assert!(findings.iter().all(|f| f.severity < Severity::Error && !f.text.contains("arrive")), "{findings:?}");
    }

    #[test]
    fn mixers_that_can_have_no_processes_are_told_of() {
        let program = "/nowhere/colloquy".into();
        let isolation = Some(super::super::Isolation { program, args: Vec::new(), memory_bytes: 1 << 30 });
        let findings = self_test(&DriverConfig { isolation, ..loopback() });
        let told = |f: &Finding| f.severity == Severity::Warning && f.text.contains("a fault in a codec");
        assert!(findings.iter().any(told), "{findings:?}");
    }

    #[test]
    fn a_port_in_use_is_named_with_the_remedy() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let findings = self_test(&DriverConfig { port: addr.port(), ..loopback() });
        let last = findings.last().unwrap();
        assert_eq!(last.severity, Severity::Error);
        assert!(last.text.contains(&addr.to_string()) && last.text.contains("ss -lunpt"), "{last}");
    }

    #[test]
    fn impossible_settings_are_refused_in_words() {
        for config in [
            DriverConfig { workers: 0, ..loopback() },
            DriverConfig { workers: 27, ..loopback() },
            DriverConfig { workers: 2, port: 65_535, ..loopback() },
            DriverConfig { bind: vec!["203.0.113.77".parse().unwrap()], ..loopback() },
        ] {
            let findings = self_test(&config);
            assert_eq!(findings.last().unwrap().severity, Severity::Error, "{findings:?}");
        }
    }
}
