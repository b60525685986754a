//! The sockets of the relay: one of each kind at every address that media is offered at.

use super::config::TurnConfig;
use crate::driver::addresses::Offered;
use crate::driver::bind;
use crate::driver::config::StartError;
use crate::turn::{FlowKind, NoRelay};
use mio::net::{TcpListener, UdpSocket};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Kernel buffers of a socket that clients send to: a burst of some hundred packets of many clients.
const CLIENT_BUFFER_BYTES: usize = 1024 * 1024;

/// Kernel buffers of a relayed address: a key frame.
const RELAY_BUFFER_BYTES: usize = 256 * 1024;

/// Ports tried for a relayed address, from a random one on.
const PORT_ATTEMPTS: u16 = 256;

/// What clients come to.
#[derive(Debug, Default)]
pub(super) struct Listening {
    pub(super) udp: Vec<(SocketAddr, UdpSocket)>,
    pub(super) streams: Vec<(FlowKind, TcpListener)>,
    /// The ports, which differ from the asked ones where any would do.
    pub(super) port: u16,
    pub(super) tls_port: Option<u16>,
}

/// Binds all that is asked for; port 0 is any that is free at all addresses.
pub(super) fn listen(config: &TurnConfig, offered: &[Offered], tls: bool) -> Result<Listening, StartError> {
    bind::at_any_port(config.port == 0, || {
        let mut listening = Listening { port: config.port, ..Listening::default() };
        for local in locals(offered) {
            listen_at(&mut listening, config, local, tls)?;
        }
        Ok(listening)
    })
}

/// Binds all that is asked for at one address, at the ports of those before it.
pub(super) fn listen_at(
    listening: &mut Listening,
    config: &TurnConfig,
    local: IpAddr,
    tls: bool,
) -> Result<(), StartError> {
    let mut address = SocketAddr::new(local, listening.port);
    if config.udp {
        let socket = udp(address, CLIENT_BUFFER_BYTES).map_err(|e| bind::refusal(e, "UDP", address))?;
        address = socket.local_addr().map_err(|e| bind::refusal(e, "UDP", address))?;
        listening.udp.push((address, socket));
    }
    if config.tcp {
        let listener = bind::listen(address, false).map_err(|e| bind::refusal(e, "TCP", address))?;
        address = listener.local_addr().map_err(|e| bind::refusal(e, "TCP", address))?;
        listening.streams.push((FlowKind::Tcp, listener));
    }
    listening.port = address.port();
    let Some(tls_port) = config.tls_port.filter(|_| tls) else { return Ok(()) };
    let address = SocketAddr::new(local, listening.tls_port.unwrap_or(tls_port));
    let listener = bind::listen(address, false).map_err(|e| bind::refusal(e, "TCP", address))?;
    listening.tls_port = listener.local_addr().ok().map(|address| address.port());
    listening.streams.push((FlowKind::Tls, listener));
    Ok(())
}

/// A socket for a relayed address, and the address that peers know it by.
pub(super) fn relay(
    offered: &[Offered],
    client: SocketAddr,
    is_ipv4: bool,
    config: &TurnConfig,
) -> Result<(UdpSocket, SocketAddr), NoRelay> {
    let at = beside(offered, client, is_ipv4).ok_or(NoRelay::Family)?;
    let (first, last) = (*config.relay_ports.start(), *config.relay_ports.end());
    let count = last.saturating_sub(first).saturating_add(1);
    let start = rand::random_range(0..count);
    for attempt in 0..count.min(PORT_ATTEMPTS) {
        // A port that cannot be guessed, as RFC 8656 section 7.2 wants it.
        let port = first.saturating_add(((u32::from(start) + u32::from(attempt)) % u32::from(count)) as u16);
        match udp(SocketAddr::new(at.local, port), RELAY_BUFFER_BYTES) {
            Ok(socket) => {
                let port = socket.local_addr().map_or(port, |address| address.port());
                return Ok((socket, SocketAddr::new(at.public, port)));
            }
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                tracing::warn!(%error, "no socket for a relayed address");
                return Err(NoRelay::Capacity);
            }
        }
    }
    Err(NoRelay::Capacity)
}

/// The address that relays for a client: the one he came to, or another of the family, one that is reached from elsewhere first.
fn beside(offered: &[Offered], client: SocketAddr, is_ipv4: bool) -> Option<Offered> {
    let of_family = || offered.iter().filter(|one| one.local.is_ipv4() == is_ipv4);
    let same = of_family().find(|one| one.local == client.ip() && !one.local.is_loopback());
    same.or_else(|| of_family().find(|one| !one.local.is_loopback())).or_else(|| of_family().next()).copied()
}

/// Our addresses, each once.
pub(super) fn locals(offered: &[Offered]) -> Vec<IpAddr> {
    let mut locals: Vec<_> = offered.iter().map(|one| one.local).collect();
    locals.sort_unstable();
    locals.dedup();
    locals
}

/// A socket of its own at an address.
pub(in crate::driver) fn udp(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // An IPv4 address in disguise must not get out.
        socket.set_only_v6(true)?;
    }
    // As much as the kernel allows: it says nothing when it gives less.
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    let _ = socket.set_send_buffer_size(buffer_bytes);
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}
