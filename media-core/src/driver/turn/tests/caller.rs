//! A client: the state machine of `turn-client-proto` on a blocking socket.

use super::super::TurnTls;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use turn_client_proto::api::{DelayedMessageOrChannelSend, Transmit, TurnConfig, TurnEvent, TurnRecvRet};
use turn_client_proto::client::TurnClient;
use turn_client_proto::prelude::*;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::{AddressFamily, TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

/// How the client reaches the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Udp,
    Tcp,
    Tls,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

enum Wire {
    Datagrams(UdpSocket),
    Stream(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

pub(super) struct Caller {
    wire: Wire,
    client: TurnClient,
    transport: TransportType,
    local: SocketAddr,
    server: SocketAddr,
    start: Instant,
}

/// A certificate for `localhost`, and what trusts it.
pub(super) fn certificate() -> (TurnTls, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let server = server.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (TurnTls { config: Arc::new(server), name: "localhost".to_owned() }, Arc::new(client))
}

impl Caller {
    pub(super) fn new(
        kind: Kind,
        server: SocketAddr,
        trusted: &Arc<ClientConfig>,
        username: &str,
        password: &str,
    ) -> Self {
        let mut config = TurnConfig::new(TurnCredentials::new(username, password));
        let here = if server.is_ipv6() { "[::1]:0" } else { "127.0.0.1:0" };
        if server.is_ipv6() {
            config.set_address_family(AddressFamily::IPV6);
        }
        let start = Instant::now();
        if kind == Kind::Udp {
            let socket = UdpSocket::bind(here).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let local = socket.local_addr().unwrap();
            let client = TurnClientUdp::allocate(local, server, config).into();
            return Self { wire: Wire::Datagrams(socket), client, transport: TransportType::Udp, local, server, start };
        }
        let socket = TcpStream::connect(server).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let local = socket.local_addr().unwrap();
        let client = TurnClientTcp::allocate(local, server, config).into();
        let wire = if kind == Kind::Tls {
            let name = ServerName::try_from("localhost").unwrap();
            Wire::Tls(Box::new(StreamOwned::new(ClientConnection::new(Arc::clone(trusted), name).unwrap(), socket)))
        } else {
            Wire::Stream(socket)
        };
        Self { wire, client, transport: TransportType::Tcp, local, server, start }
    }

    /// The relayed address, or `None` when it is refused.
    pub(super) fn allocate(&mut self) -> Option<SocketAddr> {
        match self.event() {
            TurnEvent::AllocationCreated(_, relayed) => Some(relayed),
            TurnEvent::AllocationCreateFailed(_) => None,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn permit(&mut self, peer: SocketAddr) -> bool {
        self.client.create_permission(TransportType::Udp, peer.ip(), self.now()).unwrap();
        matches!(self.event(), TurnEvent::PermissionCreated(..))
    }

    pub(super) fn bind(&mut self, peer: SocketAddr) -> bool {
        self.client.bind_channel(TransportType::Udp, peer, self.now()).unwrap();
        loop {
            match self.event() {
                TurnEvent::ChannelCreated(..) => return true,
                TurnEvent::ChannelCreateFailed(..) => return false,
                _ => {}
            }
        }
    }

    pub(super) fn send(&mut self, peer: SocketAddr, payload: &[u8]) {
        let built = self.client.send_to(TransportType::Udp, peer, payload.to_vec(), self.now()).unwrap();
        if let Some(built) = built {
            let bytes = DelayedMessageOrChannelSend::build(built.data);
            self.write(&bytes);
        }
        self.write_waiting();
    }

    /// What goes out for a packet to a peer whose channel is bound, and the socket that it leaves from.
    pub(super) fn over_channel(&mut self, peer: SocketAddr, payload: &[u8]) -> (UdpSocket, Vec<u8>) {
        let built = self.client.send_to(TransportType::Udp, peer, payload.to_vec(), self.now()).unwrap();
        let bytes = DelayedMessageOrChannelSend::build(built.expect("the channel is there").data);
        let Wire::Datagrams(socket) = &self.wire else { panic!("a caller over UDP") };
        (socket.try_clone().unwrap(), bytes)
    }

    /// What a peer sent.
    pub(super) fn receive(&mut self) -> (SocketAddr, Vec<u8>) {
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < end, "waited in vain for a packet");
            if let Some(received) = self.turn() {
                return received;
            }
        }
    }

    fn event(&mut self) -> TurnEvent {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.client.poll_event() {
                return event;
            }
            assert!(Instant::now() < end, "waited in vain for an answer");
            self.turn();
        }
    }

    /// Sends what is to be sent, and reads once.
    fn turn(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let _ = self.client.poll(self.now());
        self.write_waiting();
        if let Some(data) = self.client.poll_recv(self.now()) {
            return Some((data.peer, data.data().to_vec()));
        }
        let bytes = self.read()?;
        let transmit = Transmit::new(bytes, self.transport, self.server, self.local);
        match self.client.recv(transmit, self.now()) {
            TurnRecvRet::PeerData(data) => Some((data.peer, data.data().to_vec())),
            _ => None,
        }
    }

    fn write_waiting(&mut self) {
        while let Some(transmit) = self.client.poll_transmit(self.now()) {
            self.write(&transmit.data);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Datagrams(socket) => assert_eq!(socket.send_to(bytes, self.server).unwrap(), bytes.len()),
            Wire::Stream(stream) => stream.write_all(bytes).unwrap(),
            Wire::Tls(stream) => {
                stream.write_all(bytes).unwrap();
                stream.flush().unwrap();
            }
        }
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        let mut space = [0; 4_096];
        let len = match &mut self.wire {
            Wire::Datagrams(socket) => socket.recv(&mut space),
            Wire::Stream(stream) => stream.read(&mut space),
            Wire::Tls(stream) => stream.read(&mut space),
        };
        len.ok().filter(|len| *len > 0).map(|len| space[..len].to_vec())
    }

    fn now(&self) -> turn_client_proto::stun::Instant {
        turn_client_proto::stun::Instant::from_std(self.start)
    }
}
