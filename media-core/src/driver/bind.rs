//! Binds what a worker listens on: UDP and TCP of the same port, at each address.

use super::config::{DriverConfig, StartError};
use super::socket::{SocketOptions, UdpSocket};
use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 128;

/// Ports tried when any will do: one that is free for UDP may be taken for TCP.
const PORT_ATTEMPTS: usize = 16;

/// What a worker listens on.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) listeners: Vec<TcpListener>,
    pub(super) port: u16,
}

/// Binds every address of the configuration at `port`; 0 is any port that is free at all of them.
pub(super) fn bind(config: &DriverConfig, port: u16) -> Result<Sockets, StartError> {
    at_any_port(port == 0, || bind_once(config, port))
}

/// Binds what wants one port for UDP and TCP; where any will do, again when another had it for one of the two.
pub(super) fn at_any_port<T>(any: bool, bind: impl Fn() -> Result<T, StartError>) -> Result<T, StartError> {
    let mut attempts = if any { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match bind() {
            Err(StartError::PortInUse { .. }) if attempts > 0 => {}
            result => return result,
        }
    }
}

fn bind_once(config: &DriverConfig, mut port: u16) -> Result<Sockets, StartError> {
    let options = SocketOptions { reuse_port: config.single_port, ..SocketOptions::default() };
    let (ips, guessed) = config.bind_addresses();
    let (mut udp, mut listeners) = (Vec::new(), Vec::new());
    for ip in ips {
        let socket = match UdpSocket::bind(SocketAddr::new(ip, port), &options) {
            Ok(socket) => socket,
            Err(e) if guessed && ip.is_ipv6() && lacks_family(&e) => continue,
            Err(e) => return Err(refusal(e, "UDP", SocketAddr::new(ip, port))),
        };
        port = socket.local_addr().port();
        udp.push(socket);
        if config.tcp {
            let address = SocketAddr::new(ip, port);
            listeners.push(listen(address, config.single_port).map_err(|e| refusal(e, "TCP", address))?);
        }
    }
    Ok(Sockets { udp, listeners, port })
}

/// What to say when the kernel gave far less buffer than was asked for.
pub(super) fn short_buffers(sockets: &Sockets) -> Option<String> {
    let wanted = SocketOptions::default().buffer_bytes;
    let (receive, send) = sockets.udp.first()?.buffers_bytes().ok()?;
    (receive.min(send) < wanted / 2).then(|| {
        format!(
            "the kernel gives {} KiB of receive and {} KiB of send buffer instead of {} KiB each, so bursts may be lost: \
             `sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted}`",
            receive / 1024,
            send / 1024,
            wanted / 1024
        )
    })
}

/// Listens for TCP at an address.
pub(super) fn listen(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of the process before linger in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn lacks_family(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

/// What a refusal of the kernel means.
pub(super) fn refusal(source: io::Error, protocol: &'static str, addr: SocketAddr) -> StartError {
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { protocol, addr },
        io::ErrorKind::PermissionDenied => StartError::Forbidden { addr },
        io::ErrorKind::AddrNotAvailable => StartError::NotOurs { ip: addr.ip() },
        _ => StartError::Bind { addr, source },
    }
}
